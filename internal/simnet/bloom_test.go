package simnet_test

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv/syncer"
)

// bloomNode returns a node that takes Bloom filters and serves no others.
func (w *world) bloomNode(l simnet.Lie) *simnet.Node {
	n := &simnet.Node{Services: simnet.Bloom, Lie: l, Manners: simnet.Manners{Latency: 5 * time.Millisecond}}
	n.Follow(w.ledger)
	return n
}

func bloomed(r *world, seed uint64, from int32) *setting {
	return newSetting(r.miner.Rules, seed, syncer.Scan{From: from, Bloom: true, Relay: true})
}

// TestBloom: with consent two peers match the blocks, what matches is taken whole, and when a
// peer with compact filters comes they are told to forget.
func TestBloom(t *testing.T) {
	w := newWorld(rules(), false).grow(1200)
	s := bloomed(w, 1, 1)
	nodes := []*simnet.Node{w.bloomNode(simnet.Lie{}), w.bloomNode(simnet.Lie{}), w.bloomNode(simnet.Lie{})}
	for _, n := range nodes {
		s.net.Join(n)
	}
	s.run(t, 50*time.Second)
	if nodes[0].Heard[wire.CmdFilterLoad] > 0 {
		t.Fatal("a filter was told before it was clear that nobody serves compact ones")
	}
	s.run(t, 2*time.Minute)
	s.want(t, w)
	got := s.net.Machine.Status()
	if got.Rung != syncer.Bloomed || got.Source() != "bloom filters, by which a peer learns your addresses" || got.FalseMatches > 5 || got.Looked > 700 {
		t.Fatalf("%s: %+v", got.Source(), got)
	}
	told := 0
	for _, n := range nodes {
		if n.Heard[wire.CmdFilterLoad] > 0 {
			told++
		}
	}
	if told != 2 || len(s.net.Dropped) > 0 {
		t.Fatalf("%d of 3 peers were told a filter; dropped %v", told, s.net.Dropped)
	}
	s.net.Join(w.peer())
	s.run(t, 2*time.Minute)
	s.want(t, w)
	if got := s.net.Machine.Status(); got.Rung != syncer.Compared {
		t.Fatalf("%+v", got)
	}
	for i, n := range nodes {
		if n.Heard[wire.CmdFilterClear] != min(1, n.Heard[wire.CmdFilterLoad]) {
			t.Fatalf("peer %d still has a filter", i)
		}
	}
}

// TestNoBloomWithoutConsent: nobody is told a filter whom the user did not allow to be.
func TestNoBloomWithoutConsent(t *testing.T) {
	w := newWorld(rules(), false).grow(150)
	s := newSetting(w.miner.Rules, 1, syncer.Scan{From: 1})
	n := w.bloomNode(simnet.Lie{})
	s.net.Join(n)
	s.run(t, 5*time.Minute)
	s.want(t, w)
	if got := s.net.Machine.Status(); got.Rung != syncer.Whole || n.Heard[wire.CmdFilterLoad] > 0 {
		t.Fatalf("%d filters told; %+v", n.Heard[wire.CmdFilterLoad], got)
	}
}

// TestBloomLiars: who leaves a payment out is banned if anybody tells of it, at once or
// later; who spoils a tree is banned anyway; alone against nobody a liar is believed, and
// it is said that there was none to compare.
func TestBloomLiars(t *testing.T) {
	w := newWorld(rules(), false).grow(600)
	hide := simnet.Lie{Omit: w.paid()[3:9]}
	t.Run("beside an honest peer", func(t *testing.T) {
		for seed := range uint64(4) {
			s := bloomed(w, seed, 1)
			liar, honest := w.bloomNode(hide), w.bloomNode(simnet.Lie{})
			if seed%2 == 0 {
				s.net.Join(liar)
			}
			s.net.Join(honest)
			s.net.Join(liar)
			s.run(t, 5*time.Minute)
			s.want(t, w)
			if !s.banned(liar) || s.banned(honest) {
				t.Fatalf("seed %d: dropped %v", seed, s.net.Dropped)
			}
		}
	})
	t.Run("alone, then found out", func(t *testing.T) {
		s := bloomed(w, 1, 1)
		liar := w.bloomNode(hide)
		s.net.Join(liar)
		s.run(t, 5*time.Minute)
		got := s.net.Machine.Status()
		if !got.Synced || len(s.wallet.Found) >= len(w.ledger.Truth(1, w.used+10)) ||
			got.Source() != "bloom filters, by which a peer learns your addresses, of one peer, with none to compare" {
			t.Fatalf("found %d, %s: %+v", len(s.wallet.Found), got.Source(), got)
		}
		honest := w.bloomNode(simnet.Lie{})
		s.net.Join(honest)
		s.run(t, 5*time.Minute)
		s.want(t, w)
		if !s.banned(liar) || s.banned(honest) {
			t.Fatalf("dropped %v", s.net.Dropped)
		}
	})
	t.Run("a spoilt tree", func(t *testing.T) {
		s := bloomed(w, 1, 1)
		liar := w.bloomNode(simnet.Lie{Tree: true, From: 77})
		s.net.Join(liar)
		s.net.Join(w.bloomNode(simnet.Lie{}))
		s.run(t, 5*time.Minute)
		s.want(t, w)
		if !s.banned(liar) || len(s.net.Dropped) != 1 {
			t.Fatalf("dropped %v", s.net.Dropped)
		}
	})
}

// TestBloomRefused: where peers take no filter after all, and for wallets that no filter
// can find, blocks are taken whole.
func TestBloomRefused(t *testing.T) {
	w := newWorld(rules(), false).grow(200)
	t.Run("silence", func(t *testing.T) {
		s := bloomed(w, 1, 1)
		for range 2 {
			n := w.bloomNode(simnet.Lie{})
			n.Mute, n.Redial = []string{wire.CmdFilterLoad}, 5*time.Second
			s.net.Join(n)
		}
		s.run(t, 70*time.Second)
		if got := s.net.Machine.Status(); got.Rung != syncer.Bloomed || got.Synced {
			t.Fatalf("%+v", got)
		}
		s.run(t, 5*time.Minute)
		s.want(t, w)
		if got := s.net.Machine.Status(); got.Rung != syncer.Whole {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("nothing pushed", func(t *testing.T) {
		s := bloomed(w, 1, 1)
		n := w.bloomNode(simnet.Lie{})
		s.net.Join(n)
		s.net.Tell(syncer.Watch{Scripts: [][]byte{{0x51}}, From: 1})
		s.run(t, 5*time.Minute)
		s.want(t, w)
		if got := s.net.Machine.Status(); got.Rung != syncer.Whole || n.Heard[wire.CmdFilterLoad] > 0 {
			t.Fatalf("%+v", got)
		}
	})
}

// TestBloomManySeeds mixes peers that lie, vanish, are slow and say nothing with an honest
// one, lets the chain grow and reorganise, and kills the machine: the truth is found.
func TestBloomManySeeds(t *testing.T) {
	w := newWorld(rules(), false).grow(300)
	better := w.fork(260, 9).grow(70)
	for seed := range uint64(40) {
		s := bloomed(w, seed, 1+int32(seed%3)*20)
		rng := s.net.Rand
		var nodes []*simnet.Node
		for i := range 1 + rng.IntN(3) {
			n := w.bloomNode(simnet.Lie{})
			n.Latency, n.Redial = time.Duration(rng.IntN(300))*time.Millisecond, 10*time.Second
			if i > 0 {
				switch rng.IntN(5) {
				case 0:
					if i == 1 { // two who leave out the same may be the two that are asked
						n.Lie = simnet.Lie{Omit: w.paid()[rng.IntN(5):]}
					}
				case 1:
					n.Vanish = 1 + rng.IntN(60)
				case 2:
					n.Mute = []string{wire.CmdFilterLoad}
				case 3:
					n.Lie.Withhold = true
				}
				n.Follow(w.ledger)
			}
			nodes = append(nodes, n)
			s.net.Join(n)
		}
		s.run(t, time.Minute+time.Duration(rng.IntN(6000))*time.Millisecond)
		if seed%2 == 0 {
			s.net.Restart(s.machine())
		}
		for _, n := range nodes {
			n.Follow(better.ledger)
			n.Announce()
		}
		s.run(t, 20*time.Minute)
		s.want(t, better)
		better.truth = nil // birthdays differ
		if s.banned(nodes[0]) {
			t.Fatalf("seed %d: the honest peer was banned: %v", seed, s.net.Dropped)
		}
	}
}

// TestBloomRescan: a script that is imported later is looked for from its height on.
func TestBloomRescan(t *testing.T) {
	w := newWorld(rules(), false).grow(300)
	s := bloomed(w, 1, 1)
	s.net.Join(w.bloomNode(simnet.Lie{}))
	s.net.Join(w.bloomNode(simnet.Lie{}))
	s.run(t, 3*time.Minute)
	s.want(t, w)
	before := len(s.wallet.Found)
	s.wallet.Gap = 0
	s.net.Tell(syncer.Watch{Scripts: [][]byte{simnet.Script(3e6 + 1)}, From: 100})
	if got := s.net.Machine.Status(); got.Synced || s.wallet.Cursor != 99 {
		t.Fatalf("cursor %d, %+v; want 99 and not synced", s.wallet.Cursor, got)
	}
	s.run(t, time.Minute)
	if got := s.net.Machine.Status(); !got.Synced || s.wallet.Cursor != 300 || len(s.wallet.Found) < before {
		t.Fatalf("cursor %d, %+v", s.wallet.Cursor, got)
	}
}

// TestBloomHearsay: a payment that all Bloom peers hid comes out by filters, though the machine that believed them is
// gone, whenever it is killed and whether or not Bloom filters are allowed still.
func TestBloomHearsay(t *testing.T) {
	w := newWorld(rules(), false).grow(300)
	hide := simnet.Lie{Omit: w.paid()[3:9]}
	hidden := 0
	for kill := 0; kill < 60; kill++ {
		s := bloomed(w, uint64(kill), 1)
		liars := []*simnet.Node{w.bloomNode(hide), w.bloomNode(hide)}
		for _, n := range liars {
			s.net.Join(n)
		}
		s.run(t, 59*time.Second)
		s.net.Kill = 10 * (kill % 30) // in the midst of it, or when all is believed
		s.run(t, 5*time.Minute)
		if int(s.wallet.Cursor) == len(w.ledger) {
			hidden++
		}
		s.net.Kill = 0
		for _, n := range liars {
			n.Leave()
			n.Redial = 0
		}
		s.scan.Bloom = kill < 30
		s.net.Restart(s.machine())
		honest := w.peer()
		honest.Redial = 5 * time.Second
		s.net.Join(honest)
		s.net.Kill = kill * 7 % 25 // while filters catch up
		s.run(t, 2*time.Minute)
		s.net.Kill = 0
		s.net.Restart(s.machine())
		s.run(t, 5*time.Minute)
		s.want(t, w)
		if from := s.net.Disk.Hearsay.From; from != 0 {
			t.Fatalf("kill at %d: blocks from %d on still rest on hearsay", kill, from)
		}
	}
	if hidden < 10 || hidden > 50 {
		t.Fatalf("%d of 60 runs believed all that they were told, want some and not all", hidden)
	}
}

// TestBloomAlone: a payment that the only Bloom peer hid comes out by another one that comes after a restart, whichever of the two
// is there first and whenever the machine is killed.
func TestBloomAlone(t *testing.T) {
	w := newWorld(rules(), false).grow(300)
	hide := simnet.Lie{Omit: w.paid()[3:9]}
	hidden := 0
	for kill := range 40 {
		s := bloomed(w, uint64(kill), 1)
		liar, honest := w.bloomNode(hide), w.bloomNode(simnet.Lie{})
		s.net.Join(liar)
		s.run(t, 59*time.Second)
		s.net.Kill = 10 * (kill % 20) // in the midst of it, or when all is believed
		s.run(t, 5*time.Minute)
		if int(s.wallet.Cursor) == len(w.ledger) {
			hidden++
		}
		s.net.Kill = 0
		if kill%2 > 0 {
			liar.Leave()
		}
		honest.Redial, liar.Redial = 5*time.Second, 5*time.Second
		s.net.Join(honest)
		s.net.Restart(s.machine())
		s.net.Kill = 60 + kill*7%25 // while the second one makes up
		s.run(t, 3*time.Minute)
		s.net.Kill = 0
		if kill%2 > 0 {
			s.net.Join(liar)
		}
		s.net.Restart(s.machine())
		s.run(t, 5*time.Minute)
		s.want(t, w)
		if s.banned(honest) {
			t.Fatalf("kill at %d: the honest peer was banned: %v", kill, s.net.Dropped)
		}
		if alone := s.net.Disk.Hearsay.Alone; !s.banned(liar) && int(alone) <= len(w.ledger) {
			t.Fatalf("kill at %d: blocks from %d on rest on one peer's word", kill, alone)
		}
	}
	if hidden < 5 || hidden > 35 {
		t.Fatalf("%d of 40 runs believed all that they were told, want some and not all", hidden)
	}
}

// TestBloomPaired: what two peers have spoken about is not asked for again after a restart.
func TestBloomPaired(t *testing.T) {
	w := newWorld(rules(), false).grow(600)
	s := bloomed(w, 1, 1)
	nodes := []*simnet.Node{w.bloomNode(simnet.Lie{}), w.bloomNode(simnet.Lie{})}
	for _, n := range nodes {
		s.net.Join(n)
	}
	s.run(t, 5*time.Minute)
	s.want(t, w)
	if got := s.net.Disk.Hearsay; got.From != 1 || int(got.Alone) != len(w.ledger)+1 {
		t.Fatalf("%+v after %d blocks", got, len(w.ledger))
	}
	before := nodes[0].Heard[wire.CmdGetData] + nodes[1].Heard[wire.CmdGetData]
	s.net.Restart(s.machine())
	s.run(t, 5*time.Minute)
	if got := s.net.Machine.Status(); got.Rung != syncer.Bloomed || !got.Synced {
		t.Fatalf("%+v", got)
	}
	if n := nodes[0].Heard[wire.CmdGetData] + nodes[1].Heard[wire.CmdGetData] - before; n > 2 {
		t.Errorf("asked %d times for blocks again", n)
	}
}
