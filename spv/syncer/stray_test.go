package syncer

import (
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// TestSeek: a header off the best chain is asked of every peer by its id, once headers are
// fetched; its answer comes out and is no announcement. What nobody asked for is one.
func TestSeek(t *testing.T) {
	rules := flatRules(1)
	m := New(spv.NewTree(rules), [16]byte{})
	now := time.Unix(1_700_000_000, 0)
	stray := spv.Header{0: 4, 4: 1, 72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}
	m.Step(now, Connected{Peer: 1})
	m.Step(now, Connected{Peer: 2})
	if got := asked(m.Step(now, Seek{Block: stray.ID()})); len(got) != 0 {
		t.Fatalf("asked %v while headers are being fetched", got)
	}
	for peer := range Peer(2) {
		m.Step(now, Received{Peer: peer + 1, Message: &msg.Headers{}})
		m.Step(now, Resume{})
	}
	outputs := m.Step(now, Seek{Block: stray.ID()})
	if got := asked(outputs); len(got) != 2 {
		t.Fatalf("asked %v, want both peers", got)
	}
	request := outputs[0].(Send).Message.(*wire.MsgGetHeaders)
	if len(request.BlockLocatorHashes) != 0 || request.HashStop != stray.ID() {
		t.Fatalf("asked for %+v", request)
	}
	answer := Received{Peer: 2, Message: &msg.Headers{Headers: []spv.Sealed{{Header: stray}}}}
	if got := m.Step(now, answer); len(got) != 1 || got[0] != (Stray{Header: stray}) {
		t.Fatalf("outputs %v, want the header", got)
	}
	for _, o := range m.Step(now, answer) {
		if _, ok := o.(Stray); ok {
			t.Fatal("a header that nobody asked for came out")
		}
	}
	for i := range 2 * maxSought {
		m.Step(now, Seek{Block: spv.Hash{0: byte(i), 1: 1}})
	}
	if len(m.sought) > maxSought {
		t.Fatalf("%d blocks sought, want at most %d", len(m.sought), maxSought)
	}
}

// TestMissing: a proof that cannot be judged tells which parent block it lacks.
func TestMissing(t *testing.T) {
	m := New(spv.NewTree(&spv.Rules{PowLimit: [4]uint64{1}, Genesis: spv.Header{72: 1, 75: 3}}), [16]byte{})
	on := func(version, parent byte) spv.Sealed {
		return spv.Sealed{Header: spv.Header{0: version}, Aux: &spv.AuxPoW{Parent: spv.Header{4: parent}}}
	}
	run := []spv.Sealed{{}, on(1, 9), on(2, 9), {}, on(3, 8)}
	now := time.Unix(1_700_000_000, 0)
	p := &peer{id: 1, pending: true, heard: now}
	m.peers, m.now = []*peer{p}, now
	m.missing(p, run, &spv.HeaderError{Block: spv.Block{Hash: run[1].Header.ID()}, Err: spv.ErrPending})
	want := []Output{Missing{Parent: spv.Hash{9}}, Missing{Parent: spv.Hash{8}}}
	if !slices.Equal(m.out, want) {
		t.Fatalf("outputs %v, want the parents from the one that is missing on, each once", m.out)
	}
	if out := m.Step(now.Add(MissingAgain-1), Tick{}); len(out) != 0 {
		t.Fatalf("outputs %v before it is time to tell again", out)
	}
	if out := m.Step(now.Add(MissingAgain), Tick{}); !slices.Equal(out, want) {
		t.Fatalf("outputs %v, want the same again: what was asked may have been lost", out)
	}
	m.Step(now.Add(2*MissingAgain-1), ParentMoved{})
	if out := m.Step(now.Add(2*MissingAgain), Tick{}); slices.ContainsFunc(out, func(o Output) bool { _, is := o.(Missing); return is }) {
		t.Fatalf("outputs %v for a peer that waits no more", out)
	}
	for i := range byte(2 * MaxMissing) {
		run = append(run, on(4, i+10))
	}
	m.out = nil
	if m.missing(p, run, &spv.HeaderError{Block: spv.Block{Hash: run[1].Header.ID()}, Err: spv.ErrPending}); len(m.out) != MaxMissing {
		t.Fatalf("%d outputs, want no more than %d", len(m.out), MaxMissing)
	}
}
