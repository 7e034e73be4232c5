package app

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// mergedWorld is an L1 and a layer that one set of miners mines at once: as long as it is quiet, every proof's parent is an L1 block.
type mergedWorld struct {
	stackWorld
	t         *testing.T
	l1, layer *spv.Tree
	time      uint32
}

func newMergedWorld(t *testing.T) *mergedWorld {
	t.Helper()
	a, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &mergedWorld{t: t}
	w.stackWorld.layer = params(t, "layer-regtest")
	if w.stackWorld.l1, err = a.Chain(w.stackWorld.layer.Parent); err != nil {
		t.Fatal(err)
	}
	w.l1, w.layer = spv.NewTree(&w.stackWorld.l1.Rules), spv.NewTree(&w.stackWorld.layer.Rules)
	w.layer.LinkTo(w.l1)
	w.time = w.stackWorld.layer.Genesis.Time()
	w.alone(10) // the layer's first block has an L1 under it
	return w
}

// sealed mines a layer block whose parent builds on an L1 block; the parent meets the layer's target, which is the L1's, too.
func (w *mergedWorld) sealed(on spv.Hash) spv.Sealed {
	w.t.Helper()
	w.time += 60
	tip := w.layer.Tip()
	bits, _, _ := w.layer.After(tip.Hash, w.time)
	h := spv.Header{}
	binary.LittleEndian.PutUint32(h[0:], uint32(w.stackWorld.layer.AuxPoW.ChainID)<<16|0x0104)
	h = mined(h, tip.Hash, w.time, bits, 9)
	l1Bits, _, ok := w.l1.After(on, w.time)
	if !ok {
		w.t.Fatalf("L1 block %s is not known", on)
	}
	s := proofFor(w.t, h, mined(spv.Header{}, on, w.time, l1Bits, 0))
	if _, err := w.layer.Connect([]spv.Sealed{s}, 0); err != nil {
		w.t.Fatal(err)
	}
	w.high = append(w.high, s)
	return s
}

// merged mines n blocks of both chains.
func (w *mergedWorld) merged(n int) {
	w.t.Helper()
	for range n {
		s := w.sealed(w.l1.Tip().Hash)
		parent := spv.Sealed{Header: s.Aux.Parent}
		if _, err := w.l1.Connect([]spv.Sealed{parent}, 0); err != nil {
			w.t.Fatal(err)
		}
		w.low = append(w.low, parent)
	}
}

// alone mines n blocks of the L1, of which the layer has nothing.
func (w *mergedWorld) alone(n int) {
	w.t.Helper()
	for range n {
		w.low = append(w.low, w.branch(w.l1.Tip().Hash, 1, 5)...)
	}
}

// branch mines n L1 blocks on top of any.
func (w *mergedWorld) branch(on spv.Hash, n int, tag byte) (run []spv.Sealed) {
	w.t.Helper()
	for range n {
		w.time += 60
		bits, _, ok := w.l1.After(on, w.time)
		if !ok {
			w.t.Fatalf("L1 block %s is not known", on)
		}
		s := spv.Sealed{Header: mined(spv.Header{}, on, w.time, bits, tag)}
		if _, err := w.l1.Connect([]spv.Sealed{s}, 0); err != nil {
			w.t.Fatal(err)
		}
		on = s.Header.ID()
		run = append(run, s)
	}
	return run
}

// watching is a wallet that follows such a world, with all alarms it has told of.
type watching struct {
	*measured
	w         *mergedWorld
	low, high *headerPeer
	told      []string
}

func (w *mergedWorld) watching() *watching {
	w.t.Helper()
	out := &watching{w: w, low: listen(w.t, w.stackWorld.l1, w.low), high: listen(w.t, w.stackWorld.layer, w.high)}
	out.measured = w.open(w.t, out.low, out.high)
	return out
}

// until shows what the world has by now, the L1 first, and reads events until both tips have been reached and cond holds.
func (o *watching) until(what string, cond func() bool) {
	o.t.Helper()
	o.low.now(slices.Clone(o.w.low))
	o.high.now(slices.Clone(o.w.high))
	tip := func(chain string) spv.Block { return o.security(chain).Trust.Tip }
	late := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	hear := func(e Event) {
		if e.Missed {
			o.t.Fatal("events were missed")
		}
		if e.Kind == EventAlarm {
			o.told = append(o.told, fmt.Sprintf("%s %v", e.Alarm.Kind, e.Alarm.Cleared))
		}
	}
	for {
		if at := o.w.low[len(o.w.low)-1].Header.ID(); tip(o.w.stackWorld.l1.Name).Hash == at && tip(o.w.stackWorld.layer.Name) == o.w.layer.Tip() && cond() {
			for len(o.events) > 0 { // an event is sent before anybody can ask about it
				hear(<-o.events)
			}
			return
		}
		select {
		case e := <-o.events:
			hear(e)
		case <-tick.C:
		case <-late:
			o.t.Fatalf("never came: %s; told %q, L1 %s, layer %s, want %s", what, o.told, tip(o.w.stackWorld.l1.Name), tip(o.w.stackWorld.layer.Name), o.w.layer.Tip())
		}
	}
}

// on tells whether an alarm is on, the same to whoever asks.
func (o *watching) on(k risk.Kind) bool {
	o.t.Helper()
	list, err := o.Alarms(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(a ChainAlarm) bool {
		return a.Kind == k && a.Chain == o.w.stackWorld.layer.Name && !strings.ContainsAny(a.Title+a.What+a.Do, "{}")
	})
}

func (o *watching) wantTold(want ...string) {
	o.t.Helper()
	if !slices.Equal(o.told, want) {
		o.t.Errorf("told %q, want %q", o.told, want)
	}
}

// TestShareDropAlarm: the miners leave the layer and come back. What is measured before is that all of the L1's work is lent.
func TestShareDropAlarm(t *testing.T) {
	w := newMergedWorld(t)
	w.merged(160)
	o := w.watching()
	o.until("synced", func() bool { return o.security(w.stackWorld.layer.Name).Trust.Synced })
	s := o.security(w.stackWorld.layer.Name)
	if win := s.Windows[1]; s.Honest == nil || *s.Honest < 0.9 || win.Share != 1 || win.Seals != 160 || s.Parent.Seals != 160 || len(s.Alarms) != 0 || !s.Watched {
		t.Fatalf("quiet: %+v", s)
	}
	bound := risk.DropBlocks(*s.Honest) + 6 // L1 blocks, as risk.Watch promises
	for n := range bound {
		if o.on(risk.ShareDrop) {
			t.Fatalf("raised after %d L1 blocks, before %d could be judged", n, bound-6)
		}
		w.alone(1)
		o.until("an L1 block", func() bool { return n+1 < bound || o.on(risk.ShareDrop) })
	}
	w.merged(100)
	o.until("the end of it", func() bool { return !o.on(risk.ShareDrop) })
	o.wantTold("share-drop false", "share-drop true")
}

// TestSleepAlarmsNobody: many blocks of both chains come at once, the L1's first, as after a sleep of the computer. The layer was
// mined all the time.
func TestSleepAlarmsNobody(t *testing.T) {
	w := newMergedWorld(t)
	w.merged(160)
	o := w.watching()
	o.until("synced", func() bool { return o.security(w.stackWorld.layer.Name).Trust.Synced })
	before := w.high
	w.merged(120)
	after := w.high
	w.high, w.layer = before, spv.NewTree(&w.stackWorld.layer.Rules)
	w.layer.LinkTo(w.l1)
	_, err := w.layer.Connect(before, 0)
	if err != nil {
		t.Fatal(err)
	}
	o.until("the L1's blocks", func() bool { return true })
	for _, part := range [][]spv.Sealed{after[160:210], after[210:]} { // in parts: the first must not have the rest judged
		if _, err = w.layer.Connect(part, 0); err != nil {
			t.Fatal(err)
		}
		w.high = append(slices.Clone(w.high), part...)
		o.until("the layer's", func() bool { return true })
	}
	s := o.security(w.stackWorld.layer.Name)
	if win := s.Windows[1]; win.Share != 1 || len(s.Alarms) != 0 {
		t.Errorf("%+v", s)
	}
	o.wantTold()
}

// TestForkAlarm: layer blocks show work on an L1 branch that is not the best one, by the 3rd of them; 16 blocks without are the
// end of it.
func TestForkAlarm(t *testing.T) {
	w := newMergedWorld(t)
	w.merged(40)
	fork := w.l1.Tip().Hash
	side := w.branch(fork, 2, 6)
	o := w.watching()
	best := w.low
	w.low = append(slices.Clone(w.low), side...) // the L1's peers are on it, at first
	o.until("synced", func() bool { return o.security(w.stackWorld.layer.Name).Trust.Synced })
	w.low = append(best, w.branch(fork, 4, 7)...)
	o.until("the better branch", func() bool { return true })
	for range 3 {
		if o.on(risk.Fork) {
			t.Fatal("raised too early")
		}
		w.sealed(side[1].Header.ID())
		o.until("a layer block", func() bool { return true })
	}
	o.until("fork", func() bool { return o.on(risk.Fork) })
	list := o.security(w.stackWorld.layer.Name).Alarms
	if len(list) != 1 || list[0].Seen.Block.Hash != fork || list[0].Seen.Blocks != 3 {
		t.Errorf("%+v", list)
	}
	w.merged(16)
	o.until("the end of it", func() bool { return !o.on(risk.Fork) })
	o.wantTold("l1-fork false", "l1-fork true")
}

// TestWithholdingAlarm: the layer's parents meet the L1's target, but none of them becomes an L1 block; then they do again.
func TestWithholdingAlarm(t *testing.T) {
	w := newMergedWorld(t)
	w.merged(150)
	o := w.watching()
	o.until("synced", func() bool { return o.security(w.stackWorld.layer.Name).Trust.Synced })
	for range 46 { // 40 that are due, and the 6 L1 blocks that lie on an L1 block when it is judged
		w.sealed(w.l1.Tip().Hash)
		w.alone(1)
	}
	o.until("withholding", func() bool { return o.on(risk.Withholding) && o.on(risk.ShareDrop) })
	w.merged(150)
	o.until("the end of it", func() bool { return !o.on(risk.Withholding) && !o.on(risk.ShareDrop) })
	slices.Sort(o.told) // which of the two is first does not matter
	o.wantTold("share-drop false", "share-drop true", "withholding false", "withholding true")
}

// TestAnchorLostAlarm: the L1 leaves the branch that the layer stands on; the layer follows.
func TestAnchorLostAlarm(t *testing.T) {
	w := newMergedWorld(t)
	w.merged(40)
	o := w.watching()
	o.until("synced", func() bool { return o.security(w.stackWorld.layer.Name).Trust.Synced })
	depth := int(w.stackWorld.layer.Layer.AnchorDepth + w.stackWorld.layer.Layer.AnchorWindow)
	left := len(w.low) - depth - 2 // the tip's parent builds on the L1 block below the tip
	w.low = append(slices.Clone(w.low[:left]), w.branch(w.low[left-1].Header.ID(), depth+4, 8)...)
	o.until("anchor lost", func() bool { return o.on(risk.AnchorLost) && o.on(risk.Fork) })
	w.merged(17)
	o.until("the end of it", func() bool { return !o.on(risk.AnchorLost) && !o.on(risk.Fork) })
	slices.Sort(o.told)
	o.wantTold("anchor-lost false", "anchor-lost true", "l1-fork false", "l1-fork true")
}
