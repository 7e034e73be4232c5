package spv

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/spv/said"
)

// The names of the checks on a header in its place in the chain.
const (
	CheckDifficulty = "difficulty"
	CheckMedianTime = "median-time"
	CheckFutureTime = "future-time"
	CheckTimeWarp   = "time-warp"
	CheckVersion    = "version"
	CheckCheckpoint = "checkpoint"
	CheckReorgLimit = "reorg-limit"
)

// Why a header cannot be judged. None of them means that it is invalid.
var (
	// ErrUnknownParent: the block that the header builds on is not in the tree.
	ErrUnknownParent = errors.New("builds on an unknown block")
	// ErrPending: the parent chain's block that the proof builds on is not known yet;
	// ask again when the parent chain has moved.
	ErrPending = errors.New("its parent chain's block is not known yet")
	// ErrNoContext: headers below that a rule looks back at are not at hand.
	ErrNoContext = errors.New(noContext.String())
)

var noContext = said.Of("headers below are not at hand")

// HeaderError tells which header was refused, and why.
type HeaderError struct {
	Block Block
	Err   error // *CheckError, or wraps ErrUnknownParent, ErrPending or ErrNoContext
}

// Error returns "header HEIGHT ID: reason".
func (e *HeaderError) Error() string { return fmt.Sprintf("header %s: %v", e.Block, e.Err) }

// Unwrap returns the reason.
func (e *HeaderError) Unwrap() error { return e.Err }

// Permanent tells whether the header itself is invalid for ever, so that its id may be
// remembered as bad. It is false where only its proof, the moment or our knowledge is
// to blame: a proof is not covered by the block id, so that anybody could spoil one.
func (e *HeaderError) Permanent() bool {
	var c *CheckError
	if !errors.As(e.Err, &c) {
		return false
	}
	switch c.Name {
	case CheckDifficulty, CheckMedianTime, CheckTimeWarp, CheckVersion, CheckCheckpoint,
		CheckTarget, CheckWork, CheckChainID, CheckLegacyVersion:
		return true
	}
	return false
}

// CheckContext judges a header by the headers below it: difficulty, times, version and
// checkpoints, not its work. A now of 0 leaves the clock out. Headers that are not at
// hand make a check "not checked" in the report; without a report that is ErrNoContext.
func (r *Rules) CheckContext(below Ancestry, height int32, h *Header, now uint32, rep *Report) error {
	if err := r.checkDifficulty(below, height, h, rep); err != nil {
		return err
	}
	if err := r.checkTimes(below, height, h, now, rep); err != nil {
		return err
	}
	if least, ok := r.versionFloor(height); ok {
		v := h.Version()
		if r.FloorOnBase {
			v = h.BaseVersion()
		}
		if err := rep.CheckSaid(CheckVersion, v >= least, func() (said.Sentence, said.Sentence) {
			return said.Of("version %d or more at height %d", least, height), said.Just(v)
		}); err != nil {
			return err
		}
	}
	return r.checkCheckpoint(height, h, rep)
}

func (r *Rules) checkDifficulty(below Ancestry, height int32, h *Header, rep *Report) error {
	bits, ok := r.RequiredBits(below, height, h.Time())
	if !ok {
		return missing(rep, CheckDifficulty, said.Of("the bits that the difficulty rule gives"))
	}
	return rep.CheckSaid(CheckDifficulty, h.Bits() == bits, func() (said.Sentence, said.Sentence) {
		return said.Of("bits %s", bitsText(bits)), said.Of("bits %s", bitsText(h.Bits()))
	})
}

func (r *Rules) checkTimes(below Ancestry, height int32, h *Header, now uint32, rep *Report) error {
	median, ok := MedianTime(below, height-1)
	if !ok {
		if err := missing(rep, CheckMedianTime, said.Of("a time above the median of the 11 headers below")); err != nil {
			return err
		}
	} else if err := rep.CheckSaid(CheckMedianTime, h.Time() > median, func() (said.Sentence, said.Sentence) {
		return said.Of("time above %s", fmt.Sprint(median)), timeText(h)
	}); err != nil {
		return err
	}
	if now == 0 {
		rep.SkipSaid(CheckFutureTime, said.Of("a time not far ahead of the clock"), said.Of("no clock was given"))
	} else if err := rep.CheckSaid(CheckFutureTime, int64(h.Time()) <= int64(now)+int64(r.MaxFuture), func() (said.Sentence, said.Sentence) {
		return said.Of("time at most %d s after the clock's %s", r.MaxFuture, fmt.Sprint(now)), timeText(h)
	}); err != nil {
		return err
	}
	return r.checkTimeWarp(below, height, h, rep)
}

// checkTimeWarp is BIP94's: a period cannot start far before the last one ended.
func (r *Rules) checkTimeWarp(below Ancestry, height int32, h *Header, rep *Report) error {
	e := r.EraAt(height)
	if e.MaxBack == 0 || height%e.Period() != 0 {
		return nil
	}
	last, ok := below.At(height - 1)
	if !ok {
		return missing(rep, CheckTimeWarp, said.Of("a time close to the last block's"))
	}
	return rep.CheckSaid(CheckTimeWarp, int64(h.Time()) >= int64(last.Time)-int64(e.MaxBack), func() (said.Sentence, said.Sentence) {
		return said.Of("time at least %s", fmt.Sprint(int64(last.Time)-int64(e.MaxBack))), timeText(h)
	})
}

func (r *Rules) checkCheckpoint(height int32, h *Header, rep *Report) error {
	i, ok := slices.BinarySearchFunc(r.Checkpoints, height, func(b Block, height int32) int {
		return cmp.Compare(b.Height, height)
	})
	if !ok {
		return nil
	}
	id := h.ID()
	return rep.CheckSaid(CheckCheckpoint, id == r.Checkpoints[i].Hash, func() (said.Sentence, said.Sentence) {
		return said.Just(r.Checkpoints[i].Hash), said.Just(id)
	})
}

// timeText says a header's time, in seconds since 1970: as text, which no language groups.
func timeText(h *Header) said.Sentence { return said.Of("time %s", fmt.Sprint(h.Time())) }

func missing(rep *Report, name string, want said.Sentence) error {
	if rep == nil {
		return fmt.Errorf("%s: %w", name, ErrNoContext)
	}
	rep.SkipSaid(name, want, noContext)
	return nil
}
