package swap

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// checkSignature verifies what is about to be broadcast or kept for an emergency: a refund
// that turns out to be bad is found when it is too late.
func (l *Leg) checkSignature(path Path, hash, sig []byte) error {
	key := l.To
	if path == Refund {
		key = l.From
	}
	good := false
	if l.Form == P2TR {
		good = verifySchnorr([32]byte(key[1:]), hash, sig)
	} else if pub, err := btcec.ParsePubKey(key[:]); err == nil {
		if parsed, err := ecdsa.ParseDERSignature(sig); err == nil {
			canonical := bytes.Equal(parsed.Serialize(), sig) // with a low S (BIP146)
			good = canonical && parsed.Verify(hash, pub)
		}
	}
	if !good {
		return fmt.Errorf("%s: signature is not of key %x", path, key)
	}
	return nil
}

func verifySchnorr(key [32]byte, hash, sig []byte) bool {
	pub, err := schnorr.ParsePubKey(key[:])
	if err != nil {
		return false
	}
	parsed, err := schnorr.ParseSignature(sig)
	return err == nil && parsed.Verify(hash, pub)
}

// maxDER is the longest low-S signature in DER.
const maxDER = 71

// VSize returns the virtual bytes (BIP141) of a transaction that spends the leg alone, by a
// path, into one output with the given script: what its fee is reckoned by. The signature
// is taken at its longest.
func (l *Leg) VSize(path Path, pay []byte) int64 {
	sig := make([]byte, schnorr.SignatureSize)
	if l.Form != P2TR {
		sig = make([]byte, maxDER)
	}
	secret := []byte(nil)
	if path == Redeem {
		secret = make([]byte, secretSize)
	}
	tx := wire.NewMsgTx(2)
	script, witness := l.unlock(path, sig, secret)
	tx.AddTxIn(&wire.TxIn{SignatureScript: script, Witness: witness})
	tx.AddTxOut(wire.NewTxOut(0, pay))
	weight := 3*tx.SerializeSizeStripped() + tx.SerializeSize()
	return int64(weight+3) / 4
}

// probe is an output script of the longest standard form.
var probe = append([]byte{txscript.OP_1, txscript.OP_DATA_32}, make([]byte, 32)...)
