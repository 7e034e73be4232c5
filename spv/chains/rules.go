package chains

import (
	"fmt"
	"math"

	"github.com/layeredpow/lamina/spv"
)

const (
	maxHeight = math.MaxInt32
	maxPeriod = 100_000 // blocks between adjustments; headers of two periods are kept in memory
	maxDepth  = 100_000 // blocks of a reorganisation, kept in memory too
	maxWeight = 100_000_000
	layerIDs  = 0x4c00 // lowest chain id of a layer (protocol.md section 3)
	maxID     = 0x7fff // versions with a higher one would be negative
)

// readRules reads everything of the [rules] table and the rows that belong to it.
func (r *reader) readRules(p *Params) {
	s := r.table("rules", false)
	p.PowLimit = s.big("pow_limit", 32, false)
	p.MaxFuture = integer[uint32](s, "max_future", 1, 86_400)
	p.ReorgLimit = integer[int32](s, "reorg_limit", 100, maxDepth)
	p.MinimumWork = s.big("minimum_work", 1, true)
	p.BlockWeight = integer[int64](s, "block_weight", 4000, maxWeight)
	if p.Kind == L1 {
		p.Challenge = s.hex("challenge", 1, 10_000, true)
		p.Extensions = s.flag("extensions")
	}
	if !p.Kind.Layered() {
		p.FloorOnBase = s.flag("floor_on_base")
		r.readFloors(p)
	}
	r.readEras(p)
	r.readCheckpoints(p)
}

func (r *reader) readEras(p *Params) {
	rows := r.rows("era", 1)
	var from []int32
	for _, s := range rows {
		e := r.readEra(s, p)
		p.Eras = append(p.Eras, e)
		from = append(from, e.From)
	}
	ascending(rows, "from", from, 0)
}

func (r *reader) readEra(s *section, p *Params) (e spv.Era) {
	e.From = integer[int32](s, "from", 0, maxHeight)
	s.enum("retarget", (*retarget)(&e.Retarget))
	if p.Kind.Layered() && e.Retarget != 0 && e.Retarget != spv.ASERT {
		s.problem("retarget", "want asert, the rule of all layers")
		e.Retarget = 0
	}
	e.Spacing = integer[uint32](s, "spacing", 1, 86_400)
	switch e.Retarget {
	case spv.Interval:
		readInterval(s, &e)
	case spv.Damped:
		e.Timespan = integer[uint32](s, "timespan", 4, 86_400)
		if e.From < 2 {
			s.problem("from", "want 2 or more: a damped adjustment looks at the time between two blocks")
		}
	case spv.ASERT:
		e.HalfLife = integer[uint32](s, "half_life", 1, 1<<31)
		if e.From != 0 {
			s.problem("from", "want 0: asert is scheduled from genesis")
		}
	case 0: // none that is allowed, which has been said: its keys would be unknown
		s.asked = append(s.asked, s.keys...)
	}
	if !p.Kind.Layered() {
		readEasing(s, &e)
	}
	return e
}

func readInterval(s *section, e *spv.Era) {
	e.Timespan = integer[uint32](s, "timespan", 2, 1<<31)
	e.MaxDrop = integer[uint32](s, "max_drop", 1, 1000)
	e.MaxRise = integer[uint32](s, "max_rise", 1, 1000)
	e.ExtraBlock = s.flag("extra_block")
	e.BaseFirst = s.flag("base_first")
	e.MaxBack = integer[uint32](s, "max_back", 1, 86_400, 0)
	if e.Spacing == 0 || e.Timespan == 0 {
		return // said already
	}
	if n := e.Timespan / e.Spacing; e.Timespan%e.Spacing != 0 || n < 2 || n > maxPeriod {
		s.problem("timespan", fmt.Sprintf("want 2 to %d times the spacing of %d s", maxPeriod, e.Spacing))
	}
}

func readEasing(s *section, e *spv.Era) {
	e.EaseAfter = integer[uint32](s, "ease_after", 1, 1<<31, 0)
	if e.EaseAfter == 0 {
		return
	}
	e.EaseEvery = s.flag("ease_every")
	e.EaseSince = integer[uint32](s, "ease_since", 1, 1<<32-1, 0)
	e.EaseBackwards = s.flag("ease_backwards")
}

func (r *reader) readFloors(p *Params) {
	rows := r.rows("version_floor", 0)
	var from, least []int32
	for _, s := range rows {
		f := spv.VersionFloor{From: integer[int32](s, "from", 1, maxHeight), Min: integer[int32](s, "min", 1, 255)}
		p.VersionFloors = append(p.VersionFloors, f)
		from, least = append(from, f.From), append(least, f.Min)
	}
	ascending(rows, "from", from, -1)
	ascending(rows, "min", least, -1)
}

func (r *reader) readCheckpoints(p *Params) {
	rows := r.rows("checkpoint", 0)
	var heights []int32
	for _, s := range rows {
		b := spv.Block{Height: integer[int32](s, "height", 1, maxHeight), Hash: s.hash("hash", false)}
		p.Checkpoints = append(p.Checkpoints, b)
		heights = append(heights, b.Height)
	}
	ascending(rows, "height", heights, -1)
}

// readAuxPoW reads the merged-mining rules of an existing chain, or the chain id of a layer.
func (r *reader) readAuxPoW(p *Params) {
	if p.Kind == L1 {
		return
	}
	s := r.table("auxpow", false)
	if p.Kind.Layered() {
		// Start is 1 as nothing proves genesis; the version says the rest (protocol.md section 3).
		p.AuxPoW = &spv.AuxRules{Start: 1, StrictID: true, IndexZero: true, Layer: true,
			ChainID: integer[int32](s, "chain_id", layerIDs, maxID)}
		return
	}
	p.AuxPoW = &spv.AuxRules{
		ChainID:      integer[int32](s, "chain_id", 1, maxID),
		Start:        integer[int32](s, "start", 0, maxHeight),
		StrictID:     s.flag("strict_id"),
		LegacyBefore: word[int32](s, "legacy", 0, maxHeight, map[string]int32{"always": maxHeight, "never": 0}),
		LegacyV2:     s.flag("legacy_v2"),
		PlainParent:  s.flag("plain_parent"),
		IndexZero:    s.flag("index_zero"),
	}
}
