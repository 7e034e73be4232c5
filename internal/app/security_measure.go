package app

import (
	"context"
	"encoding/hex"
	"math"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/said"
)

const (
	mostPoints = 28 // of a share over time
	mostPools  = 10
)

// lend gives every chain that is merge-mined a view of the chain whose work it borrows, if that is followed beside it. Layers
// have one that judges them; for the others it only measures.
func (l *Local) lend(all []*followed) {
	for i, c := range l.ledgers {
		if c.lender = c.l1; c.lender != nil || c.params.AuxPoW == nil {
			continue
		}
		for _, p := range all {
			if p != all[i] && p.params.Name == l.set.L1Of(c.params).Name {
				if p.view == nil {
					p.view = newParentView(p.tree, p.chain)
				}
				c.lender = p.view
			}
		}
	}
}

// measurement is what was measured when both chains stood at their tips.
type measurement struct {
	tip, l1 spv.Block
	unknown said.Sentence
	windows []risk.Share
	points  []SharePoint
	tally   ParentTally
	pools   []PoolShare
	half    int
	honest  float64
}

// measure measures the share, in the loop. The result is kept until either chain moves, and must not be changed.
func (l *ledger) measure() *measurement {
	m := &measurement{tip: l.tree.Tip()}
	switch {
	case l.params.AuxPoW == nil:
		m.unknown = said.Of("the chain has work of its own: there is no share to measure")
		return m
	case l.lender == nil:
		m.unknown = said.Of("the chain whose work it borrows is not followed here")
		return m
	}
	m.l1 = l.lender.Tip()
	if last := l.gauge.last; last != nil && last.tip == m.tip && last.l1 == m.l1 {
		return last
	}
	l.measureShare(m)
	if stored, _ := l.chain.Tip(); stored == m.tip { // else the newest proofs are still on their way there
		l.gauge.last = m
	}
	return m
}

func (l *ledger) measureShare(m *measurement) {
	blocks, times := l.lender.best(m.l1.Height-risk.LongWindow+1, m.l1.Height)
	if len(blocks) == 0 {
		m.unknown = said.Of("the L1's headers are not at hand")
		return
	}
	sightings, whole := l.sightingsSince(times[0])
	placed := risk.Place(l.lender, sightings)
	if _, ok := firstOver(placed); !ok {
		m.unknown = said.Of("no layer block on a known L1 block has been seen")
		return
	}
	blocks = lived(blocks, placed, whole)
	times = times[len(times)-len(blocks):]
	if len(blocks) == 0 {
		m.unknown = said.Of("no L1 block has come since the layer's first")
		return
	}
	for _, n := range []int{risk.ShortWindow, risk.LongWindow} {
		m.windows = append(m.windows, risk.Measure(blocks[max(0, len(blocks)-n):], placed))
	}
	short, long := m.windows[0], m.windows[1]
	if m.honest = long.Low; short.High < long.Low {
		m.honest = short.Low
	}
	step := (len(blocks) + mostPoints - 1) / mostPoints
	for end := len(blocks); end > 0; end -= step {
		stretch := blocks[max(0, end-step):end]
		m.points = append([]SharePoint{{time.Unix(int64(times[end-1]), 0).UTC(), risk.Measure(stretch, placed)}}, m.points...)
	}
	m.count(blocks[0].Block.Height, placed)
}

// firstOver returns the height of the first L1 block that the layer could have been mined with; false if none is known.
func firstOver(placed []risk.Placed) (int32, bool) {
	from := int32(math.MaxInt32)
	for i := range placed {
		if placed[i].Class != risk.Unknown {
			from = min(from, placed[i].Under.Height+1)
		}
	}
	return from, from < math.MaxInt32
}

// count tallies the layer blocks over the L1 blocks from a height upwards.
func (m *measurement) count(from int32, placed []risk.Placed) {
	var newest []risk.Placed
	for _, p := range placed {
		if p.Class != risk.Unknown && p.Under.Height < from-1 {
			continue
		}
		newest = append(newest, p)
		switch p.Class {
		case risk.Seal:
			m.tally.Seals++
		case risk.Near:
			m.tally.Near++
		default:
			m.tally.Unknown++
		}
		if p.Behind > 0 {
			m.tally.Stale++
		}
		if p.OffBest {
			m.tally.OffBest++
		}
	}
	m.tally.Blocks = len(newest)
	pools, half := risk.Pools(newest)
	m.half = half
	for _, p := range pools[:min(len(pools), mostPools)] {
		payee := ""
		if p.Payout != [32]byte{} {
			payee = hex.EncodeToString(p.Payout[:8])
		}
		m.pools = append(m.pools, PoolShare{payee, p.Blocks, p.Share})
	}
}

// race returns the contest on a chain against an attacker with a share of the L1's work; false if that is not known. On a
// layer the honest are those who were measured, but no more than the attacker leaves.
func (l *ledger) race(m *measurement, attacker float64) (risk.Race, bool) {
	switch {
	case l.params.AuxPoW == nil:
		return risk.OnL1(attacker), true
	case m.unknown.Form != "":
		return risk.Race{}, false
	}
	return risk.Race{Honest: min(m.honest, 1-attacker), Attacker: attacker}, true // what is lost to delay was not measured
}

var sizes = []struct {
	name string
	size risk.Size
}{{"small", risk.Small}, {"normal", risk.Normal}, {"large", risk.Large}}

// waits returns the recommended confirmations for every size; known tells whether there is a race.
func waits(r risk.Race, known bool) (out []Wait) {
	for _, s := range sizes {
		w := Wait{Size: s.name}
		if known {
			z, ok := r.Wait(s.size)
			if w.Never = !ok; ok {
				w.Confirmations = &z
			}
		}
		out = append(out, w)
	}
	return out
}

// attackerOr returns the share of the L1's work to count with.
func attackerOr(share float64) (float64, error) {
	switch {
	case share == 0:
		return risk.DefaultAttacker, nil
	case !(share > 0 && share < 1):
		return 0, Coded(CodeInvalid, "attacker's share %g: want more than 0 and less than 1", share)
	}
	return share, nil
}

// ChainSecurity measures a chain.
func (l *Local) ChainSecurity(ctx context.Context, chain string, attacker float64) (ChainSecurity, error) {
	c, err := l.ledger(chain)
	if err != nil {
		return ChainSecurity{}, err
	}
	if attacker, err = attackerOr(attacker); err != nil {
		return ChainSecurity{}, err
	}
	return call(ctx, c, func() (ChainSecurity, error) {
		m := c.measure()
		s := ChainSecurity{Chain: c.params.Name, Unknown: m.unknown.String(), UnknownSaid: m.unknown, Windows: m.windows, Points: m.points, Parent: m.tally,
			Pools: m.pools, Half: m.half, Attacker: attacker, Alarms: c.gauge.alarms(), Trust: c.trustNow()}
		if c.params.AuxPoW != nil {
			s.L1 = l.set.L1Of(c.params).Name
		}
		s.Watched = len(c.gauge.l1) > 0 || (c.params.AuxPoW == nil && !c.offline)
		if m.unknown.Form == "" {
			s.Honest = &m.honest
		}
		r, known := c.race(m, s.Attacker)
		s.Waits = waits(r, known)
		if majority := 0.5; c.params.AuxPoW == nil {
			s.Majority = &majority
		} else if known {
			majority = min(majority, m.honest) // from a half of all on nobody is left who has more
			s.Majority = &majority
		}
		return s, nil
	})
}

// trustNow is trust for the chain as a whole, in the loop, also before the loop has told anything.
func (l *ledger) trustNow() Trust {
	t := l.trust(l.snapshot().scanned)
	if l.shown.Load() == nil {
		t.Tip = l.tree.Tip()
		if header, ok := l.tree.Header(t.Tip.Height); ok {
			t.TipTime = time.Unix(int64(header.Time()), 0).UTC()
			t.Age = max(0, int64(l.clock().Sub(t.TipTime)/time.Second))
		}
	}
	return t
}

// Alarms returns the alarms that are on, over all chains. It waits for nothing, so that metrics can ask it.
func (l *Local) Alarms(ctx context.Context) ([]ChainAlarm, error) {
	list := []ChainAlarm{}
	for _, c := range l.ledgers {
		list = append(list, c.gauge.alarms()...)
	}
	return list, ctx.Err()
}
