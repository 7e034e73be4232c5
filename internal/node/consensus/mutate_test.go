package consensus

import (
	"bytes"
	"errors"
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// TestMutatedBytes flips bits all over a block's transactions. Unsealed, none of it passes;
// sealed again, nothing panics, and the few changes that a miner is free to make keep the
// books.
func TestMutatedBytes(t *testing.T) {
	layer, claims := spoiledLayer(t, "dev-native")
	l1, plain := spoiledL1(t)
	for _, c := range []struct {
		w      *world
		b      *Block
		stride int
	}{{layer, claims, 3}, {l1, plain, 1}} {
		raw := c.b.Append(nil)
		start := len(raw) - int(c.b.Weight()) // before the transactions, whatever their witnesses
		start = max(start, spv.HeaderSize+1)
		accepted := 0
		for i := start; i < len(raw); i += c.stride {
			spoiled := bytes.Clone(raw)
			spoiled[i] ^= 1 << (i % 8)
			b, err := ParseBlock(c.w.p, spoiled)
			if err != nil {
				continue
			}
			b.Height = c.b.Height
			if _, err := Connect(c.w.context(), b, c.w, nil); err == nil && b.Aux == nil {
				t.Fatalf("byte %d: accepted", i)
			} else if b.Aux == nil && !errors.Is(err, ErrMutated) {
				t.Fatalf("byte %d: %v, want that the bytes are to blame", i, err)
			}
			if len(b.Txs) == 0 || len(b.Txs[0].TxIn) == 0 {
				continue
			}
			seal(b)
			if d, err := Connect(c.w.context(), b, c.w, nil); err == nil {
				keepsBooks(t, c.w, b, d)
				accepted++
			}
		}
		t.Logf("%s: %d of %d sealed changes accepted", c.w.p.Name, accepted, (len(raw)-start)/c.stride)
	}
}
