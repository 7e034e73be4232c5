package spv

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
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
	ErrNoContext = errors.New("headers below are not at hand")
)

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
		if err := rep.Check(CheckVersion, v >= least, func() (string, string) {
			return fmt.Sprintf("version %d or more at height %d", least, height), fmt.Sprint(v)
		}); err != nil {
			return err
		}
	}
	return r.checkCheckpoint(height, h, rep)
}

func (r *Rules) checkDifficulty(below Ancestry, height int32, h *Header, rep *Report) error {
	bits, ok := r.RequiredBits(below, height, h.Time())
	if !ok {
		return missing(rep, CheckDifficulty, "the bits that the difficulty rule gives")
	}
	return rep.Check(CheckDifficulty, h.Bits() == bits, func() (string, string) {
		return fmt.Sprintf("bits %08x", bits), fmt.Sprintf("bits %08x", h.Bits())
	})
}

func (r *Rules) checkTimes(below Ancestry, height int32, h *Header, now uint32, rep *Report) error {
	median, ok := MedianTime(below, height-1)
	if !ok {
		if err := missing(rep, CheckMedianTime, "a time above the median of the 11 headers below"); err != nil {
			return err
		}
	} else if err := rep.Check(CheckMedianTime, h.Time() > median, func() (string, string) {
		return fmt.Sprintf("time above %d", median), fmt.Sprintf("time %d", h.Time())
	}); err != nil {
		return err
	}
	if now == 0 {
		rep.Skip(CheckFutureTime, "a time not far ahead of the clock", "no clock was given")
	} else if err := rep.Check(CheckFutureTime, int64(h.Time()) <= int64(now)+int64(r.MaxFuture), func() (string, string) {
		return fmt.Sprintf("time at most %d s after the clock's %d", r.MaxFuture, now), fmt.Sprintf("time %d", h.Time())
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
		return missing(rep, CheckTimeWarp, "a time close to the last block's")
	}
	return rep.Check(CheckTimeWarp, int64(h.Time()) >= int64(last.Time)-int64(e.MaxBack), func() (string, string) {
		return fmt.Sprintf("time at least %d", int64(last.Time)-int64(e.MaxBack)), fmt.Sprintf("time %d", h.Time())
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
	return rep.Check(CheckCheckpoint, id == r.Checkpoints[i].Hash, func() (string, string) {
		return r.Checkpoints[i].Hash.String(), id.String()
	})
}

func missing(rep *Report, name, want string) error {
	if rep == nil {
		return fmt.Errorf("%s: %w", name, ErrNoContext)
	}
	rep.Skip(name, want, ErrNoContext.Error())
	return nil
}
