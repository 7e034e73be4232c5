package p2p

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/v2transport"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/internal/testkit"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// untilV2 is until for a chain whose nodes encrypt.
func untilV2(t *testing.T, r *spv.Rules, done func(progress) bool, dial func(context.Context, string) (net.Conn, error), peer string) progress {
	t.Helper()
	return untilDone(t, Config{Codec: codec, Agent: "/test/", Peers: []string{peer}, Log: slog.New(slog.DiscardHandler), V2: true, Dial: dial}, r, done)
}

// door starts a loop that serves a chain of headers, and returns its address.
func door(t *testing.T, r *spv.Rules, run []spv.Header) (string, *answerer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &answerer{}
	m.answer = func(in syncer.Received) []syncer.Output {
		ask, ok := in.Message.(*wire.MsgGetHeaders)
		if !ok {
			return nil
		}
		from := 0
		for i := range run {
			if run[i].ID() == *ask.BlockLocatorHashes[0] {
				from = i + 1
			}
		}
		return []syncer.Output{syncer.Send{Peer: in.Peer, Message: &msg.Headers{Headers: sealed(run[from:min(from+2000, len(run))])}}}
	}
	running(t, Config{Listen: l, Services: wire.SFNodeNetwork, V2: true}, m)
	return l.Addr().String(), m
}

// wiretap copies what goes over a connection, and may flip one bit of what is read.
type wiretap struct {
	net.Conn
	seen  *bytes.Buffer
	spoil *atomic.Int64 // bytes until then; below 0: never
}

func (w *wiretap) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if left := w.spoil.Add(int64(-n)) + int64(n); left >= 0 && left < int64(n) {
		b[left] ^= 4
	}
	w.seen.Write(b[:n])
	return n, err
}

func tapped(seen *bytes.Buffer, spoil *atomic.Int64) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		c, err := direct(ctx, address)
		return &wiretap{c, seen, spoil}, err
	}
}

// TestEncrypted: two of ours encrypt what they say.
func TestEncrypted(t *testing.T) {
	r := rules()
	run := chain(r, 4500, 1)
	address, m := door(t, r, run)
	var seen bytes.Buffer
	var never atomic.Int64
	never.Store(-1)
	got := untilV2(t, r, func(p progress) bool { return p.Synced }, tapped(&seen, &never), address)
	if got.Encrypted != 1 || got.Outbound != 1 || got.Tip.Hash != run[4499].ID() || got.Received < 4500*81 {
		t.Errorf("%+v", got)
	}
	if bytes.Contains(seen.Bytes(), codec.Magic[:]) || bytes.Contains(seen.Bytes(), run[7][:40]) || seen.Len() < 4500*81 {
		t.Errorf("%d bytes, and what is said can be read in them", seen.Len())
	}
	if all := m.connected; len(all) != 1 || all[0].Services != 0 {
		t.Errorf("%+v", all)
	}
}

// TestMiddleMan: one bit that is changed on the way ends the connection, and all goes on
// over the next.
func TestMiddleMan(t *testing.T) {
	r := rules()
	address, _ := door(t, r, chain(r, 4500, 1))
	var seen bytes.Buffer
	var spoil atomic.Int64
	spoil.Store(100_000) // in the first headers
	noticed := false
	got := untilV2(t, r, func(p progress) bool {
		noticed = noticed || strings.Contains(p.Trouble, "packet was changed on its way")
		return p.Synced
	}, tapped(&seen, &spoil), address)
	if !noticed || got.Encrypted != 1 {
		t.Errorf("noticed %v, %+v", noticed, got)
	}
}

// TestFallback: a peer that knows nothing of encryption hangs up at a key, and is dialled
// again without.
func TestFallback(t *testing.T) {
	r := rules()
	f := listen(t, &fake{chain: chain(r, 50, 1), genesis: r.Genesis.ID()})
	got := untilV2(t, r, func(p progress) bool { return p.Synced }, nil, f.Addr().String())
	f.mu.Lock()
	defer f.mu.Unlock()
	if got.Encrypted != 0 || got.Outbound != 1 || f.dialled != 2 {
		t.Errorf("dialled %d times, %+v", f.dialled, got)
	}
}

// TestWhoIsAsked: without a word from chain data, those who are known to encrypt are asked
// to; who is dialled takes either.
func TestWhoIsAsked(t *testing.T) {
	r := rules()
	address, _ := door(t, r, nil)
	h := newLoop(Config{Codec: codec, Agent: "/test/", Log: slog.New(slog.DiscardHandler)}, &answerer{}, nil).host
	for services, want := range map[wire.ServiceFlag]bool{0: false, wire.SFNodeNetwork | wire.SFNodeP2PV2: true} {
		k, err := h.connect(t.Context(), address, book.Addr{}, services)
		if err != nil {
			t.Fatal(err)
		}
		if k.version.Services&wire.SFNodeP2PV2 == 0 {
			t.Error("it does not say that it encrypts")
		}
		if (k.session != nil) != want {
			t.Errorf("%v: encrypted %v", services, !want)
		}
		_ = k.conn.Close()
	}
}

// queue writes in its own time: two who both write to a pipe wait for each other.
type queue chan []byte

func (q queue) Write(b []byte) (int, error) {
	q <- bytes.Clone(b)
	return len(b), nil
}

func (q queue) drain(w io.Writer) {
	for b := range q {
		_, _ = w.Write(b)
	}
}

// stranger is a client on btcd's transport.
func stranger(t *testing.T, conn net.Conn) *v2transport.Peer {
	t.Helper()
	p, out := v2transport.NewPeer(), make(queue, 1000)
	go out.drain(conn)
	t.Cleanup(func() { close(out) })
	p.UseReadWriter(struct {
		io.Reader
		io.Writer
	}{bufio.NewReaderSize(conn, 1<<16), out})
	if err := errors.Join(p.InitiateV2Handshake(33), p.CompleteHandshake(true, nil, v2transport.BitcoinNet(regtest))); err != nil {
		t.Fatal(err)
	}
	v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 5, 7)
	v.ProtocolVersion = msg.Version
	say(t, p, v)
	say(t, p, &wire.MsgVerAck{})
	for {
		plain, err := p.V2ReceivePacket(nil)
		if err != nil {
			t.Fatal(err)
		}
		if m, _, err := wire.ReadV2MessageN(plain, msg.Version, wire.WitnessEncoding); err == nil && m.Command() == "verack" {
			return p
		}
	}
}

func say(t *testing.T, p *v2transport.Peer, m wire.Message) {
	t.Helper()
	var b bytes.Buffer
	if _, err := wire.WriteV2MessageN(&b, m, msg.Version, wire.WitnessEncoding); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.V2EncPacket(b.Bytes(), nil, false); err != nil {
		t.Fatal(err)
	}
}

// TestStrangers: what peers that encrypt may do once they are in, and how it ends.
func TestStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(*v2transport.Peer)
		want string
	}{
		"decoys without end": {func(p *v2transport.Peer) {
			for range 300 {
				if _, _, err := p.V2EncPacket(make([]byte, 60_000), nil, true); err != nil {
					return
				}
			}
		}, "bytes of decoys in a row, want at most 16777216"},
		"decoys for a sign of life": {func(p *v2transport.Peer) {
			for range 20 {
				time.Sleep(time.Minute) // of the bubble's clock
				if _, _, err := p.V2EncPacket(nil, nil, true); err != nil {
					return
				}
			}
		}, "timeout"},
		"too long": {func(p *v2transport.Peer) { _, _, _ = p.V2EncPacket(make([]byte, 4_000_014), nil, false) }, "packet of 4000014 bytes, want at most 4000013"},
		"long ping": {func(p *v2transport.Peer) {
			_, _, _ = p.V2EncPacket(append([]byte{18}, make([]byte, 70)...), nil, false)
		}, "ping: 70 bytes"},
		"no message": {func(p *v2transport.Peer) { _, _, _ = p.V2EncPacket(nil, nil, false) }, "packet without a message"},
		"an id of nobody's": {func(p *v2transport.Peer) {
			_, _, _ = p.V2EncPacket([]byte{200, 1, 2}, nil, false) // ignored
			_, _, _ = p.V2EncPacket([]byte{0}, nil, false)
		}, "packet of 1 bytes, want the name"},
		"not encrypted": {func(p *v2transport.Peer) { _, _ = p.Send(make([]byte, 5_000_000)) }, "packet"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log testkit.Log
				door, m := newPipes(), &answerer{}
				running(t, Config{Listen: door, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, m)
				conn := door.from("8.8.4.4:1234")
				p := stranger(t, conn)
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				c.act(p)
				synctest.Wait()
				if len(m.peers()) != 0 || !strings.Contains(log.String(), c.want) {
					t.Errorf("%d peers, log %s", len(m.peers()), log.String())
				}
				_ = conn.Close()
			})
		})
	}
}

// TestForeignEncryption: a node that we did not write encrypts with us, whoever dials.
func TestForeignEncryption(t *testing.T) {
	node := realnode.BtcdEncrypting(t)
	h := newLoop(Config{Codec: codec, Agent: "/test/", V2: true, Log: slog.New(slog.DiscardHandler)}, &answerer{}, nil).host
	k, err := h.connect(t.Context(), node.P2P, book.Addr{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if k.session == nil || !strings.Contains(k.version.UserAgent, "btcd") {
		t.Errorf("session %v, %+v", k.session, k.version)
	}
	_ = k.conn.Close()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	best := 0
	m := &answerer{}
	m.onConnection = func(syncer.Connected) []syncer.Output { return nil }
	asked := make(chan struct{})
	go func() { defer close(asked); node.Call(t, nil, "addnode", l.Addr().String(), "onetry") }()
	defer func() { <-asked }()
	cfg := Config{Codec: codec, Agent: "/test/", V2: true, Listen: l, Services: wire.SFNodeNetwork | wire.SFNodeWitness,
		Log: slog.New(slog.DiscardHandler)}
	if err := Run(ctx, cfg, m, func(r Report) {
		if best = max(best, r.Encrypted); best > 0 && r.Received > 0 {
			stop()
		}
	}); err != nil || best != 1 {
		t.Errorf("%d encrypted, %v", best, err)
	}
}
