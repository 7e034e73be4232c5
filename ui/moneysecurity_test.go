package ui

import (
	"context"
	"math"
	"time"

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

func (m *money) PaymentRisks(ctx context.Context, in app.Purse, ids []spv.Hash, attacker float64) (out []app.PaymentRisk, err error) {
	m.note(func() { m.attackers = append(m.attackers, attacker) })
	now, small, normal := 0.0123, 2, 24
	for _, id := range ids {
		out = append(out, app.PaymentRisk{Purse: in, ID: id, Depth: 2, Attacker: attacker, Risk: &now, Own: &now,
			Later: []app.Later{{More: 1, Risk: 0.001}, {More: 6, Risk: 1e-15}}, Waits: []app.Wait{{Size: "small", Confirmations: &small},
				{Size: "normal", Confirmations: &normal}, {Size: "large", Never: true}}, Trust: trust})
	}
	return out, m.call(ctx, "PaymentRisks")
}

// ChainSecurity measures the layers of the stack: one as it should be, one not at all.
func (m *money) ChainSecurity(ctx context.Context, chain string, attacker float64) (app.ChainSecurity, error) {
	honest, majority, one, many := 0.512, 0.5, 1, 24
	s := app.ChainSecurity{Chain: chain, Attacker: attacker, Majority: &majority, Trust: trust,
		Waits: []app.Wait{{Size: "small", Confirmations: &one}, {Size: "normal", Confirmations: &many}, {Size: "large", Never: true}}}
	switch chain {
	case "dev-issued":
		s.L1, s.Unknown, s.Majority, s.Waits = "dev", m.text("no layer block on a known L1 block has been seen"), nil, nil
	case "dev-native":
		s.L1, s.Honest, s.Half = "dev", &honest, 2
		s.Windows = []risk.Share{{From: 849_857, To: 850_000, Share: 0.5, Low: 0.42, High: 0.58}, {From: 847_985, To: 850_000, Share: 0.54, Low: 0.512, High: 0.567}}
		s.Parent = app.ParentTally{Blocks: 20_000, Seals: 1088, Near: 18_900, Unknown: 12, Stale: 30}
		for i := range 28 {
			p := 0.5 + 0.1*math.Sin(float64(i)/4)
			from := int32(847_985 + 72*i)
			s.Points = append(s.Points, app.SharePoint{Time: day.Add(-time.Duration(27-i) * 12 * time.Hour),
				Share: risk.Share{From: from, To: from + 71, Seals: int(72 * p), Blocks: int(1000 * p), Share: p, Low: p - 0.12, High: p + 0.12}})
		}
		s.Pools = []app.PoolShare{{Payee: "9f86d081884c7d65", Blocks: 7600, Share: 0.38}, {Payee: "60303ae22b998861", Blocks: 5000, Share: 0.25},
			{Payee: "fd61a03af4f77d87", Blocks: 3000, Share: 0.15}, {Blocks: 14, Share: 0.0007}}
	}
	return s, m.call(ctx, "ChainSecurity "+chain)
}

func (m *money) Evidence(ctx context.Context, in app.Purse, id spv.Hash) (app.Evidence, error) {
	return app.Evidence{Purse: in, ID: &id, Legs: []app.Leg{{Name: "header", State: app.LegChecked, Text: m.text("on the best chain")},
		{Name: "filter", State: app.LegMissing, Text: "one peer alone"}, {Name: "anchor", State: app.LegBroken, Text: "overtaken"}}}, m.call(ctx, "Evidence")
}

func (m *money) Prove(ctx context.Context, _ app.Purse, _ spv.Hash, n int32) (app.PaymentProof, error) {
	return app.PaymentProof{File: []byte("proof"), Claim: &proof.Claim{Confirmations: make([]proof.Confirmation, 2)}, Trust: trust}, m.call(ctx, "Prove")
}

func (m *money) BalanceEvidence(ctx context.Context, in app.Purse) (app.Evidence, error) {
	return app.Evidence{Purse: in, Legs: []app.Leg{{Name: "scan", State: app.LegChecked, Text: m.text("looked through to the tip")},
		{Name: "coins", State: app.LegChecked, Text: "5 coins"}}, Whole: true}, m.call(ctx, "BalanceEvidence")
}

func (m *money) AddChains(ctx context.Context, name string, p app.Secret, chains []string) (app.Wallet, error) {
	if err := m.password(p); err != nil {
		return app.Wallet{}, err
	}
	m.note(func() { m.wallets[0].Chains = append(m.wallets[0].Chains, chains...) })
	return m.wallets[0], m.call(ctx, "AddChains "+name)
}
