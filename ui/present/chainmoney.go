package present

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/layeredpow/lamina/spv/chains"
)

func (x *Texts) coins(p *chains.Params, units int64) string {
	return amount(units, p.Unit.Decimals, p.Unit.Symbol)
}

func (x *Texts) money(p *chains.Params) Section {
	s := Section{Title: x.t("Money")}
	s.add(x.t("Amounts, at most"), x.coins(p, p.Unit.MaxMoney))
	for _, row := range p.Subsidies {
		text := x.t("{{.Amount}} a block", words{"Amount": x.coins(p, row.Amount)})
		if row.Random {
			text = x.t("at random, at most {{.Amount}} a block", words{"Amount": x.coins(p, row.Amount)})
		}
		if row.Halving > 0 {
			text += x.t(", half of it after every {{.N}} blocks", words{"N": number(row.Halving)})
		}
		s.add(x.t("New money from block {{.N}}", words{"N": number(row.From)}), text)
	}
	for _, row := range p.Maturities {
		s.add(x.t("Maturity from block {{.N}}", words{"N": number(row.From)}), x.blocks(row.Blocks))
	}
	return s
}

func (x *Texts) fees(p *chains.Params) Section {
	s := Section{Title: x.t("Fees and dust")}
	rate := func(label string, perKilo int64) {
		if perKilo > 0 {
			s.add(label, x.t("{{.Amount}} per 1000 virtual bytes", words{"Amount": x.coins(p, perKilo)}))
		}
	}
	plain := func(label string, units int64) {
		if units > 0 {
			s.add(label, x.coins(p, units))
		}
	}
	rate(x.t("Least fee relayed"), p.Policy.MinRelay)
	rate(x.t("Least rise to replace"), p.Policy.Incremental)
	rate(x.t("Least fee wallets pay"), p.Policy.WalletFee)
	rate(x.t("Dust, by the fee to spend it"), p.Policy.DustRate)
	plain(x.t("Dust, outputs below"), p.Policy.DustLimit)
	plain(x.t("Outputs that cost extra, below"), p.Policy.SoftDust)
	return s
}

func (x *Texts) addresses(p *chains.Params) Section {
	s := Section{Title: x.t("Addresses and keys")}
	a := &p.Address
	s.hex(x.t("Key hash version"), fmt.Sprint(a.P2PKH))
	s.hex(x.t("Script hash versions"), list(a.P2SH))
	s.hex(x.t("Private key version"), fmt.Sprint(a.WIF))
	if a.HRP != "" {
		s.hex(x.t("Prefix of SegWit addresses"), a.HRP+"1")
	}
	s.add(x.t("Taproot"), x.yes(a.Taproot))
	s.hex(x.t("Extended keys, public and private"), fmt.Sprintf("%x, %x", a.BIP32Pub, a.BIP32Prv))
	s.hex(x.t("Coin type (SLIP-44)"), fmt.Sprint(p.Keys.CoinType))
	s.hex(x.t("Purposes (BIP44)"), list(p.Keys.Purposes))
	return s
}

func list[T any](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}

func (x *Texts) peers(p *chains.Params) Section {
	s := Section{Title: x.t("Peers")}
	s.hex(x.t("Message start"), hex.EncodeToString(p.P2P.Magic[:]))
	s.hex(x.t("Port"), fmt.Sprint(p.P2P.Port))
	s.hex(x.t("Protocol version"), fmt.Sprint(p.P2P.Protocol))
	s.add(x.t("Message, at most"), size(int(p.P2P.MaxMessage)))
	if p.P2P.HeadersSize > 0 {
		s.add(x.t("Headers message is cut at"), size(int(p.P2P.HeadersSize)))
	}
	s.add(x.t("Compact filters served"), x.yes(p.P2P.Filters))
	s.add(x.t("Bloom filters served"), x.yes(p.P2P.Bloom))
	if len(p.P2P.Seeds) > 0 {
		s.hex(x.t("Seeds"), strings.Join(p.P2P.Seeds, "\n"))
	}
	return s
}

func (x *Texts) layer(p *chains.Params) Section {
	s := Section{Title: x.t("Place over the L1")}
	if l := p.Layer; l != nil {
		s.add(x.t("Anchor is deep at least"), x.blocks(l.AnchorDepth))
		s.add(x.t("and at most this much deeper"), x.blocks(l.AnchorWindow))
		s.add(x.t("Deposit is deep before a claim"), x.blocks(l.ClaimDepth))
		s.add(x.t("Depth over a parent layer"), x.blocks(l.ParentDepth))
	}
	if e := p.Escrow; e != nil {
		s.add(x.t("Withdrawals: registered seals"), x.t("{{.Percent}} % of {{.N}} L1 blocks", words{"Percent": e.QuorumPercent, "N": number(e.Window)}))
		s.add(x.t("Withdrawals: further delay"), x.blocks(e.Delay))
	}
	return s
}

func (x *Texts) peg(p *chains.Params) Section {
	s := Section{Title: x.t("Peg, in L1 blocks")}
	g := p.Peg
	if g == nil {
		return s
	}
	limit := x.t("none")
	if g.Cap != chains.NoCap {
		limit = x.coins(p, g.Cap*p.UnitsPerSat())
	}
	s.add(x.t("Release: seals over the cut"), number(g.ReleaseSeals))
	s.add(x.t("Release: blocks over the cut"), x.blocks(g.ReleaseBlocks))
	s.add(x.t("Between batches"), x.blocks(g.Epoch))
	s.add(x.t("From a batch to its signatures"), x.blocks(g.SignDelay))
	s.add(x.t("Vault outputs are moved at age"), x.blocks(g.Refresh))
	s.add(x.t("Recovery opens at age"), x.blocks(g.Recovery))
	s.add(x.t("Refund opens at age"), x.blocks(g.Refund))
	s.add(x.t("Least deposit"), x.coins(p, g.MinDeposit*p.UnitsPerSat()))
	s.add(x.t("Least burn"), x.coins(p, g.MinBurn*p.UnitsPerSat()))
	s.add(x.t("Limit of all claims"), limit)
	return s
}

func (x *Texts) settlers(p *chains.Params) Section {
	s := Section{Title: x.t("Settlers")}
	for _, set := range p.Settlers {
		w := words{"From": number(set.From), "To": number(set.To), "K": set.K, "KR": set.KR, "N": len(set.Keys)}
		span := x.t("Deposits from L1 block {{.From}}", w)
		if set.To != math.MaxInt32 {
			span = x.t("Deposits from L1 block {{.From}} to {{.To}}", w)
		}
		s.add(span, x.t("{{.K}} of {{.N}} settle, {{.KR}} of {{.N}} recover", w))
		keys := make([]string, len(set.Keys))
		for i, key := range set.Keys {
			keys[i] = hex.EncodeToString(key[:])
		}
		s.hex(x.t("Their keys"), strings.Join(keys, "\n"))
	}
	return s
}
