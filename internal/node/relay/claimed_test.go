package relay

import (
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// TestLyingHeaders: a header that says it has all the work there is, and has none, does not bring the cheap ones below it in.
func TestLyingHeaders(t *testing.T) {
	n := newNetwork(t, 9)
	list := n.nodes(1)
	for range 700 {
		n.mine(list[0])
	}
	poor := n.node("poor")
	for range 300 {
		n.mine(poor)
	}
	run, err := poor.node.chain.Sealed([]spv.Hash{n.p.NetID()}, spv.Hash{})
	check(t, err)
	lie := run[len(run)-1].Header
	id := lie.ID()
	copy(lie[4:], id[:])
	copy(lie[72:], []byte{1, 0, 0, 3}) // a target of 1: 2^255 hashes
	enemy := n.adversary()
	_, l := n.connect(list[0], enemy)
	n.run(time.Second)
	n.say(l, &msg.Headers{Headers: append(run, spv.Sealed{Header: lie})})
	n.run(time.Second)
	if got := list[0].node.chain.Branches(); len(got) != 1 {
		t.Fatalf("branches %+v: want none but the best chain", got)
	}
}

// TestSlowClock: a node whose clock is slow refuses new headers, bars nobody who goes on announcing, and follows once it is right.
func TestSlowClock(t *testing.T) {
	n := newNetwork(t, 10)
	list := n.nodes(2)
	for range 5 {
		n.mine(list[0])
	}
	n.ring(list)
	n.run(time.Minute)
	n.same(list)
	slow := list[1]
	slow.slow = 1_000_000*time.Second + 3*time.Hour // the blocks of these networks are that old
	for range 30 {
		n.mine(list[0])
		n.run(10 * time.Second)
	}
	if len(slow.drops) > 0 || slow.node.chain.Tip() == list[0].node.chain.Tip() {
		t.Fatalf("drops %v, tip %v: want none, and no block from the future", slow.drops, slow.node.chain.Tip())
	}
	slow.slow = 0
	n.mine(list[0])
	n.run(time.Minute)
	n.same(list)
}

// TestSlowClockPresync: the same where a poor branch has to show its work first. Who offers it keeps the connection, and
// takes the better one over it.
func TestSlowClockPresync(t *testing.T) {
	n := newNetwork(t, 11)
	n.pace = 600
	list := n.nodes(2)
	for range 400 {
		n.mine(list[0])
	}
	slow := list[1]
	for range 700 {
		n.mine(slow)
	}
	slow.slow = 980_000 * time.Second // 400 blocks take twice as long as its clock says
	n.ring(list)
	n.run(time.Minute)
	if len(slow.drops) > 0 {
		t.Fatalf("drops %v, want none", slow.drops)
	}
	n.same(list)
}
