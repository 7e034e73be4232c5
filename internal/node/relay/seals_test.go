package relay

import (
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// sealWorld is two nodes of a layer that have the same blocks.
type sealWorld struct {
	*network
	t    *testing.T
	a, b *layered
	link *link
}

func newSealWorld(t *testing.T) *sealWorld {
	l1 := newNetwork(t, 50)
	miner := l1.node("L1")
	for range 20 {
		l1.mine(miner)
	}
	n := newNetwork(t, 51)
	n.p = testchain.Easy(t, "dev-native")
	w := &sealWorld{network: n, t: t, a: n.layered("a", l1), b: n.layered("b", l1)}
	n.feed(w.a, miner.node.chain)
	n.feed(w.b, miner.node.chain)
	w.layer(10)
	w.link, _ = n.connect(w.a.host, w.b.host)
	n.run(time.Minute)
	n.same([]*host{w.a.host, w.b.host})
	return w
}

// layer has the first node mine blocks of the layer.
func (w *sealWorld) layer(blocks int) {
	for range blocks {
		w.mineLayer(w.a)
	}
}

// seal makes a second proof for the layer's tip, gives both nodes the L1 block that it is of, and tells some of the proof.
func (w *sealWorld) seal(told ...*layered) (sealed spv.Block, by spv.Block) {
	w.t.Helper()
	sealed = w.a.node.chain.Tip()
	header, _ := w.a.node.chain.Header(sealed.Hash)
	tip := w.a.l1.Tip()
	top, _ := w.a.l1.Header(tip.Hash)
	aux, raw := proofAndBlock(w.network, w.a.l1, sealed.Hash, tip, top.Time()+11) // not the proof that the block came with
	for _, h := range []*layered{w.a, w.b} {
		_, err := h.l1.Accept(raw, 0)
		check(w.t, err)
		w.step(h.host, syncer.ParentMoved{})
	}
	for _, h := range told {
		_, err := h.node.chain.AcceptHeaders([]spv.Sealed{{Header: header, Aux: aux}}, 0)
		check(w.t, err)
		w.step(h.host, syncer.Resume{})
	}
	return sealed, w.a.l1.Tip()
}

// want fails unless a node counts a seal.
func (w *sealWorld) want(h *layered, sealed, by spv.Block) {
	w.t.Helper()
	got, ok, err := h.node.chain.Seal(sealed.Height)
	check(w.t, err)
	if ok != (by != spv.Block{}) || ok && got != by {
		w.t.Fatalf("%s: block %s sealed %v by %s, want by %s", h.name, sealed, ok, got, by)
	}
}

// TestSealWhileAway: a node that was away while another heard of a seal hears of it when it is back, however long it was away.
func TestSealWhileAway(t *testing.T) {
	for _, blocks := range []int{1, 2 * shownSeals} {
		w := newSealWorld(t)
		w.cut(w.link)
		sealed, by := w.seal(w.a)
		w.layer(blocks)
		w.run(time.Second)
		w.want(w.b, sealed, spv.Block{})
		w.connect(w.a.host, w.b.host)
		w.run(30 * time.Second)
		w.same([]*host{w.a.host, w.b.host})
		w.want(w.a, sealed, by)
		w.want(w.b, sealed, by)
		w.quiet(w.hosts)
	}
}

// TestSealLost: a node whom the word of a seal did not reach hears of it again, also where the chain has gone further meanwhile
// than is usually shown.
func TestSealLost(t *testing.T) {
	for _, blocks := range []int{1, 2 * shownSeals} {
		w := newSealWorld(t)
		lost := 0
		w.b.alter = func(_ *host, m msg.Message) msg.Message {
			if h, ok := m.(*msg.Headers); ok && lost == 0 && len(h.Headers) == 1 {
				lost++
				return nil
			}
			return m
		}
		sealed, by := w.seal(w.a)
		w.run(time.Second)
		if w.want(w.b, sealed, spv.Block{}); lost != 1 {
			t.Fatalf("%d messages lost, want the word of the seal", lost)
		}
		w.layer(blocks)
		w.run(shownAgain * time.Duration(w.p.Spacing()) * time.Second * 3 / 2)
		w.same([]*host{w.a.host, w.b.host})
		w.want(w.b, sealed, by)
		w.quiet(w.hosts)
	}
}

// TestSealSpreads: a node that hears of a seal tells its neighbours at once.
func TestSealSpreads(t *testing.T) {
	w := newSealWorld(t)
	sealed, by := w.seal(w.b)
	w.run(time.Second)
	w.want(w.a, sealed, by)
}

// TestClockBack: a node whose clock is put back goes on telling of transactions and of seals.
func TestClockBack(t *testing.T) {
	n := newNetwork(t, 52)
	list := n.nodes(2)
	a, b := list[0], list[1]
	a.slow = -2 * time.Hour
	for range 15 {
		n.mine(b)
	}
	n.connect(a, b)
	n.run(time.Minute)
	a.slow = 0
	n.run(10 * time.Second)
	tx := n.pay(a, 1, 10_000)
	n.step(a, syncer.Broadcast{Txs: txs(tx)})
	n.run(time.Minute)
	n.hold(true, tx, a, b)
}
