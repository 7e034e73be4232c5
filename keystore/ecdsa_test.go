package keystore

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
)

// drawSigning draws keys and hashes from a seed.
func drawSigning(seed uint64, n int) (keys []*btcec.ModNScalar, hashes [][32]byte) {
	random := rand.New(rand.NewPCG(seed, 2))
	draw := func() (b [32]byte) {
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], random.Uint64())
		}
		return b
	}
	for range n {
		key, hash := draw(), draw()
		s := new(btcec.ModNScalar)
		s.SetBytes(&key)
		keys, hashes = append(keys, s), append(hashes, hash)
	}
	return keys, hashes
}

// xOf returns the x of scalar * G.
func xOf(scalar *btcec.ModNScalar) [32]byte {
	var p btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(scalar, &p)
	p.ToAffine()
	return *p.X.Bytes()
}

// turned returns lambda^n times a nonce, worked out without the endomorphism.
func turned(nonce *btcec.ModNScalar, n int) *btcec.ModNScalar {
	out := new(btcec.ModNScalar).Set(nonce)
	for range n {
		out.Mul(scalarOf("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72"))
	}
	return out
}

func scalarOf(text string) *btcec.ModNScalar {
	s := new(btcec.ModNScalar)
	b, err := hex.DecodeString(text)
	if err != nil || s.SetByteSlice(b) {
		panic(text)
	}
	return s
}

// rOf returns a signature's R.
func rOf(sig *ecdsa.Signature) []byte {
	der := sig.Serialize()
	return der[4 : 4+der[3]]
}

// slowSignature is the threefold search as it is described, each candidate with a multiplication and an inversion of its own. It
// says how many candidates before, in the circle of three, have a high R.
func slowSignature(key *btcec.ModNScalar, hash [32]byte) (sig *ecdsa.Signature, highs int) {
	own := key.Bytes()
	for count := uint32(0); ; count++ {
		extra := make([]byte, 32)
		binary.LittleEndian.PutUint32(extra, count)
		nonce := btcec.NonceRFC6979(own[:], hash[:], extra, []byte("lamina low R  01"), 0)
		low := [3]bool{}
		for i := range low {
			x := xOf(turned(nonce, i))
			low[i] = x[0] < 0x80
		}
		for i := range low {
			if !low[i] {
				continue
			}
			for highs < 2 && !low[(i+2-highs)%3] {
				highs++
			}
			k := turned(nonce, i)
			x := xOf(k)
			var r, e, s btcec.ModNScalar
			r.SetBytes(&x)
			e.SetBytes(&hash)
			s.Mul2(&r, key).Add(&e).Mul(new(btcec.ModNScalar).InverseValNonConst(k))
			if s.IsOverHalfOrder() {
				s.Negate()
			}
			return ecdsa.NewSignature(&r, &s), highs
		}
	}
}

// BIP143's first example, whose R happens to be low, and RFC 6979 signatures without and with grinding.
func TestECDSAVectors(t *testing.T) {
	got, err := signECDSA(scalar(t, "619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9"),
		[32]byte(unhex(t, "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670")))
	const want = "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a" +
		"0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee"
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x (%v), want %s", got, err, want)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 2))
	ground := 0
	for range 100 {
		var raw, hash [32]byte
		binary.BigEndian.PutUint64(raw[8:], random.Uint64())
		binary.BigEndian.PutUint64(raw[24:], random.Uint64()|1)
		binary.BigEndian.PutUint64(hash[24:], random.Uint64())
		private, public := btcec.PrivKeyFromBytes(raw[:])
		sig, err := signECDSA(&private.Key, hash)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ecdsa.ParseDERSignature(sig)
		if err != nil || !parsed.Verify(hash[:], public) || len(sig) > 70 {
			t.Fatalf("seed %d: %d bytes, %v", seed, len(sig), err)
		}
		var s btcec.ModNScalar
		if s.SetByteSlice(sig[6+int(sig[3]):]) || s.IsOverHalfOrder() || sig[3] > 32 {
			t.Errorf("seed %d: high S or R", seed)
		}
		if reference := ecdsa.Sign(private, hash[:]).Serialize(); reference[4] != 0 {
			if !bytes.Equal(sig, reference) {
				t.Errorf("seed %d: %x, the reference gives %x", seed, sig, reference)
			}
		} else {
			ground++
		}
	}
	if ground < 20 || ground > 80 {
		t.Errorf("seed %d: %d of 100 needed a second try", seed, ground)
	}
}

// TestThreefold holds signatures against the search as it is described and against the library's verification.
func TestThreefold(t *testing.T) {
	seed := rand.Uint64()
	keys, hashes := drawSigning(seed, 150)
	all := threefold.signatures(keys, hashes)
	for i, key := range keys {
		got := all[i].Serialize()
		if want, _ := slowSignature(key, hashes[i]); !bytes.Equal(got, want.Serialize()) {
			t.Fatalf("seed %d: %x, want %x", seed, got, want.Serialize())
		}
		parsed, err := ecdsa.ParseDERSignature(got)
		if err != nil || !parsed.Verify(hashes[i][:], btcec.PrivKeyFromScalar(key).PubKey()) || len(got) > 70 {
			t.Fatalf("seed %d: %d bytes, %v", seed, len(got), err)
		}
		var s btcec.ModNScalar
		if s.SetByteSlice(got[6+int(got[3]):]) || s.IsOverHalfOrder() || got[3] > 32 || got[4] >= 0x80 {
			t.Errorf("seed %d: high S or R", seed)
		}
	}
	// The key and hash of BIP143's first example. Whoever signs a transaction again must get the same one: this signature
	// may change only together with the domain.
	key := scalar(t, "619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9")
	hash := [32]byte(unhex(t, "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"))
	const want = "304402207388d5612b0baabdee7766afa8d32bf941e43c7765b59e0e979b4c875777c7f0" +
		"0220777e631e176fe9bf90a08148f45ebb5bf86e709223211da6a295227c7cad3e88"
	if got := threefold.signatures([]*btcec.ModNScalar{key}, [][32]byte{hash})[0].Serialize(); hex.EncodeToString(got) != want {
		t.Errorf("%x, want %s", got, want)
	}
}

// TestThreefoldNonces: no nonce is one of the three that go with a standard one of the same key and message (RFC 6979 bare,
// or with a counter), nor with that of another message or key.
func TestThreefoldNonces(t *testing.T) {
	seed := rand.Uint64()
	keys, hashes := drawSigning(seed, 30)
	for i := range keys { // few keys, many messages; and few messages, many keys
		if i < 15 {
			keys[i] = keys[0]
		} else {
			hashes[i] = hashes[15]
		}
	}
	of := map[[32]byte]int{} // R of all that must not be used, by signature
	for i, sig := range threefold.signatures(keys, hashes) {
		var own btcec.FieldVal
		own.SetByteSlice(rOf(sig))
		for range 3 {
			if other, ok := of[*own.Bytes()]; ok {
				t.Fatalf("seed %d: signatures %d and %d have related nonces", seed, other, i)
			}
			of[*own.Bytes()] = i
			own.Mul(&beta).Normalize()
		}
	}
	for i, key := range keys {
		own := key.Bytes()
		nonces := []*btcec.ModNScalar{btcec.NonceRFC6979(own[:], hashes[i][:], nil, nil, 0)}
		for count := range byte(4) {
			extra := append([]byte{count}, make([]byte, 31)...)
			nonces = append(nonces, btcec.NonceRFC6979(own[:], hashes[i][:], extra, nil, 0))
		}
		for n, nonce := range nonces {
			if other, ok := of[xOf(nonce)]; ok {
				t.Fatalf("seed %d: signature %d has a nonce related to the standard one of count %d", seed, other, n)
			}
		}
	}
}

// TestThreefoldWeights: nonces with low R are picked with weights of 1, 2 and 3. Of the circles of three candidates with a
// low one, in which each is low with a chance of a half, 2/7, 2/7 and 3/7 have them.
func TestThreefoldWeights(t *testing.T) {
	const n = 1400
	seed := rand.Uint64()
	keys, hashes := drawSigning(seed, n)
	var seen [3]int
	for i, sig := range threefold.signatures(keys, hashes) {
		var before btcec.FieldVal
		before.SetByteSlice(rOf(sig))
		highs := 0
		for highs < 2 {
			before.Mul(&beta).Mul(&beta).Normalize() // the one before is the second after
			if before.Bytes()[0] < 0x80 {
				break
			}
			highs++
		}
		if _, want := slowSignature(keys[i], hashes[i]); i < 50 && highs != want {
			t.Fatalf("seed %d: signature %d: %d candidates before have a high R, want %d", seed, i, highs, want)
		}
		seen[highs]++
	}
	for highs, want := range [3]int{n * 2 / 7, n * 2 / 7, n * 3 / 7} {
		if got := seen[highs]; got < want-110 || got > want+110 { // six standard deviations
			t.Errorf("seed %d: %d of %d signatures with %d high candidates before, want about %d", seed, got, n, highs, want)
		}
	}
}

// TestEndomorphism checks the two constants by multiplication.
func TestEndomorphism(t *testing.T) {
	keys, _ := drawSigning(rand.Uint64(), 20)
	for _, k := range keys {
		x, y := xOf(k), xOf(turned(k, 1))
		var v btcec.FieldVal
		v.SetBytes(&x)
		if got := v.Mul(&beta).Normalize().Bytes(); *got != y || x == y {
			t.Fatalf("beta times x of %s is %x, x of lambda times it %x", k, *got, y)
		}
		if !turned(k, 3).Equals(k) || new(btcec.ModNScalar).Mul2(k, &lambda).Equals(k) || !lambda.Equals(turned(scalarOf("01"), 1)) {
			t.Fatal("lambda is no cube root of 1")
		}
	}
}
