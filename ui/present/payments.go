package present

import (
	"strings"

	"github.com/layeredpow/lamina/internal/app"
)

// PaymentLine is a transaction in a list.
type PaymentLine struct {
	In     bool
	Amount string
	Who    string // label, else shortened address
	When   string
	State  string
	Sure   float64 // confirmations, of those that are recommended: 0 to 1; negative: there is no recommendation
}

// PaymentLine writes a row of the history; the risk may be nil, which is: not known.
func (x *Texts) PaymentLine(r *app.Row, risk *app.PaymentRisk, u app.Unit) PaymentLine {
	line := PaymentLine{In: r.Amount > 0, Amount: x.signed(r.Amount, u), Who: x.who(r), When: x.when(r.Time), State: x.paymentState(r), Sure: -1}
	if risk == nil || r.Status != "confirmed" {
		return line
	}
	for _, w := range risk.Waits {
		if w.Size == "normal" && w.Confirmations != nil && *w.Confirmations > 0 {
			n := *w.Confirmations
			line.Sure = min(1, float64(r.Depth)/float64(n))
			line.State = x.t("{{.N}} of {{.Most}} recommended", words{"N": number(r.Depth), "Most": number(n)})
		}
	}
	return line
}

// who names the other side: by label, else by address; a payment to ourselves has none.
func (x *Texts) who(r *app.Row) string {
	switch {
	case r.Label != "":
		return "\u201c" + r.Label + "\u201d"
	case r.Coinbase:
		return x.t("new money from mining")
	case len(r.Addresses) == 0 && r.Amount <= 0:
		return x.t("to ourselves")
	case len(r.Addresses) == 0:
		return Short(r.ID.String())
	case r.Amount > 0:
		return x.t("at {{.Address}}", words{"Address": Short(r.Addresses[0])}) + more(len(r.Addresses))
	}
	return x.t("to {{.Address}}", words{"Address": Short(r.Addresses[0])}) + more(len(r.Addresses))
}

func more(n int) string {
	if n < 2 {
		return ""
	}
	return " +" + number(n-1)
}

func (x *Texts) paymentState(r *app.Row) string {
	switch r.Status {
	case "confirmed":
		if r.Depth == 1 {
			return x.t("1 block deep")
		}
		return x.t("{{.N}} blocks deep", words{"N": number(r.Depth)})
	case "replaced":
		return x.t("replaced by another")
	case "abandoned":
		return x.t("given up")
	case "void":
		return x.t("void: another took its coins")
	}
	switch {
	case r.DoubleSpend:
		return x.t("pending, and disputed by another payment")
	case r.Ours && r.Replaceable:
		return x.t("pending: no block took it yet, a higher fee may help")
	}
	return x.t("pending, in no block yet")
}

// PaymentTitle is the headline of a transaction's page.
func (x *Texts) PaymentTitle(t *app.Transaction) string {
	return x.signed(t.Amount, t.Unit)
}

// Payment returns the page of a transaction: only what the Backend knows.
func (x *Texts) Payment(t *app.Transaction) []Row {
	var s Section
	s.add(x.t("State"), x.paymentState(&t.Row))
	s.add(x.t("When"), x.when(t.Time))
	if t.Block != nil {
		s.add(x.t("In block"), number(t.Block.Height))
		s.Rows = append(s.Rows, Row{Label: x.t("Block id"), Value: t.Block.Hash.String(), Mono: true})
	} else {
		s.add(x.t("Announced by"), x.t("{{.N}} peers that did not have it from us", words{"N": number(t.Seen)}))
		if t.Private {
			s.add(x.t("Announced"), x.t("privately: one stranger at a time is told"))
		}
		if t.Told > 0 {
			s.add(x.t("Told to"), x.t("{{.N}} peers, of whom {{.Took}} fetched it", words{"N": number(t.Told), "Took": number(t.Took)}))
		} else if t.Private {
			s.add(x.t("Told to"), x.t("nobody yet"))
		}
	}
	if t.Fee != nil {
		s.add(x.t("Fee"), x.Amount(*t.Fee, t.Unit))
	} else {
		s.add(x.t("Fee"), x.t("not known: the inputs are not ours"))
	}
	if t.Rate != nil {
		s.add(x.t("Fee rate"), x.rate(*t.Rate, t.Unit))
	}
	for _, a := range t.Addresses {
		s.Rows = append(s.Rows, Row{Label: x.t("Paid to"), Value: a, Mono: true})
	}
	s.Rows = append(s.Rows, Row{Label: x.t("Transaction id"), Value: t.ID.String(), Mono: true})
	if t.ReplacedBy != nil {
		s.Rows = append(s.Rows, Row{Label: x.t("Replaced by"), Value: t.ReplacedBy.String(), Mono: true})
	}
	if t.NoBump != "" {
		s.add(x.t("Cannot be replaced"), x.say(t.NoBumpSaid, t.NoBump))
	}
	s.add(x.t("How sure"), x.Trust(&t.Trust))
	return s.Rows
}

// Filters returns how the history can be narrowed.
func (x *Texts) Filters() []Option {
	return []Option{
		{"", x.t("All")}, {"in", x.t("Received")}, {"out", x.t("Sent")}, {"pending", x.t("Pending")}, {"confirmed", x.t("Confirmed")},
		{"replaced", x.t("Replaced")}, {"abandoned", x.t("Given up")}, {"void", x.t("Void")},
	}
}

// Notice is what the desktop is told of a payment.
func (x *Texts) Notice(r *app.Row, u app.Unit, chain string) (title, text string) {
	line := x.PaymentLine(r, nil, u)
	title = x.t("Payment on {{.Chain}}", words{"Chain": chain})
	return title, strings.Join([]string{line.Amount, line.Who, line.State}, ", ")
}

// Count says how many payments a list has.
func (x *Texts) Count(n int) string {
	if n == 1 {
		return x.t("1 payment")
	}
	return x.t("{{.N}} payments", words{"N": number(n)})
}
