package settle

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
)

// sweepable refuses a refundable deposit that the settlers could not take, before any money moves: their term ends before
// its refund is due, or too little is left of it at the rate of now.
func sweepable(c, l1 *followed, d *Deposit) error {
	if height := l1.tip.Height + TermSlack; peg.CheckSweepable(c.Params, d.Terms.Set, height, height) != nil {
		return said.Errorf("refundable deposit to %s: its settlers are in office until block %d, want them for %d more", c.Params.Name,
			c.Params.Settlers[d.Terms.Set].To, TermSlack+c.Params.Peg.Refund)
	}
	ask := peg.SweepAsk{NetID: d.Layer, Set: d.Terms.Set, Mark: d.Terms.Hash(c.Params), User: [32]byte(schnorr.SerializePubKey(peg.InternalKey()))}
	_, err := sweepFees(c, l1, d, &ask, d.Amount)
	return err
}

// errSweepFee says that a deposit is too small to be swept.
var errSweepFee = errors.New("too little for a sweep")

// sweepFees returns what sweeps may cost, satoshis: at the rate of now, four times each before it, up to the stressed
// one, as far as a deposit of value bears it. Each is twice the one before it at least, or settlers would not sign again.
func sweepFees(c, l1 *followed, d *Deposit, ask *peg.SweepAsk, value int64) (fees []int64, err error) {
	probe := *ask
	probe.Fee = value - c.Params.Peg.MinDeposit
	b, err := probe.Sweep(c.Params, l1.Params, value)
	if err != nil {
		return nil, fmt.Errorf("refundable deposit: %w: %w", errSweepFee, err)
	}
	for _, rate := range rates(l1) {
		fee := rate.OfVirtual(b.VSize)
		left := value - fee
		if left < c.Params.Peg.MinDeposit || left*c.Params.UnitsPerSat()-int64(d.Terms.MaxFee) < peg.Dust(c.Params, d.Terms.Script) {
			break
		}
		if n := len(fees); n == 0 || fee >= 2*fees[n-1] {
			fees = append(fees, fee)
		}
	}
	if len(fees) == 0 {
		return nil, fmt.Errorf("refundable deposit %d sat: %w: less its fee of %d and the claim's it is below the least of %d", value,
			errSweepFee, rates(l1)[0].OfVirtual(b.VSize), c.Params.Peg.MinDeposit)
	}
	return fees, nil
}

// signAsks signs what the settlers of a refundable deposit will be asked with.
func signAsks(c, l1 *followed, d *Deposit, from wire.OutPoint, value int64, keys Keys) (out [][]byte, err error) {
	ask := peg.SweepAsk{NetID: d.Layer, Outpoint: from, Set: d.Terms.Set, Mark: d.Terms.Hash(c.Params), User: d.Back.User}
	fees, err := sweepFees(c, l1, d, &ask, value)
	if err != nil {
		return nil, err
	}
	path := RefundPath().Child(refundIndex(c.Params, &d.Terms))
	for _, fee := range fees {
		ask.Fee = fee
		sig, err := keys.SignSchnorrUntweaked(path, ask.Hash())
		if err != nil {
			return nil, err
		}
		if len(sig) != len(ask.Signature) {
			return nil, fmt.Errorf("sweep of %s: signature of %d bytes, want %d", from, len(sig), len(ask.Signature))
		}
		ask.Signature = [64]byte(sig)
		if err := ask.CheckSignature(); err != nil {
			return nil, err
		}
		out = append(out, ask.Append(nil))
	}
	return out, nil
}

// Asks returns what the layers' settlers are to be asked now: to sweep refundable deposits that are in L1 and young
// enough, for a fee that rises with their age. To ask again does no harm, and is how what got lost is made good.
func (b *Book) Asks() (out []*peg.SweepAsk, err error) {
	var errs []error
	err = b.eachDeposit(func(c *followed, s *DepositState) {
		if s.Phase != Waiting || s.Back == nil || len(s.Back.Asks) == 0 {
			return
		}
		tip := b.chains[c.Clock.NetID()].tip.Height
		if peg.CheckSweepable(c.Params, s.Terms.Set, s.Block.Height, tip) != nil {
			return
		}
		var own []*peg.SweepAsk // others are of another payment to the script
		for _, raw := range s.Back.Asks {
			switch ask, err := peg.ParseSweepAsk(raw); {
			case err != nil:
				errs = append(errs, fmt.Errorf("deposit %s: %w", s.Outpoint, err))
			case ask.Outpoint == s.Outpoint:
				own = append(own, ask)
			}
		}
		if n := int32(len(own)); n > 0 {
			out = append(out, own[min((s.Confirmations-1)*n/(c.Params.Peg.Refund/2), n-1)])
		}
	})
	return out, errors.Join(append(errs, err)...)
}
