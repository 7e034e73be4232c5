package simnet

import (
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Disk is a store in memory that panics when it is told what cannot be.
type Disk struct {
	headers []spv.Header // from genesis on
	from    int32        // height of the first filter
	filters [][]byte
	heads   []spv.Hash
	doubts  map[int32]bool
	Hearsay syncer.Hearsay // what the machine said last
}

// NewDisk returns a store that holds genesis only.
func NewDisk(genesis spv.Header) *Disk {
	return &Disk{headers: []spv.Header{genesis}, doubts: map[int32]bool{}}
}

// Headers returns n headers from a height on.
func (d *Disk) Headers(height, n int32) ([]spv.Header, error) {
	if height < 0 || int(height+n) > len(d.headers) {
		return nil, fmt.Errorf("headers %d to %d of %d", height, height+n-1, len(d.headers))
	}
	return d.headers[height : height+n], nil
}

// Filter returns the filter at a height.
func (d *Disk) Filter(height int32) ([]byte, bool) {
	if height < d.from || height > d.FiltersTo() || d.from == 0 {
		return nil, false
	}
	return d.filters[height-d.from], true
}

// FilterHeader returns the filter header at a height.
func (d *Disk) FilterHeader(height int32) (spv.Hash, bool) {
	if height < d.from || height > d.FiltersTo() || d.from == 0 {
		return spv.Hash{}, false
	}
	return d.heads[height-d.from], true
}

// FiltersTo returns the height of the last filter.
func (d *Disk) FiltersTo() int32 { return d.from + int32(len(d.filters)) - 1 }

// Tree returns a tree that goes on from the stored headers.
func (d *Disk) Tree(rules *spv.Rules) *spv.Tree {
	target, _ := spv.ParseTarget(rules.Genesis.Bits())
	t, err := spv.NewTreeAt(rules, d.headers, 0, spv.WorkOf(&target))
	must(err)
	t.Rooted = true
	return t
}

// Window returns a tree as a real store makes it: of what the rules look back at and may undo.
func (d *Disk) Window(rules *spv.Rules) *spv.Tree {
	target, _ := spv.ParseTarget(rules.Genesis.Bits())
	own := spv.WorkOf(&target)
	first := max(0, len(d.headers)-1-int(rules.Lookback()+rules.ReorgLimit))
	work := new(uint256.Int).Mul(&own, uint256.NewInt(uint64(first)+1)) // all blocks have the same
	t, err := spv.NewTreeAt(rules, d.headers[first:], int32(first), *work)
	must(err)
	t.Rooted = true
	return t
}

func (d *Disk) apply(c spv.Change) {
	d.headers = append(d.headers[:len(d.headers)-c.Undo:len(d.headers)-c.Undo], c.Headers...)
	if c.Undo > 0 {
		d.cut(int32(len(d.headers)-len(c.Headers)) - 1)
	}
}

// Doubts returns the heights of all that the machine doubted.
func (d *Disk) Doubts() []int32 { return slices.Sorted(maps.Keys(d.doubts)) }

func (d *Disk) cut(to int32) {
	maps.DeleteFunc(d.doubts, func(h int32, _ bool) bool { return h > to })
	if n := max(0, int(to-d.from)+1); n < len(d.filters) {
		d.filters, d.heads = d.filters[:n], d.heads[:n]
	}
}

func (d *Disk) storeFilters(s syncer.StoreFilters) {
	if len(d.filters) == 0 {
		d.from = s.From
	}
	if s.From != d.FiltersTo()+1 || len(s.Headers) != len(s.Filters) || int(s.From)+len(s.Filters) > len(d.headers) {
		panic(fmt.Sprintf("simnet: filters from %d, %d of them, after %d and %d headers", s.From, len(s.Filters), d.FiltersTo(), len(d.headers)))
	}
	d.filters, d.heads = append(d.filters, s.Filters...), append(d.heads, s.Headers...)
}

// Wallet stands in for a wallet: scripts in a row, of which it watches some beyond the last
// that was used, and what it was told of.
type Wallet struct {
	Birthday int32
	Gap      int64
	Found    map[spv.Hash]spv.Block // transactions, and where they are
	Cursor   int32
	Calls    int
	used     int64 // scripts below this were paid to
	scripts  map[string]int64
	coins    map[wire.OutPoint]bool
}

// NewWallet returns a wallet that knows of nothing.
func NewWallet(birthday int32, gap int64) *Wallet {
	return &Wallet{Birthday: birthday, Gap: gap, Cursor: birthday - 1, Found: map[spv.Hash]spv.Block{}, coins: map[wire.OutPoint]bool{}, scripts: map[string]int64{}}
}

// Watch returns what the wallet says when a machine starts.
func (w *Wallet) Watch() syncer.Watch {
	w.derive()
	in := syncer.Watch{From: w.Cursor + 1}
	for n := range int64(len(w.scripts)) {
		in.Scripts = append(in.Scripts, Script(n))
	}
	for c := range w.coins {
		in.Coins = append(in.Coins, c)
	}
	return in
}

// derive makes new scripts up to the gap and returns them.
func (w *Wallet) derive() (fresh [][]byte) {
	for n := int64(len(w.scripts)); n < w.used+w.Gap; n++ {
		s := Script(n)
		w.scripts[string(s)] = n
		fresh = append(fresh, s)
	}
	return fresh
}

// found takes a block, and returns what is to be watched besides from now on.
func (w *Wallet) found(f syncer.Found) (syncer.Watch, bool) {
	w.Calls++
	if f.Block.Height <= w.Cursor {
		panic(fmt.Sprintf("simnet: found block %s after all up to %d was scanned", f.Block, w.Cursor))
	}
	for _, tx := range f.Txs {
		id := tx.TxHash()
		w.Found[id] = f.Block
		for i, out := range tx.TxOut {
			if n, ours := w.scripts[string(out.PkScript)]; ours {
				w.coins[wire.OutPoint{Hash: id, Index: uint32(i)}] = true
				w.used = max(w.used, n+1)
			}
		}
	}
	in := syncer.Watch{From: f.Block.Height, Scripts: w.derive()}
	return in, len(in.Scripts) > 0
}

func (w *Wallet) rewind(fork int32) {
	maps.DeleteFunc(w.Found, func(_ spv.Hash, b spv.Block) bool { return b.Height > fork })
	w.Cursor = min(w.Cursor, max(fork, w.Birthday-1))
}

// Truth returns what a wallet with these scripts must have found in the end: every
// transaction from a height on that pays to one of the first n scripts, or spends what
// was paid to one from that height on.
func (l Ledger) Truth(birthday int32, n int64) map[spv.Hash]spv.Block {
	truth := map[spv.Hash]spv.Block{}
	coins := map[wire.OutPoint]bool{}
	ours := map[string]bool{}
	for i := range n {
		ours[string(Script(i))] = true
	}
	for i, b := range l {
		if int32(i)+1 < birthday {
			continue
		}
		for _, tx := range b.Txs() {
			id := tx.TxHash()
			at := spv.Block{Height: int32(i) + 1, Hash: b.ID}
			for _, in := range tx.TxIn {
				if coins[in.PreviousOutPoint] {
					truth[id] = at
				}
			}
			for j, out := range tx.TxOut {
				if ours[string(out.PkScript)] {
					truth[id] = at
					coins[wire.OutPoint{Hash: id, Index: uint32(j)}] = true
				}
			}
		}
	}
	return truth
}
