package app

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet"
)

// mortal is a disk that dies at writes of a wallet's records, and stays dead until the next start: at the first write of each
// transition that it is told of before the write, at the second after it. So it dies a bounded number of times in each step.
type mortal struct {
	mu     sync.Mutex
	names  map[spv.Hash]string // of chains
	doomed map[string]int      // deaths to come, by transition
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
	if l.m.dead {
		return errKilled
	}
	for i := range records {
		what := l.m.transition(records[i])
		left := l.m.doomed[what]
		if left == 0 {
			continue
		}
		l.m.dead = true
		l.m.deaths++
		if l.m.doomed[what]--; left > 1 {
			return errKilled
		}
		return errors.Join(errKilled, l.Log.Write(records))
	}
	return l.Log.Write(records)
}

// transition names what a record of a settlement brings about, or of a purse's transaction: a payment. Others have no name.
func (m *mortal) transition(r wallet.Record) string {
	if len(r.Value) == 0 {
		return ""
	}
	on := func(what string) string { return what + " on " + m.names[spv.Hash(r.Key[1:33])] }
	switch kind, long := r.Key[0], len(r.Key) >= 33; {
	case kind == 't':
		return "payment"
	case kind == 'c' && long:
		return on("read")
	case kind == 's' && long:
		var s struct{ Block *spv.Block }
		if json.Unmarshal(r.Value, &s) == nil && s.Block != nil {
			return on("mined")
		}
		return on("seen")
	case kind == 'd' && long:
		var d struct {
			Back struct{ Refunds []json.RawMessage }
		}
		if json.Unmarshal(r.Value, &d) == nil && len(d.Back.Refunds) > 0 {
			return "deposit signed"
		}
		return "deposit planned"
	case kind == 'x' && long:
		return "claim"
	case kind == 'b' && long:
		return "burn"
	case kind == 'w':
		return swapTransition(r.Value)
	}
	return ""
}

func swapTransition(value []byte) string {
	var s struct {
		Answer          string
		Funding, Redeem json.RawMessage
	}
	err := json.Unmarshal(value, &s)
	switch {
	case err != nil:
		return ""
	case s.Redeem != nil:
		return "swap redeemed"
	case s.Funding != nil:
		return "swap signed"
	case s.Answer != "":
		return "swap agreed"
	}
	return "swap offered"
}

// deathsEach is how often it dies at a transition: with -short only after the write.
func deathsEach() int {
	if testing.Short() {
		return 1
	}
	return 2
}

// at dooms transitions of the next step.
func (m *mortal) at(transitions ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, what := range transitions {
		m.doomed[what] = deathsEach()
	}
}

// rest tells that it lives, and that all deaths are behind it; else which are not.
func (m *mortal) rest() (left []string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(m.doomed)) {
		if m.doomed[what] > 0 {
			left = append(left, what)
		}
	}
	return left, !m.dead && left == nil
}

// doomed is a wallet on a mortal disk.
type doomed struct {
	*settler
	m *mortal
}

func (w *devStack) doomed(name, words string) *doomed {
	w.t.Helper()
	d := &doomed{m: &mortal{doomed: map[string]int{}, names: namesOf(w.all)}}
	d.settler = &settler{w: w, name: name, o: LocalOptions{DataDir: w.t.TempDir(), Chains: w.all, Peers: w.peers, Agent: "/test/",
		Log: w.log, Cost: leastCost}}
	d.o.between = func(log wallet.Log) wallet.Log { return mortalLog{log, d.m} }
	d.open()
	w.wallets = append(w.wallets, d.settler)
	w.t.Cleanup(func() { _ = d.Local.Close() })
	d.restore(words)
	return d
}

func namesOf(all []*chains.Params) map[spv.Hash]string {
	out := map[spv.Hash]string{}
	for _, p := range all {
		out[p.NetID()] = p.Name
	}
	return out
}

// until lives, again and again, until something is done and all deaths of the step are died. Each life has the whole patience:
// there is a bounded number of them.
func (s *doomed) until(what string, done func() (bool, error)) {
	s.w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if s.live() {
			end = time.Now().Add(patience)
		}
		ok, err := done()
		left, rest := s.m.rest()
		if ok && err == nil && rest {
			return
		}
		if time.Now().After(end) {
			s.w.t.Fatalf("%s: never came: %s: %v; not died at %q%s", s.name, what, err, left, s.w.stands())
		}
	}
}

// live begins a new life if the last one is over, and tells whether it was.
func (s *doomed) live() bool {
	s.w.t.Helper()
	m := s.m
	m.mu.Lock()
	dead := m.dead
	m.mu.Unlock()
	if !dead {
		return false
	}
	_ = s.Local.Close()
	m.mu.Lock()
	m.dead = false
	m.mu.Unlock()
	s.open()
	return true
}

// mined has a block of a chain's pool, and waits until that is done about it which wants to be.
func (s *doomed) mined(chain string, blocks int, what string, done func() (bool, error), at ...string) {
	s.w.t.Helper()
	s.m.at(at...)
	s.w.mine(chain, blocks, nil)
	s.until(what, done)
}

// sendOnce sends a draft in as many lives as it takes, and sees that the node has it alone.
func (s *doomed) sendOnce(what, chain string, draft func() (SettleDraft, error)) (sent Sent) {
	s.w.t.Helper()
	s.until(what, func() (bool, error) {
		d, err := draft()
		if err != nil {
			return false, err
		}
		sent, err = s.Send(context.Background(), SendRequest{Draft: d.ID, Password: Secret(password), Consent: consentOf(d), Key: what})
		return err == nil, err
	})
	s.until(what+" in the pool", func() (bool, error) { return s.w.inPool(chain, sent.ID), nil })
	if n := len(s.w.loop(chain).Pool().All()); n != 1 {
		s.w.t.Fatalf("%s: %d in the pool of %s, want 1", what, n, chain)
	}
	return sent
}

// has tells whether the only withdrawal has a phase.
func (s *doomed) has(phase string) func() (bool, error) {
	return func() (bool, error) {
		all, err := s.Withdrawals(context.Background(), s.name, "dev-native")
		return err == nil && len(all) == 1 && all[0].Phase == phase, err
	}
}

// TestSettleKilled ends the program before and after every write by which a deposit or a withdrawal gets on: all is done
// once, and nothing is lost.
func TestSettleKilled(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	s := w.doomed("ann", testWords)
	s.fund("dev", 2)
	ctx := context.Background()
	s.m.at("deposit planned", "payment", "seen on dev")
	s.sendOnce("deposit", "dev", func() (SettleDraft, error) {
		return s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: 1_000_000})
	})
	deposited := func(phase string) func() (bool, error) {
		return func() (bool, error) {
			all, err := s.Deposits(ctx, s.name, "dev-native") // others were planned in lives that never heard of the first
			return slices.ContainsFunc(all, func(d Deposit) bool { return d.Phase == phase }), err
		}
	}
	s.mined("dev", 1, "buried", deposited("buried"), "mined on dev", "read on dev")
	s.mined("dev", 5, "claim in the pool", func() (bool, error) { return len(w.loop("dev-native").Pool().All()) == 1, nil }, "claim")
	s.mined("dev-native", 1, "money on the layer", func() (bool, error) {
		b, err := s.Balance(ctx, s.on("dev-native"))
		return err == nil && b.Spendable >= 990_000, err
	}, "mined on dev-native", "read on dev-native")
	s.until("claimed", deposited("claimed"))

	s.m.at("burn", "payment")
	s.sendOnce("withdrawal", "dev-native", func() (SettleDraft, error) {
		return s.DraftWithdrawal(ctx, WithdrawalRequest{Wallet: s.name, Layer: "dev-native", Amount: 400_000, MaxFee: 2000})
	})
	s.mined("dev-native", 1, "burned", s.has("burned"), "mined on dev-native")
	burned, err := s.Withdrawals(ctx, s.name, "dev-native")
	s.must(err)
	s.m.at("seen on dev")
	w.payOut(burned[0], 399_000)
	s.until("batched", s.has("batched"))
	s.mined("dev", 1, "paid", s.has("paid"), "mined on dev")
	if want := 13 * deathsEach(); s.m.deaths != want {
		t.Errorf("died %d times, want %d", s.m.deaths, want)
	}
}
