package app

import (
	"bytes"
	"context"
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/proof"
)

// Prove makes a file that shows a confirmed payment. It is judged before it is handed out, by itself alone.
func (l *Local) Prove(ctx context.Context, in Purse, id spv.Hash, confirmations int32) (PaymentProof, error) {
	if confirmations < 1 || confirmations > proof.MaxHeaders/2 {
		return PaymentProof{}, Coded(CodeInvalid, "%d confirmations: want 1 to %d", confirmations, proof.MaxHeaders/2)
	}
	tx, at, err := l.confirmed(ctx, in, id)
	if err != nil {
		return PaymentProof{}, err
	}
	c, err := l.ledger(in.Chain)
	if err != nil {
		return PaymentProof{}, err
	}
	inclusion, err := c.inclusionOf(ctx, id, at)
	if err != nil {
		return PaymentProof{}, err
	}
	return within(ctx, l, in, func(c *ledger, p *purse) (out PaymentProof, err error) {
		if out.File, err = c.prove(tx, inclusion, at, confirmations); err != nil {
			return out, err
		}
		if out.Claim, err = proof.Verify(out.File, l.set, nil, uint32(c.clock().Unix()), nil); err != nil {
			return out, Coded(CodeInternal, "payment proof: it does not verify here: %v", err)
		}
		out.Trust = c.trustOf(p)
		return out, nil
	})
}

// confirmed returns a confirmed transaction of the history, without witness, and its block.
func (l *Local) confirmed(ctx context.Context, in Purse, id spv.Hash) (tx []byte, at spv.Block, err error) {
	type placed struct {
		tx []byte
		at spv.Block
	}
	found, err := within(ctx, l, in, func(c *ledger, p *purse) (placed, error) {
		found, row, ok := p.chain.Transaction(id)
		if !ok {
			return placed{}, noTransaction(p, id)
		}
		if row.Depth < 1 {
			return placed{}, Coded(CodeInvalid, "transaction %s: it is in no block yet", id)
		}
		var b bytes.Buffer
		err := found.SerializeNoWitness(&b)
		return placed{b.Bytes(), spv.Block{Height: row.Block.Height, Hash: row.Block.Hash}}, err
	})
	return found.tx, found.at, err
}

// prove puts a file together, in the loop.
func (l *ledger) prove(tx []byte, inclusion merkle.Inclusion, at spv.Block, confirmations int32) ([]byte, error) {
	if now, ok := l.block(at.Height); !ok || now != at {
		return nil, Coded(CodeMissing, "block %s: it is no longer on the best chain", at)
	}
	var l1 proof.L1
	if l.lender != nil {
		l1 = l.lender
	}
	p, err := proof.Build(l.params, tx, inclusion, at.Height, confirmations, l.tree.Tip().Height, sealedChain{l}, l1)
	if err != nil {
		return nil, err
	}
	return p.Encode()
}

// sealedChain is a ledger's chain as a proof.Source.
type sealedChain struct{ *ledger }

// Sealed returns the header at a height with its merged-mining proof, if that is still kept.
func (c sealedChain) Sealed(height int32) (spv.Sealed, error) {
	headers, err := c.chain.Headers(height, 1)
	if err != nil {
		return spv.Sealed{}, err
	}
	aux, err := c.chain.Proof(height)
	return spv.Sealed{Header: headers[0], Aux: aux}, err
}

// MaxPaymentProof is the size of the largest payment proof, bytes.
const MaxPaymentProof = proof.MaxFile

// VerifyPayment judges a payment proof by itself: with the chain files, and nothing else of this machine but its clock. The
// report holds every check. A proof that is refuted gives no claim and an error that says why.
func (a *App) VerifyPayment(file []byte) (*proof.Claim, *spv.Report, error) {
	if len(file) > MaxPaymentProof {
		return nil, nil, Coded(CodeInvalid, "payment proof: %d bytes, want at most %d", len(file), MaxPaymentProof)
	}
	var rep spv.Report
	claim, err := proof.Verify(file, a.set, nil, uint32(a.clock().Unix()), &rep)
	if err != nil {
		return nil, &rep, fmt.Errorf("payment proof refuted: %w", err)
	}
	return claim, &rep, nil
}
