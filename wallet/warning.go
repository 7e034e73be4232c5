package wallet

import (
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/fee"
)

// Concern is a kind of warning.
type Concern uint8

// The kinds of warnings. The set is closed.
const (
	HighShare      Concern = iota + 1 // the fee is a large part of the amount
	HighRate                          // the fee rate is far above what wallets pay
	AnyoneCanSpend                    // the chain has no rules for a recipient's script
	Reuse                             // a recipient was paid before: the payments can be linked
	Shaky                             // spends what somebody else may still take back
)

var concernNames = [...]string{"?", "high share", "high rate", "anyone can spend", "reuse", "shaky"}

// String returns the name of the kind.
func (k Concern) String() string { return concernNames[min(int(k), len(concernNames)-1)] }

// MarshalText returns the name of the kind.
func (k Concern) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Warning is something about a draft that its owner must agree to.
type Warning struct {
	Concern Concern
	Text    said.Sentence
}

const (
	shareLimit = 10  // percent of the amount that a fee may be without a question
	rateLimit  = 100 // times the rate that wallets pay at least
)

// warn fills in the draft's warnings.
func (b *builder) warn(d *Draft) {
	add := func(k Concern, text said.Sentence) { d.warnings = append(d.warnings, Warning{k, text}) }
	amount := d.Paid()
	if amount == 0 { // to ourselves: the fee is held against all of it
		for _, o := range d.outputs {
			amount += o.Value
		}
	}
	if d.fee > amount/100*shareLimit+amount%100*shareLimit/100 {
		add(HighShare, said.Of("the fee is %d%% of the amount: %d of %d", percent(d.fee, amount), d.params.Money(d.fee), d.params.Money(amount)))
	}
	if usual := fee.Rate(max(d.params.Policy.WalletFee, 1)); d.Rate()/rateLimit >= usual {
		add(HighRate, said.Of("the fee rate is %s, wallets pay from %s", d.Rate(), usual))
	}
	before := b.c.paidBefore(d.outputs, b.replaced)
	for _, o := range d.outputs {
		switch {
		case o.Kind == address.Future:
			add(AnyoneCanSpend, said.Of("%s: %s has no rules for this address, so anybody can take what is paid to it",
				o.Address, d.params.Title))
		case o.Kind == address.Data, o.Change:
		case before[string(o.Script)]:
			add(Reuse, said.Of("%s: was paid before, everybody can see that both payments belong together", o.Address))
		}
	}
	for _, in := range d.inputs {
		if in.Coin.State == Unconfirmed {
			add(Shaky, said.Of("coin %s: unconfirmed, its sender may still take it back", in.Coin.Outpoint))
		}
	}
}

// paidBefore returns those of the outputs' scripts that a transaction of the history pays
// to, other than the ones that are replaced. Change is not asked for.
func (c *Chain) paidBefore(outs []Output, replaced map[spv.Hash]bool) map[string]bool {
	asked := map[string]bool{}
	for _, o := range outs {
		if o.Kind != address.Data && !o.Change {
			asked[string(o.Script)] = false
		}
	}
	// Nearly all scripts of the history end otherwise.
	var ends [256]bool
	for script := range asked {
		if n := len(script); n > 0 {
			ends[script[n-1]] = true
		}
	}
	for _, e := range c.history {
		if !e.active || len(replaced) > 0 && replaced[e.id] {
			continue
		}
		for _, o := range e.tx.TxOut {
			if n := len(o.PkScript); n == 0 || !ends[o.PkScript[n-1]] {
				continue
			}
			if _, ok := asked[string(o.PkScript)]; ok {
				asked[string(o.PkScript)] = true
			}
		}
	}
	return asked
}

func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 100
	}
	return int64(float64(part) * 100 / float64(whole))
}
