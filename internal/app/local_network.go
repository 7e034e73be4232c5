package app

import (
	"context"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
)

func unitOf(p *chains.Params) Unit { return Unit{Symbol: p.Unit.Symbol, Decimals: p.Unit.Decimals} }

// snapshot returns what the loop has told last; before its first word, the tip on disk is
// not known either.
func (l *ledger) snapshot() chainSnapshot {
	if s := l.shown.Load(); s != nil {
		return *s
	}
	return chainSnapshot{status: syncer.Status{Stage: syncer.Connecting}, scanned: spv.Block{Height: -1}}
}

// trust says how far the chain can be relied on; scanned is up to where money is known.
func (l *ledger) trust(scanned spv.Block) Trust {
	s := l.snapshot()
	t := Trust{Tip: s.status.Tip, TipTime: time.Unix(int64(s.status.TipTime), 0).UTC(), Scanned: scanned, Offline: l.offline,
		Synced: s.status.Synced, Peers: s.status.Peers}
	t.Age = max(0, int64(l.clock().Sub(t.TipTime)/time.Second))
	if s.sampled != nil {
		t.Sampled, t.SampledBits = s.sampled.To.Height, s.sampled.Security
	}
	if s.status.Rung != syncer.NoRung {
		t.FilterSaid = s.status.SourceSaid()
		t.FilterSource = s.status.Source()
	}
	// A peer that matches Bloom filters can leave a payment out, and nothing shows it.
	t.Verified = t.Synced && scanned == t.Tip && s.status.Disputed == 0 && s.status.Rung != syncer.Bloomed
	return t
}

// trustOf is trust for one purse, in the loop.
func (l *ledger) trustOf(p *purse) Trust {
	if !p.placed() {
		return l.trust(spv.Block{Height: -1})
	}
	at, ok := l.block(p.next() - 1)
	if !ok {
		at.Height = -1
	}
	return l.trust(at)
}

// state says how far the chain is.
func (l *ledger) state() ChainState {
	s, p := l.snapshot(), l.params
	c := ChainState{Name: p.Name, Title: p.Title, Parent: p.Parent, Kind: p.Kind.String(), Network: p.Network.String(), Unit: unitOf(p),
		Stage: string(s.status.Stage), Share: s.status.Share(), Waiting: s.status.Waiting, WaitingSaid: s.status.Said, Trouble: s.report.Trouble,
		FilterPeers: s.status.FilterPeers, Looked: s.status.Looked, FalseMatches: s.status.FalseMatches, Disputed: s.status.Disputed,
		Received: s.report.Received, Claimed: s.status.Claimed, Trust: l.trust(s.scanned)}
	if l.offline {
		c.Stage = "offline"
	}
	if eta := int64(s.eta / time.Second); eta > 0 {
		c.ETA = &eta
	}
	var part syncer.Part
	switch s.status.Stage {
	case syncer.Presync:
		part = syncer.Part{Done: s.status.Shown, Total: s.status.Claimed}
	case syncer.Headers, syncer.Connecting:
		part = s.status.Headers
	case syncer.FilterHeaders:
		part = s.status.FilterHeaders
	case syncer.Filters:
		part = s.status.Filters
	default:
		part = s.status.Scanned
	}
	c.Done, c.Total = part.Done, part.Total
	return c
}

// ListChains returns the chains that are followed, each L1 before its layers.
func (l *Local) ListChains(ctx context.Context) ([]ChainState, error) {
	out := make([]ChainState, len(l.ledgers))
	for i, c := range l.ledgers {
		out[i] = c.state()
	}
	return out, ctx.Err()
}
