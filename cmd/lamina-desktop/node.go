package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/ui"
	"github.com/layeredpow/lamina/ui/present"
)

// nodeProgram is the headless program, which is the node, too.
const nodeProgram = "lamina"

// How long a node may take to open its chains, and to close them.
const (
	nodeStart = 60 * time.Second
	nodeStop  = 20 * time.Second
)

// bundle runs the full node that comes beside this program: it starts it, ends it, and
// keeps the last lines it wrote. It is safe for concurrent use.
type bundle struct {
	program string   // path; empty: it is not there
	extra   []string // chain files of the user's own

	mu    sync.Mutex
	child *nodeChild // nil: none was started
	why   string     // it could not be started
}

// nodeChild is one run of the node.
type nodeChild struct {
	order nodeOrder
	cmd   *exec.Cmd
	log   *tail
	ready chan nodePorts // one, when all is open
	ended chan struct{}  // closed when the process has ended and err is set
	err   error
	ports nodePorts // set once it is ready

	second *second // settler beside it; nil: none
}

// nodeOrder is what a node is started with.
type nodeOrder struct {
	stack chains.Stack
	dir   string
	peers map[string][]string // by chain
	ui.NodeOrder
	settler int // number of the development settler that it is; 0: none
}

// nodePorts is what a node tells when all is open.
type nodePorts struct {
	RPC    string            `json:"rpc"`
	Chains map[string]string `json:"chains"` // host:port where peers are accepted; empty: nowhere
}

// reach returns where a program on this machine reaches the node's chains.
func (p *nodePorts) reach() map[string]string {
	out := map[string]string{}
	for chain, at := range p.Chains {
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		out[chain] = net.JoinHostPort(host, port)
	}
	return out
}

// findNode looks for the headless program: beside this one, else where the shell would.
func findNode() string {
	name := nodeProgram
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		if at, err := os.Stat(beside); err == nil && at.Mode().IsRegular() {
			return beside
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// args are the command line of a node. Ports for peers are free ones of the loopback where
// the L1 is a private network's, so that two nodes do not meet.
func (o *nodeOrder) args(extra []string) []string {
	args := []string{"--json", "node", "--stack", o.stack.L1.Name, "--data-dir", o.dir, "--ports-file", filepath.Join(o.dir, portsName)}
	for _, path := range extra {
		args = append(args, "--chains-dir", path)
	}
	for _, p := range append([]*chains.Params{o.stack.L1}, o.stack.Layers...) {
		if p.Network == chains.Dev {
			args = append(args, "--listen", p.Name+"=127.0.0.1:0")
		}
		for _, peer := range o.peers[p.Name] {
			args = append(args, "--connect", p.Name+"="+peer)
		}
		if payee := o.Payees[p.Name]; o.Mine && payee != "" {
			args = append(args, "--mine-to", p.Name+"="+payee)
		}
	}
	if o.Mine {
		args = append(args, "--mine")
	}
	return append(args, o.settleArgs()...)
}

// same says whether a run of one order does for the other.
func (o *nodeOrder) same(other *nodeOrder) bool {
	return slices.Equal(o.args(nil), other.args(nil))
}

// start has a node run as ordered, and returns when it is ready, or else why it is not. A
// node that another program started on the folder is left as it is.
func (b *bundle) start(ctx context.Context, o nodeOrder) error {
	err := b.begin(ctx, o)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.why = ""
	if err != nil {
		b.why = err.Error()
	}
	return err
}

// refuse keeps why no node is started, and ends one that runs.
func (b *bundle) refuse(why error) error {
	err := errors.Join(why, b.stop())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.why = err.Error()
	return err
}

func (b *bundle) begin(ctx context.Context, o nodeOrder) error {
	if b.program == "" {
		return fmt.Errorf("program %s: not beside this one, nor where programs are looked for", nodeProgram)
	}
	if c := b.current(); c != nil && c.lives() && c.order.same(&o) {
		return nil
	}
	if err := b.stop(); err != nil {
		return err
	}
	foreign, err := endLeftover(ctx, o.dir)
	if err != nil || foreign {
		return err
	}
	c, err := launch(b.program, b.extra, o)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.child = c
	b.mu.Unlock()
	if err := c.wait(ctx); err != nil {
		return err
	}
	if o.settler != 0 {
		c.second = startSecond(b.program, b.extra, c)
	}
	return nil
}

// launch starts a node, which is ready later.
func launch(program string, extra []string, o nodeOrder) (*nodeChild, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	if err := o.writeKey(); err != nil {
		return nil, err
	}
	c := &nodeChild{order: o, cmd: exec.Command(program, o.args(extra)...), log: &tail{},
		ready: make(chan nodePorts, 1), ended: make(chan struct{})}
	c.cmd.Stderr = c.log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.follow(out)
	return c, nil
}

// maxReady is the most of a node's document that is read, in bytes.
const maxReady = 1 << 20

// follow reads what the node says until it has ended.
func (c *nodeChild) follow(out io.Reader) {
	line, err := bufio.NewReader(io.LimitReader(out, maxReady)).ReadBytes('\n')
	var ports nodePorts
	if err == nil && json.Unmarshal(line, &ports) == nil {
		c.ready <- ports
	}
	_, _ = io.Copy(io.Discard, out) // it says nothing more
	c.err = c.cmd.Wait()
	close(c.ended)
}

// wait waits until the node is ready.
func (c *nodeChild) wait(ctx context.Context) error {
	patience := time.NewTimer(nodeStart)
	defer patience.Stop()
	select {
	case ports := <-c.ready:
		c.ports = ports
		return nil
	case <-c.ended:
		return c.reason()
	case <-patience.C:
		return errors.Join(fmt.Errorf("node: not ready after %s", nodeStart), c.stop())
	case <-ctx.Done():
		return errors.Join(ctx.Err(), c.stop())
	}
}

func (c *nodeChild) lives() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// reason says why a node has ended: in its own last words.
func (c *nodeChild) reason() error {
	if lines := c.log.lines(); len(lines) > 0 {
		return errors.New(lines[len(lines)-1])
	}
	if c.err != nil {
		return c.err
	}
	return errors.New("it ended without a word")
}

// stop ends the node: it is asked to, and after a while made to.
func (c *nodeChild) stop() error {
	c.second.stop()
	if !c.lives() {
		return nil
	}
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil { // not on every system
		askToStop(c.order.dir)
	}
	patience := time.NewTimer(nodeStop)
	defer patience.Stop()
	select {
	case <-c.ended:
		return nil
	case <-patience.C:
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("node: %w", err)
	}
	<-c.ended
	return nil
}

func (b *bundle) current() *nodeChild {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.child
}

// end ends the node on a folder, unless another program has started it.
func (b *bundle) end(ctx context.Context, dir string) error {
	if err := b.stop(); err != nil {
		return err
	}
	_, err := endLeftover(ctx, dir)
	_, beside := endLeftover(ctx, secondFolder(dir))
	return errors.Join(err, beside)
}

// stop ends the node that was started here, if one runs, and forgets it.
func (b *bundle) stop() error {
	c := b.current()
	if c == nil {
		return nil
	}
	if err := c.stop(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.child, b.why = nil, ""
	return nil
}

// peers returns where the node that was started here accepts peers, by chain.
func (b *bundle) peers() map[string]string {
	c := b.current()
	if c == nil || !c.lives() {
		return nil
	}
	return c.ports.reach()
}

// look tells how the node is.
func (b *bundle) look(ctx context.Context, dir, stack string) present.Node {
	b.mu.Lock()
	c, why := b.child, b.why
	b.mu.Unlock()
	n := present.Node{Phase: present.NodeStopped, Stack: stack}
	switch {
	case c != nil && c.lives():
		n.Phase, n.Log = present.NodeStarting, c.log.lines()
	case c != nil:
		n.Phase, n.Why, n.Log = present.NodeFailed, c.reason().Error(), c.log.lines()
		return n
	case why != "":
		n.Phase, n.Why = present.NodeFailed, why
	case b.program == "":
		n.Phase = present.NodeAbsent
	}
	if dir == "" {
		return n
	}
	if err := askNode(ctx, dir, &n); err == nil {
		n.Phase, n.Foreign = present.NodeRunning, c == nil && !leftHere(dir)
	}
	return n
}

// tail keeps the last lines that are written to it.
type tail struct {
	mu   sync.Mutex
	kept []string
	part string // of a line that has not ended
}

const (
	tailLines = 60
	tailLine  = 400 // bytes of a line that are kept
)

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, piece := range strings.SplitAfter(string(b), "\n") {
		whole := strings.HasSuffix(piece, "\n")
		t.part += strings.TrimRight(piece, "\r\n")
		t.part = t.part[:min(len(t.part), tailLine)]
		if !whole {
			continue
		}
		if t.part != "" {
			t.kept = append(t.kept, strings.ToValidUTF8(t.part, "\ufffd"))
		}
		t.part = ""
		if over := len(t.kept) - tailLines; over > 0 {
			t.kept = slices.Delete(t.kept, 0, over)
		}
	}
	return len(b), nil
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.kept)
}
