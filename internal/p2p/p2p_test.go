package p2p

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/syncer"
)

var codec = msg.Codec{Magic: [4]byte{0xfa, 0xbf, 0xb5, 0xda}, MaxBlock: 4_000_000}

func rules() *spv.Rules {
	limit, _ := spv.ParseTarget(0x207fffff)
	return &spv.Rules{Name: "fake", Work: pow.SHA256d, PowLimit: limit, MaxFuture: 7200, ReorgLimit: 5000,
		Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: 600}}, Genesis: mined(spv.Hash{}, 1_600_000_000, 0)}
}

func mined(prev spv.Hash, time uint32, tag byte) spv.Header {
	h := spv.Header{0: 4, 40: tag}
	copy(h[4:], prev[:])
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], 0x207fffff)
	target, _ := spv.ParseTarget(0x207fffff)
	for id := h.ID(); !spv.Meets(&id, &target); id = h.ID() {
		h[76]++
	}
	return h
}

func chain(r *spv.Rules, n int, tag byte) []spv.Header {
	run, last := []spv.Header{}, r.Genesis
	for range n {
		last = mined(last.ID(), last.Time()+600, tag)
		run = append(run, last)
	}
	return run
}

// fake is a peer written on btcd's messages alone.
type fake struct {
	net.Listener
	chain   []spv.Header
	genesis spv.Hash
	hangUp  int  // ends a connection after so many answers; 0: never
	same    bool // sends our own nonce back
	old     bool // speaks an old version
	mu      sync.Mutex
	dialled int
}

func listen(t *testing.T, f *fake) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.Listener = l
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.dialled++
			f.mu.Unlock()
			go f.serve(c)
		}
	}()
	return f
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	answers := 0
	for {
		m, _, err := wire.ReadMessage(c, msg.Version, regtest)
		if err != nil && !errors.Is(err, wire.ErrUnknownMessage) {
			return
		}
		var reply []wire.Message
		switch m := m.(type) {
		case *wire.MsgVersion:
			v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 99, int32(len(f.chain)))
			v.ProtocolVersion = msg.Version
			if f.same {
				v.Nonce = m.Nonce
			}
			if f.old {
				v.ProtocolVersion = 60001
			}
			reply = append(reply, v, &wire.MsgVerAck{})
		case *wire.MsgGetHeaders:
			reply = append(reply, f.headers(m))
			answers++
		}
		for _, r := range reply {
			if wire.WriteMessage(c, r, msg.Version, regtest) != nil {
				return
			}
		}
		if f.hangUp > 0 && answers >= f.hangUp {
			return
		}
	}
}

// regtest is the network that the tests' magic belongs to.
const regtest = wire.BitcoinNet(0xdab5bffa)

func (f *fake) headers(m *wire.MsgGetHeaders) *wire.MsgHeaders {
	at := map[spv.Hash]int{f.genesis: 0}
	for i := range f.chain {
		at[f.chain[i].ID()] = i + 1
	}
	from := 0
	for _, id := range m.BlockLocatorHashes {
		if h, ok := at[*id]; ok {
			from = h
			break
		}
	}
	answer := wire.NewMsgHeaders()
	for _, h := range f.chain[from:min(from+2000, len(f.chain))] {
		var w wire.BlockHeader
		_ = w.Deserialize(strings.NewReader(string(h[:])))
		_ = answer.AddBlockHeader(&w)
	}
	return answer
}

// memory is a store that counts.
type memory struct{ headers int }

func (m *memory) keep(out syncer.Output) ([]syncer.Input, error) {
	if out, ok := out.(syncer.Store); ok {
		m.headers += len(out.Change.Headers) - out.Change.Undo
	}
	return nil, nil
}

// progress is what Run and the machine tell.
type progress struct {
	syncer.Status
	Report
}

// patience is how long anything here may take.
const patience = 3 * time.Minute

// until runs the machine against peers until a report satisfies done, and returns that.
func until(t *testing.T, r *spv.Rules, store *memory, done func(progress) bool, peers ...string) progress {
	t.Helper()
	return untilDone(t, Config{Codec: codec, Agent: "/test/", Peers: peers, Log: slog.New(slog.DiscardHandler), Sink: store.keep}, r, done)
}

func untilDone(t *testing.T, cfg Config, r *spv.Rules, done func(progress) bool) (last progress) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	machine := syncer.New(spv.NewTree(r), [16]byte{})
	enough := false
	if err := Run(ctx, cfg, machine, func(rep Report) {
		if enough {
			return // what the end brings is another matter
		}
		if last = (progress{machine.Status(), rep}); done(last) {
			enough = true
			cancel()
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !enough {
		t.Fatalf("ran out of time at %+v", last)
	}
	return last
}

func TestSync(t *testing.T) {
	r := rules()
	f := listen(t, &fake{chain: chain(r, 4500, 1), genesis: r.Genesis.ID()})
	var store memory
	got := until(t, r, &store, func(rep progress) bool { return rep.Synced }, f.Addr().String())
	if got.Tip.Height != 4500 || got.Tip.Hash != f.chain[4499].ID() || store.headers != 4500 || got.Received < 4500*81 {
		t.Fatalf("%+v with %d stored", got, store.headers)
	}
}

// TestHangUp: a peer that hangs up in the middle is dialled again, and the work goes on
// where it stood.
func TestHangUp(t *testing.T) {
	r := rules()
	f := listen(t, &fake{chain: chain(r, 4500, 1), genesis: r.Genesis.ID(), hangUp: 1})
	var store memory
	got := until(t, r, &store, func(rep progress) bool { return rep.Tip.Height == 4500 && rep.Synced }, f.Addr().String())
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dialled < 2 || store.headers != 4500 {
		t.Fatalf("dialled %d times, %d stored, %+v", f.dialled, store.headers, got)
	}
}

// TestTrouble: what is wrong with the only peer is told in words.
func TestTrouble(t *testing.T) {
	r := rules()
	bad := chain(r, 50, 1)
	target, _ := spv.ParseTarget(0x207fffff)
	for id := bad[49].ID(); spv.Meets(&id, &target); id = bad[49].ID() {
		bad[49][77]++
	}
	const nobody = "127.0.0.1:1"
	for want, address := range map[string]string{
		"connected to ourselves":       listen(t, &fake{same: true}).Addr().String(),
		"protocol version 60001, want": listen(t, &fake{old: true}).Addr().String(),
		"work: got":                    listen(t, &fake{chain: bad, genesis: r.Genesis.ID()}).Addr().String(),
		"refused":                      nobody,
	} {
		rep := until(t, r, &memory{}, func(rep progress) bool { return strings.Contains(rep.Trouble, want) }, address)
		if rep.Synced || !strings.Contains(rep.Trouble, address) {
			t.Errorf("%s: %+v", want, rep)
		}
	}
}

// TestGarbage: a peer that speaks another protocol costs one message.
func TestGarbage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n                     "))
			_ = c.Close()
		}
	}()
	rep := until(t, rules(), &memory{}, func(rep progress) bool { return strings.Contains(rep.Trouble, "magic 48545450") }, l.Addr().String())
	if rep.Outbound != 0 {
		t.Fatalf("%+v", rep)
	}
}

var errFull = errors.New("disk full")

// TestSinkFails: what cannot be made durable ends the loop.
func TestSinkFails(t *testing.T) {
	r := rules()
	f := listen(t, &fake{chain: chain(r, 10, 1), genesis: r.Genesis.ID()})
	cfg := Config{Codec: codec, Agent: "/test/", Peers: []string{f.Addr().String()}, Log: slog.New(slog.DiscardHandler)}
	cfg.Sink = func(syncer.Output) ([]syncer.Input, error) { return nil, errFull }
	err := Run(context.Background(), cfg, syncer.New(spv.NewTree(r), [16]byte{}), nil)
	if !errors.Is(err, errFull) {
		t.Fatalf("got %v", err)
	}
}
