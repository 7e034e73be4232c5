package mempool

import (
	"sync"
	"time"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool/recent"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// What a pool holds if nothing else is said.
const (
	DefaultBytes  = 300_000_000
	DefaultExpiry = 336 * time.Hour
)

// maxRefused is how many refused transactions are remembered.
const maxRefused = 40_000

// Chain is the state that a pool is on top of; *chain.Chain is one.
type Chain interface {
	consensus.View
	Next() (*consensus.Context, error)
}

// Config says what a pool is for.
type Config struct {
	Params *chains.Params
	Chain  Chain
	// L1 names the best block of a layer's L1; nil on an L1.
	L1 interface{ Tip() spv.Block }
	// Payer is the genesis hash of the L1 that pays a pegged layer's burns.
	Payer spv.Hash
	Cache *consensus.SigCache // remembers scripts for the blocks to come; may be nil
	// Bytes bounds the memory of the transactions, roughly; 0: DefaultBytes.
	Bytes int64
	// Expiry is how long a transaction may wait; 0: DefaultExpiry.
	Expiry time.Duration
	// AnyForm takes forms that are not standard, and scripts by consensus rules only.
	AnyForm bool
}

// Pool is the mempool of one chain. Its methods may be called from any goroutine. It asks
// the chain while it holds its lock; the chain never asks it.
type Pool struct {
	params  *chains.Params
	chain   Chain
	l1      interface{ Tip() spv.Block }
	payer   spv.Hash
	cache   *consensus.SigCache
	most    int64
	expiry  time.Duration
	anyForm bool

	mu      sync.Mutex
	byID    map[spv.Hash]*entry
	byWID   map[spv.Hash]*entry
	spent   map[wire.OutPoint]*entry
	worst   evictions // heap: what is evicted first
	order   []turn    // as they came; nil where one is gone
	gone    int       // entries of order that are nil
	seq     uint64
	used    int64 // bytes, see cost
	size    int64 // virtual bytes
	fees    int64
	floor   floor
	refused *recent.Set // by witness id, until the tip moves
	orphans orphans     // wait for their parents
	pending orphans     // claims that wait for L1 blocks
}

// turn is a place in the order in which transactions came.
type turn struct {
	seq   uint64
	entry *entry
}

// New returns an empty pool.
func New(cfg Config) *Pool {
	p := &Pool{params: cfg.Params, chain: cfg.Chain, l1: cfg.L1, payer: cfg.Payer, cache: cfg.Cache,
		most: cfg.Bytes, expiry: cfg.Expiry, anyForm: cfg.AnyForm, refused: recent.New(maxRefused),
		orphans: orphans{most: maxOrphans, bytes: orphanBytes}, pending: orphans{most: maxPending, bytes: pendingBytes}}
	if p.most == 0 {
		p.most = DefaultBytes
	}
	if p.expiry == 0 {
		p.expiry = DefaultExpiry
	}
	p.empty()
	return p
}

// empty takes every transaction out.
func (p *Pool) empty() {
	p.byID, p.byWID, p.spent = map[spv.Hash]*entry{}, map[spv.Hash]*entry{}, map[wire.OutPoint]*entry{}
	p.worst, p.order, p.gone = nil, nil, 0
	p.used, p.size, p.fees = 0, 0, 0
}

// place returns what a transaction is judged for: the next block, by the rules that decide
// about what is passed on.
func (p *Pool) place() (*consensus.TxContext, error) {
	next, err := p.chain.Next()
	if err != nil {
		return nil, err
	}
	ctx := next.ForTx(p.anchor(next))
	if !p.anyForm {
		ctx.Flags = txscript.ScriptFlags(consensus.StandardFlags)
	}
	return ctx, nil
}

// anchor returns what the next block would name as its anchor. While the L1 is between two
// branches no block can be made: then the last anchor is as good as any.
func (p *Pool) anchor(next *consensus.Context) spv.Block {
	if p.params.Layer == nil {
		return spv.Block{}
	}
	last := spv.Block{Hash: next.Payer}
	if next.PrevAnchor != nil {
		last = *next.PrevAnchor
	}
	if anchor, err := template.Anchor(next.L1, p.l1.Tip(), p.params.Layer, last); err == nil {
		return anchor
	}
	return last
}

// view is the chain's state with the pool's own coins, and those of an offer, on top.
type view struct {
	pool  *Pool
	made  map[spv.Hash]*wire.MsgTx
	next  int32 // height of the block that would hold them
	coins map[wire.OutPoint]*consensus.Coin
}

func (p *Pool) view(next int32) *view {
	return &view{pool: p, next: next, made: map[spv.Hash]*wire.MsgTx{}, coins: map[wire.OutPoint]*consensus.Coin{}}
}

// Coin returns an output that a transaction may spend, be it spent in the pool or not.
func (v *view) Coin(op wire.OutPoint) (*consensus.Coin, error) {
	tx := v.made[op.Hash]
	if e := v.pool.byID[op.Hash]; tx == nil && e != nil {
		tx = e.tx
	}
	if tx != nil {
		if op.Index >= uint32(len(tx.TxOut)) || !consensus.Spendable(tx.TxOut[op.Index].PkScript) {
			return nil, nil
		}
		out := tx.TxOut[op.Index]
		return &consensus.Coin{Value: out.Value, Script: out.PkScript, Height: v.next}, nil
	}
	if c, ok := v.coins[op]; ok {
		return c, nil
	}
	c, err := v.pool.chain.Coin(op)
	if err == nil {
		v.coins[op] = c
	}
	return c, err
}

// Claimed tells whether a deposit has been claimed in the chain. Claims of one deposit in
// the pool conflict as spends of one outpoint.
func (v *view) Claimed(op wire.OutPoint) (bool, error) { return v.pool.chain.Claimed(op) }
