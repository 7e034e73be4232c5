package node

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// tag is what our coinbases carry of the program's own.
const tag = "/lamina/"

// clockMargin is how far below the limit the time of a block of ours stays, seconds: peers'
// clocks are not ours.
const clockMargin = 30

// anybody is the output script that everybody can spend, P2WSH of OP_TRUE.
var anybody = func() []byte {
	sum := sha256.Sum256([]byte{txscript.OP_TRUE})
	return append([]byte{0, 32}, sum[:]...)
}()

// payout returns the script that a chain's blocks pay to.
func (n *Node) payout(p *chains.Params) ([]byte, error) {
	if script := n.cfg.Payouts[p.Name]; len(script) > 0 {
		return script, nil
	}
	if private(p) {
		return anybody, nil
	}
	return nil, fmt.Errorf("%s: no payee is set for its blocks", p.Name)
}

// place is where a chain's next block goes, and what may go into it, all of one moment.
type place struct {
	next       *consensus.Context
	candidates []template.Candidate
}

// place returns where the next block goes. It is read on the loop, where chain and pool
// agree.
func (l *Loop) place(ctx context.Context) (place, error) {
	return on(ctx, l, func(time.Time) (at place, err error) {
		if at.next, err = l.chain.Next(); err != nil {
			return at, err
		}
		at.candidates, err = l.pool.Candidates()
		return at, err
	})
}

// template builds the next block of a chain of ours, without its work.
func (n *Node) template(ctx context.Context, l *Loop, payout []byte) (*template.Template, error) {
	at, err := l.place(ctx)
	if err != nil {
		return nil, err
	}
	prev := at.next.Prev
	r := &template.Request{Chain: l.params, Prev: prev, Median: at.next.MedianTime, Now: n.unix(), Payout: payout,
		Candidates: at.candidates, Extra: []byte(tag)}
	var ok bool
	stamp := max(r.Now, r.Median+1)
	if ahead, most := int64(stamp-r.Now), max(0, int64(l.params.MaxFuture)-clockMargin); ahead > most {
		return nil, fmt.Errorf("%s: blocks have come so fast that the next one's time is %d s ahead: at most %d are taken",
			l.params.Name, ahead, most)
	}
	if r.Bits, _, ok = l.chain.After(prev.Hash, stamp); !ok {
		return nil, fmt.Errorf("%s: the bits after block %s are not known", l.params.Name, prev)
	}
	if l.params.Kind.Layered() {
		if r.Commitment, err = n.commitment(l, at.next); err != nil {
			return nil, err
		}
	}
	return template.Build(r)
}

// commitment returns what a layer's next block states.
func (n *Node) commitment(l *Loop, next *consensus.Context) (*spv.Commitment, error) {
	last := spv.Block{Hash: n.l1.view.NetID()}
	if next.PrevAnchor != nil {
		last = *next.PrevAnchor
	}
	anchor, err := template.Anchor(n.l1.view, n.l1.view.Tip(), l.params.Layer, last)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.params.Name, err)
	}
	return &spv.Commitment{Anchor: anchor, FeeVote: max(1, n.cfg.FeeVote), FilterHeader: next.FilterHeader,
		MMRRoot: next.MMRRoot}, nil
}

// parent builds an L1 block that is to carry a layer's proof and need not become one: on a
// foreign L1 nothing but its header and coinbase is ever looked at.
func (n *Node) parent(ctx context.Context, payout []byte) (*template.Template, error) {
	if ours(n.l1.params) {
		return n.template(ctx, n.l1, payout)
	}
	prev := n.l1.view.Tip()
	_, median, _ := n.l1.view.After(prev.Hash, 0)
	r := &template.Request{Chain: n.l1.params, Prev: prev, Median: median, Now: n.unix(), Payout: payout, Extra: []byte(tag)}
	var ok bool
	if r.Bits, _, ok = n.l1.view.After(prev.Hash, max(r.Now, median+1)); !ok {
		return nil, fmt.Errorf("%s: the bits after block %s are not known", n.l1.params.Name, prev)
	}
	return template.Build(r)
}

func (n *Node) unix() uint32 { return uint32(n.cfg.Clock().Unix()) }
