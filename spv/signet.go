package spv

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/said"
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
// Only the block's coinbase carries it, so headers alone cannot tell. Genesis needs none.
// Returns *CheckError.
func (r *Rules) CheckSignetBlock(b *FullBlock, rep *Report) error {
	if len(r.Challenge) == 0 || b.Header == r.Genesis {
		return nil
	}
	err := r.runChallenge(b)
	if err := rep.CheckSaid(CheckSignet, err == nil, func() (said.Sentence, said.Sentence) {
		want := said.Of("a solution of the network's challenge")
		if err != nil {
			return want, said.FromError(err)
		}
		return want, said.Of("solved")
	}); err != nil {
		return err
	}
	return rep.Err()
}

func (r *Rules) runChallenge(b *FullBlock) error {
	if len(b.Txs) == 0 {
		return said.Errorf("no coinbase")
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
// only the magic in its place, and returns both. Without a solution, which a trivial
// challenge does without, the coinbase stays as it is.
func splitSolution(coinbase *Tx) (*wire.MsgTx, []byte, error) {
	script, index := witnessScript(coinbase)
	if index < 0 {
		return nil, nil, said.Errorf("no witness commitment in the coinbase")
	}
	var tx wire.MsgTx
	if err := tx.DeserializeNoWitness(bytes.NewReader(coinbase.AppendStripped(nil))); err != nil {
		return nil, nil, fmt.Errorf("coinbase: %w", err)
	}
	cleared, solution := clearSolution(script)
	if solution != nil {
		tx.TxOut[index].PkScript = cleared
	}
	return &tx, solution, nil
}

// clearSolution returns a commitment script without the first solution in it, and that
// solution, nil if there is none. As what was signed depends on every byte, it does what
// Bitcoin Core does (signet.cpp, FetchAndClearCommitmentSection): pushes get the shortest
// form for their length, small numbers too, a push of nothing leaves its opcode alone,
// and the script ends before a push that is cut off.
func clearSolution(script []byte) (cleared, solution []byte) {
	tokens := txscript.MakeScriptTokenizer(0, script)
	for tokens.Next() {
		data := tokens.Data()
		if solution == nil && len(data) > len(signetMagic) && bytes.HasPrefix(data, signetMagic) {
			data, solution = data[:len(signetMagic)], data[len(signetMagic):]
		}
		if len(data) == 0 {
			cleared = append(cleared, tokens.Opcode())
		} else {
			cleared = appendPush(cleared, data)
		}
	}
	return cleared, solution
}

// appendPush appends the push of some bytes, in the shortest form for their length.
func appendPush(script, data []byte) []byte {
	switch n := len(data); {
	case n < txscript.OP_PUSHDATA1:
		script = append(script, byte(n))
	case n <= 0xff:
		script = append(script, txscript.OP_PUSHDATA1, byte(n))
	case n <= 0xffff:
		script = binary.LittleEndian.AppendUint16(append(script, txscript.OP_PUSHDATA2), uint16(n))
	default:
		script = binary.LittleEndian.AppendUint32(append(script, txscript.OP_PUSHDATA4), uint32(n))
	}
	return append(script, data...)
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
