package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/wallet"
)

// mortal is a disk that dies now and then, at a write of any of a wallet's records, before or after it is durable, and stays
// dead until the next start. It dies a bounded number of times in each step: where a step takes many writes, one death in
// four of them would let none through for as long as chance likes.
type mortal struct {
	mu     sync.Mutex
	seed   uint64
	rng    *rand.Rand
	every  int // one write in so many, about; 0: none
	left   int // deaths left in this step
	dead   bool
	deaths int
}

type mortalLog struct {
	wallet.Log
	m *mortal
}

func (l mortalLog) Write(records []wallet.Record) error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	switch {
	case l.m.dead:
		return errKilled
	case l.m.every == 0 || l.m.left == 0 || l.m.rng.IntN(l.m.every) > 0:
		return l.Log.Write(records)
	}
	l.m.dead = true
	l.m.left--
	l.m.deaths++
	if l.m.rng.IntN(2) == 0 {
		return errors.Join(errKilled, l.Log.Write(records))
	}
	return errKilled
}

// doomed is a wallet on a mortal disk.
type doomed struct {
	*settler
	m *mortal
}

func (w *devStack) doomed(name, words string) *doomed {
	w.t.Helper()
	seed := uint64(time.Now().UnixNano())
	d := &doomed{m: &mortal{seed: seed, rng: rand.New(rand.NewPCG(seed, 0))}}
	d.settler = &settler{w: w, name: name, o: LocalOptions{DataDir: w.t.TempDir(), Chains: w.all, Peers: w.peers, Agent: "/test/",
		Log: w.log, Cost: leastCost}}
	d.o.between = func(log wallet.Log) wallet.Log { return mortalLog{log, d.m} }
	d.open()
	w.t.Cleanup(func() {
		_ = d.Local.Close()
		if w.t.Failed() {
			w.t.Logf("%s: seed %d", name, seed)
		}
	})
	d.restore(words)
	return d
}

// begin has the disk die at one write in so many.
func (m *mortal) begin(every int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.every = every
}

// step grants the deaths of the next step.
func (m *mortal) step() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = 6
	if testing.Short() {
		m.left = 2
	}
}

// until lives, again and again, until something is done.
func (s *doomed) until(what string, done func() (bool, error)) {
	s.w.t.Helper()
	s.m.step()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		s.live()
		ok, err := done()
		if ok && err == nil {
			return
		}
		if time.Now().After(end) {
			s.w.t.Fatalf("%s: seed %d: never came: %s: %v", s.name, s.m.seed, what, err)
		}
	}
}

// live begins a new life if the last one is over.
func (s *doomed) live() {
	s.w.t.Helper()
	m := s.m
	m.mu.Lock()
	dead := m.dead
	m.mu.Unlock()
	if !dead {
		return
	}
	_ = s.Local.Close()
	m.mu.Lock()
	m.dead = false
	m.mu.Unlock()
	s.open()
}

// TestSettleKilled lets the program die at writes by chance, from a deposit to a withdrawal: all is done once, and nothing is
// lost.
func TestSettleKilled(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	s := w.doomed("ann", testWords)
	s.fund("dev", 2)
	s.m.begin(4)
	ctx := context.Background()
	until, seed := s.until, s.m.seed
	send := func(what string, draft func() (SettleDraft, error)) (sent Sent) {
		t.Helper()
		until(what, func() (bool, error) {
			d, err := draft()
			if err != nil {
				return false, err
			}
			sent, err = s.Send(ctx, SendRequest{Draft: d.ID, Password: Secret(password), Consent: consentOf(d), Key: what})
			return err == nil, err
		})
		return sent
	}
	deposit := send("deposit", func() (SettleDraft, error) {
		return s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: 1_000_000})
	})
	until("deposit in the pool", func() (bool, error) { return w.inPool("dev", deposit.ID), nil })
	if n := len(w.loop("dev").Pool().All()); n != 1 {
		t.Fatalf("seed %d: %d deposits, want 1", seed, n)
	}
	for range 6 {
		w.mine("dev", 1, nil)
		until("at the tip", func() (bool, error) {
			b, err := s.Balance(ctx, s.on("dev"))
			return err == nil && b.Trust.Scanned == w.loop("dev").View().Tip(), err
		})
	}
	until("claim in the pool", func() (bool, error) { return len(w.loop("dev-native").Pool().All()) == 1, nil })
	w.mine("dev-native", 1, nil)
	until("money on the layer", func() (bool, error) {
		b, err := s.Balance(ctx, s.on("dev-native"))
		return err == nil && b.Spendable >= 990_000, err
	})
	burn := send("withdrawal", func() (SettleDraft, error) {
		return s.DraftWithdrawal(ctx, WithdrawalRequest{Wallet: s.name, Layer: "dev-native", Amount: 400_000, MaxFee: 2000})
	})
	until("withdrawal in the pool", func() (bool, error) { return w.inPool("dev-native", burn.ID), nil })
	if n := len(w.loop("dev-native").Pool().All()); n != 1 {
		t.Fatalf("seed %d: %d withdrawals, want 1", seed, n)
	}
	w.mine("dev-native", 1, nil)
	until("burned", func() (bool, error) {
		all, err := s.Withdrawals(ctx, s.name, "dev-native")
		if err != nil {
			return false, err
		}
		n := 0
		for i := range all {
			if all[i].Phase == "burned" || all[i].Phase == "sealed" {
				n++
			}
		}
		return n == 1, nil
	})
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.deaths < 3 {
		t.Logf("seed %d: died %d times only", seed, s.m.deaths)
	}
}
