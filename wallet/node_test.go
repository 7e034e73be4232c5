package wallet

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/fee"
)

// peer is a wallet beside a full node that this project did not write.
type peer struct {
	*world
	node *realnode.Node
}

// follow hands the node's new blocks to the wallet.
func (p *peer) follow() {
	p.t.Helper()
	var count int32
	p.node.Call(p.t, &count, "getblockcount")
	for h := p.c.Tip().Height + 1; h <= count; h++ {
		var id, raw string
		p.node.Call(p.t, &id, "getblockhash", h)
		p.node.Call(p.t, &raw, "getblock", id, 0)
		b, err := hex.DecodeString(raw)
		if err != nil {
			p.t.Fatal(err)
		}
		var m wire.MsgBlock
		if err := m.Deserialize(bytes.NewReader(b)); err != nil {
			p.t.Fatal(err)
		}
		at := spv.Block{Height: h, Hash: m.BlockHash()}
		if _, err := p.c.Apply(at, uint32(m.Header.Timestamp.Unix()), m.Transactions); err != nil {
			p.t.Fatal(err)
		}
		if err := p.c.Scanned(at); err != nil {
			p.t.Fatal(err)
		}
	}
}

// accepted asks the node whether it would relay a transaction.
func (p *peer) accepted(s *Signed) (bool, string) {
	p.t.Helper()
	var got []struct {
		Allowed bool
		Reason  string `json:"reject-reason"`
	}
	p.node.Call(p.t, &got, "testmempoolaccept", []string{hex.EncodeToString(s.Raw())}, 0.1)
	return got[0].Allowed, got[0].Reason
}

// send commits a draft and gives it to the node.
func (p *peer) send(d *Draft, err error) *Signed {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	checkDraft(p.t, p.c, d)
	s := p.sign(d)
	if ok, why := p.accepted(s); !ok {
		p.t.Fatalf("the node refuses %s: %s", s.ID(), why)
	}
	p.commit(s)
	var id string
	p.node.Call(p.t, &id, "sendrawtransaction", hex.EncodeToString(s.Raw()))
	if id != s.ID().String() {
		p.t.Fatalf("sent %s, the node says %s", s.ID(), id)
	}
	return s
}

// unspent adds up what the node's own coin database holds of the wallet's scripts.
func (p *peer) unspent() int64 {
	p.t.Helper()
	var what []string
	for _, s := range p.c.Scripts() {
		what = append(what, "raw("+hex.EncodeToString(s)+")")
	}
	var got struct {
		Total float64 `json:"total_amount"`
	}
	p.node.Call(p.t, &got, "scantxoutset", "start", what)
	return int64(math.Round(got.Total * 1e8))
}

// TestWithRealNode lets litecoind judge what the wallet makes of every kind of account:
// payments, children that pay for parents, splits and combinations, and
// the limits of dust; at the end its coin database must agree with the balance.
func TestWithRealNode(t *testing.T) {
	p := &peer{newWorld(t, "litecoin-regtest", 1), realnode.Litecoind(t)}
	away, err := address.Encode(p.c.Params(), p.stranger())
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.c.accounts {
		a, _, err := p.c.Receive(i, true)
		if err != nil {
			t.Fatal(err)
		}
		if a.Kind == address.P2TR { // not active on this network yet: pay with the others alone
			continue
		}
		p.node.Call(t, nil, "generatetoaddress", 3, a.Text)
	}
	p.node.Call(t, nil, "generatetoaddress", 100, away)
	p.follow()
	if b := p.c.Balance(); b.Coins != 9 || b.Confirmed+b.Immature != p.unspent() {
		t.Fatalf("%+v, the node has %d", b, p.unspent())
	}
	for i := range 3 {
		p.trade(i)
	}
	p.node.Call(t, nil, "generatetoaddress", 1, away)
	p.follow()
	if b := p.c.Balance(); b.Confirmed+b.Immature != p.unspent() || b.OwnUnconfirmed != 0 {
		t.Errorf("%+v, the node has %d", b, p.unspent())
	}
	for i := range 3 {
		plan, err := p.c.PlanCombine(Filter{Accounts: []int{i}}, 1000, 1000)
		if err == nil {
			err = p.c.StartPlan(plan)
		}
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := p.c.NextStep(plan.ID, p.c.Tip().Height, p.rng)
		p.send(d, err)
	}
	p.node.Call(t, nil, "generatetoaddress", 1, away)
	p.follow()
	if b := p.c.Balance(); b.Coins != 3 || b.Confirmed != p.unspent() {
		t.Errorf("%+v, the node has %d", b, p.unspent())
	}
}

// trade does with one account what can be done.
func (p *peer) trade(i int) {
	p.t.Helper()
	t, tip := p.t, p.c.Tip().Height
	request := func(amount int64) Request {
		return Request{Recipients: []Recipient{{Script: p.stranger(), Amount: amount}}, Rate: 1000, LockHeight: tip, Accounts: []int{i}, Change: i}
	}
	// The least rate, the least amount, a text; then one unit less.
	r := request(0)
	r.Recipients[0].Amount = Dust(p.c.params, r.Recipients[0].Script)
	r.Data = []byte("least")
	first := p.send(p.c.Draft(r, p.rng))
	low := p.sign(p.draft(request(100_000)))
	at := slices.IndexFunc(low.tx.TxOut, func(o *wire.TxOut) bool { return o.Value == 100_000 })
	low.tx.TxOut[at].Value = r.Recipients[0].Amount - 1
	if ok, why := p.accepted(low); ok || why != "dust" {
		t.Errorf("account %d: one below the limit of dust: %v %s", i, ok, why)
	}
	second := p.send(p.c.Raise(first.ID(), 20_000, tip, p.rng))
	if row := p.c.History(0, 1)[0]; row.ID != second.ID() || row.Fee != second.Fee() {
		t.Errorf("%+v", row)
	}
	d, _, err := p.c.PlanSplit(Split{Count: 20, Amount: 1_000_000_000, Account: i, Rate: 1000, Lock: tip}, p.rng)
	p.send(d, err)
	whole := request(0)
	whole.Recipients[0] = Recipient{Script: p.stranger(), Amount: 200_000_000, PaysFee: true}
	s := p.send(p.c.Draft(whole, p.rng))
	var entry struct {
		Vsize int64
		Fees  struct{ Base float64 }
	}
	p.node.Call(t, &entry, "getmempoolentry", s.ID().String())
	if int64(math.Round(entry.Fees.Base*1e8)) != s.Fee() || entry.Vsize != fee.Virtual(weightOf(s.tx)) {
		t.Errorf("account %d: the node counts %+v, the wallet %d of %d", i, entry, s.Fee(), weightOf(s.tx))
	}
}
