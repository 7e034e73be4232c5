package uri

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

// Limits of a batch.
const (
	MaxBatch     = 1 << 20 // bytes
	MaxBatchRows = 3000
)

// Payment is one row of a batch.
type Payment struct {
	Script  []byte
	Address string
	Amount  int64 // base units
	Label   string
}

// ParseBatch reads payments from comma-separated values (RFC 4180): address, amount in
// whole coins, and a label or nothing. A first row that begins with "address" is a
// heading. Either all rows are good or the error names the first that is not.
func ParseBatch(p *chains.Params, r io.Reader, known ...*chains.Params) ([]Payment, error) {
	limited := &io.LimitedReader{R: r, N: MaxBatch + 1}
	rows := csv.NewReader(limited)
	rows.FieldsPerRecord = -1
	var out []Payment
	for n := 0; ; n++ {
		row, err := rows.Read()
		if limited.N == 0 {
			return nil, fmt.Errorf("batch: more than %d bytes", MaxBatch)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("batch: %w", err)
		}
		line, _ := rows.FieldPos(0)
		if n == 0 && strings.EqualFold(strings.TrimSpace(row[0]), "address") {
			continue
		}
		if len(out) >= MaxBatchRows {
			return nil, fmt.Errorf("batch, line %d: more than %d payments", line, MaxBatchRows)
		}
		pay, err := payment(p, row, known)
		if err != nil {
			return nil, fmt.Errorf("batch, line %d: %w", line, err)
		}
		out = append(out, pay)
	}
	if len(out) == 0 {
		return nil, errors.New("batch: no payments")
	}
	return out, nil
}

func payment(p *chains.Params, row []string, known []*chains.Params) (pay Payment, err error) {
	if len(row) < 2 || len(row) > 3 {
		return pay, fmt.Errorf("%d fields, want address, amount and perhaps a label", len(row))
	}
	pay.Address = strings.TrimSpace(row[0])
	if pay.Script, err = address.Decode(p, pay.Address, known...); err != nil {
		return pay, err
	}
	if pay.Amount, err = ParseAmount(p, strings.TrimSpace(row[1])); err != nil {
		return pay, err
	}
	if pay.Amount == 0 {
		return pay, errors.New("amount 0: want more")
	}
	if len(row) == 3 {
		if pay.Label = row[2]; !shown(pay.Label) {
			return pay, errors.New("label: want text without control characters")
		}
	}
	return pay, nil
}
