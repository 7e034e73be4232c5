package syncer

import (
	"fmt"
	"slices"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/sample"
)

// trial is a proof whose newest blocks are being verified one by one. Nothing is stored before they have the work that was promised: a
// proof whose start leads nowhere costs us its peer, and nothing else.
type trial struct {
	result *sample.Result
	peer   Peer
	bytes  int
	change spv.Change // what the machine would have had stored
	lost   bool       // the best chain leaves the start
	height int32      // of the best chain when it last moved
	moved  time.Time
}

// begin follows a proof's start, with all peers.
func (s *Sampler) begin(t *teller) {
	tree, err := t.result.Start.Tree(&s.cfg.Chain.Rules)
	if err != nil {
		s.drop(t.Peer, fmt.Errorf("sampled proof: %w", err), true) // the proof's own checks have seen to it
		return
	}
	s.trial = &trial{result: t.result, peer: t.Peer, bytes: t.bytes, moved: s.now}
	s.follow(tree)
	for _, other := range slices.Clone(s.tellers) {
		s.forward(other.Connected)
	}
	s.judge()
}

// forward hands the machine an input, and keeps back what it would have stored.
func (s *Sampler) forward(in Input) {
	for _, out := range s.machine.Step(s.now, in) {
		switch out := out.(type) {
		case Store:
			s.trial.take(&out.Change)
			continue
		case Drop:
			s.forget(out.Peer)
		}
		s.emit(out)
	}
}

func (t *trial) take(c *spv.Change) {
	left := len(t.change.Headers) - c.Undo
	if left < 0 {
		t.lost = true
		return
	}
	t.change.Headers = append(t.change.Headers[:left], c.Headers...)
	t.change.Proofs = append(t.change.Proofs[:left], c.Proofs...)
	t.change.Tip = c.Tip
}

// judge ends a trial: with the start in its place once the chain above has the work that was promised, without it if nobody has such a
// chain.
func (s *Sampler) judge() {
	t := s.trial
	tip, work := s.machine.Tree().Tip(), s.machine.Tree().Work()
	if tip.Height != t.height {
		t.height, t.moved = tip.Height, s.now
	}
	patience := trialTime
	if s.held() {
		patience = heldTime
	}
	switch {
	case t.lost || s.now.Sub(t.moved) > patience && len(s.tellers) > 0:
		s.abandon()
	case !work.Lt(&t.result.Work) && len(t.change.Headers) > 0:
		r := t.result
		s.emit(Placed{Start: r.Start, Change: t.change, Security: r.Security, Opened: r.Samples + len(t.change.Headers), Open: r.Open,
			Bytes: t.bytes, Peer: t.peer})
		s.trial, s.tellers = nil, nil
	}
}

// held tells whether headers wait for the parent chain.
func (s *Sampler) held() bool {
	for _, p := range s.machine.peers {
		if p.pending {
			return true
		}
	}
	return false
}

// abandon gives a proof up, and lets go of the peer that gave it.
func (s *Sampler) abandon() {
	t := s.trial
	s.machine, s.trial = nil, nil
	if s.teller(t.peer) != nil {
		s.drop(t.peer, fmt.Errorf("sampled proof: no peer has headers above %s that lead to the work it promised", t.result.Start.Last), false)
	}
	s.alone, s.first = time.Time{}, time.Time{}
}
