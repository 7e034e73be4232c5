package walletapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

// options decodes an object; a field that is not known is an error.
func options(a *rpc.Args, i int, v any) error {
	if a.Raw(i) == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(a.Raw(i)))
	d.DisallowUnknownFields()
	if d.Decode(v) != nil {
		return a.Bad(rpc.InvalidParameter, i, "an object with the fields that help lists, and no others")
	}
	return nil
}

// rateOf reads base units per virtual byte, with at most three digits behind the point, as a rate per 1000.
func rateOf(raw json.RawMessage) (int64, error) {
	if raw == nil {
		return 0, nil
	}
	rate, err := amountOf(app.Unit{Decimals: 3}, raw)
	if err != nil || rate == 0 {
		return 0, rpc.Errorf(rpc.InvalidParameter, "fee_rate: want base units per virtual byte, with at most 3 digits after the point")
	}
	return rate, nil
}

// payment is what sendtoaddress and sendmany have in common.
type payment struct {
	app.Payment
	key     string
	consent []string
	verbose bool
}

// finish reads the parameters from fee rate on: fee_rate, verbose, idempotency_key, accept.
func (p *payment) finish(a *rpc.Args, from int) (err error) {
	if p.Rate, err = rateOf(a.Raw(from)); err != nil {
		return err
	}
	if p.verbose, err = a.Bool(from+1, false); err != nil {
		return err
	}
	p.key, p.consent, err = agreed(a, from+2)
	return err
}

// agreed reads idempotency_key and accept.
func agreed(a *rpc.Args, from int) (key string, consent []string, err error) {
	if key, err = a.StringOr(from, ""); err != nil {
		return "", nil, err
	}
	if a.Has(from + 1) {
		err = a.Decode(from+1, &consent, "an array of concerns")
	}
	return key, consent, err
}

// once plans and sends what is asked, unless it was sent before under the key.
func (o others) once(ctx context.Context, d *desk, asked app.Asked, key string, consent []string) (*app.Sent, error) {
	if key != "" {
		if before, err := o.Sent(ctx, d.Purse, key, asked); err != nil || before != nil {
			return before, err
		}
	}
	var plan app.Draft
	var err error
	if asked.Bump != nil {
		plan, err = o.Bump(ctx, d.Purse, asked.Bump.ID, asked.Bump.Rate)
	} else {
		plan, err = o.Draft(ctx, d.Purse, *asked.Payment)
	}
	if err != nil {
		return nil, err
	}
	sent, err := o.Send(ctx, app.SendRequest{Draft: plan.ID, Consent: consent, Key: key})
	return &sent, err
}

// pay sends a payment with the unlocked session.
func (o others) pay(ctx context.Context, d *desk, p *payment) (any, error) {
	sent, err := o.once(ctx, d, app.Asked{Payment: &p.Payment}, p.key, p.consent)
	if err != nil {
		return nil, err
	}
	if p.verbose {
		return map[string]string{"txid": sent.ID.String(), "fee_reason": "the rate asked for, or what lamina fee recommends"}, nil
	}
	return sent.ID.String(), nil
}

func (o others) sendToAddress(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	p := &payment{}
	to := app.Recipient{}
	var err error
	if to.Address, err = a.String(0); err != nil {
		return nil, err
	}
	if to.Amount, err = amountOf(d.chain.Unit, a.Raw(1)); err != nil {
		return nil, a.Bad(rpc.WrongType, 1, "an amount in whole coins, such as 0.1")
	}
	if p.Label, err = a.StringOr(2, ""); err != nil {
		return nil, err
	}
	if to.Label, err = a.StringOr(3, ""); err != nil {
		return nil, err
	}
	if to.PaysFee, err = a.Bool(4, false); err != nil {
		return nil, err
	}
	if err := same(a, 5, 8); err != nil {
		return nil, err
	}
	if err := p.finish(a, 9); err != nil {
		return nil, err
	}
	p.To = []app.Recipient{to}
	return o.pay(ctx, d, p)
}

// same refuses what replaceable, conf_target, estimate_mode and avoid_reuse would change, from one place to another.
func same(a *rpc.Args, from, to int) error {
	values := [][]string{{"true"}, {}, {`"unset"`, `"UNSET"`}, {"false"}}
	for i := from; i <= to; i++ {
		if err := only(a, i, values[i-from]...); err != nil {
			return err
		}
	}
	return nil
}

func (o others) sendMany(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	p := &payment{}
	if err := only(a, 0, `""`); err != nil {
		return nil, err
	}
	var err error
	if p.To, err = recipients(d.chain.Unit, a.Raw(1)); err != nil {
		return nil, a.Bad(rpc.WrongType, 1, "an object of address: amount in whole coins, each address once")
	}
	if err := only(a, 2, "0", "1"); err != nil {
		return nil, err
	}
	if p.Label, err = a.StringOr(3, ""); err != nil {
		return nil, err
	}
	var payers []string
	if a.Has(4) {
		if err := a.Decode(4, &payers, "an array of addresses"); err != nil {
			return nil, err
		}
	}
	if err := paysFee(p.To, payers); err != nil {
		return nil, err
	}
	if err := same(a, 5, 7); err != nil {
		return nil, err
	}
	if err := p.finish(a, 8); err != nil {
		return nil, err
	}
	return o.pay(ctx, d, p)
}

func paysFee(to []app.Recipient, payers []string) error {
	for _, address := range payers {
		i := slices.IndexFunc(to, func(r app.Recipient) bool { return r.Address == address })
		if i < 0 {
			return rpc.Errorf(rpc.InvalidParameter, "subtract fee from %.100q: it is not paid to", address)
		}
		to[i].PaysFee = true
	}
	return nil
}

// recipients reads {address: amount, ...} in its order. An address that comes twice is an error: of such objects readers
// see only one.
func recipients(u app.Unit, raw json.RawMessage) (out []app.Recipient, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("outputs: want an object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		var amount json.RawMessage
		if err := d.Decode(&amount); err != nil {
			return nil, err
		}
		r := app.Recipient{Address: t.(string)} // a key always is
		if r.Amount, err = amountOf(u, amount); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(other app.Recipient) bool { return other.Address == r.Address }) {
			return nil, fmt.Errorf("outputs: %.100q comes twice", r.Address)
		}
		out = append(out, r)
	}
	return out, nil
}

func (o others) bumpFee(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	id, err := a.Hash(0)
	if err != nil {
		return nil, err
	}
	var with struct {
		Rate        json.RawMessage `json:"fee_rate"`
		Replaceable *bool           `json:"replaceable"`
	}
	if err := options(a, 1, &with); err != nil {
		return nil, err
	}
	if with.Replaceable != nil && !*with.Replaceable {
		return nil, a.Bad(rpc.InvalidParameter, 1, "replaceable true: all that is made here can be replaced")
	}
	rate, err := rateOf(with.Rate)
	if err != nil {
		return nil, err
	}
	key, consent, err := agreed(a, 2)
	if err != nil {
		return nil, err
	}
	before, err := o.Transaction(ctx, d.Purse, spv.Hash(id))
	if err != nil {
		return nil, err
	}
	sent, err := o.once(ctx, d, app.Asked{Bump: &app.Changed{ID: spv.Hash(id), Rate: rate}}, key, consent)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"txid": sent.ID.String(), "fee": d.coin(sent.Fee), "errors": []string{}}
	if before.Fee != nil {
		out["origfee"] = d.coin(*before.Fee)
	}
	return out, nil
}

func (o others) fundedPacket(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	p := app.Payment{}
	var inputs []struct {
		TxID     string `json:"txid"`
		Vout     uint32 `json:"vout"`
		Sequence uint32 `json:"sequence"`
	}
	if err := options(a, 0, &inputs); err != nil {
		return nil, a.Bad(rpc.InvalidParameter, 0, "an array of {txid, vout}")
	}
	for _, in := range inputs {
		// Both mean: replaceable, and no lock (BIP68 with a lock of 0 blocks).
		if in.Sequence != 0 && in.Sequence != 0xfffffffd {
			return nil, a.Bad(rpc.InvalidParameter, 0, "no sequence: all that is made here can be replaced")
		}
		p.Coins = append(p.Coins, fmt.Sprintf("%s:%d", in.TxID, in.Vout))
	}
	if err := outputs(d.chain.Unit, a, 1, &p); err != nil {
		return nil, err
	}
	if err := only(a, 2, "0"); err != nil {
		return nil, err
	}
	var with struct {
		Rate     json.RawMessage `json:"fee_rate"`
		PerKilo  json.RawMessage `json:"feeRate"`
		Subtract []int           `json:"subtractFeeFromOutputs"`
	}
	if err := options(a, 3, &with); err != nil {
		return nil, err
	}
	var err error
	if p.Rate, err = rateOf(with.Rate); err != nil {
		return nil, err
	}
	if with.PerKilo != nil {
		if p.Rate, err = amountOf(d.chain.Unit, with.PerKilo); err != nil || with.Rate != nil {
			return nil, a.Bad(rpc.InvalidParameter, 3, "feeRate in whole coins per 1000 virtual bytes, or fee_rate, not both")
		}
	}
	for _, i := range with.Subtract {
		if i < 0 || i >= len(p.To) {
			return nil, rpc.Errorf(rpc.InvalidParameter, "subtractFeeFromOutputs: %d of %d outputs with an address", i, len(p.To))
		}
		p.To[i].PaysFee = true
	}
	plan, err := o.Draft(ctx, d.Purse, p)
	if err != nil {
		return nil, err
	}
	text, err := o.DraftPacket(ctx, plan.ID)
	if err != nil {
		return nil, err
	}
	change := slices.IndexFunc(plan.Outputs, func(l app.DraftLine) bool { return l.Change })
	return map[string]any{"psbt": text, "fee": d.coin(plan.Fee), "changepos": change}, nil
}

// outputs reads an array of {address: amount} and {data: hex}, or one object of them.
func outputs(u app.Unit, a *rpc.Args, i int, p *app.Payment) error {
	const want = "an array of {address: amount} and at most one {data: hex}"
	var list []json.RawMessage
	if json.Unmarshal(a.Raw(i), &list) != nil {
		list = []json.RawMessage{a.Raw(i)}
	}
	for _, raw := range list {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return a.Bad(rpc.WrongType, i, want)
		}
		if data, ok := fields["data"]; ok {
			if len(fields) != 1 || p.Data != "" || json.Unmarshal(data, &p.Data) != nil || p.Data == "" {
				return a.Bad(rpc.InvalidParameter, i, want)
			}
			continue
		}
		to, err := recipients(u, raw)
		if err != nil {
			return a.Bad(rpc.InvalidParameter, i, want+": "+strings.TrimPrefix(err.Error(), "outputs: "))
		}
		p.To = append(p.To, to...)
	}
	return nil
}

func (o others) processPacket(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	text, err := a.String(0)
	if err != nil {
		return nil, err
	}
	sign, err := a.Bool(1, true)
	if err != nil {
		return nil, err
	}
	if err := only(a, 2, `"DEFAULT"`, `"ALL"`); err != nil {
		return nil, err
	}
	finish, err := a.Bool(4, true)
	if err != nil {
		return nil, err
	}
	act := o.ShowPacket
	if sign {
		act = func(ctx context.Context, in app.Purse, text string) (app.Packet, error) {
			return o.SignPacket(ctx, in, text, nil)
		}
	}
	got, err := act(ctx, d.Purse, text)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"psbt": got.Text, "complete": got.Complete}
	if got.Complete && finish {
		if out["hex"], err = o.FinishPacket(ctx, got.Text); err != nil {
			return nil, err
		}
	}
	return out, nil
}
