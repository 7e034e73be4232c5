package syncer

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
)

const cheapBits = 0x207fffff

// cheapRules are those of a chain whose headers cost nothing, with a minimum work of so many of them.
func cheapRules(least uint64) *spv.Rules {
	limit, _ := spv.ParseTarget(cheapBits)
	r := &spv.Rules{Name: "test", Work: pow.SHA256d, PowLimit: limit, MaxFuture: 7200, ReorgLimit: 1000,
		Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: 600}}}
	r.Genesis = spv.Header{68: 1, 72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}
	one := spv.WorkOf(&limit)
	r.MinimumWork.Mul(&one, uint256.NewInt(least))
	return r
}

// cheap mines n headers on top of one; tag makes siblings differ.
func cheap(r *spv.Rules, on spv.Header, n int, tag byte) (run []spv.Sealed) {
	for range n {
		h := spv.Header{0: 4, 36: tag, 72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}
		id := on.ID()
		copy(h[4:], id[:])
		binary.LittleEndian.PutUint32(h[68:], on.Time()+600)
		for nonce := uint32(0); ; nonce++ {
			binary.LittleEndian.PutUint32(h[76:], nonce)
			if id := h.ID(); spv.Meets(&id, &r.PowLimit) {
				break
			}
		}
		run, on = append(run, spv.Sealed{Header: h}), h
	}
	return run
}

var someday = time.Unix(1_700_000_000, 0)

// tell has a peer tell headers, and returns all that comes of it.
func tell(m *Machine, p Peer, run []spv.Sealed) []Output {
	out := m.Step(someday, Received{Peer: p, Message: &msg.Headers{Headers: run}})
	for i := 0; i < len(out); i++ {
		if _, ok := out[i].(Again); ok {
			out = append(out, m.Step(someday, Resume{})...)
		}
	}
	return append(out, m.Step(someday, Tick{})...)
}

func dropped(out []Output) (d Drop, ok bool) {
	for _, o := range out {
		if d, ok := o.(Drop); ok {
			return d, true
		}
	}
	return Drop{}, false
}

// TestClaimedWork: below the minimum work nothing of a chain is stored on the strength of what its bits say. A header that says it has
// all the work there is, and has none, does not bring the cheap ones below it in: more of them than ReorgLimit would shut the best
// chain out for ever.
func TestClaimedWork(t *testing.T) {
	rules := cheapRules(10_000)
	run := cheap(rules, rules.Genesis, 300, 0)
	lie := run[299].Header
	id := lie.ID()
	copy(lie[4:], id[:])
	binary.LittleEndian.PutUint32(lie[72:], 0x03000001) // a target of 1: 2^255 hashes
	m := New(spv.NewTree(rules), [16]byte{})
	m.Step(someday, Connected{Peer: 1})
	out := tell(m, 1, append(run, spv.Sealed{Header: lie}))
	for _, o := range out {
		if o, ok := o.(Store); ok {
			t.Errorf("%d headers are stored, up to %s", len(o.Change.Headers), o.Change.Tip)
		}
	}
	if d, ok := dropped(out); m.Tree().Tip().Height != 0 || !ok || !d.Ban {
		t.Errorf("tip %s, dropped %t (%v): want genesis, and a ban", m.Tree().Tip(), ok, d)
	}
}

// TestOldBranch: headers on top of an old block take no place in the tree before they have shown the work that the best chain had spare
// blocks ago, announced or asked for; a branch that leaves the best chain near its tip is followed at once. A peer that is merely behind,
// and tells what we know, loses nothing.
func TestOldBranch(t *testing.T) {
	rules := cheapRules(0)
	best := cheap(rules, rules.Genesis, 400, 0)
	begin := func() *Machine {
		m := New(spv.NewTree(rules), [16]byte{})
		m.Step(someday, Connected{Peer: 1})
		tell(m, 1, best)
		tell(m, 1, nil)
		if tip := m.Tree().Tip(); tip.Height != 400 {
			t.Fatalf("tip %s", tip)
		}
		m.Step(someday, Connected{Peer: 2})
		return m
	}
	old := cheap(rules, best[99].Header, 150, 1)        // 100 to 250
	near := cheap(rules, best[399-spare].Header, 20, 1) // on top of the lowest that has the least work
	for _, c := range []struct {
		name  string
		run   []spv.Sealed
		asked bool
		taken int
	}{
		{"old, an answer", old, true, 0},
		{"old, with known ones below it", append(append([]spv.Sealed(nil), best[50:100]...), old...), true, 0},
		{"old, an announcement", old, false, 0},
		{"near", near, true, len(near)},
		{"known", best[50:200], true, 0},
	} {
		m := begin()
		if !c.asked {
			tell(m, 2, nil)
		}
		out := tell(m, 2, c.run)
		if d, ok := dropped(out); ok {
			t.Errorf("%s: %v", c.name, d)
		}
		if got := m.Tree().Blocks() - 401; got != c.taken {
			t.Errorf("%s: %d headers are in the tree, want %d", c.name, got, c.taken)
		}
		d, ok := dropped(tell(m, 2, nil))
		if want := c.name[:3] == "old"; ok != want || d.Ban {
			t.Errorf("%s: dropped %t (%v), want %t, and no ban", c.name, ok, d, want)
		}
	}

	better := cheap(rules, best[99].Header, 301, 2) // 100 to 401
	m := begin()
	tell(m, 2, better) // shows its work
	if got := m.Tree().Blocks(); got != 401 {
		t.Errorf("%d blocks in the tree before the branch came twice", got)
	}
	tell(m, 2, better)
	if tip := m.Tree().Tip(); tip.Height != 401 || tip.Hash != better[300].Header.ID() {
		t.Errorf("tip %s, want the better branch's at 401", tip)
	}
}

// TestAnnouncedMeanwhile: a block that is announced while a peer shows its work is no answer, and no fault of the peer's. One that never
// answers is let go all the same.
func TestAnnouncedMeanwhile(t *testing.T) {
	rules := cheapRules(290)
	run := cheap(rules, rules.Genesis, 302, 0)
	begin := func() *Machine {
		m := New(spv.NewTree(rules), [16]byte{})
		m.Step(someday, Connected{Peer: 1})
		for _, part := range [][]spv.Sealed{run[:300], run[300:301]} { // its work is shown, and a new block announced
			if d, ok := dropped(tell(m, 1, part)); ok {
				t.Fatalf("dropped: %v", d)
			}
		}
		return m
	}
	m := begin()
	tell(m, 1, run[:301])
	tell(m, 1, run[301:])
	if tip := m.Tree().Tip(); tip.Height != 302 {
		t.Errorf("tip %s, want 302", tip)
	}
	m = begin()
	m.Step(someday.Add(answerTime/2), Received{Peer: 1, Message: &msg.Headers{Headers: run[301:]}})
	if d, ok := dropped(m.Step(someday.Add(answerTime+time.Second), Tick{})); !ok || d.Ban {
		t.Errorf("dropped %t (%v) after no answer, want true and no ban", ok, d)
	}
}

// TestTipMoved: a peer whose best chain has another tip when it tells it for the second time is let go where that shows, and not banned.
func TestTipMoved(t *testing.T) {
	rules := cheapRules(290)
	run := cheap(rules, rules.Genesis, 305, 0) // a bit is remembered of the last
	showed := 0
	for tag := range byte(20) {
		m := New(spv.NewTree(rules), [16]byte{})
		m.Step(someday, Connected{Peer: 1})
		tell(m, 1, run)
		out := tell(m, 1, append(run[:304:304], cheap(rules, run[303].Header, 1, tag+1)...))
		if d, ok := dropped(out); ok {
			if showed++; d.Ban {
				t.Fatalf("banned: %v", d.Err)
			}
		}
	}
	if showed == 0 {
		t.Fatal("no other tip showed")
	}
}
