package node

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/node/gbt"
	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// rpcOf passes calls on to a foreign node, which keeps its own address to itself.
func rpcOf(t *testing.T, foreign *realnode.Node) *gbt.Access {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			Method string
			Params []any
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
			return
		}
		if call.Method == "getblocktemplate" { // a long poll would outlive the test
			if request, ok := call.Params[0].(map[string]any); ok {
				delete(request, "longpollid")
			}
		}
		var result json.RawMessage
		foreign.Call(t, &result, call.Method, call.Params...)
		_ = json.NewEncoder(w).Encode(map[string]any{"result": result, "error": nil})
	}))
	t.Cleanup(server.Close)
	return &gbt.Access{URL: server.URL, User: "u", Password: "p"}
}

// mineOnForeign mines a stack whose L1 is a foreign node's: it takes our L1 blocks, the
// layer moves by the same shares, and a light client verifies both.
func mineOnForeign(t *testing.T, s chains.Stack, layer string, foreign *realnode.Node) {
	t.Helper()
	l1 := s.L1.Name
	peers := map[string][]string{l1: {foreign.P2P}}
	a := start(t, Config{Stack: s, Mine: true, Threads: 1, MineEvery: 200 * time.Millisecond, Peers: peers, L1: rpcOf(t, foreign)})
	head, l := a.loop(l1), a.loop(layer)
	await(t, "our L1 blocks at the foreign node, and the layer's", func() bool {
		y := a.Mining().Yields()
		return y[0].Blocks >= 3 && l.View().Tip().Height >= 4
	}, l)
	await(t, "a seal", func() bool { return sealed(l) }, l)
	for _, y := range a.Mining().Yields() {
		if y.Refused > 0 {
			t.Errorf("%+v", y)
		}
	}
	var best string
	foreign.Call(t, &best, "getbestblockhash")
	await(t, "the foreign node's tip", func() bool {
		foreign.Call(t, &best, "getbestblockhash")
		return head.View().Tip().Hash.String() == best
	}, head)

	peers = map[string][]string{l1: {foreign.P2P}, layer: {l.Address()}}
	c := light(t, []*chains.Params{s.L1, l.Params()}, peers)
	var at spv.Block
	await(t, "the layer at the light client", func() bool {
		var synced bool
		at, synced = c.tip(layer)
		return synced && at.Height >= 4 && l.View().OnBest(at)
	}, l)
}

// only returns a stack with one of its layers.
func only(s chains.Stack, layer string) chains.Stack {
	for _, p := range s.Layers {
		if p.Name == layer {
			return chains.Stack{L1: s.L1, Layers: []*chains.Params{p}}
		}
	}
	panic(layer)
}

func TestBtcd(t *testing.T) {
	foreign := realnode.Btcd(t)
	foreign.Generate(t, 12)
	mineOnForeign(t, stack(t, "bitcoin-regtest"), "layer-regtest", foreign)
}

func TestLitecoind(t *testing.T) {
	foreign, other := realnode.Litecoind(t), realnode.Litecoind(t)
	other.Call(t, nil, "addnode", foreign.P2P, "onetry") // a lone litecoind gives no templates
	await(t, "the foreign nodes connected", func() bool {
		var peers int
		foreign.Call(t, &peers, "getconnectioncount")
		return peers > 0
	})
	foreign.Generate(t, 12)
	p := scryptLayer(t)
	mineOnForeign(t, only(stack(t, "litecoin-regtest", p), p.Name), p.Name, foreign)
}

// scryptLayer is the regtest layer on another L1, with other work.
func scryptLayer(t *testing.T) *chains.Params {
	t.Helper()
	src, err := fs.ReadFile(assets.Chains, "layer-regtest.toml")
	check(t, err)
	text := strings.NewReplacer(`"layer-regtest"`, `"layer-scrypt"`, `"sha256d"`, `"scrypt"`, `"bitcoin-regtest"`, `"litecoin-regtest"`,
		"e14c5201", "e14c52f1", "29561", "29571", `"lrn"`, `"lrs"`).Replace(string(src))
	p, err := chains.Parse("layer-scrypt.toml", []byte(text))
	check(t, err)
	return p
}
