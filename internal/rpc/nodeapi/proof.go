package nodeapi

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
)

const (
	maxProved = 1000                      // transactions of one proof
	maxProof  = spv.MaxAuxPoW + 1_500_000 // bytes: header with merged-mining proof, and the largest partial tree
)

func proofMethods(find Find) []rpc.Method {
	return []rpc.Method{{
		Name: "gettxoutproof", Category: "blockchain", Call: find.on(getTxOutProof),
		Text: "Returns a proof, in hex, that transactions are in one block: its header, with merged-mining proof if it has one, and a partial tree (BIP37).",
		Params: []rpc.Param{{Name: "txids", Text: "ids of the transactions, an array"},
			{Name: "blockhash", Text: "their block; not needed while one of their outputs is unspent", Optional: true}},
		Example: `'["4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"]'`,
	}, {
		Name: "verifytxoutproof", Category: "blockchain", Call: find.on(verifyTxOutProof),
		Text:   "Returns the ids of the transactions that a proof of gettxoutproof proves to be on the best chain; none if it is wrong.",
		Params: []rpc.Param{{Name: "proof", Text: "the proof in hex"}}, Example: "04000000...",
	}}
}

func getTxOutProof(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	var texts []string
	if err := c.Args.Decode(0, &texts, "an array of ids"); err != nil {
		return nil, err
	}
	if len(texts) == 0 || len(texts) > maxProved {
		return nil, rpc.Errorf(rpc.InvalidParameter, "txids: %d, want 1 to %d", len(texts), maxProved)
	}
	wanted := map[spv.Hash]bool{}
	for _, text := range texts {
		id, err := chainhash.NewHashFromStr(text)
		if err != nil || len(text) != 2*chainhash.HashSize {
			return nil, c.Args.Bad(rpc.InvalidParameter, 0, "ids of 64 hex digits")
		}
		if wanted[*id] {
			return nil, rpc.Errorf(rpc.InvalidParameter, "txids: %s is there twice", id)
		}
		wanted[*id] = true
	}
	at, err := blockOfProof(n, c, wanted)
	if err != nil {
		return nil, err
	}
	b, err := fullBlock(n, at)
	if err != nil {
		return nil, err
	}
	ids, matched := make([]spv.Hash, len(b.Txs)), []uint32(nil)
	for i, tx := range b.Txs {
		if ids[i] = tx.TxHash(); wanted[ids[i]] {
			matched = append(matched, uint32(i))
		}
	}
	if len(matched) != len(wanted) {
		return nil, rpc.Errorf(rpc.NotFound, "block %s: holds %d of the %d transactions", at.Hash, len(matched), len(wanted))
	}
	tree, err := merkle.NewPartial(ids, matched...)
	if err != nil {
		return nil, err
	}
	sealed := spv.Sealed{Header: b.Header, Aux: b.Aux}
	return hex.EncodeToString(tree.Append(sealed.Append(nil))), nil
}

// blockOfProof returns the block that is named, or that of an unspent output.
func blockOfProof(n *Node, c *rpc.Call, wanted map[spv.Hash]bool) (spv.Block, error) {
	if c.Args.Has(1) {
		return blockParam(n, &c.Args, 1)
	}
	for id := range wanted {
		if at, ok, err := blockOfCoins(n, id); ok || err != nil {
			return at, err
		}
	}
	return spv.Block{}, rpc.Errorf(rpc.NotFound, "transactions: no output of them is unspent: name their block")
}

func verifyTxOutProof(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	raw, err := c.Args.Hex(0, maxProof)
	if err != nil {
		return nil, err
	}
	sealed, size, err := spv.ParseSealed(raw, n.Chain.Params().AuxPoW != nil)
	if err != nil {
		return nil, rpc.Errorf(rpc.Undecodable, "proof: %v", err)
	}
	tree, rest, err := merkle.ParsePartial(raw[size:])
	if err != nil || len(rest) > 0 {
		return nil, rpc.Errorf(rpc.Undecodable, "proof: want a header and a partial tree, and nothing behind them")
	}
	proved := []spv.Hash{}
	root, matches, err := tree.Extract()
	if err != nil || root != sealed.Header.MerkleRoot() {
		return proved, nil
	}
	id := sealed.Header.ID()
	at, ok := n.Chain.Lookup(id)
	if !ok || !n.Chain.OnBest(at) {
		return nil, rpc.Errorf(rpc.NotFound, "block %s: not on the best chain", id)
	}
	// The tree's own word for the number of transactions could make a transaction of an inner node (CVE-2017-12842).
	b, err := fullBlock(n, at)
	if err != nil {
		return nil, err
	}
	if int(tree.Transactions) != len(b.Txs) {
		return proved, nil
	}
	for _, m := range matches {
		proved = append(proved, m.TxID)
	}
	return slices.Clip(proved), nil
}
