package nodeapi

import (
	"context"
	"encoding/hex"
	"math"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// Settlement is how the peg of a layer stands; *node.Settlement is one.
type Settlement interface {
	Status() settler.Status
	// Share measures the part of the L1's work that mines the layer.
	Share() (risk.Share, error)
	// Keys are the public keys, x-only, that batches are signed with here; nil: nothing is signed.
	Keys() [][32]byte
	// Settled returns the batches in L1, the oldest first, and before them the first connector's transaction.
	Settled(ctx context.Context) ([]settler.Settled, error)
	// FirstLink returns the outputs that make the first connector for a set of settlers.
	FirstLink(set int) ([]*wire.TxOut, error)
	// MakeFirstLink makes it, on a private network, and returns the transaction's id.
	MakeFirstLink(ctx context.Context) (spv.Hash, error)
}

// maxBatches is how many batches one answer lists: some 200 payouts each.
const maxBatches = 100

const settleCategory = "settlement"

func settleMethods(find Find) []rpc.Method {
	return []rpc.Method{{
		Name: "getsettlement", Category: settleCategory, Call: find.on(getSettlement),
		Text: "Returns how the release of burned money stands: the batch that is due and its signatures, why nothing is signed, the last batch " +
			"in L1. Ask with --chain LAYER.",
	}, {
		Name: "auditsupply", Category: settleCategory, Call: find.on(auditSupply),
		Text: "Returns the peg's account in satoshis of the L1, counted from the blocks of both chains: claimed, burned, vault, unpaid. Difference " +
			"is (claimed - burned) - (vault - unpaid); anything but 0 is an alarm. Recovery_blocks is how far the vault's oldest output " +
			"is from the age at which fewer settlers can move it.",
	}, {
		Name: "listbatches", Category: settleCategory, Call: find.on(listBatches), Example: "0 10",
		Text: "Returns the batches in L1, the oldest first, each with its payout list: by it a wallet proves that its burn was paid.",
		Params: []rpc.Param{{Name: "from", Text: "least batch number (default 0)", Optional: true},
			{Name: "count", Text: "how many, 1 to 100 (default 100)", Optional: true}},
	}, {
		Name: "settlefirstlink", Category: settleCategory, Call: find.on(settleFirstLink), Example: "0",
		Text: "Returns the outputs, in this order, that a transaction on the L1 must begin with to make the layer's first connector. Anybody may " +
			"pay for it, once: no batch is signed before.",
		Params: []rpc.Param{{Name: "set", Text: "number of the settlers (default 0)", Optional: true}},
	}, {
		Name: "makefirstlink", Category: settleCategory, Call: find.on(makeFirstLink),
		Text: "Makes the layer's first connector on a private network, out of a block's reward that anybody may spend. Returns the transaction's id. " +
			"A node that is killed before that is in a block may forget it: ask again, as long as getsettlement says no-connector.",
	}}
}

// settlementOf returns what follows the peg.
func settlementOf(n *Node) (Settlement, error) {
	if n.Settlement == nil {
		return nil, rpc.Errorf(rpc.Unavailable, "settlement of %s: it is no pegged layer, or the blocks of its L1 are not judged here", n.Chain.Params().Name)
	}
	return n.Settlement, nil
}

// refusalJSON says why nothing is signed.
type refusalJSON struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// dueJSON is the batch that is being signed.
type dueJSON struct {
	Number     uint32   `json:"number"`
	Attempt    int      `json:"attempt"`
	TxID       spv.Hash `json:"txid"`
	Payouts    int      `json:"payouts"`
	Signatures []int    `json:"signatures"` // held, by input
	Needed     []int    `json:"needed"`     // by input
	Complete   bool     `json:"complete"`   // broadcast
}

// settlementJSON is getsettlement's answer.
type settlementJSON struct {
	Chain   string       `json:"chain"`
	L1      string       `json:"l1"`
	Keys    []string     `json:"keys"` // that batches are signed with here
	Refusal *refusalJSON `json:"refusal"`
	Share   *risk.Share  `json:"share"`
	Least   float64      `json:"least_share"` // of its lower bound
	Due     *dueJSON     `json:"due"`
	Last    *batchJSON   `json:"last"`
}

func getSettlement(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	s, err := settlementOf(n)
	if err != nil {
		return nil, err
	}
	st, p := s.Status(), n.Chain.Params()
	a := settlementJSON{Chain: p.Name, L1: p.Parent, Keys: []string{}, Least: settler.LeastShare}
	for _, key := range s.Keys() {
		a.Keys = append(a.Keys, hex.EncodeToString(key[:]))
	}
	if st.Refusal != nil {
		a.Refusal = &refusalJSON{st.Refusal.Name, st.Refusal.Why}
	}
	if share, err := s.Share(); err == nil {
		a.Share = &share
	}
	if st.TxID != (spv.Hash{}) {
		a.Due = &dueJSON{st.Number, st.Attempt, st.TxID, st.Payouts, st.Signatures, st.Needed, st.Complete}
	}
	if st.Last != nil {
		b := batchOf(st.Last)
		a.Last = &b
	}
	return a, nil
}

// Supply is auditsupply's answer: what a layer's peg holds at the tips of both chains, in L1 satoshis.
type Supply struct {
	Chain      string    `json:"chain"`
	Layer      spv.Block `json:"tip"`
	L1         spv.Block `json:"l1_tip"`
	Claimed    int64     `json:"claimed"`
	Burned     int64     `json:"burned"`
	Vault      int64     `json:"vault"`
	Unpaid     int64     `json:"unpaid"`
	Difference int64     `json:"difference"`
	OK         bool      `json:"ok"`
	// Recovery is how many L1 blocks the oldest output of the vault is from the age at which fewer settlers can move it; null: there is none.
	Recovery *int32 `json:"recovery_blocks"`
}

func auditSupply(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	s, err := settlementOf(n)
	if err != nil {
		return nil, err
	}
	st := s.Status()
	if st.Layer == (spv.Block{}) {
		return nil, rpc.Errorf(rpc.Unavailable, "supply of %s: not counted yet: %v", n.Chain.Params().Name, st.Refusal)
	}
	p, a := n.Chain.Params(), st.Supply
	out := Supply{Chain: p.Name, Layer: st.Layer, L1: st.L1, Claimed: a.Claimed, Burned: a.Burned, Vault: a.Vault, Unpaid: a.Unpaid,
		Difference: (a.Claimed - a.Burned) - (a.Vault - a.Unpaid), OK: a.Check() == nil}
	if st.Oldest > 0 {
		left := st.Recovery(p)
		out.Recovery = &left
	}
	return out, nil
}

// batchJSON is a batch in L1.
type batchJSON struct {
	Number  uint32       `json:"number"`
	Attempt int          `json:"attempt"`
	TxID    spv.Hash     `json:"txid"`
	Block   spv.Block    `json:"block"` // of the L1
	Cut     spv.Block    `json:"cut"`   // of the layer
	Payouts []payoutJSON `json:"payouts"`
}

// payoutJSON is one entry of a payout list.
type payoutJSON struct {
	TxID   spv.Hash `json:"txid"` // of the burn, on the layer
	Vout   uint32   `json:"vout"`
	Value  int64    `json:"value"` // L1 satoshis
	Script string   `json:"script"`
}

func batchOf(s *settler.Settled) batchJSON {
	b := batchJSON{s.Number, s.Attempt, s.TxID, s.Block, s.Cut, []payoutJSON{}}
	for _, p := range s.Payouts {
		b.Payouts = append(b.Payouts, payoutJSON{p.Burn.Hash, p.Burn.Index, p.Value, hex.EncodeToString(p.Script)})
	}
	return b
}

func listBatches(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	from, count := int64(0), int64(maxBatches)
	var err error
	if c.Args.Has(0) {
		if from, err = c.Args.Int(0, 0, math.MaxUint32); err != nil {
			return nil, err
		}
	}
	if c.Args.Has(1) {
		if count, err = c.Args.Int(1, 1, maxBatches); err != nil {
			return nil, err
		}
	}
	s, err := settlementOf(n)
	if err != nil {
		return nil, err
	}
	all, err := s.Settled(ctx)
	if err != nil {
		return nil, err
	}
	list := []batchJSON{}
	for i := range all {
		if int64(all[i].Number) >= from && int64(len(list)) < count {
			list = append(list, batchOf(&all[i]))
		}
	}
	return list, nil
}

func settleFirstLink(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	set := int64(0)
	var err error
	if c.Args.Has(0) {
		if set, err = c.Args.Int(0, 0, math.MaxUint16); err != nil {
			return nil, err
		}
	}
	s, err := settlementOf(n)
	if err != nil {
		return nil, err
	}
	outs, err := s.FirstLink(int(set))
	if err != nil {
		return nil, rpc.Errorf(rpc.InvalidParameter, "%v", err)
	}
	type output struct {
		Value  int64  `json:"value"` // L1 satoshis
		Script string `json:"script"`
	}
	list := []output{}
	for _, o := range outs {
		list = append(list, output{o.Value, hex.EncodeToString(o.PkScript)})
	}
	var made *spv.Hash
	if last := s.Status().Last; last != nil {
		made = &last.TxID
	}
	return map[string]any{"set": set, "outputs": list, "connector": made}, nil
}

func makeFirstLink(ctx context.Context, n *Node, _ *rpc.Call) (any, error) {
	s, err := settlementOf(n)
	if err != nil {
		return nil, err
	}
	id, err := s.MakeFirstLink(ctx)
	if err != nil {
		return nil, rpc.Errorf(rpc.Misc, "%v", err)
	}
	return id, nil
}
