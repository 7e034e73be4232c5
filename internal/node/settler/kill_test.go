package settler_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv"
)

var errKilled = errors.New("killed")

// mortalLog is a settler's record, at whose writes he may be killed.
type mortalLog struct {
	memory
	c *court
	i int
}

func (l mortalLog) write(f func() error) error {
	if l.c.dies(l.i, "before Record") {
		return errKilled
	}
	if err := f(); err != nil {
		return err
	}
	if l.c.dies(l.i, "after Record") {
		return errKilled
	}
	return nil
}

func (l mortalLog) Record(number uint32, attempt int, txid spv.Hash) error {
	return l.write(func() error { return l.memory.Record(number, attempt, txid) })
}

func (l mortalLog) RecordSweep(op wire.OutPoint, fee int64, txid spv.Hash) error {
	return l.write(func() error { return l.memory.RecordSweep(op, fee, txid) })
}

// TestKilledAtEveryMoment kills a settler without whom nothing is paid: before and after each record, signature, message
// and broadcast of a batch, one moment at a time. He starts again a block later; the burn is paid, once.
func TestKilledAtEveryMoment(t *testing.T) {
	at := map[string]int{}
	for n := 0; ; n++ {
		w, c, coin := funded(t, "dev-native")
		c.seats = c.seats[:2] // both are needed
		c.lines = nil
		script, tx := w.burn(coin, 100_000, 5000)
		w.pool2 = append(w.pool2, tx)
		died := c.killOnce(n, at)
		for range 20 {
			c.rounds(1)
			if c.seats[0].machine == nil {
				c.start(0)
			}
		}
		total, times := w.paid(script)
		if times != 1 || total < 95_000 || total >= 100_000 {
			t.Fatalf("killed at moment %d (%v): paid %d times, %d sat", n, at, times, total)
		}
		if s := c.seats[0].machine.Status(); s.Refusal != nil || s.Supply.Unpaid != 0 || s.Supply.Burned != 100_000 {
			t.Fatalf("killed at moment %d (%v): %+v", n, at, s)
		}
		check(t, w.l2.Close())
		check(t, w.l1.Close())
		if !*died {
			break
		}
	}
	wantMoments(t, at, "Broadcast", "Gossip", "Record", "Sign")
}

// killOnce has the first settler killed at his n-th moment, which is counted in at. It tells whether he was.
func (c *court) killOnce(n int, at map[string]int) *bool {
	died := new(bool)
	c.fatal = func(i int, moment string) bool {
		if i != 0 || *died {
			return false
		}
		if n--; n >= 0 {
			return false
		}
		*died = true
		at[moment]++
		return true
	}
	return died
}

// wantMoments fails unless there were deaths before and after each of these, and none else.
func wantMoments(t *testing.T, at map[string]int, of ...string) {
	t.Helper()
	var want []string
	for _, when := range []string{"after ", "before "} {
		for _, moment := range of {
			want = append(want, when+moment)
		}
	}
	if got := slices.Sorted(maps.Keys(at)); !slices.Equal(got, want) {
		t.Errorf("killed at %v, want %v", at, want)
	}
	t.Logf("killed at %v", at)
}

// TestSweepKilledAtEveryMoment is the same for the sweep of a refundable deposit, for which its depositor asks after every
// block: it is swept, once.
func TestSweepKilledAtEveryMoment(t *testing.T) {
	at := map[string]int{}
	for n := 0; ; n++ {
		w, c, _ := funded(t, "dev-native")
		c.seats = c.seats[:2] // both are needed
		c.lines = nil
		r := w.refundable(90_000)
		died := c.killOnce(n, at)
		for range 6 {
			for i := range c.seats {
				c.step(i, settler.Asked{From: 9, Ask: r.ask(1000, nil)})
			}
			c.deliver()
			c.rounds(1)
			c.all(settler.Tick{})
			if c.seats[0].machine == nil {
				c.start(0)
			}
		}
		if total, times := w.paid(r.vault()); times != 1 || total != 89_000 {
			t.Fatalf("killed at moment %d (%v): swept %d times, %d sat", n, at, times, total)
		}
		for i := range c.seats {
			if s := c.seats[i].machine.Status(); s.Refusal != nil || s.Sweeps != 0 {
				t.Fatalf("killed at moment %d (%v): settler %d: %+v", n, at, i, s)
			}
		}
		check(t, w.l2.Close())
		check(t, w.l1.Close())
		if !*died {
			break
		}
	}
	wantMoments(t, at, "Broadcast", "Gossip", "Record", "Sign", "Spread")
}
