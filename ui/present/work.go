package present

import (
	"strconv"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/risk"
)

// Work is what is measured of the work behind a chain.
type Work struct {
	Sentence string // what it means today
	Rows     []Row
	Course   []Stretch // of the L1, oldest first; none: nothing is measured
	From, To string    // days of its ends
	Note     string    // how the course is to be read
	Payees   []Payee
	Half     string // what the payees mean; empty: none is known
}

// Stretch is a stretch of L1 blocks.
type Stretch struct {
	Low, Share, High float64 // of the L1's work that protects the layer, with its bounds, 0 to 1
	Blocks           int     // of the L1
	Seals            int     // of them, parents of layer blocks
	Near             int     // layer blocks on them whose parents are no L1 blocks
}

// Payee is one of those who mine a layer.
type Payee struct {
	Name  string
	Text  string  // blocks and share
	Share float64 // 0 to 1
}

// Work writes what is measured of a chain. The titles are how people call it and its L1.
func (x *Texts) Work(s *app.ChainSecurity, chain, l1 string) Work {
	var w Work
	var rows Section
	switch {
	case s.L1 == "":
		w.Sentence = x.t("{{.Chain}} carries its own work and borrows none.", words{"Chain": chain})
	case s.Unknown != "" || s.Honest == nil:
		w.Sentence = x.t("How much of {{.L1}}'s work protects {{.Chain}} is not known yet: {{.Why}}.",
			words{"L1": l1, "Chain": chain, "Why": x.say(s.UnknownSaid, s.Unknown)})
	default:
		w.Sentence = x.t("At least {{.Share}} of {{.L1}}'s work protects {{.Chain}}.",
			words{"Share": Percent(*s.Honest), "L1": l1, "Chain": chain})
		for i := range s.Windows {
			rows.add(x.t("Over {{.N}} L1 blocks", words{"N": number(s.Windows[i].To - s.Windows[i].From + 1)}), x.measured(&s.Windows[i]))
		}
		x.course(&w, s)
	}
	if s.Majority != nil {
		rows.add(x.t("Who always wins"), x.t("an attacker with more than {{.Share}} of the L1's work", words{"Share": Percent(*s.Majority)}))
	}
	for _, wait := range s.Waits {
		if text := x.waitFor(&wait); text != "" {
			rows.add(x.size(wait.Size), text)
		}
	}
	if p := &s.Parent; p.Blocks > 0 {
		rows.add(x.t("Layer blocks looked at"), x.t("{{.N}}: {{.Seals}} are L1 blocks too, {{.Near}} nearly",
			words{"N": number(p.Blocks), "Seals": number(p.Seals), "Near": number(p.Near)}))
		if odd := p.Unknown + p.Stale + p.OffBest; odd > 0 {
			rows.add(x.t("Of them on other L1 blocks"), x.t("{{.Unknown}} on unknown ones, {{.Stale}} on old ones, {{.OffBest}} on side branches",
				words{"Unknown": number(p.Unknown), "Stale": number(p.Stale), "OffBest": number(p.OffBest)}))
		}
	}
	w.Rows = rows.Rows
	x.payees(&w, s)
	return w
}

// course fills in the stretches.
func (x *Texts) course(w *Work, s *app.ChainSecurity) {
	longest := 0
	for _, p := range s.Points {
		blocks := int(p.To - p.From + 1)
		longest = max(longest, blocks)
		w.Course = append(w.Course, Stretch{Low: p.Low, Share: p.Share.Share, High: p.High, Blocks: blocks, Seals: p.Seals,
			Near: max(0, p.Blocks-p.Seals)})
	}
	if len(w.Course) == 0 {
		return
	}
	w.From, w.To = x.day(s.Points[0].Time), x.day(s.Points[len(s.Points)-1].Time)
	if longest == 1 {
		w.Note = x.t("At the bottom, each block of the L1. A line is a seal: the layer's block and the L1's are one. A dot is a near miss.")
		return
	}
	w.Note = x.t("At the bottom, the L1 in stretches of {{.N}} blocks. The wider the line, the more of them seal the layer; a dot is up to {{.Dot}} near misses.",
		words{"N": number(longest), "Dot": number(NearPerDot(w.Course))})
}

// MostDots is how many dots of near misses a stretch is drawn with.
const MostDots = 4

// NearPerDot is how many near misses a dot stands for.
func NearPerDot(course []Stretch) int {
	most := 1
	for _, s := range course {
		most = max(most, s.Near)
	}
	return (most + MostDots - 1) / MostDots
}

// payees fills in who mines.
func (x *Texts) payees(w *Work, s *app.ChainSecurity) {
	for _, p := range s.Pools {
		name := x.t("payee {{.Payee}}", words{"Payee": cut(p.Payee, 8)})
		if p.Payee == "" {
			name = x.t("paid to nobody")
		}
		w.Payees = append(w.Payees, Payee{Name: name, Share: p.Share,
			Text: x.t("{{.N}} blocks, {{.Share}}", words{"N": number(p.Blocks), "Share": Percent(p.Share)})})
	}
	switch {
	case len(s.Pools) == 0:
	case s.Half <= 1:
		w.Half = x.t("One payee alone mined more than half of the newest blocks, and could rewrite them.")
	default:
		w.Half = x.t("It takes {{.N}} payees together to have mined more than half of the newest blocks.", words{"N": number(s.Half)})
	}
}

// measured writes a share with its bounds.
func (x *Texts) measured(s *risk.Share) string {
	return x.t("{{.Share}}, surely {{.Low}} to {{.High}}", words{"Share": Percent(s.Share), "Low": Percent(s.Low), "High": Percent(s.High)})
}

// size names a size of payments.
func (x *Texts) size(size string) string {
	switch size {
	case "small":
		return x.t("Wait, for a small payment")
	case "large":
		return x.t("Wait, for a large payment")
	}
	return x.t("Wait, for a usual payment")
}

// waitFor says how long to wait; empty: that is not known.
func (x *Texts) waitFor(w *app.Wait) string {
	switch {
	case w.Never:
		return x.t("no number suffices")
	case w.Confirmations == nil:
		return ""
	case *w.Confirmations == 1:
		return x.t("1 confirmation")
	}
	return x.t("{{.N}} confirmations", words{"N": number(*w.Confirmations)})
}

// Percent writes a share of 0 to 1 in percent, below a tenth with a decimal. What is little is not nothing.
func Percent(share float64) string {
	thousandths := int(max(0, min(1, share))*1000 + 1e-9)
	switch {
	case thousandths == 0 && share > 0:
		return "< 0.1\u202f%"
	case thousandths == 0 || thousandths >= 100:
		return strconv.Itoa(thousandths/10) + "\u202f%"
	}
	return strconv.Itoa(thousandths/10) + "." + strconv.Itoa(thousandths%10) + "\u202f%"
}
