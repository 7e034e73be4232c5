package app

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

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

// killedAt runs a life of a wallet, and tells whether the disk died in it.
func killedAt(t *testing.T, n *network, at int32, after bool) (died bool) {
	t.Helper()
	var left atomic.Int32
	left.Store(at)
	n.mine(3)
	h := &home{t: t, net: n, in: Purse{"test", testChain}}
	h.o = LocalOptions{DataDir: t.TempDir(), Chains: newHomeChains(n), Peers: map[string][]string{testChain: {n.address}}, Agent: "/test/"}
	h.o.Cost = leastCost
	h.o.between = func(log wallet.Log) wallet.Log { return &failing{log, &left, after} }
	h.open()
	defer func() { _ = h.Local.Close() }()
	// again repeats a step, in a new life after the disk died.
	again := func(what string, step func() error) {
		t.Helper()
		for range 3 {
			err := step()
			if err == nil {
				return
			}
			if left.Load() != 0 {
				t.Fatalf("write %d, after %t: %s: %v; stopped by %v", at, after, what, err, h.Local.Close())
			}
			died = true
			_ = h.Local.Close()
			left.Store(-1)
			h.open()
		}
		t.Fatalf("write %d, after %t: %s never worked", at, after, what)
	}
	again("restore", func() error {
		_, err := h.RestoreWallet(t.Context(), NewWallet{Name: "test", Chains: []string{testChain}, Password: Secret(password)}, Secret(testWords), nil)
		if CodeOf(err) == CodeExists { // the keys were safe before
			return nil
		}
		return err
	})
	var script []byte
	again("address", func() error {
		a, err := h.Receive(t.Context(), h.in, ReceiveRequest{})
		if err == nil {
			script, err = h.script(n.params, a.Address)
		}
		return err
	})
	var in *wire.MsgTx
	n.do(func() { in = n.pay(1e8, script) })
	n.announce(in)
	n.mine(1)
	again("received", func() error { return h.wait(func(b Balance) bool { return b.Confirmed == 1e8 && b.Trust.Verified }) })
	var sent Sent
	again("send", func() error {
		d, err := h.Draft(t.Context(), h.in, Payment{To: []Recipient{{Address: h.somebody(1), Amount: 3e7}}, Rate: 2000})
		if err != nil {
			var gone bool // its coin was taken by the first life's payment
			if h2, e := h.History(t.Context(), h.in, HistoryQuery{Only: "pending"}); e == nil {
				gone = slices.ContainsFunc(h2.Rows, func(r Row) bool { return r.Ours })
			}
			if !gone {
				return err
			}
		}
		sent, err = h.Send(t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Key: "once", Consent: []string{"reuse"}})
		return err
	})
	h.arrived(sent.ID)
	if n.pooled() != 1 {
		t.Fatalf("write %d, after %t: %d payments in the network, want one", at, after, n.pooled())
	}
	n.mine(1)
	again("confirmed", func() error {
		return h.wait(func(b Balance) bool { return b.Confirmed == 7e7-sent.Fee && b.Trust.Verified })
	})
	return died
}

// wait waits for a balance, or until the program ends.
func (h *home) wait(done func(Balance) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
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
