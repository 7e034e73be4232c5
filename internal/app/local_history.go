package app

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/fee"
)

const (
	defaultPage = 100
	maxRows     = math.MaxInt
)

// History returns transactions that a query takes, newest first.
func (l *Local) History(ctx context.Context, in Purse, q HistoryQuery) (History, error) {
	if q.Count == 0 {
		q.Count = defaultPage
	}
	if q.From < 0 || q.Count < 0 {
		return History{}, Coded(CodeInvalid, "history from %d, %d rows: want no less than 0", q.From, q.Count)
	}
	if err := q.check(); err != nil {
		return History{}, err
	}
	return within(ctx, l, in, func(c *ledger, p *purse) (History, error) {
		h := History{Rows: []Row{}, Unit: unitOf(c.params), Trust: c.trustOf(p)}
		var rows []wallet.Row
		rows, h.Total = q.page(p)
		for i := range rows {
			tx, _, _ := p.chain.Transaction(rows[i].ID)
			h.Rows = append(h.Rows, rowOf(p.chain, tx, &rows[i]))
		}
		return h, nil
	})
}

// page returns the rows of a query's page, and how many there are on all pages.
func (q *HistoryQuery) page(p *purse) (rows []wallet.Row, total int) {
	if q.Search == "" && q.Only == "" && q.Since.IsZero() && q.Until.IsZero() {
		return p.chain.History(q.From, q.Count), p.chain.Rows()
	}
	for _, row := range p.chain.History(0, maxRows) {
		if !q.takes(p.chain, &row) {
			continue
		}
		if total++; total > q.From && len(rows) < q.Count {
			rows = append(rows, row)
		}
	}
	return rows, total
}

// kindsOfRows are what HistoryQuery.Only may be.
var kindsOfRows = []string{"", "in", "out", "pending", "confirmed", "replaced", "abandoned", "void"}

func (q *HistoryQuery) check() error {
	if !slices.Contains(kindsOfRows, q.Only) {
		return Coded(CodeInvalid, "history: only %.20q, want one of %q", q.Only, kindsOfRows[1:])
	}
	return nil
}

func (q *HistoryQuery) takes(chain *wallet.Chain, row *wallet.Row) bool {
	at := time.Unix(row.Time, 0)
	if !q.Since.IsZero() && at.Before(q.Since) || !q.Until.IsZero() && at.After(q.Until) {
		return false
	}
	switch q.Only {
	case "":
	case "in":
		if row.Amount < 0 {
			return false
		}
	case "out":
		if row.Amount >= 0 {
			return false
		}
	default:
		if row.Status.String() != q.Only {
			return false
		}
	}
	if q.Search == "" {
		return true
	}
	search := strings.ToLower(q.Search)
	if strings.Contains(strings.ToLower(row.Label), search) || strings.Contains(row.ID.String(), search) {
		return true
	}
	tx, _, _ := chain.Transaction(row.ID)
	return slices.ContainsFunc(tx.TxOut, func(out *wire.TxOut) bool {
		text, err := address.Encode(chain.Params(), out.PkScript)
		return err == nil && (strings.Contains(strings.ToLower(text), search) ||
			strings.Contains(strings.ToLower(chain.Label("addr", text)), search))
	})
}

// rowOf returns a row as it is shown.
func rowOf(chain *wallet.Chain, tx *wire.MsgTx, row *wallet.Row) Row {
	r := Row{ID: row.ID, Status: row.Status.String(), Depth: row.Depth, Time: time.Unix(row.Time, 0).UTC(), Amount: row.Amount,
		Coinbase: row.Coinbase, Ours: row.Ours, Replaceable: row.Replaceable, DoubleSpend: row.DoubleSpend, Label: row.Label}
	if row.Status == wallet.StatusConfirmed {
		r.Block = &spv.Block{Height: row.Block.Height, Hash: row.Block.Hash}
	}
	if row.FeeKnown {
		r.Fee = &row.Fee
	}
	if row.ReplacedBy != (spv.Hash{}) {
		r.ReplacedBy = &row.ReplacedBy
	}
	for _, out := range tx.TxOut {
		_, ours := chain.AddressOf(out.PkScript)
		text, err := address.Encode(chain.Params(), out.PkScript)
		if err == nil && ours == (row.Amount >= 0) {
			r.Addresses = append(r.Addresses, text)
		}
	}
	return r
}

// ExportHistory is History without the page, as CSV with a header line.
func (l *Local) ExportHistory(ctx context.Context, in Purse, q HistoryQuery) ([]byte, error) {
	q.From, q.Count = 0, maxRows
	h, err := l.History(ctx, in, q)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"time", "txid", "status", "height", "depth", "amount", "fee", "label", "addresses"})
	for i := range h.Rows {
		r := &h.Rows[i]
		height, paid := "", ""
		if r.Block != nil {
			height = strconv.Itoa(int(r.Block.Height))
		}
		if r.Fee != nil {
			paid = strconv.FormatInt(*r.Fee, 10)
		}
		_ = w.Write([]string{r.Time.Format(time.RFC3339), r.ID.String(), r.Status, height, strconv.Itoa(int(r.Depth)),
			strconv.FormatInt(r.Amount, 10), paid, plainCell(r.Label), strings.Join(r.Addresses, " ")})
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// plainCell keeps a label from being run as a formula by the program that opens the file.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// Transaction returns all that is known of one transaction of the history.
func (l *Local) Transaction(ctx context.Context, in Purse, id spv.Hash) (Transaction, error) {
	return within(ctx, l, in, func(c *ledger, p *purse) (Transaction, error) {
		tx, row, ok := p.chain.Transaction(id)
		if !ok {
			return Transaction{}, noTransaction(p, id)
		}
		weight := int64(3*tx.SerializeSizeStripped() + tx.SerializeSize())
		t := Transaction{Row: rowOf(p.chain, tx, &row), VSize: fee.Virtual(weight), Seen: c.peers[id], Private: p.book.private[id],
			Unit: unitOf(c.params), Trust: c.trustOf(p), Actions: actions(p.chain, tx, &row)}
		t.Told, t.Took = c.handedTo(p, id)
		var raw bytes.Buffer
		if err := tx.Serialize(&raw); err != nil {
			return Transaction{}, err
		}
		t.Raw = hex.EncodeToString(raw.Bytes())
		if row.Ours && row.Status == wallet.StatusPending {
			t.NoBumpSaid = wallet.NoReplacement(c.params)
			t.NoBump = t.NoBumpSaid.String()
		}
		if row.FeeKnown {
			rate := int64(fee.RateOf(row.Fee, weight))
			t.Rate = &rate
		}
		for _, in := range tx.TxIn {
			t.Inputs = append(t.Inputs, inputLine(p.chain, in.PreviousOutPoint))
		}
		for i, out := range tx.TxOut {
			line := outputLine(p.chain, out.PkScript, out.Value)
			line.Outpoint = wire.OutPoint{Hash: id, Index: uint32(i)}.String()
			if text := p.chain.Label("output", line.Outpoint); text != "" {
				line.Label = text
			}
			t.Outputs = append(t.Outputs, line)
		}
		return t, nil
	})
}

func noTransaction(p *purse, id spv.Hash) error {
	return Saying(CodeMissing, "transaction %s: not of %s", id, p.name())
}

// actions says what can be tried with a transaction.
func actions(chain *wallet.Chain, tx *wire.MsgTx, row *wallet.Row) []string {
	out := []string{}
	if row.Status != wallet.StatusPending {
		return out
	}
	if row.FeeKnown && row.Replaceable && wallet.NoReplacement(chain.Params()).Form == "" {
		out = append(out, "bump", "cancel")
	}
	for i := range tx.TxOut {
		k, ok := chain.Coin(wire.OutPoint{Hash: row.ID, Index: uint32(i)})
		if ok && !k.Frozen && !k.WatchOnly && k.State != wallet.NameHeld {
			out = append(out, "cpfp")
			break
		}
	}
	return append(out, "abandon")
}

// inputLine shows an input by its outpoint: what it takes is known if a transaction of
// the history makes it.
func inputLine(chain *wallet.Chain, op wire.OutPoint) DraftLine {
	line := DraftLine{Outpoint: op.String()}
	if tx, _, ok := chain.Transaction(op.Hash); ok && int(op.Index) < len(tx.TxOut) {
		out := tx.TxOut[op.Index]
		line = outputLine(chain, out.PkScript, out.Value)
		line.Outpoint = op.String()
	}
	return line
}

// outputLine shows an output.
func outputLine(chain *wallet.Chain, script []byte, value int64) DraftLine {
	p := chain.Params()
	line := DraftLine{Value: &value, Script: hex.EncodeToString(script), Kind: address.KindOf(p, script).String()}
	if text, err := address.Encode(p, script); err == nil {
		line.Address, line.Label = text, chain.Label("addr", text)
	}
	if a, ok := chain.AddressOf(script); ok {
		line.Ours, line.Change, line.Kind = true, a.Change, a.Kind.String()
	}
	return line
}
