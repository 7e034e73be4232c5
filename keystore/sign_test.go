package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/internal/testdata"
)

func scalar(t testing.TB, text string) *btcec.ModNScalar {
	t.Helper()
	s := new(btcec.ModNScalar)
	if s.SetByteSlice(unhex(t, text)) {
		t.Fatalf("%s: not below the order", text)
	}
	return s
}

func TestBIP340Vectors(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(testdata.Read(t, "vectors/bip340-test-vectors.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	signed := 0
	for _, row := range rows[1:] {
		if row[1] == "" || len(row[4]) != 64 {
			continue // nothing to sign with, or no 32-byte message, which is all that a sighash is
		}
		private := btcec.PrivKeyFromScalar(scalar(t, row[1]))
		sig, err := signSchnorrWith(private, [32]byte(unhex(t, row[4])), [32]byte(unhex(t, row[3])))
		if err != nil || !strings.EqualFold(hex.EncodeToString(sig), row[5]) {
			t.Errorf("vector %s: %x (%v), want %s", row[0], sig, err, row[5])
		}
		signed++
	}
	if signed < 4 {
		t.Errorf("%d vectors signed, want at least 4", signed)
	}
}

// The key path signatures of BIP341's wallet vectors, to the last bit.
func TestBIP341Vectors(t *testing.T) {
	var file struct {
		KeyPathSpending []struct {
			InputSpending []struct {
				Given struct {
					InternalPrivkey string
					MerkleRoot      string
				}
				Intermediary struct{ SigHash string }
				Expected     struct{ Witness []string }
			}
		}
	}
	if err := json.Unmarshal(testdata.Read(t, "vectors/bip341-wallet-test-vectors.json"), &file); err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, v := range file.KeyPathSpending[0].InputSpending {
		sig, err := signTaproot(scalar(t, v.Given.InternalPrivkey), [32]byte(unhex(t, v.Intermediary.SigHash)),
			unhex(t, v.Given.MerkleRoot))
		if want := v.Expected.Witness[0][:128]; err != nil || hex.EncodeToString(sig) != want {
			t.Errorf("%s: %x (%v), want %s", v.Given.InternalPrivkey, sig, err, want)
		}
		done++
		if v.Given.MerkleRoot != "" {
			continue
		}
		key, hash := scalar(t, v.Given.InternalPrivkey), [32]byte(unhex(t, v.Intermediary.SigHash))
		many, err := taprootSignatures([]*btcec.ModNScalar{key, key}, [][32]byte{hash, hash})
		if err != nil || !bytes.Equal(many[0].Serialize(), sig) || !bytes.Equal(many[1].Serialize(), sig) {
			t.Errorf("%s: another signature in a batch, %v", v.Given.InternalPrivkey, err)
		}
	}
	if done != 7 {
		t.Errorf("%d vectors, want 7", done)
	}
	one := new(btcec.ModNScalar).SetInt(1)
	if _, err := taprootSignatures([]*btcec.ModNScalar{one, new(btcec.ModNScalar)}, make([][32]byte, 2)); err == nil {
		t.Error("a key of 0 signed")
	}
}

func TestKeyringSigns(t *testing.T) {
	keys := mustOpen(t, mustWords(t, abandon).Seed(nil))
	path := mustPath(t, "m/86'/0'/0'/0/0")
	pub, err := keys.Public(path)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte("message"))
	root := sha256.Sum256([]byte("scripts"))
	check := func(name string, sig []byte, err error, key *btcec.PublicKey) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		parsed, err := schnorr.ParseSignature(sig)
		if err != nil || !parsed.Verify(hash[:], key) {
			t.Errorf("%s: does not verify: %v", name, err)
		}
	}
	sig, err := keys.SignSchnorr(path, hash, nil)
	check("no scripts", sig, err, txscript.ComputeTaprootKeyNoScript(pub.Key()))
	sig, err = keys.SignSchnorr(path, hash, root[:])
	check("scripts", sig, err, txscript.ComputeTaprootOutputKey(pub.Key(), root[:]))
	sig, err = keys.SignSchnorrUntweaked(path, hash)
	check("untweaked", sig, err, pub.Key())
	again, err := keys.SignSchnorrUntweaked(path, hash)
	if err != nil || !bytes.Equal(again, sig) {
		t.Error("equal arguments, other signature")
	}
	if _, err := keys.SignSchnorr(path, hash, root[:31]); err == nil {
		t.Error("merkle root of 31 bytes: accepted")
	}
	der, err := keys.SignECDSA(path, hash)
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err := ecdsa.ParseDERSignature(der); err != nil || !parsed.Verify(hash[:], pub.Key()) {
		t.Errorf("ECDSA does not verify: %v", err)
	}
	if f, err := keys.Fingerprint(); err != nil || hex.EncodeToString(f[:]) != "73c5da0a" {
		t.Errorf("fingerprint %x, want 73c5da0a", f)
	}
	if _, err := keys.Public(make(Path, 256)); err == nil {
		t.Error("path of 256 steps: accepted")
	}
}

func TestSecret(t *testing.T) {
	keys := mustOpen(t, mustWords(t, abandon).Seed(nil))
	seen := map[[32]byte]string{}
	for _, purpose := range []string{"swap", "swap1", ""} {
		for index := range uint32(3) {
			s, err := keys.Secret(purpose, index)
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprint(purpose, index)
			if other, ok := seen[s]; ok || s == [32]byte{} {
				t.Errorf("%s: the same as %s, or zero", name, other)
			}
			seen[s] = name
		}
	}
	// Whoever restores the words must find the same: this value may never change.
	const want = "825aee16b690bac9c41d8c1ca2d78000def144f5a98232b3bb6906aadb7154d2"
	if got, _ := keys.Secret("swap", 0); hex.EncodeToString(got[:]) != want {
		t.Errorf("swap 0: %x, want %s", got, want)
	}
	if _, err := keys.Secret("swap", Hardened); err == nil {
		t.Error("index 2^31: accepted")
	}
}

func TestLock(t *testing.T) {
	keys := mustOpen(t, mustWords(t, abandon).Seed(nil))
	root := keys.reveal().root
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 20 {
				if _, err := keys.SignECDSA(Path{1}, [32]byte{1}); err != nil && !errors.Is(err, ErrLocked) {
					t.Error(err)
				}
			}
		})
	}
	keys.Lock()
	work.Wait()
	keys.Lock()
	if !root.key.IsZero() || root.chain != [32]byte{} {
		t.Error("locked, but the key is in memory")
	}
	calls := map[string]func() error{
		"public":      func() error { _, err := keys.Public(nil); return err },
		"fingerprint": func() error { _, err := keys.Fingerprint(); return err },
		"ecdsa":       func() error { _, err := keys.SignECDSA(nil, [32]byte{}); return err },
		"schnorr":     func() error { _, err := keys.SignSchnorr(nil, [32]byte{}, nil); return err },
		"untweaked":   func() error { _, err := keys.SignSchnorrUntweaked(nil, [32]byte{}); return err },
		"secret":      func() error { _, err := keys.Secret("swap", 0); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrLocked) {
			t.Errorf("%s: error %v, want ErrLocked", name, err)
		}
	}
}

func TestSession(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	tests := []struct {
		name string
		at   []time.Duration // of Keys, after the start
		last bool            // the last one still gets keys
	}{
		{"at once", []time.Duration{0}, true},
		{"in time", []time.Duration{59 * time.Second}, true},
		{"extended", []time.Duration{50 * time.Second, 100 * time.Second, 150 * time.Second}, true},
		{"on the dot", []time.Duration{time.Minute}, false},
		{"late", []time.Duration{50 * time.Second, 111 * time.Second}, false},
		{"clock went back", []time.Duration{30 * time.Second, 29 * time.Second}, false},
		{"locked stays locked", []time.Duration{2 * time.Minute, 0}, false},
	}
	for _, tt := range tests {
		keys := mustOpen(t, mustWords(t, abandon).Seed(nil))
		s := NewSession(keys, start, time.Minute)
		var err error
		for _, d := range tt.at {
			_, err = s.Keys(start.Add(d))
		}
		if (err == nil) != tt.last {
			t.Errorf("%s: error %v, want keys %t", tt.name, err, tt.last)
		}
		if locked := keys.reveal().root == nil; locked == tt.last {
			t.Errorf("%s: keyring locked %t", tt.name, locked)
		}
		s.Lock()
		if _, err := s.Keys(start); !errors.Is(err, ErrLocked) || keys.reveal().root != nil {
			t.Errorf("%s: after Lock: %v", tt.name, err)
		}
	}
}

// No way of printing a secret type, alone or inside another, shows a byte of it.
func TestSecretsDoNotPrint(t *testing.T) {
	words := mustWords(t, strings.Repeat("zoo ", 11)+"wrong")
	s := words.Seed(nil)
	keys := mustOpen(t, s)
	type outer struct {
		Shown  any
		hidden any
	}
	forbidden := []string{"zoo", "wrong", "2047 2047", "7ff 7ff", "7FF 7FF", "3777 3777", hex.EncodeToString(s.reveal().bytes[:4]), strings.ToUpper(hex.EncodeToString(s.reveal().bytes[:4])),
		fmt.Sprint(s.reveal().bytes[:3])[1:10], fmt.Sprint(keys.reveal().root.chain[:3])[1:8]}
	values := []any{words, *words, s, *s, keys, *keys, Contents{Words: words, Seed: s}, &Contents{Words: words, Seed: s},
		NewSession(keys, time.Unix(1, 0), time.Hour), struct{ w Words }{*words}, struct{ s Seed }{*s}, struct{ k Keyring }{*keys}}
	for _, v := range values {
		for _, wrapped := range []any{v, outer{v, v}, &outer{v, v}, []any{v}, map[string]any{"k": v}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%T", "%p", "%U"} {
				checkHides(t, fmt.Sprintf(verb, wrapped), forbidden)
			}
			b, err := json.Marshal(wrapped)
			if err != nil {
				t.Errorf("%T: %v", wrapped, err)
			}
			checkHides(t, string(b), forbidden)
		}
	}
	if got := fmt.Sprintf("%x %v %s", s, words, keys); got != "(secret) (secret) (secret)" {
		t.Errorf("prints %q", got)
	}
}

func checkHides(t *testing.T, printed string, forbidden []string) {
	t.Helper()
	for _, f := range forbidden {
		if strings.Contains(printed, f) {
			t.Errorf("%q shows %q", printed, f)
		}
	}
}

func BenchmarkSignECDSA(b *testing.B) {
	keys := mustOpen(b, mustWords(b, abandon).Seed(nil))
	path := mustPath(b, "m/84'/0'/0'/0/0")
	for b.Loop() {
		if _, err := keys.SignECDSA(path, [32]byte{1}); err != nil {
			b.Fatal(err)
		}
	}
}

// The peer: btcec alone, with the key at hand, no low R and no check of the result.
func BenchmarkSignECDSABtcec(b *testing.B) {
	private, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{1}, 32))
	hash := [32]byte{1}
	for b.Loop() {
		ecdsa.Sign(private, hash[:]).Serialize()
	}
}

func BenchmarkSignSchnorr(b *testing.B) {
	keys := mustOpen(b, mustWords(b, abandon).Seed(nil))
	path := mustPath(b, "m/86'/0'/0'/0/0")
	for b.Loop() {
		if _, err := keys.SignSchnorr(path, [32]byte{1}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignSchnorrBtcec(b *testing.B) {
	private, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{1}, 32))
	hash := [32]byte{1}
	for b.Loop() {
		if _, err := schnorr.Sign(private, hash[:], schnorr.CustomNonce([32]byte{})); err != nil {
			b.Fatal(err)
		}
	}
}
