package nodeapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

const (
	maxGenerated    = 1000 // blocks of one call
	reservedWeight  = 4000 // for header and coinbase of a template, as pools expect
	reservedSigOps  = 400
	templateVersion = 0x20000000
	longPollRefresh = time.Minute // after which new transactions, too, are worth an answer
)

func miningMethods(find Find) []rpc.Method {
	return []rpc.Method{{
		Name: "getblocktemplate", Category: "mining", Call: find.on(getBlockTemplate),
		Text: "Returns what the next block may hold (BIP22, 23, 145), waits for a better one (longpollid), or judges a block without its work " +
			"(mode proposal). Layers are mined with createauxblock.",
		Params: []rpc.Param{{Name: "template_request", Text: `an object with "mode", "longpollid", "data"`, Optional: true}}, Example: `'{"rules":["segwit"]}'`,
	}, {
		Name: "submitblock", Category: "mining", Text: "Takes a block. Returns null where it was taken, else the reason (BIP22).", Call: find.on(submitBlock),
		Params:  []rpc.Param{{Name: "hexdata", Text: "the block in hex, as it travels"}, {Name: "dummy", Text: "taken and ignored", Optional: true}},
		Example: "00000020...",
	}, {
		Name: "generatetoaddress", Category: "mining", Text: "Mines blocks, one after another, and returns their ids. For development chains.",
		Params: []rpc.Param{{Name: "nblocks", Text: "1 to 1000"}, {Name: "address", Text: "payee"},
			{Name: "maxtries", Text: "taken and ignored", Optional: true}},
		Example: "1 ldev1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq4m9x2r", Call: find.on(generateToAddress),
	}, {
		Name: "getmininginfo", Category: "mining", Text: "Returns what mining the chain takes, and what is done here.", Call: find.on(getMiningInfo),
	}, {
		Name: "getnetworkhashps", Category: "mining", Text: "Returns the hashes per second that the last blocks took.", Call: find.on(getNetworkHashPS),
		Params: []rpc.Param{{Name: "nblocks", Text: "blocks to look back (default 120)", Optional: true},
			{Name: "height", Text: "of the last one; -1 (default): the tip", Optional: true}}, Example: "144",
	}}
}

// templateRequest is the parameter of getblocktemplate.
type templateRequest struct {
	Mode     string `json:"mode"`
	LongPoll string `json:"longpollid"`
	Data     string `json:"data"`
}

func getBlockTemplate(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	var r templateRequest
	if c.Args.Has(0) {
		if err := c.Args.Decode(0, &r, "an object"); err != nil {
			return nil, err
		}
	}
	p := n.Chain.Params()
	switch {
	case p.Kind != chains.L1:
		return nil, rpc.Errorf(rpc.Misc, "%s: its blocks are merge-mined: want createauxblock", p.Name)
	case r.Mode == "proposal":
		return propose(n, r.Data)
	case r.Mode != "" && r.Mode != "template":
		return nil, rpc.Errorf(rpc.InvalidParameter, "mode %.20q: want template or proposal", r.Mode)
	case n.Pool == nil:
		return nil, off("the mempool")
	case !n.Synced() && (p.Network == chains.Main || p.Network == chains.Test):
		return nil, rpc.Errorf(rpc.NotSynced, "%s: not synced: block %d", p.Name, n.Chain.Tip().Height)
	}
	if r.LongPoll != "" {
		if err := n.await(ctx, r.LongPoll); err != nil {
			return nil, err
		}
	}
	return buildTemplate(ctx, n)
}

// mark names what a template was made of: the tip, and the mempool.
func (n *Node) mark() (tip, pool string) {
	s := n.Pool.Stats(n.Clock())
	return n.Chain.Tip().Hash.String(), fmt.Sprintf("%d.%d", s.Count, s.Fees)
}

// await waits until the tip is another one than a template's, or for a minute and then for other transactions.
func (n *Node) await(ctx context.Context, id string) error {
	if n.News == nil {
		return nil
	}
	refresh := time.NewTimer(longPollRefresh)
	defer refresh.Stop()
	late := false
	for {
		news := n.News()
		tip, pool := n.mark()
		if id != tip+pool && (late || len(id) < len(tip) || id[:len(tip)] != tip) {
			return nil
		}
		select {
		case <-news:
		case <-refresh.C:
			late = true
			refresh.Reset(longPollRefresh)
		case <-ctx.Done():
			return rpc.Errorf(rpc.Misc, "getblocktemplate: the server stops")
		}
	}
}

// entry is a transaction of a template.
type entry struct {
	Data    string   `json:"data"`
	ID      spv.Hash `json:"txid"`
	Hash    spv.Hash `json:"hash"`
	Depends []int    `json:"depends"`
	Fee     int64    `json:"fee"`
	SigOps  int64    `json:"sigops"`
	Weight  int64    `json:"weight"`
}

func buildTemplate(ctx context.Context, n *Node) (any, error) {
	tip, candidates, err := n.Loop.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	p := n.Chain.Params()
	_, median, _ := n.Chain.After(tip.Hash, 0)
	now := max(uint32(n.Clock().Unix()), median+1)
	bits, _, ok := n.Chain.After(tip.Hash, now)
	if !ok {
		return nil, fmt.Errorf("block %s: what follows it is not known", tip)
	}
	value, exact := p.Subsidy(tip.Height + 1)
	if !exact {
		return nil, rpc.Errorf(rpc.Misc, "%s: the subsidy at height %d is not known", p.Name, tip.Height+1)
	}
	entries, included, fees, err := chosen(p, candidates)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"capabilities": []string{"proposal"}, "version": templateVersion, "rules": []string{"csv", "!segwit", "taproot"},
		"vbavailable": struct{}{}, "vbrequired": 0, "previousblockhash": tip.Hash, "transactions": entries, "coinbaseaux": struct{}{},
		"coinbasevalue": value + fees, "target": hexTarget(bits), "mintime": median + 1, "mutable": []string{"time", "transactions", "prevblock"},
		"noncerange": "00000000ffffffff", "sigoplimit": consensus.SigOpLimit(p), "sizelimit": p.BlockWeight, "weightlimit": p.BlockWeight,
		"curtime": now, "bits": hexBits(bits), "height": tip.Height + 1,
		"default_witness_commitment": hex.EncodeToString(template.WitnessCommitment(included)),
	}
	if mark, pool := n.mark(); n.News != nil {
		answer["longpollid"] = mark + pool
	}
	if n.Chain.Tip() != tip {
		return buildTemplate(ctx, n)
	}
	return answer, nil
}

// chosen returns the best of the mempool's transactions for a block, in order.
func chosen(p *chains.Params, candidates []template.Candidate) ([]entry, []template.Included, int64, error) {
	order, err := template.Choose(candidates, template.Room{Weight: p.BlockWeight - reservedWeight, SigOps: consensus.SigOpLimit(p) - reservedSigOps})
	if err != nil {
		return nil, nil, 0, err
	}
	entries, included, fees := []entry{}, []template.Included(nil), int64(0)
	for at, i := range order {
		c := &candidates[i]
		tx := template.Include(&c.Tx)
		e := entry{hex.EncodeToString(tx.Raw), tx.ID, tx.WitnessID, []int{}, c.Fee, c.SigOps, c.Weight}
		for _, parent := range c.Depends {
			e.Depends = append(e.Depends, slices.Index(order[:at], parent)+1)
		}
		entries, included, fees = append(entries, e), append(included, tx), fees+c.Fee
	}
	return entries, included, fees, nil
}

// propose judges a block by every rule but its work (BIP23). Null means that it would be taken.
func propose(n *Node, data string) (any, error) {
	p := n.Chain.Params()
	raw, err := hex.DecodeString(data)
	if err != nil || len(raw) > consensus.MaxBlock(p) {
		return nil, rpc.Errorf(rpc.Undecodable, "data: want a block in hex of at most %d bytes", consensus.MaxBlock(p))
	}
	b, err := consensus.ParseBlock(p, raw)
	if err != nil {
		return nil, rpc.Errorf(rpc.Undecodable, "%v", err)
	}
	if _, known := n.Chain.Lookup(b.Header.ID()); known {
		return "duplicate", nil
	}
	place, err := n.Chain.Next()
	if err != nil {
		return nil, err
	}
	if b.Header.Prev() != place.Prev.Hash {
		return "inconclusive-not-best-prevblk", nil
	}
	b.Height = place.Prev.Height + 1
	bits, median, _ := n.Chain.After(place.Prev.Hash, b.Header.Time())
	switch {
	case b.Header.Bits() != bits:
		return "bad-diffbits", nil
	case b.Header.Time() <= median:
		return "time-too-old", nil
	case int64(b.Header.Time()) > n.Clock().Unix()+int64(p.MaxFuture):
		return "time-too-new", nil
	}
	if err := consensus.CheckBlock(p, b, nil); err != nil {
		return blockReason(err), nil
	}
	_, err = consensus.Connect(place, b, n.Chain, nil)
	if n.Chain.Tip() != place.Prev { // the coins that it was judged by may be another block's
		return "inconclusive-not-best-prevblk", nil
	}
	if err != nil {
		return blockReason(err), nil
	}
	return nil, nil
}

func generateToAddress(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	blocks, err := c.Args.Int(0, 1, maxGenerated)
	if err != nil {
		return nil, err
	}
	payout, err := payee(n.Chain.Params(), &c.Args, 1)
	if err != nil {
		return nil, err
	}
	if n.Miner == nil {
		return nil, off("the miner")
	}
	return n.Miner.Generate(ctx, int(blocks), payout)
}

func getMiningInfo(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	p, tip := n.Chain.Params(), n.Chain.Tip()
	h, _ := n.Chain.Header(tip.Hash)
	answer := map[string]any{
		"blocks": tip.Height, "bits": hexBits(h.Bits()), "difficulty": difficulty(h.Bits()), "target": hexTarget(h.Bits()),
		"networkhashps": hashRate(n, tip, 120), "chain": p.Network.String(), "name": p.Name, "warnings": []string{}, "pooledtx": 0,
	}
	if n.Pool != nil {
		answer["pooledtx"] = n.Pool.Stats(n.Clock()).Count
	}
	if n.Miner != nil {
		rate := n.Miner.HashRate()
		answer["hashespersec"], answer["generate"] = rate, rate > 0
	}
	return answer, nil
}

func getNetworkHashPS(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	blocks, at := int64(120), n.Chain.Tip()
	if c.Args.Has(0) {
		var err error
		if blocks, err = c.Args.Int(0, 1, 1<<31-1); err != nil {
			return nil, err
		}
	}
	if c.Args.Has(1) && string(c.Args.Raw(1)) != "-1" {
		var err error
		if at, err = heightParam(n, &c.Args, 1); err != nil {
			return nil, err
		}
	}
	return hashRate(n, at, int32(min(blocks, int64(at.Height)))), nil
}

// hashRate returns hashes per second over some blocks up to one; 0 where their times do not tell.
func hashRate(n *Node, to spv.Block, blocks int32) json.Number {
	from, ok := n.Chain.BlockAt(max(0, to.Height-blocks))
	if !ok || from == to {
		return "0"
	}
	first, _ := n.Chain.Header(from.Hash)
	last, _ := n.Chain.Header(to.Hash)
	if last.Time() <= first.Time() {
		return "0"
	}
	below, _ := n.Chain.WorkAt(from.Hash)
	above, _ := n.Chain.WorkAt(to.Hash)
	var rate uint256.Int
	rate.Sub(&above, &below)
	rate.Div(&rate, uint256.NewInt(uint64(last.Time()-first.Time())))
	return json.Number(rate.Dec())
}
