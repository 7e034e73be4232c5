package p2p

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// answerer is a machine that serves headers, and notes what it is told.
type answerer struct {
	run []spv.Sealed

	mu           sync.Mutex
	connected    []syncer.Connected
	gone         []syncer.Peer
	received     []msg.Message
	drained      int
	answer       func(syncer.Received) []syncer.Output // instead of headers
	onConnection func(syncer.Connected) []syncer.Output
}

func (a *answerer) Step(_ time.Time, in syncer.Input) []syncer.Output {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch in := in.(type) {
	case syncer.Connected:
		a.connected = append(a.connected, in)
		if a.onConnection != nil {
			return a.onConnection(in)
		}
	case syncer.Disconnected:
		a.gone = append(a.gone, in.Peer)
	case syncer.Drained:
		a.drained++
	case syncer.Received:
		if len(a.received) < 1000 {
			a.received = append(a.received, in.Message)
		}
		if a.answer != nil {
			return a.answer(in)
		}
		if _, ok := in.Message.(*wire.MsgGetHeaders); ok {
			return []syncer.Output{syncer.Send{Peer: in.Peer, Message: &msg.Headers{Headers: a.run}}}
		}
	}
	return nil
}

// peers returns the peers that are connected by what the machine was told.
func (a *answerer) peers() (now []syncer.Connected) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.connected {
		if !slices.Contains(a.gone, c.Peer) {
			now = append(now, c)
		}
	}
	return now
}

// pipes is a listener whose connections are pipes that come from where they like.
type pipes struct {
	arrivals chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{arrivals: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.arrivals:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// from connects from an address.
func (p *pipes) from(address string) net.Conn {
	ours, theirs := net.Pipe()
	p.arrivals <- &placed{theirs, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}
	return ours
}

// placed is a connection with another remote address.
type placed struct {
	net.Conn
	remote net.Addr
}

func (p *placed) RemoteAddr() net.Addr { return p.remote }

// running starts a loop, and ends it with the test.
func running(t *testing.T, cfg Config, m Machine) {
	t.Helper()
	cfg.Codec, cfg.Agent = codec, "/tested/"
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg, m, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// client is a peer written on btcd's messages alone. A goroutine reads all that comes, and
// another writes all that goes: two writers of a pipe would wait in a mutex, where the
// bubble's clock stands still.
type client struct {
	net.Conn
	t    *testing.T
	in   chan wire.Message // closed when the connection ends
	out  chan []byte
	done chan struct{}
	mute atomic.Bool // answers no ping
	deaf atomic.Bool // reads no more
}

// meet takes a connection, and shakes hands as the one who dialled.
func meet(t *testing.T, conn net.Conn, services wire.ServiceFlag) *client {
	t.Helper()
	c := &client{Conn: conn, t: t, in: make(chan wire.Message, 1000), out: make(chan []byte, 1000), done: make(chan struct{})}
	t.Cleanup(func() { _ = conn.Close(); close(c.done) })
	go c.listen()
	go func() {
		for {
			select {
			case b := <-c.out:
				_, _ = conn.Write(b)
			case <-c.done:
				return
			}
		}
	}()
	v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 5, 7)
	v.ProtocolVersion, v.Services, v.UserAgent = msg.Version, services, "/client/"
	c.write(v)
	c.write(&wire.MsgWTxIdRelay{})
	c.write(&wire.MsgSendAddrV2{})
	c.write(&wire.MsgVerAck{})
	for m := range c.in {
		if _, ok := m.(*wire.MsgVerAck); ok {
			return c
		}
	}
	t.Fatal("no handshake")
	return nil
}

func (c *client) listen() {
	defer close(c.in)
	for {
		if c.deaf.Load() {
			<-c.done
		}
		m, _, err := wire.ReadMessage(c, msg.Version, regtest)
		if errors.Is(err, wire.ErrUnknownMessage) {
			continue // btcd's reader does not know all that its types can write
		}
		if err != nil {
			return
		}
		if ping, ok := m.(*wire.MsgPing); ok {
			if !c.mute.Load() {
				c.write(wire.NewMsgPong(ping.Nonce))
			}
			continue
		}
		c.in <- m
	}
}

func (c *client) write(m wire.Message) {
	var b bytes.Buffer
	if err := wire.WriteMessage(&b, m, msg.Version, regtest); err != nil {
		panic(err)
	}
	select {
	case c.out <- b.Bytes():
	case <-c.done:
	}
}

// read returns the next message; false if the connection has ended.
func (c *client) read() (wire.Message, bool) {
	m, ok := <-c.in
	return m, ok
}

// ended waits for the end of the connection and returns how long it took.
func (c *client) ended() time.Duration {
	began := time.Now()
	for range c.in {
	}
	return time.Since(began)
}

func ask(from spv.Hash) *wire.MsgGetHeaders {
	m := wire.NewMsgGetHeaders()
	_ = m.AddBlockLocatorHash(&from)
	return m
}

func sealed(run []spv.Header) (all []spv.Sealed) {
	for _, h := range run {
		all = append(all, spv.Sealed{Header: h})
	}
	return all
}

// TestInbound: a guest is told to the machine with all that it said, and is served.
func TestInbound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rules()
		run := chain(r, 5, 1)
		door, m := newPipes(), &answerer{run: sealed(run)}
		running(t, Config{Listen: door, Services: wire.SFNodeNetwork | wire.SFNodeCF, Relay: true, Height: func() int32 { return 5 }}, m)
		conn := door.from("8.8.4.4:1234")
		c := meet(t, conn, wire.SFNodeWitness)
		c.write(wire.NewMsgPing(9))
		if pong, ok := c.read(); !ok || pong.(*wire.MsgPong).Nonce != 9 {
			t.Fatalf("%v", pong)
		}
		c.write(ask(r.Genesis.ID()))
		got, _ := c.read()
		if h, ok := got.(*wire.MsgHeaders); !ok || len(h.Headers) != 5 || h.Headers[4].BlockHash() != run[4].ID() {
			t.Fatalf("%v", got)
		}
		want := syncer.Connected{Peer: 1, Address: "8.8.4.4:1234", Inbound: true, Version: msg.Version, Agent: "/client/",
			Services: wire.SFNodeWitness, Height: 7, Wants: true, Relay: true, WTxID: true}
		told := m.connected[0]
		if ahead := time.Until(told.Clock); ahead.Abs() > time.Second {
			t.Fatalf("its clock is said to be %s ahead, want none", ahead)
		}
		if told.Clock = (time.Time{}); told != want {
			t.Fatalf("got %+v, want %+v", told, want)
		}
		c.write(&wire.MsgVerAck{}) // a second handshake
		c.ended()
		synctest.Wait()
		if len(m.peers()) != 0 {
			t.Error("the machine was not told that it has gone")
		}
	})
}

// TestOurVersion: what we say of ourselves when we dial and when we are dialled.
func TestOurVersion(t *testing.T) {
	for name, cfg := range map[string]Config{
		"plain":  {},
		"node":   {Services: wire.SFNodeNetwork, Relay: true, Height: func() int32 { return 77 }},
		"modern": {Protocol: 110017},
		"old":    {Protocol: 70015},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				cfg.Peers = []string{"5.6.7.8:90"}
				cfg.Dial = func(context.Context, string) (net.Conn, error) { return theirs, nil }
				running(t, cfg, &answerer{})
				m, _, err := wire.ReadMessage(ours, msg.Version, regtest)
				v, ok := m.(*wire.MsgVersion)
				if err != nil || !ok {
					t.Fatal(err)
				}
				height := int32(0)
				if cfg.Height != nil {
					height = cfg.Height()
				}
				protocol := uint32(msg.Version)
				if cfg.Protocol != 0 {
					protocol = cfg.Protocol
				}
				if v.LastBlock != height || uint32(v.ProtocolVersion) != protocol || v.Services != cfg.Services || v.DisableRelayTx == cfg.Relay ||
					v.UserAgent != "/tested/" {
					t.Fatalf("%+v", v)
				}
				theirsV := *v
				theirsV.Nonce++
				theirsV.ProtocolVersion = msg.Version
				if err := wire.WriteMessage(ours, &theirsV, msg.Version, regtest); err != nil {
					t.Fatal(err)
				}
				var said []string
				for len(said) == 0 || said[len(said)-1] != "verack" {
					said = append(said, command(t, ours))
				}
				want := []string{"wtxidrelay", "sendaddrv2", "verack"}
				if protocol < extendedVersion {
					want = want[2:]
				}
				if !slices.Equal(said, want) {
					t.Fatalf("said %v, want %v", said, want)
				}
				_ = ours.Close()
			})
		})
	}
}

// command reads a message and returns what it is.
func command(t *testing.T, r io.Reader) string {
	t.Helper()
	var head [msg.FrameSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.Fatal(err)
	}
	f, err := codec.ParseFrame(&head)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, int64(f.Length)); err != nil {
		t.Fatal(err)
	}
	return f.Command
}

// TestSinkAnswers: what the Sink answers comes before anything else, in order, after the
// outputs of the step, and before Resume.
func TestSinkAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &scripted{}
		inputs := make(chan syncer.Input)
		running(t, Config{Inputs: inputs, Sink: func(out syncer.Output) ([]syncer.Input, error) {
			if found, ok := out.(syncer.Found); ok {
				m.steps = append(m.steps, "found")
				return []syncer.Input{syncer.Watch{From: found.Block.Height}, syncer.Watch{From: 2}}, nil
			}
			m.steps = append(m.steps, "scanned")
			return nil, nil
		}}, m)
		inputs <- syncer.ParentMoved{}
		synctest.Wait()
		want := []string{"parent", "found", "scanned", "watch 1", "watch 2", "resume"}
		if !slices.Equal(m.steps, want) {
			t.Fatalf("got %v, want %v", m.steps, want)
		}
	})
}

// scripted is a machine that finds a block when its parent moves.
type scripted struct{ steps []string }

func (s *scripted) Step(_ time.Time, in syncer.Input) []syncer.Output {
	switch in := in.(type) {
	case syncer.ParentMoved:
		s.steps = append(s.steps, "parent")
		return []syncer.Output{syncer.Found{Block: spv.Block{Height: 1}}, syncer.Again{}, syncer.Scanned{}}
	case syncer.Watch:
		s.steps = append(s.steps, "watch "+string('0'+rune(in.From)))
	case syncer.Resume:
		s.steps = append(s.steps, "resume")
	}
	return nil
}
