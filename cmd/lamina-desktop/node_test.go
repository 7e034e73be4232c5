package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/ui"
	"github.com/layeredpow/lamina/ui/present"
)

// fakeNodeMark has this test's program stand in for the node; its value says how it behaves.
const fakeNodeMark = "LAMINA_FAKE_NODE"

// askedName is the file in a fake node's folder with the methods that it was asked for.
const askedName = "asked"

func TestMain(m *testing.M) {
	if how := os.Getenv(fakeNodeMark); how != "" {
		os.Exit(fakeNode(how, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// fakeNode tells its addresses as a node does, and answers as one, until it is interrupted. It keeps what it was asked in
// a file of its folder.
func fakeNode(how string, args []string) int {
	fmt.Fprintln(os.Stderr, "level=INFO msg=opening "+strings.Join(args, " "))
	if how == "fails" || how == "second fails" && strings.HasSuffix(args[slices.Index(args, "--data-dir")+1], settlerFolder) {
		fmt.Fprintln(os.Stderr, "lamina: dev: the disk is full")
		return 3
	}
	value := func(flag string) string { return args[slices.Index(args, flag)+1] }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 4
	}
	cookie, err := rpc.NewCookie(value("--data-dir"), "http://"+l.Addr().String())
	if err != nil {
		return 4
	}
	defer cookie.Remove()
	ended := make(chan os.Signal, 2)
	signal.Notify(ended, os.Interrupt)
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var call struct{ Method string }
			_ = json.NewDecoder(r.Body).Decode(&call)
			if call.Method == "stop" {
				ended <- os.Interrupt
			}
			asked := note(filepath.Join(value("--data-dir"), askedName), call.Method)
			batches, made := "[]", bytes.Count(asked, []byte("generatetoaddress\n")) > 0
			if bytes.Contains(asked, []byte("makefirstlink\n")) && made {
				batches = `[{"number":0}]`
			}
			if call.Method == "makefirstlink" && !made {
				fmt.Fprint(w, `{"id":1,"error":{"code":-1,"message":"no ripe reward"}}`)
				return
			}
			fmt.Fprintf(w, `{"id":1,"result":%s}`, map[string]string{"uptime": "5", "stop": `"ok"`,
				"listbatches": batches, "makefirstlink": `"00"`, "decodescript": `{"address":"ldev1anybody"}`, "generatetoaddress": "[]",
				"getminestatus": `{"mining":true,"hashespersec":1000.5,"uptime":7,"chains":[{"chain":"dev","symbol":"DEV","mined":true,"blocks":3,
					"stale":1,"refused":0,"revenue":15000000000,"decimals":8}]}`,
				"getblockchaininfo": `{"blocks":12,"headers":13,"initialblockdownload":false}`, "getconnectioncount": "2",
				"getnettotals": `{"totalbytesrecv":100,"totalbytessent":200}`}[call.Method])
		}))
	}()
	ports, _ := json.Marshal(nodePorts{RPC: "http://" + l.Addr().String(), Chains: map[string]string{"dev": "127.0.0.1:4242", "dev-native": "[::]:4243"}})
	if err := os.WriteFile(value("--ports-file"), ports, 0o600); err != nil {
		return 4
	}
	fmt.Println(string(ports))
	<-ended
	return 0
}

// noting is held while something is written down: questions come from several sides at once.
var noting sync.Mutex

// note adds a line to a file, which is never seen without what was in it before, and returns what that was.
func note(path, line string) (before []byte) {
	noting.Lock()
	defer noting.Unlock()
	before, _ = os.ReadFile(path)
	if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		_, _ = f.WriteString(line + "\n")
		_ = f.Close()
	}
	return before
}

func nodeFolder(t *testing.T, how string) *folder {
	t.Helper()
	t.Setenv(fakeNodeMark, how)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFolder(t, t.TempDir())
	f.extra = nil
	f.node.program = self
	return f
}

func TestNodeRunsWithTheFolder(t *testing.T) {
	f := nodeFolder(t, "works")
	look := func(want present.NodePhase) present.Node {
		t.Helper()
		n, err := f.Node(t.Context())
		if err != nil || n.Phase != want {
			t.Fatalf("node is %q (%v), want %q: %s %v", n.Phase, err, want, n.Why, n.Log)
		}
		return n
	}
	look(present.NodeStopped)
	c := ui.Config{Stack: "dev", Offline: true, Node: &ui.NodeOrder{Mine: true, Payees: map[string]string{"dev": "ldev1payee"}}}
	if _, err := f.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	n := look(present.NodeRunning)
	if !n.Mining || n.HashRate != 1000.5 || n.Uptime != 7 || n.Foreign || len(n.Chains) != 1 {
		t.Errorf("told %+v", n)
	}
	if c := n.Chains[0]; c.Height != 12 || c.Headers != 13 || !c.Synced || c.Peers != 2 || c.Received != 100 || c.Sent != 200 || c.Revenue != 15e9 {
		t.Errorf("told of the chain %+v", c)
	}
	for _, want := range []string{"--stack dev", "--listen dev=127.0.0.1:0", "--mine-to dev=ldev1payee", "--mine"} {
		// What it writes arrives by another pipe than that it is ready.
		eventually(t, "a start with "+want, func() bool { return strings.Contains(strings.Join(look(present.NodeRunning).Log, "\n"), want) })
	}
	if peers := fmt.Sprint(f.node.peers()); peers != "map[dev:127.0.0.1:4242 dev-native:127.0.0.1:4243]" {
		t.Errorf("the wallet would connect to %s", peers)
	}
	// The same order changes nothing; another one starts it anew; none ends it.
	first := f.node.current().cmd.Process.Pid
	if _, err := f.Open(t.Context(), c); err != nil || f.node.current().cmd.Process.Pid != first {
		t.Errorf("the same order started another node (%v)", err)
	}
	c.Node = &ui.NodeOrder{}
	if _, err := f.Open(t.Context(), c); err != nil || f.node.current().cmd.Process.Pid == first {
		t.Errorf("another order did not start another node (%v)", err)
	}
	look(present.NodeRunning)
	c.Node = nil
	if _, err := f.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	look(present.NodeStopped)
}

// TestNodeOutlivesAKill: a node that was left running, because the program was killed, is
// ours to end; one that somebody else has started is not.
func TestNodeOutlivesAKill(t *testing.T) {
	f := nodeFolder(t, "works")
	c := ui.Config{Stack: "dev", Offline: true, Node: &ui.NodeOrder{}}
	if _, err := f.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	left := f.node.current()
	f.node.child = nil // as after a kill
	dir := f.nodeFolder("dev")
	if n, _ := f.Node(t.Context()); n.Phase != present.NodeRunning || n.Foreign {
		t.Errorf("a node that was left is %q, foreign %v", n.Phase, n.Foreign)
	}
	if _, err := f.Open(t.Context(), c); err != nil || f.node.current() == nil {
		t.Fatalf("none was started in its place (%v)", err)
	}
	select {
	case <-left.ended:
	case <-time.After(longest):
		t.Fatal("the node that was left goes on")
	}
	foreign := f.node.current()
	f.node.child = nil
	if err := os.Remove(filepath.Join(dir, portsName)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(t.Context(), c); err != nil || f.node.current() != nil {
		t.Errorf("one was started beside a foreign one (%v)", err)
	}
	if n, _ := f.Node(t.Context()); n.Phase != present.NodeRunning || !n.Foreign {
		t.Errorf("a foreign node is %q, foreign %v", n.Phase, n.Foreign)
	}
	c.Node = nil
	if _, err := f.Open(t.Context(), c); err != nil || !foreign.lives() {
		t.Errorf("a foreign node was ended (%v)", err)
	}
	if err := foreign.stop(); err != nil {
		t.Error(err)
	}
}

// TestNodeThatFails keeps nobody from his money.
func TestNodeThatFails(t *testing.T) {
	for how, want := range map[string]string{"fails": "lamina: dev: the disk is full", "": "not beside this one"} {
		f := nodeFolder(t, how)
		if how == "" {
			f.node.program = ""
		}
		b, err := f.Open(t.Context(), ui.Config{Stack: "dev", Offline: true, Node: &ui.NodeOrder{}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.ListChains(t.Context()); err != nil {
			t.Error(err)
		}
		if n, _ := f.Node(t.Context()); n.Phase != present.NodeFailed || !strings.Contains(n.Why, want) {
			t.Errorf("%q: node is %q, %q; want %q", how, n.Phase, n.Why, want)
		}
	}
}

// TestNodeGoesAroundNoProxy: where the user wants a proxy, or nothing asked of the network,
// no node talks to a public one.
func TestNodeGoesAroundNoProxy(t *testing.T) {
	f := nodeFolder(t, "works")
	public := ""
	for _, s := range f.app.Stacks() {
		if s.L1.Network.String() == "main" {
			public = s.L1.Name
		}
	}
	for _, c := range []ui.Config{{Stack: public, Offline: true, Node: &ui.NodeOrder{}},
		{Stack: public, Proxy: "127.0.0.1:9", Offline: true, Node: &ui.NodeOrder{}}} {
		if _, err := f.Open(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if n, _ := f.Node(t.Context()); n.Phase != present.NodeFailed || !strings.Contains(n.Why, "proxy") {
			t.Errorf("node is %q, %q", n.Phase, n.Why)
		}
	}
	if c := f.node.current(); c != nil {
		t.Error("a node was started")
	}
}

func TestTailIsBounded(t *testing.T) {
	var log tail
	for i := range 1000 {
		fmt.Fprintf(&log, "line %d\n%s", i, strings.Repeat("x", 3000))
	}
	fmt.Fprint(&log, "\r\n\xff\xfe\n")
	lines := log.lines()
	if len(lines) != tailLines || lines[len(lines)-1] != "\ufffd" {
		t.Errorf("%d lines kept, want %d; the last %q", len(lines), tailLines, lines[len(lines)-1])
	}
	for _, l := range lines {
		if len(l) > tailLine {
			t.Errorf("a line of %d bytes", len(l))
		}
	}
}
