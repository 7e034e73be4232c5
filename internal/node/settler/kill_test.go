package settler_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

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
		left, died := n, false
		c.fatal = func(i int, moment string) bool {
			if i != 0 || died {
				return false
			}
			if left--; left >= 0 {
				return false
			}
			died = true
			at[moment]++
			return true
		}
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
		if !died {
			break
		}
	}
	want := []string{"after Broadcast", "after Gossip", "after Record", "after Sign", "before Broadcast", "before Gossip", "before Record", "before Sign"}
	if got := slices.Sorted(maps.Keys(at)); !slices.Equal(got, want) {
		t.Errorf("killed at %v, want %v", at, want)
	}
	t.Logf("killed at %v", at)
}
