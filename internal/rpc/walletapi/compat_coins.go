package walletapi

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

// unspent is one coin as listunspent answers it.
type unspent struct {
	TxID          string      `json:"txid"`
	Vout          uint32      `json:"vout"`
	Address       string      `json:"address,omitempty"`
	Label         string      `json:"label,omitempty"`
	Script        string      `json:"scriptPubKey"`
	Amount        json.Number `json:"amount"`
	Confirmations int32       `json:"confirmations"`
	Spendable     bool        `json:"spendable"`
	Solvable      bool        `json:"solvable"`
	Reused        bool        `json:"reused"`
	Safe          bool        `json:"safe"`
}

// unspentQuery is what listunspent is asked with.
type unspentQuery struct {
	least, farthest int64    // confirmations
	addresses       []string // nil: all
	unsafe          bool     // also foreign unconfirmed ones
	values          app.CoinFilter
}

func (d *desk) unspentQuery(a *rpc.Args) (q unspentQuery, err error) {
	q.least, q.farthest = 1, 9999999
	for i, to := range []*int64{&q.least, &q.farthest} {
		if a.Has(i) {
			if *to, err = a.Int(i, 0, 9999999); err != nil {
				return q, err
			}
		}
	}
	if a.Has(2) {
		if err = a.Decode(2, &q.addresses, "an array of addresses"); err != nil {
			return q, err
		}
	}
	if q.unsafe, err = a.Bool(3, true); err != nil || a.Raw(4) == nil {
		return q, err
	}
	var limits struct {
		Least json.RawMessage `json:"minimumAmount"`
		Most  json.RawMessage `json:"maximumAmount"`
	}
	if err = options(a, 4, &limits); err != nil {
		return q, err
	}
	for _, limit := range []struct {
		raw json.RawMessage
		to  *int64
	}{{limits.Least, &q.values.MinValue}, {limits.Most, &q.values.MaxValue}} {
		if limit.raw == nil {
			continue
		}
		if *limit.to, err = amountOf(d.chain.Unit, limit.raw); err != nil {
			return q, a.Bad(rpc.InvalidParameter, 4, "amounts in whole coins")
		}
	}
	return q, nil
}

func (q *unspentQuery) takes(k *app.Coin, safe bool) bool {
	switch {
	case int64(k.Depth) < q.least || int64(k.Depth) > q.farthest, q.addresses != nil && !slices.Contains(q.addresses, k.Address):
		return false
	case k.State == "immature" || k.State == "name" || k.Frozen:
		return false
	}
	return safe || q.unsafe
}

func (o others) unspent(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	q, err := d.unspentQuery(a)
	if err != nil {
		return nil, err
	}
	list, err := o.ListCoins(ctx, d.Purse, q.values)
	if err != nil {
		return nil, err
	}
	out := []unspent{}
	for i := range list.Coins {
		k := &list.Coins[i]
		safe := k.State == "confirmed" || k.State == "own unconfirmed"
		if !q.takes(k, safe) {
			continue
		}
		id, index, _ := strings.Cut(k.Outpoint, ":")
		vout, err := strconv.ParseUint(index, 10, 32)
		if err != nil {
			return nil, app.Coded(app.CodeInternal, "coin %s: want TXID:INDEX", k.Outpoint)
		}
		out = append(out, unspent{TxID: id, Vout: uint32(vout), Address: k.Address, Label: k.Label, Script: k.Script,
			Amount: d.coin(k.Value), Confirmations: k.Depth, Spendable: !k.WatchOnly, Solvable: true, Reused: k.Reused, Safe: safe})
	}
	return out, nil
}

// entry is one payment in or out, as listtransactions and gettransaction answer it.
type entry struct {
	Address         string       `json:"address,omitempty"`
	Category        string       `json:"category"` // send, receive, generate, immature, orphan
	Amount          json.Number  `json:"amount"`   // negative if sent
	Label           string       `json:"label,omitempty"`
	Vout            uint32       `json:"vout"`
	Fee             *json.Number `json:"fee,omitempty"` // negative; of what was sent
	Abandoned       *bool        `json:"abandoned,omitempty"`
	InWatchOnly     bool         `json:"involvesWatchonly,omitempty"`
	*transactionRow              // nil within gettransaction
}

// transactionRow is what both methods say of a transaction.
type transactionRow struct {
	Confirmations int32    `json:"confirmations"` // -1: another took its place, or its block is gone
	Generated     bool     `json:"generated,omitempty"`
	Trusted       *bool    `json:"trusted,omitempty"`
	BlockHash     string   `json:"blockhash,omitempty"`
	BlockHeight   *int32   `json:"blockheight,omitempty"`
	BlockTime     int64    `json:"blocktime,omitempty"`
	TxID          string   `json:"txid"`
	Conflicts     []string `json:"walletconflicts"`
	Time          int64    `json:"time"`
	TimeReceived  int64    `json:"timereceived"`
	Replaceable   string   `json:"bip125-replaceable"`
	Comment       string   `json:"comment,omitempty"`
}

func rowOf(r *app.Row) *transactionRow {
	out := &transactionRow{Confirmations: r.Depth, Generated: r.Coinbase, BlockHash: hashText(r.Block), TxID: r.ID.String(),
		Conflicts: []string{}, Time: r.Time.Unix(), TimeReceived: r.Time.Unix(), Replaceable: "no", Comment: r.Label}
	if r.Block != nil {
		out.BlockHeight, out.BlockTime = &r.Block.Height, r.Time.Unix()
	}
	if r.Block == nil {
		trusted := r.Ours && r.Status == "pending"
		out.Trusted = &trusted
		if r.Replaceable {
			out.Replaceable = "yes"
		}
	}
	if r.ReplacedBy != nil {
		out.Conflicts = append(out.Conflicts, r.ReplacedBy.String())
	}
	if r.Status == "replaced" || r.Status == "void" {
		out.Confirmations = -1
	}
	return out
}

func (o others) transactions(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	label, err := a.StringOr(0, "*")
	if err != nil {
		return nil, err
	}
	count, skip := int64(10), int64(0)
	if a.Has(1) {
		if count, err = a.Int(1, 0, 10000); err != nil {
			return nil, err
		}
	}
	if a.Has(2) {
		if skip, err = a.Int(2, 0, 1<<31); err != nil {
			return nil, err
		}
	}
	immature, err := o.immature(ctx, d)
	if err != nil {
		return nil, err
	}
	// One transaction makes one entry or several, so that pages are cut from entries, newest first.
	const stretch = 100
	var found []entry
	for from := 0; int64(len(found)) < skip+count; from += stretch {
		page, err := o.History(ctx, d.Purse, app.HistoryQuery{From: from, Count: stretch})
		if err != nil {
			return nil, err
		}
		for i := range page.Rows {
			t, err := o.Transaction(ctx, d.Purse, page.Rows[i].ID)
			if err != nil {
				return nil, err
			}
			entries := d.entries(&t, immature, true)
			slices.Reverse(entries)
			for _, e := range entries {
				if label == "*" || e.Label == label {
					found = append(found, e)
				}
			}
		}
		if len(page.Rows) < stretch {
			break
		}
	}
	found = found[min(skip, int64(len(found))):]
	found = found[:min(count, int64(len(found)))]
	out := append([]entry{}, found...)
	slices.Reverse(out)
	return out, nil
}

// immature returns the coinbases that cannot be spent yet.
func (o others) immature(ctx context.Context, d *desk) (map[string]bool, error) {
	list, err := o.ListCoins(ctx, d.Purse, app.CoinFilter{})
	out := map[string]bool{}
	for i := range list.Coins {
		if k := &list.Coins[i]; k.State == "immature" {
			id, _, _ := strings.Cut(k.Outpoint, ":")
			out[id] = true
		}
	}
	return out, err
}

// spends tells whether a transaction takes coins of the wallet.
func spends(t *app.Transaction) bool {
	return slices.ContainsFunc(t.Inputs, func(in app.DraftLine) bool { return in.Ours })
}

// entries returns what a transaction pays to others and to us, but for change.
func (d *desk) entries(t *app.Transaction, immature map[string]bool, whole bool) (out []entry) {
	sent := spends(t)
	add := func(i int, line *app.DraftLine, category string, value int64) {
		e := entry{Address: line.Address, Category: category, Amount: d.coin(value), Label: line.Label, Vout: uint32(i),
			InWatchOnly: d.wallet.WatchOnly}
		if category == "send" {
			abandoned := t.Status == "abandoned"
			e.Abandoned = &abandoned
			if t.Fee != nil {
				fee := d.coin(-*t.Fee)
				e.Fee = &fee
			}
		}
		if whole {
			e.transactionRow = rowOf(&t.Row)
		}
		out = append(out, e)
	}
	for i := range t.Outputs {
		line := &t.Outputs[i]
		if line.Value == nil {
			continue
		}
		if sent && !line.Change {
			add(i, line, "send", -*line.Value)
		}
		if line.Ours && !(sent && line.Change) {
			add(i, line, incoming(t, immature), *line.Value)
		}
	}
	return out
}

func incoming(t *app.Transaction, immature map[string]bool) string {
	switch {
	case !t.Coinbase:
		return "receive"
	case t.Block == nil:
		return "orphan"
	case immature[t.ID.String()]:
		return "immature"
	}
	return "generate"
}

func (o others) transaction(ctx context.Context, d *desk, a *rpc.Args) (any, error) {
	id, err := a.Hash(0)
	if err != nil {
		return nil, err
	}
	if err := only(a, 2, "false"); err != nil {
		return nil, err
	}
	t, err := o.Transaction(ctx, d.Purse, spv.Hash(id))
	if err != nil {
		return nil, err
	}
	immature, err := o.immature(ctx, d)
	if err != nil {
		return nil, err
	}
	out := struct {
		Amount json.Number  `json:"amount"` // without the fee
		Fee    *json.Number `json:"fee,omitempty"`
		*transactionRow
		Details []entry   `json:"details"`
		Hex     string    `json:"hex"`
		Trust   app.Trust `json:"trust"`
	}{Amount: d.coin(t.Amount), transactionRow: rowOf(&t.Row), Details: d.entries(&t, immature, false), Hex: t.Raw, Trust: t.Trust}
	if spends(&t) && t.Fee != nil {
		fee := d.coin(-*t.Fee)
		out.Amount, out.Fee = d.coin(t.Amount+*t.Fee), &fee
	}
	return out, nil
}
