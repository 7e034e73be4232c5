package nodeapi

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

const sampleID = "a1a78e5cc7efbd7492dcc61ac4bd8ec8f2876cae159a30054d92cc84ae5b430d"

func chainMethods(find Find) []rpc.Method {
	block := rpc.Param{Name: "blockhash", Text: "the block's id"}
	return []rpc.Method{
		{Name: "getblockchaininfo", Category: "blockchain", Text: "Returns where the chain stands.", Call: find.on(getBlockchainInfo)},
		{Name: "getbestblockhash", Category: "blockchain", Text: "Returns the id of the best block.",
			Call: find.on(func(_ context.Context, n *Node, _ *rpc.Call) (any, error) { return n.Chain.Tip().Hash, nil })},
		{Name: "getblockcount", Category: "blockchain", Text: "Returns the height of the best block.",
			Call: find.on(func(_ context.Context, n *Node, _ *rpc.Call) (any, error) { return n.Chain.Tip().Height, nil })},
		{Name: "getdifficulty", Category: "blockchain", Text: "Returns the difficulty of the best block.",
			Call: find.on(func(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
				h, _ := n.Chain.Header(n.Chain.Tip().Hash)
				return difficulty(h.Bits()), nil
			})},
		{Name: "getblockhash", Category: "blockchain", Text: "Returns the id of the best chain's block at a height.",
			Params: []rpc.Param{{Name: "height", Text: "from 0 to getblockcount"}}, Example: "0",
			Call: find.on(func(_ context.Context, n *Node, c *rpc.Call) (any, error) {
				at, err := heightParam(n, &c.Args, 0)
				return at.Hash, err
			})},
		{Name: "getblockheader", Category: "blockchain", Call: find.on(getBlockHeader),
			Text:   "Returns a header as an object, or in hex as it travels, with its merged-mining proof if it has one.",
			Params: []rpc.Param{block, {Name: "verbose", Text: "true: an object (default)", Optional: true}}, Example: sampleID},
		{Name: "getblock", Category: "blockchain", Call: find.on(getBlock),
			Text:   "Returns a block: in hex as it travels (0), as an object with ids (1), or with whole transactions (2). Layers' blocks tell their anchor and seal.",
			Params: []rpc.Param{block, {Name: "verbosity", Text: "0, 1 (default) or 2", Optional: true}}, Example: sampleID + " 2"},
		{Name: "getchaintips", Category: "blockchain", Call: find.on(getChainTips),
			Text: "Returns every branch that is known: active, valid-fork, parked (the node's policy holds it back, see agreebranch), headers-only or invalid (which invalidateblock makes a branch, too)."},
		{Name: "agreebranch", Category: "blockchain", Call: find.on(steer(Loop.Agree)),
			Text:   "Lets the node follow a parked branch up to a block. The word is kept.",
			Params: []rpc.Param{block}, Example: sampleID},
		{Name: "invalidateblock", Category: "blockchain", Call: find.on(steer(Loop.Shun)),
			Text:   "Leaves a block and all above it, and follows the best chain without them. The word is kept. Layers follow their L1.",
			Params: []rpc.Param{block}, Example: sampleID},
		{Name: "reconsiderblock", Category: "blockchain", Call: find.on(steer(Loop.Readmit)),
			Text:   "Takes back what invalidateblock said of a block, and of those below and above it. A block that broke a rule stays refused.",
			Params: []rpc.Param{block}, Example: sampleID},
		{Name: "getblockfilter", Category: "blockchain", Call: find.on(getBlockFilter), Text: "Returns the compact filter of a block of the best chain (BIP158).",
			Params: []rpc.Param{block, {Name: "filtertype", Text: `only "basic"`, Optional: true}}, Example: sampleID},
		{Name: "getsupply", Category: "blockchain", Call: find.on(getSupply),
			Text: "Returns how much money there can be after a block: what blocks have issued, and on a pegged layer what was claimed (L1 " +
				"satoshis) and burned.",
			Params: []rpc.Param{{Name: "height", Text: "height of the block; default: the best", Optional: true}}, Example: "0"},
	}
}

func getBlockchainInfo(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	p, tip := n.Chain.Params(), n.Chain.Tip()
	best, _ := n.Chain.BestHeader()
	h, _ := n.Chain.Header(tip.Hash)
	_, median, _ := n.Chain.After(tip.Hash, h.Time())
	work, _ := n.Chain.WorkAt(tip.Hash)
	size, err := n.Chain.Size()
	if err != nil {
		return nil, err
	}
	synced := n.Synced()
	progress := float64(tip.Height+1) / float64(max(best.Height, tip.Height)+1)
	if synced {
		progress = 1
	}
	return struct {
		Chain      string   `json:"chain"` // the kind of network, as programs ask for it
		Name       string   `json:"name"`
		Blocks     int32    `json:"blocks"`
		Headers    int32    `json:"headers"`
		Best       spv.Hash `json:"bestblockhash"`
		Bits       string   `json:"bits"`
		Target     string   `json:"target"`
		Difficulty float64  `json:"difficulty"`
		Time       uint32   `json:"time"`
		MedianTime uint32   `json:"mediantime"`
		Progress   float64  `json:"verificationprogress"`
		Syncing    bool     `json:"initialblockdownload"`
		Work       string   `json:"chainwork"`
		Size       int64    `json:"size_on_disk"` // bytes
		Pruned     bool     `json:"pruned"`
		Warnings   []string `json:"warnings"`
		State      State    `json:"state"`
	}{
		Chain: p.Network.String(), Name: p.Name, Blocks: tip.Height, Headers: max(best.Height, tip.Height), Best: tip.Hash, Bits: hexBits(h.Bits()),
		Target: hexTarget(h.Bits()), Difficulty: difficulty(h.Bits()), Time: h.Time(), MedianTime: median, Progress: progress, Syncing: !synced,
		Work: hexWork(work), Size: size, Warnings: []string{}, State: n.State(),
	}, nil
}

func getChainTips(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	type tip struct {
		Height int32    `json:"height"`
		Hash   spv.Hash `json:"hash"`
		Above  int32    `json:"branchlen"`
		Status string   `json:"status"`
	}
	status := map[chain.BranchState]string{chain.Active: "active", chain.Valid: "valid-fork", chain.Parked: "parked",
		chain.HeadersOnly: "headers-only", chain.Invalid: "invalid", chain.Shunned: "invalid"}
	var tips []tip
	for _, b := range n.Chain.Branches() {
		tips = append(tips, tip{b.Tip.Height, b.Tip.Hash, b.Above, status[b.State]})
	}
	slices.SortStableFunc(tips, func(a, b tip) int { return cmp.Compare(b.Height, a.Height) })
	return tips, nil
}

// steer makes a method of an operator's word about a block.
func steer(word func(Loop, context.Context, spv.Hash) (chain.Moved, error)) method {
	return func(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
		at, err := blockParam(n, &c.Args, 0)
		if err != nil {
			return nil, err
		}
		if n.Loop == nil {
			return nil, off("the chain's loop")
		}
		_, err = word(n.Loop, ctx, at.Hash)
		return nil, err
	}
}

func getBlockFilter(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	at, err := blockParam(n, &c.Args, 0)
	if err != nil {
		return nil, err
	}
	kind, err := c.Args.StringOr(1, "basic")
	if err != nil {
		return nil, err
	}
	if kind != "basic" {
		return nil, c.Args.Bad(rpc.NotFound, 1, `"basic"`)
	}
	if !n.Chain.OnBest(at) {
		return nil, rpc.Errorf(rpc.NotFound, "block %s: not on the best chain: it has no filter here", at.Hash)
	}
	f, err := n.Chain.Filter(at.Height)
	if err != nil {
		return nil, err
	}
	h, err := n.Chain.FilterHeader(at.Height)
	return map[string]any{"filter": hex.EncodeToString(f), "header": h}, err
}

func getSupply(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	at, err := n.Chain.Tip(), error(nil)
	if c.Args.Has(0) {
		if at, err = heightParam(n, &c.Args, 0); err != nil {
			return nil, err
		}
	}
	p := n.Chain.Params()
	supply := struct {
		Height  int32        `json:"height"`
		Block   spv.Hash     `json:"bestblock"`
		Issued  json.Number  `json:"issued"`            // by blocks up to this one, at most
		Claimed *int64       `json:"claimed,omitempty"` // L1 satoshis
		Burned  *json.Number `json:"burned,omitempty"`
		Most    json.Number  `json:"total"` // no more money than this can exist
	}{Height: at.Height, Block: at.Hash}
	issued := issuedTo(n, at.Height)
	total := issued
	if p.Peg != nil && at.Height > 0 {
		tally, err := n.Chain.Tally(at.Height)
		if err != nil {
			return nil, err
		}
		burned := coins(p, tally.Supply.Burned)
		supply.Claimed, supply.Burned = &tally.Supply.Claimed, &burned
		total += tally.Supply.Claimed*p.UnitsPerSat() - tally.Supply.Burned
	}
	supply.Issued, supply.Most = coins(p, issued), coins(p, total)
	return supply, nil
}

// issuedTo sums the subsidies of blocks 1 to a height, interval by interval. Block 0's cannot be spent.
func issuedTo(n *Node, height int32) (sum int64) {
	p := n.Chain.Params()
	for at := int32(1); at <= height; {
		amount, _ := p.Subsidy(at)
		// Where the amount stays the same for long, the next change is found by halving the distance.
		low, high := at, height
		for low < high {
			middle := low + (high-low+1)/2
			if a, _ := p.Subsidy(middle); a == amount {
				low = middle
			} else {
				high = middle - 1
			}
		}
		sum += amount * int64(low-at+1)
		at = low + 1
	}
	return sum
}
