package testchain

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
)

// Coinbase pays the whole subsidy of a height to everybody. The tag tells blocks of one height apart; more goes behind it into
// the input's script, and outs behind the first output.
func Coinbase(p *chains.Params, height int32, tag uint32, more []byte, outs ...*wire.TxOut) *wire.MsgTx {
	script, _ := txscript.NewScriptBuilder().AddInt64(int64(height)).AddData(binary.LittleEndian.AppendUint32(nil, tag)).Script()
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: append(script, more...), Sequence: 0xffffffff})
	subsidy, _ := p.Subsidy(height)
	tx.AddTxOut(wire.NewTxOut(subsidy, []byte{txscript.OP_TRUE}))
	tx.TxOut = append(tx.TxOut, outs...)
	return tx
}

// CommitWitness has the coinbase of a block commit to its witnesses, if it has any (BIP141).
func CommitWitness(txs []*wire.MsgTx) {
	if !slices.ContainsFunc(txs[1:], (*wire.MsgTx).HasWitness) {
		return
	}
	ids := make([]spv.Hash, len(txs))
	for i := 1; i < len(txs); i++ {
		ids[i] = txs[i].WitnessHash()
	}
	root, _ := merkle.Root(ids)
	nonce := make([]byte, 32)
	first := sha256.Sum256(append(root[:], nonce...))
	sum := sha256.Sum256(first[:])
	txs[0].TxIn[0].Witness = wire.TxWitness{nonce}
	txs[0].AddTxOut(wire.NewTxOut(0, append([]byte{0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}, sum[:]...)))
}

// HeaderOn makes a header at EasyBits on top of a block, unmined.
func HeaderOn(version int32, prev spv.Hash, txs []*wire.MsgTx, time uint32) (h spv.Header) {
	ids := make([]spv.Hash, len(txs))
	for i, tx := range txs {
		ids[i] = tx.TxHash()
	}
	root, _ := merkle.Root(ids)
	binary.LittleEndian.PutUint32(h[0:], uint32(version))
	copy(h[4:], prev[:])
	copy(h[36:], root[:])
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], EasyBits)
	return h
}

// Mine gives a header the first nonce that meets EasyBits.
func Mine(h *spv.Header) {
	target, _ := spv.ParseTarget(EasyBits)
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if id := h.ID(); spv.Meets(&id, &target) {
			return
		}
	}
}
