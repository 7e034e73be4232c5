package app

import (
	"bytes"
	"context"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/proof"
)

// Prove makes a file that shows a confirmed payment. It is judged before it is handed out, by itself alone.
func (l *Local) Prove(ctx context.Context, in Purse, id spv.Hash, confirmations int32) (PaymentProof, error) {
	if confirmations < 1 || confirmations > proof.MaxHeaders/2 {
		return PaymentProof{}, Saying(CodeInvalid, "%d confirmations: want 1 to %d", confirmations, proof.MaxHeaders/2)
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
			return placed{}, Saying(CodeInvalid, "transaction %s: it is in no block yet", id)
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
		return nil, Saying(CodeMissing, "block %s: it is no longer on the best chain", at)
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

// CheckProof judges a payment proof by itself: with the chain files, and nothing else of this machine but its clock.
func (a *App) CheckProof(file []byte) (ProofCheck, error) {
	return checkProof(file, a.set, nil, uint32(a.clock().Unix()))
}

func checkProof(file []byte, set *chains.Set, own func(string) proof.Chain, now uint32) (ProofCheck, error) {
	if len(file) > MaxPaymentProof {
		return ProofCheck{}, Saying(CodeInvalid, "payment proof: %d bytes, want at most %d", len(file), MaxPaymentProof)
	}
	var rep spv.Report
	claim, err := proof.Verify(file, set, own, now, &rep)
	out := ProofCheck{Claim: claim, Checks: rep.Checks}
	if err != nil {
		out.Refuted = "payment proof refuted: " + err.Error()
	}
	return out, nil
}

// CheckProof judges a payment proof by what is held of its chain and of that chain's L1, too.
func (l *Local) CheckProof(ctx context.Context, file []byte) (ProofCheck, error) {
	own := map[string]heldBlocks{}
	if p, err := proof.Parse(file); err == nil { // else it is refuted below
		for _, c := range l.ledgers {
			ours, from, n := c.params.NetID() == p.Chain, p.Height, len(p.Headers)
			if !ours {
				from, n = p.L1Height, len(p.L1) // if they are another chain's, nobody asks for these
			}
			held, err := call(ctx, c, func() (heldBlocks, error) { return c.held(from, n), nil })
			if err != nil {
				return ProofCheck{}, err
			}
			own[c.params.Name] = held
		}
	}
	return checkProof(file, l.set, func(chain string) proof.Chain { return own[chain] }, uint32(l.options.Clock().Unix()))
}

// heldBlocks are checked headers of a best chain, as a proof.Chain.
type heldBlocks map[int32]spv.Block

// Block returns the block at a height.
func (h heldBlocks) Block(height int32) (spv.Block, bool) {
	b, ok := h[height]
	return b, ok
}

// held returns those of n blocks from a height upwards that the best chain has, in the loop.
func (l *ledger) held(from int32, n int) heldBlocks {
	out := heldBlocks{}
	for height := from; height < from+int32(n) && height <= l.tree.Tip().Height; height++ {
		if b, ok := l.block(height); ok {
			out[height] = b
		}
	}
	return out
}
