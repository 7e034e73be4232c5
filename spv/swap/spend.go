package swap

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

func hash160(b []byte) []byte { return btcutil.Hash160(b) }

// Path is one of the two ways to spend a leg. The set is closed.
type Path uint8

// The paths.
const (
	Redeem Path = iota + 1 // To, with the secret
	Refund                 // From, once the clock has reached Expiry
)

// String returns "redeem" or "refund".
func (p Path) String() string {
	switch p {
	case Redeem:
		return "redeem"
	case Refund:
		return "refund"
	}
	return fmt.Sprintf("Path(%d)", uint8(p))
}

// RefundSequence is what the input of a refund must have, or less: the highest that lets
// its transaction's locktime count.
const RefundSequence = wire.MaxTxInSequenceNum - 1

// SigHash returns the 32 bytes that the spender signs: BIP340 over SIGHASH_DEFAULT for P2TR,
// ECDSA over SIGHASH_ALL for the others. Prevouts must know every output that tx spends. A
// refund whose transaction cannot be valid, by locktime or sequence, is refused.
func (l *Leg) SigHash(tx *wire.MsgTx, input int, path Path, prevouts txscript.PrevOutputFetcher) ([]byte, error) {
	if input < 0 || input >= len(tx.TxIn) {
		return nil, fmt.Errorf("leg: input %d of %d", input, len(tx.TxIn))
	}
	if path == Refund {
		if tx.LockTime < l.Expiry || tx.LockTime > MaxHeight {
			return nil, fmt.Errorf("refund: locktime %d, want %d or a later height", tx.LockTime, l.Expiry)
		}
		if s := tx.TxIn[input].Sequence; s > RefundSequence {
			return nil, fmt.Errorf("refund: sequence %08x, want %08x or less", s, uint32(RefundSequence))
		}
	} else if path != Redeem {
		return nil, fmt.Errorf("leg: path %d, want redeem or refund", path)
	}
	funded := prevouts.FetchPrevOutput(tx.TxIn[input].PreviousOutPoint)
	if funded == nil || !bytes.Equal(funded.PkScript, l.PkScript()) {
		return nil, fmt.Errorf("leg: input %d does not spend it", input)
	}
	switch l.Form {
	case P2TR:
		_, redeem, refund := l.leaves()
		if path == Refund {
			redeem = refund
		}
		h, err := redeem.SigHash(tx, input, prevouts)
		return h[:], err
	case P2WSH:
		mid := txscript.NewTxSigHashes(tx, prevouts)
		return txscript.CalcWitnessSigHash(l.branchScript(), mid, txscript.SigHashAll, tx, input, funded.Value)
	default:
		return txscript.CalcSignatureHash(l.branchScript(), txscript.SigHashAll, tx, input)
	}
}

// Sign puts the witness, or for P2SH the script, into an input. Sig is 64 bytes for P2TR
// and DER without hash type for the others; it is verified against SigHash. Secret is
// needed for a redemption, and refused where it is not the hash's.
func (l *Leg) Sign(tx *wire.MsgTx, input int, path Path, prevouts txscript.PrevOutputFetcher, sig, secret []byte) error {
	hash, err := l.SigHash(tx, input, path, prevouts)
	if err != nil {
		return err
	}
	if path == Redeem {
		if err := l.checkSecret(secret); err != nil {
			return err
		}
	} else if secret != nil {
		return fmt.Errorf("refund: shows a secret, want none")
	}
	if err := l.checkSignature(path, hash, sig); err != nil {
		return err
	}
	in := tx.TxIn[input]
	in.SignatureScript, in.Witness = l.unlock(path, sig, secret)
	return nil
}

// checkSecret names no byte of it: until it is revealed it is money.
func (l *Leg) checkSecret(secret []byte) error {
	if len(secret) != secretSize {
		return fmt.Errorf("secret: %d bytes, want %d", len(secret), secretSize)
	}
	if sha256.Sum256(secret) != l.Hash {
		return fmt.Errorf("secret: is not that of the hash %x", l.Hash)
	}
	return nil
}

func (l *Leg) unlock(path Path, sig, secret []byte) (script []byte, w wire.TxWitness) {
	if l.Form == P2TR {
		_, redeem, refund := l.leaves()
		if path == Redeem {
			return nil, redeem.Witness(sig, secret)
		}
		return nil, refund.Witness(sig)
	}
	sig = append(bytes.Clone(sig), byte(txscript.SigHashAll))
	branch := l.branchScript()
	if l.Form == P2WSH {
		if path == Redeem {
			return nil, wire.TxWitness{sig, secret, {1}, branch}
		}
		return nil, wire.TxWitness{sig, nil, branch}
	}
	return build(func(b *txscript.ScriptBuilder) {
		b.AddData(sig)
		if path == Redeem {
			b.AddData(secret).AddOp(txscript.OP_1)
		} else {
			b.AddOp(txscript.OP_0)
		}
		b.AddData(branch)
	}), nil
}

// FindSecret looks for the leg's secret in an input that spends it. It does not ask for any
// form: whoever redeems may push the secret in an unusual way, and must not be able to hide
// it by that. The script lets nobody redeem without it.
func (l *Leg) FindSecret(in *wire.TxIn) (secret [32]byte, ok bool) {
	for _, item := range in.Witness {
		if l.checkSecret(item) == nil {
			return [32]byte(item), true
		}
	}
	pushes := txscript.MakeScriptTokenizer(0, in.SignatureScript)
	for pushes.Next() {
		if l.checkSecret(pushes.Data()) == nil {
			return [32]byte(pushes.Data()), true
		}
	}
	return secret, false
}

// PathOf tells how an input spends the leg, if it does so in exactly the form that Sign
// makes; signatures are not verified. A path that it does not recognise is no proof that
// the leg was not spent: see FindSecret.
func (l *Leg) PathOf(in *wire.TxIn) (Path, bool) {
	sig := l.signatureIn(in)
	if sig == nil {
		return 0, false
	}
	secret, redeemed := l.FindSecret(in)
	path, shown := Refund, []byte(nil)
	if redeemed {
		path, shown = Redeem, secret[:]
	}
	script, witness := l.unlock(path, sig, shown)
	if !bytes.Equal(script, in.SignatureScript) || len(witness) != len(in.Witness) {
		return 0, false
	}
	for i := range witness {
		if !bytes.Equal(witness[i], in.Witness[i]) {
			return 0, false
		}
	}
	return path, true
}

// signatureIn returns the signature, without hash type, where Sign puts it; nil if there is
// nothing that has a signature's form.
func (l *Leg) signatureIn(in *wire.TxIn) []byte {
	var sig []byte
	if l.Form == P2SH {
		if pushes := txscript.MakeScriptTokenizer(0, in.SignatureScript); pushes.Next() {
			sig = pushes.Data()
		}
	} else if len(in.Witness) > 0 {
		sig = in.Witness[0]
	}
	if l.Form == P2TR {
		if len(sig) != 64 {
			return nil
		}
		return sig
	}
	if len(sig) == 0 {
		return nil
	}
	if _, err := ecdsa.ParseDERSignature(sig[:len(sig)-1]); err != nil {
		return nil
	}
	return sig[:len(sig)-1]
}
