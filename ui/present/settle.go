package present

import (
	"strings"

	"github.com/layeredpow/lamina/internal/app"
)

// Journey is money on its way between chains: a path of stations, and where it is.
type Journey struct {
	Title    string
	Stations []string
	At       int    // station that was reached; -1: none yet
	Over     bool   // nothing is to come any more
	Failed   bool   // it does not arrive this way
	State    string // where it is and how long it takes
	Next     string // what the owner can or must do; empty: nothing
	Rows     []Row
}

// Titles names chains as people call them.
type Titles func(chain string) string

// Deposit tells how far a deposit is. Units are those of the L1 and of the layer.
func (x *Texts) Deposit(d *app.Deposit, l1, layer app.Unit, title Titles) Journey {
	j := Journey{Title: x.t("{{.Amount}} to {{.Layer}}", words{"Amount": x.Amount(d.Amount, l1), "Layer": title(d.Layer)})}
	if d.Refundable {
		j.Stations = []string{x.t("Sent"), x.t("Waiting"), x.t("Refund due"), x.t("Taken back")}
		if d.Phase == "swept" {
			j.Stations = []string{x.t("Sent"), x.t("Waiting"), x.t("Taken by the settlers")}
		}
	} else {
		j.Stations = []string{x.t("Sent"), x.t("Buried"), x.t("Claimable"), x.t("Claimed")}
	}
	x.depositPhase(&j, d, title)
	if d.Why != "" && d.Phase != "unclaimable" && !j.Over {
		j.Next = x.t("It needs you: {{.Why}}", words{"Why": x.say(d.WhySaid, d.Why)})
	}
	if d.Trouble != "" {
		j.Next = strings.TrimSpace(j.Next + "\n" + x.t("Last trouble: {{.Why}}", words{"Why": x.say(d.TroubleSaid, d.Trouble)}))
	}
	var s Section
	s.hex(x.t("Paid to"), d.Address)
	s.add(x.t("The claim may cost"), x.Amount(d.MaxFee, layer))
	if d.Outpoint != "" {
		s.hex(x.t("Output on {{.Chain}}", words{"Chain": title(d.L1)}), d.Outpoint)
	}
	if d.Claim != nil {
		s.hex(x.t("Claim"), d.Claim.String())
	}
	if !d.Ours {
		s.add(x.t("Claimed for"), x.t("somebody else"))
	}
	j.Rows = s.Rows
	return j
}

func (x *Texts) depositPhase(j *Journey, d *app.Deposit, title Titles) {
	chain, layer := words{"Chain": title(d.L1)}, words{"Layer": title(d.Layer)}
	switch d.Phase {
	case "planned":
		j.At, j.State = -1, x.t("Nothing of it was seen on {{.Chain}} yet.", chain)
	case "sent":
		j.State = x.t("Sent, in no block of {{.Chain}} yet.", chain)
	case "buried":
		j.At, j.State = 1, x.t("{{.Depth}} of {{.Needed}} blocks deep.", words{"Depth": number(d.Depth), "Needed": number(d.Needed)})
		j.State += x.about(d.Expected)
	case "claimable":
		j.At, j.State = 2, x.t("Deep enough. The claim is being made.")
	case "claiming":
		j.At, j.State = 2, x.t("The claim is on its way, in no block of {{.Layer}} yet.", layer)
	case "claimed":
		j.At, j.Over, j.State = 3, true, x.t("The money is on {{.Layer}}.", layer)
	case "unclaimable":
		j.At, j.Failed, j.State = 1, true, x.t("It cannot be claimed: {{.Why}}", words{"Why": x.say(d.WhySaid, d.Why)})
		j.Next = x.t("Keep the ticket: it names all that a claim wants.")
	case "waiting":
		j.At, j.State = 1, x.t("The settlers are to take it; {{.Depth}} of {{.Needed}} blocks until it can be taken back.",
			words{"Depth": number(d.Depth), "Needed": number(d.Needed)})
		j.State += x.about(d.Expected)
	case "refund due":
		j.At, j.State = 2, x.t("The settlers did not take it. Its refund is being sent.")
	case "swept":
		j.At, j.Over, j.State = 2, true, x.t("The settlers took it; it goes on as a deposit of its own.")
	case "refunded":
		j.At, j.Over, j.State = 3, true, x.t("It was taken back on {{.Chain}}.", chain)
	default:
		j.At, j.State = -1, d.Phase
	}
}

// about says how long something takes, as far as that is known.
func (x *Texts) about(seconds int64) string {
	if seconds <= 0 {
		return ""
	}
	return " " + x.t("About {{.Time}} more.", words{"Time": x.span(seconds)})
}

// Withdrawal tells how far a withdrawal is.
func (x *Texts) Withdrawal(w *app.Withdrawal, l1 app.Unit, title Titles) Journey {
	j := Journey{Title: x.t("{{.Amount}} back to {{.Chain}}", words{"Amount": x.Amount(w.Amount, l1), "Chain": title(w.L1)}),
		Stations: []string{x.t("Burned"), x.t("Sealed"), x.t("Batched"), x.t("Paid")}}
	layer, chain := words{"Layer": title(w.Layer)}, words{"Chain": title(w.L1)}
	switch w.Phase {
	case "sent":
		j.At, j.State = -1, x.t("Sent, in no block of {{.Layer}} yet.", layer)
	case "burned":
		j.State = x.t("Burned on {{.Layer}}. Now blocks of {{.Chain}} have to seal it.", words{"Layer": layer["Layer"], "Chain": chain["Chain"]})
	case "sealed":
		j.At, j.State = 1, x.t("Sealed, not often or deep enough yet.")
	case "released":
		j.At, j.State = 1, x.t("Released: the settlers' next batch is to pay it.")
		if w.Overdue > 0 {
			j.State = x.t("Overdue. Batches that were due and did not pay it: {{.Count}}. The settlers may have stopped, or the payout costs more than it may.",
				words{"Count": x.overdue(w.Overdue)})
		}
	case "batched":
		j.At, j.State = 2, x.t("Its batch is signed, in no block of {{.Chain}} yet.", chain)
	case "paid":
		j.At, j.Over, j.State = 3, true, x.t("Paid on {{.Chain}}.", chain)
	default:
		j.At, j.State = -1, w.Phase
	}
	j.State += x.about(w.Expected)
	if !j.Over && j.At >= 0 {
		j.Next = x.t("The burn cannot be undone. If settlers stall, others can pay it out later: nothing is to be done.")
	}
	var s Section
	s.hex(x.t("Paid to"), w.Address)
	s.add(x.t("The payout may cost"), x.Amount(w.MaxFee, l1))
	if w.Seals != nil {
		s.add(x.t("Seals"), number(*w.Seals))
	}
	if w.Paid != nil {
		s.add(x.t("Paid out"), x.Amount(*w.Paid, l1))
		proved := x.t("address and amount fit; the payout list was not compared")
		if w.Proved {
			proved = x.t("by the batch's payout list")
		}
		s.add(x.t("Proved"), proved)
	}
	s.hex(x.t("Burned output"), w.Burn)
	if w.Batch != nil {
		s.hex(x.t("Batch"), w.Batch.String())
	}
	j.Rows = s.Rows
	return j
}

// overdue writes how many batches did not pay, of which the facade counts no more than a hundred.
func (x *Texts) overdue(batches int32) string {
	if batches >= app.MostOverdue {
		return x.t("{{.N}} or more", words{"N": number(batches)})
	}
	return number(batches)
}

// Closed says why a layer takes no deposits.
func (x *Texts) Closed(p *app.Peg) string {
	return x.t("Closed: {{.Why}}", words{"Why": x.say(p.ClosedSaid, p.Closed)})
}

// Swap tells how far a swap is. Unit returns the unit of a chain.
func (x *Texts) Swap(s *app.Swap, unit func(string) app.Unit, title Titles) Journey {
	j := Journey{Title: x.t("{{.Give}} on {{.From}} for {{.Get}} on {{.To}}", words{"Give": x.Amount(s.Give.Amount, unit(s.Give.Chain)),
		"From": title(s.Give.Chain), "Get": x.Amount(s.Get.Amount, unit(s.Get.Chain)), "To": title(s.Get.Chain)}),
		Stations: []string{x.t("Offered"), x.t("Agreed"), x.t("First side funded"), x.t("Both funded"), x.t("Redeemed")}}
	switch s.Phase {
	case "offered":
		j.State = x.t("Offered; nobody took it yet.")
	case "agreed":
		j.At, j.State = 1, x.t("Agreed; nothing was funded yet.")
	case "funded first":
		j.At, j.State = 2, x.t("The first side is funded.")
	case "funded second":
		j.At, j.State = 3, x.t("Both sides are funded.")
	case "secret seen":
		j.At, j.State = 3, x.t("The secret is known: both sides can be redeemed.")
	case "redeemed":
		j.At, j.Over, j.State = 4, true, x.t("Redeemed: the money is yours.")
	case "refunded":
		j.At, j.Over, j.Failed, j.State = 3, true, true, x.t("Taken back: it did not come about, nothing was lost but fees.")
	case "lost":
		j.At, j.Over, j.Failed, j.State = 3, true, true, x.t("Lost: the other side took both. The wallet was away for too long.")
	case "dropped":
		j.At, j.Over, j.Failed, j.State = 1, true, true, x.t("Given up before anything was funded.")
	default:
		j.At, j.State = -1, s.Phase
	}
	if s.Left > 0 && !j.Over {
		j.State += " " + x.t("{{.N}} blocks are left for this step.", words{"N": number(s.Left)})
	}
	if !j.Over {
		j.Next = x.swapMove(s)
	}
	if s.Trouble != "" {
		j.Next = x.t("Last trouble: {{.Why}}", words{"Why": x.say(s.TroubleSaid, s.Trouble)})
	}
	var rows Section
	rows.add(x.t("You give"), x.Amount(s.Give.Amount, unit(s.Give.Chain)))
	rows.add(x.t("You get"), x.Amount(s.Get.Amount, unit(s.Get.Chain)))
	rows.add(x.t("First side ends at block"), number(s.T1))
	rows.add(x.t("Second side ends at block"), number(s.T2))
	if s.Why != "" {
		rows.add(x.t("Because"), x.say(s.WhySaid, s.Why))
	}
	if s.Hash != nil {
		rows.hex(x.t("Hash of the secret"), *s.Hash)
	}
	j.Rows = rows.Rows
	return j
}

// swapMove says what is to be done about a swap.
func (x *Texts) swapMove(s *app.Swap) string {
	switch s.Move {
	case "fund":
		return x.t("It is your turn: fund your side.")
	case "redeem":
		if s.Keys {
			return x.t("Take what is yours now: it wants the password.")
		}
		return x.t("What is yours is being taken.")
	case "refund":
		if s.Keys {
			return x.t("Take your money back now: it wants the password.")
		}
		return x.t("Your money is being taken back.")
	case "wait":
		if s.Phase == "offered" {
			return x.t("Give the offer to the other side, and paste the answer here.")
		}
		return x.t("Keep the program running, and the wallet's words at hand: an expired side has to be taken back in time.")
	}
	return ""
}

// Offer says what taking an offer means, in rows.
func (x *Texts) Offer(o *app.SwapOffer, unit func(string) app.Unit, title Titles) []Row {
	var s Section
	s.add(x.t("You give"), x.t("{{.Amount}} on {{.Chain}}", words{"Amount": x.Amount(o.Give.Amount, unit(o.Give.Chain)), "Chain": title(o.Give.Chain)}))
	s.add(x.t("You get"), x.t("{{.Amount}} on {{.Chain}}", words{"Amount": x.Amount(o.Get.Amount, unit(o.Get.Chain)), "Chain": title(o.Get.Chain)}))
	first := x.t("you")
	if o.MakerFirst {
		first = x.t("the other side")
	}
	s.add(x.t("Who funds first"), first)
	s.add(x.t("First side ends at block"), number(o.T1))
	s.add(x.t("Second side ends at block"), number(o.T2))
	return s.Rows
}

// Custody says whom a deposit relies on, in a few sentences.
func (x *Texts) Custody(c *app.Custody, l1 string) string {
	if c == nil {
		return x.t("No settlers are in office.")
	}
	n := words{"L1": l1, "All": c.Settlers, "Release": c.Release, "Stall": c.Stall, "Recover": c.Recover, "Time": x.span(c.RecoverAfter)}
	return strings.Join([]string{
		x.t("To come back to {{.L1}} you rely on {{.Release}} of {{.All}} settlers: so many together pay out, and could steal.", n),
		x.t("{{.Stall}} of them together could hold all payouts up.", n),
		x.t("Money that has lain for {{.Time}} can be moved by {{.Recover}} of them.", n),
	}, " ")
}

// ClaimFees offers the limits of what a claim may cost, in words.
func (x *Texts) ClaimFees(p *app.Peg) []string {
	names := []string{x.t("usual fees"), x.t("4 times the usual"), x.t("16 times the usual"), x.t("64 times the usual")}
	var out []string
	for i, fee := range p.MaxFees {
		text := x.Amount(fee, p.Unit)
		if i < len(names) {
			text += " (" + names[i] + ")"
		}
		out = append(out, text)
	}
	return out
}

// DepositFacts says what a deposit to a layer takes, in rows.
func (x *Texts) DepositFacts(p *app.Peg, refundable bool) []Row {
	var s Section
	s.add(x.t("Least, most"), x.t("{{.Least}} to {{.Most}}", words{"Least": x.Amount(p.MinDeposit, p.L1Unit), "Most": x.Amount(p.MaxDeposit, p.L1Unit)}))
	if refundable {
		s.add(x.t("Can be taken back after"), x.blocksOf(p.RefundBlocks, p.RefundSeconds))
	} else {
		s.add(x.t("Arrives after"), x.blocksOf(p.ClaimBlocks, p.ClaimSeconds))
	}
	return s.Rows
}

// WithdrawalFacts says what a withdrawal from a layer takes, in rows.
func (x *Texts) WithdrawalFacts(p *app.Peg) []Row {
	var s Section
	s.add(x.t("Least"), x.Amount(p.MinWithdrawal, p.Unit))
	s.add(x.t("Arrives after"), x.t("about {{.Time}}, longer where fewer miners seal the layer", words{"Time": x.span(p.WithdrawSeconds)}))
	return s.Rows
}

func (x *Texts) blocksOf(n int32, seconds int64) string {
	return x.t("{{.N}} blocks, about {{.Time}}", words{"N": number(n), "Time": x.span(seconds)})
}

// SettleReview says what a settlement's draft brings about, in rows, and what it costs.
func (x *Texts) SettleReview(d *app.SettleDraft, arrives, fee app.Unit) []Row {
	var s Section
	s.add(x.t("Moves"), x.Amount(d.Amount, d.Unit))
	s.add(x.t("Arrives, at least"), x.Amount(d.Arrives, arrives))
	if d.MaxFee > 0 {
		word := x.t("The claim may cost")
		if d.For == "withdrawal" {
			word = x.t("The payout may cost")
		}
		s.add(word, x.Amount(d.MaxFee, fee))
	}
	if d.Address != "" { // a swap's script pays nobody by an address
		s.hex(x.t("Arrives at"), d.Address)
	}
	for _, row := range x.Cost(&d.Draft) {
		if row.Label != x.t("Arrives") { // in the vault, which is not where it goes
			s.Rows = append(s.Rows, row)
		}
	}
	return s.Rows
}

// SettleWord is the word on the button that sends a settlement's draft.
func (x *Texts) SettleWord(d *app.SettleDraft) string {
	amount := words{"Amount": x.Amount(d.Amount, d.Unit)}
	switch {
	case d.Refunds:
		return x.t("Sign it, and its refund first")
	case d.For == "withdrawal":
		return x.t("Burn {{.Amount}}", amount)
	case d.For == "deposit":
		return x.t("Deposit {{.Amount}}", amount)
	}
	return x.t("Send {{.Amount}}", amount)
}

// Refunds says how a signed funding is taken back.
func (x *Texts) Refunds(f *app.Funding) string {
	return x.t("Signed, and kept on this computer; the network has heard of nothing. There are {{.N}} refunds of it, at rising fee rates: keep them elsewhere too.",
		words{"N": len(f.Refunds)})
}
