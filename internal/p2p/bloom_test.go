package p2p_test

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// none is a store without filters, below whose window nothing is asked for.
type none struct{}

func (none) Filter(int32) ([]byte, bool)              { return nil, false }
func (none) FilterHeader(int32) (spv.Hash, bool)      { return spv.Hash{}, false }
func (none) FiltersTo() int32                         { return 0 }
func (none) Headers(_, _ int32) ([]spv.Header, error) { return nil, errors.New("none") }

// hasty is a machine whose time flies while it misses compact filters.
type hasty struct {
	*syncer.Machine
	ahead time.Duration
}

func (h *hasty) Step(now time.Time, in syncer.Input) []syncer.Output {
	if _, tick := in.(syncer.Tick); tick && h.Status().Waiting == "a peer that serves compact filters" {
		h.ahead += 25 * time.Second
	}
	return h.Machine.Step(now.Add(h.ahead), in)
}

// TestBloomReal: nodes that we did not write match blocks by our Bloom filters: the blocks
// that pay a script and, by what the node adds to the filter itself, those that spend it.
func TestBloomReal(t *testing.T) {
	p := testchain.Params(t, "litecoin-regtest")
	nodes := []*realnode.Node{realnode.LitecoindBloom(t), realnode.LitecoindBloom(t)}
	script, want := paidAndSpent(t, nodes[0])
	copyBlocks(t, nodes[0], nodes[1])

	machine := syncer.NewWith(syncer.Config{Tree: spv.NewTree(&p.Rules), Scan: &syncer.Scan{From: 1, Filters: none{}, Headers: none{}, Bloom: true}})
	var found []int32
	inputs := make(chan syncer.Input, 1)
	inputs <- syncer.Watch{Scripts: [][]byte{script}, From: 1}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var last syncer.Status
	err := p2p.Run(ctx, p2p.Config{
		Codec: msg.Codec{Magic: p.P2P.Magic, MaxBlock: 4_000_000}, Agent: "/test/", Protocol: p.P2P.Protocol,
		Peers: []string{nodes[0].P2P, nodes[1].P2P}, Log: slog.New(slog.DiscardHandler), Inputs: inputs,
		Sink: func(out syncer.Output) ([]syncer.Input, error) {
			if f, ok := out.(syncer.Found); ok {
				found = append(found, f.Block.Height)
			}
			return nil, nil
		},
	}, &hasty{Machine: machine}, func(p2p.Report) {
		if ctx.Err() != nil {
			return
		}
		if last = machine.Status(); last.Synced && last.Rung == syncer.Bloomed && last.BloomPeers == 2 {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !last.Synced || last.Rung != syncer.Bloomed || last.FalseMatches > 1 || last.Looked > len(want)+1 || !slices.Equal(found, want) {
		t.Fatalf("found %v, want %v: %s; %+v", found, want, last.Source(), last)
	}
}

// paidAndSpent has a node pay a script of its own and spend it, and returns the script and
// the heights of the blocks that do so.
func paidAndSpent(t *testing.T, node *realnode.Node) (script []byte, heights []int32) {
	t.Helper()
	var address string
	node.Call(t, nil, "createwallet", "test")
	node.Call(t, &address, "getnewaddress")
	var about struct{ ScriptPubKey string }
	node.Call(t, &about, "getaddressinfo", address)
	script, err := hex.DecodeString(about.ScriptPubKey)
	if err != nil {
		t.Fatal(err)
	}
	node.Generate(t, 20)
	node.Call(t, nil, "generatetoaddress", 1, address)
	node.Generate(t, 30)
	node.Call(t, nil, "generatetoaddress", 2, address)
	node.Generate(t, 100)
	var elsewhere string
	node.Call(t, &elsewhere, "getnewaddress")
	node.Call(t, nil, "sendtoaddress", elsewhere, 10)
	node.Generate(t, 10)
	return script, []int32{21, 52, 53, 154}
}

// copyBlocks gives one node the blocks of another.
func copyBlocks(t *testing.T, from, to *realnode.Node) {
	t.Helper()
	var height int
	from.Call(t, &height, "getblockcount")
	for h := 1; h <= height; h++ {
		var id, raw string
		from.Call(t, &id, "getblockhash", h)
		from.Call(t, &raw, "getblock", id, 0)
		to.Call(t, nil, "submitblock", raw)
	}
}
