package wallet

import (
	"fmt"
	"math/rand/v2"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/wallet/fee"
)

// Split says into what coins are to be split. Exactly one of Amounts and Count is set.
type Split struct {
	Amounts  []int64 // coins of these amounts
	Count    int     // so many equal coins
	Amount   int64   // with Count: of this sum; 0: of all that is there, the fee included
	Coins    []wire.OutPoint
	Account  int // whose coins are taken and made
	Rate     fee.Rate
	LongTerm fee.Rate
	Lock     int32 // see Request.LockHeight
}

// maxSplit bounds the coins that one split makes.
const maxSplit = 2000

// PlanSplit plans a transaction to ourselves that makes the coins asked for, each on an
// address of its own, and change never below dust. That the addresses were given out is
// on disk when it returns; the scripts are to be looked for from then on.
func (c *Chain) PlanSplit(s Split, rng *rand.Rand) (d *Draft, scripts [][]byte, err error) {
	n := max(len(s.Amounts), s.Count)
	if (s.Amounts == nil) == (s.Count == 0) || n < 2 || n > maxSplit || s.Amount < 0 {
		return nil, nil, fmt.Errorf("split into %d coins: want 2 to %d, by amounts or by a count", n, maxSplit)
	}
	k, err := c.keychain(s.Account, 1)
	if err != nil {
		return nil, nil, err
	}
	// The change's own address comes first, so that the split's do not meet it.
	from := k.used + 1
	if scripts, err = c.reserve(k, from+uint32(n)); err != nil {
		return nil, nil, err
	}
	r := Request{Rate: s.Rate, LongTerm: s.LongTerm, Coins: s.Coins, Accounts: []int{s.Account}, Change: s.Account,
		LockHeight: s.Lock, Recipients: make([]Recipient, n)}
	for i := range r.Recipients {
		to := &r.Recipients[i]
		to.Script = k.slots[from+uint32(i)].script
		switch {
		case s.Amounts != nil:
			to.Amount = s.Amounts[i]
		case s.Amount > 0:
			to.Amount = s.Amount / int64(n)
		default:
			to.Amount = max(Dust(c.params, to.Script), c.params.Policy.SoftDust, 1)
		}
	}
	if s.Count == 0 || s.Amount > 0 {
		d, err = c.Draft(r, rng)
		return d, scripts, err
	}
	// First with the least amounts, to learn what is left for all; then in equal parts.
	last := &r.Recipients[n-1]
	last.Amount, last.Max = 0, true
	if d, err = c.Draft(r, rng); err != nil {
		return nil, scripts, err
	}
	var sum int64
	for _, o := range d.outputs {
		sum += o.Value
	}
	for i := range n - 1 {
		r.Recipients[i].Amount = sum / int64(n)
	}
	d, err = c.Draft(r, rng)
	return d, scripts, err
}

// reserve gives out the addresses of a keychain below an index.
func (c *Chain) reserve(k *keychain, below uint32) ([][]byte, error) {
	if k.issued >= below {
		return nil, nil
	}
	was := k.issued
	k.issued = below
	if err := c.log.Write([]Record{k.record()}); err != nil {
		k.issued = was
		return nil, err
	}
	return c.growAll()
}
