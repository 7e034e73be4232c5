package simnet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// deepRules have a window of a few hundred headers.
func deepRules() *spv.Rules {
	r := rules()
	r.ReorgLimit = 200
	return r
}

// TestFirstPeerLocksNobodyOut: where there is no minimum work, a chain that the first peers gave is left for one with more
// work however deep that leaves it, within the tree's window and below it, by whatever peers, killed at any moment; and what
// has less work is not followed.
func TestFirstPeerLocksNobodyOut(t *testing.T) {
	r := deepRules()
	for seed := range uint64(36) {
		fork, length := []int{0, 50, 700}[seed%3], []int{205, 260, 2600}[seed/3%3]
		common := chain(r, nil, fork, 1)
		easy, honest := chain(r, common, length, 2), chain(r, common, length+20, 3)
		net := simnet.New(nil, seed, start)
		net.Disk = simnet.NewDisk(r.Genesis)
		machine := func() *syncer.Machine { return syncer.New(net.Disk.Window(r), [16]byte{byte(seed)}) }
		net.Machine = machine()
		manners := func(redial time.Duration) simnet.Manners {
			return simnet.Manners{Latency: time.Duration(1+net.Rand.IntN(80)) * time.Millisecond, Redial: redial}
		}
		first := &simnet.Node{Chain: easy, Manners: manners(7 * time.Second)}
		net.Join(first)
		run(t, net, seed, 2*time.Minute)
		wantChain(t, seed, net, easy)
		other := &simnet.Node{Chain: honest, Manners: manners(5 * time.Second)}
		if seed%4 == 1 {
			other.Vanish = 3 + net.Rand.IntN(5)
		}
		net.Join(other)
		if seed%5 == 2 {
			net.Kill = 1 + net.Rand.IntN(40)
		}
		run(t, net, seed, 20*time.Second)
		net.Kill = 0
		if net.Machine == nil {
			net.Restart(machine())
		}
		if other.Vanish = 0; seed%4 == 3 {
			first.Announce()
		}
		net.Join(&simnet.Node{Chain: honest, Manners: manners(0)})
		run(t, net, seed, 9*time.Minute)
		first.Redial = 0 // it is refused each time that it comes back
		first.Leave()
		run(t, net, seed, time.Minute)
		wantChain(t, seed, net, honest)
		if len(net.Banned) > 0 {
			t.Fatalf("seed %d: banned %v", seed, net.Dropped)
		}
		net.Join(&simnet.Node{Chain: easy})
		net.Join(&simnet.Node{Chain: chain(r, nil, length/2, 4)})
		run(t, net, seed, 5*time.Minute)
		wantChain(t, seed, net, honest)
	}
}

func run(t *testing.T, net *simnet.Net, seed uint64, span time.Duration) {
	t.Helper()
	if err := net.Run(span); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
}

// TestParked: where there is a minimum work a branch that leaves ours too deep is not followed, whatever its work, but
// it is said that there is one, until ours has more.
func TestParked(t *testing.T) {
	r := deepRules()
	r.MinimumWork = *uint256.NewInt(20)
	for _, length := range []int{260, 2600} {
		ours, better := chain(r, nil, length, 2), chain(r, nil, length+20, 3)
		net := simnet.New(nil, 1, start)
		net.Disk = simnet.NewDisk(r.Genesis)
		net.Machine = syncer.New(net.Disk.Window(r), [16]byte{1})
		node := &simnet.Node{Chain: ours}
		net.Join(node)
		run(t, net, 1, time.Minute)
		wantChain(t, 1, net, ours)
		net.Join(&simnet.Node{Chain: better[:length-5]})
		run(t, net, 1, time.Minute)
		wantChain(t, 1, net, ours)
		net.Join(&simnet.Node{Chain: better})
		run(t, net, 1, time.Minute)
		s := net.Machine.Status()
		if s.Synced || s.Tip.Hash != ours[length-1].Header.ID() || !strings.Contains(s.Waiting, "a branch with more work than ours") || len(net.Banned) > 0 {
			t.Fatalf("%+v, want our own chain and a word on the better one; dropped %v", s, net.Dropped)
		}
		node.Chain = chain(r, ours, 30, 2)
		node.Announce()
		run(t, net, 1, time.Minute)
		wantChain(t, 1, net, node.Chain)
	}
}

// TestDeepWallet: a wallet's payments on a branch that is left so deep go with it, and those on the other are found.
func TestDeepWallet(t *testing.T) {
	r := deepRules()
	w := newWorld(r, false).grow(300)
	better := w.fork(20, 9).grow(300)
	for seed := range uint64(10) {
		s := newSetting(r, seed, syncer.Scan{From: 1})
		n := w.peer()
		s.net.Join(n)
		s.run(t, 5*time.Minute)
		s.want(t, w)
		s.net.Join(better.peer())
		s.net.Kill = int(seed) * 9
		s.run(t, 5*time.Second)
		s.net.Kill = 0
		if s.net.Machine == nil {
			s.net.Restart(s.machine())
		}
		s.net.Join(better.peer())
		n.Leave()
		s.run(t, 5*time.Minute)
		s.want(t, better)
	}
}
