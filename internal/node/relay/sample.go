package relay

import (
	"errors"
	"fmt"
	"time"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/sample"
)

// A sampled proof of a million blocks takes a tenth of a second to make, and a megabyte to send.
const (
	// sampleEvery and sampleBurst bound how often one is made, over all peers: a twentieth of the time.
	sampleEvery = 2 * time.Second
	sampleBurst = 4
	// peerSampleEvery and peerSampleBurst do for one peer, who needs one, or a few if its tip is left meanwhile.
	peerSampleEvery = time.Minute
	peerSampleBurst = 3
	// maxServedSecurity and maxServedKeep are the most that is served, in bits and in blocks.
	maxServedSecurity = 64
	maxServedKeep     = 1 << 20
)

// Sampler makes sampled proofs of a layer's best chain up to one of its blocks; chain.Chain.Sample is one. The error wraps
// chain.ErrUnknown where there is no such block.
type Sampler func(tip spv.Hash, q sample.Query) ([]byte, error)

// ration lets something happen now and then. The zero value is a full one.
type ration struct{ full time.Time }

// take tells whether it may happen now, once more.
func (r *ration) take(now time.Time, every time.Duration, burst int) bool {
	if r.full.Before(now) {
		r.full = now
	}
	if r.full.Sub(now) > time.Duration(burst-1)*every {
		return false
	}
	r.full = r.full.Add(every)
	return true
}

// serveSample answers a question about the layer's history: with the tip that we would speak of where none is named, the named one is
// not on our best chain, or too much was asked for of late; else with a proof, in parts.
func (m *Machine) serveSample(p *peer, request *msg.GetSample) {
	if m.sample == nil || request.NetID != m.params.NetID() {
		return // no service of ours was announced
	}
	if request.Security > maxServedSecurity || request.Keep > maxServedKeep {
		m.drop(p, fmt.Errorf("%s: %d bits and %d blocks kept, at most %d and %d are served", msg.CmdGetSample, request.Security, request.Keep,
			maxServedSecurity, maxServedKeep), false)
		return
	}
	tip := m.chain.Tip()
	front := msg.Sample{NetID: request.NetID, Tip: tip.Hash, Height: uint32(tip.Height)}
	if request.Tip != (spv.Hash{}) {
		front.Tip = request.Tip
		if b, ok := m.chain.Lookup(request.Tip); ok {
			front.Height = uint32(b.Height)
		}
		parts, ok := m.sampleOf(p, request, front)
		if ok {
			for _, part := range parts {
				m.give(p, part, len(part.Bytes)+70)
			}
			return
		}
		front.Tip, front.Height = tip.Hash, uint32(tip.Height)
	}
	m.give(p, &front, 70)
}

// sampleOf makes a proof, if it is due.
func (m *Machine) sampleOf(p *peer, request *msg.GetSample, front msg.Sample) ([]*msg.Sample, bool) {
	b, ok := m.chain.Lookup(request.Tip)
	if !ok || !m.chain.OnBest(b) || b.Height < 2 || request.Security == 0 || request.Keep == 0 ||
		!p.sampled.take(m.now, peerSampleEvery, peerSampleBurst) || !m.sampled.take(m.now, sampleEvery, sampleBurst) {
		return nil, false
	}
	proof, err := m.sample(b.Hash, sample.Query{Salt: request.Salt, Security: int(request.Security), Keep: int32(request.Keep)})
	switch {
	case errors.Is(err, chain.ErrUnknown), errors.Is(err, sample.ErrTooLarge):
		return nil, false
	case err != nil:
		m.fail(err)
		return nil, false
	}
	parts := msg.SampleParts(front, proof)
	return parts, len(parts) > 0
}
