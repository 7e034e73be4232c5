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
// dead until the next start.
type mortal struct {
	mu     sync.Mutex
	rng    *rand.Rand
	every  int // one write in so many, about; 0: none
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
	case l.m.every == 0 || l.m.rng.IntN(l.m.every) > 0:
		return l.Log.Write(records)
	}
	l.m.dead = true
	l.m.deaths++
	if l.m.rng.IntN(2) == 0 {
		return errors.Join(errKilled, l.Log.Write(records))
	}
	return errKilled
}

// live begins a new life if the last one is over.
func (s *settler) live(m *mortal) {
	s.w.t.Helper()
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
	seed := uint64(time.Now().UnixNano())
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	m := &mortal{rng: rand.New(rand.NewPCG(seed, 0))}
	w := newDevStack(t, "dev-native")
	s := &settler{w: w, name: "ann", o: LocalOptions{DataDir: t.TempDir(), Chains: w.all, Peers: w.peers, Agent: "/test/", Log: w.log, Cost: leastCost}}
	s.o.between = func(log wallet.Log) wallet.Log { return mortalLog{log, m} }
	s.open()
	t.Cleanup(func() { _ = s.Local.Close() })
	s.restore(testWords)
	s.fund("dev", 2)
	m.mu.Lock()
	m.every = 4
	m.mu.Unlock()
	ctx := context.Background()
	until := func(what string, done func() (bool, error)) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			s.live(m)
			ok, err := done()
			if ok && err == nil {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("seed %d: never came: %s: %v", seed, what, err)
			}
		}
	}
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
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deaths < 3 {
		t.Logf("seed %d: died %d times only", seed, m.deaths)
	}
}
