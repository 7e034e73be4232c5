package message

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

type vectors struct {
	TxHashes []struct {
		Message, Address string
		Hash             string `json:"message_hash"`
		ToSpend          string `json:"to_spend"`
		ToSign           string `json:"to_sign"`
	} `json:"tx_hashes"`
	Valid []struct {
		Message, Address, Key string
		Signatures            []string
	}
	Invalid []struct{ What, Message, Address, Signature string }
}

func load(t testing.TB) (v vectors, p *chains.Params) {
	t.Helper()
	if err := json.Unmarshal(testdata.Read(t, "vectors/bip322-simple.json"), &v); err != nil {
		t.Fatal(err)
	}
	return v, testchain.Params(t, "bitcoin")
}

// plainKey is a key in the open, for vectors.
type plainKey struct{ k *btcec.PrivateKey }

func (k plainKey) PubKey() []byte { return k.k.PubKey().SerializeCompressed() }

func (k plainKey) SignECDSA(hash [32]byte) ([]byte, error) {
	return ecdsa.Sign(k.k, hash[:]).Serialize(), nil
}

func (k plainKey) SignSchnorr(hash [32]byte) ([]byte, error) {
	sig, err := schnorr.Sign(txscript.TweakTaprootPrivKey(*k.k, nil), hash[:])
	if err != nil {
		return nil, err
	}
	return sig.Serialize(), nil
}

func TestVectors(t *testing.T) {
	v, p := load(t)
	for _, c := range v.TxHashes {
		script, err := address.Decode(p, c.Address)
		if err != nil {
			t.Fatal(err)
		}
		hash := Hash([]byte(c.Message))
		spend := toSpend(script, []byte(c.Message))
		if hex.EncodeToString(hash[:]) != c.Hash || spend.TxHash().String() != c.ToSpend || toSign(spend).TxHash().String() != c.ToSign {
			t.Errorf("%q: %x %s %s", c.Message, hash, spend.TxHash(), toSign(spend).TxHash())
		}
	}
	for _, c := range v.Valid {
		for _, sig := range c.Signatures {
			if err := Verify(p, c.Address, []byte(c.Message), sig); err != nil {
				t.Errorf("%q: %v", c.Message, err)
			}
			if err := Verify(p, c.Address, []byte(c.Message+"."), sig); err == nil {
				t.Errorf("%q: the signature is of another message, too", c.Message)
			}
		}
		if c.Key == "" {
			continue
		}
		raw, _, err := base58.CheckDecode(c.Key)
		if err != nil {
			t.Fatal(err)
		}
		k, _ := btcec.PrivKeyFromBytes(raw[:32])
		script, _ := address.Decode(p, c.Address)
		got, err := Sign(p, script, []byte(c.Message), plainKey{k})
		if err != nil {
			t.Errorf("%q: %v", c.Message, err)
			continue
		}
		// Signing is deterministic for ECDSA (RFC 6979), so it gives one of the vectors.
		if script[0] == txscript.OP_0 && !slices.Contains(c.Signatures, got) {
			t.Errorf("%q: %s is none of %v", c.Message, got, c.Signatures)
		}
		if err := Verify(p, c.Address, []byte(c.Message), got); err != nil {
			t.Error(err)
		}
	}
	for _, c := range v.Invalid {
		if err := Verify(p, c.Address, []byte(c.Message), c.Signature); err == nil {
			t.Errorf("%s: verifies", c.What)
		}
	}
}

func TestRefusals(t *testing.T) {
	_, p := load(t)
	k, _ := btcec.PrivKeyFromBytes([]byte{1})
	legacy, _ := address.Decode(p, "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo")
	if _, err := Sign(p, legacy, nil, plainKey{k}); err == nil {
		t.Error("signs for an address that has no simple form")
	}
	other := append([]byte{0, 20}, make([]byte, 20)...)
	if _, err := Sign(p, other, nil, plainKey{k}); err == nil {
		t.Error("signs with a key that is not the address's")
	}
	if _, err := Sign(p, other, make([]byte, MaxMessage+1), plainKey{k}); err == nil {
		t.Error("signs a message that is too long")
	}
	if err := Verify(p, "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", nil, "smpAQA="); err == nil {
		t.Error("verifies for an address that has no simple form")
	}
}

func FuzzVerify(f *testing.F) {
	v, p := load(f)
	for _, c := range v.Valid {
		f.Add(c.Message, c.Signatures[0])
	}
	const addr = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
	f.Fuzz(func(t *testing.T, text, sig string) {
		if Verify(p, addr, []byte(text), sig) == nil {
			t.Fatalf("%q verifies for %q", sig, text)
		}
	})
}
