package walletapi

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/uri"
)

// most is more than any chain has of its money, base units, and ten times it is still an int64.
const most = 900_000_000_000_000_000

// ParseAmount reads an amount in whole coins: digits with at most one point, no sign and no exponent. It returns base units.
func ParseAmount(u app.Unit, text string) (int64, error) {
	return uri.ParseAmount(paramsOf(u), text)
}

// FormatAmount writes base units in whole coins without needless zeros, with a sign where they are negative.
func FormatAmount(u app.Unit, n int64) string {
	if n < 0 {
		return "-" + uri.FormatAmount(paramsOf(u), -n)
	}
	return uri.FormatAmount(paramsOf(u), n)
}

func paramsOf(u app.Unit) *chains.Params {
	return &chains.Params{Unit: chains.Unit{Symbol: u.Symbol, Decimals: u.Decimals, MaxMoney: most}}
}

// ReadBatch reads payments from comma-separated values: address, amount in whole coins, and a label or nothing. The error
// names the line.
func ReadBatch(p *chains.Params, r io.Reader) ([]app.Recipient, error) {
	rows, err := uri.ParseBatch(p, r)
	if err != nil {
		return nil, err
	}
	out := make([]app.Recipient, len(rows))
	for i, row := range rows {
		out[i] = app.Recipient{Address: row.Address, Amount: row.Amount, Label: row.Label}
	}
	return out, nil
}

// coin returns an amount as other nodes write it: a JSON number in whole coins with all digits behind the point.
func coin(u app.Unit, n int64) json.Number {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	if u.Decimals == 0 {
		return json.Number(fmt.Sprintf("%s%d", sign, n))
	}
	s := fmt.Sprintf("%0*d", u.Decimals+1, n)
	point := len(s) - u.Decimals
	return json.Number(sign + s[:point] + "." + s[point:])
}

// amountOf reads an amount of a request: a JSON number or string in whole coins. An exponent, which programs write for
// small amounts, is taken.
func amountOf(u app.Unit, raw json.RawMessage) (int64, error) {
	text := strings.Trim(string(raw), `"`)
	digits, exponent, has := strings.Cut(strings.ToLower(text), "e")
	if !has {
		return ParseAmount(u, text)
	}
	shift, err := strconv.Atoi(exponent)
	if err != nil || shift < -20 || shift > 20 {
		return 0, fmt.Errorf("amount %.40q: want digits with at most %d after one point", text, u.Decimals)
	}
	return ParseAmount(u, shifted(digits, shift))
}

// shifted moves the point of a decimal number.
func shifted(digits string, by int) string {
	whole, part, _ := strings.Cut(digits, ".")
	for ; by > 0; by-- {
		if part == "" {
			part = "0"
		}
		whole, part = whole+part[:1], part[1:]
	}
	for ; by < 0; by++ {
		if whole == "" {
			whole = "0"
		}
		whole, part = whole[:len(whole)-1], whole[len(whole)-1:]+part
	}
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if part = strings.TrimRight(part, "0"); part == "" {
		return whole
	}
	return whole + "." + part
}
