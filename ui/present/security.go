package present

import (
	"math"
	"slices"
	"strconv"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// Alarm is an alarm as it is shown.
type Alarm struct {
	Title string // with the chain
	What  string // what was seen
	Do    string // what the user should do
}

// Alarm writes an alarm of the chain that people call title.
func (x *Texts) Alarm(a *app.ChainAlarm, title string) Alarm {
	t := x.alarmText(a.Kind)
	if t.Title == "" { // a newer daemon's
		t = risk.Text{Title: a.Title, Seen: a.What, Do: a.Do}
	}
	return Alarm{Title: title + ": " + a.Fill(t.Title), What: a.Fill(t.Seen), Do: a.Fill(t.Do)}
}

// alarmText translates what risk says of a kind of alarm. What was seen takes the places in single braces.
func (x *Texts) alarmText(k risk.Kind) risk.Text {
	switch k {
	case risk.Eclipse:
		return risk.Text{
			Title: x.t("The layer knows L1 blocks that we do not"),
			Seen:  x.t("{blocks} of the newest {of} layer blocks carry work that builds on L1 blocks unknown here, such as {hash}. The newest L1 block known here is {block}."),
			Do:    x.t("Accept no payment on either chain until this is over. Connect to L1 peers of your own choice, best through another network: the present ones may be hiding blocks, or this program may have fallen behind."),
		}
	case risk.Fork:
		return risk.Text{
			Title: x.t("Miners work on two branches of the L1"),
			Seen:  x.t("Since block {block}, {blocks} layer blocks have shown {got} L1 blocks' worth of work on a branch that is not the best one, against {want} on the best."),
			Do:    x.t("Wait for more confirmations than usual, on the L1 and on every layer over it, until one branch is clearly ahead."),
		}
	case risk.ShareDrop:
		return risk.Text{
			Title: x.t("Much less of the L1's work protects the layer"),
			Seen:  x.t("Of the last {of} L1 blocks {got%} were mined for the layer, too. Before, it was at least {want%}."),
			Do:    x.t("Wait for more confirmations on the layer: the recommended number already counts with the new share."),
		}
	case risk.Withholding:
		return risk.Text{
			Title: x.t("Layer work is missing from the L1"),
			Seen:  x.t("Of the last {of} layer blocks {want} were due to be L1 blocks as well, but only {got} are. Somebody withholds L1 blocks, or works on L1 blocks that others do not build on."),
			Do:    x.t("Wait for seals (layer blocks that are L1 blocks themselves) rather than for a number of confirmations."),
		}
	case risk.AnchorLost:
		return risk.Text{
			Title: x.t("The layer stands on an L1 block that is not on the best chain"),
			Seen:  x.t("The layer's newest block is anchored to the L1 block {block}, which has been overtaken by another branch."),
			Do:    x.t("Accept no payment on the layer until it has moved to a branch that is anchored in the best L1 chain."),
		}
	case risk.FilterConflict:
		return risk.Text{
			Title: x.t("Peers disagree about a filter"),
			Seen:  x.t("For block {block} peers gave {blocks} different filter headers. At least one of them lies or is broken."),
			Do:    x.t("Do not trust a missing payment until the conflict is settled: the block itself is fetched to tell who is right. Connect to a peer of your own if it stays."),
		}
	}
	return risk.Text{}
}

// Attackers are the shares of the L1's work that the user may count with.
var Attackers = []float64{0.1, 0.2, 0.25, 0.3, 0.4}

// Attacker writes a share of the L1's work.
func (x *Texts) Attacker(share float64) string { return percent(share) }

// Safety says how safe a payment is from being undone: confirmations, what is recommended, and the risk. It never says a sum
// of money.
func (x *Texts) Safety(r *app.PaymentRisk) []Row {
	var s Section
	s.add(x.t("Confirmations"), x.recommended(r.Depth, r.Waits))
	if r.Anchor != nil {
		s.add(x.t("L1 blocks on its anchor"), x.recommended(r.AnchorDepth, r.L1Waits))
	}
	if r.Risk == nil {
		s.add(x.t("Risk that it is undone"), x.t("not known: {{.Why}}", words{"Why": x.say(r.UnknownSaid, r.Unknown)}))
		return s.Rows
	}
	s.add(x.t("Risk that it is undone"), x.chance(*r.Risk))
	for _, l := range r.Later {
		if l.More == 1 || l.More == 6 || l.More == 30 {
			s.add(x.t("After {{.N}} more", words{"N": number(l.More)}), x.chance(l.Risk))
		}
	}
	if r.Honest != nil {
		s.add(x.t("The L1's work behind the layer"), x.t("at least {{.Share}}, as measured", words{"Share": percent(*r.Honest)}))
	}
	return s.Rows
}

// recommended says "2 of 6 recommended", and what it takes for smaller and larger payments.
func (x *Texts) recommended(depth int32, waits []app.Wait) string {
	of := func(size string) (string, bool) {
		i := slices.IndexFunc(waits, func(w app.Wait) bool { return w.Size == size })
		switch {
		case i < 0 || waits[i].Confirmations == nil && !waits[i].Never:
			return x.t("not known"), false
		case waits[i].Never:
			return x.t("no number suffices"), false
		}
		return number(*waits[i].Confirmations), true
	}
	normal, counted := of("normal")
	small, _ := of("small")
	large, _ := of("large")
	if !counted {
		return x.t("{{.N}}; recommended: {{.Normal}}", words{"N": number(depth), "Normal": normal})
	}
	return x.t("{{.N}} of {{.Normal}} recommended ({{.Small}} for a small payment, {{.Large}} for a large one)",
		words{"N": number(depth), "Normal": normal, "Small": small, "Large": large})
}

// chance writes a probability: in percent, or as one in so many.
func (x *Texts) chance(p float64) string {
	switch {
	case p >= 0.995:
		return x.t("almost certain, if somebody has that much work and tries")
	case p >= 0.1:
		return percent(p)
	case p < 1e-12:
		return x.t("less than 1 in a million million")
	}
	n := 1 / p
	round := math.Pow(10, math.Floor(math.Log10(n))-1) // two digits say enough
	return x.t("1 in {{.N}}", words{"N": group(strconv.FormatFloat(math.Floor(n/round)*round, 'f', 0, 64))})
}

// Legs are the reasons to believe a payment.
func (x *Texts) Legs(e *app.Evidence) []Check {
	var out []Check
	for _, l := range e.Legs {
		c := Check{Name: x.legName(l.Name), Rule: x.leg(&l)}
		switch l.State {
		case app.LegChecked:
			c.Outcome, c.Word = spv.Passed, x.t("checked")
		case app.LegBroken:
			c.Outcome, c.Word = spv.Failed, x.t("broken")
		default:
			c.Outcome, c.Word = spv.NotChecked, x.t("missing")
		}
		out = append(out, c)
	}
	return out
}

func (x *Texts) leg(l *app.Leg) string {
	if l.Alarm != nil {
		if t := x.alarmText(l.Alarm.Kind); t.Title != "" {
			return x.t("{{.Title}}: {{.What}}", words{"Title": t.Title, "What": l.Alarm.Fill(t.Seen)})
		}
	}
	return x.say(l.Said, l.Text)
}

// legName writes what a reason is about; a newer daemon's as it is.
func (x *Texts) legName(name string) string {
	switch name {
	case "transaction":
		return x.t("transaction")
	case "merkle path":
		return x.t("merkle path")
	case "header":
		return x.t("header")
	case "history":
		return x.t("history")
	case "work":
		return x.t("work")
	case "merged mining":
		return x.t("merged mining")
	case "l1 block":
		return x.t("l1 block")
	case "anchor":
		return x.t("anchor")
	case "filter":
		return x.t("filter")
	case "peers":
		return x.t("peers")
	case "alarm":
		return x.t("alarm")
	case "scan":
		return x.t("scan")
	case "coins":
		return x.t("coins")
	}
	return name
}

// Whole says whether the reasons hang together.
func (x *Texts) Whole(e *app.Evidence) string {
	if e.Whole {
		return x.t("Every reason was checked.")
	}
	return x.t("Not every reason could be checked: see which.")
}

// Proof says what a payment proof shows.
func (x *Texts) Proof(p *app.PaymentProof) string {
	return x.t("It shows {{.N}} confirmations to anybody who has the same chain files, and tells nothing else of this wallet.",
		words{"N": number(len(p.Claim.Confirmations))})
}
