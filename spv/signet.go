package spv

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/merkle"
)

// CheckSignet is the name of the check on a signet block's solution.
const CheckSignet = "signet-challenge"

// signetMagic begins the push in the witness commitment output that holds a solution.
var signetMagic = []byte{0xec, 0xc7, 0xda, 0xa2}

// maxSolution bounds what a signet solution may hold, in bytes.
const maxSolution = 100_000

const signetFlags = txscript.ScriptBip16 | txscript.ScriptVerifyWitness |
	txscript.ScriptVerifyDERSignatures | txscript.ScriptStrictMultiSig

// CheckSignetBlock verifies a signet block's solution against the network's challenge
// script (BIP325): the signature that makes a block with little work a signet block.
// Only the block's coinbase carries it, so headers alone cannot tell. Returns
// *CheckError.
func (r *Rules) CheckSignetBlock(b *FullBlock, rep *Report) error {
	if len(r.Challenge) == 0 {
		return nil
	}
	err := r.runChallenge(b)
	if err := rep.Check(CheckSignet, err == nil, func() (string, string) {
		if err != nil {
			return "a solution of the network's challenge", err.Error()
		}
		return "a solution of the network's challenge", "solved"
	}); err != nil {
		return err
	}
	return rep.Err()
}

func (r *Rules) runChallenge(b *FullBlock) error {
	if len(b.Txs) == 0 {
		return errors.New("no coinbase")
	}
	cleared, solution, err := splitSolution(&b.Txs[0])
	if err != nil {
		return err
	}
	ids := b.TxIDs()
	ids[0] = cleared.TxHash()
	root, _ := merkle.Root(ids)
	spend := challengeTx(&b.Header, root, r.Challenge)
	sign, err := solutionTx(spend.TxHash(), solution)
	if err != nil {
		return err
	}
	prev := txscript.NewCannedPrevOutputFetcher(r.Challenge, 0)
	engine, err := txscript.NewEngine(r.Challenge, sign, 0, signetFlags, nil, txscript.NewTxSigHashes(sign, prev), 0, prev)
	if err != nil {
		return err
	}
	return engine.Execute()
}

// splitSolution takes the solution out of the coinbase's witness commitment, leaving
// only the magic in its place, and returns both.
func splitSolution(coinbase *Tx) (*wire.MsgTx, []byte, error) {
	_, index := witnessScript(coinbase)
	if index < 0 {
		return nil, nil, errors.New("no witness commitment in the coinbase")
	}
	var tx wire.MsgTx
	if err := tx.DeserializeNoWitness(bytes.NewReader(coinbase.AppendStripped(nil))); err != nil {
		return nil, nil, fmt.Errorf("coinbase: %w", err)
	}
	out := tx.TxOut[index]
	var solution []byte
	found := false
	script := txscript.NewScriptBuilder(txscript.WithScriptAllocSize(len(out.PkScript)))
	tokens := txscript.MakeScriptTokenizer(0, out.PkScript)
	for tokens.Next() {
		data := tokens.Data()
		switch {
		case !found && len(data) > len(signetMagic) && bytes.HasPrefix(data, signetMagic):
			found = true
			solution = data[len(signetMagic):]
			script.AddData(signetMagic)
		case data != nil:
			script.AddFullData(data)
		default:
			script.AddOp(tokens.Opcode())
		}
	}
	if !found || tokens.Err() != nil {
		return &tx, nil, tokens.Err() // a trivial challenge needs no solution
	}
	cleared, err := script.Script()
	out.PkScript = cleared
	return &tx, solution, err
}

// challengeTx is BIP325's "to spend": an output locked by the challenge, its input
// committing to the header without nonce and bits.
func challengeTx(h *Header, root Hash, challenge []byte) *wire.MsgTx {
	data := append([]byte(nil), h[:36]...)
	data = append(append(data, root[:]...), h[68:72]...)
	script := append([]byte{txscript.OP_0, byte(len(data))}, data...)
	tx := wire.NewMsgTx(0)
	in := wire.NewTxIn(wire.NewOutPoint(&Hash{}, wire.MaxPrevOutIndex), script, nil)
	in.Sequence = 0
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(0, challenge))
	return tx
}

// solutionTx is BIP325's "to sign": it spends the challenge with the block's solution,
// a serialised script followed by a serialised witness stack.
func solutionTx(spend Hash, solution []byte) (*wire.MsgTx, error) {
	tx := wire.NewMsgTx(0)
	in := wire.NewTxIn(wire.NewOutPoint(&spend, 0), nil, nil)
	in.Sequence = 0
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(0, []byte{txscript.OP_RETURN}))
	if solution == nil {
		return tx, nil
	}
	if len(solution) > maxSolution {
		return nil, fmt.Errorf("solution of %d bytes, want at most %d", len(solution), maxSolution)
	}
	r := reader{b: solution}
	in.SignatureScript = r.take(r.compactSize())
	items := r.compactSize()
	for i := uint64(0); i < items && r.err == nil; i++ {
		in.Witness = append(in.Witness, r.take(r.compactSize()))
	}
	if r.err == nil && r.at != len(solution) {
		r.fail(fmt.Errorf("%d bytes too many", len(solution)-r.at))
	}
	if r.err != nil {
		return nil, fmt.Errorf("solution: %w", r.err)
	}
	return tx, nil
}
