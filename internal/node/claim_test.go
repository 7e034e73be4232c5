package node

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

// spendOpen spends an output of anybody's.
func spendOpen(op wire.OutPoint, outs ...*wire.TxOut) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: wire.MaxTxInSequenceNum - 2, Witness: wire.TxWitness{{txscript.OP_TRUE}}})
	for _, o := range outs {
		tx.AddTxOut(o)
	}
	return tx
}

func plain(t *testing.T, tx *wire.MsgTx) []byte {
	t.Helper()
	var raw bytes.Buffer
	check(t, tx.SerializeNoWitness(&raw))
	return raw.Bytes()
}

func block(t *testing.T, l *Loop, id spv.Hash) *consensus.Block {
	t.Helper()
	raw, err := l.View().Block(id)
	check(t, err)
	b, err := consensus.ParseBlock(l.Params(), raw)
	check(t, err)
	return b
}

// deposit pays a vault on the L1, and returns the claim of it.
func deposit(t *testing.T, a *running, layer string) *wire.MsgTx {
	t.Helper()
	l1, l2 := a.loop("dev"), a.loop(layer)
	sum := sha256.Sum256([]byte{txscript.OP_TRUE})
	a.pays = append([]byte{0, 32}, sum[:]...)
	first := a.generate("dev", 12)[0]
	paid := block(t, l1, first).Txs[0]
	terms := peg.Terms{MaxFee: 5000, Script: a.pays}
	vault, err := terms.Vault(l2.Params())
	check(t, err)
	tx := spendOpen(wire.OutPoint{Hash: paid.TxHash()}, &wire.TxOut{Value: 100_000, PkScript: vault.PkScript},
		&wire.TxOut{Value: paid.TxOut[0].Value - 110_000, PkScript: a.pays})
	result, err := l1.Tx(t.Context(), tx)
	check(t, err)
	if result.Status != mempool.Accepted {
		t.Fatalf("deposit: %s", result.Status)
	}
	id := a.generate("dev", 1)[0]
	b := block(t, l1, id)
	if len(b.Txs) != 2 {
		t.Fatalf("%d transactions in the block, want the deposit's", len(b.Txs))
	}
	ids := []spv.Hash{b.Txs[0].TxHash(), tx.TxHash()}
	own, err := merkle.NewBranch(ids, 1)
	check(t, err)
	coinbase, err := merkle.NewBranch(ids, 0)
	check(t, err)
	claim, err := peg.Build(l2.Params(), terms, peg.Evidence{Deposit: plain(t, tx), Vout: 0, Block: id,
		Inclusion: merkle.Inclusion{Index: 1, Branch: own, Coinbase: plain(t, b.Txs[0]), CoinbaseBranch: coinbase}}, 4000)
	check(t, err)
	return claim.Tx()
}

// TestClaimBeforeItsL1Block: a node that has not heard of the L1 block that a claim speaks
// of keeps the claim, and takes it once the block is there; a layer block with it, too.
func TestClaimBeforeItsL1Block(t *testing.T) {
	a := start(t, Config{})
	b := start(t, Config{})
	claim := deposit(t, a, "dev-native")
	a.generate("dev", 8) // anchor and claim depth, and some
	layer := a.loop("dev-native")
	if result, err := layer.Tx(t.Context(), claim); err != nil || result.Status != mempool.Accepted {
		t.Fatalf("claim: %s, %v", result.Status, err)
	}

	other := b.loop("dev-native")
	if result, err := other.Tx(t.Context(), claim); err != nil || result.Status != mempool.Pending {
		t.Fatalf("claim before its block: %s, %v", result.Status, err)
	}
	id := a.generate("dev-native", 1)[0]
	if n := len(block(t, layer, id).Txs); n != 2 {
		t.Fatalf("%d transactions in the layer's block, want the claim's", n)
	}
	raw, err := layer.View().Block(id)
	check(t, err)
	if result, err := other.Block(t.Context(), raw); err != nil || result.Status.String() != "pending" {
		t.Fatalf("block before its L1 block: %s, %v", result.Status, err)
	}
	from, to := a.loop("dev").View(), b.loop("dev")
	for h := int32(1); h <= from.Tip().Height; h++ {
		at, _ := from.BlockAt(h)
		raw, err := from.Block(at.Hash)
		check(t, err)
		_, err = to.Block(t.Context(), raw)
		check(t, err)
	}
	await(t, "the claim's block at the other node", func() bool { return other.View().Tip().Hash == id }, other)
	supply, err := other.Chain().Supply()
	if err != nil || supply.Claimed != 100_000 {
		t.Errorf("supply %+v, %v", supply, err)
	}
	await(t, "the claim leaves the pool", func() bool { return len(other.Pool().All()) == 0 }, other)
}
