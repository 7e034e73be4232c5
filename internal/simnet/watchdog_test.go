package simnet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestWatchdog stalls every stage by a peer that does not answer what is asked then: it is
// said what is waited for, and another peer takes over as soon as there is one.
func TestWatchdog(t *testing.T) {
	plain, layer := newWorld(rules(), false).grow(2300), newWorld(rules(), true).grow(300)
	heavy := rules() // with a minimum work, so that there is a presync
	target, _ := spv.ParseTarget(easyBits)
	one := spv.WorkOf(&target)
	heavy.MinimumWork.Mul(&one, uint256.NewInt(2250))
	for _, c := range []struct {
		name    string
		world   *world
		rules   *spv.Rules
		scan    syncer.Scan
		stalls  func(*simnet.Node)
		stage   syncer.Stage
		waiting string
		after   time.Duration // when it is seen to wait
	}{
		{"nobody answers", plain, rules(), syncer.Scan{From: 1}, func(n *simnet.Node) { n.Silent = true },
			syncer.Headers, "a peer's answer to getheaders, for", 0},
		{"headers", plain, rules(), syncer.Scan{From: 1}, func(n *simnet.Node) { n.Hush, n.Cut = 2, 500 },
			syncer.Headers, "a peer's answer to getheaders, for", 0},
		{"presync", plain, heavy, syncer.Scan{From: 1}, func(n *simnet.Node) { n.Hush, n.Cut = 2, 500 },
			syncer.Presync, "a peer's answer to getheaders, for", 0},
		{"filter headers", plain, rules(), syncer.Scan{From: 1}, func(n *simnet.Node) { n.Mute = []string{wire.CmdGetCFHeaders} },
			syncer.FilterHeaders, "a peer's answer to getcfheaders, for", 0},
		{"filters", plain, rules(), syncer.Scan{From: 1}, func(n *simnet.Node) { n.Mute = []string{wire.CmdGetCFilters} },
			syncer.Filters, "a peer's answer to getcfilters, for", 0},
		{"blocks", plain, rules(), syncer.Scan{From: 1}, func(n *simnet.Node) { n.Mute = []string{wire.CmdGetData} },
			syncer.Blocks, "a peer's answer to getdata for block ", 0},
		{"commitments", layer, rules(), syncer.Scan{From: 1, Layered: true}, func(n *simnet.Node) { n.Mute = []string{wire.CmdGetData} },
			syncer.FilterHeaders, "a peer's answer to getdata for block ", 0},
		{"whole blocks", plain, rules(), syncer.Scan{From: 1, Source: syncer.OnlyBlocks}, func(n *simnet.Node) { n.Mute = []string{wire.CmdGetData} },
			syncer.Blocks, "a peer's answer to getdata for block ", 0},
		{"bloom filters", plain, rules(), syncer.Scan{From: 1, Bloom: true}, func(n *simnet.Node) {
			n.Services, n.Mute = simnet.Bloom, []string{wire.CmdFilterLoad}
		}, syncer.Blocks, "a peer's answer to getdata for filtered blocks, for", 65 * time.Second},
		{"nobody has the block", plain, rules(), syncer.Scan{From: 1}, func(n *simnet.Node) { n.Lie.Withhold = true },
			syncer.Blocks, "a peer that has block ", 0},
		{"nobody serves filters", plain, rules(), syncer.Scan{From: 1, Source: syncer.OnlyFilters}, func(n *simnet.Node) { n.Services &^= wire.SFNodeCF },
			syncer.FilterHeaders, "a peer that serves compact filters", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSetting(c.rules, 1, c.scan)
			bad := c.world.peer()
			bad.Latency = 5 * time.Millisecond
			c.stalls(bad)
			s.net.Join(bad)
			s.run(t, max(c.after, 0)+15*time.Second)
			got := s.net.Machine.Status()
			if got.Synced || got.Stage != c.stage || !strings.HasPrefix(got.Waiting, c.waiting) {
				t.Fatalf("stage %q waits for %q, want %q for %q; %+v", got.Stage, got.Waiting, c.stage, c.waiting, got)
			}
			good := c.world.peer()
			if c.scan.Bloom {
				good = c.world.bloomNode(simnet.Lie{})
			}
			good.Latency = 5 * time.Millisecond
			s.net.Join(good)
			s.run(t, 5*time.Minute)
			s.want(t, c.world)
			if got := s.net.Machine.Status(); got.Waiting != "" || !good.Alive() || s.banned(bad) {
				t.Fatalf("dropped %v; %+v", s.net.Dropped, got)
			}
		})
	}
}

// TestSlowPeer: a peer that gives a little at a time, so that it is never late, does not
// hold up what others could give, be it headers or matches of a Bloom filter.
func TestSlowPeer(t *testing.T) {
	w := newWorld(rules(), false).grow(900)
	for _, bloom := range []bool{false, true} {
		s := newSetting(w.miner.Rules, 1, syncer.Scan{From: 1, Bloom: bloom})
		bad, good := w.peer(), w.peer()
		if bloom {
			bad, good = w.bloomNode(simnet.Lie{}), w.bloomNode(simnet.Lie{})
			bad.Slow = 3 * time.Second
		} else {
			bad.Cut, bad.Latency = 1, 10*time.Second
		}
		s.net.Join(bad)
		s.run(t, time.Minute)
		s.net.Join(good)
		s.run(t, 15*time.Minute)
		s.want(t, w)
		if bad.Alive() || s.banned(bad) || !good.Alive() {
			t.Fatalf("bloom %v: dropped %v", bloom, s.net.Dropped)
		}
	}
}

// TestSlowClock: whose clock is slow is told so when honest peers' headers are refused for it, and is in step again once it
// is set right; where peers' clocks agree with ours the header is to blame.
func TestSlowClock(t *testing.T) {
	r := rules()
	honest := chain(r, nil, 100, 1)
	right := time.Unix(int64(honest[99].Header.Time()), 0)
	for _, c := range []struct {
		slow, said time.Duration
		want       string
	}{
		{5 * time.Hour, 5 * time.Hour, "by the word of 16 peers, which nothing confirms, it is 5h0m0s slow"},
		{5 * time.Hour, 0, "the clocks of 16 peers agree with it"},
		{5 * time.Hour, -time.Hour, "it is 1h0m0s fast"},
		{time.Hour, time.Hour, ""},
	} {
		net := simnet.New(syncer.New(spv.NewTree(r), [16]byte{}), 1, right.Add(-c.slow))
		for range 3 {
			net.Join(&simnet.Node{Chain: honest, Manners: simnet.Manners{Ahead: c.said, Redial: 5 * time.Second}})
		}
		run(t, net, 1, 2*time.Minute)
		s := net.Machine.Status()
		if c.want == "" {
			if !s.Synced || s.Waiting != "" {
				t.Errorf("%+v", s)
			}
			continue
		}
		if s.Synced || !strings.Contains(s.Waiting, "this computer's clock: ") || !strings.Contains(s.Waiting, c.want) || len(net.Banned) > 0 {
			t.Errorf("waiting for %q, want %q; synced %v, banned %d", s.Waiting, c.want, s.Synced, len(net.Banned))
		}
		net.Now = right
		run(t, net, 1, 2*time.Minute)
		if s := net.Machine.Status(); !s.Synced || s.Waiting != "" {
			t.Errorf("%+v once the clock is right", s)
		}
	}
}
