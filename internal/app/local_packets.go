package app

import (
	"context"
	"encoding/hex"

	"github.com/layeredpow/lamina/wallet"
)

// DraftPacket returns a draft as a PSBT for others to sign.
func (l *Local) DraftPacket(ctx context.Context, draft string) (string, error) {
	kept, err := l.drafts.get(draft)
	if err != nil {
		return "", err
	}
	p, err := kept.draft.Packet()
	if err != nil {
		return "", err
	}
	l.drafts.mu.Lock()
	kept.packet = p.ID()
	l.drafts.mu.Unlock()
	return p.Base64(), ctx.Err()
}

// ShowPacket says what a packet does.
func (l *Local) ShowPacket(ctx context.Context, in Purse, text string) (Packet, error) {
	p, err := wallet.ParsePacket([]byte(text))
	if err != nil {
		return Packet{}, err
	}
	return within(ctx, l, in, func(_ *ledger, at *purse) (Packet, error) { return packetOf(at.chain, p), nil })
}

// packetOf shows a packet: what it claims of foreign inputs is marked by their not being
// ours.
func packetOf(chain *wallet.Chain, p *wallet.Packet) Packet {
	out := Packet{Text: p.Base64(), ID: p.ID(), Complete: true}
	var sum int64
	known := true
	for _, in := range p.Inputs() {
		line := inputLine(chain, in.Outpoint)
		if line.Value == nil && in.Known {
			line = outputLine(chain, in.Script, in.Value)
			line.Outpoint = in.Outpoint.String()
		}
		if known = known && line.Value != nil; known {
			sum += *line.Value
		}
		count := in.Signatures
		if in.Final {
			count = -1
		}
		out.Signed = append(out.Signed, count)
		out.Inputs = append(out.Inputs, line)
	}
	for _, o := range chain.Outputs(p) {
		out.Outputs = append(out.Outputs, outputLine(chain, o.Script, o.Value))
		sum -= o.Value
	}
	if known {
		out.Fee = &sum
	}
	_, err := p.Extract()
	out.Complete = err == nil
	return out
}

// SignPacket adds the signatures that the wallet can make.
func (l *Local) SignPacket(ctx context.Context, in Purse, text string, password Secret) (Packet, error) {
	p, err := wallet.ParsePacket([]byte(text))
	if err != nil {
		return Packet{}, err
	}
	keys, done, err := l.keys(in.Wallet, password)
	if err != nil {
		return Packet{}, err
	}
	defer done()
	signed, added, err := p.Sign(keys)
	if err != nil {
		return Packet{}, err
	}
	out, err := within(ctx, l, in, func(_ *ledger, at *purse) (Packet, error) { return packetOf(at.chain, signed), nil })
	out.Added = added
	return out, err
}

// CombinePackets joins packets of one transaction.
func (l *Local) CombinePackets(ctx context.Context, texts []string) (string, error) {
	if len(texts) == 0 {
		return "", Coded(CodeInvalid, "packets: none, want at least one")
	}
	var list []*wallet.Packet
	for i, text := range texts {
		p, err := wallet.ParsePacket([]byte(text))
		if err != nil {
			return "", Saying(CodeInvalid, "packet %d: %w", i+1, err)
		}
		list = append(list, p)
	}
	all, err := list[0].Combine(list[1:]...)
	if err != nil {
		return "", err
	}
	return all.Base64(), ctx.Err()
}

// SendPacket finishes a packet, keeps the transaction and sends it.
func (l *Local) SendPacket(ctx context.Context, in Purse, text string) (Sent, error) {
	p, err := wallet.ParsePacket([]byte(text))
	if err != nil {
		return Sent{}, err
	}
	kept := l.drafts.of(p.ID())
	var signed *wallet.Signed
	if kept != nil && kept.in == in {
		signed, err = kept.draft.Complete(p) // which knows what it replaces
	} else {
		kept = &planned{in: in}
		signed, err = p.Extract()
	}
	if err != nil {
		return Sent{}, err
	}
	err = change(ctx, l, in, func(_ *ledger, at *purse) error {
		for _, op := range inputsOf(signed.Tx()) {
			if tx, _, ok := at.chain.Transaction(op.Hash); ok && int(op.Index) < len(tx.TxOut) {
				if _, ours := at.chain.AddressOf(tx.TxOut[op.Index].PkScript); ours {
					return nil
				}
			}
		}
		return Saying(CodeInvalid, "PSBT %s: spends no coin of %s", p.ID(), in.name())
	})
	if err != nil {
		return Sent{}, err
	}
	return l.commit(ctx, kept, signed, "")
}

// FinishPacket finishes a packet and returns the transaction, unsent.
func (l *Local) FinishPacket(ctx context.Context, text string) (string, error) {
	p, err := wallet.ParsePacket([]byte(text))
	if err != nil {
		return "", err
	}
	signed, err := p.Extract()
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(signed.Raw()), ctx.Err()
}
