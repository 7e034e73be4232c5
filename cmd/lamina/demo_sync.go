package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/pow"
)

// The chain that the demo mines: a first branch, and a better one from a fork below its tip.
const (
	demoChain  = "dev"
	demoFirst  = 60
	demoFork   = 40
	demoBetter = 30
	demoTime   = 2 * time.Minute // for any one step
)

// stepResult says how one step of the live part ended.
type stepResult struct {
	Title   string `json:"title"`
	Detail  string `json:"detail,omitempty"`
	Count   int    `json:"count"` // headers
	OK      bool   `json:"ok"`
	Micros  int64  `json:"microseconds"`
	Problem string `json:"problem,omitempty"`
}

// liveDemo mines headers of the dev chain, serves them on loopback, and follows them as
// `lamina sync` does.
type liveDemo struct {
	s         *session
	chain     *chains.Params
	dir       string
	peers     context.Context
	ended     []<-chan struct{}
	a, b      []spv.Header
	first     string // address of the peer with the first branch
	second    string // with the better one
	dishonest string // with a header that lacks its work
}

// runLive runs the steps in order, showing each, and stops at the first that fails.
// Nothing is left running or on disk.
func (s *session) runLive(a *app.App, show func(*stepResult)) error {
	chain, err := a.Chain(demoChain)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lamina-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(context.Background())
	d := &liveDemo{s: s, chain: chain, dir: dir, peers: ctx}
	defer d.wait()
	defer stop()
	for _, step := range []struct {
		title string
		count int
		run   func() (string, error)
	}{
		{"headers mined on the dev chain, by its difficulty rule", demoFirst + demoBetter, d.mine},
		{"headers synced from a peer, judged, on disk", demoFirst, d.sync},
		{"headers of a second peer's better branch, taken after a restart", demoBetter, d.reorganise},
		{"header without its work, refused and its peer dropped", 1, d.refuse},
	} {
		start := s.now()
		detail, err := step.run()
		r := stepResult{Title: step.title, Detail: detail, Count: step.count, OK: err == nil, Micros: s.since(start)}
		if err != nil {
			r.Problem = err.Error()
		}
		show(&r)
		if err != nil {
			return nil // it has been told; what follows needs it
		}
	}
	return nil
}

func (d *liveDemo) wait() {
	for _, ended := range d.ended {
		<-ended
	}
}

// mine makes both branches and starts a peer for each.
func (d *liveDemo) mine() (string, error) {
	tree := spv.NewTree(&d.chain.Rules)
	var err error
	var hashes int
	if d.a, hashes, err = extend(tree, demoFirst, 1); err != nil {
		return "", err
	}
	fork, _ := tree.Upto(d.a[demoFork-1].ID())
	better, more, err := extend(fork, demoBetter, 2)
	if err != nil {
		return "", err
	}
	d.b = append(d.a[:demoFork:demoFork], better...)
	bad := append([]spv.Header(nil), d.a...)
	bad = append(bad, unworked(bad[len(bad)-1]))
	for _, peer := range []struct {
		address *string
		run     []spv.Header
	}{{&d.first, d.a}, {&d.second, d.b}, {&d.dishonest, bad}} {
		address, ended, err := app.ServeHeaders(d.peers, d.chain, peer.run)
		if err != nil {
			return "", err
		}
		*peer.address = address
		d.ended = append(d.ended, ended)
	}
	return fmt.Sprintf("%d hashes tried", hashes+more), nil
}

func (d *liveDemo) sync() (string, error) {
	return d.follow(d.a, d.first)
}

func (d *liveDemo) reorganise() (string, error) {
	return d.follow(d.b, d.first, d.second)
}

// follow runs a light client against peers until it holds the wanted chain and says so.
func (d *liveDemo) follow(want []spv.Header, peers ...string) (string, error) {
	tip := want[len(want)-1].ID()
	r, err := d.run(func(r app.Progress) bool { return r.Synced && r.Tip.Hash == tip }, d.dir, peers...)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("tip at %d, %d bytes received", r.Tip.Height, r.Received), nil
}

func (d *liveDemo) refuse() (string, error) {
	dir := d.dir + "/refuse"
	r, err := d.run(func(r app.Progress) bool { return strings.Contains(r.Trouble, spv.CheckWork+": got") }, dir, d.dishonest)
	if err != nil {
		return "", err
	}
	if r.Tip.Height != demoFirst {
		return "", fmt.Errorf("tip at %d, want %d, below the bad header", r.Tip.Height, demoFirst)
	}
	return fmt.Sprintf("dropped, tip stays at %d", r.Tip.Height), nil
}

func (d *liveDemo) run(done func(app.Progress) bool, dir string, peers ...string) (last app.Progress, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), demoTime)
	defer cancel()
	follow := app.Sync{Chain: d.chain, DataDir: dir, Peers: peers, Agent: "/Lamina/", Log: slog.New(slog.DiscardHandler)}
	ended := false
	err = follow.Run(ctx, func(r app.Progress) {
		if last = r; done(r) {
			ended = true
			cancel()
		}
	})
	if err == nil && !ended {
		err = fmt.Errorf("ran out of time at %+v", last)
	}
	return last, err
}

// extend mines n headers on top of a tree's tip, a spacing apart, and returns them with
// the number of hashes that it took. The tag makes branches differ.
func extend(tree *spv.Tree, n int, tag byte) (run []spv.Header, hashes int, err error) {
	rules := tree.Rules()
	for range n {
		tip := tree.Tip()
		last, _ := tree.Header(tip.Height)
		time := last.Time() + rules.EraAt(tip.Height+1).Spacing
		bits, _, ok := tree.After(tip.Hash, time)
		if !ok {
			return nil, 0, fmt.Errorf("what follows %s is not known", tip)
		}
		h := headerOn(&last, time, bits, tag)
		hashes += search(&h)
		if _, err := tree.Connect([]spv.Sealed{{Header: h}}, 0); err != nil {
			return nil, 0, err
		}
		run = append(run, h)
	}
	return run, hashes, nil
}

// headerOn fills in a header on top of another; its merkle root is the tag alone, as
// nobody looks at a block here.
func headerOn(last *spv.Header, time, bits uint32, tag byte) spv.Header {
	h := spv.Header{0: 4, 36: tag}
	prev := last.ID()
	copy(h[4:], prev[:])
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], bits)
	return h
}

// search finds a nonce that meets the header's own bits, many headers at a time, and
// returns how many hashes it tried.
func search(h *spv.Header) int {
	const lot = 256
	var tries [lot]spv.Header
	var pointers [lot]*[spv.HeaderSize]byte
	var ids [lot]spv.Hash
	for i := range tries {
		tries[i] = *h
		pointers[i] = (*[spv.HeaderSize]byte)(&tries[i])
	}
	target, _ := spv.ParseTarget(h.Bits())
	for nonce := uint32(0); ; nonce += lot {
		for i := range tries {
			binary.LittleEndian.PutUint32(tries[i][76:], nonce+uint32(i))
		}
		pow.HashHeaders(ids[:], pointers[:])
		for i := range ids {
			if spv.Meets(&ids[i], &target) {
				*h = tries[i]
				return int(nonce) + lot
			}
		}
	}
}

// unworked returns a header that would follow another but for its work. On the dot of the
// schedule the bits stay as they are.
func unworked(last spv.Header) spv.Header {
	h := headerOn(&last, last.Time()+10, last.Bits(), 3)
	target, _ := spv.ParseTarget(h.Bits())
	for id := h.ID(); spv.Meets(&id, &target); id = h.ID() {
		h[76]++
	}
	return h
}
