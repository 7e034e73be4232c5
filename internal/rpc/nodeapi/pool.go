package nodeapi

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

const maxTested = 25 // transactions of one testmempoolaccept

func poolMethods(find Find) []rpc.Method {
	rate := rpc.Param{Name: "maxfeerate", Text: "refuse a higher fee rate, coins per 1000 vbytes (default 0.1; 0: take any)", Optional: true}
	id := rpc.Param{Name: "txid", Text: "the transaction's id"}
	return []rpc.Method{{
		Name: "sendrawtransaction", Category: "transactions", Text: "Puts a transaction into the mempool and announces it. Returns its id.",
		Params: []rpc.Param{{Name: "hexstring", Text: "the transaction in hex"}, rate}, Example: "0200000001...", Call: find.on(sendRawTransaction),
	}, {
		Name: "sendprivately", Category: "transactions", Call: find.on(sendPrivately),
		Text: "Tells one peer of a transaction, over a connection of its own that says nothing of this node (its address shows unless there is a " +
			"proxy). The transaction is not in this node's mempool before others tell of it; to tell one more peer, call again. Returns the peer.",
		Params: []rpc.Param{{Name: "hexstring", Text: "the transaction in hex"},
			{Name: "node", Text: "host:port of the peer; default: one by chance that is not connected", Optional: true}, rate}, Example: "0200000001...",
	}, {
		Name: "testmempoolaccept", Category: "transactions", Call: find.on(testMempoolAccept),
		Text:   "Tells whether the mempool would take transactions, each of which may spend those before it. Changes nothing.",
		Params: []rpc.Param{{Name: "rawtxs", Text: "the transactions in hex, an array of at most 25"}, rate}, Example: `'["0200000001..."]'`,
	}, {
		Name: "getrawmempool", Category: "mempool", Text: "Returns the ids of the mempool's transactions, or all about them.",
		Params: []rpc.Param{{Name: "verbose", Text: "true: an object for each", Optional: true}}, Example: "true", Call: find.on(getRawMempool),
	}, {
		Name: "getmempoolentry", Category: "mempool", Text: "Returns what is known of a transaction of the mempool.",
		Params: []rpc.Param{id}, Example: sampleID, Call: find.on(getMempoolEntry),
	}, {
		Name: "getmempoolinfo", Category: "mempool", Text: "Returns how full the mempool is.", Call: find.on(getMempoolInfo),
	}, {
		Name: "estimatesmartfee", Category: "mempool", Call: find.on(estimateSmartFee),
		Text: "Returns the fee rate, coins per 1000 vbytes, at which a transaction would be in one of the next blocks if nothing else came: what " +
			"waits in the mempool is all that is looked at.",
		Params: []rpc.Param{{Name: "conf_target", Text: "blocks, 1 to 1008"}, {Name: "estimate_mode", Text: "taken and ignored", Optional: true}}, Example: "6",
	}}
}

// mostRate reads a limit on fee rates: base units per 1000 virtual bytes, 0 for none.
func mostRate(n *Node, args *rpc.Args, i int) (int64, error) {
	if p := n.Chain.Params(); args.Has(i) {
		return units(p, args, i)
	}
	tenth := int64(1)
	for range n.Chain.Params().Unit.Decimals - 1 {
		tenth *= 10
	}
	return tenth, nil
}

// rated tells a fee that is more than a rate allows.
func rated(f *mempool.Facts, most int64) bool { return most > 0 && f.Fee*1000/max(f.Size, 1) > most }

func sendRawTransaction(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	p := n.Chain.Params()
	tx, err := txParam(p, &c.Args, 0)
	if err != nil {
		return nil, err
	}
	most, err := mostRate(n, &c.Args, 1)
	if err != nil {
		return nil, err
	}
	if n.Pool == nil || n.Loop == nil {
		return nil, off("the mempool")
	}
	id := tx.TxHash()
	if _, known, err := blockOfCoins(n, id); err != nil {
		return nil, err
	} else if known {
		return nil, rpc.Errorf(rpc.AlreadyInChain, "transaction %s: is in a block", id)
	}
	if _, _, ok := inPool(n, id); !ok {
		facts, err := n.Pool.Test(n.Clock(), tx)
		switch {
		case errors.Is(err, spv.ErrPending): // it waits in the pool, see below
		case err != nil:
			return nil, refused(n, tx, err)
		case len(facts) == 1 && rated(&facts[0], most):
			return nil, rpc.Errorf(rpc.Unverified, "transaction %s: fee %s for %d vbytes: more than %s for 1000, see maxfeerate", id,
				coins(p, facts[0].Fee), facts[0].Size, coins(p, most))
		}
	}
	result, err := n.Loop.Tx(ctx, tx)
	switch {
	case err != nil:
		return nil, refused(n, tx, err)
	case result.Status == mempool.Pending:
		return nil, rpc.Errorf(rpc.Unverified, "transaction %s: pending: the L1 blocks that it speaks of are not known yet; it is tried again", id)
	case result.Status == mempool.Orphan:
		return nil, rpc.Errorf(rpc.Unverified, "transaction %s: bad-txns-inputs-missingorspent", id)
	}
	return id, nil
}

func sendPrivately(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	p := n.Chain.Params()
	tx, err := txParam(p, &c.Args, 0)
	if err != nil {
		return nil, err
	}
	address, err := c.Args.StringOr(1, "")
	if err != nil {
		return nil, err
	}
	if _, _, bad := net.SplitHostPort(address); bad != nil && address != "" {
		return nil, c.Args.Bad(rpc.InvalidParameter, 1, "host:port")
	}
	most, err := mostRate(n, &c.Args, 2)
	if err != nil {
		return nil, err
	}
	if n.Pool == nil || n.Loop == nil {
		return nil, off("the mempool")
	}
	facts, err := n.Pool.Test(n.Clock(), tx)
	if err != nil {
		return nil, refused(n, tx, err)
	}
	if len(facts) == 1 && rated(&facts[0], most) {
		return nil, rpc.Errorf(rpc.Unverified, "transaction %s: fee %s for %d vbytes: more than %s for 1000, see maxfeerate", tx.TxHash(),
			coins(p, facts[0].Fee), facts[0].Size, coins(p, most))
	}
	to, err := n.Loop.Whisper(ctx, tx, address)
	if err != nil {
		return nil, rpc.Errorf(rpc.NotConnected, "transaction %s: nobody was told: %v", tx.TxHash(), err)
	}
	return map[string]any{"txid": tx.TxHash(), "addr": to}, nil
}

// refused returns the error for a transaction that was not taken.
func refused(n *Node, tx *wire.MsgTx, err error) error {
	var check *spv.CheckError
	switch {
	case lacksInput(n, tx):
		return rpc.Errorf(rpc.Unverified, "%s", reason(n, tx, err))
	case errors.As(err, &check):
		return rpc.Errorf(rpc.Rejected, "%s", reason(n, tx, err))
	}
	return err
}

// reason words a refusal: as programs look for it where an input is missing, and as the check says it otherwise.
func reason(n *Node, tx *wire.MsgTx, err error) string {
	if lacksInput(n, tx) {
		return "bad-txns-inputs-missingorspent: " + err.Error()
	}
	return err.Error()
}

// lacksInput tells whether nobody knows what a transaction spends.
func lacksInput(n *Node, tx *wire.MsgTx) bool {
	if n.Chain.Params().Peg != nil && peg.IsClaim(tx) { // it spends no coin
		return false
	}
	for _, in := range tx.TxIn {
		coin, err := n.Chain.Coin(in.PreviousOutPoint)
		if err != nil {
			return false
		}
		if _, _, pooled := inPool(n, in.PreviousOutPoint.Hash); coin == nil && !pooled {
			return true
		}
	}
	return false
}

func testMempoolAccept(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	var texts []string
	if err := c.Args.Decode(0, &texts, "an array of transactions in hex"); err != nil {
		return nil, err
	}
	if len(texts) == 0 || len(texts) > maxTested {
		return nil, rpc.Errorf(rpc.InvalidParameter, "rawtxs: %d, want 1 to %d", len(texts), maxTested)
	}
	most, err := mostRate(n, &c.Args, 1)
	if err != nil {
		return nil, err
	}
	if n.Pool == nil {
		return nil, off("the mempool")
	}
	p, txs := n.Chain.Params(), make([]*wire.MsgTx, len(texts))
	for i, text := range texts {
		raw, err := hex.DecodeString(text)
		if err == nil {
			txs[i], err = consensus.ParseTx(p, raw)
		}
		if err != nil {
			return nil, rpc.Errorf(rpc.Undecodable, "rawtxs: transaction %d: %v", i, err)
		}
	}
	return tested(n, txs, most)
}

// verdict is what the mempool would say of a transaction.
type verdict struct {
	ID        spv.Hash `json:"txid"`
	WitnessID spv.Hash `json:"wtxid"`
	Package   string   `json:"package-error,omitempty"`
	Allowed   *bool    `json:"allowed,omitempty"` // left out where it was not judged
	Size      int64    `json:"vsize,omitempty"`
	Fees      any      `json:"fees,omitempty"`
	Reason    string   `json:"reject-reason,omitempty"`
}

// tested judges longer and longer runs, so that the one that is refused is told from those before it.
func tested(n *Node, txs []*wire.MsgTx, most int64) ([]verdict, error) {
	p, list := n.Chain.Params(), make([]verdict, len(txs))
	for i, tx := range txs {
		list[i] = verdict{ID: tx.TxHash(), WitnessID: tx.WitnessHash()}
	}
	facts, err := n.Pool.Test(n.Clock(), txs...)
	if err == nil && len(facts) != len(txs) {
		return nil, fmt.Errorf("%d transactions: %d judged", len(txs), len(facts))
	}
	yes, no := true, false
	for i := range txs {
		one := facts
		if err != nil {
			var bad error
			if one, bad = n.Pool.Test(n.Clock(), txs[:i+1]...); bad != nil {
				list[i].Allowed, list[i].Reason = &no, reason(n, txs[i], bad)
				if len(txs) > 1 {
					list[i].Package = reason(n, txs[i], bad)
				}
				return list, nil
			}
		}
		if f := &one[i]; rated(f, most) {
			list[i].Allowed, list[i].Reason = &no, "max-fee-exceeded"
		} else {
			list[i].Allowed, list[i].Size = &yes, f.Size
			list[i].Fees = map[string]any{"base": coins(p, f.Fee), "effective-feerate": coins(p, f.Fee*1000/max(f.Size, 1)),
				"effective-includes": []spv.Hash{f.WitnessID}}
		}
	}
	return list, nil
}

func getRawMempool(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	verbose, err := c.Args.Bool(0, false)
	if err != nil {
		return nil, err
	}
	if n.Pool == nil {
		return nil, off("the mempool")
	}
	ids, all := []spv.Hash{}, map[string]any{}
	for _, f := range n.Pool.All() {
		if verbose {
			all[f.ID.String()] = describeEntry(n.Chain.Params(), &f)
		} else {
			ids = append(ids, f.ID)
		}
	}
	if verbose {
		return all, nil
	}
	return ids, nil
}

func getMempoolEntry(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	id, err := c.Args.Hash(0)
	if err != nil {
		return nil, err
	}
	if n.Pool == nil {
		return nil, off("the mempool")
	}
	_, facts, ok := n.Pool.Get(id)
	if !ok || facts.ID != id {
		return nil, rpc.Errorf(rpc.NotFound, "transaction %s: not in the mempool", id)
	}
	return describeEntry(n.Chain.Params(), &facts), nil
}

func describeEntry(p *chains.Params, f *mempool.Facts) any {
	return map[string]any{
		"vsize": f.Size, "weight": f.Weight, "time": f.Time.Unix(), "height": f.Height,
		"ancestorcount": f.Ancestors, "ancestorsize": f.AncestorSize, "descendantcount": f.Descendants, "descendantsize": f.DescendantSize,
		"wtxid": f.WitnessID, "depends": hashes(f.Depends), "spentby": hashes(f.SpentBy), "bip125-replaceable": true,
		"fees": map[string]json.Number{"base": coins(p, f.Fee), "modified": coins(p, f.Fee), "ancestor": coins(p, f.AncestorFees),
			"descendant": coins(p, f.DescendantFees)},
	}
}

func getMempoolInfo(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	if n.Pool == nil {
		return nil, off("the mempool")
	}
	p, s := n.Chain.Params(), n.Pool.Stats(n.Clock())
	return map[string]any{
		"loaded": true, "size": s.Count, "bytes": s.Size, "usage": s.Used, "total_fee": coins(p, s.Fees), "maxmempool": s.Most,
		"mempoolminfee": coins(p, s.MinFee), "minrelaytxfee": coins(p, p.Policy.MinRelay), "incrementalrelayfee": coins(p, p.Policy.Incremental),
		"fullrbf": true, "orphans": s.Orphans, "pending": s.Pending,
	}, nil
}

func estimateSmartFee(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	target, err := c.Args.Int(0, 1, 1008)
	if err != nil {
		return nil, err
	}
	if n.Pool == nil {
		return nil, off("the mempool")
	}
	p := n.Chain.Params()
	rate := max(queueRate(n.Pool.All(), target*p.BlockWeight/4), n.Pool.Stats(n.Clock()).MinFee, p.Policy.MinRelay)
	return map[string]any{"feerate": coins(p, rate), "blocks": target, "source": "mempool"}, nil
}

// queueRate returns the least fee rate, base units per 1000 virtual bytes, that is ahead of all but so many virtual bytes of
// what waits; 0 where everything fits. A transaction counts with the lower of its own rate and that of all it depends on.
func queueRate(all []mempool.Facts, room int64) int64 {
	type entry struct{ rate, size int64 }
	queue := make([]entry, len(all))
	for i, f := range all {
		queue[i] = entry{min(f.Fee*1000/max(f.Size, 1), f.AncestorFees*1000/max(f.AncestorSize, 1)), f.Size}
	}
	slices.SortFunc(queue, func(a, b entry) int { return cmp.Compare(b.rate, a.rate) })
	for _, e := range queue {
		if room -= e.size; room < 0 {
			return e.rate + 1
		}
	}
	return 0
}
