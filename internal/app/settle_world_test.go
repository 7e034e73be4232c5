package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/node"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// devStack is a full node of the development stack, and wallets that follow it as light clients.
type devStack struct {
	t     testing.TB
	stack chains.Stack
	node  *node.Node
	all   []*chains.Params
	peers map[string][]string
	log   *slog.Logger
	jury  jury // settlers of the node's pegged layers, if there are any

	wallets []*settler
}

// patience is how long anything in these tests may take, on a machine ten times slower than it should be.
const patience = 5 * time.Minute

func newDevStack(t testing.TB, layers ...string) *devStack {
	t.Helper()
	return newSettledStack(t, nil, layers...)
}

func newSettledStack(t testing.TB, settlers jury, layers ...string) *devStack {
	t.Helper()
	set, err := chains.Load(assets.Chains)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := set.Stack("dev")
	if err != nil {
		t.Fatal(err)
	}
	stack.Layers = slices.DeleteFunc(slices.Clone(stack.Layers), func(p *chains.Params) bool { return !slices.Contains(layers, p.Name) })
	w := &devStack{t: t, all: append([]*chains.Params{stack.L1}, stack.Layers...), peers: map[string][]string{}, jury: settlers}
	var out io.Writer = io.Discard
	if os.Getenv("LAMINA_TEST_LOG") != "" {
		out = os.Stderr
	}
	w.log = slog.New(slog.NewTextHandler(out, nil))
	w.stack = stack
	w.node = w.start(settlers)
	for _, l := range w.node.Loops() {
		w.peers[l.Params().Name] = []string{l.Address()}
	}
	w.mine("dev", 8, nil)
	for _, p := range stack.Layers {
		w.mine(p.Name, 2, nil)
	}
	return w
}

// start runs a node of the stack that nobody is connected with yet.
func (w *devStack) start(settlers jury) *node.Node {
	w.t.Helper()
	n, _ := w.run(node.Config{Signers: settlers.on(w.all)})
	return n
}

// run runs a node until the test ends, or it is stopped.
func (w *devStack) run(cfg node.Config) (*node.Node, func()) {
	w.t.Helper()
	cfg.Stack, cfg.DataDir, cfg.Listen, cfg.Agent, cfg.Log = w.stack, w.t.TempDir(), map[string]string{}, "/node/", w.log
	for _, p := range w.all {
		cfg.Listen[p.Name] = "127.0.0.1:0"
	}
	n, err := node.Open(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- n.Run(ctx) }()
	over := sync.OnceFunc(func() {
		stop()
		if err := <-end; err != nil {
			w.t.Errorf("the node ended: %v", err)
		}
	})
	w.t.Cleanup(over)
	return n, over
}

// reorganise has the L1 leave its blocks above a height for a longer branch of empty ones.
func (w *devStack) reorganise(above int32, blocks int) {
	w.t.Helper()
	ctx := context.Background()
	other := w.start(nil)
	from, err := w.node.Loop("dev")
	if err != nil {
		w.t.Fatal(err)
	}
	to, err := other.Loop("dev")
	if err != nil {
		w.t.Fatal(err)
	}
	carry := func(from, to *node.Loop, low, high int32) {
		for h := low; h <= high; h++ {
			at, _ := from.View().BlockAt(h)
			raw, err := from.View().Block(at.Hash)
			if err == nil {
				_, err = to.Block(ctx, raw)
			}
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
	carry(from, to, 1, above)
	nobody := append([]byte{0, 20}, make([]byte, 19)...)
	if _, err := other.Mining().Generate(ctx, "dev", blocks, append(nobody, 1)); err != nil {
		w.t.Fatal(err)
	}
	carry(to, from, above+1, to.View().Tip().Height)
	if from.View().Tip() != to.View().Tip() {
		w.t.Fatal("the node did not follow the longer branch")
	}
}

// mine makes blocks that pay a script, or nobody.
func (w *devStack) mine(chain string, n int, to []byte) {
	w.t.Helper()
	if to == nil {
		to = append([]byte{0, 20}, make([]byte, 20)...)
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if _, err := w.node.Mining().Generate(ctx, chain, n, to); err != nil {
		w.t.Fatal(err)
	}
}

func (w *devStack) loop(chain string) *node.Loop {
	w.t.Helper()
	l, err := w.node.Loop(chain)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// stands tells where the node and the wallets are.
func (w *devStack) stands() string {
	var b strings.Builder
	for _, p := range w.all {
		l := w.loop(p.Name)
		fmt.Fprintf(&b, "\n%s: node %+v, in the pool %+v", p.Name, l.Status(), l.Pool().All())
		if court := w.node.Settlement(p.Name); court != nil {
			fmt.Fprintf(&b, ", settlers %+v", court.Status())
		}
		for _, s := range w.wallets {
			if balance, err := s.Balance(context.Background(), s.on(p.Name)); err == nil {
				fmt.Fprintf(&b, "\n%s on %s: %+v", s.name, p.Name, balance.Trust)
				if c, err := s.ledger(p.Name); err == nil {
					at := c.state()
					fmt.Fprintf(&b, ", %s, waits for %q, trouble %q", at.Stage, at.Waiting, at.Trouble)
				}
			}
			if p.Peg != nil {
				deposits, err := s.Deposits(context.Background(), s.name, p.Name)
				burns, err2 := s.Withdrawals(context.Background(), s.name, p.Name)
				fmt.Fprintf(&b, "\n%s: deposits %+v, %v; withdrawals %+v, %v", s.name, deposits, err, burns, err2)
			}
		}
	}
	return b.String()
}

// wait waits until something holds.
func (w *devStack) wait(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never came: %s%s", what, w.stands())
		}
	}
}

// pooled waits until the node has a transaction that is in no block.
func (w *devStack) pooled(chain string, id spv.Hash) {
	w.t.Helper()
	w.wait("transaction "+id.String()+" in the pool of "+chain, func() bool { return w.inPool(chain, id) })
}

func (w *devStack) inPool(chain string, id spv.Hash) bool {
	return slices.ContainsFunc(w.loop(chain).Pool().All(), func(f mempool.Facts) bool { return f.ID == id })
}

// settler is a wallet on the stack.
type settler struct {
	*Local
	w    *devStack
	o    LocalOptions
	name string
}

func (w *devStack) wallet(name, words string) *settler {
	w.t.Helper()
	s := &settler{w: w, name: name, o: LocalOptions{DataDir: w.t.TempDir(), Chains: w.all, Peers: w.peers, Agent: "/test/",
		Log: w.log.With("wallet", name), Cost: leastCost}}
	s.open()
	w.wallets = append(w.wallets, s)
	w.t.Cleanup(func() { _ = s.Local.Close() })
	s.restore(words)
	return s
}

func (s *settler) restore(words string) {
	s.w.t.Helper()
	var names []string
	for _, p := range s.w.all {
		names = append(names, p.Name)
	}
	_, err := s.RestoreWallet(context.Background(), NewWallet{Name: s.name, Chains: names, Password: Secret(password)}, Secret(words), nil)
	s.must(err)
}

func (s *settler) open() {
	s.w.t.Helper()
	a, err := Open(Options{})
	if err == nil {
		s.Local, err = a.OpenLocal(s.o)
	}
	s.must(err)
}

// again ends the program and starts it once more.
func (s *settler) again() {
	s.w.t.Helper()
	s.must(s.Local.Close())
	s.open()
}

// lose forgets all but the words.
func (s *settler) lose(words string) {
	s.w.t.Helper()
	s.must(s.Local.Close())
	s.o.DataDir = s.w.t.TempDir()
	s.open()
	s.restore(words)
}

func (s *settler) must(err error) {
	s.w.t.Helper()
	if err != nil {
		s.w.t.Fatalf("%s: %v", s.name, err)
	}
}

func (s *settler) on(chain string) Purse { return Purse{s.name, chain} }

func (s *settler) script(chain string) []byte {
	s.w.t.Helper()
	script, err := s.ownScript(context.Background(), s.on(chain), false)
	s.must(err)
	return script
}

func (s *settler) balance(chain string) Balance {
	s.w.t.Helper()
	b, err := s.Balance(context.Background(), s.on(chain))
	s.must(err)
	return b
}

// current waits until the wallet has looked at all that the node has.
func (s *settler) current() {
	s.w.t.Helper()
	for _, p := range s.w.all {
		tip := s.w.loop(p.Name).View().Tip()
		s.w.wait(s.name+" at the tip of "+p.Name, func() bool {
			b := s.balance(p.Name)
			return b.Trust.Scanned == tip && b.Trust.Synced
		})
	}
}

// fund has blocks pay the wallet on a chain, and matures them.
func (s *settler) fund(chain string, blocks int) {
	s.w.t.Helper()
	for range blocks { // not all in one coin
		s.w.mine(chain, 1, s.script(chain))
	}
	s.w.mine(chain, 10, nil)
	s.w.wait(s.name+" has money on "+chain, func() bool { return s.balance(chain).Spendable > 0 })
}

// send sends a draft, and waits until the node has it.
func (s *settler) send(d SettleDraft) spv.Hash {
	s.w.t.Helper()
	sent, err := s.Send(context.Background(), SendRequest{Draft: d.ID, Password: Secret(password), Consent: consentOf(d)})
	s.must(err)
	s.w.pooled(d.Chain, sent.ID)
	return sent.ID
}

func consentOf(d SettleDraft) (names []string) {
	for _, w := range d.Warnings {
		names = append(names, w.Concern)
	}
	return names
}

// deposit waits until the wallet's only deposit to a layer has a phase.
func (s *settler) deposit(layer, phase string) Deposit {
	s.w.t.Helper()
	var all []Deposit
	var err error
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		all, err = s.Deposits(context.Background(), s.name, layer)
		s.must(err)
		if len(all) == 1 && all[0].Phase == phase {
			return all[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.w.t.Fatalf("%s: deposits %+v, want one that is %s%s", s.name, all, phase, s.w.stands())
	return Deposit{}
}

func (s *settler) total(chain string) int64 {
	s.w.t.Helper()
	b := s.balance(chain)
	return b.Total()
}
