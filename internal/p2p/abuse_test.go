package p2p

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// introduced shakes hands as a stranger does who means no good.
func introduced(c net.Conn) bool {
	v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, rand.Uint64(), 0)
	v.ProtocolVersion = msg.Version
	for _, m := range []wire.Message{v, &wire.MsgVerAck{}} {
		if wire.WriteMessage(c, m, msg.Version, regtest) != nil {
			return false
		}
	}
	for {
		m, _, err := wire.ReadMessage(c, msg.Version, regtest)
		if _, done := m.(*wire.MsgVerAck); done {
			return true
		}
		if err != nil && m == nil && !errors.Is(err, wire.ErrUnknownMessage) {
			return false
		}
	}
}

// abuses is what strangers do on real sockets; each ends at once.
var abuses = []func(net.Conn){
	func(net.Conn) {}, // comes and says nothing
	func(c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte{0xa5}, 3000)) },
	func(c net.Conn) { _, _ = c.Write(frame("version", 1<<31, nil)) },
	func(c net.Conn) { _, _ = c.Write(frame("version", 100, nil)[:20]) },
	func(c net.Conn) { introduced(c) },
	func(c net.Conn) {
		if introduced(c) {
			_, _ = c.Write(frame("block", 4<<20, make([]byte, 100_000)))
		}
	},
	func(c net.Conn) {
		if introduced(c) {
			_, _ = c.Write(frame("inv", 32<<20, nil))
		}
	},
	func(c net.Conn) {
		if introduced(c) {
			for range 50 {
				_ = wire.WriteMessage(c, ask([32]byte{1}), msg.Version, regtest)
			}
		}
	},
}

// connections returns how many strangers may come: as many as the test wants, if so many files may be open.
func connections(t *testing.T) int {
	t.Helper()
	most := 10_000
	if testing.Short() {
		most = 1000
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(most)+1000 {
		most = max(0, int(limit.Cur)-1000)
		t.Logf("%d files may be open: %d connections", limit.Cur, most)
	}
	return most
}

// crowd is who comes to a door on real sockets.
type crowd struct {
	t     *testing.T
	door  net.Listener
	ask   *wire.MsgGetHeaders // answered by five headers
	came  atomic.Int64        // strangers that connected
	mu    sync.Mutex
	stays []net.Conn // theirs, which they never close
}

func (c *crowd) from(ip net.IP) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: patience}
	return d.Dial("tcp", c.door.Addr().String())
}

// served asks as a peer, and tells whether the answer is right.
func (c *crowd) served(p *client) bool {
	p.write(c.ask)
	m, ok := p.read()
	h, is := m.(*wire.MsgHeaders)
	return ok && is && len(h.Headers) == 5
}

// abuse has strangers from fifty networks come, each with one of the abuses; the channel is closed when all have.
func (c *crowd) abuse(most int) (ended chan struct{}) {
	var strangers sync.WaitGroup
	for w := range 50 {
		strangers.Go(func() {
			for i := range most / 50 {
				conn, err := c.from(net.IPv4(127, byte(1+w), byte(i), 1))
				if err != nil {
					continue
				}
				c.came.Add(1)
				c.mu.Lock()
				c.stays = append(c.stays, conn)
				c.mu.Unlock()
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				abuses[(w+i)%len(abuses)](conn)
			}
		})
	}
	ended = make(chan struct{})
	go func() { strangers.Wait(); close(ended) }()
	return ended
}

// friends has honest peers come one after the other until the flood ends, and returns how many were served of how many.
func (c *crowd) friends(ended <-chan struct{}) (got, tries int) {
	c.t.Helper()
	for flood := true; flood; {
		select {
		case <-ended:
			flood = false
		default:
		}
		tries++
		if conn, err := c.from(net.IPv4(127, 200, byte(tries), 1)); err == nil {
			if friend, ok := greetedAs(c.t, conn); ok && c.served(friend) {
				got++
			}
		}
	}
	return got, tries
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.stays {
		_ = conn.Close()
	}
}

// heap returns the bytes that live objects take.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestTenThousand: 10,000 connections from fifty networks, none of which ends, hold no more
// than the slots, and little memory; a peer that was there stays and is served, and others
// that come meanwhile get in.
func TestTenThousand(t *testing.T) {
	most := connections(t)
	r := rules()
	run := chain(r, 5, 1)
	door, err := net.Listen("tcp", "127.0.0.1:0")
	good(t, err)
	board := NewSwitchboard()
	running(t, Config{Listen: door, Switchboard: board}, &answerer{run: sealed(run)})
	c := &crowd{t: t, door: door, ask: ask(r.Genesis.ID())}
	first, err := c.from(net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Skipf("no address to come from: %v", err) // not all systems have all of 127/8
	}
	old := meet(t, first, 0)

	before := heap()
	defer c.leave()
	got, tries := c.friends(c.abuse(most))
	grown, inbound := heap()-before, len(board.Links())
	t.Logf("%d strangers came, %d connections are kept, memory grew by %d KiB, %d goroutines; %d of %d friends were served meanwhile",
		c.came.Load(), inbound, grown>>10, runtime.NumGoroutine(), got, tries)
	if c.came.Load() < int64(most)*9/10 || inbound > DefaultInbound {
		t.Errorf("%d strangers, %d connections kept", c.came.Load(), inbound)
	}
	if grown > 64<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	if !c.served(old) {
		t.Error("the peer that was there is not served")
	}
	if got == 0 {
		t.Error("nobody who came meanwhile was served")
	}
}

// greetedAs is meet for one who may be turned away.
func greetedAs(t *testing.T, c net.Conn) (*client, bool) {
	_ = c.SetDeadline(time.Now().Add(patience))
	if !introduced(c) {
		_ = c.Close()
		return nil, false
	}
	p := &client{Conn: c, t: t, in: make(chan wire.Message, 10), out: make(chan []byte, 10), done: make(chan struct{})}
	t.Cleanup(func() { _ = c.Close(); close(p.done) })
	go p.listen()
	go func() {
		for {
			select {
			case b := <-p.out:
				_, _ = c.Write(b)
			case <-p.done:
				return
			}
		}
	}()
	return p, true
}

// TestShaking: strangers who do not shake hands take no more than their share, and push out
// nobody who has.
func TestShaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, m := newPipes(), &answerer{}
		running(t, Config{Listen: door, Inbound: 8}, m)
		for i := range 6 {
			meet(t, door.from(fmt.Sprintf("8.%d.4.4:1", i)), 0)
			synctest.Wait() // the host has seen its end of the handshake, too
		}
		synctest.Wait()
		var mute []net.Conn
		for i := range 50 {
			mute = append(mute, door.from(fmt.Sprintf("9.%d.4.4:1", i)))
		}
		synctest.Wait()
		if got := len(m.peers()); got != 6 {
			t.Errorf("%d of 6 are left", got)
		}
		open := 0
		for _, c := range mute {
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); isTimeout(err) {
				open++
			}
		}
		if open != 8/shakingShare {
			t.Errorf("%d wait for a handshake, want %d", open, 8/shakingShare)
		}
	})
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// TestDrainedOfMany: many short messages are much, too.
func TestDrainedOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 3000
		door := newPipes()
		m := &answerer{onConnection: func(in syncer.Connected) (out []syncer.Output) {
			for range many {
				out = append(out, syncer.Send{Peer: in.Peer, Message: &wire.MsgInv{}})
			}
			return out
		}}
		running(t, Config{Listen: door}, m)
		c := meet(t, door.from("8.8.4.4:1"), 0)
		c.write(ask([32]byte{}))
		c.write(ask([32]byte{}))
		synctest.Wait()
		if m.drained != 0 || len(m.received) > 1 { // one was under way
			t.Errorf("told %d times, %d questions taken, while much waits", m.drained, len(m.received))
		}
		for range many {
			c.read()
		}
		synctest.Wait()
		if m.drained != 1 || len(m.received) != 2 {
			t.Errorf("told %d times, %d questions taken", m.drained, len(m.received))
		}
	})
}

// TestDrainedOfDrops: so is what is sent piece by piece, although it never waits.
func TestDrainedOfDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := newPipes()
		m := &answerer{answer: func(in syncer.Received) []syncer.Output {
			return []syncer.Output{syncer.Send{Peer: in.Peer, Message: &wire.MsgInv{}}}
		}}
		running(t, Config{Listen: door}, m)
		c := meet(t, door.from("8.8.4.4:1"), 0)
		for range 3 * (sendMany + 1) {
			c.write(ask([32]byte{}))
			c.read()
			synctest.Wait()
		}
		if m.drained != 3 {
			t.Errorf("told %d times, want 3", m.drained)
		}
	})
}

// TestFeelers: addresses that nobody has tried are tried now and again, and nobody but the
// book hears of it.
func TestFeelers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, all := world24(200)
		for _, a := range all[150:] {
			delete(world.peers, book.Addr{IP: a, Port: 18444}.String())
		}
		world.answers["seed.example"] = all
		path := t.TempDir() + "/peers"
		m := &answerer{}
		running(t, Config{Dial: world.dial, Book: path, Seek: &Seek{Seeds: []string{"seed.example"}, Port: 18444, Resolve: world.resolve}}, m)
		pass(20 * time.Minute)
		b, err := book.Load(path, [16]byte{})
		good(t, err)
		_, early := b.Len()
		pass(10 * time.Hour)
		if len(m.peers()) != DefaultOutbound || len(m.connected) > 2*DefaultOutbound {
			t.Errorf("%d peers, the machine was told of %d", len(m.peers()), len(m.connected))
		}
		if b, err = book.Load(path, [16]byte{}); err != nil {
			t.Fatal(err)
		}
		if n, worked := b.Len(); worked < early+50 || worked > 150 {
			t.Errorf("%d of %d addresses are known to work, %d at first", worked, n, early)
		}
	})
}
