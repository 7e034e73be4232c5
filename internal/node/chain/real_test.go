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

// TestRealNode follows litecoind's blocks, signatures of three kinds in them, through a
// reorganisation, and compares coins and filters with what litecoind says of them.
func TestRealNode(t *testing.T) {
	node := realnode.Litecoind(t)
	call := func(result any, method string, params ...any) {
		t.Helper()
		node.Call(t, result, method, params...)
	}
	p := testchain.Params(t, "litecoin-regtest")
	p.Extensions = false // the node's are off
	c := quick(t, t.TempDir(), p, nil, Options{FlushBlocks: 10})

	call(nil, "createwallet", "coins")
	var own string
	call(&own, "getnewaddress")
	call(nil, "generatetoaddress", 110, own)
	pay := func() {
		t.Helper()
		for _, kind := range []string{"legacy", "p2sh-segwit", "bech32"} {
			for range 3 {
				var to string
				call(&to, "getnewaddress", "", kind)
				call(nil, "sendtoaddress", to, 1.5)
			}
		}
		call(nil, "generatetoaddress", 1, own)
	}
	feed := func() {
		t.Helper()
		var tip int32
		call(&tip, "getblockcount")
		for h := int32(1); h <= tip; h++ {
			var id, raw string
			call(&id, "getblockhash", h)
			if at, ok := c.BlockAt(h); ok && at.Hash.String() == id {
				continue
			}
			call(&raw, "getblock", id, 0)
			bytes, err := hex.DecodeString(raw)
			check(t, err)
			if r, err := c.Accept(bytes, 0); err != nil || r.Status == Orphan {
				t.Fatalf("block %d %s: %s, %v", h, id, r.Status, err)
			}
		}
	}
	compare := func() {
		t.Helper()
		var info struct {
			Height int32
			Best   string      `json:"bestblock"`
			Coins  int         `json:"txouts"`
			Amount json.Number `json:"total_amount"`
		}
		call(&info, "gettxoutsetinfo")
		tip := c.Tip()
		sum := int64(0)
		list := stored(t, c)
		for _, coin := range list {
			sum += coin.Value
		}
		amount, err := strconv.ParseFloat(info.Amount.String(), 64)
		check(t, err)
		if tip.Height != info.Height || tip.Hash.String() != info.Best || len(list) != info.Coins || sum != int64(math.Round(amount*1e8)) {
			t.Fatalf("tip %s, %d coins worth %d; litecoind has %+v", tip, len(list), sum, info)
		}
		for h := int32(0); h <= tip.Height; h++ {
			at, _ := c.BlockAt(h)
			var want struct{ Filter, Header string }
			call(&want, "getblockfilter", at.Hash.String())
			f, err := c.Filter(h)
			check(t, err)
			head, err := c.FilterHeader(h)
			if err != nil || hex.EncodeToString(f) != want.Filter || head.String() != want.Header {
				t.Fatalf("filter of %s: %x %s, %v; litecoind has %+v", at, f, head, err, want)
			}
		}
	}
	for range 3 {
		pay()
	}
	feed()
	compare()

	// A branch that forks off six blocks down and is longer, with the same payments in it.
	low, _ := c.BlockAt(c.Tip().Height - 5)
	call(nil, "invalidateblock", low.Hash.String())
	call(&own, "getnewaddress") // else the same block would come out again
	call(nil, "generatetoaddress", 4, own)
	for range 4 {
		pay()
	}
	before := c.Tip()
	feed()
	if c.OnBest(before) {
		t.Fatal("there was no reorganisation")
	}
	compare()
	if _, ok := c.Lookup(before.Hash); !ok {
		t.Fatal("the side branch is forgotten")
	}
	if list, err := c.Sealed(c.Locator()[3:], spv.Hash{}); err != nil || len(list) != 3 {
		t.Fatalf("%d headers above the locator, %v", len(list), err)
	}
	check(t, c.Close())
}
