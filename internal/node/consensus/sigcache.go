package consensus

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/spv"
)

// SigCache remembers transactions whose scripts have passed, so that a block does not pay
// again for what the mempool has paid for. It never remembers a failure. It is safe for
// concurrent use, and a nil *SigCache remembers nothing.
//
// A transaction's witness id fixes its inputs, their witnesses and, through the ids of the
// transactions that they spend, the scripts and amounts they are judged by: id and flags
// are all that the outcome depends on.
type SigCache struct {
	salt [32]byte
	half int // entries in one generation
	sigs *txscript.SigCache

	mu         sync.Mutex
	young, old map[[32]byte]struct{}
}

// NewSigCache returns a cache of at most entries transactions and as many signatures. The
// salt is random and secret, so that nobody can aim at an entry.
func NewSigCache(entries int, salt [32]byte) *SigCache {
	half := max(entries/2, 1)
	return &SigCache{salt: salt, half: half, sigs: txscript.NewSigCache(uint(max(entries, 1))),
		young: map[[32]byte]struct{}{}, old: map[[32]byte]struct{}{}}
}

// signatures returns the cache of single signatures for the script engine.
func (c *SigCache) signatures() *txscript.SigCache {
	if c == nil {
		return nil
	}
	return c.sigs
}

func (c *SigCache) key(wtxid *spv.Hash, flags txscript.ScriptFlags) [32]byte {
	var b [32 + 32 + 4]byte
	copy(b[:], c.salt[:])
	copy(b[32:], wtxid[:])
	binary.LittleEndian.PutUint32(b[64:], uint32(flags))
	return sha256.Sum256(b[:])
}

// has tells whether the transaction's scripts have passed under the flags.
func (c *SigCache) has(wtxid *spv.Hash, flags txscript.ScriptFlags) bool {
	if c == nil {
		return false
	}
	k := c.key(wtxid, flags)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[k]; ok {
		return true
	}
	_, ok := c.old[k]
	if ok {
		c.insert(k) // what is asked for stays
	}
	return ok
}

// add remembers that they have.
func (c *SigCache) add(wtxid *spv.Hash, flags txscript.ScriptFlags) {
	if c == nil {
		return
	}
	k := c.key(wtxid, flags)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.insert(k)
}

// insert puts a key into the young generation; a full one becomes the old one, whose
// entries are forgotten.
func (c *SigCache) insert(k [32]byte) {
	if len(c.young) >= c.half {
		c.young, c.old = make(map[[32]byte]struct{}, c.half), c.young
	}
	c.young[k] = struct{}{}
}
