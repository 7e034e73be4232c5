package app

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// TestRealNodes has full nodes that we did not write judge what the wallet signs: a spend
// of every kind of coin, a replacement, a child that pays for its parent, and a split.
func TestRealNodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		chain string
		start func(testing.TB) *realnode.Node
		kinds []string
		rbf   bool // the node takes replacements; Debian's litecoind does not, unless told to
	}{
		{"bitcoin-regtest", realnode.Btcd, []string{"p2wpkh", "p2tr", "p2sh-p2wpkh", "p2pkh"}, true},
		{"litecoin-regtest", realnode.Litecoind, []string{"p2wpkh", "p2sh-p2wpkh", "p2pkh"}, false},
	} {
		t.Run(test.chain, func(t *testing.T) {
			t.Parallel()
			node, p := test.start(t), params(t, test.chain)
			node.Generate(t, 450) // until witnesses count
			h := &home{t: t, net: &network{params: p}, in: Purse{"test", test.chain}}
			h.o = LocalOptions{DataDir: t.TempDir(), Chains: []*chains.Params{p}, Peers: map[string][]string{test.chain: {node.P2P}},
				Agent: "/test/", Log: slog.New(slog.DiscardHandler), Cost: leastCost}
			h.open()
			t.Cleanup(func() { _ = h.Local.Close() })
			_, err := h.CreateWallet(t.Context(), NewWallet{Name: "test", Chains: []string{test.chain}, Password: Secret(password)})
			h.must(err)
			var scripts [][]byte
			for _, kind := range test.kinds {
				scripts = append(scripts, h.scripts(1, kind)...)
			}
			submit(t, node, p, scripts)
			node.Generate(t, int(p.Maturity(1)))
			h.until("coins of every kind", func() bool { return h.balance().Coins == len(scripts) })
			spendAll(t, h, node, test.kinds, test.rbf)
		})
	}
}

// spendAll spends a coin of every kind, and then what came of it in other ways.
func spendAll(t *testing.T, h *home, node *realnode.Node, kinds []string, rbf bool) {
	accept := func(d Draft, err error) Sent {
		t.Helper()
		h.must(err)
		var consent []string
		for _, w := range d.Warnings {
			consent = append(consent, w.Concern)
		}
		sent, err := h.Send(t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Consent: consent})
		h.must(err)
		return sent
	}
	arrived := func(sent Sent) Sent {
		t.Helper()
		inPool(t, node, sent.ID, h.transaction(sent.ID).Raw)
		return sent
	}
	next := int64(0)
	pay := func(amount int64) []Recipient {
		next++
		return []Recipient{{Address: h.somebody(next), Amount: amount}}
	}
	coins, err := h.ListCoins(t.Context(), h.in, CoinFilter{Spendable: true})
	h.must(err)
	var seen []string
	var all []Sent
	for _, k := range coins.Coins {
		seen = append(seen, k.Kind)
		all = append(all, accept(h.Draft(t.Context(), h.in, Payment{To: pay(1e6), Coins: []string{k.Outpoint}})))
	}
	for _, sent := range all { // nodes take their time to ask
		arrived(sent)
	}
	slices.Sort(seen)
	if want := slices.Sorted(slices.Values(kinds)); !slices.Equal(seen, want) {
		t.Fatalf("spent coins of kinds %v, want %v", seen, want)
	}
	first := all[len(all)-1]
	last := first
	if rbf {
		last = arrived(accept(h.Bump(t.Context(), h.in, last.ID, 0)))
		last = arrived(accept(h.Cancel(t.Context(), h.in, last.ID, 0)))
	}
	child := arrived(accept(h.Raise(t.Context(), h.in, last.ID, 200_000)))
	node.Generate(t, 1)
	confirmed := func(s Sent) func() bool { return func() bool { return h.transaction(s.ID).Status == "confirmed" } }
	h.until("all confirmed", confirmed(child))
	if tx := h.transaction(first.ID); rbf != (tx.Status == "replaced") {
		t.Fatalf("first payment: %+v", tx)
	}
	account := changeAccountOf(t, h)
	split := arrived(accept(h.Split(t.Context(), h.in, SplitRequest{Count: 50, Account: account})))
	node.Generate(t, 1)
	h.until("split confirmed", confirmed(split))
}

// inPool waits until a node has a transaction.
func inPool(t *testing.T, node *realnode.Node, id spv.Hash, raw string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var pool []string
		node.Call(t, &pool, "getrawmempool")
		if slices.Contains(pool, id.String()) {
			return
		}
		if time.Now().After(end) {
			node.Call(t, nil, "sendrawtransaction", raw) // which says why not
			t.Fatalf("transaction %s: the node was never given it: %s", id, raw)
		}
	}
}

// submit mines a block whose coinbase pays scripts, and gives it to a node.
func submit(t *testing.T, node *realnode.Node, p *chains.Params, scripts [][]byte) {
	t.Helper()
	var count int64
	node.Call(t, &count, "getblockcount")
	var tip string
	node.Call(t, &tip, "getbestblockhash")
	prev, err := chainhash.NewHashFromStr(tip)
	if err != nil {
		t.Fatal(err)
	}
	var above struct{ Time int64 }
	node.Call(t, &above, "getblockheader", tip)
	script, err := txscript.NewScriptBuilder().AddInt64(count + 1).AddInt64(1 << 20).Script()
	if err != nil {
		t.Fatal(err)
	}
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{}, 0xffffffff), script, nil))
	subsidy, _ := p.Subsidy(int32(count + 1))
	for _, s := range scripts {
		coinbase.AddTxOut(wire.NewTxOut(subsidy/int64(len(scripts)), s))
	}
	header := wire.NewBlockHeader(0x20000000, prev, &chainhash.Hash{}, p.Genesis.Bits(), 0)
	header.MerkleRoot, header.Timestamp = coinbase.TxHash(), time.Unix(above.Time+1, 0)
	block := wire.NewMsgBlock(header)
	if err := block.AddTransaction(coinbase); err != nil {
		t.Fatal(err)
	}
	target, _ := spv.ParseTarget(p.Genesis.Bits())
	for {
		var raw bytes.Buffer
		_ = header.Serialize(&raw)
		h := spv.Header(raw.Bytes())
		if work := p.Work.Sum((*[80]byte)(&h)); spv.Meets(&work, &target) {
			break
		}
		header.Nonce++
	}
	block.Header = *header
	raw, err := btcutil.NewBlock(block).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var answer *string
	node.Call(t, &answer, "submitblock", hex.EncodeToString(raw))
	if answer != nil {
		t.Fatalf("block refused: %s", *answer)
	}
}
