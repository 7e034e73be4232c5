package present

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// Page is everything about one chain.
type Page struct {
	Title    string
	Sentence string
	Sections []Section
}

// Section is a titled list of rows.
type Section struct {
	Title string
	Rows  []Row
}

// Row is a name and its value.
type Row struct {
	Label, Value string
	Mono         bool // the value is hex or the like
}

func (s *Section) add(label, value string) {
	s.Rows = append(s.Rows, Row{Label: label, Value: value})
}

func (s *Section) hex(label, value string) {
	s.Rows = append(s.Rows, Row{Label: label, Value: value, Mono: true})
}

// Chain returns a chain's page: all its parameters, those that it lacks left out.
func (x *Texts) Chain(p *chains.Params) Page {
	page := Page{Title: p.Title, Sentence: x.kindSentence(p.Kind)}
	all := []Section{
		x.general(p), x.eras(p), x.merged(p), x.layer(p), x.peg(p), x.settlers(p), x.versions(p), x.genesis(p),
		x.checkpoints(p), x.money(p), x.fees(p), x.addresses(p), x.peers(p),
	}
	for _, s := range all {
		if len(s.Rows) > 0 {
			page.Sections = append(page.Sections, s)
		}
	}
	return page
}

func (x *Texts) general(p *chains.Params) Section {
	s := Section{Title: x.t("Chain")}
	s.add(x.t("Name"), p.Name)
	s.add(x.t("Network"), x.network(p.Network))
	if p.Parent != "" {
		s.add(x.t("Parent"), p.Parent)
	}
	s.add(x.t("Work hash"), p.Work.String())
	s.add(x.t("Block spacing"), duration(p.Spacing()))
	s.add(x.t("Unit"), x.t("{{.Symbol}}, {{.Decimals}} decimals", words{"Symbol": p.Unit.Symbol, "Decimals": p.Unit.Decimals}))
	if id, ok := p.ChainID(); ok {
		s.add(x.t("Merged-mining id"), fmt.Sprintf("%d (0x%04x)", id, id))
	}
	s.add(x.t("Block weight, at most"), number(p.BlockWeight))
	s.add(x.t("Ahead of the clock, at most"), duration(p.MaxFuture))
	s.add(x.t("Reorganisation, at most"), x.blocks(p.ReorgLimit))
	s.hex(x.t("Easiest target"), fmt.Sprintf("%064x", p.PowLimit.ToBig()))
	if !p.MinimumWork.IsZero() {
		s.hex(x.t("Least total work"), p.MinimumWork.Hex())
	}
	if len(p.Challenge) > 0 {
		s.hex(x.t("Block challenge"), hex.EncodeToString(p.Challenge))
	}
	return s
}

func (x *Texts) blocks(n int32) string { return x.t("{{.N}} blocks", words{"N": number(n)}) }

func (x *Texts) fromBlock(height int32) string {
	return x.t("From block {{.N}}", words{"N": number(height)})
}

func (x *Texts) eras(p *chains.Params) Section {
	s := Section{Title: x.t("Difficulty")}
	for i := range p.Eras {
		s.add(x.fromBlock(p.Eras[i].From), x.era(&p.Eras[i]))
	}
	return s
}

// era tells one difficulty rule as sentences.
func (x *Texts) era(e *spv.Era) string {
	w := words{"Spacing": duration(e.Spacing), "Span": duration(e.Timespan), "Half": duration(e.HalfLife)}
	var says []string
	say := func(sentence string) { says = append(says, sentence) }
	switch e.Retarget {
	case spv.Fixed:
		say(x.t("Fixed: the target never changes."))
	case spv.Interval:
		w["Period"], w["Drop"], w["Rise"] = number(e.Period()), e.MaxDrop, e.MaxRise
		say(x.t("Every {{.Period}} blocks, by the time that the last ones took against {{.Span}}, at least 1/{{.Drop}} and at most {{.Rise}} times that.", w))
	case spv.Damped:
		say(x.t("At every block, by an eighth of the deviation from {{.Span}}.", w))
	case spv.ASERT:
		say(x.t("At every block, by the lag behind the schedule since genesis: {{.Half}} of it double the target.", w))
	}
	say(x.t("A block every {{.Spacing}}.", w))
	return strings.Join(append(says, x.eraDetails(e)...), " ")
}

func (x *Texts) eraDetails(e *spv.Era) (says []string) {
	if e.ExtraBlock {
		says = append(says, x.t("The look back is one block longer, except at the first adjustment."))
	}
	if e.BaseFirst {
		says = append(says, x.t("The period's first target is what is scaled (BIP94)."))
	}
	if e.MaxBack > 0 {
		says = append(says, x.t("A period may begin {{.Time}} before the last one ended, not more.", words{"Time": duration(e.MaxBack)}))
	}
	if e.EaseAfter == 0 {
		return says
	}
	says = append(says, x.t("A block that comes more than {{.Time}} after the last may have the easiest target.", words{"Time": duration(e.EaseAfter)}))
	if e.EaseEvery {
		says = append(says, x.t("So may one at which an adjustment is due."))
	}
	if e.EaseSince > 0 {
		says = append(says, x.t("That holds since {{.Time}}.", words{"Time": clock(e.EaseSince)}))
	}
	if e.EaseBackwards {
		says = append(says, x.t("It also holds for a block dated before its parent."))
	}
	return says
}

func (x *Texts) merged(p *chains.Params) Section {
	s := Section{Title: x.t("Merged mining")}
	a := p.AuxPoW
	if a == nil {
		return s
	}
	s.add(x.t("Proofs allowed"), x.fromBlock(a.Start))
	s.add(x.t("Versions without an id"), x.legacy(a))
	s.add(x.t("Ids are checked"), x.yes(a.StrictID))
	s.add(x.t("Parent must be plain"), x.yes(a.PlainParent))
	s.add(x.t("Coinbase index must be 0"), x.yes(a.IndexZero))
	s.add(x.t("Rules of layers"), x.yes(a.Layer))
	return s
}

func (x *Texts) legacy(a *spv.AuxRules) string {
	switch a.LegacyBefore {
	case math.MaxInt32:
		return x.t("always allowed")
	case 0:
		return x.t("never allowed")
	}
	return x.t("below block {{.N}}", words{"N": number(a.LegacyBefore)})
}

func (x *Texts) yes(b bool) string {
	if b {
		return x.t("yes")
	}
	return x.t("no")
}

func (x *Texts) versions(p *chains.Params) Section {
	s := Section{Title: x.t("Least block versions")}
	for _, f := range p.VersionFloors {
		s.add(x.fromBlock(f.From), number(f.Min))
	}
	if len(s.Rows) > 0 && p.FloorOnBase {
		s.add(x.t("What is judged"), x.t("the version without chain id"))
	}
	return s
}

func (x *Texts) genesis(p *chains.Params) Section {
	s := Section{Title: x.t("Genesis")}
	s.hex(x.t("Block id"), p.NetID().String())
	s.add(x.t("Time"), clock(p.Genesis.Time()))
	s.hex(x.t("Bits"), fmt.Sprintf("%08x", p.Genesis.Bits()))
	s.hex(x.t("Header"), hex.EncodeToString(p.Genesis[:]))
	s.hex(x.t("Coinbase"), hex.EncodeToString(p.GenesisCoinbase))
	return s
}

func (x *Texts) checkpoints(p *chains.Params) Section {
	s := Section{Title: x.t("Checkpoints")}
	for _, c := range p.Checkpoints {
		s.hex(x.t("Block {{.N}}", words{"N": number(c.Height)}), c.Hash.String())
	}
	return s
}
