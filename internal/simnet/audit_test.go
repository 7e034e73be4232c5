package simnet_test

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestFirstDifference: the first block at which a peer's filters differ from those that were
// agreed upon before it came is found by one question for its headers at every 1,000th
// block and one for those of an interval, wherever it is.
func TestFirstDifference(t *testing.T) {
	r := rules()
	w := newWorld(r, false)
	w.every = 40
	w.grow(3300)
	for _, from := range []int32{1, 900, 1000, 1001, 2500, 3200} {
		for _, birthday := range []int32{1, 700} {
			s := newSetting(r, uint64(from), syncer.Scan{From: birthday})
			s.wallet.Gap = w.used // those paid before the birthday leave a gap
			s.net.Tell(s.wallet.Watch())
			liar := w.liar(simnet.Lie{From: from, Omit: w.paid()})
			s.net.Join(liar)
			s.run(t, time.Minute)
			if !s.net.Machine.Status().Synced {
				t.Fatalf("lies from %d: %+v", from, s.net.Machine.Status())
			}
			honest := w.peer()
			before := s.net.Machine.Status().Looked
			s.net.Join(honest)
			s.run(t, 200*time.Millisecond)
			if points, headers := honest.Heard[wire.CmdGetCFCheckpt], honest.Heard[wire.CmdGetCFHeaders]; points > 1 || headers > 7 { // of which up to 5 begin anew
				t.Fatalf("lies from %d: asked for checkpoints %d times, for filter headers %d times", from, points, headers)
			}
			s.run(t, time.Minute)
			if !s.banned(liar) || s.banned(honest) {
				t.Fatalf("lies from %d: dropped %v", from, s.net.Dropped)
			}
			if got := s.net.Machine.Status(); !got.Synced || got.Looked < before || len(s.wallet.Found) != len(w.ledger.Truth(birthday, w.used+10)) {
				t.Fatalf("lies from %d: found %d, %+v", from, len(s.wallet.Found), got)
			}
		}
	}
}

// paid returns the scripts of the wallet that the chain pays.
func (w *world) paid() (scripts [][]byte) {
	for n := range w.used {
		scripts = append(scripts, simnet.Script(n))
	}
	return scripts
}

// TestCheckpointLie: checkpoints that do not fit what the peer says otherwise cost it the
// connection, and nobody else's.
func TestCheckpointLie(t *testing.T) {
	r := rules()
	w := newWorld(r, false)
	w.every = 40
	w.grow(3300)
	s := newSetting(r, 1, syncer.Scan{From: 1})
	honest := w.peer()
	s.net.Join(honest)
	s.run(t, time.Minute)
	s.want(t, w)
	liar := w.liar(simnet.Lie{From: 3100, Omit: w.paid(), Points: true})
	s.net.Join(liar)
	s.run(t, time.Minute)
	s.want(t, w)
	if !s.banned(liar) || s.banned(honest) {
		t.Fatalf("dropped %v", s.net.Dropped)
	}
	if liar.Heard[wire.CmdGetCFCheckpt] != 1 {
		t.Fatalf("asked for checkpoints %d times", liar.Heard[wire.CmdGetCFCheckpt])
	}
}

// TestDoubtsSurvive: what peers dispute and nobody can settle is known to the next machine,
// killed at any moment, which looks those blocks through for scripts that it is told of later.
func TestDoubtsSurvive(t *testing.T) {
	r := rules()
	w := newWorld(r, false)
	w.opaque = true
	w.grow(200)
	lie := simnet.Lie{Omit: [][]byte{w.spent(t)}, Spends: true}
	late := 0
	for kill := 0; kill < 40; kill++ {
		s := newSetting(r, 1, syncer.Scan{From: 1})
		s.net.Join(w.liar(lie))
		s.run(t, time.Minute)
		s.net.Kill = kill
		honest := w.peer()
		s.net.Join(honest)
		s.run(t, time.Minute)
		doubts := len(s.net.Disk.Doubts())
		if s.net.Machine != nil {
			s.want(t, w)
			if got := s.net.Machine.Status().Disputed; got == 0 || got != doubts {
				t.Fatalf("%d blocks disputed, %d doubts on disk", got, doubts)
			}
		}
		s.net.Kill = 0
		s.net.Restart(s.machine())
		if got := s.net.Machine.Status().Disputed; got != doubts {
			t.Fatalf("kill at %d: %d blocks disputed after the restart, %d doubts on disk", kill, got, doubts)
		}
		s.run(t, time.Minute)
		s.want(t, w)
		if doubts > 0 && len(s.wallet.Found) == len(w.truth) {
			late++
		}
	}
	if late == 0 {
		t.Fatal("no run was killed after a doubt")
	}
}
