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
	proof, raw := w.proof()
	for _, h := range []*layered{w.a, w.b} {
		w.takeL1(h, raw)
	}
	for _, h := range told {
		w.hear(h, proof)
	}
	return sealed, w.a.l1.Tip()
}

// proof makes a second proof for the layer's tip, and the L1 block that it is of, which nobody has yet.
func (w *sealWorld) proof() (proof spv.Sealed, raw []byte) {
	sealed, tip := w.a.node.chain.Tip(), w.a.l1.Tip()
	proof.Header, _ = w.a.node.chain.Header(sealed.Hash)
	top, _ := w.a.l1.Header(tip.Hash)
	proof.Aux, raw = proofAndBlock(w.network, w.a.l1, sealed.Hash, tip, top.Time()+11) // not the one that the block came with
	return proof, raw
}

// takeL1 gives a node an L1 block.
func (w *sealWorld) takeL1(h *layered, raw []byte) {
	w.t.Helper()
	_, err := h.l1.Accept(raw, 0)
	check(w.t, err)
	w.step(h.host, syncer.ParentMoved{})
}

// hear tells a node of a proof.
func (w *sealWorld) hear(h *layered, proof spv.Sealed) {
	w.t.Helper()
	_, err := h.node.chain.AcceptHeaders([]spv.Sealed{proof}, 0)
	check(w.t, err)
	w.step(h.host, syncer.Resume{})
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

// TestSealForgotten: a proof of an L1 block that is not known yet is kept in memory alone. A node that was killed meanwhile hears of
// it again from its neighbours, whether it hears of the L1 block before them, after them, or while it was away.
func TestSealForgotten(t *testing.T) {
	for name, come := range map[string]func(w *sealWorld, away func(), raw []byte){
		"the killed one knows the L1 block first": func(w *sealWorld, away func(), raw []byte) {
			away()
			w.takeL1(w.b, raw)
			w.run(time.Minute)
			w.takeL1(w.a, raw)
		},
		"its neighbour knows it first": func(w *sealWorld, away func(), raw []byte) {
			away()
			w.takeL1(w.a, raw)
			w.run(time.Minute)
			w.takeL1(w.b, raw)
		},
		"its neighbour knows it before the kill": func(w *sealWorld, away func(), raw []byte) {
			w.takeL1(w.a, raw)
			w.run(time.Minute)
			away()
			w.run(time.Minute)
			w.takeL1(w.b, raw)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSealWorld(t)
			sealed := w.a.node.chain.Tip()
			proof, raw := w.proof()
			w.hear(w.a, proof)
			w.hear(w.b, proof)
			come(w, func() {
				w.cut(w.link)
				w.open(w.b)
				w.link, _ = w.connect(w.a.host, w.b.host)
				w.run(time.Minute)
				w.want(w.b, sealed, spv.Block{})
			}, raw)
			w.run(time.Second)
			by := w.a.l1.Tip()
			w.want(w.a, sealed, by)
			w.want(w.b, sealed, by)
			w.quiet(w.hosts)
		})
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
