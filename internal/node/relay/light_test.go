package relay

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// light is a light client with its store in memory.
type light struct {
	m       *syncer.Machine
	headers []spv.Header // from genesis on
	filters [][]byte     // from height 1 on
	heads   []spv.Hash
	found   map[spv.Hash]int32 // transactions, with the height of their block
	seen    map[spv.Hash]int
	scanned int32
}

func (d *light) Headers(height, n int32) ([]spv.Header, error) {
	return d.headers[height : height+n], nil
}

func (d *light) Filter(height int32) ([]byte, bool) {
	if height < 1 || int(height) > len(d.filters) {
		return nil, false
	}
	return d.filters[height-1], true
}

func (d *light) FilterHeader(height int32) (spv.Hash, bool) {
	if height < 1 || int(height) > len(d.heads) {
		return spv.Hash{}, false
	}
	return d.heads[height-1], true
}

func (d *light) FiltersTo() int32 { return int32(len(d.filters)) }

func (d *light) carry(out syncer.Output) []syncer.Input {
	switch out := out.(type) {
	case syncer.Store:
		d.headers = d.headers[:len(d.headers)-out.Change.Undo]
		d.filters = d.filters[:min(len(d.filters), len(d.headers)-1)]
		d.heads = d.heads[:len(d.filters)]
		d.headers = append(d.headers, out.Change.Headers...)
	case syncer.StoreFilters:
		d.filters, d.heads = append(d.filters, out.Filters...), append(d.heads, out.Headers...)
	case syncer.CutFilters:
		d.filters, d.heads = d.filters[:out.To], d.heads[:out.To]
	case syncer.Found:
		for _, tx := range out.Txs {
			d.found[tx.TxHash()] = out.Block.Height
		}
	case syncer.Seen:
		d.seen[out.Tx.TxHash()] = out.Peers
	case syncer.Scanned:
		d.scanned = out.To.Height
	}
	return nil
}

func (n *network) light(source syncer.Source) (*host, *light) {
	d := &light{headers: []spv.Header{n.p.Genesis}, found: map[spv.Hash]int32{}, seen: map[spv.Hash]int{}}
	d.m = syncer.NewWith(syncer.Config{Tree: spv.NewTree(&n.p.Rules), Salt: [16]byte{1},
		Scan: &syncer.Scan{From: 1, Source: source, Filters: d, Headers: d, Relay: true}})
	return n.add(&host{name: "light", machine: d.m, sink: d.carry}), d
}

// TestLightClient: the light client's own machine is content with what nodes serve:
// headers, filters, blocks, over a reorganisation; and its payments spread.
func TestLightClient(t *testing.T) {
	for _, source := range []syncer.Source{syncer.OnlyFilters, syncer.OnlyBlocks} {
		n := newNetwork(t, 20+uint64(source))
		list := n.nodes(3)
		n.ring(list)
		watched := append([]byte{0, 20}, bytes.Repeat([]byte{9}, 20)...)
		for range 30 {
			n.mine(list[0])
		}
		n.run(20 * time.Second)
		paid := n.pay(list[0], 2, 1000)
		paid.AddTxOut(wire.NewTxOut(5000, watched))
		paid.TxOut[0].Value -= 5000
		n.step(list[0], syncer.Broadcast{Txs: txs(paid)})
		n.run(30 * time.Second)
		n.mine(list[1])
		for range 1200 { // more than one batch of filters
			n.mine(list[2])
		}
		n.run(time.Minute)
		tip := n.same(list)

		h, d := n.light(source)
		n.step(h, syncer.Watch{Scripts: [][]byte{watched}, From: 1})
		for _, other := range list {
			n.connect(h, other)
		}
		n.run(2 * time.Minute)
		s := d.m.Status()
		if !s.Synced || s.Tip != tip || d.scanned != tip.Height || d.found[paid.TxHash()] != 31 || s.FalseMatches > 2 {
			t.Fatalf("source %d: %+v, scanned %d, found %v; drops %v", source, s, d.scanned, d.found, h.drops)
		}

		// What it broadcasts reaches nodes that it does not talk to, and a block.
		mine := n.pay(list[0], 3, 1000)
		n.step(h, syncer.Broadcast{Txs: txs(mine)})
		n.run(time.Minute)
		n.hold(true, mine, list...)
		theirs := n.pay(list[0], 4, 1000)
		theirs.TxOut[0].PkScript = watched
		n.step(list[1], syncer.Broadcast{Txs: txs(theirs)})
		n.run(time.Minute)
		if d.seen[theirs.TxHash()] == 0 {
			t.Fatal("the payment was not announced to the light client")
		}
		n.mine(list[0])
		n.run(20 * time.Second)
		if d.found[mine.TxHash()] != tip.Height+1 || d.found[theirs.TxHash()] != tip.Height+1 {
			t.Fatalf("found %v", d.found)
		}

		// A longer branch without them.
		other := n.node("other")
		for range int(tip.Height) + 5 {
			n.mine(other)
		}
		n.connect(other, list[0])
		n.run(3 * time.Minute)
		tip = n.same(append(list, other))
		if s := d.m.Status(); s.Tip != tip || d.scanned != tip.Height {
			t.Fatalf("%+v, scanned %d, want %s; drops %v", s, d.scanned, tip, h.drops)
		}
		n.quiet(append(list, h, other))
	}
}

// reader asks a node one question after another and keeps what it answers.
type reader struct {
	*network
	node *host
	link *link
	got  []msg.Message
}

// ask returns what comes after a question.
func (r *reader) ask(m msg.Message) []msg.Message {
	r.got = nil
	r.say(r.link, m)
	r.run(20 * time.Second)
	return r.got
}

// TestFilterQuestions: the answers are what package chain has, in full.
func TestFilterQuestions(t *testing.T) {
	n := newNetwork(t, 30)
	list := n.nodes(1)
	for range 2100 {
		n.mine(list[0])
	}
	r := &reader{network: n, node: list[0]}
	enemy := n.adversary()
	answers := enemy.alter
	enemy.alter = func(from *host, m msg.Message) msg.Message {
		answers(from, m)
		r.got = append(r.got, m)
		return m
	}
	_, r.link = n.connect(list[0], enemy)
	n.run(time.Second)
	r.filterHeaders()
	r.checkpoints()
	at, _ := list[0].node.chain.BlockAt(5)
	r.filtersTo(at)
	r.headerByID(at)
	r.rivalByID()
	r.nextByID()
	n.quiet(list)
}

// filterHeaders wants the hashes of the newest filters, which lead to the header of the last.
func (r *reader) filterHeaders() {
	r.t.Helper()
	c := r.node.node.chain
	tip := c.Tip()
	replies := r.ask(wire.NewMsgGetCFHeaders(wire.GCSFilterRegular, 102, &tip.Hash))
	var heads *wire.MsgCFHeaders
	for _, m := range replies {
		if h, ok := m.(*wire.MsgCFHeaders); ok {
			heads = h
		}
	}
	if heads == nil || len(heads.FilterHashes) != 1999 {
		r.t.Fatalf("%v", replies)
	}
	chained := heads.PrevFilterHeader
	for _, h := range heads.FilterHashes {
		chained = double(append(h[:], chained[:]...))
	}
	if want, err := c.FilterHeader(tip.Height); err != nil || chained != want {
		r.t.Fatalf("filter header %s, want %s, %v", chained, want, err)
	}
}

// checkpoints wants the filter header of every thousandth block.
func (r *reader) checkpoints() {
	r.t.Helper()
	c := r.node.node.chain
	tip := c.Tip()
	points := r.ask(wire.NewMsgGetCFCheckpt(wire.GCSFilterRegular, &tip.Hash))
	for _, m := range points {
		if p, ok := m.(*wire.MsgCFCheckpt); ok {
			want, _ := c.FilterHeader(2000)
			if len(p.FilterHeaders) != 2 || *p.FilterHeaders[1] != want {
				r.t.Fatalf("%+v", p)
			}
			points = nil
		}
	}
	if points != nil {
		r.t.Fatal("no checkpoints")
	}
}

// filtersTo wants the filters from genesis to a block.
func (r *reader) filtersTo(at spv.Block) {
	r.t.Helper()
	count := 0
	for _, m := range r.ask(wire.NewMsgGetCFilters(wire.GCSFilterRegular, 0, &at.Hash)) {
		if f, ok := m.(*wire.MsgCFilter); ok {
			want, _ := r.node.node.chain.Filter(int32(count))
			if !bytes.Equal(f.Data, want) {
				r.t.Fatalf("filter %d", count)
			}
			count++
		}
	}
	if count != int(at.Height)+1 {
		r.t.Fatalf("%d filters, want %d; drops %v, %v", count, at.Height+1, r.node.drops, r.node.node.m.Status().Fault)
	}
}

// headerByID wants a header of the best chain that is asked for by its id alone.
func (r *reader) headerByID(at spv.Block) {
	r.t.Helper()
	one := r.ask(&wire.MsgGetHeaders{ProtocolVersion: msg.Version, HashStop: at.Hash})
	for _, m := range one {
		if h, ok := m.(*msg.Headers); ok && len(h.Headers) == 1 && h.Headers[0].Header.ID() == at.Hash {
			one = nil
		}
	}
	if one != nil {
		r.t.Fatal("the header was not served by its id")
	}
}

// rivalByID wants the header of a rival of the tip that nobody built on.
func (r *reader) rivalByID() {
	r.t.Helper()
	c := r.node.node.chain
	side, _ := c.Header(c.Tip().Hash)
	target, _ := spv.ParseTarget(side.Bits())
	for side[76]++; ; side[76]++ {
		if id := side.ID(); spv.Meets(&id, &target) {
			break
		}
	}
	_, err := c.AcceptHeaders([]spv.Sealed{{Header: side}}, 0)
	check(r.t, err)
	one := r.ask(&wire.MsgGetHeaders{ProtocolVersion: msg.Version, HashStop: side.ID()})
	if h, ok := one[len(one)-1].(*msg.Headers); !ok || len(h.Headers) != 1 || h.Headers[0].Header != side {
		r.t.Fatal("a header off the best chain was not served by its id")
	}
}

// nextByID wants silence about a header on top of the tip of which the block is not here yet: whoever had it would ask for the
// block's filter next.
func (r *reader) nextByID() {
	r.t.Helper()
	c := r.node.node.chain
	next, _ := c.Header(c.Tip().Hash)
	prev := c.Tip().Hash
	copy(next[4:36], prev[:])
	target, _ := spv.ParseTarget(next.Bits())
	binary.LittleEndian.PutUint32(next[68:], next.Time()+1)
	for ; ; next[76]++ {
		if id := next.ID(); spv.Meets(&id, &target) {
			break
		}
	}
	_, err := c.AcceptHeaders([]spv.Sealed{{Header: next}}, next.Time())
	check(r.t, err)
	for _, m := range r.ask(&wire.MsgGetHeaders{ProtocolVersion: msg.Version, HashStop: next.ID()}) {
		if h, ok := m.(*msg.Headers); ok {
			r.t.Fatalf("%d headers of a block that is not here", len(h.Headers))
		}
	}
}

func double(b []byte) spv.Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}
