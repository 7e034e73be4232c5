package app

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet/fee"
)

// TestFeesOfProofs: the coinbases in a layer's proofs tell what L1 templates paid, and the proofs where the layer's tip is
// anchored at least. The world is known to the block: 0.05 coins of fees in each, and the tip's proof builds on L1 block 57.
func TestFeesOfProofs(t *testing.T) {
	w := newStackWorld(t, false)
	var later atomic.Int64 // seconds that the clock has been put on by
	clock := func() time.Time {
		return time.Unix(int64(w.high[len(w.high)-1].Header.Time())+30+later.Load(), 0)
	}
	a, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	low, high := listen(t, w.l1, w.low), listen(t, w.layer, w.high)
	l, err := a.OpenLocal(LocalOptions{DataDir: t.TempDir(), Chains: []*chains.Params{w.l1, w.layer}, Agent: "/test/",
		Peers: map[string][]string{w.l1.Name: {low.address}, w.layer.Name: {high.address}}, Log: slog.New(slog.DiscardHandler),
		Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	m := &measured{l, t, l.Subscribe(t.Context())}
	layer, _ := l.ledger(w.layer.Name)
	l1, _ := l.ledger(w.l1.Name)
	m.await("proofs", func(Event) bool { return layer.fees.parents.Load() != nil && l1.feeRange().Measured })
	f := l1.feeRange()
	// One every minute for three hours; 0.05 coins over a million virtual bytes is 5 a byte.
	if f.Samples != 180 || f.Low != 5000 || f.High != 5000 || f.Normal != 5000 || f.Least != w.l1.Policy.MinRelay || f.Newest == nil ||
		!strings.HasPrefix(f.Source, "what 180 merged-mining proofs of the last 3 hours paid") {
		t.Errorf("L1: %+v", f)
	}
	if f := layer.feeRange(); f.Measured || f.Samples != 0 || f.Normal != max(w.layer.Policy.WalletFee, w.layer.Policy.MinRelay) {
		t.Errorf("layer: %+v", f)
	}
	for _, c := range []struct {
		chain *ledger
		want  int32
	}{{l1, 60}, {layer, 57 - 12 - 1}} {
		lock, err := call(t.Context(), c.chain, func() (int32, error) { return c.chain.lockHeight(), nil })
		if err != nil || lock != c.want {
			t.Errorf("%s: locked at %d, want %d, %v", c.chain.params.Name, lock, c.want, err)
		}
	}
	later.Store(9 * 3600)
	if lock, _ := call(t.Context(), layer, func() (int32, error) { return layer.lockHeight(), nil }); lock != 0 {
		t.Errorf("locked at %d under a tip of yesterday", lock)
	}
	if f := l1.feeRange(); f.Measured {
		t.Errorf("measured by what is hours old: %+v", f)
	}
}

// TestFeesOfPeers: what peers say they relay counts while they are there, and no further than a bound.
func TestFeesOfPeers(t *testing.T) {
	p := params(t, "bitcoin-regtest")
	c := &ledger{followed: &followed{params: p, tree: spv.NewTree(&p.Rules)}, clock: time.Now}
	c.fees.restart()
	tell := func(peer syncer.Peer, rate int64) {
		c.seeFees(syncer.Received{Peer: peer, Message: wire.NewMsgFeeFilter(rate)})
	}
	want := func(what string, floor fee.Rate, peers int) {
		t.Helper()
		if e := c.estimate(); e.Floor != floor || e.Peers != peers || e.Known {
			t.Errorf("%s: %+v, want %d of %d peers", what, e, floor, peers)
		}
	}
	policy := fee.Rate(p.Policy.MinRelay)
	want("nobody", policy, 0)
	for peer, rate := range []int64{3000, 2000, 5000} {
		tell(syncer.Peer(peer), rate)
	}
	tell(7, -1)
	tell(7, int64(fee.MaxRate)+1)
	want("three", 3000, 3)
	tell(0, 1e12)
	tell(1, 1e12)
	tell(2, 1e12)
	want("absurd", fee.Rate(highFee*p.Policy.WalletFee), 3)
	for peer := range 3 {
		c.seeFees(syncer.Disconnected{Peer: syncer.Peer(peer)})
	}
	want("gone", policy, 0)
	genesis := p.Genesis
	for _, raw := range [][]byte{nil, genesis[:40], genesis[:], append(genesis[:], 1, 2)} {
		c.seeFees(syncer.Received{Peer: 1, Message: &msg.Block{Raw: raw}})
	}
	want("blocks that are none", policy, 0)
}

// TestSentAgain: after all was spent under a key, and after a restart, the key still tells what was sent.
func TestSentAgain(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	h := newHome(t, n)
	h.restore()
	h.fund(1e8)
	pay := Payment{To: []Recipient{{Address: h.somebody(1), Max: true}}}
	asked := Asked{Payment: &pay}
	if got, err := h.Sent(t.Context(), h.in, "order 1", asked); err != nil || got != nil {
		t.Fatalf("before: %+v, %v", got, err)
	}
	d, err := h.Draft(t.Context(), h.in, pay)
	h.must(err)
	sent, err := h.Send(t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Key: "order 1"})
	h.must(err)
	h.arrived(sent.ID)
	for _, place := range []string{"at once", "after a restart"} {
		if _, err := h.Draft(t.Context(), h.in, pay); CodeOf(err) != CodeFunds {
			t.Fatalf("%s: the same payment can be planned: %v", place, err)
		}
		got, err := h.Sent(t.Context(), h.in, "order 1", asked)
		if err != nil || got == nil || got.ID != sent.ID || got.Fee != sent.Fee || !got.Repeated {
			t.Fatalf("%s: %+v, %v, want %+v", place, got, err, sent)
		}
		h.close()
		h.open()
	}
	other := pay
	other.Label = "other"
	for name, c := range map[string]struct {
		key  string
		of   Asked
		code Code
	}{
		"another payment":  {"order 1", Asked{Payment: &other}, CodeConflict},
		"a bump":           {"order 1", Asked{Bump: &Changed{ID: sent.ID}}, CodeConflict},
		"nothing asked":    {"order 1", Asked{}, CodeInvalid},
		"two things asked": {"order 1", Asked{Payment: &pay, Split: &SplitRequest{}}, CodeInvalid},
		"no key":           {"", asked, CodeInvalid},
		"a long key":       {strings.Repeat("k", 129), asked, CodeInvalid},
	} {
		if got, err := h.Sent(t.Context(), h.in, c.key, c.of); CodeOf(err) != c.code || got != nil {
			t.Errorf("%s: %+v, %v, want %s", name, got, err, c.code)
		}
	}
	if got, err := h.Sent(t.Context(), h.in, "order 2", asked); err != nil || got != nil {
		t.Errorf("another key: %+v, %v", got, err)
	}
}
