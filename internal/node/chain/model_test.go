package chain

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/btcutil/gcs/builder"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
)

// model knows nothing but blocks, and works everything out from genesis each time.
type model struct {
	genesis *made
	order   []*made // blocks that the chain holds, as they were accepted
	seq     map[*made]int
	heads   map[*made]spv.Hash // filter headers, by block
}

func newModel(genesis *made) *model {
	return &model{genesis: genesis, order: []*made{genesis}, seq: map[*made]int{genesis: 0}, heads: map[*made]spv.Hash{}}
}

func (m *model) accept(b *made) {
	if _, ok := m.seq[b]; !ok {
		m.seq[b] = len(m.order)
		m.order = append(m.order, b)
	}
}

// follows tells whether a block and all below it are held, valid and, if asked, eligible.
func (m *model) follows(b *made, eligible func(*made) bool) bool {
	for ; b.prev != nil; b = b.prev {
		if _, ok := m.seq[b]; !ok || b.bad || eligible != nil && !eligible(b) {
			return false
		}
	}
	return true
}

// tip is the block that the chain should be at.
func (m *model) tip(eligible func(*made) bool) *made {
	best, most := m.genesis, totalWork(m.genesis)
	for _, b := range m.order[1:] {
		if w := totalWork(b); w.Gt(most) && m.follows(b, eligible) {
			best, most = b, w
		}
	}
	return best
}

// coins are the outputs that are unspent after a block, by the book: all outputs made on
// the branch but for genesis's and those that cannot be spent, less all inputs.
func (m *model) coins(b *made) map[wire.OutPoint]consensus.Coin {
	set := map[wire.OutPoint]consensus.Coin{}
	for _, b := range b.branch()[1:] {
		h := b.height
		for i, tx := range b.txs {
			for _, in := range tx.TxIn {
				delete(set, in.PreviousOutPoint)
			}
			id := tx.TxHash()
			for n, out := range tx.TxOut {
				if len(out.PkScript) == 0 || out.PkScript[0] != 0x6a {
					set[wire.OutPoint{Hash: id, Index: uint32(n)}] = consensus.Coin{
						Value: out.Value, Script: out.PkScript, Height: h, Coinbase: i == 0,
					}
				}
			}
		}
	}
	return set
}

// filterHeader is BIP157's, by btcd's filter builder.
func (m *model) filterHeader(t testing.TB, b *made) spv.Hash {
	if head, ok := m.heads[b]; ok {
		return head
	}
	var below spv.Hash
	scripts := [][]byte{}
	if b.prev != nil {
		below = m.filterHeader(t, b.prev)
		outs := map[wire.OutPoint][]byte{}
		for at := b; at != nil; at = at.prev {
			for _, tx := range at.txs {
				id := tx.TxHash()
				for n, out := range tx.TxOut {
					outs[wire.OutPoint{Hash: id, Index: uint32(n)}] = out.PkScript
				}
			}
		}
		for _, tx := range b.txs[1:] {
			for _, in := range tx.TxIn {
				if script, ok := outs[in.PreviousOutPoint]; ok {
					scripts = append(scripts, script)
				}
			}
		}
	}
	block := &wire.MsgBlock{Transactions: b.txs}
	check(t, block.Header.Deserialize(bytes.NewReader(b.header[:])))
	f, err := builder.BuildBasicFilter(block, scripts)
	check(t, err)
	head, err := builder.MakeHeaderForFilter(f, chainhash.Hash(below))
	check(t, err)
	m.heads[b] = head
	return head
}

// mmr is the root over all headers up to a block.
func (m *model) mmr(t testing.TB, b *made) spv.Hash {
	var r merkle.MMR
	for _, at := range b.branch() {
		target, _ := spv.ParseTarget(at.header.Bits())
		check(t, r.Append(merkle.Node{Hash: at.id, Work: spv.WorkOf(&target)}))
	}
	return r.Root().Hash
}

// audit compares everything that a chain says with what the model works out for its tip.
func (m *model) audit(t testing.TB, c *Chain, tip *made) {
	t.Helper()
	if c.Tip() != tip.ref() {
		t.Fatalf("tip %s, want %s", c.Tip(), tip.ref())
	}
	if work := c.Work(); work != *totalWork(tip) {
		t.Fatalf("work %s, want %s", work.Hex(), totalWork(tip).Hex())
	}
	want, got := m.coins(tip), stored(t, c)
	for op, coin := range got {
		if w, ok := want[op]; !ok || w.Value != coin.Value || !bytes.Equal(w.Script, coin.Script) || w.Height != coin.Height || w.Coinbase != coin.Coinbase {
			t.Fatalf("coin %s at %s: %+v, want %+v", op, tip.ref(), coin, w)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d coins at %s, want %d", len(got), tip.ref(), len(want))
	}
	if c.params.Layer != nil && c.MMRRoot() != m.mmr(t, tip) {
		t.Fatalf("mountain range at %s differs", tip.ref())
	}
	for b := tip; b != nil; b = b.prev {
		if at, ok := c.BlockAt(b.height); !ok || at != b.ref() {
			t.Fatalf("block at %d is %s, want %s", b.height, at, b.ref())
		}
		if head, err := c.FilterHeader(b.height); err != nil || head != m.filterHeader(t, b) {
			t.Fatalf("filter header of %s: %s, %v", b.ref(), head, err)
		}
		raw, err := c.Block(b.id)
		if err != nil || !bytes.Equal(raw, b.raw) {
			t.Fatalf("block %s: %d bytes, %v", b.ref(), len(raw), err)
		}
	}
	for h := range c.dirt.tallies {
		if h > tip.height && (c.dirt.tallies[h] != nil || c.dirt.filters[h] != nil || c.dirt.undo[h] != nil) {
			t.Fatalf("height %d above the tip at %d is to be written", h, tip.height)
		}
	}
	for _, bucket := range [][]byte{undoBucket, filtersBucket, talliesBucket} {
		m.noneAbove(t, c, bucket, tip.height)
	}
}

// noneAbove checks that nothing is left of blocks that were undone.
func (m *model) noneAbove(t testing.TB, c *Chain, bucket []byte, height int32) {
	t.Helper()
	check(t, c.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(k, _ []byte) error {
			h := int32(k[0])<<24 | int32(k[1])<<16 | int32(k[2])<<8 | int32(k[3])
			if tally, dirty := c.dirt.tallies[h]; h > height && (!dirty || tally != nil) {
				t.Fatalf("%s holds height %d above the tip at %d", bucket, h, height)
			}
			return nil
		})
	}))
}

// stored reads all coins: the database's, and what has changed since.
func stored(t testing.TB, c *Chain) map[wire.OutPoint]consensus.Coin {
	t.Helper()
	set := map[wire.OutPoint]consensus.Coin{}
	check(t, c.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(coinsBucket).ForEach(func(k, v []byte) error {
			coin, _, err := consensus.ParseCoin(v)
			check(t, err)
			set[wire.OutPoint{Hash: spv.Hash(k), Index: uint32(k[32])<<24 | uint32(k[33])<<16 | uint32(k[34])<<8 | uint32(k[35])}] = *coin
			return nil
		})
	}))
	for op, d := range c.dirt.coins {
		if delete(set, op); d.coin != nil {
			set[op] = *d.coin
		}
	}
	return set
}
