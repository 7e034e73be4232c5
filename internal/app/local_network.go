package app

import (
	"context"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet/fee"
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
	if s.status.Rung != syncer.NoRung {
		t.FilterSource = s.status.Source()
	}
	t.Verified = t.Synced && scanned == t.Tip && s.status.Disputed == 0
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
		Stage: string(s.status.Stage), Share: s.status.Share(), Waiting: s.status.Waiting, Trouble: s.report.Trouble,
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

// Fees returns what transactions pay on a chain: what the peers relay, by their own word,
// bounded by the chain's policy, for lack of anything that measures demand.
func (l *Local) Fees(ctx context.Context, chain string) (Fees, error) {
	c, err := l.ledger(chain)
	if err != nil {
		return Fees{}, err
	}
	return c.fees(), ctx.Err()
}

// highFee is how many times the usual rate the upper end of the range is.
const highFee = 10

func (l *ledger) fees() Fees {
	s, p := l.snapshot(), l.params.Policy
	f := Fees{Chain: l.params.Name, Unit: unitOf(l.params), Trust: l.trust(s.scanned), Source: "the chain's policy"}
	if f.Measured = s.status.FeeMin > 0; f.Measured {
		f.Source = "what peers relay, and the chain's policy"
	}
	// A peer that asks for absurd fees must not make anybody pay them.
	most := highFee * max(p.WalletFee, p.MinRelay, 1)
	f.Least = max(p.MinRelay, min(s.status.FeeMin, most))
	f.Low = f.Least
	f.Normal = max(f.Least, p.WalletFee, min(s.status.FeeMedian, most))
	f.High = min(highFee*f.Normal, int64(fee.MaxRate))
	return f
}

// rate returns the fee rate to use for one that was asked for, 0 meaning the usual one.
func (l *ledger) rate(asked int64) (fee.Rate, error) {
	switch {
	case asked == 0:
		return fee.Rate(l.fees().Normal), nil
	case asked < 0 || asked > int64(fee.MaxRate):
		return 0, Coded(CodeInvalid, "fee rate %d: want 1 to %d", asked, int64(fee.MaxRate))
	}
	return fee.Rate(asked), nil
}

// lockHeight returns the height that transactions are locked at against fee sniping. A
// layer counts in blocks of its L1, whose number for the tip is not at hand: no lock.
func (l *ledger) lockHeight() int32 {
	tip := l.tree.Tip()
	header, _ := l.tree.Header(tip.Height)
	if l.params.Kind.Layered() || l.clock().Sub(time.Unix(int64(header.Time()), 0)) > 8*time.Hour {
		return 0 // an old height would only tell when the wallet was synced last
	}
	return tip.Height
}
