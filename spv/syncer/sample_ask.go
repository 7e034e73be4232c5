package syncer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/sample"
)

// telling is how far a peer is with its proof.
type telling uint8

const (
	notAsked   telling = iota
	owesProof          // a tip or a proof is due
	gaveProof          // its proof is good
	tellsShort         // its chain is so short that all of it may as well be fetched
	hasNone            // it has no proof to give
)

// teller is what a Sampler knows of one connection.
type teller struct {
	Connected
	state telling
	since time.Time // when it was first asked
	after time.Time // when it may be asked again
	tries int
	query sample.Query
	tip   spv.Block // that the proof is to be of; zero as long as it was not told
	parts uint8
	next  uint8
	got   []byte
	// Once it gave its proof:
	result *sample.Result
	bytes  int
}

func (t *teller) serves() bool { return t.Services&msg.SFNodeSample != 0 }

// salt returns a number that nobody can foresee, each time another.
func (s *Sampler) salt() [32]byte {
	s.salts++
	return sha256.Sum256(binary.LittleEndian.AppendUint64(append([]byte("LPOW/sampler"), s.cfg.Salt[:]...), s.salts))
}

// ask asks peers that serve proofs which tip they would speak of. The salt is told with the second question: one that the peer knew before
// its tip was fixed would let it choose among tips.
func (s *Sampler) ask() {
	owing := 0
	for _, t := range s.tellers {
		if t.state == owesProof {
			owing++
		}
	}
	for _, t := range s.tellers {
		if t.state != notAsked || !t.serves() || owing >= asksAhead || s.now.Before(t.after) {
			continue
		}
		owing++
		t.state, t.since, t.tip, t.got = owesProof, s.now, spv.Block{}, nil
		s.emit(Send{Peer: t.Peer, Message: &msg.GetSample{NetID: s.cfg.Chain.NetID()}})
	}
}

// told takes a peer's answer: its tip, or a part of its proof. What was not asked for is let go.
func (s *Sampler) told(t *teller, m *msg.Sample) {
	if t.state != owesProof || m.NetID != s.cfg.Chain.NetID() {
		return
	}
	switch {
	case m.Parts > 0 && t.tip == (spv.Block{}):
		s.drop(t.Peer, fmt.Errorf("%s: part %d of %d before any was asked for", msg.CmdSample, m.Part, m.Parts), true)
	case m.Parts > 0:
		s.part(t, m)
	case t.tip != (spv.Block{}): // its tip was left meanwhile, or it has given too much of late
		t.tries++
		t.state, t.after = notAsked, s.now.Add(busyTime)
		if t.tries >= maxTries {
			t.state = hasNone
		}
	case int64(m.Height) <= int64(s.cfg.Keep)+int64(s.cfg.Chain.Lookback()):
		t.state = tellsShort
	default:
		t.tip = spv.Block{Height: int32(m.Height), Hash: m.Tip}
		t.query = sample.Query{Salt: s.salt(), Security: s.cfg.Security, Keep: s.cfg.Keep}
		s.emit(Send{Peer: t.Peer, Message: &msg.GetSample{NetID: m.NetID, Tip: m.Tip, Salt: t.query.Salt,
			Security: uint8(t.query.Security), Keep: uint32(t.query.Keep)}})
	}
}

// part takes the next part of a proof.
func (s *Sampler) part(t *teller, m *msg.Sample) {
	if m.Tip != t.tip.Hash || m.Part != t.next || m.Part > 0 && m.Parts != t.parts {
		s.drop(t.Peer, fmt.Errorf("%s: part %d of %d of a proof up to %s, want part %d up to %s", msg.CmdSample, m.Part, m.Parts, m.Tip, t.next,
			t.tip.Hash), true)
		return
	}
	t.got, t.parts = append(t.got, m.Bytes...), m.Parts // at most MaxSampleParts of SamplePart
	if t.next++; t.next < t.parts {
		return
	}
	proof := t.got
	t.got, t.next = nil, 0
	result, err := s.verify(t, proof)
	if err != nil {
		var c *spv.CheckError
		clock := errors.As(err, &c) && (c.Name == spv.CheckFutureTime || c.Name == checkKnown)
		s.drop(t.Peer, fmt.Errorf("sampled proof: %w", err), !clock)
		return
	}
	t.state, t.result, t.bytes = gaveProof, result, len(proof)
}

// checkKnown is the check that the parents' L1 blocks are known. Ours may be the peers that hide them.
const checkKnown = "sample-parents"

// verify judges a proof.
func (s *Sampler) verify(t *teller, proof []byte) (*sample.Result, error) {
	r, err := sample.Verify(proof, s.cfg.Chain, t.query, s.cfg.L1, uint32(s.now.Unix()))
	if err != nil {
		return nil, err
	}
	if r.Tip != t.tip {
		return nil, &spv.CheckError{Name: "sample-tip", Want: "a proof up to " + t.tip.String(), Got: r.Tip.String()}
	}
	if opened := r.Tail + r.Samples; r.Open*openShare > opened {
		return nil, &spv.CheckError{Name: checkKnown, Want: fmt.Sprintf("at most 1 in %d opened blocks over an L1 block that is not known", openShare),
			Got: fmt.Sprintf("%d of %d", r.Open, opened)}
	}
	return r, nil
}
