package syncer

import (
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// asked returns the peers that outputs ask for headers.
func asked(outputs []Output) (peers []Peer) {
	for _, o := range outputs {
		if s, ok := o.(Send); ok {
			if _, ok := s.Message.(*wire.MsgGetHeaders); ok {
				peers = append(peers, s.Peer)
			}
		}
	}
	return peers
}

// TestPendingPeerHoldsNobody: a peer whose proofs wait for the parent chain, truly or by
// its own invention, does not keep the others from being asked, and is asked again when
// the parent chain has moved.
func TestPendingPeerHoldsNobody(t *testing.T) {
	limit, _ := spv.ParseTarget(0x207fffff)
	rules := &spv.Rules{Name: "test", Work: pow.SHA256d, PowLimit: limit, Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: 1}}}
	rules.Genesis = spv.Header{72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}
	m := New(spv.NewTree(rules), [16]byte{})
	now := time.Unix(1_700_000_000, 0)
	if got := asked(m.Step(now, Connected{Peer: 1})); len(got) != 1 || got[0] != 1 {
		t.Fatalf("asked %v, want the first peer", got)
	}
	if got := asked(m.Step(now, Connected{Peer: 2})); len(got) != 0 {
		t.Fatalf("asked %v while the first peer is busy", got)
	}
	m.out = nil
	m.wait(m.peer(1), nil, spv.ErrPending)
	if got := asked(m.out); len(got) != 1 || got[0] != 2 {
		t.Fatalf("asked %v, want the second peer", got)
	}
	if s := m.Status(); s.Synced || s.Waiting == "" {
		t.Fatalf("%+v", s)
	}
	m.Step(now, Disconnected{Peer: 2})
	if got := asked(m.Step(now.Add(time.Hour), Tick{})); len(got) != 0 {
		t.Fatalf("asked %v before the parent chain has moved", got)
	}
	if got := asked(m.Step(now.Add(time.Hour), ParentMoved{})); len(got) != 1 || got[0] != 1 {
		t.Fatalf("asked %v, want the first peer again", got)
	}
}

func TestDishonest(t *testing.T) {
	for name, want := range map[string]bool{
		spv.CheckWork: true, spv.CheckDifficulty: true, spv.CheckFutureTime: false, spv.CheckSlot: false,
	} {
		if got := dishonest(&spv.HeaderError{Err: &spv.CheckError{Name: name}}); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if dishonest(&spv.HeaderError{Err: spv.ErrNoContext}) || !dishonest(errors.New("headers that do not link")) {
		t.Error("our own ignorance is blamed on the peer, or a broken line is not")
	}
}
