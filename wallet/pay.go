package wallet

import (
	"errors"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/selection"
)

// pay chooses coins for recipients with stated amounts.
func (b *builder) pay() (*Draft, error) {
	coins, err := b.weigh()
	if err != nil {
		return nil, err
	}
	policy := b.c.params.Policy
	spend := b.c.accounts[b.change.Account].inputWeight()
	req := selection.Request{
		// The counts may take three bytes each; one output more may be the change.
		Base: b.baseWeight(min(len(coins), 0xfd), len(b.fixed)+1), Rate: b.req.Rate, LongTerm: b.req.LongTerm,
		ChangeWeight: address.OutputWeight(b.change.Script), ChangeSpend: spend,
		MinChange: max(Dust(b.c.params, b.change.Script), policy.SoftDust, b.req.LongTerm.Of(spend)), MaxWeight: b.limit,
	}
	var out int64
	for _, o := range b.fixed {
		out += o.Value
	}
	req.Target = out
	payers := b.payers()
	extra := b.soft(b.fixed)
	if req.SubtractFee = len(payers) > 0; !req.SubtractFee {
		req.Target += extra
	}
	got, err := selection.Select(coins, req, b.apart(), b.rng)
	if short := (*selection.Shortage)(nil); errors.As(err, &short) {
		return nil, b.short(*short)
	}
	if err != nil {
		return nil, err
	}
	all := b.coins()
	picked := make([]*coin, len(got.Coins))
	outputs := len(b.fixed)
	if got.Change {
		outputs++
	}
	weight := b.baseWeight(len(picked), outputs)
	var sum int64
	for i, n := range got.Coins {
		picked[i] = all[n]
		weight += coins[n].Weight
		sum += coins[n].Value
	}
	if got.Change {
		weight += address.OutputWeight(b.change.Script)
	}
	due := max(b.req.Rate.Of(weight)+extra, b.least)
	outs := copyOuts(b.fixed)
	if len(payers) > 0 {
		if err := b.subtract(outs, payers, due); err != nil {
			return nil, err
		}
		out -= due
	}
	left := sum - out - due
	switch {
	case got.Change && left >= req.MinChange:
		outs = append(outs, wire.NewTxOut(left, b.change.Script))
	case left < 0:
		return nil, b.short(selection.Shortage{Need: out + due, Have: sum})
	}
	return b.assemble(picked, outs, weight, got.Algorithm)
}

// payers returns the indices of the recipients that pay the fee.
func (b *builder) payers() (out []int) {
	for i, r := range b.req.Recipients {
		if r.PaysFee {
			out = append(out, i)
		}
	}
	return out
}

// subtract takes the fee out of the recipients that pay it, in equal shares.
func (b *builder) subtract(outs []*wire.TxOut, payers []int, due int64) error {
	share, rest, money := due/int64(len(payers)), due%int64(len(payers)), b.c.params.Money
	for n, i := range payers {
		part := share
		if n == 0 {
			part += rest
		}
		outs[i].Value -= part
		if least := Dust(b.c.params, outs[i].PkScript); outs[i].Value < max(least, 1) {
			return said.Errorf("recipient %d: amount %d minus its part of the fee, %d, is below the %d that peers relay",
				i+1, money(outs[i].Value+part), money(part), money(least))
		}
	}
	return nil
}

func copyOuts(outs []*wire.TxOut) []*wire.TxOut {
	out := make([]*wire.TxOut, len(outs))
	for i, o := range outs {
		out[i] = wire.NewTxOut(o.Value, o.PkScript)
	}
	return out
}

// sweep spends all coins; one recipient gets what the others and the fee leave.
func (b *builder) sweep() (*Draft, error) {
	coins, err := b.weigh()
	if err != nil {
		return nil, err
	}
	all := b.coins()
	var picked []*coin
	var sum, out, weight int64
	for i, k := range all {
		// A coin that costs more than it holds is left where it is, unless it was asked for.
		if w := coins[i].Weight; coins[i].Must || k.value > b.req.Rate.Of(w) {
			picked = append(picked, k)
			sum, weight = sum+k.value, weight+w
		}
	}
	weight += b.baseWeight(len(picked), len(b.fixed))
	if weight > b.limit {
		return nil, b.short(selection.Shortage{Need: sum, Have: sum, Heavy: true})
	}
	apart := b.apart()
	for i := range b.classes {
		for j := range i {
			if apart != nil && apart(i, j) {
				return nil, b.short(selection.Shortage{Need: sum, Have: sum, Apart: true})
			}
		}
	}
	outs := copyOuts(b.fixed)
	at := slices.IndexFunc(b.req.Recipients, func(r Recipient) bool { return r.Max })
	for _, o := range outs {
		out += o.Value
	}
	outs[at].Value = b.c.params.Unit.MaxMoney // no soft dust: judged below with the real value
	due := max(b.req.Rate.Of(weight)+b.soft(outs), b.least)
	if outs[at].Value = sum - out - due; outs[at].Value < b.c.params.Policy.SoftDust {
		due = max(b.req.Rate.Of(weight)+b.soft(outs), b.least)
		outs[at].Value = sum - out - due
	}
	if least := max(Dust(b.c.params, outs[at].PkScript), 1); len(picked) == 0 || outs[at].Value < least {
		return nil, b.short(selection.Shortage{Need: out + due + least, Have: sum})
	}
	return b.assemble(picked, outs, weight, "all")
}

// assemble makes the transaction: inputs and outputs in random order.
func (b *builder) assemble(picked []*coin, outs []*wire.TxOut, weight int64, algorithm string) (*Draft, error) {
	b.rng.Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
	b.rng.Shuffle(len(outs), func(i, j int) { outs[i], outs[j] = outs[j], outs[i] })
	if weight > b.limit {
		return nil, said.Errorf("transaction of weight %d: want at most %d", weight, b.limit)
	}
	d := &Draft{params: b.c.params, tx: wire.NewMsgTx(2), weight: weight, algorithm: algorithm}
	for id := range b.replaced {
		d.replaces = append(d.replaces, id)
	}
	slices.SortFunc(d.replaces, func(x, y spv.Hash) int { return slices.Compare(x[:], y[:]) })
	for _, k := range picked {
		in := wire.NewTxIn(&k.op, nil, nil)
		in.Sequence = wire.MaxTxInSequenceNum - 2 // may be replaced (BIP125), and the lock time holds
		d.tx.AddTxIn(in)
		d.inputs = append(d.inputs, Input{Coin: b.c.view(k), place: k.place, pub: k.place.slot().pub,
			from: k.entry.tx})
		d.fee += k.value
	}
	for _, o := range outs {
		d.tx.AddTxOut(o)
		d.outputs = append(d.outputs, b.c.describe(o))
		d.fee -= o.Value
	}
	if h := b.req.LockHeight; h > 0 {
		if b.rng.IntN(10) == 0 { // some are late for other reasons; nobody shall tell which
			h = max(0, h-int32(b.rng.IntN(100)))
		}
		d.tx.LockTime = uint32(h)
	}
	b.warn(d)
	return d, nil
}

func (c *Chain) describe(o *wire.TxOut) Output {
	out := Output{Script: o.PkScript, Value: o.Value, Kind: address.KindOf(c.params, o.PkScript)}
	out.Address, _ = address.Encode(c.params, o.PkScript) // scripts without an address show as such
	if p, ok := c.places[string(o.PkScript)]; ok {
		k := p.chain
		out.Ours, out.Change, out.Kind = true, k.change == 1, k.account.Kind()
		out.place, out.pub = &p, p.slot().pub
	}
	return out
}

// short gives a shortage the unit of the chain.
func (b *builder) short(s selection.Shortage) error {
	s.Unit = b.c.params.Money(0)
	return &s
}
