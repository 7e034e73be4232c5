package peg

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// Vault is an L1 output that a set of settlers holds: V(claim) or V0 of section 4.1.
type Vault struct {
	PkScript []byte // 34 bytes, P2TR
	Settle   Leaf   // S: K signatures
	Recover  Leaf   // R: KR signatures, once the output is old enough
}

// NewVault returns the vault of a set whose recovery script opens after so many L1 blocks
// (Peg.Recovery). With a mark, the claim hash, it is V(claim) = P2TR(I, {S,{R,C}}), to
// which deposits are made; without one it is V0 = P2TR(I, {S,R}) for change and connector,
// which no claim can name because C is not in it.
func NewVault(set *chains.Settlers, recovery int32, mark *spv.Hash) Vault {
	settle, rescue := settleScript(set), recoverScript(set, recovery)
	if mark == nil {
		pk, s, r := Pair(settle, rescue)
		return Vault{pk, s, r}
	}
	pk, s, r := triple(settle, rescue, markScript(*mark))
	return Vault{pk, s, r}
}

// Refundable is the L1 output of a deposit that its maker can take back (section 4.2):
// P2TR(I, {<claimhash> DROP S, <refund> CSV DROP <user> CHECKSIG}). Settlers sweep it into
// V(claim) while it is younger than half the refund age.
type Refundable struct {
	PkScript []byte // 34 bytes, P2TR
	Settle   Leaf   // K signatures of the set
	Refund   Leaf   // one signature of the user, after the refund age
}

// NewRefundable returns the refundable deposit for a claim hash, a refund age in L1 blocks
// (Peg.Refund) and the user's x-only key. It refuses a key that is no point of the curve:
// nobody could take the money back.
func NewRefundable(set *chains.Settlers, refund int32, mark spv.Hash, user [32]byte) (Refundable, error) {
	if _, err := schnorr.ParsePubKey(user[:]); err != nil {
		return Refundable{}, fmt.Errorf("refundable deposit: user key %x: %w", user, err)
	}
	settle := append(build(func(b *txscript.ScriptBuilder) {
		b.AddData(mark[:]).AddOp(txscript.OP_DROP)
	}), settleScript(set)...)
	back := build(func(b *txscript.ScriptBuilder) {
		age(b, refund)
		b.AddData(user[:]).AddOp(txscript.OP_CHECKSIG)
	})
	pk, s, r := Pair(settle, back)
	return Refundable{pk, s, r}, nil
}

// settleScript is S.
func settleScript(set *chains.Settlers) []byte {
	return build(func(b *txscript.ScriptBuilder) { quorum(b, set, set.K) })
}

// recoverScript is R.
func recoverScript(set *chains.Settlers, recovery int32) []byte {
	return build(func(b *txscript.ScriptBuilder) {
		age(b, recovery)
		quorum(b, set, set.KR)
	})
}

// markScript is C.
func markScript(mark spv.Hash) []byte {
	return build(func(b *txscript.ScriptBuilder) { b.AddOp(txscript.OP_RETURN).AddData(mark[:]) })
}

// quorum asks for exactly k signatures of the set's keys.
func quorum(b *txscript.ScriptBuilder, set *chains.Settlers, k int) {
	for i := range set.Keys {
		b.AddData(set.Keys[i][:])
		if i == 0 {
			b.AddOp(txscript.OP_CHECKSIG)
		} else {
			b.AddOp(txscript.OP_CHECKSIGADD)
		}
	}
	b.AddInt64(int64(k)).AddOp(txscript.OP_NUMEQUAL)
}

// age asks for an input of so many blocks (BIP112).
func age(b *txscript.ScriptBuilder, blocks int32) {
	b.AddInt64(int64(blocks)).AddOp(txscript.OP_CHECKSEQUENCEVERIFY).AddOp(txscript.OP_DROP)
}

// build runs a script builder whose input was validated before: chains.Parse bounds the
// number of keys, so that no script is too long.
func build(f func(*txscript.ScriptBuilder)) []byte {
	b := txscript.NewScriptBuilder()
	f(b)
	script, err := b.Script()
	if err != nil {
		panic("peg: " + err.Error())
	}
	return script
}

// Signatures are BIP340 signatures by their settler's place in the set, counted from 0.
type Signatures map[int][64]byte

// stack arranges signatures for a quorum script of n keys: the last key's first, an empty
// item for every key that does not sign. The script demands exactly k, so the k lowest
// places are taken.
func (s Signatures) stack(n, k int) ([][]byte, error) {
	items := make([][]byte, n)
	taken := 0
	for i := 0; i < n && taken < k; i++ {
		if sig, ok := s[i]; ok {
			items[n-1-i] = sig[:]
			taken++
		}
	}
	if taken < k {
		return nil, fmt.Errorf("%d signatures of the set, want %d", taken, k)
	}
	return items, nil
}

// SettleWitness returns the witness for a vault's or a refundable deposit's settle leaf,
// from the K lowest places of sigs. It does not verify them.
func SettleWitness(leaf Leaf, set *chains.Settlers, sigs Signatures) (wire.TxWitness, error) {
	return quorumWitness(leaf, len(set.Keys), set.K, sigs)
}

// RecoverWitness returns the witness for a vault's recovery leaf, from the KR lowest
// places of sigs. It does not verify them. The input's sequence must be at least the
// recovery age, the transaction's version at least 2 (BIP112).
func RecoverWitness(leaf Leaf, set *chains.Settlers, sigs Signatures) (wire.TxWitness, error) {
	return quorumWitness(leaf, len(set.Keys), set.KR, sigs)
}

func quorumWitness(leaf Leaf, n, k int, sigs Signatures) (wire.TxWitness, error) {
	stack, err := sigs.stack(n, k)
	if err != nil {
		return nil, err
	}
	return leaf.Witness(stack...), nil
}
