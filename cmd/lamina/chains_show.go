package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

const chainsShowHelp = `Show every parameter of a chain. Rules that changed at a height are rows.

  lamina chains show dev
  lamina chains show dev-native --json`

func (s *session) chainsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "show a chain's parameters", Long: chainsShowHelp, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := s.chain(args[0])
			if err != nil {
				return err
			}
			return s.showSections(sections(p))
		},
	}
}

// field is one named value of a chain.
type field struct {
	name  string
	value any
}

// section is a group of fields. Sections of one name, such as eras, form a list.
type section struct {
	name   string
	list   bool
	fields []field
}

// showSections prints each section under its name; in JSON each is an object, a list of
// objects where there may be several.
func (s *session) showSections(all []section) error {
	if s.json {
		doc := map[string]any{}
		for _, sec := range all {
			object := map[string]any{}
			for _, f := range sec.fields {
				object[f.name] = f.value
			}
			if !sec.list {
				doc[sec.name] = object
				continue
			}
			rows, _ := doc[sec.name].([]any)
			doc[sec.name] = append(rows, object)
		}
		return s.printJSON(doc)
	}
	last := ""
	for _, sec := range all {
		if sec.list {
			if sec.name != last {
				s.printf("%s\n", sec.name)
			}
			s.printf("  %s\n", line(sec.fields))
		} else {
			s.printf("%s\n", sec.name)
			for _, f := range sec.fields {
				s.printf("  %-20s %v\n", f.name, f.value)
			}
		}
		last = sec.name
	}
	return nil
}

// line puts the fields of a row side by side.
func line(fields []field) string {
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = fmt.Sprintf("%s %v", f.name, f.value)
	}
	return strings.Join(words, ", ")
}

// sections lists everything that is known of a chain.
func sections(p *chains.Params) []section {
	all := []section{
		{name: "chain", fields: []field{
			{"name", p.Name}, {"title", p.Title}, {"network", p.Network}, {"kind", p.Kind}, {"parent", dash(p.Parent)}, {"work", p.Work}}},
		{name: "unit", fields: []field{
			{"symbol", p.Unit.Symbol}, {"decimals", p.Unit.Decimals}, {"max_money", fmt.Sprint(p.Unit.MaxMoney)}}},
		{name: "genesis", fields: []field{
			{"hash", p.Genesis.ID().String()}, {"header", hex.EncodeToString(p.Genesis[:])}, {"time", p.Genesis.Time()},
			{"bits", fmt.Sprintf("%08x", p.Genesis.Bits())}, {"coinbase", hex.EncodeToString(p.GenesisCoinbase)}}},
		{name: "rules", fields: []field{
			{"pow_limit", fmt.Sprintf("%x", p.PowLimit.Bytes32())}, {"max_future", p.MaxFuture}, {"reorg_limit", p.ReorgLimit},
			{"block_weight", p.BlockWeight}, {"minimum_work", p.MinimumWork.Hex()}, {"floor_on_base", p.FloorOnBase},
			{"extensions", p.Extensions},
			{"challenge", dash(hex.EncodeToString(p.Challenge))}}},
	}
	all = append(all, ruleRows(p)...)
	if a := p.AuxPoW; a != nil {
		all = append(all, section{name: "auxpow", fields: []field{
			{"start", a.Start}, {"chain_id", a.ChainID}, {"strict_id", a.StrictID}, {"legacy_before", height(a.LegacyBefore)},
			{"legacy_v2", a.LegacyV2}, {"plain_parent", a.PlainParent}, {"index_zero", a.IndexZero}, {"layer_rules", a.Layer}}})
	}
	return append(append(all, moneyRows(p)...), outsideRows(p)...)
}

// ruleRows lists the rules that changed at a height, and the checkpoints.
func ruleRows(p *chains.Params) []section {
	var rows []section
	for i := range p.Eras {
		rows = append(rows, section{name: "era", list: true, fields: eraFields(&p.Eras[i])})
	}
	for _, f := range p.VersionFloors {
		rows = append(rows, section{name: "version_floor", list: true, fields: []field{{"from", f.From}, {"min", f.Min}}})
	}
	for _, c := range p.Checkpoints {
		rows = append(rows, section{name: "checkpoint", list: true, fields: []field{{"height", c.Height}, {"hash", c.Hash.String()}}})
	}
	return rows
}

var retargets = map[spv.Retarget]string{spv.Fixed: "fixed", spv.Interval: "interval", spv.Damped: "damped", spv.ASERT: "asert"}

func eraFields(e *spv.Era) []field {
	fields := []field{{"from", e.From}, {"retarget", retargets[e.Retarget]}, {"spacing", e.Spacing}}
	number := func(name string, v uint32) {
		if v != 0 {
			fields = append(fields, field{name, v})
		}
	}
	flag := func(name string, v bool) {
		if v {
			fields = append(fields, field{name, v})
		}
	}
	number("timespan", e.Timespan)
	number("max_drop", e.MaxDrop)
	number("max_rise", e.MaxRise)
	flag("extra_block", e.ExtraBlock)
	flag("base_first", e.BaseFirst)
	number("max_back", e.MaxBack)
	number("half_life", e.HalfLife)
	number("ease_after", e.EaseAfter)
	flag("ease_every", e.EaseEvery)
	number("ease_since", e.EaseSince)
	flag("ease_backwards", e.EaseBackwards)
	return fields
}

// height shows the heights that mean for ever.
func height(h int32) any {
	if h == math.MaxInt32 {
		return "always"
	}
	return h
}
