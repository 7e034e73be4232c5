package present

import (
	"slices"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/wallet/fee"
)

// Flow is a transaction as a picture: what goes in on the left, what comes out on the
// right, thick in proportion.
type Flow struct {
	In, Out []Stream
}

// Stream is a coin that is spent, an output that is made, the fee, or what remains of a
// list that is too long.
type Stream struct {
	Text   string // amount
	Under  string // what it is
	Weight int64  // in base units; 0 where it is not known
	Kind   StreamKind
}

// StreamKind says whose a stream is, for its colour.
type StreamKind uint8

// The kinds.
const (
	Ours   StreamKind = iota // a coin that is spent
	Theirs                   // goes to somebody else
	Back                     // comes back to the wallet
	Toll                     // the fee
)

// maxStreams is how many streams are shown on one side.
const maxStreams = 7

// Flow draws a draft.
func (x *Texts) Flow(d *app.Draft) Flow {
	var f Flow
	for _, in := range d.Inputs {
		f.In = append(f.In, x.stream(&in, Ours, d.Unit))
	}
	for _, out := range d.Outputs {
		kind := Theirs
		if out.Ours || out.Change {
			kind = Back
		}
		f.Out = append(f.Out, x.stream(&out, kind, d.Unit))
	}
	f.In, f.Out = x.few(f.In, d.Unit), x.few(f.Out, d.Unit)
	f.Out = append(f.Out, Stream{Text: x.Amount(d.Fee, d.Unit), Under: x.t("fee"), Weight: d.Fee, Kind: Toll})
	return f
}

func (x *Texts) stream(l *app.DraftLine, k StreamKind, u app.Unit) Stream {
	s := Stream{Text: x.t("not known"), Kind: k}
	if l.Value != nil {
		s.Text, s.Weight = x.Amount(*l.Value, u), *l.Value
	}
	switch {
	case l.Change && k == Back: // of a coin that is spent it says nothing: it was change once
		s.Under = x.t("back to you")
	case l.Label != "":
		s.Under = "\u201c" + l.Label + "\u201d"
	case l.Address != "":
		s.Under = Short(l.Address)
	case l.Outpoint != "":
		s.Under = Short(l.Outpoint)
	default:
		s.Under = x.t("a note in the chain")
	}
	if l.Ours && k == Back && !l.Change {
		s.Under = x.t("to you: {{.Where}}", words{"Where": s.Under})
	}
	return s
}

// few joins what does not fit, the smallest first.
func (x *Texts) few(all []Stream, u app.Unit) []Stream {
	if len(all) <= maxStreams {
		return all
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Stream) int {
		switch {
		case a.Weight > b.Weight:
			return -1
		case a.Weight < b.Weight:
			return 1
		}
		return 0
	})
	rest := Stream{Kind: sorted[maxStreams-1].Kind, Under: x.t("{{.N}} more", words{"N": number(len(all) - maxStreams + 1)})}
	for _, s := range sorted[maxStreams-1:] {
		rest.Weight += s.Weight
	}
	rest.Text = x.Amount(rest.Weight, u)
	return append(sorted[:maxStreams-1], rest)
}

// Cost says what a draft costs, for the lines below a form.
func (x *Texts) Cost(d *app.Draft) []Row {
	var s Section
	if d.Paid > 0 {
		s.add(x.t("Arrives"), x.Amount(d.Paid, d.Unit))
	}
	fee := x.Amount(d.Fee, d.Unit)
	if d.Paid > 0 {
		fee = x.t("{{.Fee}}, {{.Share}} of the payment", words{"Fee": fee, "Share": share(d.Fee, d.Paid)})
	}
	s.add(x.t("Fee"), fee)
	s.add(x.t("Fee rate"), x.t("{{.Rate}}, {{.Size}} virtual bytes", words{"Rate": x.rate(d.Rate, d.Unit), "Size": number(d.VSize)}))
	s.add(x.t("Coins spent"), number(len(d.Inputs)))
	return s.Rows
}

// Review returns every recipient in full and the cost, to be read before the password.
func (x *Texts) Review(d *app.Draft) []Row {
	var s Section
	for _, out := range d.Outputs {
		if !out.Ours && !out.Change && out.Address != "" {
			s.hex(x.t("To"), Fours(out.Address))
		}
	}
	return append(s.Rows, x.Cost(d)...)
}

// share writes a part of a whole in percent, with digits enough not to be 0.
func share(part, whole int64) string {
	thousandths := int64(float64(part) / float64(whole) * 1000)
	switch {
	case thousandths == 0:
		return "< 0.1\u202f%"
	case thousandths >= 100:
		return number(thousandths/10) + "\u202f%"
	}
	return number(thousandths/10) + "." + number(thousandths%10) + "\u202f%"
}

// SendWord is the word on the button that sends a draft.
func (x *Texts) SendWord(d *app.Draft) string {
	if d.Paid == 0 {
		return x.t("Send, for a fee of {{.Amount}}", words{"Amount": x.Amount(d.Fee, d.Unit)})
	}
	return x.t("Send {{.Amount}}", words{"Amount": x.Amount(d.Paid, d.Unit)})
}

// Concern puts a warning's concern in words; the Backend's own sentence follows it.
func (x *Texts) Concern(w *app.Warning) string {
	switch w.Concern {
	case "high share":
		return x.t("I agree to pay a fee that is a large part of the payment.")
	case "high rate":
		return x.t("I agree to pay a fee rate far above what is usual.")
	case "anyone can spend":
		return x.t("I agree that anyone can take what goes there: the chain has no rules for this address.")
	case "reuse":
		return x.t("I agree that this address was paid before, and that everybody sees the link.")
	case "shaky":
		return x.t("I agree to spend money that may still turn out not to be there.")
	}
	return x.t("I have read this and agree.")
}

// FeeRange says what fee rates are known and where from.
func (x *Texts) FeeRange(f *app.Fees, rate int64) (now, source string) {
	word := x.t("usual")
	switch {
	case rate < f.Normal:
		word = x.t("patient")
	case rate > f.Normal:
		word = x.t("hasty")
	}
	now = x.t("{{.Rate}}, {{.Word}}", words{"Rate": x.rate(rate, f.Unit), "Word": word})
	ends := words{"Low": x.rate(f.Low, f.Unit), "High": x.rate(f.High, f.Unit), "Source": x.feeSource(f)}
	if source = x.t("From {{.Low}} to {{.High}}, by {{.Source}}.", ends); ends["Low"] == ends["High"] {
		source = x.t("{{.Low}}, by {{.Source}}.", ends)
	}
	if !f.Measured {
		source += " " + x.t("The network's demand is not known.")
	}
	return now, source
}

// feeSource says where a range of fee rates comes from.
func (x *Texts) feeSource(f *app.Fees) string {
	var parts []string
	switch {
	case f.Measured && strings.Contains(f.Source, fee.Parent.String()):
		parts = append(parts, x.t("what {{.N}} merged-mining proofs tell", words{"N": number(f.Samples)}))
	case f.Measured:
		parts = append(parts, x.t("what {{.N}} blocks paid", words{"N": number(f.Samples)}))
	}
	if f.Peers > 0 {
		parts = append(parts, x.t("what peers relay ({{.N}})", words{"N": number(f.Peers)}))
	}
	return strings.Join(append(parts, x.t("the chain's policy")), ", ")
}

// Recipient says what is known of an address that is to be paid.
func (x *Texts) Recipient(f *app.AddressFacts) string {
	switch {
	case f.AnyoneCanSpend:
		return x.t("Anyone could take what goes there: the chain has no rules for this address.")
	case f.Ours != nil:
		return x.t("This is an address of your own.")
	case f.Paid == 0:
		return x.t("{{.Kind}}, never paid from here.", words{"Kind": addressKind(f.Kind)})
	}
	return x.t("{{.Kind}}, paid {{.N}} times before. Everybody sees that link.", words{"Kind": addressKind(f.Kind),
		"N": number(f.Paid)})
}

// From says which coins a payment is made of, if they were chosen by hand.
func (x *Texts) From(coins int) string {
	if coins == 0 {
		return ""
	}
	return x.t("From the {{.N}} coins that you chose.", words{"N": number(coins)})
}

// Warning is what a warning says in full.
func (x *Texts) Warning(w *app.Warning) string { return x.say(w.Said, w.Text) }

// concerns are those that a warning can be about.
var concerns = []string{"high share", "high rate", "anyone can spend", "reuse", "shaky"}

// ConcernIn returns the concern that an error with CodeConsent ends with; empty if it
// names none that is known.
func ConcernIn(err error) string {
	for _, c := range concerns {
		if strings.HasSuffix(err.Error(), "("+c+")") {
			return c
		}
	}
	return ""
}
