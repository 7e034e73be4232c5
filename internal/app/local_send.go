package app

import (
	"context"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
)

// longestKey bounds an idempotency key, in bytes.
const longestKey = 128

// Send signs a draft and sends it. It is on disk, together with its idempotency key, before
// anybody hears of it.
func (l *Local) Send(ctx context.Context, s SendRequest) (Sent, error) {
	kept, err := l.drafts.get(s.Draft)
	if err != nil {
		return Sent{}, err
	}
	if len(s.Key) > longestKey {
		return Sent{}, Coded(CodeInvalid, "key of %d bytes: want at most %d", len(s.Key), longestKey)
	}
	before, found, err := l.repeated(ctx, kept, s.Key)
	if found || err != nil {
		return before, err
	}
	consent, err := consentTo(s.Consent)
	if err != nil {
		return Sent{}, err
	}
	if err := consented(kept.draft, consent); err != nil {
		return Sent{}, err
	}
	keys, done, err := l.keys(kept.in.Wallet, s.Password)
	if err != nil {
		return Sent{}, err
	}
	signed, err := kept.draft.Sign(keys.Unchecked(), consent...) // it runs every script itself
	done()
	if err != nil {
		return Sent{}, err
	}
	sent := *kept
	sent.private = s.Private
	return l.commit(ctx, &sent, signed, s.Key)
}

// Sent returns what was sent under a key.
func (l *Local) Sent(ctx context.Context, in Purse, key string, of Asked) (*Sent, error) {
	payment, one := of.digest(in)
	if !one || key == "" || len(key) > longestKey {
		return nil, Coded(CodeInvalid, "key of %d bytes: want 1 to %d, and exactly one request", len(key), longestKey)
	}
	sent, found, err := l.repeated(ctx, &planned{in: in, payment: payment}, key)
	if err != nil || !found {
		return nil, err
	}
	return &sent, nil
}

// repeated looks up what was sent under a key.
func (l *Local) repeated(ctx context.Context, kept *planned, key string) (Sent, bool, error) {
	if key == "" {
		return Sent{}, false, nil
	}
	sent, err := within(ctx, l, kept.in, func(c *ledger, p *purse) (Sent, error) { return earlier(c, p, kept, key) })
	return sent, sent.Repeated, err
}

// earlier returns what was sent under a key, nothing if nothing was.
func earlier(c *ledger, p *purse, kept *planned, key string) (Sent, error) {
	was, ok := p.book.receipt(key)
	switch {
	case !ok:
		return Sent{}, nil
	case was.payment != kept.payment:
		return Sent{}, Saying(CodeConflict, "key: was used for transaction %s, which is another payment", was.tx)
	}
	_, row, _ := p.chain.Transaction(was.tx)
	return Sent{Purse: p.Purse, ID: was.tx, Fee: row.Fee, Repeated: true, Trust: c.trustOf(p)}, nil
}

// commit keeps a signed transaction and sends it.
func (l *Local) commit(ctx context.Context, kept *planned, signed *wallet.Signed, key string) (Sent, error) {
	return within(ctx, l, kept.in, func(c *ledger, p *purse) (Sent, error) {
		defer p.book.drop()
		if key != "" { // once more: another call with the same key may have been faster
			if was, err := earlier(c, p, kept, key); err != nil || was.Repeated {
				return was, err
			}
			p.book.setSent(key, receipt{kept.payment, signed.ID()})
		}
		if err := c.settleBefore(p, signed.Tx()); err != nil {
			return Sent{}, err
		}
		_, row, known := p.chain.Transaction(signed.ID())
		repeated := known && row.Ours && row.Status != wallet.StatusAbandoned
		if !repeated {
			p.keepPrivate(signed.Tx(), kept.private)
		}
		done, err := p.chain.Commit(signed, l.options.Clock().Unix())
		if err == nil {
			err = p.book.flush()
		}
		if err != nil {
			c.settleRefused(p)
			return Sent{}, err
		}
		c.look(p, done)
		c.announce(p, EventChanged, done.Changed)
		l.label(c, p, kept, signed.ID())
		return Sent{Purse: kept.in, ID: signed.ID(), Fee: signed.Fee(), Repeated: repeated, Trust: c.trustOf(p)}, nil
	})
}

// label writes a payment's labels. The payment is made by then: what goes wrong here must
// not look as if it were not.
func (l *Local) label(c *ledger, p *purse, kept *planned, id spv.Hash) {
	set := func(kind, ref, text string) {
		if err := p.chain.SetLabel(kind, ref, text); err != nil {
			c.cfg.Log.Warn("label not kept", "of", ref, "error", err)
		}
	}
	if kept.label != "" {
		set("tx", id.String(), kept.label)
	}
	for text, label := range kept.labels {
		set("addr", text, label)
	}
}

// Abandon gives up a pending transaction.
func (l *Local) Abandon(ctx context.Context, in Purse, id spv.Hash) error {
	return change(ctx, l, in, func(c *ledger, p *purse) error {
		if _, _, ok := p.chain.Transaction(id); !ok {
			return noTransaction(p, id)
		}
		changed, err := p.chain.Abandon(id)
		if err != nil {
			return err
		}
		c.announce(p, EventChanged, changed)
		return nil
	})
}
