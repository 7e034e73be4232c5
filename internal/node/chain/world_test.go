package chain

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// anyone is a script that everybody can spend.
var anyone = []byte{txscript.OP_TRUE}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// made is a block that a test built, with what the naive model knows of it.
type made struct {
	raw    []byte
	header spv.Header
	id     spv.Hash
	prev   *made
	height int32
	txs    []*wire.MsgTx
	anchor *made // layers
	aux    *spv.AuxPoW
	bad    bool // breaks a rule
	work   *uint256.Int
}

func (m *made) ref() spv.Block { return spv.Block{Height: m.height, Hash: m.id} }

func (m *made) at(height int32) *made {
	for m.height > height {
		m = m.prev
	}
	return m
}

// branch returns the blocks from genesis to m.
func (m *made) branch() []*made {
	list := make([]*made, m.height+1)
	for ; m != nil; m = m.prev {
		list[m.height] = m
	}
	return list
}

// genesisOf is block 0 as the model's root.
func genesisOf(t testing.TB, p *chains.Params) *made {
	t.Helper()
	m := &made{header: p.Genesis, id: p.Genesis.ID(), raw: append(append(p.Genesis[:], 1), p.GenesisCoinbase...)}
	var block wire.MsgBlock
	check(t, block.Deserialize(bytes.NewReader(m.raw)))
	m.txs = block.Transactions
	return m
}

// body puts a block together from a mined header.
func body(header spv.Header, aux *spv.AuxPoW, prev *made, txs []*wire.MsgTx) *made {
	b := &consensus.Block{Height: prev.height + 1, Header: header, Aux: aux, Txs: txs}
	return &made{raw: b.Append(nil), header: header, id: header.ID(), prev: prev, height: b.Height, txs: txs, aux: aux}
}

// block builds a block of the L1 on top of another.
func block(p *chains.Params, prev *made, tag uint32, txs ...*wire.MsgTx) *made {
	all := append([]*wire.MsgTx{testchain.Coinbase(p, prev.height+1, tag, nil)}, txs...)
	h := testchain.HeaderOn(4, prev.id, all, prev.header.Time()+10)
	testchain.Mine(&h)
	return body(h, nil, prev, all)
}

// run builds n blocks on top of another.
func run(p *chains.Params, prev *made, n int, tag uint32) []*made {
	list := make([]*made, n)
	for i := range list {
		list[i] = block(p, prev, tag)
		prev = list[i]
	}
	return list
}

// layer knows what blocks of a layer must state: the filter header and the mountain range
// of the branch they build on.
type layer struct {
	t     testing.TB
	p     *chains.Params
	model *model
}

// block builds a layer block whose proof is over an L1 block, as a template would.
func (l *layer) block(prev, under, anchor *made, tag uint32, txs ...*wire.MsgTx) *made {
	commitment := spv.Commitment{
		Anchor: anchor.ref(), FeeVote: 1 + uint16(tag%1000),
		FilterHeader: l.model.filterHeader(l.t, prev), MMRRoot: l.model.mmr(l.t, prev),
	}
	all := append([]*wire.MsgTx{testchain.Coinbase(l.p, prev.height+1, tag, nil, &wire.TxOut{PkScript: commitment.Script()})}, txs...)
	testchain.CommitWitness(all)
	id, _ := l.p.ChainID()
	h := testchain.HeaderOn(id<<16|0x0104, prev.id, all, max(prev.header.Time()+5, under.header.Time()))
	b := body(h, prove(h, under, tag), prev, all)
	b.anchor = anchor
	return b
}

// prove mines a proof for a layer header over an L1 block.
func prove(h spv.Header, under *made, tag uint32) *spv.AuxPoW {
	tx := mergedCoinbase(under.height+1, h.ID(), tag)
	parent := testchain.HeaderOn(4, under.id, []*wire.MsgTx{tx}, under.header.Time()+10)
	testchain.Mine(&parent)
	return proofOf(tx, parent)
}

// mergedCoinbase commits to one layer block alone.
func mergedCoinbase(height int32, id spv.Hash, tag uint32) *wire.MsgTx {
	script, _ := txscript.NewScriptBuilder().AddInt64(int64(height)).
		AddData(binary.LittleEndian.AppendUint32(nil, tag)).Script()
	script = append(script, 0xfa, 0xbe, 'm', 'm')
	for i := range id {
		script = append(script, id[31-i])
	}
	script = append(script, 1, 0, 0, 0, 0, 0, 0, 0)
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: script, Sequence: 0xffffffff})
	tx.AddTxOut(&wire.TxOut{Value: 1, PkScript: anyone})
	return tx
}

func proofOf(tx *wire.MsgTx, parent spv.Header) *spv.AuxPoW {
	var raw bytes.Buffer
	if err := tx.SerializeNoWitness(&raw); err != nil {
		panic(err)
	}
	parsed, _, err := spv.ParseTx(raw.Bytes())
	if err != nil {
		panic(err)
	}
	return &spv.AuxPoW{Coinbase: parsed, Parent: parent}
}

// spend moves coins to n outputs that anybody can spend, and one that nobody can.
func spend(value int64, n int, from ...wire.OutPoint) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	for _, op := range from {
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: 0xfffffffe})
	}
	for range n {
		tx.AddTxOut(&wire.TxOut{Value: value / int64(n), PkScript: anyone})
	}
	tx.AddTxOut(&wire.TxOut{PkScript: []byte{txscript.OP_RETURN, 8, 1, 2, 3, 4, 5, 6, 7, 8}})
	return tx
}

// totalWork is the sum of the branch's work, by the book: 2^256/(target+1) a block.
func totalWork(m *made) *uint256.Int {
	if m.work == nil {
		target, _ := spv.ParseTarget(m.header.Bits())
		own := spv.WorkOf(&target)
		if m.prev != nil {
			own.Add(&own, totalWork(m.prev))
		}
		m.work = &own
	}
	return m.work
}

// reparse is the model's block for bytes that a chain holds.
func reparse(t testing.TB, p *chains.Params, raw []byte, prev *made) *made {
	t.Helper()
	b, err := consensus.ParseBlock(p, raw)
	check(t, err)
	return &made{raw: raw, header: b.Header, id: b.Header.ID(), prev: prev, height: prev.height + 1, txs: b.Txs, aux: b.Aux}
}
