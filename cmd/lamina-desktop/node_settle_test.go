package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/ui"
)

// longest is how long is waited for what comes a moment later, on a machine that does much else.
const longest = 2 * time.Minute

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(longest); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// TestSettlersRun: on the development stack the node is a settler and has a second one beside it, and every pegged
// layer gets its first connector. Both end with the node.
func TestSettlersRun(t *testing.T) {
	f := nodeFolder(t, "works")
	c := ui.Config{Stack: "dev", Offline: true, Node: &ui.NodeOrder{Mine: true}}
	if _, err := f.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	dir := f.nodeFolder("dev")
	beside := secondFolder(dir)
	for folder, key := range map[string]string{dir: "1", beside: "2"} {
		at := filepath.Join(folder, settlerKey)
		eventually(t, at, func() bool {
			text, err := os.ReadFile(at)
			return err == nil && string(text) == strings.Repeat("0", 63)+key+"\n"
		})
		if mode, err := os.Stat(at); err != nil || mode.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v (%v), want 0600", at, mode.Mode(), err)
		}
	}
	asked := func(method string) int {
		text, _ := os.ReadFile(filepath.Join(dir, askedName))
		return strings.Count(string(text), method+"\n")
	}
	eventually(t, "the first connector", func() bool { return asked("makefirstlink") > 1 && asked("listbatches") > 2 })
	if asked("generatetoaddress") == 0 {
		t.Error("no block was mined whose reward anybody may spend")
	}
	main := f.node.current()
	if args := strings.Join(main.order.args(nil), " "); !strings.Contains(args, "--settle --settler-key "+filepath.Join(dir, settlerKey)) {
		t.Errorf("the node does not settle: %s", args)
	}
	eventually(t, "the second settler's address", func() bool { _, err := rpc.Discover(beside); return err == nil })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{dir, beside} {
		if _, err := rpc.Discover(folder); err == nil {
			t.Errorf("%s: the node there goes on", folder)
		}
	}
}

// TestSecondSettlerLeft: one that outlived a kill of the program is ended, whether or not a node is wanted again.
func TestSecondSettlerLeft(t *testing.T) {
	for _, again := range []*ui.NodeOrder{nil, {}} {
		f := nodeFolder(t, "works")
		c := ui.Config{Stack: "dev", Offline: true, Node: &ui.NodeOrder{}}
		dir := secondFolder(f.nodeFolder("dev"))
		stack, err := f.stack("dev")
		if err != nil {
			t.Fatal(err)
		}
		left, err := launch(f.node.program, nil, nodeOrder{stack: stack, dir: dir, settler: devSettlers})
		if err != nil {
			t.Fatal(err)
		}
		if err := left.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Node = again
		if _, err := f.Open(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end of the settler that was left", func() bool { return !left.lives() })
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSecondSettlerFails: the node goes on without it, and says so.
func TestSecondSettlerFails(t *testing.T) {
	f := nodeFolder(t, "second fails")
	if _, err := f.Open(t.Context(), ui.Config{Stack: "dev", Offline: true, Node: &ui.NodeOrder{}}); err != nil {
		t.Fatal(err)
	}
	c := f.node.current()
	eventually(t, "a word about the settler", func() bool {
		return strings.Contains(strings.Join(c.log.lines(), "\n"), "settler: lamina: dev: the disk is full")
	})
	if !c.lives() {
		t.Error("the node has ended, too")
	}
}

// TestSettled: settlers are started for layers that they can settle, and for no others.
func TestSettled(t *testing.T) {
	f := newFolder(t, t.TempDir())
	for _, s := range f.app.Stacks() {
		layers := settled(&s)
		if (s.L1.Network == chains.Dev) != (len(layers) > 0) {
			t.Errorf("%s: settled here are %v", s.L1.Name, layers)
		}
	}
	stack, err := f.stack("dev")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range stack.Layers {
		pegged := p.Peg != nil && p.Parent == "dev"
		one := chains.Stack{L1: stack.L1, Layers: []*chains.Params{p}}
		if got := len(settled(&one)) == 1; got != pegged {
			t.Errorf("%s: settled here %v, want %v", p.Name, got, pegged)
		}
		if !pegged {
			continue
		}
		for name, spoil := range map[string]func(*chains.Settlers){
			"three signatures": func(s *chains.Settlers) { s.K = 3 },
			"another key":      func(s *chains.Settlers) { s.Keys = append(s.Keys[:1:1], s.Keys[2:]...) },
		} {
			other := *p
			other.Settlers = append([]chains.Settlers{}, p.Settlers...)
			spoil(&other.Settlers[0])
			if got := settled(&chains.Stack{L1: stack.L1, Layers: []*chains.Params{&other}}); len(got) > 0 {
				t.Errorf("%s with %s: settled here", p.Name, name)
			}
		}
	}
}
