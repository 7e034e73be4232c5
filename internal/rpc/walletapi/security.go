package walletapi

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// Requests about the work behind chains and payments.
type (
	shareIn struct {
		Chain    string  `json:"chain"`
		Attacker float64 `json:"attacker,omitempty"`
	}
	risksIn struct {
		app.Purse
		IDs      []spv.Hash `json:"txids"`
		Attacker float64    `json:"attacker,omitempty"`
	}
	proveIn struct {
		app.Purse
		ID            spv.Hash `json:"txid"`
		Confirmations int32    `json:"confirmations"`
	}
	proofIn struct {
		File []byte `json:"file"` // base64
	}
)

// The methods on the work behind chains and payments.
var (
	chainSecurity = call[shareIn, app.ChainSecurity]{"security.chain", "Returns the work behind a chain, as measured, its alarms, and recommended waits.",
		`{"chain":"dev-native","attacker":0.3}`,
		func(b app.Backend, ctx context.Context, p shareIn) (app.ChainSecurity, error) {
			return b.ChainSecurity(ctx, p.Chain, p.Attacker)
		}}
	alarms = call[none, []app.ChainAlarm]{"security.alarms", "Returns the alarms that are on, over all chains.", "",
		func(b app.Backend, ctx context.Context, _ none) ([]app.ChainAlarm, error) { return b.Alarms(ctx) }}
	paymentRisks = call[risksIn, []app.PaymentRisk]{"security.risks", "Returns how safe payments are from being undone, and how long to wait.",
		"{" + in + `,"txids":["..."],"attacker":0.3}`,
		func(b app.Backend, ctx context.Context, p risksIn) ([]app.PaymentRisk, error) {
			return b.PaymentRisks(ctx, p.Purse, p.IDs, p.Attacker)
		}}
	evidence = call[txIn, app.Evidence]{"security.evidence", "Lists why a payment is believed.", "{" + in + `,"txid":"..."}`,
		func(b app.Backend, ctx context.Context, p txIn) (app.Evidence, error) {
			return b.Evidence(ctx, p.Purse, p.ID)
		}}
	balanceEvidence = call[app.Purse, app.Evidence]{"security.balanceevidence", "Lists why a balance is believed.", "{" + in + "}",
		app.Backend.BalanceEvidence}
	prove = call[proveIn, app.PaymentProof]{"security.prove", "Makes a file (base64) that shows a confirmed payment to anybody.",
		"{" + in + `,"txid":"...","confirmations":6}`,
		func(b app.Backend, ctx context.Context, p proveIn) (app.PaymentProof, error) {
			return b.Prove(ctx, p.Purse, p.ID, p.Confirmations)
		}}
	checkProof = call[proofIn, app.ProofCheck]{"security.checkproof", "Judges a payment proof (base64), also by the header chains that are held here.",
		`{"file":"..."}`,
		func(b app.Backend, ctx context.Context, p proofIn) (app.ProofCheck, error) {
			return b.CheckProof(ctx, p.File)
		}}
)

// The client's side.

func (c *Client) ChainSecurity(ctx context.Context, chain string, attacker float64) (app.ChainSecurity, error) {
	return ask(ctx, c, chainSecurity, shareIn{chain, attacker})
}

func (c *Client) Alarms(ctx context.Context) ([]app.ChainAlarm, error) {
	return ask(ctx, c, alarms, none{})
}

func (c *Client) PaymentRisks(ctx context.Context, in app.Purse, ids []spv.Hash, attacker float64) ([]app.PaymentRisk, error) {
	return ask(ctx, c, paymentRisks, risksIn{in, ids, attacker})
}

func (c *Client) Evidence(ctx context.Context, in app.Purse, id spv.Hash) (app.Evidence, error) {
	return ask(ctx, c, evidence, txIn{Purse: in, ID: id})
}

func (c *Client) BalanceEvidence(ctx context.Context, in app.Purse) (app.Evidence, error) {
	return ask(ctx, c, balanceEvidence, in)
}

func (c *Client) Prove(ctx context.Context, in app.Purse, id spv.Hash, confirmations int32) (app.PaymentProof, error) {
	return ask(ctx, c, prove, proveIn{in, id, confirmations})
}

func (c *Client) CheckProof(ctx context.Context, file []byte) (app.ProofCheck, error) {
	if len(file) > app.MaxPaymentProof {
		return app.ProofCheck{}, app.Coded(app.CodeInvalid, "payment proof: %d bytes, want at most %d", len(file), app.MaxPaymentProof)
	}
	return ask(ctx, c, checkProof, proofIn{file})
}
