package simnet

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/filter"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

// Block is a block with all that a full node knows of it.
type Block struct {
	ID           spv.Hash
	Header       spv.Header
	Raw          []byte
	Spent        [][]byte // scripts of the outputs that it spends
	Filter       []byte
	FilterHeader spv.Hash
	FilterBelow  spv.Hash // filter header of the block before it
	wire         *wire.MsgBlock
}

// Paid returns the scripts of the block's outputs.
func (b *Block) Paid() (scripts [][]byte) {
	for _, tx := range b.wire.Transactions {
		for _, out := range tx.TxOut {
			scripts = append(scripts, out.PkScript)
		}
	}
	return scripts
}

// Txs returns the block's transactions.
func (b *Block) Txs() []*wire.MsgTx { return b.wire.Transactions }

// Ledger is a chain of blocks above genesis.
type Ledger []*Block

// Headers returns the blocks' headers.
func (l Ledger) Headers() []spv.Sealed {
	run := make([]spv.Sealed, len(l))
	for i := range l {
		run[i].Header = l[i].Header
	}
	return run
}

// Miner makes blocks for a chain whose first target is easy and never changes.
type Miner struct {
	Rules  *spv.Rules
	Tag    uint64 // makes the blocks of two miners differ
	Commit bool   // coinbases commit to the filters below, as on layer chains
}

// Coin is an output that can be spent.
type Coin struct {
	Point  wire.OutPoint
	Value  int64
	Script int64 // its number
	Opaque bool  // spending it does not show the script
}

// Mine appends a block with some transactions, and with the scripts that they spend.
func (m *Miner) Mine(l Ledger, txs []*wire.MsgTx, spent [][]byte) Ledger {
	prev, time, below := m.Rules.Genesis.ID(), m.Rules.Genesis.Time(), spv.Hash{}
	if n := len(l); n > 0 {
		prev, time, below = l[n-1].ID, l[n-1].Header.Time(), l[n-1].FilterHeader
	}
	block := &wire.MsgBlock{Transactions: append([]*wire.MsgTx{m.coinbase(len(l)+1, below)}, txs...)}
	commitWitness(block)
	root := root(block.Transactions, (*wire.MsgTx).TxHash)
	b := &Block{Header: mine(m.Rules, prev, root, time+600), Spent: spent, FilterBelow: below, wire: block}
	b.ID = b.Header.ID()
	must(block.Header.Deserialize(bytes.NewReader(b.Header[:])))
	var raw bytes.Buffer
	must(block.Serialize(&raw))
	b.Raw = raw.Bytes()
	b.Filter = build(block, spent)
	b.FilterHeader = filter.HeaderOf(b.Filter, below)
	return append(l[:len(l):len(l)], b)
}

// commitWitness puts the commitment to the witnesses into the coinbase (BIP141).
func commitWitness(block *wire.MsgBlock) {
	coinbase := block.Transactions[0]
	witnesses := root(block.Transactions, func(tx *wire.MsgTx) spv.Hash {
		if tx == coinbase {
			return spv.Hash{}
		}
		return tx.WitnessHash()
	})
	nonce := make([]byte, 32)
	coinbase.TxIn[0].Witness = wire.TxWitness{nonce}
	sum := pow.DoubleSHA256(append(witnesses[:], nonce...))
	coinbase.AddTxOut(wire.NewTxOut(0, append([]byte{0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}, sum[:]...)))
}

func root(txs []*wire.MsgTx, id func(*wire.MsgTx) spv.Hash) spv.Hash {
	ids := make([]spv.Hash, len(txs))
	for i, tx := range txs {
		ids[i] = id(tx)
	}
	root, _ := merkle.Root(ids)
	return root
}

func (m *Miner) coinbase(height int, below spv.Hash) *wire.MsgTx {
	tx := wire.NewMsgTx(1)
	script := binary.LittleEndian.AppendUint64([]byte{12}, m.Tag)
	script = binary.LittleEndian.AppendUint32(script, uint32(height))
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, 0xffffffff), script, nil))
	tx.AddTxOut(wire.NewTxOut(50e8, Script(-1-int64(m.Tag))))
	if m.Commit {
		c := spv.Commitment{FeeVote: 1, FilterHeader: below}
		tx.AddTxOut(wire.NewTxOut(0, c.Script()))
	}
	return tx
}

// Script returns the n-th of an endless row of output scripts: pay to witness public key
// hash, of what looks like a public key.
func Script(n int64) []byte {
	return append([]byte{0, 20}, btcutil.Hash160(key(n))...)
}

func key(n int64) []byte {
	k := make([]byte, 33)
	k[0] = 2
	binary.LittleEndian.PutUint64(k[1:], uint64(n))
	return k
}

// Pay returns a transaction that spends coins to scripts, and the coins that it makes.
func Pay(from []Coin, to ...int64) (*wire.MsgTx, []Coin) {
	tx := wire.NewMsgTx(2)
	var sum int64
	for _, c := range from {
		in := wire.NewTxIn(&c.Point, nil, nil)
		in.Witness = wire.TxWitness{bytes.Repeat([]byte{1}, 71), key(c.Script)}
		if c.Opaque {
			in.Witness = in.Witness[:1]
		}
		tx.AddTxIn(in)
		sum += c.Value
	}
	for _, n := range to {
		tx.AddTxOut(wire.NewTxOut(sum/int64(len(to)), Script(n)))
	}
	var coins []Coin
	id := tx.TxHash()
	for i, out := range tx.TxOut {
		coins = append(coins, Coin{Point: wire.OutPoint{Hash: id, Index: uint32(i)}, Value: out.Value, Script: to[i]})
	}
	return tx, coins
}

func mine(r *spv.Rules, prev, root spv.Hash, time uint32) spv.Header {
	h := spv.Header{0: 4}
	copy(h[4:], prev[:])
	copy(h[36:], root[:])
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], r.Genesis.Bits())
	target, _ := spv.ParseTarget(h.Bits())
	for n := uint32(0); ; n++ {
		binary.LittleEndian.PutUint32(h[76:], n)
		if id := h.ID(); spv.Meets(&id, &target) {
			return h
		}
	}
}

func build(block *wire.MsgBlock, spent [][]byte) []byte {
	data, err := filter.Build(block, spent)
	must(err)
	return data
}

func rawTx(tx *wire.MsgTx) []byte {
	var b bytes.Buffer
	must(tx.Serialize(&b))
	return b.Bytes()
}

func parseTx(raw []byte) *wire.MsgTx {
	tx := new(wire.MsgTx)
	if tx.Deserialize(bytes.NewReader(raw)) != nil {
		return nil
	}
	return tx
}

// must panics: a buffer in memory does not fail.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("simnet: %v", err))
	}
}
