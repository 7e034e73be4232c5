package filter

import (
	"fmt"

	"github.com/btcsuite/btcd/btcutil/gcs/builder"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/pow"
)

// Build returns the serialised basic filter of a block (BIP158): CompactSize number of
// elements, then the Golomb-Rice coded set of all output scripts of the block, without
// those that begin with OP_RETURN, and of prevScripts, the scripts of all outputs that the
// block spends, in any order. Empty scripts are left out and repeated ones count once.
// Build cannot see whether prevScripts is complete.
func Build(block *wire.MsgBlock, prevScripts [][]byte) ([]byte, error) {
	set, err := builder.BuildBasicFilter(block, prevScripts)
	if err != nil {
		return nil, fmt.Errorf("filter of block %s: %w", block.BlockHash(), err)
	}
	filter, err := set.NBytes()
	if err != nil {
		return nil, fmt.Errorf("filter of block %s: %w", block.BlockHash(), err)
	}
	return filter, nil
}

// HeaderOf returns the filter header of a block (BIP157): H(H(filter) || prev), where filter
// is serialised as Build does, prev is the filter header of the block before (zero for
// genesis) and H is SHA-256d.
func HeaderOf(filter []byte, prev chainhash.Hash) chainhash.Hash {
	hash := pow.DoubleSHA256(filter)
	return pow.HashPair(&hash, &prev)
}
