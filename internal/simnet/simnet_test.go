package simnet_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/syncer"
)

const easyBits = 0x207fffff

var start = time.Unix(1_700_000_000, 0)

func rules() *spv.Rules {
	limit, _ := spv.ParseTarget(easyBits)
	r := &spv.Rules{Name: "sim", Work: pow.SHA256d, PowLimit: limit, MaxFuture: 7200, ReorgLimit: 4000,
		Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: 600}}}
	r.Genesis = header(spv.Hash{}, 1_600_000_000, 0)
	return r
}

func header(prev spv.Hash, time uint32, tag uint64) spv.Header {
	h := spv.Header{0: 4}
	copy(h[4:], prev[:])
	binary.LittleEndian.PutUint64(h[36:], tag)
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], easyBits)
	target, _ := spv.ParseTarget(easyBits)
	for n := uint32(0); ; n++ {
		binary.LittleEndian.PutUint32(h[76:], n)
		if id := h.ID(); spv.Meets(&id, &target) {
			return h
		}
	}
}

// chain mines n headers on top of another chain's first ones.
func chain(r *spv.Rules, on []spv.Sealed, n int, tag uint64) []spv.Sealed {
	run := append([]spv.Sealed(nil), on...)
	prev := r.Genesis
	if len(on) > 0 {
		prev = on[len(on)-1].Header
	}
	for range n {
		prev = header(prev.ID(), prev.Time()+600, tag)
		run = append(run, spv.Sealed{Header: prev})
	}
	return run
}

// follow replays what was stored and returns the ids above genesis.
func follow(t *testing.T, net *simnet.Net) []spv.Hash {
	t.Helper()
	var ids []spv.Hash
	for _, c := range net.Stored {
		ids = ids[:len(ids)-c.Undo]
		for i := range c.Headers {
			ids = append(ids, c.Headers[i].ID())
		}
	}
	return ids
}

func wantChain(t *testing.T, seed uint64, net *simnet.Net, want []spv.Sealed) {
	t.Helper()
	s := net.Machine.Status()
	if !s.Synced || int(s.Tip.Height) != len(want) || s.Tip.Hash != want[len(want)-1].Header.ID() {
		t.Fatalf("seed %d: %+v, want synced at %d; dropped %v", seed, s, len(want), net.Dropped)
	}
	stored := follow(t, net)
	for i := range want {
		if i >= len(stored) || stored[i] != want[i].Header.ID() {
			t.Fatalf("seed %d: what was stored differs at %d", seed, i+1)
		}
	}
}

// TestManySeeds puts an honest peer among peers of all kinds of bad manners, lets the
// chain grow and reorganise meanwhile, and wants the honest chain in the end.
func TestManySeeds(t *testing.T) {
	r := rules()
	short := chain(r, nil, 1500, 1)
	long := chain(r, short[:1200], 900, 2) // the better branch: 2,100
	fork := chain(r, long[:2000], 60, 3)   // appears later, not enough
	last := chain(r, long[:1900], 400, 4)  // the best in the end: 2,300
	for seed := range uint64(300) {
		net := simnet.New(syncer.New(spv.NewTree(r), [16]byte{byte(seed)}), seed, start)
		rng := net.Rand
		manners := func() simnet.Manners {
			return simnet.Manners{Latency: time.Duration(rng.IntN(300)) * time.Millisecond, Jitter: time.Second,
				Cut: []int{0, 0, 150, 700}[rng.IntN(4)]}
		}
		honest := &simnet.Node{Manners: manners(), Chain: long}
		nodes := []*simnet.Node{honest}
		for range rng.IntN(5) {
			bad := &simnet.Node{Manners: manners(), Chain: [][]spv.Sealed{short, long, nil}[rng.IntN(3)]}
			switch rng.IntN(4) {
			case 0:
				bad.Silent = true
			case 1:
				bad.Vanish = 1 + rng.IntN(4)
			case 2:
				bad.Spoil = int32(1 + rng.IntN(1400))
			}
			nodes = append(nodes, bad)
		}
		rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		for _, n := range nodes {
			net.Join(n)
		}
		if err := net.Run(5 * time.Minute); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		wantChain(t, seed, net, long)
		if !honest.Alive() {
			t.Fatalf("seed %d: the honest peer was dropped: %v", seed, net.Dropped)
		}
		honest.Chain = fork
		honest.Announce()
		if err := net.Run(time.Minute); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		wantChain(t, seed, net, long)
		honest.Chain = last
		honest.Announce()
		if err := net.Run(2 * time.Minute); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		wantChain(t, seed, net, last)
	}
}

// TestPresync: below the minimum work nothing is stored before a peer has shown enough,
// and a flood of cheap headers never is.
func TestPresync(t *testing.T) {
	r := rules()
	best := chain(r, nil, 5000, 1)
	cheap := chain(r, nil, 4400, 2)
	target, _ := spv.ParseTarget(easyBits)
	one := spv.WorkOf(&target)
	r.MinimumWork.Mul(&one, uint256.NewInt(4500))
	for seed := range uint64(20) {
		net := simnet.New(syncer.New(spv.NewTree(r), [16]byte{byte(seed)}), seed, start)
		flood := &simnet.Node{Chain: cheap, Manners: simnet.Manners{Jitter: time.Second}}
		net.Join(flood)
		if err := net.Run(2 * time.Minute); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(net.Stored) > 0 || flood.Alive() || net.Machine.Status().Synced {
			t.Fatalf("seed %d: %d changes stored from a chain without the minimum work", seed, len(net.Stored))
		}
		if len(net.Dropped) != 1 || !errors.Is(net.Dropped[0].Err, spv.ErrNotEnoughWork) || net.Dropped[0].Ban {
			t.Fatalf("seed %d: dropped %v", seed, net.Dropped)
		}
		net.Join(&simnet.Node{Chain: best, Manners: simnet.Manners{Jitter: time.Second, Cut: 300 + int(seed)*100}})
		if err := net.Run(5 * time.Minute); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		wantChain(t, seed, net, best)
	}
}

// TestDeepReorg: 3,000 blocks are undone for a better branch.
func TestDeepReorg(t *testing.T) {
	r := rules()
	a := chain(r, nil, 4000, 1)
	b := chain(r, a[:1000], 3001, 2)
	net := simnet.New(syncer.New(spv.NewTree(r), [16]byte{}), 1, start)
	first := &simnet.Node{Chain: a}
	net.Join(first)
	if err := net.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	wantChain(t, 1, net, a)
	net.Join(&simnet.Node{Chain: b})
	if err := net.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	wantChain(t, 1, net, b)
	if c := net.Stored[len(net.Stored)-1]; c.Undo == 0 && len(net.Stored) < 3 {
		t.Fatalf("no reorganisation was stored: %d changes", len(net.Stored))
	}
}

func TestNotSyncedWithoutPeers(t *testing.T) {
	r := rules()
	net := simnet.New(syncer.New(spv.NewTree(r), [16]byte{}), 1, start)
	if s := net.Machine.Status(); s.Synced || s.Stage != syncer.Connecting || s.Waiting == "" {
		t.Fatalf("%+v", s)
	}
	node := &simnet.Node{Chain: chain(r, nil, 10, 1)}
	net.Join(node)
	if err := net.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	wantChain(t, 1, net, node.Chain)
	node.Leave()
	if err := net.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	if s := net.Machine.Status(); s.Synced || s.Waiting == "" {
		t.Fatalf("offline, yet %+v", s)
	}
}
