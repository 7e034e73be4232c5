package main

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

func (b *teller) ChainSecurity(context.Context, string, float64) (app.ChainSecurity, error) {
	panic("nobody asks a teller")
}

func (b *teller) Alarms(context.Context) ([]app.ChainAlarm, error) { return nil, nil }

// PaymentRisks knows that 24 confirmations are recommended, on an L1.
func (b *teller) PaymentRisks(_ context.Context, in app.Purse, ids []spv.Hash, attacker float64) (out []app.PaymentRisk, _ error) {
	for _, id := range ids {
		out = append(out, app.PaymentRisk{Purse: in, ID: id, Depth: 3, Attacker: attacker, Risk: known(0.5),
			Waits: []app.Wait{{Size: "small", Confirmations: known(6)}, {Size: "normal", Confirmations: known(24)}}})
	}
	return out, nil
}

func (b *teller) Evidence(context.Context, app.Purse, spv.Hash) (app.Evidence, error) {
	panic("nobody asks a teller")
}

func (b *teller) BalanceEvidence(context.Context, app.Purse) (app.Evidence, error) {
	panic("nobody asks a teller")
}

func (b *teller) Prove(context.Context, app.Purse, spv.Hash, int32) (app.PaymentProof, error) {
	panic("nobody asks a teller")
}

func (b *teller) CheckProof(context.Context, []byte) (app.ProofCheck, error) {
	panic("nobody asks a teller")
}
