package app

import (
	"bytes"
	"context"
	"io"

	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/message"
)

// SetLabel writes a label.
func (l *Local) SetLabel(ctx context.Context, in Purse, kind, ref, text string) error {
	return change(ctx, l, in, func(_ *ledger, p *purse) error { return p.chain.SetLabel(kind, ref, text) })
}

// ExportLabels writes all labels and frozen coins of a purse as a label file (BIP329).
func (l *Local) ExportLabels(ctx context.Context, in Purse, w io.Writer) error {
	b, err := within(ctx, l, in, func(_ *ledger, p *purse) ([]byte, error) {
		var b bytes.Buffer
		err := p.chain.ExportLabels(&b)
		return b.Bytes(), err
	})
	if err != nil {
		return err
	}
	_, err = w.Write(b) // not in the loop: who reads may be slow
	return err
}

// ImportLabels takes in a label file, all of it or nothing.
func (l *Local) ImportLabels(ctx context.Context, in Purse, r io.Reader) (Imported, error) {
	b, err := io.ReadAll(io.LimitReader(r, wallet.MaxLabelFile+1))
	if err != nil {
		return Imported{}, err
	}
	return within(ctx, l, in, func(_ *ledger, p *purse) (Imported, error) {
		done, err := p.chain.ImportLabels(bytes.NewReader(b))
		return Imported(done), err
	})
}

// SignMessage signs with the key of an address of ours.
func (l *Local) SignMessage(ctx context.Context, in Purse, text string, msg []byte, password Secret) (string, error) {
	c, err := l.ledger(in.Chain)
	if err != nil {
		return "", err
	}
	script, err := l.script(c.params, text)
	if err != nil {
		return "", err
	}
	keys, done, err := l.keys(in.Wallet, password)
	if err != nil {
		return "", err
	}
	defer done()
	return within(ctx, l, in, func(_ *ledger, p *purse) (string, error) {
		return p.chain.SignMessage(script, msg, keys)
	})
}

// VerifyMessage returns nil if the signature is one of the text by the address.
func (l *Local) VerifyMessage(ctx context.Context, chain, text string, msg []byte, signature string) error {
	p, err := l.set.Get(chain)
	if err != nil {
		return &Error{CodeMissing, err}
	}
	if err := message.Verify(p, text, msg, signature); err != nil {
		return err
	}
	return ctx.Err()
}
