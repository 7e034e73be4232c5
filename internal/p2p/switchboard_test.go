package p2p

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/msg"
)

// town is where peers are dialled: every address has a polite node.
type town struct {
	t      *testing.T
	mu     sync.Mutex
	dialed []string
	nodes  map[string]net.Conn // the latest connection to each
}

func (w *town) dial(_ context.Context, address string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	w.nodes[address] = theirs
	w.mu.Unlock()
	go polite(theirs)
	return &placed{ours, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}, nil
}

// hangUp ends a node's connection.
func (w *town) hangUp(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.nodes[address].Close()
}

func (w *town) times(address string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.dialed {
		if a == address {
			n++
		}
	}
	return n
}

// polite shakes hands as the one who was dialled, and answers pings after 5 ms.
func polite(c net.Conn) {
	say := func(m wire.Message) { _ = wire.WriteMessage(c, m, msg.Version, regtest) }
	for {
		m, _, err := wire.ReadMessage(c, msg.Version, regtest)
		if errors.Is(err, wire.ErrUnknownMessage) {
			continue
		}
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *wire.MsgVersion:
			v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 77, 5)
			v.ProtocolVersion = msg.Version
			say(v)
		case *wire.MsgVerAck:
			say(m)
			say(wire.NewMsgFeeFilter(1234))
		case *wire.MsgPing:
			time.Sleep(5 * time.Millisecond)
			say(wire.NewMsgPong(m.Nonce))
		}
	}
}

// manned starts a loop with a switchboard in a town.
func manned(t *testing.T, cfg Config) (*Switchboard, *town, *answerer) {
	t.Helper()
	w, m := &town{t: t, nodes: map[string]net.Conn{}}, &answerer{}
	cfg.Switchboard, cfg.Dial = NewSwitchboard(), w.dial
	running(t, cfg, m)
	return cfg.Switchboard, w, m
}

func good(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pass lets all that is under way happen.
func pass(d time.Duration) { time.Sleep(d); synctest.Wait() }

// TestSwitchboard: peers come and go by the operator's word.
func TestSwitchboard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const a, b = "8.1.0.1:1", "8.2.0.1:1"
		s, w, m := manned(t, Config{Peers: []string{a}})
		ctx := t.Context()
		pass(time.Second)
		good(t, s.Add(ctx, b))
		for _, address := range []string{a, b} {
			if err := s.Add(ctx, address); !errors.Is(err, ErrNamed) {
				t.Errorf("%s again: %v", address, err)
			}
		}
		pass(time.Second)
		if got := len(m.peers()); got != 2 {
			t.Fatalf("%d peers, want 2", got)
		}
		w.hangUp(b)
		pass(time.Minute)
		if w.times(b) != 2 || len(m.peers()) != 2 {
			t.Errorf("dialled %d times, %d peers: one that is kept connected comes back", w.times(b), len(m.peers()))
		}
		good(t, s.Remove(ctx, b))
		pass(time.Hour)
		if w.times(b) != 2 || len(m.peers()) != 1 || len(s.Links()) != 1 {
			t.Errorf("removed: dialled %d times, %d peers", w.times(b), len(m.peers()))
		}
		if err := s.Remove(ctx, b); !errors.Is(err, ErrNotNamed) {
			t.Errorf("removed twice: %v", err)
		}
		good(t, s.Try(ctx, b))
		pass(time.Second)
		if w.times(b) != 3 || len(m.peers()) != 2 {
			t.Errorf("tried: dialled %d times, %d peers", w.times(b), len(m.peers()))
		}
		last := m.peers()[1].Peer
		good(t, s.Disconnect(ctx, last))
		pass(time.Hour)
		if w.times(b) != 3 || len(m.peers()) != 1 {
			t.Errorf("ended: dialled %d times, %d peers", w.times(b), len(m.peers()))
		}
		if err := s.Disconnect(ctx, last); !errors.Is(err, ErrNotConnected) {
			t.Errorf("ended twice: %v", err)
		}
	})
}

// TestLinks: what is told of connections is what went over the wire.
func TestLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, m := manned(t, Config{Peers: []string{"8.1.0.1:1"}, Relay: true})
		pass(time.Minute)
		l := s.Links()
		if len(l) != 1 || l[0].Connected != m.peers()[0] || !l[0].Named || l[0].Encrypted || l[0].FeeFilter != 1234 {
			t.Fatalf("%+v", l)
		}
		k := l[0]
		if (k.Ping-5*time.Millisecond).Abs() > time.Nanosecond || k.Quickest != k.Ping || k.Unanswered != 0 {
			t.Errorf("ping %s, quickest %s, unanswered %s", k.Ping, k.Quickest, k.Unanswered)
		}
		// Frame and version message twice, verack, ping and pong; and what one side alone says.
		const version, empty, nonce = 24 + 86, 24, 24 + 8
		if want := int64(version + len("/tested/") + 3*empty + nonce); k.Sent != want {
			t.Errorf("sent %d bytes, want %d", k.Sent, want)
		}
		if want := int64(version + len(wire.DefaultUserAgent) + empty + 2*nonce); k.Received != want {
			t.Errorf("received %d bytes, want %d", k.Received, want)
		}
		if k.LastSent.Before(k.Since) || k.LastReceived.Before(k.LastSent) || time.Since(k.Since) < time.Minute {
			t.Errorf("since %s, sent %s, received %s", k.Since, k.LastSent, k.LastReceived)
		}
	})
}

// TestSetBan: whom the operator bans is gone, and does not come back before its time, nor
// after a restart.
func TestSetBan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, path := newPipes(), filepath.Join(t.TempDir(), "peers")
		s, w, m := manned(t, Config{Listen: door, Book: path, Peers: []string{"8.1.0.1:1"}})
		ctx := t.Context()
		meet(t, door.from("9.9.9.9:1"), 0)
		meet(t, door.from("9.9.9.8:1"), 0)
		pass(time.Second)
		good(t, s.Ban(ctx, "9.9.9.9", time.Now().Add(time.Hour), "a word"))
		good(t, s.Ban(ctx, "8.1.0.1", time.Now().Add(time.Hour), "another"))
		pass(time.Second)
		if got := m.peers(); len(got) != 1 || got[0].Address != "9.9.9.8:1" {
			t.Errorf("%+v", got)
		}
		if !refused(door.from("9.9.9.9:2")) {
			t.Error("it came back")
		}
		list, err := s.Bans(ctx)
		good(t, err)
		if len(list) != 2 || list[0].Host != "8.1.0.1" || list[1].Cause != "a word" {
			t.Errorf("%+v", list)
		}
		b, err := book.Load(path, [16]byte{})
		good(t, err)
		if len(b.Bans()) != 2 {
			t.Errorf("on disk: %+v", b.Bans())
		}
		good(t, s.Unban(ctx, "9.9.9.9"))
		if err := s.Unban(ctx, "9.9.9.9"); !errors.Is(err, ErrNotBanned) {
			t.Errorf("again: %v", err)
		}
		meet(t, door.from("9.9.9.9:3"), 0)
		if w.times("8.1.0.1:1") != 1 {
			t.Error("dialled while it is banned")
		}
		pass(2 * time.Hour)
		if w.times("8.1.0.1:1") != 2 {
			t.Error("one that is kept connected is not dialled after its ban")
		}
		for _, host := range []string{"", "9.9.9.9:1", "example.com", "9.9.9.0/24"} {
			if err := s.Ban(ctx, host, time.Now().Add(time.Hour), ""); err == nil {
				t.Errorf("%q is taken for a host", host)
			}
		}
	})
}

// TestSwitchboardEnds: nobody waits for a loop that has ended, or has not begun.
func TestSwitchboardEnds(t *testing.T) {
	s := NewSwitchboard()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Add(ctx, "8.8.8.8:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("before the loop: %v", err)
	}
	good(t, Run(ctx, Config{Codec: codec, Switchboard: s, Log: slog.New(slog.DiscardHandler)}, &answerer{}, nil))
	if err := s.Add(t.Context(), "8.8.8.8:1"); !errors.Is(err, errStopped) {
		t.Errorf("after it: %v", err)
	}
	if len(s.Links()) != 0 {
		t.Error("links without a loop")
	}
}

// often is a cause with a time of its own.
type often time.Duration

func (o often) Error() string          { return "too often" }
func (o often) BanTime() time.Duration { return time.Duration(o) }

// TestBanTime: a cause may say how long, within bounds.
func TestBanTime(t *testing.T) {
	for _, c := range []struct {
		cause error
		want  time.Duration
	}{
		{errors.New("it lied"), banTime},
		{often(10 * time.Minute), 10 * time.Minute},
		{errors.Join(errors.New("of many"), often(time.Hour)), time.Hour},
		{often(0), time.Minute},
		{often(1 << 62), maxBanTime},
	} {
		if got := banTimeOf(c.cause); got != c.want {
			t.Errorf("%v: %s, want %s", c.cause, got, c.want)
		}
	}
}
