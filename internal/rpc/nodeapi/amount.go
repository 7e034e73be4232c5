package nodeapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// coins writes base units as a decimal number of whole coins, with all digits.
func coins(p *chains.Params, units int64) json.Number {
	sign, digits := "", strconv.FormatInt(units, 10)
	if units < 0 {
		sign, digits = "-", digits[1:]
	}
	if short := p.Unit.Decimals + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	if p.Unit.Decimals == 0 {
		return json.Number(sign + digits)
	}
	point := len(digits) - p.Unit.Decimals
	return json.Number(sign + digits[:point] + "." + digits[point:])
}

// units reads a decimal number of whole coins, as a number or a string, exactly.
func units(p *chains.Params, args *rpc.Args, i int) (int64, error) {
	raw := bytes.Trim(args.Raw(i), `"`)
	want := fmt.Sprintf("an amount of coins with at most %d decimals", p.Unit.Decimals)
	if len(raw) > 40 || bytes.ContainsAny(raw, "/_xXpP") || exponent(raw) {
		return 0, args.Bad(rpc.WrongType, i, want)
	}
	r, ok := new(big.Rat).SetString(string(raw))
	if !ok {
		return 0, args.Bad(rpc.WrongType, i, want)
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(p.Unit.Decimals)), nil)))
	if !r.IsInt() || !r.Num().IsInt64() || r.Sign() < 0 || r.Num().Int64() > p.Unit.MaxMoney {
		return 0, args.Bad(rpc.WrongType, i, want)
	}
	return r.Num().Int64(), nil
}

// exponent tells whether a number has an exponent of more than two digits, which would take memory to expand.
func exponent(raw []byte) bool {
	i := bytes.IndexAny(raw, "eE")
	return i >= 0 && len(raw)-i > 4
}

// difficulty is how much harder bits are than the first block of the first chain: the unit that everybody shows.
func difficulty(bits uint32) float64 {
	if bits&0x7fffff == 0 {
		return 0
	}
	d := float64(0xffff) / float64(bits&0x7fffff)
	for shift := int(bits >> 24); shift < 29; shift++ {
		d *= 256
	}
	for shift := int(bits >> 24); shift > 29; shift-- {
		d /= 256
	}
	return d
}

func hexBits(bits uint32) string { return fmt.Sprintf("%08x", bits) }

// hexTarget writes a target as a number: 64 hex digits.
func hexTarget(bits uint32) string {
	t, _ := spv.ParseTarget(bits)
	return hexWork(t)
}

func hexWork(w uint256.Int) string { return fmt.Sprintf("%x", w.Bytes32()) }
