package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/layeredpow/lamina/wallet/fee"
)

// Fees returns what transactions pay on a chain, from what is seen of it: nobody else is asked.
func (l *Local) Fees(ctx context.Context, chain string) (Fees, error) {
	c, err := l.ledger(chain)
	if err != nil {
		return Fees{}, err
	}
	c.freshenFees(ctx)
	return c.feeRange(), ctx.Err()
}

// freshen makes sure that the usual rate is not an old one, if it is what was asked for.
func (l *Local) freshen(ctx context.Context, in Purse, asked int64) {
	if c, err := l.ledger(in.Chain); err == nil && asked == 0 {
		c.freshenFees(ctx)
	}
}

// feeWait is how long whoever wants to know a rate waits for blocks that were not looked at yet.
const feeWait = 4 * time.Second

// freshenFees has blocks fetched if it is long since any was looked at, and waits a little for them.
func (l *ledger) freshenFees(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, feeWait)
	defer cancel()
	asked, err := call(ctx, l, func() ([]*wantedBlock, error) { return l.askBlocks(), nil })
	if err != nil {
		return // what is known will do
	}
	for _, w := range asked {
		select {
		case <-w.done:
		case <-ctx.Done():
			return
		case <-l.ended:
			return
		}
	}
}

// highFee is how many times the usual rate peers can make anybody pay, and the upper end of the range is where nothing
// is known of demand.
const highFee = 10

// estimate puts together what was seen. It may be called from anywhere.
func (l *ledger) estimate() fee.Estimate {
	p, now := l.params.Policy, l.clock().Unix()
	// A peer that asks for absurd fees must not make anybody pay them.
	most := fee.Rate(highFee * max(p.WalletFee, p.MinRelay, 1))
	var samples []fee.Sample
	if seen := l.fees.shown.Load(); seen != nil {
		samples = append(samples, seen.blocks...)
		for _, rate := range seen.floors {
			samples = append(samples, fee.Sample{Source: fee.Peer, Rate: min(rate, most), Time: now})
		}
	}
	for _, c := range l.fees.borrow {
		if list := c.fees.parents.Load(); list != nil {
			samples = append(samples, *list...)
		}
	}
	return fee.From(samples, fee.Rate(p.MinRelay), now)
}

// feeRange says what is known of the rates that are paid.
func (l *ledger) feeRange() Fees {
	e, p := l.estimate(), l.params.Policy
	f := Fees{Chain: l.params.Name, Unit: unitOf(l.params), Trust: l.trust(l.snapshot().scanned), Least: int64(e.Floor), Peers: e.Peers,
		Low: int64(e.Floor), Measured: e.Known, Source: feeSource(&e)}
	f.Normal = max(f.Least, p.WalletFee)
	f.High = min(highFee*f.Normal, int64(fee.MaxRate))
	if e.Known {
		f.Normal = max(f.Normal, int64(e.Median))
		f.Low, f.High = int64(e.Low), max(int64(e.High), f.Normal)
		newest := time.Unix(e.Newest, 0).UTC()
		f.Samples, f.Newest = e.Samples, &newest
	}
	return f
}

// feeSource says in words what an estimate comes from.
func feeSource(e *fee.Estimate) string {
	var parts []string
	if e.Known {
		parts = append(parts, fmt.Sprintf("what %d %s of the last %d hours paid", e.Samples, e.Source, fee.MaxAge/3600))
	}
	switch {
	case e.Peers == 1:
		parts = append(parts, "what 1 peer relays")
	case e.Peers > 1:
		parts = append(parts, fmt.Sprintf("what %d peers relay", e.Peers))
	}
	return strings.Join(append(parts, "the chain's policy"), ", ")
}

// rate returns the fee rate to use for one that was asked for, 0 meaning the usual one.
func (l *ledger) rate(asked int64) (fee.Rate, error) {
	switch {
	case asked == 0:
		return fee.Rate(l.feeRange().Normal), nil
	case asked < 0 || asked > int64(fee.MaxRate):
		return 0, Saying(CodeInvalid, "fee rate %d: want 1 to %d", asked, int64(fee.MaxRate))
	}
	return fee.Rate(asked), nil
}
