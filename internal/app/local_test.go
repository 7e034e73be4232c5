package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/wallet"
)

func doubleHash(b []byte) [32]byte { return pow.DoubleSHA256(b) }

const (
	testChain = "bitcoin-regtest"
	password  = "correct horse"
)

// testWords are those of the BIP39 vectors; nobody has money there on a private network.
const testWords = "legal winner thank year wave sausage worth useful legal winner thank yellow"

// home is a Local with a network of its own.
type home struct {
	*Local
	t   testing.TB
	net *network
	o   LocalOptions
	in  Purse
}

func params(t testing.TB, name string) *chains.Params {
	t.Helper()
	a, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Chain(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newHome(t testing.TB, n *network) *home {
	t.Helper()
	h := &home{t: t, net: n, in: Purse{"test", n.params.Name}}
	h.o = LocalOptions{DataDir: t.TempDir(), Chains: []*chains.Params{n.params}, Peers: map[string][]string{n.params.Name: {n.address}},
		Agent: "/test/", Log: slog.New(slog.DiscardHandler), Cost: leastCost}
	h.open()
	t.Cleanup(func() { _ = h.Local.Close() })
	return h
}

func (h *home) open() {
	h.t.Helper()
	a, err := Open(Options{})
	if err == nil {
		h.Local, err = a.OpenLocal(h.o)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) close() {
	h.t.Helper()
	if err := h.Local.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// restore makes the test's wallet and waits until it has looked at every block.
func (h *home) restore() {
	h.t.Helper()
	_, err := h.RestoreWallet(h.t.Context(), NewWallet{Name: h.in.Wallet, Chains: []string{h.in.Chain}, Password: Secret(password), Accounts: 1}, Secret(testWords), nil)
	h.must(err)
	h.current()
}

func (h *home) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// until waits for something to come true that only events can make true.
func (h *home) until(what string, done func() bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events := h.Subscribe(ctx)
	for !done() {
		if _, ok := <-events; !ok {
			state, _ := h.ListChains(context.Background())
			h.t.Fatalf("never came: %s; %+v; stopped: %v, refused: %v", what, state, h.errs, h.net.refused)
		}
	}
}

// current waits until the wallet has looked at all that the network has.
func (h *home) current() {
	h.t.Helper()
	tip := h.net.tip()
	h.until("scanned to "+tip.String(), func() bool {
		b := h.balance()
		return b.Trust.Verified && b.Trust.Scanned == tip && b.Trust.FilterSource != ""
	})
}

func (h *home) balance() Balance {
	h.t.Helper()
	b, err := h.Balance(context.Background(), h.in)
	h.must(err)
	return b
}

// scripts returns new addresses' scripts.
func (h *home) scripts(n int, kind string) (out [][]byte) {
	h.t.Helper()
	for range n {
		a, err := h.Receive(h.t.Context(), h.in, ReceiveRequest{Kind: kind, Fresh: true})
		h.must(err)
		script, err := h.script(h.net.params, a.Address)
		h.must(err)
		out = append(out, script)
	}
	return out
}

// fund pays amounts to new addresses, each in a transaction of its own, and confirms them.
func (h *home) fund(amounts ...int64) {
	h.t.Helper()
	scripts := h.scripts(len(amounts), "")
	var txs []*wire.MsgTx
	for i, amount := range amounts {
		h.net.do(func() { txs = append(txs, h.net.pay(amount, scripts[i])) })
	}
	h.net.mine(1, txs...)
	h.current()
}

// somebody returns an address of nobody here.
func (h *home) somebody(n int64) string {
	h.t.Helper()
	c, err := h.ledger(h.in.Chain)
	h.must(err)
	return scriptAddress(h.t, c.params, simnet.Script(1e6+n))
}

// send plans and sends a payment, and waits until the network has it.
func (h *home) send(p Payment, consent ...string) Sent {
	h.t.Helper()
	d, err := h.Draft(h.t.Context(), h.in, p)
	h.must(err)
	return h.sendDraft(d, consent...)
}

func (h *home) sendDraft(d Draft, consent ...string) Sent {
	h.t.Helper()
	sent, err := h.Send(h.t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Consent: consent})
	h.must(err)
	h.arrived(sent.ID)
	return sent
}

func (h *home) arrived(id spv.Hash) {
	h.t.Helper()
	select {
	case <-h.net.await(id):
	case <-time.After(patience):
		h.t.Fatalf("transaction %s never reached the network; refused: %v", id, h.net.refused)
	}
}

func (h *home) transaction(id spv.Hash) Transaction {
	h.t.Helper()
	tx, err := h.Transaction(h.t.Context(), h.in, id)
	h.must(err)
	return tx
}

func TestReceiveAndSend(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(30)
	h := newHome(t, n)
	made, err := h.CreateWallet(t.Context(), NewWallet{Name: "test", Chains: []string{testChain}, Password: Secret(password)})
	h.must(err)
	if words, err := keystore.ParseWords(string(made.Backup.Words)); err != nil || words.Count() != 12 {
		t.Fatalf("backup words: %v", err)
	}
	h.current()
	if b := h.balance(); b.Total() != 0 || !b.Trust.Verified || b.Trust.Peers != 1 || b.Trust.Tip != n.tip() {
		t.Fatalf("balance of a new wallet: %+v", b)
	}

	h.receives()
	fee := h.sends()
	h.close()
	h.open() // balances without a password, before anything comes from the network
	if b := h.balance(); b.Confirmed != 4e8-fee {
		t.Fatalf("after a restart: %+v", b)
	}
	w, err := h.ListWallets(t.Context())
	if err != nil || len(w) != 1 || w[0].Verified || w[0].Unlocked {
		t.Fatalf("wallets after a restart: %+v, %v", w, err)
	}
}

// receives is paid 5e8 by the network: the payment is seen, then confirmed, and its address is not given out again.
func (h *home) receives() {
	h.t.Helper()
	n := h.net
	a, err := h.Receive(h.t.Context(), h.in, ReceiveRequest{Amount: 5e8, Label: "rent"})
	h.must(err)
	if again, _ := h.Receive(h.t.Context(), h.in, ReceiveRequest{}); again.Address != a.Address || again.Label != "rent" || !a.Verified {
		h.t.Fatalf("unused address: got %+v, then %+v", a, again)
	}
	ask, err := h.ParseURI(h.t.Context(), testChain, a.URI)
	if err != nil || ask.Address != a.Address || *ask.Amount != 5e8 || ask.Label != "rent" {
		h.t.Fatalf("URI %q: %+v, %v", a.URI, ask, err)
	}
	script, err := h.script(n.params, a.Address)
	h.must(err)
	var in *wire.MsgTx
	n.do(func() { in = n.pay(5e8, script) })

	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	events := h.Subscribe(ctx)
	wait := func(kind EventKind, id spv.Hash) Event {
		h.t.Helper()
		for timeout := time.After(patience); ; {
			select {
			case e := <-events:
				if e.Kind == kind && *e.TxID == id {
					return e
				}
			case <-timeout:
				h.t.Fatalf("no event %q of %s", kind, id)
			}
		}
	}
	n.announce(in)
	if e := wait(EventSeen, in.TxHash()); e.Row.Amount != 5e8 || e.Row.Status != "pending" || e.Purse != h.in {
		h.t.Fatalf("seen: %+v", e)
	}
	if b := h.balance(); b.Unconfirmed != 5e8 || b.Spendable != 0 {
		h.t.Fatalf("unconfirmed payment: %+v", b)
	}
	n.mine(1)
	if e := wait(EventConfirmed, in.TxHash()); e.Row.Block == nil || *e.Row.Block != n.tip() {
		h.t.Fatalf("confirmed: %+v", e)
	}
	h.current()
	if b := h.balance(); b.Confirmed != 5e8 || b.Spendable != 5e8 || b.Coins != 1 {
		h.t.Fatalf("confirmed payment: %+v", b)
	}
	if next, _ := h.Receive(h.t.Context(), h.in, ReceiveRequest{}); next.Address == a.Address {
		h.t.Fatal("a paid address is given out again")
	}
}

// sends pays 1e8 of that in a session, once and no more, and returns the fee.
func (h *home) sends() (fee int64) {
	h.t.Helper()
	n := h.net
	d, err := h.Draft(h.t.Context(), h.in, Payment{To: []Recipient{{Address: h.somebody(1), Amount: 1e8, Label: "shop"}}, Label: "shoes"})
	h.must(err)
	if len(d.Inputs) != 1 || len(d.Outputs) != 2 || d.Paid != 1e8 || !d.Inputs[0].Ours {
		h.t.Fatalf("draft: %+v", d)
	}
	_, err = h.Send(h.t.Context(), SendRequest{Draft: d.ID})
	if CodeOf(err) != CodeLocked {
		h.t.Fatalf("send while locked: %v", err)
	}
	if _, err = h.Send(h.t.Context(), SendRequest{Draft: d.ID, Password: Secret("wrong")}); CodeOf(err) != CodePassword {
		h.t.Fatalf("wrong password: %v", err)
	}
	_, err = h.Unlock(h.t.Context(), "test", Secret(password), time.Minute)
	h.must(err)
	sent, err := h.Send(h.t.Context(), SendRequest{Draft: d.ID, Key: "order 1"})
	h.must(err)
	h.arrived(sent.ID)
	if twice, err := h.Send(h.t.Context(), SendRequest{Draft: d.ID, Key: "order 1"}); err != nil || !twice.Repeated || twice.ID != sent.ID {
		h.t.Fatalf("the same key again: %+v, %v", twice, err)
	}
	other, err := h.Draft(h.t.Context(), h.in, Payment{To: []Recipient{{Address: h.somebody(1), Amount: 2e8}}})
	h.must(err)
	if _, err := h.Send(h.t.Context(), SendRequest{Draft: other.ID, Key: "order 1", Consent: []string{"reuse"}}); CodeOf(err) != CodeConflict {
		h.t.Fatalf("the same key for another payment: %v", err)
	}
	if _, err := h.Send(h.t.Context(), SendRequest{Draft: other.ID}); CodeOf(err) != CodeConsent {
		h.t.Fatalf("an address that was paid before: %v", err)
	}
	n.mine(1)
	h.current()
	tx := h.transaction(sent.ID)
	if tx.Status != "confirmed" || tx.Amount != -1e8-d.Fee || *tx.Fee != d.Fee || tx.Label != "shoes" || n.pooled() != 0 {
		h.t.Fatalf("sent: %+v", tx)
	}
	return d.Fee
}

func TestBumpCancelRaise(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(5)
	h := newHome(t, n)
	h.restore()
	h.fund(1e8, 1e8, 1e8)

	first := h.send(Payment{To: []Recipient{{Address: h.somebody(1), Amount: 3e7}}, Rate: 1000})
	d, err := h.Bump(t.Context(), h.in, first.ID, 0)
	h.must(err)
	second := h.sendDraft(d)
	if n.holds(first.ID) || h.transaction(first.ID).Status != "replaced" || *h.transaction(first.ID).ReplacedBy != second.ID {
		t.Fatalf("bumped: %+v", h.transaction(first.ID))
	}
	d, err = h.Cancel(t.Context(), h.in, second.ID, 0)
	h.must(err)
	third := h.sendDraft(d)
	if d.Paid != 0 || n.holds(second.ID) {
		t.Fatalf("cancelled: %+v", d)
	}
	n.mine(1)
	h.current()
	if b := h.balance(); b.Confirmed != 3e8-third.Fee {
		t.Fatalf("cancelled: %+v, want all but the fee of %d", b, third.Fee)
	}

	// A payment that comes in and pays its miners too little.
	var in *wire.MsgTx
	script := h.scripts(1, "p2tr")[0]
	n.do(func() { in = n.pay(2e8, script) })
	n.announce(in)
	h.until("seen", func() bool { return h.balance().Unconfirmed == 2e8 })
	d, err = h.Raise(t.Context(), h.in, in.TxHash(), 50_000)
	h.must(err)
	if len(d.Warnings) != 1 || d.Warnings[0].Concern != wallet.Shaky.String() {
		t.Fatalf("warnings: %+v", d.Warnings)
	}
	child := h.sendDraft(d, wallet.Shaky.String())
	n.mine(1)
	h.current()
	if tx := h.transaction(child.ID); tx.Status != "confirmed" || tx.Inputs[0].Outpoint != (&wire.OutPoint{Hash: in.TxHash()}).String() {
		t.Fatalf("child: %+v", tx)
	}

	// Given up, its coins are free again; and the network is told no more.
	gone := h.send(Payment{To: []Recipient{{Address: h.somebody(2), Max: true}}})
	h.must(h.Abandon(t.Context(), h.in, gone.ID))
	if b := h.balance(); b.Confirmed != 5e8-third.Fee-child.Fee || h.transaction(gone.ID).Status != "abandoned" {
		t.Fatalf("abandoned: %+v", b)
	}
	n.mine(1) // but a miner had it
	h.current()
	if b := h.balance(); b.Total() != 0 || h.transaction(gone.ID).Status != "confirmed" {
		t.Fatalf("abandoned, and mined all the same: %+v", b)
	}
}

// TestReorganisation takes payments back, in and out, and gives them again.
func TestReorganisation(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(10)
	h := newHome(t, n)
	h.restore()
	h.fund(1e8)
	sent := h.send(Payment{To: []Recipient{{Address: h.somebody(1), Amount: 1e7}}})
	var in *wire.MsgTx
	script := h.scripts(1, "")[0]
	n.do(func() { in = n.pay(7e7, script) })
	n.mine(1, in)
	h.current()
	before := h.balance()
	if before.Confirmed != 1e8+7e7-1e7-sent.Fee {
		t.Fatalf("before: %+v", before)
	}
	n.reorg(1, false)
	h.current()
	b := h.balance()
	if b.Unconfirmed != 7e7 || b.OwnUnconfirmed != 9e7-sent.Fee || b.Confirmed != 0 || h.transaction(in.TxHash()).Block != nil {
		t.Fatalf("taken back: %+v", b)
	}
	h.arrived(sent.ID) // ours is broadcast again
	n.mine(1, in)
	h.current()
	if after := h.balance(); after.Confirmed != before.Confirmed || after.Unconfirmed != 0 {
		t.Fatalf("given again: %+v, want %+v", after, before)
	}
	// And once more while we are away.
	h.close()
	n.reorg(2, false)
	h.open()
	h.current()
	if b := h.balance(); b.Unconfirmed != 7e7 {
		t.Fatalf("taken back while away: %+v", b)
	}
}

// leastCost is what a key file must cost at least: passes save time, and memory is checked.
var leastCost = keystore.Cost{Memory: keystore.LeastCost.Memory, Passes: 1, Lanes: 2}

func newHomeChains(n *network) []*chains.Params { return []*chains.Params{n.params} }
