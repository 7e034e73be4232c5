package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// ConsensusFlags are the script rules that decide about validity: BIP16, BIP66, BIP65,
// BIP112, BIP141 and 143 with BIP147, BIP341 and 342.
const ConsensusFlags = txscript.ScriptBip16 |
	txscript.ScriptVerifyDERSignatures |
	txscript.ScriptVerifyCheckLockTimeVerify |
	txscript.ScriptVerifyCheckSequenceVerify |
	txscript.ScriptVerifyWitness |
	txscript.ScriptStrictMultiSig |
	txscript.ScriptVerifyTaproot

// StandardFlags are the script rules that a mempool adds for what it passes on. Every one
// of them only refuses more.
const StandardFlags = txscript.StandardVerifyFlags

// scriptTx is a transaction whose scripts are to be run: its inputs spend coins, in order.
type scriptTx struct {
	tx     *wire.MsgTx
	coins  []*Coin
	name   func() string  // for messages
	shared func() sharing // computed once, by the first input that is run
}

// sharing is what the signatures of all inputs of a transaction need.
type sharing struct {
	prev   txscript.PrevOutputFetcher
	hashes *txscript.TxSigHashes
}

func newScriptTx(tx *wire.MsgTx, coins []*Coin, name func() string) *scriptTx {
	return &scriptTx{tx: tx, coins: coins, name: name, shared: sync.OnceValue(func() sharing {
		outs := make(map[wire.OutPoint]*wire.TxOut, len(coins))
		for i, c := range coins {
			outs[tx.TxIn[i].PreviousOutPoint] = &wire.TxOut{Value: c.Value, PkScript: c.Script}
		}
		prev := txscript.NewMultiPrevOutFetcher(outs)
		return sharing{prev, txscript.NewTxSigHashes(tx, prev)}
	})}
}

// run runs the scripts of one input.
func (s *scriptTx) run(input int, flags txscript.ScriptFlags, cache *SigCache) error {
	c := s.coins[input]
	err := checkNested(s.tx.TxIn[input], c.Script, flags)
	if err == nil {
		var engine *txscript.Engine
		all := s.shared()
		engine, err = txscript.NewEngine(c.Script, s.tx, input, flags, cache.signatures(), all.hashes, c.Value, all.prev)
		if err == nil {
			err = engine.Execute()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.name(), refuse(CheckScript, fmt.Sprintf("input %d: %v", input, err), "scripts that succeed"))
	}
	return nil
}

// checkNested closes a gap in the script library: it looks for a witness program inside
// P2SH only where there is a witness, so that without one the program would pass for an
// ordinary script, which anybody who knows the public key could satisfy. BIP141 judges it as
// a program all the same: version 0 fails without its witness, and the signature script is
// the one push of the program.
func checkNested(in *wire.TxIn, pkScript []byte, flags txscript.ScriptFlags) error {
	const nested = txscript.ScriptBip16 | txscript.ScriptVerifyWitness
	if flags&nested != nested || len(in.Witness) > 0 || !txscript.IsPayToScriptHash(pkScript) {
		return nil
	}
	var redeem []byte
	for tokens := txscript.MakeScriptTokenizer(0, in.SignatureScript); tokens.Next(); {
		redeem = tokens.Data()
	}
	if !txscript.IsWitnessProgram(redeem) {
		return nil
	}
	if !bytes.Equal(in.SignatureScript, append([]byte{byte(len(redeem))}, redeem...)) {
		return errors.New("signature script is not the one push of a witness program")
	}
	if redeem[0] == txscript.OP_0 {
		return errors.New("witness program in P2SH without a witness")
	}
	return nil
}

// runScripts runs the scripts of all inputs, spread over the cores, and returns the failure
// of the first input in block order, whatever the order in which they end.
func runScripts(txs []*scriptTx, flags txscript.ScriptFlags, cache *SigCache) error {
	type job struct {
		tx    *scriptTx
		input int
	}
	var jobs []job
	for _, s := range txs {
		for i := range s.coins {
			jobs = append(jobs, job{s, i})
		}
	}
	errs := make([]error, len(jobs))
	var next, failed atomic.Int64
	failed.Store(int64(len(jobs)))
	work := func() {
		// An input behind one that has failed cannot be the first to fail.
		for i := next.Add(1) - 1; i < failed.Load(); i = next.Add(1) - 1 {
			if errs[i] = jobs[i].tx.run(jobs[i].input, flags, cache); errs[i] == nil {
				continue
			}
			for at := failed.Load(); i < at && !failed.CompareAndSwap(at, i); at = failed.Load() {
			}
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	if first := failed.Load(); first < int64(len(jobs)) {
		return errs[first]
	}
	return nil
}
