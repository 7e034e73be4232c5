package peg_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

// realL1 is a full node that we did not write, with money in outputs of ours.
type realL1 struct {
	*realnode.Node
	t     *testing.T
	coins map[string]wire.OutPoint // by script
}

const subsidy = 50e8

// mine makes blocks whose coinbases pay a script, and remembers the first.
func (n *realL1) mine(script []byte) {
	n.t.Helper()
	var made struct{ Descriptor string }
	n.Call(n.t, &made, "getdescriptorinfo", "raw("+hex.EncodeToString(script)+")")
	var ids []string
	n.Call(n.t, &ids, "generatetodescriptor", 1, made.Descriptor)
	var block struct{ Tx []string }
	n.Call(n.t, &block, "getblock", ids[0])
	n.coins[string(script)] = wire.OutPoint{Hash: parseHash(n.t, block.Tx[0])}
}

func parseHash(t testing.TB, s string) (h spv.Hash) {
	t.Helper()
	raw := unhex(t, s)
	for i := range h {
		h[i] = raw[31-i]
	}
	return h
}

func (n *realL1) height() (h int32) {
	n.t.Helper()
	n.Call(n.t, &h, "getblockcount")
	return h
}

// accepts asks whether the node would relay a transaction.
func (n *realL1) accepts(tx *wire.MsgTx) (bool, string) {
	n.t.Helper()
	var verdict []struct {
		Allowed bool
		Reason  string `json:"reject-reason"`
	}
	n.Call(n.t, &verdict, "testmempoolaccept", []string{encoded(n.t, tx)}, 0)
	return verdict[0].Allowed, verdict[0].Reason
}

func (n *realL1) send(tx *wire.MsgTx) {
	n.t.Helper()
	n.Call(n.t, nil, "sendrawtransaction", encoded(n.t, tx), 0)
}

func encoded(t testing.TB, tx *wire.MsgTx) string {
	t.Helper()
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b.Bytes())
}

// take returns a transaction that spends one of our outputs, and its prevouts.
func (n *realL1) take(script []byte, sequence uint32, outs ...*wire.TxOut) (*wire.MsgTx, txscript.PrevOutputFetcher) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: n.coins[string(script)], Sequence: sequence})
	tx.TxOut = outs
	return tx, txscript.NewCannedPrevOutputFetcher(script, subsidy)
}

// view reads the node's chain into an L1View.
func (n *realL1) view() *l1World {
	n.t.Helper()
	w := newL1()
	for height := range n.height() + 1 {
		var id, header string
		n.Call(n.t, &id, "getblockhash", height)
		n.Call(n.t, &header, "getblockheader", id, false)
		h, err := spv.ParseHeader(unhex(n.t, header))
		if err != nil {
			n.t.Fatal(err)
		}
		b := spv.Block{Height: height, Hash: h.ID()}
		w.blocks[b.Hash], w.headers[b.Hash] = b, h
		w.best = append(w.best, b.Hash)
	}
	return w
}

// TestRealNode lets a node that shares no code with us judge vaults, claims' evidence, the
// batch, recovery and refund.
func TestRealNode(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a full node; the whole run does")
	}
	p, l1, n := realWorld(t)
	terms := peg.Terms{MaxFee: 5000, Script: payTo(7)}
	vault, err := terms.Vault(p)
	if err != nil {
		t.Fatal(err)
	}
	set := &p.Settlers[0]
	change := peg.NewVault(set, p.Peg.Recovery, nil)
	back, err := peg.NewRefundable(set, p.Peg.Refund, terms.Hash(p), [32]byte(schnorr.SerializePubKey(private(99).PubKey())))
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range [][]byte{vault.PkScript, change.PkScript, back.PkScript} {
		n.mine(script)
	}
	n.Generate(t, 100)

	// The first connector and three deposits, one transaction.
	link := peg.LinkValue(p, l1)
	mark := terms.Hash(p)
	tx, prevouts := n.take(vault.PkScript, 0xfffffffd, wire.NewTxOut(link, change.PkScript), wire.NewTxOut(1e8, vault.PkScript),
		wire.NewTxOut(2e8, vault.PkScript), wire.NewTxOut(40e8, payTo(1)))
	h, err := vault.Settle.SigHash(tx, 0, prevouts)
	if err != nil {
		t.Fatal(err)
	}
	if tx.TxIn[0].Witness, err = peg.SettleWitness(vault.Settle, set, signAll(t, h, 0, 2, 4)); err != nil {
		t.Fatal(err)
	}
	n.send(tx)
	n.Generate(t, 10)
	claimOnNode(t, n, p, terms, tx)

	state := peg.State{Height: n.height(), Cut: spv.Block{Height: 50, Hash: spv.Hash{3}}, FeeRate: 50,
		Connector: wire.OutPoint{Hash: tx.TxHash(), Index: 0}}
	for i := 1; i <= 2; i++ {
		state.Coins = append(state.Coins, peg.Coin{Outpoint: wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)},
			Height: n.height() - 9, Value: int64(i) * 1e8, Mark: &mark})
	}
	for i, script := range [][]byte{forms()["p2pkh"], forms()["p2sh"], forms()["p2wpkh"], forms()["p2wsh"], forms()["p2tr"]} {
		state.Burns = append(state.Burns, peg.Unpaid{Burn: peg.Burn{Script: script, MaxFee: 1e6, Amount: 19e6},
			Outpoint: outpoint(i), Height: 40, Index: uint32(i)})
	}
	batchOnNode(t, n, p, l1, state)
	sweepOnNode(t, n, p, l1, back, &terms)
	refundOnNode(t, n, back, p.Peg.Refund)
	recoverOnNode(t, n, change, set, p.Peg.Recovery)
}

func realWorld(t *testing.T) (p, l1 *chains.Params, n *realL1) {
	t.Helper()
	p, _ = load(t, "layer-regtest")
	_, l1 = load(t, "layer-regtest")
	other := *l1
	other.Policy.DustRate = 30_000 // this node's
	l1 = &other
	p.Peg.Epoch, p.Peg.Recovery, p.Peg.Refund, p.Peg.MinDeposit = 1, 130, 120, 1e8
	return p, l1, &realL1{Node: realnode.Litecoind(t), t: t, coins: map[string]wire.OutPoint{}}
}

// claimOnNode claims a deposit by what the node says of its block.
func claimOnNode(t *testing.T, n *realL1, p *chains.Params, terms peg.Terms, deposit *wire.MsgTx) {
	t.Helper()
	var id, raw string
	n.Call(t, &id, "getblockhash", n.height()-9)
	n.Call(t, &raw, "getblock", id, 0)
	block, _, err := spv.ParseBlock(unhex(t, raw), false)
	if err != nil {
		t.Fatal(err)
	}
	ids := block.TxIDs()
	first, err := merkle.NewBranch(ids, 0)
	if err != nil {
		t.Fatal(err)
	}
	branch, err := merkle.NewBranch(ids, 1)
	if err != nil {
		t.Fatal(err)
	}
	e := peg.Evidence{Deposit: block.Txs[1].AppendStripped(nil), Vout: 2, Block: block.Header.ID(),
		Inclusion: merkle.Inclusion{Index: 1, Branch: branch, Coinbase: block.Txs[0].AppendStripped(nil), CoinbaseBranch: first}}
	claim, err := peg.Build(p, terms, e, 700)
	if err != nil {
		t.Fatal(err)
	}
	if claim.TxID != deposit.TxHash() || claim.Value != 2e8 {
		t.Errorf("claims %d of %v", claim.Value, claim.TxID)
	}
	w := n.view()
	if err := claim.Check(p, w, w.at(int(n.height())), nil); err != nil {
		t.Errorf("claim: %v", err)
	}
	early := w.at(int(n.height()-9) + int(p.Layer.ClaimDepth) - 1)
	checkVerdict(t, "early claim", claim.Check(p, w, early, nil), peg.CheckClaimDepth)
}

// batchOnNode relays a batch and mines it. This node's network lets nothing replace a
// transaction, so that the next attempt is only seen to conflict.
func batchOnNode(t *testing.T, n *realL1, p, l1 *chains.Params, s peg.State) {
	t.Helper()
	b, last := signedBatch(t, p, l1, s)
	spoiled := last.Copy()
	spoiled.TxOut[3].Value--
	if ok, _ := n.accepts(spoiled); ok {
		t.Error("the node accepts a batch that was changed after signing")
	}
	n.send(last)
	var entry struct {
		Vsize int64
		Fees  struct{ Base float64 }
	}
	n.Call(t, &entry, "getmempoolentry", last.TxHash().String())
	if entry.Vsize != b.VSize || int64(entry.Fees.Base*1e8+0.5) != b.Share*int64(len(b.Payouts)) {
		t.Errorf("the node says %d vB, fee %f; reckoned %d and %d times %d", entry.Vsize, entry.Fees.Base, b.VSize, len(b.Payouts), b.Share)
	}
	s.Attempt = 1
	_, next := signedBatch(t, p, l1, s)
	if ok, why := n.accepts(next); ok || why != "txn-mempool-conflict" {
		t.Errorf("second attempt: %v %q, want a conflict with the first", ok, why)
	}
	n.Generate(t, 1)
	for i := range last.TxOut {
		if i == 1 {
			continue // the marker
		}
		var out struct{ Confirmations int }
		n.Call(t, &out, "gettxout", last.TxHash().String(), i)
		if out.Confirmations != 1 {
			t.Errorf("output %d of the batch has %d confirmations", i, out.Confirmations)
		}
	}
}

func signedBatch(t *testing.T, p, l1 *chains.Params, s peg.State) (*peg.Batch, *wire.MsgTx) {
	t.Helper()
	b, waiting := derive(t, p, l1, s)
	if b == nil || len(waiting) != 0 {
		t.Fatalf("no batch: %v", waiting)
	}
	checkBatch(t, p, l1, s, b)
	hashes, err := b.SigHashes()
	if err != nil {
		t.Fatal(err)
	}
	var sigs []peg.Signatures
	for _, h := range hashes {
		sigs = append(sigs, signAll(t, h, 1, 2, 3, 4))
	}
	tx, err := b.Sign(sigs)
	if err != nil {
		t.Fatal(err)
	}
	return b, tx
}

// recoverOnNode spends a vault output by its recovery leaf, once it is old enough. The
// coinbase that pays it is at height 2.
func recoverOnNode(t *testing.T, n *realL1, v peg.Vault, set *chains.Settlers, age int32) {
	t.Helper()
	tx, prevouts := n.take(v.PkScript, uint32(age), wire.NewTxOut(49e8, payTo(2)))
	h, err := v.Recover.SigHash(tx, 0, prevouts)
	if err != nil {
		t.Fatal(err)
	}
	if tx.TxIn[0].Witness, err = peg.RecoverWitness(v.Recover, set, signAll(t, h, 1, 3, 4)); err != nil {
		t.Fatal(err)
	}
	waitForAge(t, n, tx, 2, age)
}

func refundOnNode(t *testing.T, n *realL1, d peg.Refundable, age int32) {
	t.Helper()
	tx, prevouts := n.take(d.PkScript, uint32(age), wire.NewTxOut(49e8, payTo(3)))
	h, err := d.Refund.SigHash(tx, 0, prevouts)
	if err != nil {
		t.Fatal(err)
	}
	sig := signAll(t, h, 98)[98]
	tx.TxIn[0].Witness = d.Refund.Witness(sig[:])
	waitForAge(t, n, tx, 3, age)
}

// waitForAge mines until a transaction's input has its age; until then the node refuses it.
func waitForAge(t *testing.T, n *realL1, tx *wire.MsgTx, height, age int32) {
	t.Helper()
	if ahead := height + age - 1 - n.height(); ahead > 0 {
		ok, why := n.accepts(tx)
		if ok || !strings.Contains(why, "BIP68") {
			t.Errorf("accepted %d blocks early: %q", ahead, why)
		}
		n.Generate(t, int(ahead))
	}
	n.send(tx)
	n.Generate(t, 1)
}
