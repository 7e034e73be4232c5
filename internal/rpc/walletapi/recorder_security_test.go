package walletapi

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

func (o *recorder) ChainSecurity(_ context.Context, chain string, attacker float64) (app.ChainSecurity, error) {
	o.note(chain, attacker)
	return answerOf[app.ChainSecurity](o)
}

func (o *recorder) Alarms(context.Context) ([]app.ChainAlarm, error) {
	o.note()
	return answerOf[[]app.ChainAlarm](o)
}

func (o *recorder) PaymentRisks(_ context.Context, in app.Purse, ids []spv.Hash, attacker float64) ([]app.PaymentRisk, error) {
	o.note(in, ids, attacker)
	return answerOf[[]app.PaymentRisk](o)
}

func (o *recorder) Evidence(_ context.Context, in app.Purse, id spv.Hash) (app.Evidence, error) {
	o.note(in, id)
	return answerOf[app.Evidence](o)
}

func (o *recorder) BalanceEvidence(_ context.Context, in app.Purse) (app.Evidence, error) {
	o.note(in)
	return answerOf[app.Evidence](o)
}

func (o *recorder) Prove(_ context.Context, in app.Purse, id spv.Hash, confirmations int32) (app.PaymentProof, error) {
	o.note(in, id, confirmations)
	return answerOf[app.PaymentProof](o)
}

func (o *recorder) CheckProof(_ context.Context, file []byte) (app.ProofCheck, error) {
	o.note(file)
	return answerOf[app.ProofCheck](o)
}
