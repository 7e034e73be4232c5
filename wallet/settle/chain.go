package settle

import (
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/swap"
	"github.com/layeredpow/lamina/wallet/fee"
)

// Chain is a chain that a Book follows.
type Chain struct {
	Params *chains.Params
	Clock  *chains.Params // chain whose heights lock times name: a layer's L1, else the chain itself

	// Headers are those of an L1, by which claims are judged before they leave. It may be nil where no
	// pegged layer of the chain is followed.
	Headers peg.L1View

	Confirm int32    // blocks of the chain until what a swap rests on is deep enough, at least 1
	Takes   int32    // blocks of the clock in which it has them, at the latest; at least 1
	Rate    fee.Rate // to pay now
	Stress  fee.Rate // to reckon with in a crowded time
}

func (c *Chain) check() error {
	if c.Params == nil || c.Clock == nil {
		return fmt.Errorf("chain: no parameters")
	}
	if c.Params.Kind.Layered() == (c.Clock.NetID() == c.Params.NetID()) || c.Clock.Kind.Layered() {
		return fmt.Errorf("%s: its clock cannot be %s", c.Params.Name, c.Clock.Name)
	}
	if c.Confirm < 1 || c.Takes < 1 {
		return fmt.Errorf("%s: %d confirmations in %d blocks: want at least 1 of each", c.Params.Name, c.Confirm, c.Takes)
	}
	return checkRates(c.Params.Name, c.Rate, c.Stress)
}

func checkRates(name string, rate, stress fee.Rate) error {
	if rate < 0 || rate > stress || stress > fee.MaxRate/16 {
		return fmt.Errorf("%s: fee rate %d, stressed %d: want 0 <= rate <= stressed <= %d", name, rate, stress, fee.MaxRate/16)
	}
	return nil
}

// followed is a chain with how far it was read.
type followed struct {
	Chain
	tip spv.Block // height -1 before the first
}

// standing says where the clock is, for the rules of swaps.
func (b *Book) standing(c *followed) swap.Standing {
	return swap.Standing{Chain: c.Params, Clock: c.Clock, Height: b.clock(c), Stress: int64(c.Stress), Confirm: c.Takes}
}

// clock returns the height that lock times on c are compared with, as far as the chains were read.
func (b *Book) clock(c *followed) int32 {
	if l1, ok := b.chains[c.Clock.NetID()]; ok {
		return max(l1.tip.Height, 0)
	}
	return 0
}

// ripe says whether a transaction with a lock time may stand in the next block. A layer's next block is anchored A+1
// blocks below its L1's tip, and a lock time must be below the height that it is compared with.
func ripe(p *chains.Params, clock int32, lock uint32) bool {
	if p.Kind.Layered() && p.Layer != nil {
		return int64(clock)-int64(p.Layer.AnchorDepth)-1 > int64(lock)
	}
	return int64(clock) >= int64(lock)
}

// depth returns the confirmations of a block; 0 for nil.
func (c *followed) depth(at *spv.Block) int32 {
	if at == nil || at.Height > c.tip.Height {
		return 0
	}
	return c.tip.Height - at.Height + 1
}

// chain returns a followed chain by its network id.
func (b *Book) chain(id spv.Hash) (*followed, error) {
	if c, ok := b.chains[id]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("chain %s: not followed", id)
}

// pegged returns a pegged layer and its L1.
func (b *Book) pegged(id spv.Hash) (layer, l1 *followed, err error) {
	if layer, err = b.chain(id); err != nil {
		return nil, nil, err
	}
	if layer.Params.Peg == nil || layer.Params.Layer == nil {
		return nil, nil, fmt.Errorf("%s: has no peg", layer.Params.Name)
	}
	l1, err = b.chain(layer.Clock.NetID())
	return layer, l1, err
}
