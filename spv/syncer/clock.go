package syncer

import (
	"errors"
	"slices"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

const (
	// clockPeers is how many of the last peers' clocks are remembered.
	clockPeers = 16
	// clockNear is how far a clock may be off without a word.
	clockNear = 5 * time.Minute
	// earlyTime is for how long a header that came too early counts as a reason to wait.
	earlyTime = 15 * time.Minute
)

// clock is what speaks for or against our own clock. None of it is verified, so that nothing
// follows from it but words: whoever could move our clock could have us believe or refuse headers.
type clock struct {
	offsets []time.Duration // how far the last peers' clocks are ahead of ours, by their version messages
	refused time.Time       // when a header was last refused because it lies ahead of our clock
	ahead   time.Duration   // how far
}

// met notes what a new peer's clock shows.
func (c *clock) met(theirs, now time.Time) {
	if theirs.IsZero() {
		return
	}
	if len(c.offsets) == clockPeers {
		c.offsets = slices.Delete(c.offsets, 0, 1)
	}
	c.offsets = append(c.offsets, theirs.Sub(now))
}

// early notes a run that was refused because one of its headers lies ahead of our clock.
func (c *clock) early(run []spv.Sealed, why error, now time.Time) {
	var bad *spv.HeaderError
	var check *spv.CheckError
	if !errors.As(why, &bad) || !errors.As(bad.Err, &check) || check.Name != spv.CheckFutureTime {
		return
	}
	for i := range run {
		if run[i].Header.ID() == bad.Block.Hash {
			c.refused, c.ahead = now, time.Unix(int64(run[i].Header.Time()), 0).Sub(now)
		}
	}
}

// text says that our clock may be what holds us up, nothing if nothing speaks for that.
func (c *clock) text(now time.Time, maxFuture uint32) (none said.Sentence) {
	if c.refused.IsZero() || now.Sub(c.refused) > earlyTime {
		return none
	}
	ahead := said.Of("this computer's clock: a peer's header lies %s ahead of it, at most %s is believed",
		c.ahead.Round(time.Second), time.Duration(maxFuture)*time.Second)
	if len(c.offsets) == 0 {
		return ahead
	}
	offsets := slices.Sorted(slices.Values(c.offsets))
	median := offsets[len(offsets)/2].Round(time.Second)
	switch {
	case median > clockNear:
		return said.Of("%s; by the word of %d peers, which nothing confirms, it is %s slow", ahead, len(offsets), median)
	case median < -clockNear:
		return said.Of("%s; by the word of %d peers, which nothing confirms, it is %s fast", ahead, len(offsets), -median)
	}
	return said.Of("%s; the clocks of %d peers agree with it, so that the header is to blame", ahead, len(offsets))
}
