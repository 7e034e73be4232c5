package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/node"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

// nodeChild is a node in a process of its own.
type nodeChild struct {
	t     *testing.T
	cmd   *exec.Cmd
	ports nodePorts
	rpc   *rpc.Client
	log   lockedBuffer
}

func startNode(t *testing.T, dir string, args ...string) *nodeChild {
	t.Helper()
	all := []string{"node", "--json", "--data-dir", dir}
	for _, p := range devStack(t) {
		all = append(all, "--listen", p.Name+"=127.0.0.1:0")
	}
	c := &nodeChild{t: t, cmd: exec.Command(os.Args[0], append(all, args...)...)}
	c.cmd.Env = append(os.Environ(), childMark)
	c.cmd.Stderr = &c.log
	out, err := c.cmd.StdoutPipe()
	must(t, err)
	must(t, c.cmd.Start())
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() })
	late := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&c.ports); err != nil || !c.ports.Ready {
		_ = c.cmd.Wait()
		t.Fatalf("no ready line: %v\n%s", err, c.log.String())
	}
	access, err := rpc.Discover(dir)
	must(t, err)
	access.Wait = patience
	c.rpc, err = rpc.NewClient(access)
	must(t, err)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func devStack(t *testing.T) []*chains.Params {
	t.Helper()
	set, err := chains.Load(assets.Chains)
	must(t, err)
	s, err := set.Stack("dev")
	must(t, err)
	return append([]*chains.Params{s.L1}, s.Layers...)
}

// mined returns blocks found since the start, by chain.
func (c *nodeChild) mined() (blocks map[string]int) {
	c.t.Helper()
	var status mineStatus
	must(c.t, c.rpc.Call(c.t.Context(), &status, "getminestatus"))
	blocks = map[string]int{}
	for _, y := range status.Chains {
		blocks[y.Chain] = y.Blocks
	}
	return blocks
}

func (c *nodeChild) height(chain string) (height int32) {
	c.t.Helper()
	client := c.on(chain)
	defer client.Close() // lest hundreds of them take the places of others
	must(c.t, client.Call(c.t.Context(), &height, "getblockcount"))
	return height
}

// untilNode asks again and again until something holds.
func untilNode(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// TestNodeSurvivesKills kills a mining node again and again. Nothing that it has shown is
// lost, and a node that starts from nothing judges every block of it good. LAMINA_SOAK is how
// often.
func TestNodeSurvivesKills(t *testing.T) {
	rounds := 4
	if n, err := strconv.Atoi(os.Getenv("LAMINA_SOAK")); err == nil {
		rounds = n
	}
	dir := t.TempDir()
	stack := devStack(t)
	seen := map[string]int32{}
	for round := range rounds {
		c := startNode(t, dir, "--mine", "--mine-every", "5ms")
		for _, p := range stack {
			if got := c.height(p.Name); got < seen[p.Name] {
				t.Fatalf("round %d: %s is at %d, it was at %d before the kill", round, p.Name, got, seen[p.Name])
			}
		}
		untilNode(t, "blocks of every chain", func() bool {
			for _, n := range c.mined() {
				if n < 8+round%7 {
					return false
				}
			}
			return true
		})
		for _, p := range stack {
			seen[p.Name] = c.height(p.Name)
		}
		must(t, c.cmd.Process.Kill())
		_ = c.cmd.Wait()
	}
	c := startNode(t, dir)
	judge(t, c)
	c.end()
}

// judge lets a node that starts from nothing follow a child, and compares the tips.
func judge(t *testing.T, c *nodeChild) {
	t.Helper()
	all := devStack(t)
	cfg := node.Config{Stack: chains.Stack{L1: all[0], Layers: all[1:]}, DataDir: t.TempDir(), Agent: "/judge/", Log: slog.New(slog.DiscardHandler),
		Peers: map[string][]string{}, Listen: map[string]string{}}
	for name, at := range c.ports.Chains {
		cfg.Peers[name], cfg.Listen[name] = []string{at}, "none"
	}
	n, err := node.Open(cfg)
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	for _, p := range all {
		l, err := n.Loop(p.Name)
		must(t, err)
		want := c.height(p.Name)
		untilNode(t, p.Name+" judged anew", func() bool { return l.View().Tip().Height == want })
	}
	stop()
	must(t, <-ended)
}

// end ends a child as a service manager does.
func (c *nodeChild) end() {
	c.t.Helper()
	must(c.t, c.cmd.Process.Signal(syscall.SIGTERM))
	late := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("ended by SIGTERM: %v\n%s", err, c.log.String())
	}
	for _, name := range []string{rpc.CookieName, rpc.AddressName} {
		if _, err := os.Stat(filepath.Join(c.ports.DataDir, name)); !errors.Is(err, fs.ErrNotExist) {
			c.t.Errorf("%s is left behind: %v", name, err)
		}
	}
}

// TestNodeEnds: a node that mines, serves a long poll and lets miners in ends cleanly.
func TestNodeEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ports.json")
	dir := t.TempDir()
	c := startNode(t, dir, "--mine", "--mine-every", "1h", "--stratum", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--ports-file", file)
	b, err := os.ReadFile(file)
	must(t, err)
	var ports nodePorts
	must(t, json.Unmarshal(b, &ports))
	if ports.RPC != c.ports.RPC || ports.Stratum == "" || ports.Metrics == "" || len(ports.Chains) != 4 {
		t.Errorf("ports %s", b)
	}
	if got := lamina(t, nil, "mine", "status", "--data-dir", dir); got.code != exitOK || !strings.Contains(got.out, "dev-native") {
		t.Errorf("mine status: %+v", got)
	}
	var template struct{ LongPollID string }
	must(t, c.rpc.Call(t.Context(), &template, "getblocktemplate"))
	polled := make(chan error, 1)
	go func() {
		polled <- c.rpc.Call(t.Context(), nil, "getblocktemplate", map[string]any{"longpollid": template.LongPollID})
	}()
	if got := lamina(t, nil, "node", "--data-dir", dir); got.code != exitUsage || !strings.Contains(got.err, "already open") {
		t.Errorf("a second node on the folder: %+v", got)
	}
	c.end()
	<-polled
}

// TestNodeRefuses: what a command line gets wrong is said before anything is opened.
func TestNodeRefuses(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--stack nowhere", "nowhere"},
		{"--connect dev", "want CHAIN="},
		{"--connect other=127.0.0.1:1", "want CHAIN="},
		{"--mine-to dev=xyz", "--mine-to dev=xyz"},
		{"--l1-rpc http://127.0.0.1:1", "no other node"},
		{"--l1-rpc http://user:secret@127.0.0.1:1", "no password belongs there"},
		{"--stack layer-regtest --mine", "for templates"},
		{"--rpc 8.8.8.8:1 --listen dev=none --listen dev-native=none --listen dev-issued=none --listen dev-fractional=none", "not loopback"},
	} {
		got := lamina(t, nil, append([]string{"node", "--data-dir", t.TempDir()}, strings.Fields(c.args)...)...)
		if got.code != exitUsage || !strings.Contains(got.err, c.want) || strings.Contains(got.err, "secret") {
			t.Errorf("%s: code %d, %s", c.args, got.code, got.err)
		}
	}
}

// on returns a client whose calls are about a chain.
func (c *nodeChild) on(chain string) *rpc.Client {
	c.t.Helper()
	access, err := rpc.Discover(c.ports.DataDir)
	must(c.t, err)
	access.Chain, access.Wait = chain, patience
	client, err := rpc.NewClient(access)
	must(c.t, err)
	return client
}

// TestNodeRPC: the methods reach the chains that run, and stop ends the program.
func TestNodeRPC(t *testing.T) {
	all := devStack(t)
	script := append([]byte{0, 20, 7}, make([]byte, 19)...)
	payee := map[string]string{}
	args := []string{}
	for _, p := range all {
		text, err := address.Encode(p, script)
		must(t, err)
		payee[p.Name] = text
		args = append(args, "--mine-to", p.Name+"="+text)
	}
	c := startNode(t, t.TempDir(), args...)
	ctx := t.Context()
	var ids []string
	must(t, c.rpc.Call(ctx, &ids, "generatetoaddress", 5, payee["dev"]))
	if len(ids) != 5 || c.height("dev") != 5 {
		t.Fatalf("%d blocks, height %d", len(ids), c.height("dev"))
	}
	native := c.on("dev-native")
	must(t, native.Call(ctx, &ids, "generatetoaddress", 2, payee["dev-native"]))
	if len(ids) != 2 || c.height("dev-native") != 2 || c.height("dev") != 5 {
		t.Fatalf("%d blocks, heights %d and %d", len(ids), c.height("dev-native"), c.height("dev"))
	}
	var aux struct {
		Hash             string
		ChainID          int32
		Target, OldStyle string
		Previous         string `json:"previousblockhash"`
	}
	must(t, native.Call(ctx, &aux, "getauxblock"))
	if aux.Previous != ids[1] || aux.ChainID != 0x4c00 {
		t.Errorf("%+v", aux)
	}
	var answered *rpc.Error
	if err := native.Call(ctx, nil, "submitauxblock", aux.Hash, "00"); !errors.As(err, &answered) {
		t.Errorf("a proof of one byte: %v", err)
	}
	if err := c.on("elsewhere").Call(ctx, nil, "getblockcount"); !errors.As(err, &answered) {
		t.Errorf("a chain that does not run: %v", err)
	}
	must(t, c.rpc.Call(ctx, nil, "stop"))
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("stopped: %v\n%s", err, c.log.String())
	}
}
