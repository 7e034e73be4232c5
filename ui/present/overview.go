package present

import (
	"math/big"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
)

// Holding is the money on one chain of a wallet.
type Holding struct {
	Chain, Title string
	Amount       string  // "not known yet" where nothing was looked through
	Note         string  // coins, what is not spendable, how far it is known
	Share        float64 // of the total, 0 to 1; negative: not counted
	Counted      string  // says that it is not part of the total; else empty
}

// Overview is what a wallet has.
type Overview struct {
	Total string // of what is the L1's money, on whatever layer
	Under string // what the total means
	Holds []Holding
}

// Overview adds up what is the L1's own money and lists all.
func (x *Texts) Overview(balances []app.Balance, states []app.ChainState) Overview {
	chain := map[string]*app.ChainState{}
	var root *app.ChainState
	for i := range states {
		chain[states[i].Name] = &states[i]
		if root == nil && states[i].Kind == chains.L1.String() {
			root = &states[i]
		}
	}
	sum, decimals, known := new(big.Int), 0, true
	counts := func(b *app.Balance) bool { return root != nil && inUnitsOf(root, chain[b.Chain]) }
	for _, b := range balances {
		if counts(&b) {
			decimals = max(decimals, b.Unit.Decimals)
		}
	}
	for _, b := range balances {
		if counts(&b) {
			sum.Add(sum, scaled(b.Total(), b.Unit.Decimals, decimals))
			known = known && b.Trust.Scanned.Height >= 0
		}
	}
	out := Overview{Total: x.t("not known yet"), Under: x.t("Each chain's money stands below.")}
	if root != nil && known && sum.IsInt64() {
		out.Total = x.Amount(sum.Int64(), app.Unit{Symbol: root.Unit.Symbol, Decimals: decimals})
		out.Under = x.t("in total, counted in units of {{.Chain}}", words{"Chain": root.Title})
	}
	for _, b := range balances {
		h := x.holding(&b, chain[b.Chain])
		switch {
		case !counts(&b):
			h.Counted = x.t("not counted")
			h.Share = -1
		case sum.Sign() > 0:
			h.Share, _ = new(big.Rat).SetFrac(scaled(b.Total(), b.Unit.Decimals, decimals), sum).Float64()
		}
		out.Holds = append(out.Holds, h)
	}
	return out
}

// inUnitsOf says whether a chain's money is its L1's.
func inUnitsOf(root, c *app.ChainState) bool {
	if c == nil || c.Unit.Symbol != root.Unit.Symbol {
		return false
	}
	return c.Name == root.Name || c.Kind == chains.Native.String() || c.Kind == chains.Fractional.String()
}

func scaled(units int64, from, to int) *big.Int {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(to-from)), nil)
	return ten.Mul(ten, big.NewInt(units))
}

func (x *Texts) holding(b *app.Balance, c *app.ChainState) Holding {
	h := Holding{Chain: b.Chain, Title: b.Chain, Amount: x.t("not known yet"), Note: x.Trust(&b.Trust)}
	if c != nil {
		h.Title = c.Title
	}
	if b.Trust.Scanned.Height < 0 {
		return h
	}
	h.Amount = x.Amount(b.Total(), b.Unit)
	notes := []string{x.t("Coins: {{.N}}", words{"N": number(b.Coins)})}
	parts := []struct {
		units int64
		text  string
	}{
		{b.Unconfirmed, x.t("coming in")}, {b.OwnUnconfirmed, x.t("change on its way back")}, {b.Immature, x.t("not mature yet")},
		{b.Frozen, x.t("frozen")}, {b.WatchOnly, x.t("only watched")},
	}
	for _, p := range parts {
		if p.units != 0 {
			notes = append(notes, x.Amount(p.units, b.Unit)+" "+p.text)
		}
	}
	switch {
	case !b.Trust.Verified:
		notes = append(notes, x.Trust(&b.Trust))
	case b.Trust.Sampled > 0:
		notes = append(notes, x.sampled(&b.Trust))
	}
	h.Note = strings.Join(notes, " \u00b7 ")
	return h
}
