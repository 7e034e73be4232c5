package app

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
)

// headerPeer is a peer of the test's own that serves headers with their proofs.
type headerPeer struct {
	codec   msg.Codec
	genesis spv.Hash
	address string

	mu    sync.Mutex
	chain []spv.Sealed
	off   []spv.Sealed // known, but not on its best chain: given by id only
	conns map[net.Conn]bool
	came  int // peers that introduced themselves so far
}

func listen(t *testing.T, p *chains.Params, chain []spv.Sealed) *headerPeer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &headerPeer{codec: codecOf(p), genesis: p.NetID(), address: l.Addr().String(), chain: chain, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.conns[c] = true
			h.mu.Unlock()
			go h.serve(c)
		}
	}()
	return h
}

func (h *headerPeer) serve(c net.Conn) {
	defer c.Close()
	for {
		var head [msg.FrameSize]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		frame, err := h.codec.ParseFrame(&head)
		if err != nil {
			return
		}
		payload := make([]byte, frame.Length)
		if _, err := io.ReadFull(c, payload); err != nil {
			return
		}
		m, err := h.codec.Decode(frame.Command, payload)
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *wire.MsgVersion:
			h.mu.Lock()
			h.came++
			h.mu.Unlock()
			v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 7, int32(len(h.have())))
			v.ProtocolVersion = msg.Version
			h.send(c, v)
			h.send(c, &wire.MsgVerAck{})
		case *wire.MsgPing:
			h.send(c, wire.NewMsgPong(m.Nonce))
		case *wire.MsgGetHeaders:
			if len(m.BlockLocatorHashes) > 0 {
				h.send(c, &msg.Headers{Headers: h.after(m.BlockLocatorHashes)})
			} else if one := h.one(m.HashStop); one != nil {
				h.send(c, &msg.Headers{Headers: one})
			}
		}
	}
}

func (h *headerPeer) send(c net.Conn, m msg.Message) {
	b, err := h.codec.Encode(nil, m)
	if err != nil {
		panic(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = c.Write(b)
}

func (h *headerPeer) have() []spv.Sealed {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.chain
}

func (h *headerPeer) after(locator []*spv.Hash) []spv.Sealed {
	chain := h.have()
	at := map[spv.Hash]int{h.genesis: 0}
	for i := range chain {
		at[chain[i].Header.ID()] = i + 1
	}
	for _, id := range locator {
		if from, ok := at[*id]; ok {
			return chain[from:min(from+50, len(chain))] // many small messages
		}
	}
	return nil
}

func (h *headerPeer) one(id spv.Hash) []spv.Sealed {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.off {
		if h.off[i].Header.ID() == id {
			return h.off[i : i+1]
		}
	}
	return nil
}

// now gives the peer another chain and announces its tip.
func (h *headerPeer) now(chain []spv.Sealed) {
	h.mu.Lock()
	h.chain = chain
	var conns []net.Conn
	for c := range h.conns {
		conns = append(conns, c)
	}
	h.mu.Unlock()
	for _, c := range conns {
		h.send(c, &msg.Headers{Headers: chain[len(chain)-1:]})
	}
}

func (h *headerPeer) connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.came
}

// stackWorld is an L1 and a layer whose proofs build on it, mined by the test.
type stackWorld struct {
	l1, layer *chains.Params
	low, high []spv.Sealed // their best chains
	side      []spv.Sealed // what the L1 had from 21 on before low's took its place
}

// proofFor seals a layer header with a parent on top of an L1 block.
func proofFor(t *testing.T, h, parent spv.Header) spv.Sealed {
	t.Helper()
	id := h.ID()
	script := []byte{3, 1, 2, 3, 0xfa, 0xbe, 'm', 'm'}
	for i := range id {
		script = append(script, id[31-i])
	}
	script = append(script, 1, 0, 0, 0, 0, 0, 0, 0)
	tx := append([]byte{1, 0, 0, 0, 1}, make([]byte, 32)...)
	tx = append(append(tx, 0xff, 0xff, 0xff, 0xff, byte(len(script))), script...)
	tx = append(tx, 0xff, 0xff, 0xff, 0xff, 1, 0x40, 0x3d, 0x52, 0x2a, 1, 0, 0, 0, 1, 0x51, 0, 0, 0, 0) // 50.05 coins
	coinbase, _, err := spv.ParseTx(tx)
	if err != nil {
		t.Fatal(err)
	}
	root := coinbase.ID()
	copy(parent[36:68], root[:])
	target, _ := spv.ParseTarget(h.Bits())
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(parent[76:], nonce)
		if id := parent.ID(); spv.Meets(&id, &target) {
			return spv.Sealed{Header: h, Aux: &spv.AuxPoW{Coinbase: coinbase, Parent: parent}}
		}
	}
}

// newStackWorld mines both. Stray makes one layer block build on a block of the branch that
// the L1 left: only who saw that branch can judge it.
func newStackWorld(t *testing.T, stray bool) *stackWorld {
	t.Helper()
	a, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &stackWorld{}
	if w.layer, err = a.Chain("layer-regtest"); err == nil {
		w.l1, err = a.Chain(w.layer.Parent)
	}
	if err != nil {
		t.Fatal(err)
	}
	l1, layer := spv.NewTree(&w.l1.Rules), spv.NewTree(&w.layer.Rules)
	layer.LinkTo(l1)
	// The first L1 block jumps to an hour before the layer's genesis.
	gap := w.layer.Genesis.Time() - 3600 - w.l1.Genesis.Time()
	step := func() uint32 { d := gap; gap = 600; return d }
	w.low = extend(t, l1, l1.Tip().Hash, 20, step, 1)
	w.side = extend(t, l1, l1.Tip().Hash, 5, step, 2)
	w.low = append(w.low, extend(t, l1, w.low[19].Header.ID(), 40, step, 3)...)
	for k := range uint32(500) {
		tip := layer.Tip()
		time := w.layer.Genesis.Time() + 60*(k+1)
		bits, _, _ := layer.After(tip.Hash, time)
		h := spv.Header{}
		binary.LittleEndian.PutUint32(h[0:], uint32(w.layer.AuxPoW.ChainID)<<16|0x0104)
		h = mined(h, tip.Hash, time, bits, 9)
		on := w.low[7+k/10].Header // what the L1 had at the time
		if stray && k == 150 {
			on = w.side[1].Header
		}
		l1Bits, _, _ := l1.After(on.ID(), time)
		s := proofFor(t, h, mined(spv.Header{}, on.ID(), time, l1Bits, 0))
		if _, err := layer.Connect([]spv.Sealed{s}, 0); err != nil {
			t.Fatal(err)
		}
		w.high = append(w.high, s)
	}
	return w
}

// watch runs a Follow until a state that is wanted; reports holds the last of each chain.
func (w *stackWorld) watch(t *testing.T, dir string, low, high *headerPeer, done func(low, high Progress) bool) (reports map[string]Progress) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f := Follow{Chains: []*chains.Params{w.layer, w.l1}, Peers: map[string][]string{}, DataDir: dir, Agent: "/test/",
		Log: slog.New(slog.DiscardHandler)}
	if low != nil {
		f.Peers[w.l1.Name] = []string{low.address}
	}
	if high != nil {
		f.Peers[w.layer.Name] = []string{high.address}
	}
	reports = map[string]Progress{}
	reached := false
	err := f.Run(ctx, func(p Progress) {
		reports[p.Chain] = p
		if p.Chain == w.layer.Name && p.Synced && !reports[w.l1.Name].Synced {
			t.Errorf("the layer is synced and its L1 is not: %+v", reports)
		}
		if !reached && done(reports[w.l1.Name], reports[w.layer.Name]) {
			reached = true
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !reached {
		t.Fatalf("ran out of time at %+v", reports)
	}
	return reports
}

func at(p Progress, run []spv.Sealed, height int) bool {
	return p.Tip.Height == int32(height) && p.Tip.Hash == run[height-1].Header.ID()
}

// TestStack follows an L1 and its layer: the layer waits for an L1 that is not there, goes
// as far as the L1's blocks carry it, and on from disk once all are there.
func TestStack(t *testing.T) {
	w := newStackWorld(t, true)
	dir := t.TempDir()
	high := listen(t, w.layer, w.high)
	waits := func(p Progress) bool { return strings.Contains(p.Waiting, "parent chain") && !p.Synced }

	// The L1 has no peer: nothing is known above its genesis.
	w.watch(t, dir, nil, high, func(_, layer Progress) bool { return waits(layer) && layer.Tip.Height == 0 })

	// The L1 has half its blocks, of which some will turn out to be on a side branch; then
	// the rest. The layer's one peer stays connected throughout.
	came := high.connections()
	half := append(w.low[:20:20], w.side...)
	low := listen(t, w.l1, half)
	gone := false
	w.watch(t, dir, low, high, func(l1, layer Progress) bool {
		if !gone && l1.Synced && at(l1, half, 25) && waits(layer) && at(layer, w.high, 130) {
			gone = true
			go low.now(w.low[:40])
		}
		return gone && l1.Synced && at(l1, w.low, 40) && waits(layer) && at(layer, w.high, 330)
	})
	if now := high.connections(); now != came+1 {
		t.Errorf("the layer's peer was dropped: %d connections", now-came)
	}

	// Restarted in the middle, and to the end.
	low.now(w.low)
	w.watch(t, dir, low, high, func(l1, layer Progress) bool {
		return l1.Synced && layer.Synced && at(l1, w.low, 60) && at(layer, w.high, 500)
	})

	// The L1 goes away: the layer is no longer synced, though its own peer is there.
	w.watch(t, dir, nil, high, func(_, layer Progress) bool {
		return layer.Waiting == "its L1 to be synced" && !layer.Synced && at(layer, w.high, 500)
	})
	w.checkStored(t, dir)
}

// TestStackStray follows a layer one of whose proofs builds on a block that the L1 had left
// before we came: it is asked of the L1's peers, and so is the one below it.
func TestStackStray(t *testing.T) {
	w := newStackWorld(t, true)
	low, high := listen(t, w.l1, w.low), listen(t, w.layer, w.high)
	dir := t.TempDir()
	w.watch(t, dir, low, high, func(l1, layer Progress) bool {
		return l1.Synced && at(l1, w.low, 60) && at(layer, w.high, 150) && !layer.Synced
	})
	low.mu.Lock()
	low.off = w.side
	low.mu.Unlock()
	w.watch(t, dir, low, high, func(l1, layer Progress) bool {
		return l1.Synced && layer.Synced && at(l1, w.low, 60) && at(layer, w.high, 500)
	})
}

// checkStored looks at what is kept of the layer's proofs.
func (w *stackWorld) checkStored(t *testing.T, dir string) {
	t.Helper()
	disk, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	chain, _, err := disk.Chain(w.layer.Name, w.layer.Genesis, 0, [4]uint64{})
	if err != nil {
		t.Fatal(err)
	}
	parents, err := chain.Parents(1, 500)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range parents {
		aux, err := chain.Proof(int32(i + 1))
		if err != nil || aux == nil || !bytes.Equal(aux.Append(nil), w.high[i].Aux.Append(nil)) {
			t.Fatalf("proof %d: %v", i+1, err)
		}
		if p == nil || *p != store.ParentOf(aux) || p.Outputs != 5005000000 {
			t.Fatalf("record %d: %+v", i+1, p)
		}
	}
}

func TestFollowRefuses(t *testing.T) {
	w := newStackWorld(t, false)
	for want, list := range map[string][]*chains.Params{
		"want " + w.l1.Name + " followed": {w.layer},
		"followed twice":                  {w.l1, w.layer, w.l1},
	} {
		f := Follow{Chains: list, DataDir: filepath.Join(t.TempDir(), "never"), Log: slog.New(slog.DiscardHandler)}
		if err := f.Run(t.Context(), func(Progress) {}); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
