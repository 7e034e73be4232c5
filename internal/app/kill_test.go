package app

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/wallet"
)

var errKilled = errors.New("killed")

// failing is a disk that dies at its n-th write, before or after that is durable, and
// stays dead.
type failing struct {
	wallet.Log
	left  *atomic.Int32 // writes that still work; negative: no fault
	after bool          // the last write is durable, but nobody hears of it
}

func (f *failing) Write(records []wallet.Record) error {
	left := f.left.Load()
	switch {
	case left < 0:
		return f.Log.Write(records)
	case left > 0:
		f.left.Add(-1)
		return f.Log.Write(records)
	case f.after:
		f.left.Store(0)
		f.after = false
		return errors.Join(errKilled, f.Log.Write(records))
	}
	return errKilled
}

// TestKilledAtEveryWrite lets the disk die at each write of a purse in turn, starts again
// and goes on: nothing that was paid in is missed, nothing is paid out twice.
func TestKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	p := params(t, testChain)
	for _, after := range []bool{false, true} {
		for n := int32(0); ; n++ {
			if !killedAt(t, newNetwork(t, p), n, after) {
				if n < 6 {
					t.Fatalf("only %d writes: the disk was not asked", n)
				}
				break
			}
		}
	}
}

// lives is a home whose disk dies once at most.
type lives struct {
	*home
	at    int32        // the write that it dies at
	left  atomic.Int32 // writes until then; negative once it was replaced
	after bool
	died  bool
}

// newLives opens a home whose disk dies at the given write, before or after that is durable.
func newLives(t *testing.T, n *network, at int32, after bool) *lives {
	t.Helper()
	l := &lives{home: &home{t: t, net: n, in: Purse{"test", testChain}}, at: at, after: after}
	l.left.Store(at)
	l.o = LocalOptions{DataDir: t.TempDir(), Chains: newHomeChains(n), Peers: map[string][]string{testChain: {n.address}}, Agent: "/test/"}
	l.o.Cost = leastCost
	l.o.between = func(log wallet.Log) wallet.Log { return &failing{log, &l.left, after} }
	l.open()
	return l
}

// again repeats a step, in a new life after the disk died.
func (l *lives) again(what string, step func() error) {
	l.t.Helper()
	for range 3 {
		err := step()
		if err == nil {
			return
		}
		if l.left.Load() != 0 {
			l.t.Fatalf("write %d, after %t: %s: %v; stopped by %v", l.at, l.after, what, err, l.Local.Close())
		}
		l.died = true
		_ = l.Local.Close()
		l.left.Store(-1)
		l.open()
	}
	l.t.Fatalf("write %d, after %t: %s never worked", l.at, l.after, what)
}

// pay sends one payment, once over all lives.
func (l *lives) pay() (sent Sent, err error) {
	d, err := l.Draft(l.t.Context(), l.in, Payment{To: []Recipient{{Address: l.somebody(1), Amount: 3e7}}, Rate: 2000})
	if err != nil {
		var gone bool // its coin was taken by the first life's payment
		if past, e := l.History(l.t.Context(), l.in, HistoryQuery{Only: "pending"}); e == nil {
			gone = slices.ContainsFunc(past.Rows, func(r Row) bool { return r.Ours })
		}
		if !gone {
			return Sent{}, err
		}
	}
	return l.Send(l.t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Key: "once", Consent: []string{"reuse"}})
}

// killedAt runs a life of a wallet, and tells whether the disk died in it.
func killedAt(t *testing.T, n *network, at int32, after bool) (died bool) {
	t.Helper()
	n.mine(3)
	l := newLives(t, n, at, after)
	defer func() { _ = l.Local.Close() }()
	l.again("restore", func() error {
		_, err := l.RestoreWallet(t.Context(), NewWallet{Name: "test", Chains: []string{testChain}, Password: Secret(password)}, Secret(testWords), nil)
		if CodeOf(err) == CodeExists { // the keys were safe before
			return nil
		}
		return err
	})
	var script []byte
	l.again("address", func() error {
		a, err := l.Receive(t.Context(), l.in, ReceiveRequest{})
		if err == nil {
			script, err = l.script(n.params, a.Address)
		}
		return err
	})
	var in *wire.MsgTx
	n.do(func() { in = n.pay(1e8, script) })
	n.announce(in)
	n.mine(1)
	l.again("received", func() error { return l.wait(func(b Balance) bool { return b.Confirmed == 1e8 && b.Trust.Verified }) })
	var sent Sent
	l.again("send", func() (err error) {
		sent, err = l.pay()
		return err
	})
	l.arrived(sent.ID)
	if n.pooled() != 1 {
		t.Fatalf("write %d, after %t: %d payments in the network, want one", at, after, n.pooled())
	}
	n.mine(1)
	l.again("confirmed", func() error {
		return l.wait(func(b Balance) bool { return b.Confirmed == 7e7-sent.Fee && b.Trust.Verified })
	})
	return l.died
}

// wait waits for a balance, or until the program ends.
func (h *home) wait(done func(Balance) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events := h.Subscribe(ctx)
	for {
		b, err := h.Balance(ctx, h.in)
		if err != nil {
			return err
		}
		if done(b) {
			return nil
		}
		if _, ok := <-events; !ok && ctx.Err() != nil {
			return errors.New("time is up")
		}
	}
}
