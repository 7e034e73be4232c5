package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// app.Payments and app.Plans

func (m *money) draft(value int64) app.Draft {
	in, change := int64(90_400_000), int64(90_400_000)-value-1410
	return app.Draft{Inputs: []app.DraftLine{{Outpoint: idOf(1).String() + ":0", Value: &in, Ours: true,
		Address: "bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7"}},
		Outputs: []app.DraftLine{{Value: &value, Address: "bcrt1qpayee00000000000000000000000000000pay",
			Label: m.text("")}, {Value: &change, Ours: true, Change: true, Address: "bcrt1qchange"}},
		Paid: value, Fee: 1410, Rate: 10_000, VSize: 141, Unit: unit, Trust: trust, Warnings: m.warnings}
}

func (m *money) newDraft(in app.Purse, value int64) app.Draft {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drafts++
	d := m.draft(value)
	d.Purse, d.ID = in, fmt.Sprintf("draft-%d", m.drafts)
	return d
}

func (m *money) Draft(ctx context.Context, in app.Purse, p app.Payment) (app.Draft, error) {
	if err := m.call(ctx, "Draft"); err != nil {
		return app.Draft{}, err
	}
	m.note(func() { m.payments = append(m.payments, p) })
	if p.To[0].Amount > 90_000_000 {
		return app.Draft{}, app.Coded(app.CodeFunds, "coins 90400000 units: below the %d wanted", p.To[0].Amount)
	}
	return m.newDraft(in, max(p.To[0].Amount, 1)), nil
}

func (m *money) Split(ctx context.Context, in app.Purse, r app.SplitRequest) (app.Draft, error) {
	m.note(func() { m.splits = append(m.splits, r) })
	d := m.newDraft(in, 1)
	d.Paid, d.Outputs = 0, nil
	for range max(r.Count, len(r.Amounts)) {
		part := int64(9_000_000)
		d.Outputs = append(d.Outputs, app.DraftLine{Value: &part, Ours: true, Address: "bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7"})
	}
	return d, m.call(ctx, "Split")
}

func (m *money) Bump(ctx context.Context, in app.Purse, _ spv.Hash, _ int64) (app.Draft, error) {
	return m.newDraft(in, 5_000_000), m.call(ctx, "Bump")
}

func (m *money) Abandon(ctx context.Context, _ app.Purse, _ spv.Hash) error {
	return m.call(ctx, "Abandon")
}

func (m *money) Discard(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.discarded = append(m.discarded, id)
	return nil
}

func (m *money) Send(ctx context.Context, r app.SendRequest) (app.Sent, error) {
	if err := m.call(ctx, "Send"); err != nil {
		return app.Sent{}, err
	}
	r.Password = append(app.Secret(nil), r.Password...) // the caller wipes its own
	if err := m.password(r.Password); err != nil {
		return app.Sent{}, err
	}
	m.note(func() { m.sent = append(m.sent, r) })
	return app.Sent{ID: idOf(99), Fee: 1410}, nil
}

func (m *money) ParseURI(_ context.Context, _, text string) (app.PaymentRequest, error) {
	address, query, asks := strings.Cut(strings.TrimPrefix(text, "dev:"), "?amount=")
	if !strings.HasPrefix(address, "bcrt1") {
		return app.PaymentRequest{}, app.Coded(app.CodeInvalid, "address %.20q: no prefix of this chain", text)
	}
	r := app.PaymentRequest{Address: address}
	if asks && query == "0.3" {
		amount := int64(30_000_000)
		r.Amount, r.Label = &amount, "shop"
	}
	return r, nil
}

func (m *money) PlanCombine(ctx context.Context, in app.Purse, r app.CombineRequest) (app.Plan, error) {
	m.note(func() { m.combines = append(m.combines, r) })
	p := app.Plan{Purse: in, ID: "plan-1", Rate: 1000, Future: 10_000, Coins: m.coins, Cost: 5000, Later: 70_000,
		Rest: 700, Saving: 64_300, Left: 2, Lost: 300, Unit: unit}
	if m.coins > 1 {
		p.Steps = []app.PlanStep{{Group: 1, Sum: 452_000_000, Fee: 5000}}
		p.State.Steps = 1
	}
	return p, m.call(ctx, "PlanCombine")
}

func (m *money) RunPlan(ctx context.Context, _ app.Purse, id string, p app.Secret, consent []string) (app.PlanState, error) {
	if err := m.password(p); err != nil {
		return app.PlanState{}, err
	}
	if len(m.warnings) > 0 && len(consent) == 0 {
		return app.PlanState{}, app.Coded(app.CodeConsent, "%s: wants consent (%s)", m.warnings[0].Text, m.warnings[0].Concern)
	}
	m.note(func() { m.ran = append(m.ran, id+strings.Join(consent, ",")) })
	return app.PlanState{Kept: true, Done: 1, Steps: 1}, m.call(ctx, "RunPlan")
}

func (m *money) ListPlans(context.Context, app.Purse) ([]app.Plan, error) { return nil, nil }

// app.Notes and app.Network

func (m *money) SetLabel(ctx context.Context, _ app.Purse, _, ref, text string) error {
	m.note(func() { m.labels[ref] = text })
	return m.call(ctx, "SetLabel")
}

func (m *money) ExportLabels(ctx context.Context, _ app.Purse, w io.Writer) error {
	_, err := w.Write([]byte("{}\n"))
	return errors.Join(err, m.call(ctx, "ExportLabels"))
}

func (m *money) ImportLabels(ctx context.Context, _ app.Purse, r io.Reader) (app.Imported, error) {
	src, err := io.ReadAll(r)
	return app.Imported{Labels: bytes.Count(src, []byte("\n"))}, err
}

func (m *money) ListChains(context.Context) ([]app.ChainState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer := append([]app.ChainState{}, m.chains...)
	if m.listed != nil {
		m.listed()
		m.listed = nil
	}
	return answer, nil
}

func (m *money) Fees(ctx context.Context, chain string) (app.Fees, error) {
	return app.Fees{Chain: chain, Least: 1000, Low: 1000, Normal: 10_000, High: 100_000,
		Source: "what 180 merged-mining proofs of the last 3 hours paid, what 8 peers relay, the chain's policy", Measured: true, Samples: 180, Peers: 8,
		Unit: unit}, m.call(ctx, "Fees")
}

func (m *money) Subscribe(ctx context.Context) <-chan app.Event {
	out := make(chan app.Event)
	go func() {
		defer close(out)
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-m.events:
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}
