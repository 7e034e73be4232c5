package app

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	// replayed is how many L1 blocks the watch is shown after a start.
	replayed = risk.LongWindow + 84
	// mostSightings bounds the layer blocks that are looked at: a month of one-minute blocks and more.
	mostSightings = 1 << 16
	sightingsRead = 2000
	// mostFed is how many blocks are remembered to find where a reorganisation begins. Below it all is looked at anew.
	mostFed = 4096
	// leap is how many L1 blocks at once are more than chance brings; the watch judges an L1 block when so many lie on it.
	leap     = 6
	leapTime = time.Minute
	// mostWaiting bounds layer blocks that wait for an L1 block and are shown to the watch.
	mostWaiting = 64
)

// gauge watches the work behind one chain. It belongs to the chain's loop, but for what it has published.
type gauge struct {
	shown   atomic.Pointer[[]ChainAlarm]
	watch   *risk.Watch
	l1      []spv.Block // shown to the watch, oldest first
	layer   []spv.Block
	waiting []risk.Sighting // built on L1 blocks that are not known, in order of height
	fresh   bool            // waiting was not shown yet
	heard   []spv.Sealed    // the newest message of headers
	held    []spv.Sealed    // those of them that wait; to be judged once the L1 is synced
	empty   []spv.Block     // whose filters are disputed
	leapt   time.Time       // when many L1 blocks came at once that the watch has not been shown yet; zero: they did not
	last    *measurement
}

// alarms returns the alarms that are on. It may be called from anywhere.
func (g *gauge) alarms() []ChainAlarm {
	if list := g.shown.Load(); list != nil {
		return *list
	}
	return nil
}

// gaugeMoves shows the watch what is new. It costs next to nothing if nothing is.
func (l *ledger) gaugeMoves(status *syncer.Status) {
	g := &l.gauge
	if g.watch == nil {
		g.watch = risk.NewWatch()
	}
	synced := l.lender != nil && l.lender.Synced()
	if status.Synced {
		g.heard = nil // it may be large
	}
	if synced && len(g.held) > 0 {
		l.keepWaiting()
	}
	if synced && (status.Synced || len(g.waiting) > 0) {
		l.showWatch(status.Synced)
	}
	l.publishAlarms()
}

// showWatch shows the watch the new blocks of both chains, put together as they came: what the layer did with an L1 block must be
// there before that is judged.
func (l *ledger) showWatch(synced bool) {
	g, tip := &l.gauge, l.tree.Tip()
	to, begun := l.watchTo(synced)
	if len(g.l1) > 0 && g.l1[len(g.l1)-1] == to && len(g.layer) > 0 && g.layer[len(g.layer)-1] == tip && !g.fresh {
		return
	}
	from, okL1 := forkOf(g.l1, l.lender.at)
	layerFrom, okLayer := forkOf(g.layer, l.block)
	if !okL1 || !okLayer {
		l.replayWatch(to)
	} else {
		sightings, ok := l.sightings(layerFrom, tip.Height)
		if !ok {
			return // it is tried again with the next block
		}
		if l.late(sightings) > leap {
			l.replayWatch(to)
		} else {
			blocks, _ := l.lender.best(from, to.Height)
			l.feedWatch(blocks, sightings)
		}
	}
	l.showWaiting()
	l.showAnchor(tip)
	if !begun {
		g.l1, g.layer = nil, nil // what was before is looked at once the layer has begun
	}
}

// watchTo returns the L1 block up to which the watch is shown the L1: its tip, if what the layer did meanwhile is known. Else it is
// the one that the layer's own tip was mined with. Begun: the layer has a block with a proof.
func (l *ledger) watchTo(synced bool) (to spv.Block, begun bool) {
	to = l.lender.Tip()
	list, ok := l.sightings(l.tree.Tip().Height, l.tree.Tip().Height)
	if !ok || len(list) == 0 {
		return to, synced
	}
	if leapt := l.leapt(to); synced && !leapt {
		return to, true
	}
	if under, ok := l.lender.Lookup(list[0].Parent.Prev); ok && under.Height+1 < to.Height {
		if b, ok := l.lender.at(under.Height + 1); ok {
			to = b
		}
	}
	return to, true
}

// leapt tells whether the L1 has only just come far. After a sleep its headers come in one message, and so do the layer's,
// moments later; the watch would take it that nobody had mined the layer meanwhile.
func (l *ledger) leapt(tip spv.Block) bool {
	g, now := &l.gauge, l.clock()
	if len(g.l1) == 0 || tip.Height-g.l1[len(g.l1)-1].Height <= leap {
		g.leapt = time.Time{}
		return false
	}
	if g.leapt.IsZero() {
		g.leapt = now
	}
	return now.Sub(g.leapt) < leapTime
}

// late counts the blocks that were mined with an L1 block which the watch has judged already.
func (l *ledger) late(sightings []risk.Sighting) (n int) {
	g := &l.gauge
	for i := range sightings {
		under, ok := l.lender.Lookup(sightings[i].Parent.Prev)
		if ok && under.Height+1 <= g.l1[len(g.l1)-1].Height-leap {
			n++
		}
	}
	return n
}

// feedWatch shows the watch blocks that follow what it was shown.
func (l *ledger) feedWatch(blocks []risk.L1Block, sightings []risk.Sighting) {
	g := &l.gauge
	g.watch.Replay(l.lender, blocks, sightings)
	for _, b := range blocks {
		g.l1 = fed(g.l1, b.Block)
	}
	for i := range sightings {
		g.layer = fed(g.layer, sightings[i].Block)
	}
	g.layer = fed(g.layer, l.tree.Tip()) // it may have no proof
}

// replayWatch begins anew with what is on disk.
func (l *ledger) replayWatch(to spv.Block) {
	g := &l.gauge
	blocks, times := l.lender.best(to.Height-replayed+1, to.Height)
	if len(blocks) == 0 {
		return
	}
	sightings, whole := l.sightingsSince(times[0])
	g.watch, g.l1, g.layer = risk.NewWatch(), nil, nil
	l.showFilters()
	placed := risk.Place(l.lender, sightings)
	if _, ok := firstOver(placed); !ok { // the newest L1 block alone, for the alarms to name
		blocks = blocks[len(blocks)-1:]
	}
	l.feedWatch(lived(blocks, placed, whole), sightings)
}

// lived leaves out the L1 blocks of before the layer's first, if that is among those placed: they say nothing about its share.
func lived(blocks []risk.L1Block, placed []risk.Placed, whole bool) []risk.L1Block {
	from, ok := firstOver(placed)
	if !whole || !ok {
		return blocks
	}
	return blocks[min(max(0, int(from-blocks[0].Block.Height)), len(blocks)):]
}

// showWaiting shows blocks above the tip that wait for their L1 block.
func (l *ledger) showWaiting() {
	g := &l.gauge
	tip := l.tree.Tip()
	g.fresh = false
	g.waiting = slices.DeleteFunc(g.waiting, func(s risk.Sighting) bool { return s.Block.Height <= tip.Height })
	for _, s := range g.waiting {
		g.watch.Layer(l.lender, s)
	}
}

// showAnchor shows the watch the lowest L1 block that the tip can be anchored to: headers do not say which it is, but the
// rules say how deep under the proof's parent it lies at most (rule R2). If even that is not on the best chain,
// the anchor is lost.
func (l *ledger) showAnchor(tip spv.Block) {
	if l.params.Layer == nil {
		return
	}
	list, ok := l.sightings(tip.Height, tip.Height)
	if !ok || len(list) == 0 {
		return
	}
	if lowest, ok := l.anchorOf(&list[0].Parent, l.params.Layer.AnchorDepth+l.params.Layer.AnchorWindow); ok {
		l.gauge.watch.Anchor(l.lender, lowest)
	}
}

// anchorOf returns the L1 block that lies so deep under a proof's parent.
func (l *ledger) anchorOf(parent *risk.Parent, depth int32) (spv.Block, bool) {
	under, ok := l.lender.Lookup(parent.Prev)
	if !ok {
		return spv.Block{}, false
	}
	return l.lender.Ancestor(under.Hash, max(under.Height-depth, 0))
}

// publishAlarms tells of alarms that are new or over.
func (l *ledger) publishAlarms() {
	g, before := &l.gauge, l.gauge.alarms()
	active := g.watch.Active()
	same := func(a ChainAlarm) func(risk.Alarm) bool { return func(b risk.Alarm) bool { return a.Kind == b.Kind } }
	var now []ChainAlarm
	for _, a := range active {
		alarm := l.alarm(&a)
		now = append(now, alarm)
		if !slices.ContainsFunc(before, func(b ChainAlarm) bool { return b.Kind == a.Kind }) {
			l.feed.send(Event{Kind: EventAlarm, Time: l.clock(), Alarm: &AlarmEvent{ChainAlarm: alarm}})
		}
	}
	for _, a := range before {
		if !slices.ContainsFunc(active, same(a)) {
			l.feed.send(Event{Kind: EventAlarm, Time: l.clock(), Alarm: &AlarmEvent{a, true}})
		}
	}
	g.shown.Store(&now)
}

func (l *ledger) alarm(a *risk.Alarm) ChainAlarm {
	text := a.Kind.Text()
	return ChainAlarm{Chain: l.params.Name, Alarm: *a, Title: a.Fill(text.Title), What: a.Fill(text.Seen), Do: a.Fill(text.Do)}
}

// gaugeFilters notes blocks whose filters are disputed: they are stored without one.
func (l *ledger) gaugeFilters(out syncer.Output) {
	g := &l.gauge
	if g.watch == nil {
		g.watch = risk.NewWatch()
	}
	switch out := out.(type) {
	case syncer.CutFilters:
		g.empty = slices.DeleteFunc(g.empty, func(b spv.Block) bool { return b.Height > out.To })
	case syncer.StoreFilters:
		g.empty = slices.DeleteFunc(g.empty, func(b spv.Block) bool { return b.Height >= out.From })
		for i, filter := range out.Filters {
			if b, ok := l.block(out.From + int32(i)); ok && len(filter) == 0 && len(g.empty) < mostFed {
				g.empty = append(g.empty, b)
			}
		}
	default:
		return
	}
	l.showFilters()
}

// showFilters shows the watch whether any filter is disputed, and the lowest one.
func (l *ledger) showFilters() {
	g := &l.gauge
	if len(g.empty) > 0 {
		g.watch.Filter(g.empty[0], 2) // at least
	} else {
		g.watch.Filter(spv.Block{}, 1)
	}
}

// gaugeWaiting notes headers that wait for an L1 block. The machine may judge them a few steps after they came.
func (l *ledger) gaugeWaiting(in syncer.Input, out []syncer.Output) {
	g := &l.gauge
	if l.lender == nil {
		return
	}
	if received, ok := in.(syncer.Received); ok {
		if message, ok := received.Message.(*msg.Headers); ok && len(message.Headers) > 0 {
			g.heard = message.Headers
		}
	}
	for _, o := range out {
		if missing, ok := o.(syncer.Missing); ok {
			i := slices.IndexFunc(g.heard, func(s spv.Sealed) bool { return s.Aux != nil && s.Aux.Parent.Prev() == missing.Parent })
			if i >= 0 {
				g.held = g.heard[i:min(len(g.heard), i+mostWaiting)]
			}
			break // the first is the one that holds them
		}
	}
}

// keepWaiting judges the headers that are held by all rules but those that want the L1, and keeps what the good ones show.
func (l *ledger) keepWaiting() {
	g, loose := &l.gauge, l.tree.Clone()
	run := g.held
	g.held = nil
	loose.LinkTo(nil)
	_, _ = loose.Connect(run, uint32(l.clock().Unix())) // what comes before a bad one is good
	for _, s := range run {
		at, ok := loose.Lookup(s.Header.ID())
		if !ok || s.Aux == nil {
			break
		}
		g.waiting = slices.DeleteFunc(g.waiting, func(w risk.Sighting) bool { return w.Block.Height >= at.Height })
		parent := store.ParentOf(s.Aux)
		g.waiting = append(g.waiting, risk.Sighting{Block: at, Bits: s.Header.Bits(), Parent: risk.Parent(parent)})
		g.fresh = true
	}
}

// sightings returns the layer's blocks between two heights that came with a proof.
func (l *ledger) sightings(from, to int32) (out []risk.Sighting, ok bool) {
	from = max(from, l.chain.Base().Height)
	for from <= to {
		n := min(sightingsRead, to-from+1)
		headers, err := l.chain.Headers(from, n)
		if err != nil {
			return nil, false
		}
		parents, err := l.chain.Parents(from, n)
		if err != nil {
			return nil, false
		}
		for i, p := range parents {
			if p != nil {
				out = append(out, risk.Sighting{Block: spv.Block{Height: from + int32(i), Hash: headers[i].ID()}, Bits: headers[i].Bits(), Parent: risk.Parent(*p)})
			}
		}
		from += n
	}
	return out, true
}

// clockSlack is how much earlier a layer block's time may be than that of the L1 block under its parent, and more.
const clockSlack = 3 * 3600

// sightingsSince returns the newest blocks that are no older than an L1 block of a time; whole tells that there are no others.
func (l *ledger) sightingsSince(time uint32) (out []risk.Sighting, whole bool) {
	to := l.tree.Tip().Height
	for to > l.chain.Base().Height && len(out) < mostSightings {
		from := max(to-sightingsRead+1, l.chain.Base().Height+1)
		part, ok := l.sightings(from, to)
		oldest, err := l.chain.Headers(from, 1)
		if !ok || err != nil {
			return out, false
		}
		out = append(part, out...)
		if int64(oldest[0].Time()) < int64(time)-clockSlack {
			return out, false
		}
		to = from - 1
	}
	return out, to <= l.chain.Base().Height
}

// forkOf returns the height above the newest block that a chain still has, of those that it had; false if there is none.
func forkOf(had []spv.Block, at func(int32) (spv.Block, bool)) (int32, bool) {
	for _, b := range slices.Backward(had) {
		if now, ok := at(b.Height); ok && now == b {
			return b.Height + 1, true
		}
	}
	return 0, false
}

// fed adds a block to the newest ones of a chain, in the place of those at its height and above.
func fed(list []spv.Block, b spv.Block) []spv.Block {
	for len(list) > 0 && list[len(list)-1].Height >= b.Height {
		list = list[:len(list)-1]
	}
	if list = append(list, b); len(list) > mostFed {
		list = slices.Delete(list, 0, mostFed/2)
	}
	return list
}
