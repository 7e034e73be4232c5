package consensus

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

// l1Chain is an L1 as a layer sees it: headers with branches, all without work.
type l1Chain struct {
	nodes map[spv.Hash]*l1Node
	best  []spv.Hash
	gone  map[spv.Hash]bool // headers that are not known (yet)
}

type l1Node struct {
	header spv.Header
	at     spv.Block
	txs    []*wire.MsgTx
}

func newL1(genesis spv.Header) *l1Chain {
	c := &l1Chain{nodes: map[spv.Hash]*l1Node{}, gone: map[spv.Hash]bool{}}
	id := genesis.ID()
	c.nodes[id] = &l1Node{header: genesis, at: spv.Block{Hash: id}}
	c.best = []spv.Hash{id}
	return c
}

func (c *l1Chain) tip() spv.Block { return c.nodes[c.best[len(c.best)-1]].at }

// on mines a block on any other; extra makes it differ from its siblings.
func (c *l1Chain) on(prev spv.Block, extra byte, txs ...*wire.MsgTx) spv.Block {
	coinbase := wire.NewMsgTx(2)
	script := append(CoinbaseHeight(prev.Height+1), 3, extra, 0, 0)
	coinbase.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex), script, nil))
	coinbase.AddTxOut(wire.NewTxOut(50, []byte{txscript.OP_TRUE}))
	all := append([]*wire.MsgTx{coinbase}, txs...)
	var ids []spv.Hash
	for _, tx := range all {
		ids = append(ids, tx.TxHash())
	}
	root, _ := merkle.Root(ids)
	var h spv.Header
	binary.LittleEndian.PutUint32(h[0:], 4)
	copy(h[4:], prev.Hash[:])
	copy(h[36:], root[:])
	binary.LittleEndian.PutUint32(h[68:], 1_760_000_000+uint32(prev.Height+1)*10)
	binary.LittleEndian.PutUint32(h[72:], 0x1f00ffff)
	n := &l1Node{header: h, at: spv.Block{Height: prev.Height + 1, Hash: h.ID()}, txs: all}
	c.nodes[n.at.Hash] = n
	return n.at
}

func (c *l1Chain) mine(txs ...*wire.MsgTx) spv.Block {
	b := c.on(c.tip(), 0, txs...)
	c.best = append(c.best, b.Hash)
	return b
}

func (c *l1Chain) Lookup(id spv.Hash) (spv.Block, bool) {
	n, ok := c.nodes[id]
	if !ok || c.gone[id] {
		return spv.Block{}, false
	}
	return n.at, true
}

func (c *l1Chain) Header(id spv.Hash) (spv.Header, bool) {
	n, ok := c.nodes[id]
	if !ok || c.gone[id] {
		return spv.Header{}, false
	}
	return n.header, true
}

func (c *l1Chain) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	for {
		n, ok := c.nodes[id]
		if !ok || c.gone[id] || height < 0 || height > n.at.Height {
			return spv.Block{}, false
		}
		if n.at.Height == height {
			return n.at, true
		}
		id = n.header.Prev()
	}
}

func (c *l1Chain) After(spv.Hash, uint32) (uint32, uint32, bool) { return 0, 0, false }

func (c *l1Chain) OnBest(b spv.Block) bool { return slices.Contains(c.best, b.Hash) }

// world is a chain kept in maps: the naive state that the package is tested against.
type world struct {
	t       testing.TB
	p       *chains.Params
	l1      *l1Chain
	key     *btcec.PrivateKey
	script  []byte // P2WPKH of the key
	coins   map[wire.OutPoint]Coin
	claimed map[wire.OutPoint]bool
	headers []spv.Header
	filter  spv.Hash
	peaks   merkle.Peaks
	supply  Supply
	anchor  *spv.Block
	lost    int64
	subsidy int64

	real *Context // where the state is that of a real block
}

func newWorld(t testing.TB, name string) *world {
	w := &world{t: t, p: testchain.Params(t, name), coins: map[wire.OutPoint]Coin{}, claimed: map[wire.OutPoint]bool{}}
	w.key, _ = btcec.PrivKeyFromBytes(bytes.Repeat([]byte{7}, 32))
	w.script = append([]byte{txscript.OP_0, 20}, btcutil.Hash160(w.key.PubKey().SerializeCompressed())...)
	if w.p.Layer != nil {
		w.l1 = newL1(testchain.Params(t, w.p.Parent).Genesis)
		for range 10 {
			w.l1.mine()
		}
	}
	w.grow(w.p.Genesis)
	return w
}

// clone copies what applying a block changes.
func (w *world) clone() *world {
	c := *w
	c.coins, c.claimed = maps.Clone(w.coins), maps.Clone(w.claimed)
	c.headers = slices.Clone(w.headers)
	return &c
}

func (w *world) Coin(op wire.OutPoint) (*Coin, error) {
	if c, ok := w.coins[op]; ok {
		return &c, nil
	}
	return nil, nil
}

func (w *world) Claimed(op wire.OutPoint) (bool, error) { return w.claimed[op], nil }

func (w *world) grow(h spv.Header) {
	target, _ := spv.ParseTarget(h.Bits())
	if _, err := w.peaks.Append(nil, merkle.Node{Hash: h.ID(), Work: spv.WorkOf(&target)}); err != nil {
		w.t.Fatal(err)
	}
	w.headers = append(w.headers, h)
}

func (w *world) median(height int32) uint32 {
	var times []uint32
	for i := max(height-10, 0); i <= height; i++ {
		times = append(times, w.headers[i].Time())
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func (w *world) tip() spv.Block {
	return spv.Block{Height: int32(len(w.headers) - 1), Hash: w.headers[len(w.headers)-1].ID()}
}

func (w *world) context() *Context {
	if w.real != nil {
		return w.real
	}
	ctx := &Context{Params: w.p, Prev: w.tip(), MedianTime: w.median(w.tip().Height), MedianTimeAt: w.median,
		PrevAnchor: w.anchor, FilterHeader: w.filter, MMRRoot: w.peaks.Root().Hash, Supply: w.supply}
	if w.l1 != nil {
		ctx.L1, ctx.Payer = w.l1, w.l1.best[0]
	}
	return ctx
}

// nextAnchor is what templates name: so deep that one more L1 block may come.
func (w *world) nextAnchor() spv.Block {
	b, _ := w.l1.Ancestor(w.l1.tip().Hash, w.l1.tip().Height-w.p.Layer.AnchorDepth-1)
	return b
}

// block returns a sealed block on the tip whose coinbase takes the subsidy and fees.
func (w *world) block(fees int64, txs ...*wire.MsgTx) *Block {
	height := w.tip().Height + 1
	subsidy, _ := w.p.Subsidy(height)
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex), append(CoinbaseHeight(height), 3, 0, 0, 0), nil))
	coinbase.AddTxOut(wire.NewTxOut(subsidy+fees, w.script))
	b := &Block{Height: height, Txs: append([]*wire.MsgTx{coinbase}, txs...)}
	version := uint32(4)
	if w.l1 != nil {
		version = uint32(w.p.AuxPoW.ChainID)<<16 | 0x104
		c := spv.Commitment{Anchor: w.nextAnchor(), FeeVote: 5, FilterHeader: w.filter, MMRRoot: w.peaks.Root().Hash}
		coinbase.AddTxOut(wire.NewTxOut(0, c.Script()))
		b.Aux = w.aux(w.l1.tip())
	}
	prev := w.tip().Hash
	binary.LittleEndian.PutUint32(b.Header[0:], version)
	copy(b.Header[4:], prev[:])
	binary.LittleEndian.PutUint32(b.Header[68:], w.headers[height-1].Time()+w.p.Spacing())
	binary.LittleEndian.PutUint32(b.Header[72:], w.p.Genesis.Bits())
	seal(b)
	return b
}

// aux is a proof whose parent builds on an L1 block. Its work is not this package's to judge.
func (w *world) aux(under spv.Block) *spv.AuxPoW {
	coinbase, _, err := spv.ParseTx(w.p.GenesisCoinbase)
	if err != nil {
		w.t.Fatal(err)
	}
	a := &spv.AuxPoW{Coinbase: coinbase}
	copy(a.Parent[4:], under.Hash[:])
	return a
}

// seal commits to the witnesses, where there are any, and to the transactions.
func seal(b *Block) {
	sealWitness(b)
	sealRoot(b)
}

func sealWitness(b *Block) {
	coinbase := b.Txs[0]
	coinbase.TxOut = slices.DeleteFunc(coinbase.TxOut, func(o *wire.TxOut) bool { return bytes.HasPrefix(o.PkScript, witnessMagic) })
	coinbase.TxIn[0].Witness = nil
	if !slices.ContainsFunc(b.Txs, (*wire.MsgTx).HasWitness) {
		return
	}
	coinbase.TxIn[0].Witness = wire.TxWitness{make([]byte, 32)}
	ids := make([]spv.Hash, len(b.Txs))
	for i := 1; i < len(ids); i++ {
		ids[i] = b.Txs[i].WitnessHash()
	}
	root, _ := merkle.Root(ids)
	sum := chainhash.DoubleHashB(append(root[:], make([]byte, 32)...))
	coinbase.AddTxOut(wire.NewTxOut(0, append(slices.Clone(witnessMagic), sum...)))
}

func sealRoot(b *Block) {
	var ids []spv.Hash
	for _, tx := range b.Txs {
		ids = append(ids, tx.TxHash())
	}
	root, _ := merkle.Root(ids)
	copy(b.Header[36:], root[:])
}

// accept connects a block that must be valid and applies it.
func (w *world) accept(b *Block) *Delta {
	w.t.Helper()
	d, err := Connect(w.context(), b, w, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(b, d)
	return d
}

func (w *world) apply(b *Block, d *Delta) {
	for _, s := range d.Spent {
		delete(w.coins, s.OutPoint)
	}
	for _, c := range d.Created {
		w.coins[c.OutPoint] = c.Coin
	}
	for _, op := range d.Claims {
		w.claimed[op] = true
	}
	subsidy, _ := w.p.Subsidy(b.Height)
	w.subsidy += subsidy
	w.lost += d.Lost
	w.supply, w.filter, w.anchor = d.Supply, d.FilterHeader, d.Anchor
	w.grow(b.Header)
}

// mature grows the chain by empty blocks.
func (w *world) mature(n int32) {
	w.t.Helper()
	for range n {
		w.accept(w.block(0))
	}
}

// spend spends coins of the world's key to outputs.
func (w *world) spend(in []wire.OutPoint, out ...*wire.TxOut) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	for _, op := range in {
		tx.AddTxIn(wire.NewTxIn(&op, nil, nil))
	}
	tx.TxOut = out
	w.sign(tx, nil)
	return tx
}

// sign signs every input; extra holds coins that the state does not have yet.
func (w *world) sign(tx *wire.MsgTx, extra map[wire.OutPoint]Coin) {
	prev := map[wire.OutPoint]*wire.TxOut{}
	for _, in := range tx.TxIn {
		c, ok := w.coins[in.PreviousOutPoint]
		if !ok {
			c = extra[in.PreviousOutPoint]
		}
		prev[in.PreviousOutPoint] = wire.NewTxOut(c.Value, c.Script)
	}
	hashes := txscript.NewTxSigHashes(tx, txscript.NewMultiPrevOutFetcher(prev))
	for i, in := range tx.TxIn {
		from := prev[in.PreviousOutPoint]
		witness, err := txscript.WitnessSignature(tx, hashes, i, from.Value, w.script, txscript.SigHashAll, w.key, true)
		if err != nil {
			w.t.Fatal(err)
		}
		in.Witness = witness
	}
}

func (w *world) pay(value int64) *wire.TxOut { return wire.NewTxOut(value, w.script) }

// oldest returns the n oldest coins of the key that can be spent in the next block.
func (w *world) oldest(n int) []wire.OutPoint {
	w.t.Helper()
	next := w.tip().Height + 1
	var found []wire.OutPoint
	for op, c := range w.coins {
		if bytes.Equal(c.Script, w.script) && c.Value > 0 && (!c.Coinbase || next-c.Height >= w.p.Maturity(c.Height)) {
			found = append(found, op)
		}
	}
	slices.SortFunc(found, func(a, b wire.OutPoint) int {
		if d := int(w.coins[a].Height - w.coins[b].Height); d != 0 {
			return d
		}
		return bytes.Compare(append(a.Hash[:], byte(a.Index)), append(b.Hash[:], byte(b.Index)))
	})
	if len(found) < n {
		w.t.Fatalf("%d coins at height %d, want %d", len(found), next, n)
	}
	return found[:n]
}

// deposit puts a deposit onto the L1 and returns its evidence.
func (w *world) deposit(terms peg.Terms, value int64) peg.Evidence {
	w.t.Helper()
	vault, err := terms.Vault(w.p)
	if err != nil {
		w.t.Fatal(err)
	}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: w.l1.tip().Hash, Index: uint32(value)}, []byte{txscript.OP_TRUE}, nil))
	tx.AddTxOut(wire.NewTxOut(1234, []byte{txscript.OP_TRUE}))
	tx.AddTxOut(wire.NewTxOut(value, vault.PkScript))
	b := w.l1.mine(tx)
	ids := []spv.Hash{w.l1.nodes[b.Hash].txs[0].TxHash(), tx.TxHash()}
	var raw, first bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		w.t.Fatal(err)
	}
	if err := w.l1.nodes[b.Hash].txs[0].SerializeNoWitness(&first); err != nil {
		w.t.Fatal(err)
	}
	return peg.Evidence{Deposit: raw.Bytes(), Vout: 1, Block: b.Hash, Inclusion: merkle.Inclusion{
		Index: 1, Branch: merkle.Branch{ids[0]}, Coinbase: first.Bytes(), CoinbaseBranch: merkle.Branch{ids[1]}}}
}

// claim returns the claim of a new deposit to the world's key, deep enough to be valid.
func (w *world) claim(value, fee int64) *wire.MsgTx {
	w.t.Helper()
	tx := w.shallowClaim(value, fee)
	for range w.p.Layer.AnchorDepth + 1 + w.p.Layer.ClaimDepth {
		w.l1.mine()
	}
	return tx
}

func (w *world) shallowClaim(value, fee int64) *wire.MsgTx {
	w.t.Helper()
	terms := peg.Terms{MaxFee: uint64(5000 * w.p.UnitsPerSat()), Script: w.script}
	c, err := peg.Build(w.p, terms, w.deposit(terms, value), fee)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Tx()
}

// burn is an output that asks for sat L1 satoshis back.
func (w *world) burn(sat int64) *wire.TxOut {
	w.t.Helper()
	b := peg.Burn{Script: w.script, MaxFee: 500, Amount: sat}
	out, err := b.Output(w.p, w.l1.best[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func sha(b []byte) []byte { return chainhash.HashB(b) }
