package chains

import "github.com/layeredpow/lamina/spv/said"

// Money returns base units of the chain as a value of what is said.
func (p *Params) Money(units int64) said.Amount {
	return said.Amount{Units: units, Decimals: p.Unit.Decimals, Symbol: p.Unit.Symbol}
}
