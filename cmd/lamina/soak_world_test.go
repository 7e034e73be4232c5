package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soakChains are the chains of the development stack.
var soakChains = []string{"dev", "dev-issued", "dev-native", "dev-fractional"}

// soakReward is of a block on the L1 and on the issued layer, base units.
const soakReward = 50_0000_0000

// soakProcess is one process that stays, with a data folder of its own.
type soakProcess struct {
	name string
	args []string
	env  []string
	dir  string

	cmd   *exec.Cmd
	ended chan struct{}   // closed when the process is gone
	err   error           // how it ended, once ended is closed
	log   *lockedBuffer   // over all its lives
	ready json.RawMessage // what it said when it was ready last
}

// start starts a process and waits for the document by which it says that it is ready.
func (p *soakProcess) start(program string) error {
	if p.log == nil {
		p.log = &lockedBuffer{}
	}
	c := exec.Command(program, append([]string{"--json"}, p.args...)...)
	c.Env = append(append(os.Environ(), childMark), p.env...)
	c.Stderr = p.log
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.cmd, p.ended = c, ended
	late := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
	d := json.NewDecoder(io.TeeReader(out, p.log))
	err = d.Decode(&p.ready)
	late.Stop()
	go func() {
		_, _ = io.Copy(p.log, out)
		p.err = c.Wait()
		close(ended)
	}()
	if err != nil {
		<-ended
		return fmt.Errorf("%s ended before it was ready (%w): %w\n%s", p.name, p.err, err, p.log.tail())
	}
	return nil
}

// signal sends a signal and waits for the end.
func (p *soakProcess) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end on %s", p.name, s)
	}
	return nil
}

func (p *soakProcess) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// soakWorld is a stack of processes that things happen to.
type soakWorld struct {
	t       *testing.T
	began   time.Time
	seed    uint64
	rng     *rand.Rand
	dir     string
	program string
	hidden  string   // file with the password
	free    string   // where nodes listen at first: a host of their own, at any port
	global  []string // flags of all commands

	l1, issued  string
	pegged      []string // layers that take deposits
	settlerKeys [3][]byte

	nodes   [3]*soakProcess // the first mines; each holds the key of one settler
	others  []*soakProcess  // nodes besides
	wallets [2]*soakProcess
	links   []*soakLink
	between []*soakLink            // from the other nodes to the first
	homes   map[string][]*soakLink // from the wallets to the nodes, by wallet and chain
	skews   []string               // files with seconds, by which the processes' clocks are off
	late    []*soakProcess         // nodes that were slow, and have banned whoever showed them blocks of the future
	full    []*soakProcess         // that have found their disk full, and may yet end because of it
	fast    *soakProcess           // the node whose clock is fast; nil: none is
	early   bool                   // the first node has blocks that are of the future to all others

	number  int // of the next errand or file
	errands []soakErrand
	swaps   []*soakSwap

	refundables []soakRefundable
}

// endWithTest has all processes end with the test, however it ends.
func (w *soakWorld) endWithTest() {
	w.t.Cleanup(func() {
		for _, p := range append(w.processes(), w.others...) {
			if p != nil && p.cmd != nil {
				_ = p.cmd.Process.Kill()
				<-p.ended
			}
		}
	})
}

func (w *soakWorld) path(name string) string { return filepath.Join(w.dir, name) }

// note tells what happens, and when.
func (w *soakWorld) note(format string, args ...any) {
	w.t.Helper()
	w.t.Logf("%.1f s: %s", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

// fail ends the test, says how to see it again, and keeps what the processes said, with the stacks of those that run. What is wrong
// stands at both ends: a long report may be cut at either.
func (w *soakWorld) fail(format string, args ...any) {
	w.t.Helper()
	var tails strings.Builder
	kept, err := os.MkdirTemp("", "lamina-soak-")
	if err != nil {
		kept = err.Error()
	}
	what := fmt.Sprintf("seed %d: %s\nlogs are kept in %s", w.seed, fmt.Sprintf(format, args...), kept)
	for _, p := range append(w.processes(), w.others...) {
		w.keepState(p, kept)
	}
	for _, p := range append(w.processes(), w.others...) {
		if p == nil || p.log == nil {
			continue
		}
		fmt.Fprintf(&tails, "\n--- %s\n%s", p.name, p.log.tail())
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		_ = p.signal(syscall.SIGQUIT)
		_ = os.WriteFile(filepath.Join(kept, p.name+".log"), []byte(p.log.String()), 0o600)
	}
	_ = os.WriteFile(filepath.Join(kept, "what"), []byte(what), 0o600)
	w.t.Fatalf("%s%s\n--- %s", what, tails.String(), what)
}

// keepState writes what a process says of its chains and its money to a file.
func (w *soakWorld) keepState(p *soakProcess, dir string) {
	if p == nil || p.log == nil || !p.running() {
		return
	}
	chains := soakChains
	if w.l1 != "" {
		chains = w.chains()
	}
	var all []string
	keep := func(args ...string) {
		var answer json.RawMessage
		if err := w.ask(&answer, slices.Insert(args, 1, "--data-dir", p.dir)...); err == nil {
			all = append(all, strings.Join(args, " "), string(answer))
		}
	}
	purse := slices.Contains(w.wallets[:], p)
	for _, chain := range chains {
		for _, method := range []string{"getblockchaininfo", "getrawmempool", "getsettlement"} {
			keep("rpc", "--chain", chain, method)
		}
		if purse {
			keep("balance", "--chain", chain)
			keep("history", "--chain", chain)
			keep("settle", "status", chain)
		}
	}
	if purse {
		keep("rpc", "net.chains")
		keep("swap", "list")
	}
	_ = os.WriteFile(filepath.Join(dir, p.name+".state"), []byte(strings.Join(all, "\n")), 0o600)
}

func (w *soakWorld) processes() []*soakProcess { return append(w.nodes[:], w.wallets[:]...) }

// ask runs a command to its end and decodes what it prints.
func (w *soakWorld) ask(answer any, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, w.program, append(append([]string{"--json"}, w.global...), args...)...)
	c.Env = append(os.Environ(), childMark)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return fmt.Errorf("lamina %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(out.Bytes(), answer)
}

// must is ask where nothing stands in the way.
func (w *soakWorld) must(answer any, args ...string) {
	w.t.Helper()
	if err := w.ask(answer, args...); err != nil {
		w.fail("%v", err)
	}
}

// rpc asks a node.
func (w *soakWorld) rpc(node int, chain string, answer any, method ...string) error {
	return w.ask(answer, append([]string{"rpc", "--data-dir", w.nodes[node].dir, "--chain", chain}, method...)...)
}

// of asks somebody's wallet.
func (w *soakWorld) of(i int, answer any, args ...string) error {
	return w.ask(answer, append(args, "--data-dir", w.wallets[i].dir)...)
}

// signed asks somebody's wallet for what wants the password.
func (w *soakWorld) signed(i int, answer any, args ...string) error {
	return w.of(i, answer, append(args, "--password-file", w.hidden)...)
}

// until waits until something is so.
func (w *soakWorld) until(what string, done func() error) {
	w.t.Helper()
	w.untilStuck(what, func() (int64, error) { return 0, done() })
}

// untilStuck is until for what takes as long as it takes: the patience begins anew whenever it is further than it ever was.
func (w *soakWorld) untilStuck(what string, done func() (where int64, err error)) {
	w.t.Helper()
	var last error
	was := int64(0)
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		w.reviveFull()
		where, err := done()
		if err == nil {
			return
		}
		if where > was {
			was, limit = where, time.Now().Add(patience)
		}
		last = err
	}
	w.fail("%s: %v", what, last)
}

// up starts a process that is not running.
func (w *soakWorld) up(p *soakProcess) {
	w.t.Helper()
	w.full = slices.DeleteFunc(w.full, func(q *soakProcess) bool { return q == p })
	if err := p.start(w.program); err != nil {
		w.fail("%v", err)
	}
}

// next returns a name that was not used before.
func (w *soakWorld) next(name string) string {
	w.number++
	return fmt.Sprintf("%s-%d", name, w.number)
}

// coins writes an amount of the L1, whole coins.
func coins(sat int64) string { return fmt.Sprintf("%d.%08d", sat/1_0000_0000, sat%1_0000_0000) }
