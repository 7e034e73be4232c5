package node

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// patience is how long anything in these tests may take.
const patience = 3 * time.Minute

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func stack(t testing.TB, name string, own ...*chains.Params) chains.Stack {
	t.Helper()
	set := testchain.Set(t)
	for _, p := range own {
		check(t, set.Add(p))
	}
	s, err := set.Stack(name)
	check(t, err)
	return s
}

// running is a node in this process.
type running struct {
	*Node
	t    testing.TB
	pays []byte // who is paid for what it generates: no two nodes the same
	stop context.CancelFunc
	end  chan error
}

var started atomic.Uint32

// start runs a node until the test ends, or until halt.
func start(t testing.TB, c Config) *running {
	t.Helper()
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	if c.Stack.L1 == nil {
		c.Stack = stack(t, "dev")
	}
	if c.Listen == nil {
		c.Listen = map[string]string{}
		for _, p := range append([]*chains.Params{c.Stack.L1}, c.Stack.Layers...) {
			if ours(p) {
				c.Listen[p.Name] = "127.0.0.1:0"
			}
		}
	}
	var out io.Writer = io.Discard
	if os.Getenv("LAMINA_TEST_LOG") != "" {
		out = os.Stderr
	}
	c.Agent, c.Log = "/test/", slog.New(slog.NewTextHandler(out, nil))
	n, err := Open(c)
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	pays := append([]byte{0, 20, byte(started.Add(1))}, make([]byte, 19)...)
	r := &running{Node: n, t: t, pays: pays, stop: stop, end: make(chan error, 1)}
	go func() { r.end <- n.Run(ctx) }()
	t.Cleanup(r.halt)
	return r
}

// halt ends the node and waits.
func (r *running) halt() {
	r.stop()
	if err, open := <-r.end; open && err != nil {
		r.t.Errorf("the node ended: %v", err)
	}
	select {
	case <-r.end:
	default:
		close(r.end)
	}
}

func (r *running) loop(name string) *Loop {
	r.t.Helper()
	l, err := r.Loop(name)
	check(r.t, err)
	return l
}

// addresses returns where other nodes reach this one, by chain.
func (r *running) addresses() map[string][]string {
	all := map[string][]string{}
	for _, l := range r.Loops() {
		if l.Address() != "" {
			all[l.Params().Name] = []string{l.Address()}
		}
	}
	return all
}

// await waits until something holds that news of the chains may bring about.
func await(t testing.TB, what string, holds func() bool, loops ...*Loop) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	// Not all that may be waited for is news of a tip.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var news <-chan struct{}
		if len(loops) > 0 {
			news = loops[0].News()
		}
		if holds() {
			return
		}
		select {
		case <-news:
		case <-tick.C:
		case <-deadline.C:
			for _, l := range loops {
				t.Logf("%s: %+v", l.Params().Name, l.Status())
			}
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func (r *running) generate(name string, blocks int) []spv.Hash {
	r.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	ids, err := r.Mining().Generate(ctx, name, blocks, r.pays)
	check(r.t, err)
	return ids
}

// cable is a line between two places that can be cut and mended.
type cable struct {
	mu    sync.Mutex
	cut   bool
	to    string
	conns []net.Conn
	l     net.Listener
}

// newCable listens and passes connections on to an address.
func newCable(t testing.TB, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	c := &cable{to: to, l: l}
	t.Cleanup(func() { l.Close(); c.set(true) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.carry(conn)
		}
	}()
	return c
}

func (c *cable) carry(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	far, err := net.Dial("tcp", c.to)
	if c.cut || err != nil {
		conn.Close()
		if err == nil {
			far.Close()
		}
		return
	}
	c.conns = append(c.conns, conn, far)
	go func() { _, _ = io.Copy(far, conn); far.Close(); conn.Close() }()
	go func() { _, _ = io.Copy(conn, far); far.Close(); conn.Close() }()
}

func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	if cut {
		for _, conn := range c.conns {
			conn.Close()
		}
		c.conns = nil
	}
}
