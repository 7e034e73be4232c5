package peg_test

import (
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
)

// TestBtcd lets a second node that we did not write judge, by its standardness rules, the first
// connector, deposits of both kinds, a batch and the attempt that replaces it, a batch on top
// of its change, refund, sweep and recovery.
func TestBtcd(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a full node; the whole run does")
	}
	p, l1 := load(t, "layer-regtest")
	p.Peg.Epoch, p.Peg.Recovery, p.Peg.Refund, p.Peg.MinDeposit = 1, 30, 20, 1e6
	n := &realL1{Node: realnode.BtcdStrict(t), t: t}
	terms := peg.Terms{MaxFee: 5000, Script: payTo(7)}
	vault, err := terms.Vault(p)
	check(t, err)
	set := &p.Settlers[0]
	home := peg.NewVault(set, p.Peg.Recovery, nil)
	back, err := peg.NewRefundable(set, p.Peg.Refund, terms.Hash(p), [32]byte(schnorr.SerializePubKey(private(99).PubKey())))
	check(t, err)
	coinbase := n.MineTo(t, home.PkScript, back.PkScript, back.PkScript, home.PkScript)
	value := coinbase.TxOut[0].Value
	n.Generate(t, 450) // taproot becomes active
	from := func(i int) wire.OutPoint { return wire.OutPoint{Hash: coinbase.TxHash(), Index: uint32(i)} }
	one := func(op wire.OutPoint, script []byte, value int64, sequence uint32, outs ...*wire.TxOut) (*wire.MsgTx, txscript.PrevOutputFetcher) {
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: sequence})
		tx.TxOut = outs
		return tx, txscript.NewCannedPrevOutputFetcher(script, value)
	}

	// Whoever has coins pays for the first connector and three deposits.
	marker := peg.Marker{Cut: p.NetID(), List: peg.PayoutHash(nil)}
	tx, prevouts := one(from(0), home.PkScript, value, 0xfffffffd, wire.NewTxOut(peg.LinkValue(p, l1), home.PkScript),
		wire.NewTxOut(0, marker.Script()), wire.NewTxOut(1e8, vault.PkScript), wire.NewTxOut(2e8, vault.PkScript),
		wire.NewTxOut(value-4e8, back.PkScript))
	h, err := home.Settle.SigHash(tx, 0, prevouts)
	check(t, err)
	tx.TxIn[0].Witness, err = peg.SettleWitness(home.Settle, set, signAll(t, h, 0, 2, 4))
	check(t, err)
	n.push(tx)
	n.Generate(t, 10)
	mark := terms.Hash(p)
	state := peg.State{Height: n.height(), Cut: spv.Block{Height: 50, Hash: spv.Hash{3}}, FeeRate: 50, Connector: wire.OutPoint{Hash: tx.TxHash()}}
	for i := 2; i <= 3; i++ {
		state.Coins = append(state.Coins, peg.Coin{Outpoint: wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}, Height: n.height() - 9,
			Value: tx.TxOut[i].Value, Mark: &mark})
	}
	for i, script := range [][]byte{forms()["p2pkh"], forms()["p2sh"], forms()["p2wpkh"], forms()["p2wsh"], forms()["p2tr"]} {
		state.Burns = append(state.Burns, peg.Unpaid{Burn: peg.Burn{Script: script, MaxFee: 1e6, Amount: 19e6},
			Outpoint: outpoint(i), Height: 40, Index: uint32(i)})
	}

	// A batch, and the next attempt in its place: one of them confirms.
	first, low := signedBatch(t, p, l1, state)
	n.push(low)
	if got := n.mempoolFee(low); got != first.Share*int64(len(first.Payouts)) {
		t.Errorf("the node says a fee of %d sat, want %d times %d", got, len(first.Payouts), first.Share)
	}
	state.Attempt = 1
	second, high := signedBatch(t, p, l1, state)
	n.push(high)
	if pool := n.mempool(); len(pool) != 1 || pool[0] != high.TxHash().String() {
		t.Errorf("the mempool holds %v, want the second attempt alone", pool)
	}
	n.Generate(t, 1)
	if ok, why := n.accepts(low); ok {
		t.Error("the first attempt is taken when the second is in a block")
	} else if why == "" {
		t.Error("no reason")
	}

	// The next batch spends connector and change.
	change := len(high.TxOut) - len(second.Payouts) - 1
	if change != 2 || len(second.Payouts) != 5 {
		t.Fatalf("%d outputs for %d payouts", len(high.TxOut), len(second.Payouts))
	}
	state = peg.State{Height: n.height(), Cut: spv.Block{Height: 90, Hash: spv.Hash{4}}, FeeRate: 50,
		Connector: wire.OutPoint{Hash: high.TxHash()}, Coins: []peg.Coin{{Outpoint: wire.OutPoint{Hash: high.TxHash(), Index: 2}, Height: state.Height, Value: high.TxOut[2].Value}},
		Burns: []peg.Unpaid{{Burn: peg.Burn{Script: forms()["p2tr"], MaxFee: 1e6, Amount: 3e6}, Outpoint: outpoint(9), Height: 80}}}
	_, next := signedBatch(t, p, l1, state)
	n.push(next)
	n.Generate(t, 1)
	n.confirmed(next)

	// A refundable deposit is swept into its vault at any age; refund and recovery must be old enough.
	sweep, prevouts := one(from(1), back.PkScript, value, 0xfffffffd, wire.NewTxOut(value-5000, vault.PkScript))
	h, err = back.Settle.SigHash(sweep, 0, prevouts)
	check(t, err)
	sweep.TxIn[0].Witness, err = peg.SettleWitness(back.Settle, set, signAll(t, h, 1, 2, 3))
	check(t, err)
	n.push(sweep)
	young := wire.OutPoint{Hash: tx.TxHash(), Index: 4}
	refund, prevouts := one(young, back.PkScript, tx.TxOut[4].Value, uint32(p.Peg.Refund), wire.NewTxOut(tx.TxOut[4].Value-5000, payTo(3)))
	h, err = back.Refund.SigHash(refund, 0, prevouts)
	check(t, err)
	sig := signAll(t, h, 98)[98]
	refund.TxIn[0].Witness = back.Refund.Witness(sig[:])
	recovery, prevouts := one(wire.OutPoint{Hash: next.TxHash()}, home.PkScript, next.TxOut[0].Value, uint32(p.Peg.Recovery),
		wire.NewTxOut(next.TxOut[0].Value-500, payTo(2)))
	h, err = home.Recover.SigHash(recovery, 0, prevouts)
	check(t, err)
	recovery.TxIn[0].Witness, err = peg.RecoverWitness(home.Recover, set, signAll(t, h, 1, 3, 4))
	check(t, err)
	for name, early := range map[string]*wire.MsgTx{"refund": refund, "recovery": recovery} {
		if ok, _ := n.accepts(early); ok {
			t.Errorf("%s: accepted early", name)
		}
	}
	n.Generate(t, int(p.Peg.Recovery))
	n.push(refund)
	n.push(recovery)
	n.Generate(t, 1)
	for _, tx := range []*wire.MsgTx{sweep, refund, recovery} {
		n.confirmed(tx)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// push hands btcd a transaction.
func (n *realL1) push(tx *wire.MsgTx) {
	n.t.Helper()
	n.Call(n.t, nil, "sendrawtransaction", encoded(n.t, tx), true)
}

func (n *realL1) mempool() (ids []string) {
	n.t.Helper()
	n.Call(n.t, &ids, "getrawmempool")
	return ids
}

// mempoolFee returns what btcd says of a transaction's fee, satoshis.
func (n *realL1) mempoolFee(tx *wire.MsgTx) int64 {
	n.t.Helper()
	var all map[string]struct{ Fee float64 }
	n.Call(n.t, &all, "getrawmempool", true)
	return int64(all[tx.TxHash().String()].Fee*1e8 + 0.5)
}

// confirmed fails unless a transaction's first output is in a block and unspent.
func (n *realL1) confirmed(tx *wire.MsgTx) {
	n.t.Helper()
	var out struct{ Confirmations int }
	if n.Call(n.t, &out, "gettxout", tx.TxHash().String(), 0); out.Confirmations < 1 {
		n.t.Errorf("transaction %s is in no block", tx.TxHash())
	}
}
