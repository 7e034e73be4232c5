package chain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/store/boltfile"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
)

// ParkDepth and ParkGap are the policy of protocol.md 3.2, in L1 blocks.
const (
	ParkDepth = 72
	ParkGap   = 36
)

// Options are what the rules leave open.
type Options struct {
	// ParkDepth parks branches of a layer whose anchor at the fork is more than so many
	// L1 blocks below the best block's; 0: none. An L1 parks nothing.
	ParkDepth int32
	// ParkGap parks branches of a layer from a block on whose anchor is more than so many
	// L1 blocks above the last one's; 0: none.
	ParkGap int32
	// FlushBlocks and FlushBytes are how many blocks, and roughly how much memory, may
	// gather before the database is written; 0: 1,000 blocks, 8 MiB. All blocks since
	// are connected again after a kill.
	FlushBlocks int
	FlushBytes  int
	// ScriptsBelow is the height up to which scripts are not run; 0: all are.
	ScriptsBelow int32
	// SigCache remembers what was found to be signed rightly; nil: nothing.
	SigCache *consensus.SigCache
}

// ParentSource is the L1 that a layer is merge-mined with; *Chain is one. It is asked from
// the goroutines that use the layer. All branches count as known, not only the best one.
type ParentSource interface {
	consensus.L1View
	NetID() spv.Hash // genesis id
}

const (
	databaseName = "chain.db"
	// lockWait is how long another process may take to let go of the database.
	lockWait = 200 * time.Millisecond
	// signsOfLife is how old a block's time may be for Accept to make the block durable
	// at once, seconds. Older blocks come from peers, who can be asked again.
	signsOfLife = 7200
)

// ErrInUse: another process has the chain's folder open.
var ErrInUse = boltfile.ErrInUse

// Damage says that a database of a node, a chain's or a settler's journal, is damaged, and what to do.
type Damage = boltfile.Damage

// errRecords: the database can be read, but not everything in it can be what was written.
var errRecords = errors.New("records")

// damagedHint is what an operator can do about a damaged database: the block files hold what it is made of.
const damagedHint = "stop the node and move " + databaseName + " away: it is made again from the block files, and what they " +
	"do not hold is fetched again from peers"

// Chain is the state of one chain. One goroutine calls the methods that change it
// (Accept, AcceptHeaders, ParentMoved, Agree, Shun, Readmit, Flush, Close), all others may be called
// from any goroutine meanwhile; they wait while a block is being judged. A layer asks its parent while it holds its own lock; a
// chain never asks its layers.
type Chain struct {
	params  *chains.Params
	parent  ParentSource // nil for an L1
	options Options

	mu       sync.RWMutex
	db       database
	blocks   *blockFiles
	dirt     *dirt
	byID     map[spv.Hash]*entry
	active   []*entry // the best chain, by height
	best     *entry   // most work of all headers that are neither invalid nor barred, the first seen among equals
	seq      uint64
	leaves   map[*entry]struct{} // complete entries that may have no complete one on top
	waiting  map[*entry][]*entry // held, by the entry below, which is not complete
	stalled  []*entry            // pending ones
	parked   map[*entry]struct{} // tips of the branches that policy held back at the last choice
	pool     pool
	mountain merkle.MMR // layers: over the best chain's headers
	refused  []*BlockError
	fresh    []spv.Sealed // see Resealed
	late     []spv.Sealed // seals to be, over L1 blocks that are not known yet; neighbours tell of them again after a restart
	reseals  int          // see Reseals
}

// Open opens the state of one chain in a folder of its own, made if it is not there.
// Parent is the chain that a layer is merge-mined with and outlives it; nil for an L1.
// Blocks that were accepted after the last flush are connected again.
func Open(dir string, params *chains.Params, parent ParentSource, options Options) (*Chain, error) {
	fail := func(err error) (*Chain, error) {
		return nil, fmt.Errorf("chain %s in %s: %w", params.Name, dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	path := filepath.Join(dir, databaseName)
	db, err := boltfile.Open(path, damagedHint, bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return fail(err)
	}
	c, err := open(db, diskFolder(dir), params, parent, options)
	if err != nil {
		if damage := (*Damage)(nil); errors.Is(err, errRecords) && !errors.As(err, &damage) {
			err = &Damage{Path: path, Reason: err, Hint: damagedHint}
		}
		return fail(errors.Join(err, db.Close()))
	}
	return c, nil
}

func open(db database, dir folder, params *chains.Params, parent ParentSource, options Options) (*Chain, error) {
	if params.Kind == chains.AuxPoW {
		return nil, errors.New("a merge-mined chain under its own rules: want an L1 or a layer")
	}
	if (parent == nil) == params.Kind.Layered() {
		return nil, fmt.Errorf("kind %s: a layer needs its parent chain, an L1 has none", params.Kind)
	}
	if options.FlushBlocks == 0 {
		options.FlushBlocks = 1000
	}
	if options.FlushBytes == 0 {
		options.FlushBytes = 8 << 20
	}
	c := &Chain{
		params: params, parent: parent, options: options, db: db, dirt: newDirt(), byID: map[spv.Hash]*entry{},
		leaves: map[*entry]struct{}{}, waiting: map[*entry][]*entry{}, parked: map[*entry]struct{}{}, pool: newPool(),
	}
	if err := prepare(db, params.NetID()); err != nil {
		return nil, err
	}
	at, err := c.load()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecords, err)
	}
	if c.blocks, err = openBlocks(dir, fileLimit, uint32(consensus.MaxBlock(params)), at.files); err != nil {
		return nil, err
	}
	if err := c.replay(); err != nil {
		return nil, errors.Join(err, c.blocks.close())
	}
	return c, nil
}

// Close writes what is in memory and lets go of the folder.
func (c *Chain) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.flush(), c.blocks.close(), c.db.Close())
}

// Flush makes everything durable, also against a loss of power. After it, opening the
// chain has nothing to connect again.
func (c *Chain) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flush()
}

// flush makes the blocks durable, then names them.
func (c *Chain) flush() error {
	if err := c.blocks.sync(); err != nil {
		return err
	}
	if err := c.dirt.write(c.db, position{tip: c.tip().id, files: c.blocks.end, seq: c.seq}); err != nil {
		return fmt.Errorf("chain %s: %w", c.params.Name, err)
	}
	c.dirt = newDirt()
	return nil
}

func (c *Chain) tip() *entry { return c.active[len(c.active)-1] }

// onActive tells whether an entry is on the best chain.
func (c *Chain) onActive(e *entry) bool {
	return int(e.height) < len(c.active) && c.active[e.height] == e
}
