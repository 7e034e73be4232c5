package syncer

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// TestProbe: a peer that announces no height is asked for filter headers if it has our tip,
// and not if it is behind.
func TestProbe(t *testing.T) {
	r := benchRules()
	run := benchHeaders(r, 30)
	for name, has := range map[string]int{"has our tip": 30, "is behind": 29, "has genesis only": 0} {
		tree := spv.NewTree(r)
		if _, err := tree.Connect(run, 0); err != nil {
			t.Fatal(err)
		}
		m := NewWith(Config{Tree: tree, Scan: &Scan{From: 1, Filters: &shelf{}, Headers: &shelf{}}})
		questions, filters := 0, 0
		inputs := []Input{Connected{Peer: 1, Services: wire.SFNodeNetwork | wire.SFNodeCF}}
		for len(inputs) > 0 && questions < 20 {
			in := inputs[0]
			inputs = inputs[1:]
			for _, out := range m.Step(time.Unix(1_800_000_000, 0), in) {
				switch out := out.(type) {
				case Again:
					inputs = append(inputs, Resume{})
				case Drop:
					t.Fatalf("%s: dropped: %v", name, out.Err)
				case Send:
					switch ask := out.Message.(type) {
					case *wire.MsgGetHeaders:
						questions++
						inputs = append(inputs, Received{Peer: 1, Message: answerOf(tree, run[:has], ask)})
					case *wire.MsgGetCFHeaders:
						filters++
					}
				}
			}
		}
		if want := has == len(run); (filters > 0) != want || !m.peers[0].told {
			t.Errorf("%s: %d questions for filter headers, told %v", name, filters, m.peers[0].told)
		}
		if questions > 3 {
			t.Errorf("%s: %d questions for headers", name, questions)
		}
	}
}

// answerOf is what a node with a part of the chain answers.
func answerOf(tree *spv.Tree, has []spv.Sealed, ask *wire.MsgGetHeaders) *msg.Headers {
	for _, id := range ask.BlockLocatorHashes {
		if b, ok := tree.Lookup(*id); ok && int(b.Height) <= len(has) {
			return &msg.Headers{Headers: has[b.Height:]}
		}
	}
	return &msg.Headers{Headers: has}
}
