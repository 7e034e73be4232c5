package chain

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"testing"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
)

// realPair is litecoind and a chain of ours that follows it.
type realPair struct {
	t    *testing.T
	node *realnode.Node
	c    *Chain
}

func (r *realPair) call(result any, method string, params ...any) {
	r.t.Helper()
	r.node.Call(r.t, result, method, params...)
}

// pay makes a block of payments to addresses of three kinds.
func (r *realPair) pay(miner string) {
	r.t.Helper()
	for _, kind := range []string{"legacy", "p2sh-segwit", "bech32"} {
		for range 3 {
			var to string
			r.call(&to, "getnewaddress", "", kind)
			r.call(nil, "sendtoaddress", to, 1.5)
		}
	}
	r.call(nil, "generatetoaddress", 1, miner)
}

// feed gives our chain the blocks of litecoind's best chain that it does not follow.
func (r *realPair) feed() {
	r.t.Helper()
	var tip int32
	r.call(&tip, "getblockcount")
	for h := int32(1); h <= tip; h++ {
		var id, raw string
		r.call(&id, "getblockhash", h)
		if at, ok := r.c.BlockAt(h); ok && at.Hash.String() == id {
			continue
		}
		r.call(&raw, "getblock", id, 0)
		bytes, err := hex.DecodeString(raw)
		check(r.t, err)
		if got, err := r.c.Accept(bytes, 0); err != nil || got.Status == Orphan {
			r.t.Fatalf("block %d %s: %s, %v", h, id, got.Status, err)
		}
	}
}

// compareCoins: both have the same tip, as many coins, and as much in them.
func (r *realPair) compareCoins() {
	r.t.Helper()
	var info struct {
		Height int32
		Best   string      `json:"bestblock"`
		Coins  int         `json:"txouts"`
		Amount json.Number `json:"total_amount"`
	}
	r.call(&info, "gettxoutsetinfo")
	tip := r.c.Tip()
	sum := int64(0)
	list := stored(r.t, r.c)
	for _, coin := range list {
		sum += coin.Value
	}
	amount, err := strconv.ParseFloat(info.Amount.String(), 64)
	check(r.t, err)
	if tip.Height != info.Height || tip.Hash.String() != info.Best || len(list) != info.Coins || sum != int64(math.Round(amount*1e8)) {
		r.t.Fatalf("tip %s, %d coins worth %d; litecoind has %+v", tip, len(list), sum, info)
	}
}

// compareFilters: both have the same filter and filter header for every block.
func (r *realPair) compareFilters() {
	r.t.Helper()
	for h := int32(0); h <= r.c.Tip().Height; h++ {
		at, _ := r.c.BlockAt(h)
		var want struct{ Filter, Header string }
		r.call(&want, "getblockfilter", at.Hash.String())
		f, err := r.c.Filter(h)
		check(r.t, err)
		head, err := r.c.FilterHeader(h)
		if err != nil || hex.EncodeToString(f) != want.Filter || head.String() != want.Header {
			r.t.Fatalf("filter of %s: %x %s, %v; litecoind has %+v", at, f, head, err, want)
		}
	}
}

// TestRealNode follows litecoind's blocks, signatures of three kinds in them, through a
// reorganisation, and compares coins and filters with what litecoind says of them.
func TestRealNode(t *testing.T) {
	p := testchain.Params(t, "litecoin-regtest")
	p.Extensions = false // the node's are off
	r := &realPair{t: t, node: realnode.Litecoind(t)}
	r.c = quick(t, t.TempDir(), p, nil, Options{FlushBlocks: 10})

	r.call(nil, "createwallet", "coins")
	var own string
	r.call(&own, "getnewaddress")
	r.call(nil, "generatetoaddress", 110, own)
	for range 3 {
		r.pay(own)
	}
	r.feed()
	r.compareCoins()
	r.compareFilters()

	// A branch that forks off six blocks down and is longer, with the same payments in it.
	low, _ := r.c.BlockAt(r.c.Tip().Height - 5)
	r.call(nil, "invalidateblock", low.Hash.String())
	r.call(&own, "getnewaddress") // else the same block would come out again
	r.call(nil, "generatetoaddress", 4, own)
	for range 4 {
		r.pay(own)
	}
	before := r.c.Tip()
	r.feed()
	if r.c.OnBest(before) {
		t.Fatal("there was no reorganisation")
	}
	r.compareCoins()
	r.compareFilters()
	if _, ok := r.c.Lookup(before.Hash); !ok {
		t.Fatal("the side branch is forgotten")
	}
	if list, err := r.c.Sealed(r.c.Locator()[3:], spv.Hash{}); err != nil || len(list) != 3 {
		t.Fatalf("%d headers above the locator, %v", len(list), err)
	}
	check(t, r.c.Close())
}
