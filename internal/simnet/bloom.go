package simnet

import (
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/bloom"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/msg"
)

// Bloom is what a node serves that takes Bloom filters and has no compact ones.
const Bloom = wire.SFNodeNetwork | wire.SFNodeWitness | wire.SFNodeBloom

// matchBlock answers a question for a filtered block as btcd does: the matching
// transactions' ids in a tree, then the transactions. Without a filter it says nothing.
func (node *Node) matchBlock(b *Block, height int32) {
	if node.bloom == nil || node.Services&wire.SFNodeBloom == 0 {
		return
	}
	filter := node.bloom
	if height >= node.Lie.From && b.touches(node.Lie.Omit) {
		filter = bloom.LoadFilter(&wire.MsgFilterLoad{Filter: make([]byte, 1), HashFuncs: 1})
	}
	reply, matches := bloom.NewMerkleBlock(btcutil.NewBlock(b.wire), filter)
	tree := &merkle.Partial{Transactions: reply.Transactions, Flags: reply.Flags}
	for _, h := range reply.Hashes {
		tree.Hashes = append(tree.Hashes, *h)
	}
	if node.Lie.Tree && height >= node.Lie.From {
		tree.Hashes[0][0] ^= 1
	}
	node.tell(&msg.MerkleBlock{Header: spv.Sealed{Header: b.Header}, Tree: tree})
	for _, i := range matches {
		node.tell(&msg.Tx{Raw: rawTx(b.wire.Transactions[i])})
	}
}
