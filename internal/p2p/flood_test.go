package p2p

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// nasty is what a stranger may do with its connection.
var nasty = map[string]func(net.Conn){
	"nothing":  func(net.Conn) {},
	"garbage":  func(c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 1000)) },
	"oversize": func(c net.Conn) { _, _ = c.Write(frame("version", 1<<31, nil)) },
	"version of 5,000 bytes": func(c net.Conn) {
		_, _ = c.Write(frame("strange", 5000, make([]byte, 5000)))
	},
	"half a frame": func(c net.Conn) { _, _ = c.Write(frame("version", 100, nil)[:20]) },
	"dribble": func(c net.Conn) {
		for _, b := range frame("version", 100, make([]byte, 100)) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(time.Second) // of the bubble's clock
		}
	},
	"verack first": func(c net.Conn) { _ = wire.WriteMessage(c, &wire.MsgVerAck{}, msg.Version, regtest) },
	"chatter": func(c net.Conn) {
		for range 100 {
			if wire.WriteMessage(c, wire.NewMsgPing(1), msg.Version, regtest) != nil {
				return
			}
		}
	},
}

// frame makes a message with a wrong checksum.
func frame(command string, length uint32, payload []byte) []byte {
	b := append([]byte{}, codec.Magic[:]...)
	b = append(b, command...)
	b = append(b, make([]byte, 12-len(command))...)
	b = binary.LittleEndian.AppendUint32(b, length)
	return append(append(b, 1, 2, 3, 4), payload...)
}

// TestNasty: whatever a stranger does before its handshake is over within handshakeTime.
func TestNasty(t *testing.T) {
	for name, act := range nasty {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				door, m := newPipes(), &answerer{}
				running(t, Config{Listen: door}, m)
				c := door.from("8.8.4.4:1")
				began := time.Now()
				var acting sync.WaitGroup
				acting.Go(func() { act(c) })
				defer acting.Wait()
				for buf := make([]byte, 1000); ; {
					if _, err := c.Read(buf); err != nil {
						break
					}
				}
				if took := time.Since(began); took > handshakeTime {
					t.Errorf("gone after %s, want %s", took, handshakeTime)
				}
				if len(m.connected) > 0 {
					t.Error("the machine was told of it")
				}
				synctest.Wait()
			})
		})
	}
}

// TestFlood: 2,000 strangers from all over come and do nasty things; a peer that was there
// stays and is served, and one that comes in between gets in.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rules()
		run := chain(r, 5, 1)
		door, m := newPipes(), &answerer{run: sealed(run)}
		running(t, Config{Listen: door, Inbound: 40}, m)
		old := meet(t, door.from("8.8.4.4:1"), 0)
		synctest.Wait()
		time.Sleep(time.Minute)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var young *client
		var acts []func(net.Conn)
		for _, act := range nasty {
			acts = append(acts, act)
		}
		var acting sync.WaitGroup
		defer acting.Wait()
		for i := range 2000 {
			c := door.from(fmt.Sprintf("%d.%d.3.4:5", 20+i%100, i/100))
			acting.Go(func() {
				acts[i%len(acts)](c)
				_, _ = io.Copy(io.Discard, c)
			})
			if i%10 == 0 {
				time.Sleep(time.Second)
			}
			if i == 1000 {
				time.Sleep(handshakeGrace + time.Second) // an address of its own, and the time of day
				young = meet(t, door.from("9.9.9.9:1"), 0)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
			t.Errorf("memory grew by %d bytes", grown)
		}
		for name, c := range map[string]*client{"old": old, "young": young} {
			c.write(ask(r.Genesis.ID()))
			if got, ok := c.read(); !ok || len(got.(*wire.MsgHeaders).Headers) != 5 {
				t.Errorf("%s peer: got %v", name, got)
			}
		}
		if got := len(m.peers()); got != 2 {
			t.Errorf("%d peers", got)
		}
	})
}

// TestFloodOfSockets is the same with real sockets, all from one host: those that are here
// already stay.
func TestFloodOfSockets(t *testing.T) {
	r := rules()
	run := chain(r, 5, 1)
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running(t, Config{Listen: door, Inbound: 40}, &answerer{run: sealed(run)})
	dial := func() net.Conn {
		c, err := net.Dial("tcp", door.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := meet(t, dial(), 0)
	var rest []net.Conn
	for range 2000 {
		c := dial()
		_, _ = c.Write(frame("version", 100, nil))
		if rest = append(rest, c); len(rest) > 200 {
			_ = rest[0].Close()
			rest = rest[1:]
		}
	}
	for _, c := range rest {
		_ = c.Close()
	}
	old.write(ask(r.Genesis.ID()))
	if got, ok := old.read(); !ok || len(got.(*wire.MsgHeaders).Headers) != 5 {
		t.Fatalf("got %v", got)
	}
}

// TestUnread: a peer that asks and does not read is dropped; until then it holds no more
// than it may, and its questions wait.
func TestUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := newPipes()
		block := &msg.Block{Raw: make([]byte, 3<<20)}
		asked := 0
		m := &answerer{answer: func(in syncer.Received) []syncer.Output {
			asked++
			return []syncer.Output{syncer.Send{Peer: in.Peer, Message: block}}
		}}
		running(t, Config{Listen: door}, m)
		c := meet(t, door.from("8.8.4.4:1"), 0)
		c.deaf.Store(true)
		for range 100 {
			c.write(ask([32]byte{}))
		}
		synctest.Wait()
		if asked == 0 || asked > 3 {
			t.Errorf("%d questions were answered that nobody took", asked)
		}
		time.Sleep(writeTime + time.Minute)
		synctest.Wait()
		if len(m.peers()) != 0 {
			t.Error("it is still there")
		}
	})
}

// TestTooMuch: a machine that sends a peer more than may wait loses it.
func TestTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := newPipes()
		block := &msg.Block{Raw: make([]byte, 3<<20)}
		m := &answerer{onConnection: func(in syncer.Connected) (out []syncer.Output) {
			for range sendMost/len(block.Raw) + 2 {
				out = append(out, syncer.Send{Peer: in.Peer, Message: block})
			}
			return out
		}}
		running(t, Config{Listen: door}, m)
		meet(t, door.from("8.8.4.4:1"), 0).ended()
		synctest.Wait()
		if len(m.peers()) != 0 {
			t.Error("it is still there")
		}
	})
}

// TestTooMuchForAll: what waits for all peers together is bounded, too.
func TestTooMuchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := newPipes()
		block := &msg.Block{Raw: make([]byte, 3<<20)} // one array for all: the test needs little memory
		const each = 15
		m := &answerer{onConnection: func(in syncer.Connected) (out []syncer.Output) {
			for range each {
				out = append(out, syncer.Send{Peer: in.Peer, Message: block})
			}
			return out
		}}
		running(t, Config{Listen: door}, m)
		for i := range 20 {
			meet(t, door.from(fmt.Sprintf("8.%d.4.4:1", i)), 0).deaf.Store(true)
		}
		synctest.Wait()
		if got := len(m.peers()) * each * len(block.Raw); got > sendTotal+2*each*len(block.Raw) || got < sendTotal/2 {
			t.Errorf("%d bytes wait, want about %d", got, sendTotal)
		}
	})
}

// TestDrained: a machine hears when much has left.
func TestDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := newPipes()
		block := &msg.Block{Raw: bytes.Repeat([]byte{1}, 1<<20)}
		m := &answerer{onConnection: func(in syncer.Connected) (out []syncer.Output) {
			return []syncer.Output{syncer.Send{Peer: in.Peer, Message: block}, syncer.Send{Peer: in.Peer, Message: block}}
		}}
		running(t, Config{Listen: door, Upload: NewUpload(1 << 20)}, m)
		meet(t, door.from("8.8.4.4:1"), 0)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if m.drained != 1 {
			t.Errorf("told %d times", m.drained)
		}
	})
}

// TestSilence: who says nothing for long is dropped, who answers pings is not.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, m := newPipes(), &answerer{}
		running(t, Config{Listen: door}, m)
		mute := meet(t, door.from("8.8.4.4:1"), 0)
		mute.mute.Store(true)
		meet(t, door.from("9.8.4.4:1"), 0)
		time.Sleep(2 * silence)
		synctest.Wait()
		if peers := m.peers(); len(peers) != 1 || peers[0].Address != "9.8.4.4:1" {
			t.Errorf("%+v", peers)
		}
	})
}

// TestSlowMessage: a message that takes for ever ends the connection, the memory for all
// that are not through is bounded, and who sends little is served all the same.
func TestSlowMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, m := newPipes(), &answerer{}
		running(t, Config{Listen: door}, m)
		const peers, size = 80, 3 << 20
		for i := range peers {
			c := meet(t, door.from(fmt.Sprintf("8.%d.4.4:1", i)), 0)
			c.out <- frame("block", size+1, make([]byte, size))
		}
		synctest.Wait()
		if got := len(m.peers()); got > maxIncoming/size {
			t.Errorf("%d peers hold %d bytes each", got, size)
		}
		small := meet(t, door.from("9.9.9.9:1"), 0)
		small.write(ask([32]byte{}))
		if _, ok := small.read(); !ok {
			t.Error("a peer that sends little is not served")
		}
		time.Sleep(bodyTime + size/slowest*time.Second)
		synctest.Wait()
		if got := len(m.peers()); got != 1 {
			t.Errorf("%d peers, want the one that ended its message", got)
		}
	})
}

// TestBanned: a host that broke a rule does not come back, from any port, for a day.
func TestBanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := newPipes()
		m := &answerer{answer: func(in syncer.Received) []syncer.Output {
			return []syncer.Output{syncer.Drop{Peer: in.Peer, Err: fmt.Errorf("it lied"), Ban: true}}
		}}
		path := t.TempDir() + "/peers"
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		cfg := Config{Codec: codec, Listen: door, Book: path, Log: slog.New(slog.DiscardHandler)}
		go func() { ended <- Run(ctx, cfg, m, nil) }()
		c := meet(t, door.from("8.8.4.4:1"), 0)
		c.write(ask([32]byte{}))
		c.ended()
		if !refused(door.from("8.8.4.4:2")) {
			t.Error("it came back")
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		cfg.Listen = newPipes()
		running(t, cfg, m) // a restart does not forget
		door = cfg.Listen.(*pipes)
		if !refused(door.from("8.8.4.4:3")) {
			t.Error("it came back after a restart")
		}
		time.Sleep(banTime)
		meet(t, door.from("8.8.4.4:4"), 0)
	})
}

// refused tells whether a connection is closed at once.
func refused(c net.Conn) bool {
	began := time.Now()
	_, err := c.Read(make([]byte, 1))
	return err != nil && time.Since(began) == 0
}

func TestHeft(t *testing.T) {
	for _, m := range []msg.Message{&msg.Block{Raw: make([]byte, 5000)}, &msg.Tx{Raw: make([]byte, 5000)},
		&wire.MsgCFilter{Data: make([]byte, 5000)}, &msg.Headers{Headers: sealed(chain(rules(), 60, 1))},
		&wire.MsgInv{InvList: make([]*wire.InvVect, 140)}} {
		if got := heft(m); got < 4800 || got > 6000 {
			t.Errorf("%s: %d", m.Command(), got)
		}
	}
}
