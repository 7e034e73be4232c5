package ui

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/proof"
	"github.com/layeredpow/lamina/spv/risk"
)

// app.Security

func (m *money) Alarms(ctx context.Context) ([]app.ChainAlarm, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.alarms, nil
}

// setAlarms raises alarms.
func (m *money) setAlarms(kinds ...risk.Kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.alarms = nil
	for _, k := range kinds {
		m.alarms = append(m.alarms, alarmOf(k))
	}
}

func alarmOf(k risk.Kind) app.ChainAlarm {
	a := risk.Alarm{Kind: k, At: spv.Block{Height: 5, Hash: idOf(5)}, Seen: risk.Seen{Blocks: 6, Of: 7, Block: spv.Block{Height: 4, Hash: idOf(4)},
		Hash: idOf(3), Want: 0.5, Got: 0.25}}
	text := k.Text()
	return app.ChainAlarm{Chain: "dev-native", Alarm: a, Title: a.Fill(text.Title), What: a.Fill(text.Seen), Do: a.Fill(text.Do)}
}

func (m *money) PaymentRisks(ctx context.Context, in app.Purse, ids []spv.Hash, attacker float64) ([]app.PaymentRisk, error) {
	m.note(func() { m.attackers = append(m.attackers, attacker) })
	now, small, normal := 0.0123, 2, 24
	r := app.PaymentRisk{Purse: in, ID: ids[0], Depth: 2, Attacker: attacker, Risk: &now, Own: &now, Later: []app.Later{{More: 1, Risk: 0.001}, {More: 6, Risk: 1e-15}},
		Waits: []app.Wait{{Size: "small", Confirmations: &small}, {Size: "normal", Confirmations: &normal}, {Size: "large", Never: true}}, Trust: trust}
	return []app.PaymentRisk{r}, m.call(ctx, "PaymentRisks")
}

func (m *money) Evidence(ctx context.Context, in app.Purse, id spv.Hash) (app.Evidence, error) {
	return app.Evidence{Purse: in, ID: &id, Legs: []app.Leg{{Name: "header", State: app.LegChecked, Text: m.text("on the best chain")},
		{Name: "filter", State: app.LegMissing, Text: "one peer alone"}, {Name: "anchor", State: app.LegBroken, Text: "overtaken"}}}, m.call(ctx, "Evidence")
}

func (m *money) Prove(ctx context.Context, _ app.Purse, _ spv.Hash, n int32) (app.PaymentProof, error) {
	return app.PaymentProof{File: []byte("proof"), Claim: &proof.Claim{Confirmations: make([]proof.Confirmation, 2)}, Trust: trust}, m.call(ctx, "Prove")
}
