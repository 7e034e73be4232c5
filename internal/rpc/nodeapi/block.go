package nodeapi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

// headerJSON is a header in its place.
type headerJSON struct {
	Hash          spv.Hash  `json:"hash"`
	Confirmations int32     `json:"confirmations"` // -1: not on the best chain
	Height        int32     `json:"height"`
	Version       int32     `json:"version"`
	VersionHex    string    `json:"versionHex"`
	MerkleRoot    spv.Hash  `json:"merkleroot"`
	Time          uint32    `json:"time"`
	MedianTime    uint32    `json:"mediantime"`
	Nonce         uint32    `json:"nonce"`
	Bits          string    `json:"bits"`
	Target        string    `json:"target"`
	Difficulty    float64   `json:"difficulty"`
	Work          string    `json:"chainwork"`
	Previous      *spv.Hash `json:"previousblockhash,omitempty"`
	Next          *spv.Hash `json:"nextblockhash,omitempty"`
}

// blockJSON is a whole block. Txs are ids, or transactions.
type blockJSON struct {
	headerJSON
	Stripped int        `json:"strippedsize"`
	Size     int        `json:"size"` // as it travels, with its proof
	Weight   int64      `json:"weight"`
	Count    int        `json:"nTx"`
	Txs      []any      `json:"tx"`
	Aux      *auxJSON   `json:"auxpow,omitempty"`
	Anchor   *spv.Block `json:"anchor,omitempty"` // layers: the L1 block that it states
	Seal     *spv.Block `json:"seal,omitempty"`   // layers: the block of the best L1 chain that is its proof's parent, if it is one
}

// auxJSON is a merged-mining proof.
type auxJSON struct {
	Tx          any        `json:"tx"`
	Index       int32      `json:"chainindex"`
	Branch      []spv.Hash `json:"merklebranch"`
	ChainBranch []spv.Hash `json:"chainmerklebranch"`
	Parent      string     `json:"parentblock"` // header in hex
	ParentHash  spv.Hash   `json:"parenthash"`
}

// verbosity reads a number that may also be true or false.
func verbosity(args *rpc.Args, i int, other, most int64) (int64, error) {
	if !args.Has(i) {
		return other, nil
	}
	switch string(args.Raw(i)) {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	return args.Int(i, 0, most)
}

// blockParam reads a block's id and finds the block.
func blockParam(n *Node, args *rpc.Args, i int) (spv.Block, error) {
	id, err := args.Hash(i)
	if err != nil {
		return spv.Block{}, err
	}
	at, ok := n.Chain.Lookup(id)
	if !ok {
		return spv.Block{}, rpc.Errorf(rpc.NotFound, "block %s: not known", id)
	}
	return at, nil
}

// heightParam reads a height of the best chain.
func heightParam(n *Node, args *rpc.Args, i int) (spv.Block, error) {
	height, err := args.Int(i, 0, int64(n.Chain.Tip().Height))
	if err != nil {
		return spv.Block{}, err
	}
	at, ok := n.Chain.BlockAt(int32(height))
	if !ok {
		return spv.Block{}, rpc.Errorf(rpc.InvalidParameter, "height %d: not on the best chain", height)
	}
	return at, nil
}

// confirmations returns how deep a block is, 1 for the tip; -1 where it is not on the best chain.
func confirmations(n *Node, at spv.Block) int32 {
	tip := n.Chain.Tip()
	if !n.Chain.OnBest(at) {
		return -1
	}
	return tip.Height - at.Height + 1
}

func describeHeader(n *Node, at spv.Block, h *spv.Header) headerJSON {
	work, _ := n.Chain.WorkAt(at.Hash)
	_, median, _ := n.Chain.After(at.Hash, h.Time())
	j := headerJSON{
		Hash: at.Hash, Confirmations: confirmations(n, at), Height: at.Height, Version: h.Version(),
		VersionHex: fmt.Sprintf("%08x", uint32(h.Version())), MerkleRoot: h.MerkleRoot(), Time: h.Time(),
		MedianTime: median, Nonce: h.Nonce(), Bits: hexBits(h.Bits()), Target: hexTarget(h.Bits()),
		Difficulty: difficulty(h.Bits()), Work: hexWork(work),
	}
	if prev := h.Prev(); at.Height > 0 {
		j.Previous = &prev
	}
	if next, ok := n.Chain.BlockAt(at.Height + 1); ok && j.Confirmations > 1 {
		j.Next = &next.Hash
	}
	return j
}

func getBlockHeader(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	at, err := blockParam(n, &c.Args, 0)
	if err != nil {
		return nil, err
	}
	verbose, err := c.Args.Bool(1, true)
	if err != nil {
		return nil, err
	}
	h, ok := n.Chain.Header(at.Hash)
	if !ok {
		return nil, rpc.Errorf(rpc.NotFound, "block %s: not known", at.Hash)
	}
	if verbose {
		return describeHeader(n, at, &h), nil
	}
	sealed := spv.Sealed{Header: h}
	if n.Chain.Params().AuxPoW != nil && h.HasAuxPoW() {
		b, err := fullBlock(n, at)
		if err != nil {
			return nil, err
		}
		sealed.Aux = b.Aux
	}
	return hex.EncodeToString(sealed.Append(nil)), nil
}

func getBlock(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	at, err := blockParam(n, &c.Args, 0)
	if err != nil {
		return nil, err
	}
	verbose, err := verbosity(&c.Args, 1, 1, 3)
	if err != nil {
		return nil, err
	}
	if verbose == 0 {
		raw, err := n.Chain.Block(at.Hash)
		if errors.Is(err, chain.ErrUnknown) {
			return nil, rpc.Errorf(rpc.Misc, "block %s: only its header is held", at.Hash)
		}
		return hex.EncodeToString(raw), err
	}
	b, err := fullBlock(n, at)
	if err != nil {
		return nil, err
	}
	j := blockJSON{headerJSON: describeHeader(n, at, &b.Header), Stripped: spv.HeaderSize + countSize(len(b.Txs)),
		Size: len(b.Append(nil)), Weight: b.Weight(), Count: len(b.Txs), Txs: []any{}}
	for _, tx := range b.Txs {
		j.Stripped += tx.SerializeSizeStripped()
		if verbose == 1 {
			j.Txs = append(j.Txs, tx.TxHash())
		} else {
			j.Txs = append(j.Txs, describeTx(n.Chain.Params(), tx, true))
		}
	}
	return &j, j.addLayer(n, at, b)
}

// addLayer adds what merge-mined blocks and layers have besides.
func (j *blockJSON) addLayer(n *Node, at spv.Block, b *consensus.Block) error {
	if b.Aux != nil {
		j.Aux = describeAux(b.Aux)
	}
	if !n.Chain.Params().Kind.Layered() || at.Height == 0 {
		return nil
	}
	coinbase, _, err := spv.ParseTx(serialized(b.Txs[0]))
	if err != nil {
		return err
	}
	commitment, err := spv.CoinbaseCommitment(&coinbase)
	if err != nil {
		return err
	}
	j.Anchor = &commitment.Anchor
	if !n.Chain.OnBest(at) {
		return nil
	}
	seal, sealed, err := n.Chain.Seal(at.Height)
	if sealed {
		j.Seal = &seal
	}
	return err
}

func describeAux(a *spv.AuxPoW) *auxJSON {
	return &auxJSON{
		Tx:    map[string]any{"txid": a.Coinbase.ID(), "hex": hex.EncodeToString(a.Coinbase.Bytes())},
		Index: a.Slot, Branch: hashes(a.CoinbaseBranch), ChainBranch: hashes(a.ChainBranch),
		Parent: hex.EncodeToString(a.Parent[:]), ParentHash: a.Parent.ID(),
	}
}

// hashes makes an empty list of none.
func hashes(list []spv.Hash) []spv.Hash { return append([]spv.Hash{}, list...) }

// countSize is how many bytes a number of transactions takes.
func countSize(n int) int {
	if n < 0xfd {
		return 1
	}
	return 3 // a block holds no more than 16,666
}
