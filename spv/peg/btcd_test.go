package peg_test

import (
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// btcdL1 is btcd with what a layer's settlers have on it.
type btcdL1 struct {
	*realL1
	p, l1    *chains.Params
	terms    peg.Terms
	vault    peg.Vault      // of the terms
	home     peg.Vault      // of no terms
	back     peg.Refundable // of the terms, refunded by key 99
	coinbase *wire.MsgTx    // pays home, back, back and home the same value each
}

func newBtcdL1(t *testing.T) *btcdL1 {
	t.Helper()
	p, l1 := load(t, "layer-regtest")
	p.Peg.Epoch, p.Peg.Recovery, p.Peg.Refund, p.Peg.MinDeposit = 1, 30, 20, 1e6
	n := &btcdL1{realL1: &realL1{Node: realnode.BtcdStrict(t), t: t}, p: p, l1: l1, terms: peg.Terms{MaxFee: 5000, Script: payTo(7)}}
	var err error
	n.vault, err = n.terms.Vault(p)
	check(t, err)
	n.home = peg.NewVault(n.set(), p.Peg.Recovery, nil)
	n.back, err = peg.NewRefundable(n.set(), p.Peg.Refund, n.terms.Hash(p), [32]byte(schnorr.SerializePubKey(private(99).PubKey())))
	check(t, err)
	n.coinbase = n.MineTo(t, n.home.PkScript, n.back.PkScript, n.back.PkScript, n.home.PkScript)
	n.Generate(t, 450) // taproot becomes active
	return n
}

func (n *btcdL1) set() *chains.Settlers { return &n.p.Settlers[0] }

// spend returns a transaction that spends one output, and its prevouts.
func spend(op wire.OutPoint, script []byte, value int64, sequence uint32, outs ...*wire.TxOut) (*wire.MsgTx, txscript.PrevOutputFetcher) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: sequence})
	tx.TxOut = outs
	return tx, txscript.NewCannedPrevOutputFetcher(script, value)
}

// from returns the coinbase's output at an index.
func (n *btcdL1) from(index uint32) wire.OutPoint {
	return wire.OutPoint{Hash: n.coinbase.TxHash(), Index: index}
}

// TestBtcd lets a second node that we did not write judge, by its standardness rules, the first
// connector, deposits of both kinds, a batch and the attempt that replaces it, a batch on top
// of its change, refund, sweep and recovery.
func TestBtcd(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a full node; the whole run does")
	}
	n := newBtcdL1(t)
	funding := n.fund()
	batch := n.replacedBatch(n.owed(funding))
	next := n.batchOnChange(batch)
	// A refundable deposit is swept into its vault at any age; refund and recovery must be old enough.
	sweep, refund, recovery := n.swept(), n.refund(funding), n.recovery(next)
	n.push(sweep)
	for name, early := range map[string]*wire.MsgTx{"refund": refund, "recovery": recovery} {
		if ok, _ := n.accepts(early); ok {
			t.Errorf("%s: accepted early", name)
		}
	}
	n.Generate(t, int(n.p.Peg.Recovery))
	n.push(refund)
	n.push(recovery)
	n.Generate(t, 1)
	for _, tx := range []*wire.MsgTx{sweep, refund, recovery} {
		n.confirmed(tx)
	}
}

// fund lets whoever has coins pay for the first connector, two deposits into the vault, and a
// refundable one; ten blocks bury them.
func (n *btcdL1) fund() *wire.MsgTx {
	n.t.Helper()
	value := n.coinbase.TxOut[0].Value
	marker := peg.Marker{Cut: n.p.NetID(), List: peg.PayoutHash(nil)}
	tx, prevouts := spend(n.from(0), n.home.PkScript, value, 0xfffffffd, wire.NewTxOut(peg.LinkValue(n.p, n.l1), n.home.PkScript),
		wire.NewTxOut(0, marker.Script()), wire.NewTxOut(1e8, n.vault.PkScript), wire.NewTxOut(2e8, n.vault.PkScript),
		wire.NewTxOut(value-4e8, n.back.PkScript))
	h, err := n.home.Settle.SigHash(tx, 0, prevouts)
	check(n.t, err)
	tx.TxIn[0].Witness, err = peg.SettleWitness(n.home.Settle, n.set(), signAll(n.t, h, 0, 2, 4))
	check(n.t, err)
	n.push(tx)
	n.Generate(n.t, 10)
	return tx
}

// owed is the state with two deposits in the vault and a burn to each form of script.
func (n *btcdL1) owed(funding *wire.MsgTx) peg.State {
	n.t.Helper()
	mark := n.terms.Hash(n.p)
	s := peg.State{Height: n.height(), Cut: spv.Block{Height: 50, Hash: spv.Hash{3}}, FeeRate: 50,
		Connector: wire.OutPoint{Hash: funding.TxHash()}}
	for i := 2; i <= 3; i++ {
		s.Coins = append(s.Coins, peg.Coin{Outpoint: wire.OutPoint{Hash: funding.TxHash(), Index: uint32(i)}, Height: n.height() - 9,
			Value: funding.TxOut[i].Value, Mark: &mark})
	}
	for i, script := range [][]byte{forms()["p2pkh"], forms()["p2sh"], forms()["p2wpkh"], forms()["p2wsh"], forms()["p2tr"]} {
		s.Burns = append(s.Burns, peg.Unpaid{Burn: peg.Burn{Script: script, MaxFee: 1e6, Amount: 19e6},
			Outpoint: outpoint(i), Height: 40, Index: uint32(i)})
	}
	return s
}

// replacedBatch sends a batch, and the next attempt in its place. It returns that one, which
// confirms and pays five burns.
func (n *btcdL1) replacedBatch(s peg.State) *wire.MsgTx {
	n.t.Helper()
	first, low := signedBatch(n.t, n.p, n.l1, s)
	n.push(low)
	if got := n.mempoolFee(low); got != first.Share*int64(len(first.Payouts)) {
		n.t.Errorf("the node says a fee of %d sat, want %d times %d", got, len(first.Payouts), first.Share)
	}
	s.Attempt = 1
	second, high := signedBatch(n.t, n.p, n.l1, s)
	n.push(high)
	if pool := n.mempool(); len(pool) != 1 || pool[0] != high.TxHash().String() {
		n.t.Errorf("the mempool holds %v, want the second attempt alone", pool)
	}
	n.Generate(n.t, 1)
	if ok, why := n.accepts(low); ok {
		n.t.Error("the first attempt is taken when the second is in a block")
	} else if why == "" {
		n.t.Error("no reason")
	}
	change := len(high.TxOut) - len(second.Payouts) - 1
	if change != 2 || len(second.Payouts) != 5 {
		n.t.Fatalf("%d outputs for %d payouts", len(high.TxOut), len(second.Payouts))
	}
	return high
}

// batchOnChange sends a batch that spends the connector and the change of the one before.
func (n *btcdL1) batchOnChange(last *wire.MsgTx) *wire.MsgTx {
	n.t.Helper()
	height, id := n.height(), last.TxHash()
	_, next := signedBatch(n.t, n.p, n.l1, peg.State{Height: height, Cut: spv.Block{Height: 90, Hash: spv.Hash{4}}, FeeRate: 50,
		Connector: wire.OutPoint{Hash: id},
		Coins:     []peg.Coin{{Outpoint: wire.OutPoint{Hash: id, Index: 2}, Height: height, Value: last.TxOut[2].Value}},
		Burns:     []peg.Unpaid{{Burn: peg.Burn{Script: forms()["p2tr"], MaxFee: 1e6, Amount: 3e6}, Outpoint: outpoint(9), Height: 80}}})
	n.push(next)
	n.Generate(n.t, 1)
	n.confirmed(next)
	return next
}

// swept moves the coinbase's first refundable output into its vault.
func (n *btcdL1) swept() *wire.MsgTx {
	n.t.Helper()
	value := n.coinbase.TxOut[1].Value
	tx, prevouts := spend(n.from(1), n.back.PkScript, value, 0xfffffffd, wire.NewTxOut(value-5000, n.vault.PkScript))
	h, err := n.back.Settle.SigHash(tx, 0, prevouts)
	check(n.t, err)
	tx.TxIn[0].Witness, err = peg.SettleWitness(n.back.Settle, n.set(), signAll(n.t, h, 1, 2, 3))
	check(n.t, err)
	return tx
}

// refund takes the refundable deposit back.
func (n *btcdL1) refund(funding *wire.MsgTx) *wire.MsgTx {
	n.t.Helper()
	young, value := wire.OutPoint{Hash: funding.TxHash(), Index: 4}, funding.TxOut[4].Value
	tx, prevouts := spend(young, n.back.PkScript, value, uint32(n.p.Peg.Refund), wire.NewTxOut(value-5000, payTo(3)))
	h, err := n.back.Refund.SigHash(tx, 0, prevouts)
	check(n.t, err)
	sig := signAll(n.t, h, 98)[98]
	tx.TxIn[0].Witness = n.back.Refund.Witness(sig[:])
	return tx
}

// recovery takes a batch's connector by the recovery leaf.
func (n *btcdL1) recovery(batch *wire.MsgTx) *wire.MsgTx {
	n.t.Helper()
	value := batch.TxOut[0].Value
	tx, prevouts := spend(wire.OutPoint{Hash: batch.TxHash()}, n.home.PkScript, value, uint32(n.p.Peg.Recovery),
		wire.NewTxOut(value-500, payTo(2)))
	h, err := n.home.Recover.SigHash(tx, 0, prevouts)
	check(n.t, err)
	tx.TxIn[0].Witness, err = peg.RecoverWitness(n.home.Recover, n.set(), signAll(n.t, h, 1, 3, 4))
	check(n.t, err)
	return tx
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
