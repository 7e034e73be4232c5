package peg_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/pow"
)

// load returns a layer and its L1 from the chain files, read anew: the test may change them.
func load(t testing.TB, name string) (layer, l1 *chains.Params) {
	t.Helper()
	set := testchain.Set(t)
	p, err := set.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return p, set.L1Of(p)
}

// mainlike is a layer with the constants of section 8's mainnet column and settlers 1..15.
func mainlike(t testing.TB) (layer, l1 *chains.Params) {
	t.Helper()
	p, l1 := load(t, "layer-regtest")
	*p.Peg = chains.Peg{ReleaseSeals: 50, ReleaseBlocks: 100, Epoch: 36, SignDelay: 6, Recovery: 25920, Refresh: 12960,
		Refund: 1008, MinDeposit: 500_000, MinBurn: 100_000, Cap: chains.NoCap}
	p.Settlers = []chains.Settlers{{From: 0, To: 1 << 30, K: 11, KR: 8, Keys: settlerKeys(15)}}
	return p, l1
}

// private returns the private key with a small number.
func private(n int) *btcec.PrivateKey {
	var b [32]byte
	binary.BigEndian.PutUint32(b[28:], uint32(n))
	key, _ := btcec.PrivKeyFromBytes(b[:])
	return key
}

func settlerKeys(n int) (keys [][32]byte) {
	for i := range n {
		keys = append(keys, [32]byte(schnorr.SerializePubKey(private(i+1).PubKey())))
	}
	return keys
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// payTo is a P2WPKH script told apart by a byte.
func payTo(tag byte) []byte { return append([]byte{0x00, 0x14}, bytes.Repeat([]byte{tag}, 20)...) }

func raw(t testing.TB, tx *wire.MsgTx) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tx.SerializeNoWitness(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// l1World is an L1 of headers without work: a best chain from height 0 and one fork.
type l1World struct {
	blocks  map[spv.Hash]spv.Block
	headers map[spv.Hash]spv.Header
	best    []spv.Hash
}

func newL1() *l1World {
	return &l1World{blocks: map[spv.Hash]spv.Block{}, headers: map[spv.Hash]spv.Header{}}
}

// add puts a header with a merkle root on top of prev.
func (w *l1World) add(height int32, prev, root spv.Hash, tag byte) spv.Block {
	var h spv.Header
	copy(h[4:], prev[:])
	copy(h[36:], root[:])
	h[79] = tag
	b := spv.Block{Height: height, Hash: h.ID()}
	w.blocks[b.Hash], w.headers[b.Hash] = b, h
	return b
}

// extend puts a header on the best chain.
func (w *l1World) extend(root spv.Hash) spv.Block {
	var prev spv.Hash
	if n := len(w.best); n > 0 {
		prev = w.best[n-1]
	}
	b := w.add(int32(len(w.best)), prev, root, 0)
	w.best = append(w.best, b.Hash)
	return b
}

func (w *l1World) at(height int) spv.Block { return w.blocks[w.best[height]] }

func (w *l1World) Lookup(id spv.Hash) (spv.Block, bool) {
	b, ok := w.blocks[id]
	return b, ok
}

func (w *l1World) Header(id spv.Hash) (spv.Header, bool) {
	h, ok := w.headers[id]
	return h, ok
}

func (w *l1World) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	for b, ok := w.blocks[id]; ok; b, ok = w.blocks[id] {
		if b.Height == height {
			return b, true
		}
		h := w.headers[id]
		id = h.Prev()
	}
	return spv.Block{}, false
}

// claimWorld is one valid claim and everything around it, made without the package's Build.
type claimWorld struct {
	p       *chains.Params
	l1      *l1World
	anchor  spv.Block
	terms   peg.Terms
	deposit *wire.MsgTx
	txs     [][]byte // of the deposit's block
	index   uint32
	block   spv.Block
	witness wire.TxWitness
	claim   *wire.MsgTx
}

const depositSat = 700_000

func coinbase(tag byte) *wire.MsgTx {
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: []byte{1, tag, 3, 4}, Sequence: 0xffffffff})
	tx.AddTxOut(wire.NewTxOut(50e8, payTo(tag)))
	return tx
}

func spending(tag byte, outs ...*wire.TxOut) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: spv.Hash{tag}, Index: 1}, Sequence: 0xfffffffd})
	for _, o := range outs {
		tx.AddTxOut(o)
	}
	return tx
}

// newClaimWorld deposits 700,000 sat in the second output of transaction 3 of a block of
// five, at L1 height 20; the anchor is at 40.
func newClaimWorld(t testing.TB, p *chains.Params) *claimWorld {
	t.Helper()
	w := &claimWorld{p: p, l1: newL1(), terms: peg.Terms{Set: 0, MaxFee: 5000, Script: payTo(7)}, index: 3}
	mark := w.terms.Hash(p)
	vault := refTree(t, refSettle(p.Settlers[0].Keys, p.Settlers[0].K), refRecover(p.Settlers[0].Keys, p.Settlers[0].KR, p.Peg.Recovery),
		append([]byte{0x6a, 0x20}, mark[:]...))
	w.deposit = spending(9, wire.NewTxOut(1234, payTo(1)), wire.NewTxOut(depositSat, vault))
	txs := []*wire.MsgTx{coinbase(1), spending(1, wire.NewTxOut(1, payTo(2))), spending(2, wire.NewTxOut(2, payTo(3))), w.deposit,
		spending(3, wire.NewTxOut(3, payTo(4)))}
	for _, tx := range txs {
		w.txs = append(w.txs, raw(t, tx))
	}
	for range 20 {
		w.l1.extend(spv.Hash{})
	}
	w.seal(t)
	for range 30 {
		w.l1.extend(spv.Hash{})
	}
	w.anchor = w.l1.at(40)
	w.forge(t)
	return w
}

// seal puts the block with the deposit on the best chain.
func (w *claimWorld) seal(t testing.TB) {
	root, _ := merkle.Root(w.ids())
	w.block = w.l1.extend(root)
}

func (w *claimWorld) ids() (ids []spv.Hash) {
	for _, tx := range w.txs {
		ids = append(ids, pow.DoubleSHA256(tx))
	}
	return ids
}

// forge writes the claim, byte by byte as section 4.2 has it.
func (w *claimWorld) forge(t testing.TB) {
	t.Helper()
	branch, err := merkle.NewBranch(w.ids(), w.index)
	if err != nil {
		t.Fatal(err)
	}
	first, err := merkle.NewBranch(w.ids(), 0)
	if err != nil {
		t.Fatal(err)
	}
	item0 := binary.LittleEndian.AppendUint16([]byte{1}, w.terms.Set)
	item0 = append(binary.LittleEndian.AppendUint64(item0, w.terms.MaxFee), w.terms.Script...)
	w.witness = wire.TxWitness{item0, w.txs[w.index], bytes.Clone(w.block.Hash[:]),
		append(binary.LittleEndian.AppendUint32(nil, w.index), hashes(branch)...), w.txs[0], hashes(first)}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: w.deposit.TxHash(), Index: 1 | 1<<30}, Sequence: 0xffffffff, Witness: w.witness})
	tx.AddTxOut(wire.NewTxOut(depositSat*w.p.UnitsPerSat()-4000, w.terms.Script))
	w.claim = tx
}

func hashes(b merkle.Branch) []byte {
	out := []byte{byte(len(b))}
	for _, h := range b {
		out = append(out, h[:]...)
	}
	return out
}

// check parses and judges the world's claim.
func (w *claimWorld) check(rep *spv.Report) error {
	c, err := peg.Parse(w.claim)
	if err != nil {
		return err
	}
	return c.Check(w.p, w.l1, w.anchor, rep)
}
