package merkle

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
)

// parseBlock reads a block without merged-mining proof.
func parseBlock(t testing.TB, raw []byte) *wire.MsgBlock {
	t.Helper()
	block := new(wire.MsgBlock)
	if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatalf("block of %d bytes: %v", len(raw), err)
	}
	return block
}

// framedBlocks splits a file of network magic, length and block.
func framedBlocks(t testing.TB, name string) [][]byte {
	t.Helper()
	var blocks [][]byte
	for b := testdata.Read(t, name); len(b) > 0; {
		n := binary.LittleEndian.Uint32(b[4:])
		blocks = append(blocks, b[8:8+n])
		b = b[8+n:]
	}
	return blocks
}

func txidsOf(block *wire.MsgBlock) []chainhash.Hash {
	ids := make([]chainhash.Hash, len(block.Transactions))
	for i, tx := range block.Transactions {
		ids[i] = tx.TxHash()
	}
	return ids
}

func bareTx(t testing.TB, tx *wire.MsgTx) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tx.SerializeNoWitness(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func block830000(t testing.TB) *wire.MsgBlock {
	return parseBlock(t, testdata.Read(t, "merkleblock/bitcoin-mainnet-0830000.block.bz2"))
}

// numbered returns n different hashes.
func numbered(n int) []chainhash.Hash {
	hashes := make([]chainhash.Hash, n)
	for i := range hashes {
		hashes[i] = chainhash.HashH(binary.LittleEndian.AppendUint32(nil, uint32(i)))
	}
	return hashes
}

// referenceRoot is the recursive definition of the block tree: leaves padded on the right
// by repeating the last node of every odd level.
func referenceRoot(level []chainhash.Hash) chainhash.Hash {
	if len(level) == 1 {
		return level[0]
	}
	var above []chainhash.Hash
	for i := 0; i < len(level); i += 2 {
		l, r := level[i], level[min(i+1, len(level)-1)]
		above = append(above, chainhash.DoubleHashH(append(l[:], r[:]...)))
	}
	return referenceRoot(above)
}
