package walletapi

import (
	"context"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// The methods that make transactions; app.Backend says what each does.

func (c *Client) Draft(ctx context.Context, in app.Purse, p app.Payment) (app.Draft, error) {
	return ask(ctx, c, draft, paymentIn{in, p})
}

func (c *Client) Bump(ctx context.Context, in app.Purse, id spv.Hash, rate int64) (app.Draft, error) {
	return ask(ctx, c, bump, txIn{in, id, rate})
}

func (c *Client) Cancel(ctx context.Context, in app.Purse, id spv.Hash, rate int64) (app.Draft, error) {
	return ask(ctx, c, cancel, txIn{in, id, rate})
}

func (c *Client) Raise(ctx context.Context, in app.Purse, id spv.Hash, rate int64) (app.Draft, error) {
	return ask(ctx, c, raise, txIn{in, id, rate})
}

func (c *Client) Split(ctx context.Context, in app.Purse, s app.SplitRequest) (app.Draft, error) {
	return ask(ctx, c, split, splitIn{in, s})
}

func (c *Client) Sent(ctx context.Context, in app.Purse, key string, of app.Asked) (*app.Sent, error) {
	return ask(ctx, c, sent, sentIn{in, key, of})
}

func (c *Client) Send(ctx context.Context, s app.SendRequest) (app.Sent, error) {
	return ask(ctx, c, send, sendRequest{s, plain(s.Password)})
}

func (c *Client) Discard(ctx context.Context, id string) error {
	return tell(ctx, c, discard, draftOnly{id})
}

func (c *Client) Abandon(ctx context.Context, in app.Purse, id spv.Hash) error {
	return tell(ctx, c, abandon, txIn{Purse: in, ID: id})
}

func (c *Client) ParseURI(ctx context.Context, chain, text string) (app.PaymentRequest, error) {
	return ask(ctx, c, parseURI, textOn{chain, text})
}

func (c *Client) PlanCombine(ctx context.Context, in app.Purse, r app.CombineRequest) (app.Plan, error) {
	return ask(ctx, c, planCombine, combineIn{in, r})
}

func (c *Client) RunPlan(ctx context.Context, in app.Purse, plan string, password app.Secret, consent []string) (app.PlanState, error) {
	return ask(ctx, c, runPlan, planIn{in, plan, plain(password), consent})
}

func (c *Client) ListPlans(ctx context.Context, in app.Purse) ([]app.Plan, error) {
	return ask(ctx, c, listPlans, in)
}

func (c *Client) DropPlan(ctx context.Context, in app.Purse, plan string) error {
	return tell(ctx, c, dropPlan, planIn{Purse: in, Plan: plan})
}

func (c *Client) DraftPacket(ctx context.Context, id string) (string, error) {
	return ask(ctx, c, draftPacket, draftOnly{id})
}

func (c *Client) ShowPacket(ctx context.Context, in app.Purse, packet string) (app.Packet, error) {
	return ask(ctx, c, showPacket, packetIn{Purse: in, Packet: packet})
}

func (c *Client) SignPacket(ctx context.Context, in app.Purse, packet string, password app.Secret) (app.Packet, error) {
	return ask(ctx, c, signPacket, packetIn{Purse: in, Packet: packet, Password: plain(password)})
}

func (c *Client) CombinePackets(ctx context.Context, packets []string) (string, error) {
	return ask(ctx, c, combinePackets, packetIn{Packets: packets})
}

func (c *Client) SendPacket(ctx context.Context, in app.Purse, packet string) (app.Sent, error) {
	return ask(ctx, c, sendPacket, packetIn{Purse: in, Packet: packet})
}

func (c *Client) FinishPacket(ctx context.Context, packet string) (string, error) {
	return ask(ctx, c, finishPacket, packetIn{Packet: packet})
}
