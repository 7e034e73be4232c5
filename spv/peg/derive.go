package peg

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/chains"
)

// derivation is one run of Derive.
type derivation struct {
	State
	p, l1   *chains.Params
	link    int64            // value of the connector
	newer   *chains.Settlers // who gets connector and change
	home    Vault            // their V0
	dust    int64            // of change
	limit   int64            // satoshis that the batch may pay
	oldest  []Coin           // by height, txid, vout
	richest []Coin           // by value, then as before
	aged    int              // how many of the oldest have reached the refresh age
	vaults  map[wire.OutPoint]Vault
	burns   []candidate // by height, index, vout
}

// candidate is a burn that may get its turn.
type candidate struct {
	Unpaid
	paid bool
	why  string // it waits
}

func newDerivation(p, l1 *chains.Params, s State) (*derivation, error) {
	if p.Peg == nil || len(p.Settlers) == 0 || p.Parent != l1.Name {
		return nil, fmt.Errorf("batch: %s has no peg to %s", p.Name, l1.Name)
	}
	if s.Height <= 0 || s.Height%p.Peg.Epoch != 0 {
		return nil, fmt.Errorf("batch: L1 height %d, want a multiple of %d", s.Height, p.Peg.Epoch)
	}
	if s.FeeRate < 1 || s.FeeRate > MaxFeeRate || s.Attempt < 0 || s.Attempt > MaxAttempt {
		return nil, fmt.Errorf("batch: fee rate %d sat/vB, attempt %d: want 1 to %d and 0 to %d",
			s.FeeRate, s.Attempt, MaxFeeRate, MaxAttempt)
	}
	set, ok := p.SettlersAt(s.Height)
	if !ok {
		return nil, fmt.Errorf("batch: no settlers in office at L1 height %d", s.Height)
	}
	if s.Set < 0 || s.Set >= len(p.Settlers) {
		return nil, fmt.Errorf("connector: settlers %d, there are %d sets", s.Set, len(p.Settlers))
	}
	d := &derivation{State: s, p: p, l1: l1, link: LinkValue(p, l1), newer: &p.Settlers[set]}
	d.home = NewVault(d.newer, p.Peg.Recovery, nil)
	d.dust = Dust(l1, d.home.PkScript)
	d.vaults = map[wire.OutPoint]Vault{}
	if err := d.sortCoins(); err != nil {
		return nil, err
	}
	return d, d.sortBurns()
}

func (d *derivation) sortCoins() error {
	d.oldest = slices.SortedFunc(slices.Values(d.Coins), compareCoins)
	total := int64(0)
	seen := map[wire.OutPoint]bool{d.Connector: true}
	for i := range d.oldest {
		c := &d.oldest[i]
		least := d.dust
		if c.Mark != nil {
			least = d.p.Peg.MinDeposit
		}
		switch {
		case c.Value < least || c.Value > d.l1.Unit.MaxMoney-total:
			return fmt.Errorf("vault coin %v: %d sat, want at least %d and not above all money", c.Outpoint, c.Value, least)
		case c.Height < 0 || c.Height > d.Height:
			return fmt.Errorf("vault coin %v: L1 height %d, want 0 to %d", c.Outpoint, c.Height, d.Height)
		case c.Set < 0 || c.Set >= len(d.p.Settlers):
			return fmt.Errorf("vault coin %v: settlers %d, there are %d sets", c.Outpoint, c.Set, len(d.p.Settlers))
		case seen[c.Outpoint]:
			return fmt.Errorf("vault coin %v: twice, or the connector", c.Outpoint)
		}
		seen[c.Outpoint] = true
		total += c.Value
	}
	d.limit = max(batchFloor, total/batchShare)
	for d.aged < len(d.oldest) && d.Height-d.oldest[d.aged].Height >= d.p.Peg.Refresh {
		d.aged++
	}
	d.richest = slices.Clone(d.oldest)
	slices.SortStableFunc(d.richest, func(a, b Coin) int { return cmp.Compare(b.Value, a.Value) })
	return nil
}

// compareCoins orders by L1 height, txid (its 32 bytes as they travel) and output index.
func compareCoins(a, b Coin) int {
	return cmp.Or(cmp.Compare(a.Height, b.Height), compareOutpoints(&a.Outpoint, &b.Outpoint))
}

func compareOutpoints(a, b *wire.OutPoint) int {
	return cmp.Or(bytes.Compare(a.Hash[:], b.Hash[:]), cmp.Compare(a.Index, b.Index))
}

func (d *derivation) sortBurns() error {
	sorted := slices.SortedFunc(slices.Values(d.Burns), func(a, b Unpaid) int {
		return cmp.Or(cmp.Compare(a.Height, b.Height), cmp.Compare(a.Index, b.Index),
			compareOutpoints(&a.Outpoint, &b.Outpoint))
	})
	seen := make(map[wire.OutPoint]bool, len(sorted))
	for _, u := range sorted {
		if err := u.check(d.p); err != nil {
			return fmt.Errorf("burn %v: %w", u.Outpoint, err)
		}
		if seen[u.Outpoint] {
			return fmt.Errorf("burn %v: twice", u.Outpoint)
		}
		seen[u.Outpoint] = true
		c := candidate{Unpaid: u}
		if u.Height > d.Cut.Height {
			c.why = fmt.Sprintf("at height %d, above the cut at %d", u.Height, d.Cut.Height)
		}
		d.burns = append(d.burns, c)
	}
	return nil
}

// pick returns the burns whose turn it is and the coins that cover them. A burn that no
// coins cover, though it alone is asked for, waits.
func (d *derivation) pick() ([]*candidate, []Coin) {
	for {
		picked := d.turn()
		for n := len(picked); n > 0; n-- {
			if coins, ok := d.pickCoins(sum(picked[:n])); ok {
				return picked[:n], coins
			}
		}
		if len(picked) == 0 {
			return nil, nil
		}
		picked[0].why = fmt.Sprintf("%d sat: more than %d vault coins give", picked[0].Amount, MaxCoins)
	}
}

func sum(burns []*candidate) (total int64) {
	for _, u := range burns {
		total += u.Amount
	}
	return total
}

func (d *derivation) turn() (picked []*candidate) {
	left := d.limit
	for i := range d.burns {
		u := &d.burns[i]
		if u.why != "" {
			continue
		}
		if len(picked) == MaxPayouts || u.Amount > left {
			break
		}
		left -= u.Amount
		picked = append(picked, u)
	}
	return picked
}

// pickCoins returns, in order, the coins that are spent to pay so much: from the oldest, all
// that have reached the refresh age and as many more as it takes, at most MaxCoins. If the
// oldest do not suffice, it is the most valuable instead, as few as it takes. What is left
// over is nothing or an output that is no dust.
func (d *derivation) pickCoins(amount int64) ([]Coin, bool) {
	if n, ok := d.cover(d.oldest, min(d.aged, MaxCoins), amount); ok {
		return d.oldest[:n], true
	}
	n, ok := d.cover(d.richest, 0, amount)
	return slices.SortedFunc(slices.Values(d.richest[:n]), compareCoins), ok
}

// cover returns how many of the first coins, at least so many, are worth the amount and a
// change that is nothing or no dust.
func (d *derivation) cover(coins []Coin, least int, amount int64) (int, bool) {
	change := -amount
	for n := 0; n <= min(len(coins), MaxCoins); n++ {
		if n > 0 {
			change += coins[n-1].Value
		}
		if n >= max(least, 1) && (change == 0 || change >= d.dust) {
			return n, true
		}
	}
	return 0, false
}

// share returns each payout's part of the fee: ceil(ceil(vsize*f)/m) with
// f = FeeRate * 1.5^Attempt. The numbers are bounded, so that nothing overflows.
func (d *derivation) share(vsize int64, payouts int) int64 {
	num, den := int64(d.FeeRate), int64(1)
	for range d.Attempt {
		num, den = num*3, den*2
	}
	fee := (vsize*num + den - 1) / den
	return (fee + int64(payouts) - 1) / int64(payouts)
}

// drop lets the burns wait that cannot bear the share. It tells whether there were any.
func (d *derivation) drop(picked []*candidate, share int64) (dropped bool) {
	for _, u := range picked {
		if int64(u.MaxFee) < share {
			u.why = fmt.Sprintf("fee share %d sat: above its limit of %d", share, u.MaxFee)
		} else if least := Dust(d.l1, u.Script); u.Amount-share < least {
			u.why = fmt.Sprintf("payout %d sat: dust below %d", u.Amount-share, least)
		}
		dropped = dropped || u.why != ""
	}
	return dropped
}

func (d *derivation) waiting() (w []Waiting) {
	for i := range d.burns {
		u := &d.burns[i]
		switch {
		case u.paid:
		case u.why != "":
			w = append(w, Waiting{u.Outpoint, u.why})
		default:
			w = append(w, Waiting{u.Outpoint, fmt.Sprintf(
				"its turn has not come: this batch pays at most %d burns and %d sat", MaxPayouts, d.limit)})
		}
	}
	return w
}
