package syncer

import (
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// TestRepeat: a question about a new block's filter is asked again after 2, 6 and 14 seconds; that it may be answered as
// often is held against nobody, not even where another question that ends at the same block is open then.
func TestRepeat(t *testing.T) {
	r := benchRules()
	run := benchHeaders(r, 30)
	tree := spv.NewTree(r)
	if _, err := tree.Connect(run, 0); err != nil {
		t.Fatal(err)
	}
	m := NewWith(Config{Tree: tree, Scan: &Scan{From: 21, Filters: &shelf{}, Headers: &shelf{}}})
	start := time.Unix(1_800_000_000, 0)
	var asked []int
	var last *wire.MsgGetCFHeaders
	step := func(second int, in Input) {
		for inputs := []Input{in}; len(inputs) > 0; inputs = inputs[1:] {
			for _, out := range m.Step(start.Add(time.Duration(second)*time.Second), inputs[0]) {
				switch out := out.(type) {
				case Again:
					inputs = append(inputs, Resume{})
				case Drop:
					t.Fatalf("after %d s: dropped: %v", second, out.Err)
				case Send:
					switch ask := out.Message.(type) {
					case *wire.MsgGetHeaders:
						inputs = append(inputs, Received{Peer: 1, Message: answerOf(tree, run, ask)})
					case *wire.MsgGetCFHeaders:
						asked, last = append(asked, second), ask
					}
				}
			}
		}
	}
	step(0, Connected{Peer: 1, Services: wire.SFNodeNetwork | wire.SFNodeCF})
	for second := 1; second < 30; second++ {
		step(second, Tick{})
	}
	if want := []int{0, 2, 6, 14}; !slices.Equal(asked, want) {
		t.Fatalf("asked after %v s, want %v", asked, want)
	}
	answer := &wire.MsgCFHeaders{StopHash: last.StopHash}
	for range 10 {
		answer.FilterHashes = append(answer.FilterHashes, &spv.Hash{1})
	}
	step(30, Received{Peer: 1, Message: answer})
	if m.agreed() != 30 {
		t.Fatalf("agreed to %d, want 30", m.agreed())
	}
	w := &m.peers[0].word
	w.question = &question{purpose: forAudit, from: 26, to: 30, stop: last.StopHash, sent: m.now}
	step(30, Received{Peer: 1, Message: answer})
	if w.question == nil {
		t.Error("an answer to the question before is taken for the answer")
	}
	answer.FilterHashes = answer.FilterHashes[:4]
	for _, out := range m.Step(m.now, Received{Peer: 1, Message: answer}) {
		if d, ok := out.(Drop); ok && d.Ban {
			return
		}
	}
	t.Error("an answer of a length that was never asked for is accepted")
}
