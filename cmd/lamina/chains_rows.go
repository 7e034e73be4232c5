package main

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/layeredpow/lamina/spv/chains"
)

// moneyRows lists subsidy, maturity, and a layer's place over its L1. Amounts are decimal
// strings: some exceed what JSON numbers hold.
func moneyRows(p *chains.Params) []section {
	var rows []section
	for _, r := range p.Subsidies {
		rows = append(rows, section{name: "subsidy", list: true, fields: []field{
			{"from", r.From}, {"amount", fmt.Sprint(r.Amount)}, {"halving", r.Halving}, {"random", r.Random}}})
	}
	for _, r := range p.Maturities {
		rows = append(rows, section{name: "maturity", list: true, fields: []field{{"from", r.From}, {"blocks", r.Blocks}}})
	}
	if l := p.Layer; l != nil {
		rows = append(rows, section{name: "layer", fields: []field{
			{"anchor_depth", l.AnchorDepth}, {"anchor_window", l.AnchorWindow}, {"claim_depth", l.ClaimDepth}, {"parent_depth", l.ParentDepth}}})
	}
	if e := p.Escrow; e != nil {
		rows = append(rows, section{name: "escrow", fields: []field{
			{"quorum_percent", e.QuorumPercent}, {"window", e.Window}, {"delay", e.Delay}}})
	}
	return append(rows, pegRows(p)...)
}

func pegRows(p *chains.Params) []section {
	var rows []section
	if g := p.Peg; g != nil {
		limit := fmt.Sprint(g.Cap)
		if g.Cap == chains.NoCap {
			limit = "none"
		}
		rows = append(rows, section{name: "peg", fields: []field{
			{"release_seals", g.ReleaseSeals}, {"release_blocks", g.ReleaseBlocks}, {"epoch", g.Epoch}, {"sign_delay", g.SignDelay},
			{"recovery", g.Recovery}, {"refresh", g.Refresh}, {"refund", g.Refund},
			{"min_deposit", fmt.Sprint(g.MinDeposit)}, {"min_burn", fmt.Sprint(g.MinBurn)}, {"cap", limit}}})
	}
	for _, set := range p.Settlers {
		keys := make([]string, len(set.Keys))
		for i := range set.Keys {
			keys[i] = hex.EncodeToString(set.Keys[i][:])
		}
		rows = append(rows, section{name: "settlers", list: true, fields: []field{
			{"from", set.From}, {"to", height(set.To)}, {"k", set.K}, {"kr", set.KR}, {"keys", keys}}})
	}
	return rows
}

// outsideRows lists what concerns peers, addresses and fees.
func outsideRows(p *chains.Params) []section {
	scripts := make([]string, len(p.Address.P2SH))
	for i, v := range p.Address.P2SH {
		scripts[i] = fmt.Sprint(v)
	}
	n := &p.P2P
	return []section{
		{name: "p2p", fields: []field{
			{"magic", hex.EncodeToString(n.Magic[:])}, {"port", n.Port}, {"protocol", n.Protocol}, {"max_message", n.MaxMessage},
			{"headers_size", n.HeadersSize}, {"filters", n.Filters}, {"bloom", n.Bloom}, {"seeds", dash(strings.Join(n.Seeds, " "))}}},
		{name: "address", fields: []field{
			{"p2pkh", p.Address.P2PKH}, {"p2sh", strings.Join(scripts, " ")}, {"wif", p.Address.WIF}, {"hrp", dash(p.Address.HRP)},
			{"taproot", p.Address.Taproot}, {"bip32_pub", hex.EncodeToString(p.Address.BIP32Pub[:])},
			{"bip32_prv", hex.EncodeToString(p.Address.BIP32Prv[:])}}},
		{name: "keys", fields: []field{{"coin_type", p.Keys.CoinType}, {"purposes", p.Keys.Purposes}}},
		{name: "policy", fields: []field{
			{"min_relay", p.Policy.MinRelay}, {"incremental", p.Policy.Incremental}, {"wallet_fee", p.Policy.WalletFee},
			{"dust_rate", p.Policy.DustRate}, {"dust_limit", p.Policy.DustLimit}, {"soft_dust", p.Policy.SoftDust},
			{"no_replacement", p.Policy.NoReplacement}}},
	}
}
