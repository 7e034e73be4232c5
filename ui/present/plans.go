package present

import (
	"strings"

	"github.com/layeredpow/lamina/internal/app"
)

// PlanFlow draws the coins of a plan before and after.
func (x *Texts) PlanFlow(p *app.Plan) Flow {
	var f Flow
	total := int64(0)
	for _, s := range p.Steps {
		if !s.Join {
			total += s.Sum
		}
	}
	f.In = []Stream{{Text: x.Amount(total, p.Unit), Under: x.t("{{.N}} coins", words{"N": number(p.Coins)}),
		Weight: total, Kind: Ours}}
	last := map[int]app.PlanStep{}
	var order []int
	for _, s := range p.Steps {
		if _, seen := last[s.Group]; !seen {
			order = append(order, s.Group)
		}
		last[s.Group] = s
	}
	after := total - p.Cost
	under := x.t("1 coin")
	if len(order) != 1 {
		under = x.t("{{.N}} coins", words{"N": number(len(order))})
	}
	f.Out = []Stream{{Text: x.Amount(after, p.Unit), Under: under, Weight: after, Kind: Back},
		{Text: x.Amount(p.Cost, p.Unit), Under: x.t("fee"), Weight: p.Cost, Kind: Toll}}
	return f
}

// PlanCost says what combining costs now and saves later.
func (x *Texts) PlanCost(p *app.Plan) []Row {
	var s Section
	switch p.Advice {
	case app.AdviseNow:
		s.add(x.t("Advice"), x.t("Combine now: it costs less than it saves later."))
	case app.AdviseWait:
		s.add(x.t("Advice"), x.t("Wait for lower fees: it costs as much as it saves later, or more."))
	}
	s.add(x.t("Transactions"), number(len(p.Steps)))
	s.add(x.t("Cost now"), x.Amount(p.Cost, p.Unit))
	s.add(x.t("Cost later, without it"), x.t("{{.Amount}}, at {{.Rate}}", words{"Amount": x.Amount(p.Later, p.Unit),
		"Rate": x.rate(p.Future, p.Unit)}))
	if p.Saving >= 0 {
		s.add(x.t("Saved in the end"), x.Amount(p.Saving, p.Unit))
	} else {
		s.add(x.t("Lost in the end"), x.Amount(-p.Saving, p.Unit))
	}
	if p.Left > 0 {
		s.add(x.t("Left alone"), x.t("{{.N}} coins with {{.Amount}}, which cost more than they hold",
			words{"N": number(p.Left), "Amount": x.Amount(p.Lost, p.Unit)}))
	}
	return s.Rows
}

// PlanState says how far a plan is.
func (x *Texts) PlanState(s *app.PlanState) string {
	switch {
	case s.Done >= s.Steps && s.Steps == 1:
		return x.t("The one transaction is sent.")
	case s.Done >= s.Steps:
		return x.t("All {{.N}} transactions are sent.", words{"N": number(s.Steps)})
	case s.Waiting:
		return x.t("{{.Done}} of {{.N}} transactions are sent. The rest goes on when these are confirmed.",
			words{"Done": number(s.Done), "N": number(s.Steps)})
	}
	return x.t("{{.Done}} of {{.N}} transactions are sent.", words{"Done": number(s.Done), "N": number(s.Steps)})
}

// PlanWarnings says what wants consent before the next transaction of a plan goes out; empty: nothing does.
func (x *Texts) PlanWarnings(s *app.PlanState) string {
	var lines []string
	for i := range s.Warnings {
		lines = append(lines, x.t("Before it goes on: {{.Why}}", words{"Why": x.say(s.Warnings[i].Said, s.Warnings[i].Text)}))
	}
	return strings.Join(lines, "\n")
}
