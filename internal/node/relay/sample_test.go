package relay

import (
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	sampledBlocks = 700
	sampledKeep   = 60
)

// sampled is a light client that begins by a sampled proof, with its store in memory.
type sampled struct {
	m       *syncer.Sampler
	placed  []syncer.Placed
	base    int32
	headers []spv.Header // from base on
	ready   bool
}

func (d *sampled) carry(out syncer.Output) []syncer.Input {
	switch out := out.(type) {
	case syncer.Placed:
		d.placed = append(d.placed, out)
		d.base, d.headers = out.Start.Height, append(append([]spv.Header{}, out.Start.Headers...), out.Change.Headers...)
	case syncer.Store:
		d.headers = append(d.headers[:len(d.headers)-out.Change.Undo], out.Change.Headers...)
	}
	return nil
}

// tip checks that what is stored is one line of headers, and returns its end.
func (d *sampled) tip(n *network) spv.Block {
	n.t.Helper()
	last := d.headers[0].ID()
	for i := range d.headers[1:] {
		if d.headers[i+1].Prev() != last {
			n.t.Fatalf("stored header %d does not link", d.base+int32(i)+1)
		}
		last = d.headers[i+1].ID()
	}
	return spv.Block{Height: d.base + int32(len(d.headers)) - 1, Hash: last}
}

// sampling has a Sampler of a layer whose L1 is in a chain.
func (n *network) sampling(l1 spv.ParentView) (*host, *sampled) {
	d := &sampled{headers: []spv.Header{n.p.Genesis}, ready: true}
	d.m = syncer.NewSampler(syncer.SampleConfig{Chain: n.p, Tree: spv.NewTree(&n.p.Rules), L1: l1, Ready: func() bool { return d.ready },
		Salt: [32]byte{1}, Security: 20, Keep: sampledKeep})
	return n.add(&host{name: "sampling", machine: d.m, sink: d.carry}), d
}

// sampleWorld is a layer of some hundred blocks with two nodes that hold all of it.
type sampleWorld struct {
	*network
	a, b *layered
	list []*host
}

func newSampleWorld(t *testing.T, seed uint64, change func(*chains.Params)) *sampleWorld {
	t.Helper()
	l1 := newNetwork(t, seed)
	miner := l1.node("L1")
	for range 20 {
		l1.mine(miner)
	}
	n := newNetwork(t, seed+1000)
	n.p = testchain.Easy(t, "dev-native")
	if change != nil {
		change(n.p)
	}
	w := &sampleWorld{network: n, a: n.layered("a", l1), b: n.layered("b", l1)}
	w.list = []*host{w.a.host, w.b.host}
	n.feed(w.a, miner.node.chain)
	n.feed(w.b, miner.node.chain)
	for range sampledBlocks {
		n.mineLayer(w.a)
	}
	n.ring(w.list)
	n.run(time.Minute)
	n.same(w.list)
	return w
}

// TestSampled: a light client begins by what nodes serve, verifies the newest headers, and follows on.
func TestSampled(t *testing.T) {
	w := newSampleWorld(t, 50, nil)
	h, d := w.sampling(w.a.l1)
	d.ready = false
	w.connect(h, w.a.host)
	w.connect(h, w.b.host)
	w.run(20 * time.Second)
	if s := d.m.Status(); s.Synced || s.Stage != syncer.Sampling || s.Waiting != "its L1 to be synced" || s.Peers != 2 {
		t.Fatalf("before its L1 is synced: %+v", s)
	}
	d.ready = true
	w.run(30 * time.Second)
	if len(d.placed) != 1 {
		t.Fatalf("placed %d times; %+v; drops %v", len(d.placed), d.m.Status(), h.drops)
	}
	p := d.placed[0]
	if p.Start.Last.Height != sampledBlocks-sampledKeep || p.Security != 20 || p.Open != 0 || p.Opened < sampledKeep || p.Start.Height != p.Start.Last.Height-10 {
		t.Fatalf("placed %+v", p.Start)
	}
	tip := w.a.node.chain.Tip()
	work := w.a.node.chain.Work()
	if s := d.m.Status(); !s.Synced || s.Tip != tip || d.tip(w.network) != tip || d.m.Tree().Work() != work {
		t.Fatalf("%+v, stored up to %s, want %s", s, d.tip(w.network), tip)
	}
	for range 5 {
		w.mineLayer(w.a)
	}
	w.run(30 * time.Second)
	if tip = w.a.node.chain.Tip(); d.tip(w.network) != tip || len(d.placed) != 1 {
		t.Fatalf("stored up to %s, want %s", d.tip(w.network), tip)
	}
	t.Logf("proof of %d bytes, %d blocks opened of %d", p.Bytes, p.Opened, tip.Height)
	w.quiet(append(w.list, h))
}

// sampleFault is what a peer does with the messages of sampled proofs, and what comes of it.
type sampleFault struct {
	name           string
	alter          func(m *msg.Sample) *msg.Sample
	honest, placed bool // there is an honest peer; a proof is placed
	bans           int
	why            string
}

// TestSampledFaults: whatever a peer does with the messages, nothing false is stored, and an honest peer beside it, or a chain that is
// fetched from genesis, lets the client go on.
func TestSampledFaults(t *testing.T) {
	w := newSampleWorld(t, 51, nil)
	kept := func(m *msg.Sample) *msg.Sample { return m }
	for _, c := range []sampleFault{
		{"says nothing", func(*msg.Sample) *msg.Sample { return nil }, true, true, 0, "no answer to getsample"},
		{"has none to give", func(m *msg.Sample) *msg.Sample { return &msg.Sample{NetID: m.NetID, Tip: m.Tip, Height: m.Height} }, true, true, 0, ""},
		{"nobody has one to give", func(m *msg.Sample) *msg.Sample { return &msg.Sample{NetID: m.NetID, Tip: m.Tip, Height: m.Height} }, false, false, 0, ""},
		{"spoils a byte", func(m *msg.Sample) *msg.Sample {
			if m.Parts > 0 {
				m.Bytes[len(m.Bytes)-1-32] ^= 1
			}
			return m
		}, true, true, 1, "sampled proof: "},
		{"cuts it short", func(m *msg.Sample) *msg.Sample {
			if m.Parts > 0 {
				m.Bytes = m.Bytes[:len(m.Bytes)-1]
			}
			return m
		}, true, true, 1, "ends early"},
		{"tells another part", func(m *msg.Sample) *msg.Sample {
			if m.Parts > 0 {
				m.Part, m.Parts = 1, 2
			}
			return m
		}, true, true, 1, "part 1 of 2"},
		{"speaks of another tip", func(m *msg.Sample) *msg.Sample {
			if m.Parts > 0 {
				m.Tip[0] ^= 1
			}
			return m
		}, true, true, 1, "want part 0 up to"},
		{"gives a proof unasked", func(m *msg.Sample) *msg.Sample {
			if m.Parts == 0 {
				m.Parts, m.Bytes = 1, []byte{1}
			}
			return m
		}, true, true, 1, "before any was asked for"},
		{"says its chain is short", func(m *msg.Sample) *msg.Sample {
			if m.Parts == 0 {
				m.Height = 5
			}
			return m
		}, false, false, 0, ""},
		{"says its chain is short beside an honest one", func(m *msg.Sample) *msg.Sample {
			if m.Parts == 0 {
				m.Height = 5
			}
			return m
		}, true, true, 0, ""},
		{"is of another chain", func(m *msg.Sample) *msg.Sample { m.NetID[0] ^= 1; return m }, true, true, 0, "no answer to getsample"},
		{"is honest", kept, false, true, 0, ""},
	} {
		w.beginsBeside(t, &c)
	}
}

// beginsBeside has a client that begins beside a peer with a fault, and wants all of the chain in it, and of the peer what the fault
// deserves.
func (w *sampleWorld) beginsBeside(t *testing.T, c *sampleFault) {
	t.Helper()
	tip := w.a.node.chain.Tip()
	h, d := w.sampling(w.a.l1)
	h.alter = func(from *host, m msg.Message) msg.Message {
		if s, ok := m.(*msg.Sample); ok && from == w.a.host {
			if s = c.alter(s); s == nil {
				return nil
			}
			return s
		}
		return m
	}
	w.connect(h, w.a.host)
	if c.honest {
		w.connect(h, w.b.host)
	}
	w.run(3 * time.Minute)
	s := d.m.Status()
	if !s.Synced || s.Tip != tip || d.tip(w.network) != tip || (len(d.placed) == 1) != c.placed || h.bans != c.bans {
		t.Errorf("%s: %+v, placed %d, stored from %d to %s; bans %d, drops %v", c.name, s, len(d.placed), d.base, d.tip(w.network), h.bans, h.drops)
	}
	if c.why != "" && (len(h.drops) != 1 || !strings.Contains(h.drops[0].Error(), c.why)) {
		t.Errorf("%s: drops %v, want one for %q", c.name, h.drops, c.why)
	}
	for _, l := range h.links {
		w.cut(l)
	}
	w.run(5 * time.Minute) // the nodes' rations fill up again
}

// TestSampledLeadsNowhere: a proof above whose start nobody has headers costs its peer, and nothing is stored.
func TestSampledLeadsNowhere(t *testing.T) {
	w := newSampleWorld(t, 54, nil)
	h, d := w.sampling(w.a.l1)
	nowhere := true
	h.alter = func(_ *host, m msg.Message) msg.Message {
		if _, ok := m.(*msg.Headers); ok && nowhere {
			return &msg.Headers{}
		}
		return m
	}
	w.connect(h, w.a.host)
	w.run(time.Second)
	w.connect(h, w.b.host)
	w.run(time.Minute)
	if s := d.m.Status(); s.Synced || len(d.placed) > 0 || len(d.headers) > 1 || d.m.Tree().Tip().Height != 0 {
		t.Fatalf("%+v, stored up to %s", s, d.tip(w.network))
	}
	for range 90 {
		if len(h.drops) == 0 {
			w.run(time.Second)
		}
	}
	if len(h.drops) != 1 || !strings.Contains(h.drops[0].Error(), "lead to the work it promised") || h.bans > 0 {
		t.Fatalf("drops %v", h.drops)
	}
	nowhere = false
	w.run(time.Minute)
	if s := d.m.Status(); !s.Synced || len(d.placed) != 1 || d.tip(w.network) != w.a.node.chain.Tip() {
		t.Fatalf("%+v, placed %d; drops %v", s, len(d.placed), h.drops)
	}
}

// TestSampledForeign: a node that does not say that it serves proofs is never asked for one.
func TestSampledForeign(t *testing.T) {
	w := newSampleWorld(t, 52, nil)
	w.a.node.m.sample = nil
	w.a.host.alter = func(_ *host, m msg.Message) msg.Message {
		if _, ok := m.(*msg.GetSample); ok {
			t.Error("asked")
		}
		return m
	}
	h, d := w.sampling(w.a.l1)
	w.connect(h, w.a.host)
	w.run(30 * time.Second)
	if s := d.m.Status(); s.Synced || s.Waiting != "a peer that serves sampled proofs" {
		t.Errorf("%+v", s)
	}
	w.run(2 * time.Minute)
	if s := d.m.Status(); !s.Synced || d.base != 0 || d.tip(w.network) != w.a.node.chain.Tip() || len(d.placed) > 0 {
		t.Errorf("%+v, stored from %d to %s", s, d.base, d.tip(w.network))
	}
}

// askSample returns what comes to a peer after its question.
func (w *sampleWorld) askSample(l *link, peer *host, q msg.GetSample) (answers []*msg.Sample) {
	peer.got = 0
	peer.alter = func(_ *host, m msg.Message) msg.Message {
		if s, ok := m.(*msg.Sample); ok {
			answers = append(answers, s)
		}
		return nil
	}
	w.say(l, &q)
	w.run(2 * time.Second)
	return answers
}

// TestSampleServed: what a node answers, and how often.
func TestSampleServed(t *testing.T) {
	w := newSampleWorld(t, 53, nil)
	tip := w.a.node.chain.Tip()
	netID := w.p.NetID()
	old, _ := w.a.node.chain.BlockAt(500)
	for _, c := range []struct {
		name   string
		q      msg.GetSample
		answer bool
		parts  int
		tip    spv.Block
	}{
		{"which tip", msg.GetSample{NetID: netID}, true, 0, tip},
		{"a proof", msg.GetSample{NetID: netID, Tip: tip.Hash, Security: 20, Keep: 100}, true, 1, tip},
		{"an older tip", msg.GetSample{NetID: netID, Tip: old.Hash, Security: 20, Keep: 100}, true, 1, old},
		{"more kept than there is", msg.GetSample{NetID: netID, Tip: tip.Hash, Security: 20, Keep: 1 << 20}, true, 1, tip},
		{"an unknown tip", msg.GetSample{NetID: netID, Tip: spv.Hash{1}, Security: 20, Keep: 100}, true, 0, tip},
		{"genesis", msg.GetSample{NetID: netID, Tip: netID, Security: 20, Keep: 100}, true, 0, tip},
		{"no security", msg.GetSample{NetID: netID, Tip: tip.Hash, Keep: 100}, true, 0, tip},
		{"another chain", msg.GetSample{NetID: spv.Hash{1}}, false, 0, spv.Block{}},
		{"too much security", msg.GetSample{NetID: netID, Tip: tip.Hash, Security: 65, Keep: 100}, false, 0, spv.Block{}},
		{"too many kept", msg.GetSample{NetID: netID, Tip: tip.Hash, Security: 20, Keep: 1<<20 + 1}, false, 0, spv.Block{}},
	} {
		enemy := w.adversary()
		l, _ := w.connect(enemy, w.a.host)
		w.run(time.Second)
		answers := w.askSample(l, enemy, c.q)
		if (len(answers) > 0) != c.answer {
			t.Errorf("%s: %d answers", c.name, len(answers))
			continue
		}
		if c.answer && (int(answers[0].Parts) != c.parts || answers[0].Tip != c.tip.Hash || answers[0].Height != uint32(c.tip.Height)) {
			t.Errorf("%s: %d parts up to %s", c.name, answers[0].Parts, answers[0].Tip)
		}
		w.cut(l)
		w.run(time.Minute)
	}
	w.rationOfOne(t)
	w.rationOfAll(t)
}

// rationOfOne wants a peer that asks again and again to be given no more than its share.
func (w *sampleWorld) rationOfOne(t *testing.T) {
	t.Helper()
	tip := w.a.node.chain.Tip()
	greedy := w.adversary()
	l, _ := w.connect(greedy, w.a.host)
	w.run(time.Second)
	given := 0
	for range 10 {
		for _, s := range w.askSample(l, greedy, msg.GetSample{NetID: w.p.NetID(), Tip: tip.Hash, Security: 20, Keep: 100}) {
			given += int(s.Parts)
		}
	}
	if given != peerSampleBurst {
		t.Errorf("one peer was given %d proofs at once, want %d", given, peerSampleBurst)
	}
}

// rationOfAll wants many peers together to be given no more than the node has for all.
func (w *sampleWorld) rationOfAll(t *testing.T) {
	t.Helper()
	tip := w.a.node.chain.Tip()
	all := 0
	for range 10 {
		other := w.adversary()
		l, _ := w.connect(other, w.b.host)
		other.alter = func(_ *host, m msg.Message) msg.Message {
			if s, ok := m.(*msg.Sample); ok {
				all += int(s.Parts)
			}
			return nil
		}
		w.say(l, &msg.GetSample{NetID: w.p.NetID(), Tip: tip.Hash, Security: 20, Keep: 100})
	}
	w.run(1500 * time.Millisecond)
	if all != sampleBurst {
		t.Errorf("%d proofs were given at once, want %d", all, sampleBurst)
	}
}
