package swap

import (
	"crypto/sha256"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/peg"
)

// Form is how a leg's script is wrapped. The set is closed.
type Form uint8

// The forms. A chain without taproot has P2WSH, one without segregated witness only P2SH.
const (
	P2TR Form = iota + 1
	P2WSH
	P2SH
)

// String returns the form's name.
func (f Form) String() string {
	switch f {
	case P2TR:
		return "p2tr"
	case P2WSH:
		return "p2wsh"
	case P2SH:
		return "p2sh"
	}
	return fmt.Sprintf("Form(%d)", uint8(f))
}

// Key is a public key in compressed form (33 bytes). The P2TR form uses it without its
// first byte (BIP340).
type Key [33]byte

// MaxHeight is the highest height that a locktime can name (BIP65: above it are times).
const MaxHeight = 499_999_999

// secretSize is the length of every secret, in bytes. Chains limit what a script may push
// differently; a secret longer than one of them takes could be redeemed on the other only.
const secretSize = 32

// Leg is one of the two outputs of a swap. Whoever owns To takes it with the secret;
// whoever owns From takes it back when its chain's clock has reached Expiry.
type Leg struct {
	Form   Form
	Hash   [32]byte // SHA-256 of the secret; the payment hash where the other side is Lightning
	To     Key
	From   Key
	Expiry uint32 // locktime, a block height of the leg's clock, 1 to MaxHeight
}

// Check refuses a leg whose money could be lost or taken early: bad keys, one key on both
// sides, a locktime that is a time, a hash that is none.
func (l *Leg) Check() error {
	if l.Form < P2TR || l.Form > P2SH {
		return fmt.Errorf("leg: form %d, want p2tr, p2wsh or p2sh", l.Form)
	}
	for _, k := range []Key{l.To, l.From} {
		if err := k.check(); err != nil {
			return err
		}
	}
	if [32]byte(l.To[1:]) == [32]byte(l.From[1:]) {
		return fmt.Errorf("leg: key %x both takes and takes back", l.To)
	}
	if l.Expiry < 1 || l.Expiry > MaxHeight {
		return fmt.Errorf("leg: expiry %d, want a height of 1 to %d", l.Expiry, MaxHeight)
	}
	if l.Hash == ([32]byte{}) {
		return fmt.Errorf("leg: no hash")
	}
	return nil
}

func (k Key) check() error {
	if _, err := btcec.ParsePubKey(k[:]); err != nil {
		return fmt.Errorf("key %x: %w", k[:], err)
	}
	return nil
}

// redeemScript is `SIZE 32 EQUALVERIFY SHA256 <h> EQUALVERIFY <to> CHECKSIG`.
func (l *Leg) redeemScript() []byte {
	return build(func(b *txscript.ScriptBuilder) {
		l.lockSecret(b)
		b.AddData(l.To[1:]).AddOp(txscript.OP_CHECKSIG)
	})
}

// refundScript is `<t> CLTV DROP <from> CHECKSIG`.
func (l *Leg) refundScript() []byte {
	return build(func(b *txscript.ScriptBuilder) {
		l.lockTime(b)
		b.AddData(l.From[1:]).AddOp(txscript.OP_CHECKSIG)
	})
}

// branchScript is both in one, for the forms without a tree: `IF SIZE 32 EQUALVERIFY SHA256
// <h> EQUALVERIFY <to> ELSE <t> CLTV DROP <from> ENDIF CHECKSIG`.
func (l *Leg) branchScript() []byte {
	return build(func(b *txscript.ScriptBuilder) {
		b.AddOp(txscript.OP_IF)
		l.lockSecret(b)
		b.AddData(l.To[:]).AddOp(txscript.OP_ELSE)
		l.lockTime(b)
		b.AddData(l.From[:]).AddOp(txscript.OP_ENDIF).AddOp(txscript.OP_CHECKSIG)
	})
}

func (l *Leg) lockSecret(b *txscript.ScriptBuilder) {
	b.AddOp(txscript.OP_SIZE).AddInt64(secretSize).AddOp(txscript.OP_EQUALVERIFY)
	b.AddOp(txscript.OP_SHA256).AddData(l.Hash[:]).AddOp(txscript.OP_EQUALVERIFY)
}

func (l *Leg) lockTime(b *txscript.ScriptBuilder) {
	b.AddInt64(int64(l.Expiry)).AddOp(txscript.OP_CHECKLOCKTIMEVERIFY).AddOp(txscript.OP_DROP)
}

// build runs a script builder over data that is short and fixed in size.
func build(f func(*txscript.ScriptBuilder)) []byte {
	b := txscript.NewScriptBuilder()
	f(b)
	script, err := b.Script()
	if err != nil {
		panic("swap: " + err.Error())
	}
	return script
}

// leaves returns the output script and the leaves of the P2TR form.
func (l *Leg) leaves() (pkScript []byte, redeem, refund peg.Leaf) {
	return peg.Pair(l.redeemScript(), l.refundScript())
}

// PkScript returns the output script that the leg's money is paid to.
func (l *Leg) PkScript() []byte {
	switch l.Form {
	case P2TR:
		pk, _, _ := l.leaves()
		return pk
	case P2WSH:
		h := sha256.Sum256(l.branchScript())
		return build(func(b *txscript.ScriptBuilder) { b.AddOp(txscript.OP_0).AddData(h[:]) })
	case P2SH:
		return build(func(b *txscript.ScriptBuilder) {
			b.AddOp(txscript.OP_HASH160).AddData(hash160(l.branchScript())).AddOp(txscript.OP_EQUAL)
		})
	}
	panic(fmt.Sprintf("swap: form %d", l.Form)) // Check refuses it
}

// Output returns the output that funds the leg with an amount in base units of its chain.
func (l *Leg) Output(amount int64) *wire.TxOut { return wire.NewTxOut(amount, l.PkScript()) }
