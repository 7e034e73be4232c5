package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet"
)

// mostRejudged bounds the merged-mining proofs that are judged anew for one payment.
const mostRejudged = 100

// legs collects reasons.
type legs []Leg

func (l *legs) add(name string, state LegState, text said.Sentence) {
	*l = append(*l, Leg{Name: name, State: state, Text: text.String(), Said: text})
}

// whole tells whether no leg is missing or broken.
func (l legs) whole() bool {
	return !slices.ContainsFunc(l, func(leg Leg) bool { return leg.State != LegChecked })
}

// Evidence lists why a payment is believed.
func (l *Local) Evidence(ctx context.Context, in Purse, id spv.Hash) (Evidence, error) {
	e, err := within(ctx, l, in, func(c *ledger, p *purse) (Evidence, error) {
		_, row, ok := p.chain.Transaction(id)
		if !ok {
			return Evidence{}, noTransaction(p, id)
		}
		e := Evidence{Purse: in, ID: &id, Trust: c.trustOf(p)}
		if row.Depth > 0 {
			e.Block = &spv.Block{Height: row.Block.Height, Hash: row.Block.Hash}
		} else {
			var list legs
			list.add("transaction", LegMissing, said.Of("it is in no block: nothing but the word of peers (%d have announced it) stands behind it", c.peers[id]))
			c.networkLegs(&list)
			e.Legs = list
		}
		return e, nil
	})
	if err != nil || e.Block == nil {
		return e, err
	}
	at := *e.Block
	c, err := l.ledger(in.Chain)
	if err != nil {
		return e, err
	}
	inclusion, missing := c.inclusionOf(ctx, id, at)
	if CodeOf(missing) == CodeStopped && ctx.Err() != nil {
		return e, missing
	}
	list, err := call(ctx, c, func() (list legs, _ error) {
		list.add("transaction", LegChecked, said.Of("%s is in the wallet's records, as confirmed in block %s", id, at))
		c.pathLeg(&list, inclusion, missing)
		if !c.headerLegs(&list, at) {
			return list, nil
		}
		if c.params.AuxPoW != nil {
			c.sealLegs(&list, at)
		}
		if c.params.Layer != nil {
			c.anchorLeg(&list, at, inclusion, missing)
		}
		c.filterLeg(&list, at)
		c.networkLegs(&list)
		return list, nil
	})
	e.Legs, e.Whole = list, list.whole()
	return e, err
}

// pathLeg is about the merkle path.
func (l *ledger) pathLeg(list *legs, in merkle.Inclusion, missing error) {
	const name = "merkle path"
	switch {
	case missing != nil:
		list.add(name, LegMissing, said.Of("the path is not kept and could not be checked once more: %v. The whole block was checked when the payment was found", missing))
	default:
		list.add(name, LegChecked, said.Of("transaction %d of the block: %d hashes lead to the header's merkle root, and the coinbase stands at the same depth",
			in.Index, len(in.Branch)))
	}
}

// headerLegs are about the header and the work above it; it tells whether the block is on the best chain.
func (l *ledger) headerLegs(list *legs, at spv.Block) bool {
	if now, ok := l.block(at.Height); !ok || now != at {
		list.add("header", LegBroken, said.Of("block %s is not on the best chain", at))
		return false
	}
	tip := l.tree.Tip()
	list.add("header", LegChecked, said.Of("header %s is on the best chain, which was checked from %s on; the tip is %s", at, l.checkedFrom(), tip))
	l.historyLeg(list)
	var work uint256.Int
	for from := at.Height; from <= tip.Height; from += sightingsRead {
		headers, err := l.chain.Headers(from, min(sightingsRead, tip.Height-from+1))
		if err != nil {
			list.add("work", LegMissing, said.Of("headers could not be read: %v", err))
			return true
		}
		for i := range headers {
			if target, ok := spv.ParseTarget(headers[i].Bits()); ok {
				more := spv.WorkOf(&target)
				work.Add(&work, &more)
			}
		}
	}
	list.add("work", LegChecked, said.Of("%d blocks with %s expected hashes, the payment's own included", tip.Height-at.Height+1, fmt.Sprintf("%.3g", work.Float64())))
	return true
}

// checkedFrom names the lowest block from which on every header was checked.
func (l *ledger) checkedFrom() said.Sentence {
	if s := l.chain.Sampled(); s != nil {
		return said.Of("block %d", s.To.Height+1)
	}
	return said.Of("genesis")
}

// refusal returns what a rule says of what it refuses, which an error's text would say in English alone.
func refusal(err error) any {
	var c *spv.CheckError
	if errors.As(err, &c) && c.GotSaid.Form != "" {
		return said.Of("%s: got %s, want %s", c.Name, c.GotSaid, c.WantSaid)
	}
	return err
}

// historyLeg says what is not known of a chain that began by a sampled proof.
func (l *ledger) historyLeg(list *legs) {
	if s := l.chain.Sampled(); s != nil {
		list.add("history", LegMissing, said.Of("up to block %d it was not checked one by one, but sampled: a history of which less than half of the work was done "+
			"after some point passes with a chance of at most 2^-%d. --verify all checks all", s.To.Height, s.Security))
	}
}

// sealLegs are about the merged-mining proofs and the L1 blocks that they build on.
func (l *ledger) sealLegs(list *legs, at spv.Block) {
	tip := l.tree.Tip()
	last := min(tip.Height, at.Height+mostRejudged-1)
	judged, kept := 0, 0
	for h := at.Height; h <= last; h++ {
		sealed, err := sealedChain{l}.Sealed(h)
		if err != nil || (sealed.Aux == nil && sealed.Header.HasAuxPoW()) {
			continue
		}
		if err := l.params.CheckWork(&sealed, h, nil); err != nil {
			list.add("merged mining", LegBroken, said.Of("the proof of header %d: %v", h, refusal(err)))
			return
		}
		judged++
	}
	sightings, ok := l.sightings(at.Height, last)
	if ok {
		kept = len(sightings)
	}
	n := int(last - at.Height + 1)
	if judged < n {
		list.add("merged mining", LegMissing, said.Of("%d of the %d proofs from the payment's block upwards judged anew; the others are no longer kept. "+
			"They were judged when they came, and %d records are left", judged, n, kept))
	} else {
		list.add("merged mining", LegChecked, said.Of("%d proofs from the payment's block upwards judged anew", n))
	}
	l.lenderLeg(list, at, sightings)
}

func (l *ledger) lenderLeg(list *legs, at spv.Block, sightings []risk.Sighting) {
	const name = "l1 block"
	switch {
	case len(sightings) == 0 || sightings[0].Block != at:
		list.add(name, LegMissing, said.Of("no record of the parent of the payment's block"))
		return
	case l.lender == nil:
		list.add(name, LegMissing, said.Of("the chain whose work it borrows is not followed here: parent %s", sightings[0].Parent.Hash))
		return
	}
	placed := risk.Place(l.lender, sightings)
	seals := 0
	for i := range placed {
		if placed[i].Class == risk.Seal {
			seals++
		}
	}
	p, tip := &placed[0], l.lender.Tip()
	switch {
	case p.Class == risk.Unknown:
		list.add(name, LegBroken, said.Of("the proof's parent builds on L1 block %s, which is not known here", p.Parent.Prev))
	case p.OffBest:
		list.add(name, LegBroken, said.Of("the proof's parent builds on L1 block %s, which is not on the best L1 chain", p.Under))
	default:
		list.add(name, LegChecked, said.Of("%s %s on L1 block %s, %d L1 blocks deep; %d of the newest proofs are L1 blocks themselves",
			p.Class.Says(), p.Parent.Hash, p.Under, tip.Height-p.Under.Height+1, seals))
	}
}

// anchorLeg is about the L1 block that the payment's block names.
func (l *ledger) anchorLeg(list *legs, at spv.Block, in merkle.Inclusion, missing error) {
	const name = "anchor"
	if missing != nil {
		list.add(name, LegMissing, said.Of("the block's coinbase names it, and is not kept: %v", missing))
		return
	}
	coinbase, _, err := spv.ParseTx(in.Coinbase)
	if err != nil {
		list.add(name, LegBroken, said.Of("coinbase: %v", err))
		return
	}
	commitment, err := spv.CoinbaseCommitment(&coinbase)
	if err != nil {
		list.add(name, LegBroken, said.Of("coinbase: %v", err))
		return
	}
	sealed, err := sealedChain{l}.Sealed(at.Height)
	switch {
	case !l.lender.OnBest(commitment.Anchor):
		list.add(name, LegBroken, said.Of("L1 block %s is not on the best L1 chain", commitment.Anchor))
	case err != nil || sealed.Aux == nil:
		list.add(name, LegMissing, said.Of("L1 block %s is on the best chain; that it lies as deep under the proof's parent as it must was not checked: the proof is no longer kept",
			commitment.Anchor))
	default:
		if err := l.params.Layer.CheckAnchor(commitment.Anchor, nil, &sealed.Aux.Parent, l.lender, nil); err != nil {
			list.add(name, LegBroken, said.Of("L1 block %s: %v", commitment.Anchor, refusal(err)))
			return
		}
		list.add(name, LegChecked, said.Of("L1 block %s is on the best chain, %d deep, and as deep under the proof's parent as the rules want",
			commitment.Anchor, l.lender.Tip().Height-commitment.Anchor.Height+1))
	}
}

// filterLeg is about what the payment's block was looked through with.
func (l *ledger) filterLeg(list *legs, at spv.Block) {
	const name = "filter"
	filter, ok := l.chain.Filter(at.Height)
	switch rung := l.snapshot().status.Rung; {
	case slices.ContainsFunc(l.gauge.empty, func(b spv.Block) bool { return b == at }) || (ok && len(filter) == 0):
		list.add(name, LegMissing, said.Of("peers dispute the block's filter; the block was looked through whole"))
	case ok && rung == syncer.Committed:
		list.add(name, LegChecked, said.Of("the chain itself commits to the filters"))
	case ok && l.snapshot().status.FilterPeers > 1:
		list.add(name, LegChecked, said.Of("%d peers serve filters, and none disputes the block's", l.snapshot().status.FilterPeers))
	case ok:
		list.add(name, LegMissing, said.Of("the block's filter is as some peer gave it: fewer than two to compare with now"))
	case rung == syncer.Whole:
		list.add(name, LegChecked, said.Of("no filter was relied on: the block was looked through whole"))
	default:
		list.add(name, LegMissing, said.Of("no filter of the block is held"))
	}
}

// networkLegs are about the peers, and the L1's.
func (l *ledger) networkLegs(list *legs) {
	s := l.snapshot().status
	switch {
	case l.offline:
		list.add("peers", LegMissing, said.Of("offline: nobody was asked whether there is a better chain"))
	case s.Peers == 0 || !s.Synced:
		list.add("peers", LegMissing, said.Of("%d peers, and not all that they know is taken in", s.Peers))
	default:
		list.add("peers", LegChecked, said.Of("%d peers, and all that they know is taken in", s.Peers))
	}
	for _, a := range l.gauge.alarms() {
		*list = append(*list, Leg{Name: "alarm", State: LegBroken, Text: a.Title + ": " + a.What, Alarm: &a.Alarm})
	}
}

// BalanceEvidence lists why a balance is believed.
func (l *Local) BalanceEvidence(ctx context.Context, in Purse) (Evidence, error) {
	return within(ctx, l, in, func(c *ledger, p *purse) (Evidence, error) {
		var list legs
		t := c.trustOf(p)
		if t.Tip.Height >= 0 {
			list.add("header", LegChecked, said.Of("the chain was checked from %s to %s", c.checkedFrom(), c.tree.Tip()))
		}
		c.historyLeg(&list)
		if t.Scanned == c.tree.Tip() {
			list.add("scan", LegChecked, said.Of("every block from %d on was looked through, to the tip", p.book.place.first))
		} else {
			list.add("scan", LegMissing, said.Of("blocks are looked through up to %d of %d", t.Scanned.Height, c.tree.Tip().Height))
		}
		c.filtersLeg(&list)
		if err := c.coinsLeg(&list, p); err != nil {
			return Evidence{}, err
		}
		c.networkLegs(&list)
		return Evidence{Purse: in, Legs: list, Whole: list.whole(), Trust: t}, nil
	})
}

// filtersLeg is about all filters.
func (l *ledger) filtersLeg(list *legs) {
	s := l.snapshot().status
	switch {
	case s.Disputed > 0 || len(l.gauge.empty) > 0:
		list.add("filter", LegMissing, said.Of("peers dispute the filters of %d blocks; those were looked through whole", max(s.Disputed, len(l.gauge.empty))))
	case s.Rung == syncer.NoRung:
		list.add("filter", LegMissing, said.Of("not known yet what blocks are looked through with"))
	case s.Rung == syncer.Bloomed:
		list.add("filter", LegMissing, said.Of("%s: peers that agree could hide payments", s.SourceSaid()))
	case s.Rung == syncer.Compared && s.FilterPeers < 2:
		list.add("filter", LegMissing, said.Of("%s, of which there are %d: a peer could hide payments", s.Rung.Says(), s.FilterPeers))
	default:
		list.add("filter", LegChecked, said.Of("%s; no filter is disputed", s.Rung.Says()))
	}
}

// coinsLeg is about the blocks that hold the coins.
func (l *ledger) coinsLeg(list *legs, p *purse) error {
	tip, youngest, confirmed, open := l.tree.Tip(), int32(0), 0, 0
	for _, k := range p.chain.Coins() {
		_, row, ok := p.chain.Transaction(k.Outpoint.Hash)
		if !ok || row.Status != wallet.StatusConfirmed {
			open++
			continue
		}
		confirmed++
		at := spv.Block{Height: row.Block.Height, Hash: row.Block.Hash}
		if now, ok := l.block(at.Height); !ok || now != at {
			list.add("coins", LegBroken, said.Of("coin %s: its block %s is not on the best chain", k.Outpoint, at))
			return nil
		}
		if depth := tip.Height - at.Height + 1; youngest == 0 || depth < youngest {
			youngest = depth
		}
	}
	switch {
	case open > 0:
		list.add("coins", LegMissing, said.Of("%d of %d coins are in no block yet", open, open+confirmed))
	case confirmed == 0:
		list.add("coins", LegChecked, said.Of("there is none"))
	default:
		list.add("coins", LegChecked, said.Of("%d coins, each in a block of the best chain; the youngest has %d confirmations", confirmed, youngest))
	}
	return nil
}
