package app

import (
	"fmt"
	"slices"
	"time"

	"github.com/layeredpow/lamina/spv"
)

// slack is how long before its birthday a wallet looks for payments: clocks are off, and
// a block's time may lie before that of the block below.
const slack = 4 * time.Hour

// settle takes a purse back to the chain as it is on disk: damage may have cost headers,
// and what is there now may be another branch. Reorganisations take purses back before
// the headers, so that there is no other way for the two to differ.
func (l *ledger) settle(p *purse) error {
	tip := p.chain.Tip()
	if tip.Height < 0 {
		return nil
	}
	if at, ok := l.block(tip.Height); ok && at == tip {
		return nil
	}
	have, _ := l.chain.Tip()
	to := max(min(have.Height, tip.Height)-l.params.ReorgLimit, p.book.place.first-1, l.chain.Base().Height)
	at, ok := l.block(min(to, have.Height))
	if !ok {
		return fmt.Errorf("%s: header %d is not on disk", l.params.Name, to)
	}
	changed, err := p.chain.Rewind(at)
	l.announce(p, EventReorged, changed)
	return err
}

// placeAll finds out where purses begin that are new, and says whether any was. Synced
// tells that there are no more headers.
func (l *ledger) placeAll(synced bool) error {
	for _, p := range l.purses {
		if p.placed() {
			continue
		}
		below, ok, err := l.before(p.birthday, synced)
		if err != nil {
			return err
		}
		if ok {
			if err := p.put(below); err != nil {
				return err
			}
		}
	}
	return nil
}

// before returns the last block that is surely older than a time (Unix seconds; 0: not
// known, which is genesis). It is false while the headers do not reach that far.
func (l *ledger) before(birthday int64, synced bool) (spv.Block, bool, error) {
	tip, _ := l.chain.Tip()
	edge := birthday - int64(slack/time.Second)
	header, _ := l.tree.Header(tip.Height)
	if birthday == 0 || edge <= int64(l.params.Genesis.Time()) {
		b, ok := l.block(l.chain.Base().Height)
		return b, ok && l.reaches(), nil
	}
	if int64(header.Time()) < edge {
		return tip, synced, nil
	}
	const stretch, run = 2000, 11 // a block's time is above the median of the 11 below
	older := 0
	for to := tip.Height; to > l.chain.Base().Height; {
		from := max(to-stretch+1, l.chain.Base().Height)
		headers, err := l.chain.Headers(from, to-from+1)
		if err != nil {
			return spv.Block{}, false, err
		}
		for i, h := range slices.Backward(headers) {
			if older++; int64(h.Time()) >= edge {
				older = 0
			}
			if older == run {
				b, ok := l.block(from + int32(i) + run - 1)
				return b, ok, nil
			}
		}
		to = from - 1
	}
	return l.chain.Base(), l.reaches(), nil
}

// block returns the best chain's block at a height.
func (l *ledger) block(height int32) (spv.Block, bool) {
	tip, _ := l.chain.Tip()
	if height < l.chain.Base().Height || height > tip.Height {
		return spv.Block{Height: height}, false
	}
	headers, err := l.chain.Headers(height, 1)
	if err != nil {
		return spv.Block{Height: height}, false
	}
	return spv.Block{Height: height, Hash: headers[0].ID()}, true
}
