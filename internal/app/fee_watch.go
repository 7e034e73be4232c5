package app

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet/fee"
)

const (
	feeAskEvery  = 30 * time.Minute // for blocks, to see what they paid; and only if somebody wants to know
	feeAskFrom   = 6                // of so many newest blocks
	feeAskMost   = fee.Enough       // so many are asked for
	provedBlocks = 200              // newest blocks whose proofs are looked at
)

// feeWatch collects what is seen of the fees on one chain: the least rates that peers say they relay, every young
// block that comes whole, whatever it was fetched for, and the coinbases in the proofs of chains that borrow this
// one's work. It belongs to the chain's loop, but for what it has published.
type feeWatch struct {
	floors  map[syncer.Peer]fee.Rate
	blocks  map[spv.Hash]fee.Sample
	asked   []*wantedBlock
	when    time.Time // of the last asking
	anchor  anchored  // of a layer: the newest that is known
	proved  spv.Block // tip when the proofs were looked at
	shown   atomic.Pointer[feesSeen]
	parents atomic.Pointer[[]fee.Sample] // of the chain whose work is borrowed
	lender  *chains.Params               // that chain; nil: none is followed
	borrow  []*ledger                    // chains that borrow this one's work
}

// feesSeen is what a loop has published. It does not change.
type feesSeen struct {
	floors []fee.Rate
	blocks []fee.Sample
}

// watchFees tells the ledgers whose proofs say something of which chain's fees.
func (l *Local) watchFees() {
	for _, c := range l.ledgers {
		for _, d := range l.ledgers {
			if d.lender != nil && d != c && l.set.L1Of(d.params).Name == c.params.Name {
				d.fees.lender = c.params
				c.fees.borrow = append(c.fees.borrow, d)
			}
		}
	}
}

// restart forgets the peers: their names are another run's.
func (f *feeWatch) restart() {
	f.floors = map[syncer.Peer]fee.Rate{}
	f.publish()
}

func (f *feeWatch) publish() {
	seen := &feesSeen{}
	for _, rate := range f.floors {
		seen.floors = append(seen.floors, rate)
	}
	for _, s := range f.blocks {
		seen.blocks = append(seen.blocks, s)
	}
	f.shown.Store(seen)
}

// seeFees looks at what happens for what it says of fees.
func (l *ledger) seeFees(in syncer.Input) {
	f := &l.fees
	switch in := in.(type) {
	case syncer.Disconnected:
		if _, told := f.floors[in.Peer]; told {
			delete(f.floors, in.Peer)
			f.publish()
		}
	case syncer.Received:
		switch m := in.Message.(type) {
		case *wire.MsgFeeFilter:
			if rate := fee.Rate(m.MinFee); rate >= 0 && rate <= fee.MaxRate {
				f.floors[in.Peer] = rate
				f.publish()
			}
		case *msg.Block:
			l.seeBlock(m.Raw)
		}
	case syncer.Tick:
		if f.asked != nil && l.clock().Sub(f.when) > fetchMost {
			l.fetch.wanted = slices.DeleteFunc(l.fetch.wanted, func(w *wantedBlock) bool { return slices.Contains(f.asked, w) })
			f.asked = nil
		}
	}
}

// seeBlock takes a sample of a block of the best chain that came whole, and its anchor.
func (l *ledger) seeBlock(raw []byte) {
	f, now := &l.fees, l.clock().Unix()
	if len(raw) < spv.HeaderSize {
		return
	}
	at, ok := l.tree.Lookup(pow.DoubleSHA256(raw[:spv.HeaderSize]))
	if !ok || !l.tree.OnBest(at) || at.Height == 0 {
		return
	}
	header, _ := l.tree.Header(at.Height)
	if _, have := f.blocks[at.Hash]; have || now-int64(header.Time()) > fee.MaxAge {
		return
	}
	block, _, err := l.params.ParseBlock(raw)
	if err != nil || block.CheckBody(&spv.Report{}) != nil {
		return // whoever asked for it judges the peer
	}
	l.seeAnchor(&block.Txs[0], at)
	subsidy, exact := l.params.Subsidy(at.Height)
	outputs, weight := outputsOf(&block.Txs[0]), int64(0)
	for i := range block.Txs[1:] {
		tx := &block.Txs[1+i]
		weight += int64(3*tx.StrippedSize() + len(tx.Bytes()))
	}
	sample, ok := fee.FromBlock(outputs, subsidy, weight, int64(header.Time()))
	if !ok || !exact {
		return
	}
	for id, old := range f.blocks {
		if now-old.Time > fee.MaxAge {
			delete(f.blocks, id)
		}
	}
	if f.blocks == nil {
		f.blocks = map[spv.Hash]fee.Sample{}
	}
	f.blocks[at.Hash] = sample
	f.publish()
}

// outputsOf adds up what a transaction pays; -1 if that makes no sense.
func outputsOf(tx *spv.Tx) (sum int64) {
	tx.EachOutput(func(value int64, _ []byte) bool {
		if sum += value; value < 0 || sum < 0 {
			sum = -1
		}
		return sum >= 0
	})
	return sum
}

// seeProofs takes samples of the proofs of the newest blocks: each holds a coinbase of the chain whose work is borrowed.
func (l *ledger) seeProofs(status *syncer.Status) {
	f, tip := &l.fees, l.tree.Tip()
	if f.lender == nil || !status.Synced || f.proved == tip {
		return
	}
	f.proved = tip
	from := max(l.chain.Base().Height, tip.Height-provedBlocks+1)
	kept, err := l.chain.Parents(from, tip.Height-from+1)
	if err != nil {
		return // the disk: whoever writes next finds out
	}
	samples := []fee.Sample{}
	for _, p := range kept {
		if p == nil || l.clock().Unix()-int64(p.Time) > fee.MaxAge {
			continue
		}
		under, ok := l.lender.Lookup(p.Prev)
		if !ok {
			continue
		}
		subsidy, exact := f.lender.Subsidy(under.Height + 1)
		if s, ok := fee.FromParent(p.Outputs, subsidy, f.lender.BlockWeight, int64(p.Time)); ok && exact {
			samples = append(samples, s)
		}
	}
	f.parents.Store(&samples)
}

// askBlocks has some of the newest blocks fetched, to see what they paid, and returns them.
func (l *ledger) askBlocks() []*wantedBlock {
	f, now := &l.fees, l.clock()
	if l.offline || now.Sub(f.when) < feeAskEvery || !l.machine.Status().Synced {
		return nil
	}
	f.when = now
	tip := l.tree.Tip()
	var young []spv.Block
	for h := tip.Height; h > max(0, tip.Height-feeAskFrom); h-- {
		header, ok := l.tree.Header(h)
		if !ok || now.Unix()-int64(header.Time()) > fee.MaxAge {
			break
		}
		if _, have := f.blocks[header.ID()]; !have {
			young = append(young, spv.Block{Height: h, Hash: header.ID()})
		}
	}
	f.asked = nil
	for _, i := range chance().Perm(len(young)) {
		if len(f.asked) < feeAskMost {
			f.asked = append(f.asked, &wantedBlock{block: young[i], done: make(chan []byte, 1)})
		}
	}
	l.fetch.wanted = append(l.fetch.wanted, f.asked...)
	return f.asked
}
