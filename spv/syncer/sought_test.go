package syncer

import (
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// follower runs a machine that has the first 20 of some headers, against peers that have so many of them and answer nothing but
// questions about headers.
type follower struct {
	t     *testing.T
	m     *Machine
	run   []spv.Sealed
	has   map[Peer]int
	now   time.Time
	about map[Peer][]int32 // up to where each was asked about filters
	gone  map[Peer]bool
}

func newFollower(t *testing.T, has map[Peer]int) *follower {
	t.Helper()
	r := benchRules()
	f := &follower{t: t, run: benchHeaders(r, 60), has: has, now: time.Unix(1_800_000_000, 0), about: map[Peer][]int32{}, gone: map[Peer]bool{}}
	tree := spv.NewTree(r)
	if _, err := tree.Connect(f.run[:20], 0); err != nil {
		t.Fatal(err)
	}
	f.m = NewWith(Config{Tree: tree, Scan: &Scan{From: 21, Filters: &shelf{}, Headers: &shelf{}}})
	for p := range Peer(len(has)) {
		f.step(Connected{Peer: p + 1, Height: int32(has[p+1]), Services: wire.SFNodeNetwork | wire.SFNodeCF})
	}
	return f
}

func (f *follower) step(in Input) {
	f.t.Helper()
	for inputs := []Input{in}; len(inputs) > 0; inputs = inputs[1:] {
		for _, out := range f.m.Step(f.now, inputs[0]) {
			switch out := out.(type) {
			case Again:
				inputs = append(inputs, Resume{})
			case Drop:
				f.gone[out.Peer] = true
			case Send:
				switch ask := out.Message.(type) {
				case *wire.MsgGetHeaders:
					if len(ask.BlockLocatorHashes) > 0 {
						inputs = append(inputs, Received{Peer: out.Peer, Message: answerOf(f.m.tree, f.run[:f.has[out.Peer]], ask)})
					}
				case *wire.MsgGetCFHeaders:
					b, _ := f.m.tree.Lookup(ask.StopHash)
					f.about[out.Peer] = append(f.about[out.Peer], b.Height)
				}
			}
		}
	}
}

func (f *follower) announce(p Peer, height int) {
	f.t.Helper()
	f.step(Received{Peer: p, Message: &msg.Headers{Headers: f.run[height-1 : height]}})
}

// TestSoughtTip: a header that a layer's proof named builds on our tip. Two full nodes know it and lack its block: neither is
// asked about its filter before it has shown that it is there.
func TestSoughtTip(t *testing.T) {
	f := newFollower(t, map[Peer]int{1: 20, 2: 20})
	f.step(Seek{Block: f.run[20].Header.ID()})
	f.announce(1, 21)
	f.announce(2, 21)
	if tip := f.m.tree.Tip().Height; tip != 21 {
		t.Fatalf("tip %d, want 21", tip)
	}
	f.now = f.now.Add(time.Second)
	f.step(Tick{})
	if len(f.about) > 0 {
		t.Fatalf("asked about filters: %v", f.about)
	}
	f.has[2] = 22
	f.announce(2, 22)
	if got := f.about[2]; len(f.about) != 1 || !slices.Contains(got, 22) {
		t.Fatalf("asked about filters: %v, want the second peer up to 22", f.about)
	}
}

// TestSoughtAtPeers: who is at the block that was sought is found out at once.
func TestSoughtAtPeers(t *testing.T) {
	f := newFollower(t, map[Peer]int{1: 20, 2: 20})
	f.step(Seek{Block: f.run[20].Header.ID()})
	f.has[1] = 21
	f.announce(1, 21)
	if got := f.about[1]; len(f.about) != 1 || !slices.Contains(got, 21) {
		t.Fatalf("asked about filters: %v, want the first peer up to 21", f.about)
	}
}

// TestRepeatFastChain: blocks that come meanwhile make a question neither old nor answered: it is asked again, and who owes the answer
// is let go of in time, however many blocks it announces.
func TestRepeatFastChain(t *testing.T) {
	f := newFollower(t, map[Peer]int{1: 21})
	for i := range 38 {
		f.now = f.now.Add(time.Second)
		f.has[1] = 22 + i
		f.announce(1, 22+i)
		f.step(Tick{})
	}
	if got := f.about[1]; len(got) != 5 || slices.Max(got) != 21 || !f.gone[1] {
		t.Errorf("asked up to %v, gone %v; want five times up to 21, and no peer", got, f.gone)
	}
}

// TestSoughtTwice: what two peers answer to a Seek comes out once, and says of neither that it is on that branch.
func TestSoughtTwice(t *testing.T) {
	f := newFollower(t, map[Peer]int{1: 20, 2: 20})
	lost := f.run[18].Header
	lost[0]++ // a block beside the 19th
	f.step(Seek{Block: lost.ID()})
	answer := &msg.Headers{Headers: []spv.Sealed{{Header: lost}}}
	var strays int
	for p := range Peer(2) {
		for _, out := range f.m.Step(f.now, Received{Peer: p + 1, Message: answer}) {
			if _, ok := out.(Stray); ok {
				strays++
			} else {
				t.Errorf("peer %d: %T", p+1, out)
			}
		}
	}
	for _, p := range f.m.peers {
		if p.height != 20 || p.lowered {
			t.Errorf("peer %d is at %d, lowered %v", p.id, p.height, p.lowered)
		}
	}
	if strays != 1 || len(f.m.sought) > 0 {
		t.Errorf("%d strays, %d sought", strays, len(f.m.sought))
	}
}
