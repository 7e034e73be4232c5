package p2p

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// serve starts a server of a chain and returns its address.
func serve(t *testing.T, r *spv.Rules, run []spv.Header) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{Codec: codec, Agent: "/served/", Log: slog.New(slog.DiscardHandler)}
	s.Headers = func(locator []*spv.Hash) (answer []spv.Sealed) {
		if len(locator) > 0 && *locator[0] == r.Genesis.ID() {
			for _, h := range run {
				answer = append(answer, spv.Sealed{Header: h})
			}
		}
		return answer
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// client is a peer written on btcd's messages alone, after its handshake.
type client struct {
	net.Conn
	t *testing.T
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := &client{conn, t}
	v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 5, 0)
	v.ProtocolVersion = msg.Version
	c.write(v)
	c.write(&wire.MsgVerAck{})
	for {
		if _, ok := c.read().(*wire.MsgVerAck); ok {
			return c
		}
	}
}

func (c *client) write(m wire.Message) {
	c.t.Helper()
	if err := wire.WriteMessage(c, m, msg.Version, regtest); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read() wire.Message {
	c.t.Helper()
	for {
		m, _, err := wire.ReadMessage(c, msg.Version, regtest)
		if errors.Is(err, wire.ErrUnknownMessage) {
			continue // btcd's reader does not know all that its types can write
		}
		if err != nil {
			c.t.Fatal(err)
		}
		return m
	}
}

func TestServe(t *testing.T) {
	r := rules()
	run := chain(r, 5, 1)
	c := dial(t, serve(t, r, run))
	c.write(wire.NewMsgPing(9))
	if pong, ok := c.read().(*wire.MsgPong); !ok || pong.Nonce != 9 {
		t.Fatalf("%v", pong)
	}
	c.write(&wire.MsgMemPool{}) // of no concern
	ask := wire.NewMsgGetHeaders()
	genesis := r.Genesis.ID()
	_ = ask.AddBlockLocatorHash(&genesis)
	c.write(ask)
	got, ok := c.read().(*wire.MsgHeaders)
	if !ok || len(got.Headers) != 5 || got.Headers[4].BlockHash() != run[4].ID() {
		t.Fatalf("%v", got)
	}
	c.write(&wire.MsgVerAck{}) // a second handshake
	if _, _, err := wire.ReadMessage(c, msg.Version, regtest); err == nil {
		t.Error("a second handshake was taken")
	}
}

// TestServeRoom: no more peers are served than there is room for, and room comes back.
func TestServeRoom(t *testing.T) {
	r := rules()
	address := serve(t, r, nil)
	var held []*client
	for range maxInbound {
		held = append(held, dial(t, address))
	}
	extra, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	_ = extra.SetDeadline(time.Now().Add(30 * time.Second))
	if n, err := extra.Read(make([]byte, 1)); err == nil {
		t.Fatalf("%d bytes from a server without room", n)
	}
	_ = held[0].Close()
	for end := time.Now().Add(30 * time.Second); ; {
		again, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = again.SetDeadline(time.Now().Add(30 * time.Second))
		n, _ := again.Read(make([]byte, 1))
		_ = again.Close()
		if n == 1 {
			return // it introduced itself
		}
		if time.Now().After(end) {
			t.Fatal("no room came back")
		}
	}
}

// TestServeOurselves: our own client syncs from our own server.
func TestServeOurselves(t *testing.T) {
	r := rules()
	run := chain(r, 40, 1)
	var store memory
	got := until(t, r, &store, func(rep Report) bool { return rep.Synced }, serve(t, r, run))
	if got.Tip.Hash != run[39].ID() || store.headers != 40 {
		t.Fatalf("%+v", got)
	}
}
