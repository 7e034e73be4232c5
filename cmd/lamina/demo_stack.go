package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// The chains of the development stack that the demo pays on: the L1 and a layer with a
// coin of its own.
const (
	demoLayer  = "dev-issued"
	demoPace   = "200ms" // between two L1 blocks
	demoStop   = time.Minute
	demoReward = 50_0000_0000 // of a block on both chains, base units
	demoPaid   = 1_2500_0000
	demoSplit  = 20
)

// childMark is set for the processes that the demo starts of this very program.
const childMark = "LAMINA_CHILD=1"

// stackDemo runs the development stack as its users would: a node that mines, two daemons
// with wallets in folders of their own, and commands that ask them, each a process.
type stackDemo struct {
	s       *session
	ctx     context.Context // ends when the user does
	dir     string
	ports   map[string]string // the node's, by chain
	program string
	running []*exec.Cmd // the node first
	hidden  string      // file with the password
	paid    string      // the payment on the layer
}

// runStack runs the steps in order, showing each, and stops at the first that fails. While all
// that was started still runs it calls at. Nothing is left running or on disk.
func (s *session) runStack(ctx context.Context, show func(*stepResult), at func(*stackDemo) error) (err error) {
	d := &stackDemo{s: s, ctx: ctx}
	if d.program, err = os.Executable(); err != nil {
		return err
	}
	if d.dir, err = os.MkdirTemp("", "lamina-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(), os.RemoveAll(d.dir)) }()
	d.hidden = d.path("password")
	if err := os.WriteFile(d.hidden, []byte("only for the demo\n"), 0o600); err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		run   func() (int, string, error)
	}{
		{"chains of a stack, mined merged by a node of its own", d.start},
		{"wallets made, each with a daemon of its own", d.wallets},
		{"blocks' rewards received on the L1, found by filters, verified", d.mineL1},
		{"payment on the L1, seen by its payee", d.payL1},
		{"coins made of one by a split, and combined again", d.split},
		{"blocks' rewards received on the layer, every proof checked against the L1", d.mineLayer},
		{"payment on the layer, seen by its payee", d.payLayer},
		{"wallet restored from its words on an empty machine, all found", d.restore},
		{"payment on the layer proved by a file, verified without the network", d.prove},
		{"settlers started, each with a key of its own", d.settlers},
		{"deposit from the L1 to the pegged layer, claimed by itself", d.deposit},
		{"payment on the pegged layer, seen by its payee", d.payPegged},
		{"withdrawal from the pegged layer, paid out on the L1 by the settlers", d.withdraw},
		{"peg counted on both chains, to the last base unit", d.audit},
		{"swap of the L1's money for the layer's, by an offer and its answer", d.swap},
		{"layers measured by the L1's work that protects them", d.security},
	} {
		start := s.now()
		count, detail, err := step.run()
		r := stepResult{Title: step.title, Detail: detail, Count: count, OK: err == nil, Micros: s.since(start)}
		if err != nil {
			r.Problem = err.Error()
		}
		show(&r)
		if err != nil {
			return nil // it has been told; what follows needs it
		}
	}
	return at(d)
}

func (d *stackDemo) path(name string) string { return filepath.Join(d.dir, name) }

// command prepares a process of this program.
func (d *stackDemo) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, d.program, append([]string{"--json"}, args...)...)
	c.Env = append(os.Environ(), childMark)
	return c
}

// ask runs a command to its end and decodes the document that it prints.
func (d *stackDemo) ask(answer any, args ...string) error {
	ctx, cancel := context.WithTimeout(d.ctx, demoTime)
	defer cancel()
	var out, errs bytes.Buffer
	c := d.command(ctx, args...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return fmt.Errorf("lamina %s: %w: %s", args[0], err, bytes.TrimSpace(errs.Bytes()))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(out.Bytes(), answer)
}

// start starts the node and waits for its addresses.
func (d *stackDemo) start() (int, string, error) {
	args := []string{"node", "--stack", demoChain, "--data-dir", d.path("node"), "--mine", "--mine-every", demoPace}
	for _, name := range []string{demoChain, demoPegged, demoLayer, "dev-fractional"} {
		args = append(args, "--listen", name+"=127.0.0.1:0")
	}
	var ready struct {
		Chains map[string]string `json:"chains"`
	}
	if err := d.run(&ready, args...); err != nil {
		return 0, "", err
	}
	d.ports = ready.Chains
	return len(ready.Chains), fmt.Sprintf("process %d, a block every %s", d.running[0].Process.Pid, demoPace), nil
}

// peers returns flags that connect to the node.
func (d *stackDemo) peers(names ...string) (flags []string) {
	for _, name := range names {
		flags = append(flags, "--connect", name+"="+d.ports[name])
	}
	return flags
}

// run starts a program that stays, and decodes the document by which it says that it is ready. What it
// logs goes to a file.
func (d *stackDemo) run(ready any, args ...string) error {
	log := d.path(fmt.Sprintf("%s.%d.log", args[0], len(d.running)))
	errs, err := os.Create(log)
	if err != nil {
		return err
	}
	defer errs.Close()
	c := d.command(context.Background(), args...)
	c.Stderr = errs
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	d.running = append(d.running, c)
	late := time.AfterFunc(demoTime, func() { _ = c.Process.Kill() })
	defer late.Stop()
	if err := json.NewDecoder(out).Decode(ready); err != nil {
		said, _ := os.ReadFile(log)
		return fmt.Errorf("lamina %s ended before it was ready: %w: %s", args[0], err, bytes.TrimSpace(said[max(0, len(said)-1000):]))
	}
	return nil
}

// stop ends what runs, the daemons before the node.
func (d *stackDemo) stop() error {
	var errs []error
	for len(d.running) > 0 {
		errs = append(errs, d.stopLast())
	}
	return errors.Join(errs...)
}

// stopLast ends what was started last, as its user would.
func (d *stackDemo) stopLast() error {
	last := len(d.running) - 1
	c := d.running[last]
	d.running = d.running[:last]
	if err := c.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(err, c.Process.Kill(), c.Wait())
	}
	late := time.AfterFunc(demoStop, func() { _ = c.Process.Kill() })
	defer late.Stop()
	if err := c.Wait(); err != nil {
		return fmt.Errorf("process %d did not end cleanly within %s: %w", c.Process.Pid, demoStop, err)
	}
	return nil
}

func (d *stackDemo) wallets() (int, string, error) {
	for _, name := range []string{"alice", "bob"} {
		if err := d.ask(nil, "wallet", "create", name, "--data-dir", d.path(name), "--chain", demoChain, "--chain", demoLayer,
			"--chain", demoPegged, "--password-file", d.hidden, "--words-to", d.path(name+".words")); err != nil {
			return 0, "", err
		}
		if err := d.serve(name); err != nil {
			return 0, "", err
		}
	}
	return 2, "keys sealed by a password, words in files of their own", nil
}

// serve keeps the wallets of a folder in step.
func (d *stackDemo) serve(name string) error {
	var ready struct{}
	return d.run(&ready, append([]string{"daemon", "--data-dir", d.path(name)}, d.peers(demoChain, demoPegged, demoLayer)...)...)
}
