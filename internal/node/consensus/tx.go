package consensus

import (
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

const (
	innerNode      = 64 // bytes of two hashes, which an inner node of the tree is
	minCoinbaseSig = 2
	maxCoinbaseSig = 100
)

// txForm is a rule on one transaction that needs nothing but the transaction. Fault says
// what breaks it, "" if nothing does.
type txForm struct {
	name, want string
	fault      func(p *chains.Params, tx *wire.MsgTx) string
}

// txForms are the rules of Bitcoin Core's CheckTransaction, with the chain's own limits,
// and the one that no transaction may be taken for an inner node.
var txForms = []txForm{
	{CheckTxEmpty, "at least one input and one output", emptyFault},
	{CheckTxSize, "no more bytes without witness than a block holds", sizeFault},
	{spv.CheckBlockTx64, "no transaction of 64 bytes, which could be an inner node of the tree", ambiguousFault},
	{CheckTxAmount, "amounts and their sum within the chain's money", amountFault},
	{CheckTxTwice, "no input twice", twiceFault},
	{CheckTxNull, "an input that spends nothing in coinbases only", nullFault},
	{CheckCoinbaseScript, "a coinbase script of 2 to 100 bytes", coinbaseScriptFault},
}

func emptyFault(_ *chains.Params, tx *wire.MsgTx) string {
	if len(tx.TxIn) == 0 || len(tx.TxOut) == 0 {
		return fmt.Sprintf("%d inputs, %d outputs", len(tx.TxIn), len(tx.TxOut))
	}
	return ""
}

func sizeFault(p *chains.Params, tx *wire.MsgTx) string {
	if size := int64(tx.SerializeSizeStripped()); size*weightUnits > p.BlockWeight {
		return fmt.Sprintf("%d bytes", size)
	}
	return ""
}

func ambiguousFault(_ *chains.Params, tx *wire.MsgTx) string {
	if tx.SerializeSizeStripped() == innerNode {
		return "64 bytes"
	}
	return ""
}

func amountFault(p *chains.Params, tx *wire.MsgTx) string {
	sum, most := int64(0), p.Unit.MaxMoney
	for i, out := range tx.TxOut {
		if out.Value < 0 || out.Value > most {
			return fmt.Sprintf("output %d of %d", i, out.Value)
		}
		if out.Value > most-sum {
			return fmt.Sprintf("outputs up to %d of more than %d", i, most)
		}
		sum += out.Value
	}
	return ""
}

func twiceFault(_ *chains.Params, tx *wire.MsgTx) string {
	if len(tx.TxIn) == 1 {
		return ""
	}
	seen := make(map[wire.OutPoint]struct{}, len(tx.TxIn))
	for i, in := range tx.TxIn {
		if _, twice := seen[in.PreviousOutPoint]; twice {
			return fmt.Sprintf("input %d again spends %s", i, in.PreviousOutPoint)
		}
		seen[in.PreviousOutPoint] = struct{}{}
	}
	return ""
}

func nullFault(_ *chains.Params, tx *wire.MsgTx) string {
	if isCoinbase(tx) {
		return ""
	}
	for i, in := range tx.TxIn {
		if isNull(&in.PreviousOutPoint) {
			return fmt.Sprintf("input %d of %d", i, len(tx.TxIn))
		}
	}
	return ""
}

func coinbaseScriptFault(_ *chains.Params, tx *wire.MsgTx) string {
	if !isCoinbase(tx) {
		return ""
	}
	if n := len(tx.TxIn[0].SignatureScript); n < minCoinbaseSig || n > maxCoinbaseSig {
		return fmt.Sprintf("%d bytes", n)
	}
	return ""
}

func isNull(op *wire.OutPoint) bool {
	return op.Index == wire.MaxPrevOutIndex && op.Hash == spv.Hash{}
}

func isCoinbase(tx *wire.MsgTx) bool {
	return len(tx.TxIn) == 1 && isNull(&tx.TxIn[0].PreviousOutPoint)
}

// isFinal tells whether nLockTime lets a transaction into a block (Bitcoin Core's
// IsFinalTx with BIP113): lock heights are compared with height, times with median.
func isFinal(tx *wire.MsgTx, height int32, median uint32) bool {
	if tx.LockTime == 0 {
		return true
	}
	reached := int64(height)
	if tx.LockTime >= txscript.LockTimeThreshold {
		reached = int64(median)
	}
	if int64(tx.LockTime) < reached {
		return true
	}
	for _, in := range tx.TxIn {
		if in.Sequence != wire.MaxTxInSequenceNum {
			return false
		}
	}
	return true
}
