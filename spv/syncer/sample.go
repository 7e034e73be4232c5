package syncer

import (
	"fmt"
	"slices"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/sample"
)

// Sampling is the stage of a Sampler that asks for proofs and judges them.
const Sampling Stage = "sampling"

const (
	// proofTime is how long a peer may take over a sampled proof, from the first question on.
	proofTime = time.Minute
	// gatherTime is how long other peers are waited for once there is a proof.
	gatherTime = 3 * time.Second
	// busyTime is after how long a peer that had no proof to give is asked again, maxTries how often it is asked.
	busyTime = 5 * time.Second
	maxTries = 3
	// asksAhead is how many peers owe a proof at a time; each may be sample.MaxProof long.
	asksAhead = 4
	// aloneTime is how long there must be peers, none of which has a proof to give, before all headers are fetched instead.
	aloneTime = time.Minute
	// trialTime is how long the headers above a proof's start may stand still, and heldTime how long if they wait for the parent chain.
	trialTime = 2 * time.Minute
	heldTime  = 20 * time.Minute
	// openShare is the part of the opened blocks, as one in so many, whose parents may build on L1 blocks that nobody knows any more.
	openShare = 16
)

// SampleConfig says what a Sampler follows, and how it begins.
type SampleConfig struct {
	Chain *chains.Params // a layer
	Tree  *spv.Tree      // of genesis alone: for the case that nobody gives a proof
	L1    spv.ParentView // the chain that the layer's work is borrowed from
	Ready func() bool    // L1 has all that its peers know
	// Salt is random and secret. Nobody who makes a proof may foresee what is drawn.
	Salt     [32]byte
	Security int   // bits: see sample.Result
	Keep     int32 // newest blocks whose headers and proofs are verified one by one, at least 1
}

// Placed says that a chain's history up to the start's last block was verified by sample, and all above one by one. The driver makes it
// durable, as a whole, in the place of what is stored of the chain.
type Placed struct {
	Start    sample.Start
	Change   spv.Change // the headers on top of the start's last
	Security int        // bits
	Opened   int        // blocks that the proof opened, those above the start's last included
	Open     int        // of them, those whose parents build on L1 blocks that nobody knows
	Bytes    int        // of the proof
	Peer     Peer       // that gave it
}

func (Placed) output() {}

// Sampler is the state machine of a layer's synchronisation that begins by a sampled proof (protocol.md 10.1) instead of at genesis, and
// then goes on as a Machine. It asks the peers that serve such proofs, takes the proof with the most work, fetches and verifies the
// newest headers above the proof's start like any others, and says nothing is to be stored before these have as much work as the proof
// promised. If nobody has a proof to give, or the chain is short, all headers are fetched, as a Machine does.
//
// It looks for no payments: who wants that makes a Machine from what was stored.
type Sampler struct {
	cfg     SampleConfig
	now     time.Time
	out     []Output
	salts   uint64
	tellers []*teller // in the order in which they came
	first   time.Time // when the first of the proofs at hand came
	alone   time.Time // since when there are peers, but none that could give a proof
	machine *Machine  // nil as long as there is nothing for one to follow
	trial   *trial    // what the machine is to show first; nil: its outputs are the driver's
}

// NewSampler returns a machine without peers.
func NewSampler(cfg SampleConfig) *Sampler { return &Sampler{cfg: cfg} }

// Tree returns the tree of what is stored, for reading between steps.
func (s *Sampler) Tree() *spv.Tree {
	if s.Begun() {
		return s.machine.Tree()
	}
	return s.cfg.Tree
}

// Begun tells whether it is done with the beginning: it has placed a start or, because nobody gives a proof or the chain is short, goes on
// from genesis.
func (s *Sampler) Begun() bool { return s.machine != nil && s.trial == nil }

// Step takes one input and returns what to do about it, as Machine.Step does.
func (s *Sampler) Step(now time.Time, in Input) []Output {
	if s.Begun() {
		return s.machine.Step(now, in)
	}
	s.now, s.out = now, nil
	switch in := in.(type) {
	case Connected:
		s.tellers = append(s.tellers, &teller{Connected: in})
	case Disconnected:
		s.forget(in.Peer)
	case Received:
		if m, ok := in.Message.(*msg.Sample); ok {
			if t := s.teller(in.Peer); t != nil {
				s.told(t, m)
			}
			in.Message = &msg.Unknown{Name: msg.CmdSample} // the machine need not see it
		}
	case Tick:
		s.overdue()
	}
	if s.trial != nil {
		s.forward(in)
	}
	s.advance()
	return s.out
}

func (s *Sampler) emit(o Output) { s.out = append(s.out, o) }

// advance does what can be done by now.
func (s *Sampler) advance() {
	switch {
	case s.trial != nil:
		s.judge()
	case s.cfg.Ready():
		s.ask()
		s.choose()
	}
}

// choose begins a trial with the best proof, once nobody owes one, or gives up.
func (s *Sampler) choose() {
	var best *teller
	owed, brief := false, false
	for _, t := range s.tellers {
		switch t.state {
		case notAsked, owesProof:
			owed = owed || t.serves()
		case tellsShort:
			brief = true
		case gaveProof:
			if best == nil || t.result.Work.Gt(&best.result.Work) {
				best = t
			}
		}
	}
	if best != nil && s.first.IsZero() {
		s.first = s.now
	}
	switch {
	case owed && (best == nil || s.now.Sub(s.first) < proofTime):
		s.alone = time.Time{}
	case best != nil:
		if s.now.Sub(s.first) >= gatherTime {
			s.begin(best)
		}
	case brief:
		s.whole()
	case len(s.tellers) == 0:
		s.alone = time.Time{}
	case s.alone.IsZero():
		s.alone = s.now
	case s.now.Sub(s.alone) >= aloneTime:
		s.whole()
	}
}

// whole goes on from genesis.
func (s *Sampler) whole() {
	s.follow(s.cfg.Tree)
	for _, t := range s.tellers {
		s.out = append(s.out, s.machine.Step(s.now, t.Connected)...)
	}
	s.tellers = nil
}

// follow makes a machine for a tree.
func (s *Sampler) follow(tree *spv.Tree) {
	tree.LinkTo(s.cfg.L1)
	salt := s.salt()
	s.machine = New(tree, [16]byte(salt[:16]))
}

// Status tells how far the machine is.
func (s *Sampler) Status() Status {
	if s.machine != nil {
		status := s.machine.Status()
		if s.trial != nil {
			status.Synced = false
			if status.Stage == Following {
				status.Stage = Headers
			}
		}
		return status
	}
	tip := s.cfg.Tree.Tip()
	header, _ := s.cfg.Tree.Header(tip.Height)
	status := Status{Stage: Sampling, Tip: tip, TipTime: header.Time(), Peers: len(s.tellers)}
	serving := false
	for _, t := range s.tellers {
		status.Claimed = max(status.Claimed, t.Height, t.tip.Height)
		serving = serving || t.serves()
	}
	status.Headers = Part{Done: tip.Height, Total: max(tip.Height, status.Claimed)}
	switch {
	case len(s.tellers) == 0:
		status.Stage = Connecting
		status.WaitFor(said.Of("a peer"))
	case !s.cfg.Ready():
		status.WaitFor(said.Of("its L1 to be synced"))
	case !serving:
		status.WaitFor(said.Of("a peer that serves sampled proofs"))
	}
	return status
}

func (s *Sampler) drop(id Peer, err error, ban bool) {
	s.emit(Drop{Peer: id, Err: err, Ban: ban})
	if s.machine != nil {
		s.forward(Disconnected{Peer: id})
	}
	s.forget(id)
}

func (s *Sampler) forget(id Peer) {
	s.tellers = slices.DeleteFunc(s.tellers, func(t *teller) bool { return t.Peer == id })
}

func (s *Sampler) teller(id Peer) *teller {
	if i := slices.IndexFunc(s.tellers, func(t *teller) bool { return t.Peer == id }); i >= 0 {
		return s.tellers[i]
	}
	return nil
}

// overdue drops peers that owe an answer for too long.
func (s *Sampler) overdue() {
	for _, t := range slices.Clone(s.tellers) {
		if t.state == owesProof && s.now.Sub(t.since) > proofTime {
			s.drop(t.Peer, fmt.Errorf("no answer to %s for %s", msg.CmdGetSample, proofTime), false)
		}
	}
}
