package nodeapi

import (
	"context"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/auxblock"
	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// Chain is the state of one chain; *chain.Chain is one.
type Chain interface {
	consensus.View
	Params() *chains.Params
	Tip() spv.Block
	BestHeader() (spv.Block, []spv.Hash)
	BlockAt(height int32) (spv.Block, bool)
	Lookup(id spv.Hash) (spv.Block, bool)
	Ancestor(id spv.Hash, height int32) (spv.Block, bool)
	After(id spv.Hash, time uint32) (bits, median uint32, ok bool)
	OnBest(b spv.Block) bool
	Header(id spv.Hash) (spv.Header, bool)
	Block(id spv.Hash) ([]byte, error)
	Branches() []chain.Branch
	Work() uint256.Int
	WorkAt(id spv.Hash) (uint256.Int, bool)
	MedianTime() uint32
	NextBits(time uint32) uint32
	Next() (*consensus.Context, error)
	Filter(height int32) ([]byte, error)
	FilterHeader(height int32) (spv.Hash, error)
	Supply() (consensus.Supply, error)
	Tally(height int32) (chain.Tally, error)
	Seal(height int32) (spv.Block, bool, error)
	Size() (int64, error)
}

// Pool is the mempool of a chain; *mempool.Pool is one.
type Pool interface {
	Test(now time.Time, txs ...*wire.MsgTx) ([]mempool.Facts, error)
	Get(id spv.Hash) (*wire.MsgTx, mempool.Facts, bool)
	SpentBy(op wire.OutPoint) (spv.Hash, bool)
	All() []mempool.Facts
	Stats(now time.Time) mempool.Stats
}

// Loop is the one that owns a chain: what changes it goes through here, and is announced to peers.
type Loop interface {
	// Block takes a block as it travels, as chain.Chain.Accept does.
	Block(ctx context.Context, raw []byte) (chain.Result, error)
	// Tx takes a transaction of our own, as mempool.Pool.Add does.
	Tx(ctx context.Context, tx *wire.MsgTx) (mempool.Result, error)
	// Whisper tells one peer of a transaction that the mempool would take, and returns whom. Address is the peer's; empty: any.
	Whisper(ctx context.Context, tx *wire.MsgTx, address string) (string, error)
	// Candidates returns the tip, and the mempool's transactions for a block on top of it, both of one moment.
	Candidates(ctx context.Context) (spv.Block, []template.Candidate, error)
	// Agree is the operator's word that a parked branch may be followed, as chain.Chain.Agree.
	Agree(ctx context.Context, id spv.Hash) (chain.Moved, error)
	// Shun leaves a block and all above it, and Readmit takes that back, as chain.Chain does.
	Shun(ctx context.Context, id spv.Hash) (chain.Moved, error)
	Readmit(ctx context.Context, id spv.Hash) (chain.Moved, error)
}

// Miner searches for blocks.
type Miner interface {
	// Generate mines blocks on top of the tip that pay to a script, one after another, and returns their ids.
	Generate(ctx context.Context, blocks int, payout []byte) ([]spv.Hash, error)
	// HashRate returns hashes per second of the last seconds; 0 where nobody mines.
	HashRate() float64
}

// Peers are a chain's connections.
type Peers interface {
	All() []Peer
	// Add keeps an address host:port connected; once tries it a single time.
	Add(ctx context.Context, address string, once bool) error
	// Remove no longer keeps an address connected.
	Remove(ctx context.Context, address string) error
	// Disconnect ends a connection.
	Disconnect(ctx context.Context, id int32) error
	// Ban leaves a host, an address without port, alone until a time; Unban lets it come back.
	Ban(ctx context.Context, host string, until time.Time) error
	Unban(ctx context.Context, host string) error
	Bans(ctx context.Context) ([]Ban, error)
	// Totals are bytes since the start.
	Totals() (received, sent uint64)
}

// Peer is one connection.
type Peer struct {
	ID             int32
	Address        string
	Inbound        bool
	Services       uint64
	Version        uint32 // protocol version
	Agent          string
	Height         int32 // that it announced when it connected
	Relay          bool  // it wants to hear of transactions
	FeeFilter      int64 // base units per 1000 virtual bytes
	Since          time.Time
	Received, Sent uint64 // bytes
	LastReceived   time.Time
	LastSent       time.Time
	Ping, Quickest time.Duration // 0: not known
	Unanswered     time.Duration // since a ping that has no answer yet; 0: there is none
	Named          bool          // somebody named it
	Encrypted      bool          // BIP324
}

// Ban is a host that is left alone.
type Ban struct {
	Host  string
	Until time.Time
	Cause string
}

// Node is what runs for one chain. Chain, Clock and Synced must be there; methods for which a part is nil answer that it is
// not running.
type Node struct {
	Chain Chain
	Pool  Pool
	Loop  Loop
	Miner Miner
	Peers Peers
	Aux   *auxblock.Registry // layers
	// Settlement is that of a pegged layer whose L1 runs here in full; nil elsewhere.
	Settlement Settlement
	Payout     []byte // of getauxblock, which names no address; may be empty
	Agent      string // our user agent
	// Services are what we offer to peers (BIP14 bits).
	Services uint64
	Synced   func() bool
	// News returns a channel that is closed when the tip has moved; nil: nobody can wait for that.
	News  func() <-chan struct{}
	Clock func() time.Time
}

// Stand tells where the chain stands.
func (n *Node) Stand() rpc.Stand {
	tip := n.Chain.Tip()
	best, _ := n.Chain.BestHeader()
	h, _ := n.Chain.Header(tip.Hash)
	s := rpc.Stand{Chain: n.Chain.Params().Name, Height: tip.Height, Best: max(best.Height, tip.Height), Age: rpc.Age(n.Clock(), h.Time()),
		Synced: n.Synced()}
	if n.Peers != nil {
		s.Peers = len(n.Peers.All())
	}
	return s
}

// State is what every answer says of its worth, in the header Lamina-State.
type State struct {
	Tip      spv.Block `json:"tip"`
	Age      int64     `json:"age"`      // seconds since the tip's time
	Verified bool      `json:"verified"` // every rule was applied to every block, and no better header is known
	Peers    int       `json:"peers"`
}

// State returns the worth of an answer about the chain.
func (n *Node) State() State {
	s := n.Stand()
	return State{Tip: n.Chain.Tip(), Age: s.Age, Verified: s.Synced, Peers: s.Peers}
}

// Find returns the node of a chain; an empty name means the default one. The error is the caller's to word.
type Find func(chain string) (*Node, error)

type method func(ctx context.Context, n *Node, c *rpc.Call) (any, error)

// on makes a method of one that is about a chain.
func (f Find) on(m method) func(context.Context, *rpc.Call) (any, error) {
	return func(ctx context.Context, c *rpc.Call) (any, error) {
		n, err := f(c.Chain)
		if err != nil {
			return nil, rpc.Errorf(rpc.InvalidParameter, "%v", err)
		}
		return m(ctx, n, c)
	}
}

// Methods returns all methods of a node.
func Methods(find Find) []rpc.Method {
	var all []rpc.Method
	for _, list := range [][]rpc.Method{chainMethods(find), proofMethods(find), txMethods(find), poolMethods(find), miningMethods(find), auxMethods(find),
		peerMethods(find), textMethods(find), settleMethods(find)} {
		all = append(all, list...)
	}
	return all
}

// off is the answer of a part that is not running.
func off(part string) error { return rpc.Errorf(rpc.Unavailable, "%s: not running", part) }
