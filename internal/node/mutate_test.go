package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// saying is one message as it travels, without its frame.
type saying struct {
	command string
	payload []byte
}

// sayings are valid messages about a chain: all that a peer may say, with real blocks,
// headers and transactions of it.
func sayings(t *testing.T, l *Loop) (all []saying) {
	t.Helper()
	codec := l.cfg.Codec
	tip := l.View().Tip()
	var locator []spv.Hash
	list := &wire.MsgInv{}
	data := &wire.MsgGetData{}
	messages := []msg.Message{&wire.MsgSendHeaders{}, &wire.MsgGetAddr{}, wire.NewMsgFeeFilter(1000), wire.NewMsgPing(1), wire.NewMsgPong(2)}
	for h := tip.Height; h >= 0; h -= 4 {
		b, _ := l.View().BlockAt(h)
		raw, err := l.Chain().Block(b.Hash)
		check(t, err)
		locator = append(locator, b.Hash)
		for _, kind := range []wire.InvType{wire.InvTypeBlock, wire.InvTypeWitnessBlock, wire.InvTypeTx, wire.InvTypeFilteredBlock} {
			list.InvList = append(list.InvList, wire.NewInvVect(kind, &b.Hash))
			data.InvList = append(data.InvList, wire.NewInvVect(kind, &b.Hash))
		}
		messages = append(messages, &msg.Block{Raw: raw},
			wire.NewMsgGetCFilters(wire.GCSFilterRegular, uint32(max(0, h-5)), &b.Hash),
			wire.NewMsgGetCFHeaders(wire.GCSFilterRegular, uint32(max(0, h-5)), &b.Hash),
			wire.NewMsgGetCFCheckpt(wire.GCSFilterRegular, &b.Hash))
		if h > 0 {
			var tx bytes.Buffer
			check(t, block(t, l, b.Hash).Txs[0].Serialize(&tx))
			messages = append(messages, &msg.Tx{Raw: tx.Bytes()})
		}
	}
	run, err := l.Chain().Sealed([]spv.Hash{l.Params().NetID()}, spv.Hash{})
	check(t, err)
	getHeaders, getBlocks := wire.NewMsgGetHeaders(), wire.NewMsgGetBlocks(&chainhash.Hash{})
	for i := range locator {
		check(t, errors.Join(getHeaders.AddBlockLocatorHash(&locator[i]), getBlocks.AddBlockLocatorHash(&locator[i])))
	}
	messages = append(messages, &msg.Headers{Headers: run}, &msg.Headers{Headers: run[len(run)-1:]}, getHeaders, getBlocks, list, data,
		&wire.MsgNotFound{InvList: list.InvList}, &wire.MsgMemPool{})
	for _, m := range messages {
		payload, err := codec.Payload(m)
		check(t, err)
		all = append(all, saying{m.Command(), payload})
	}
	return all
}

// spoil changes a message in a way that chance chooses.
func spoil(r *rand.Rand, s saying, all []saying) saying {
	b := bytes.Clone(s.payload)
	at := func() int { return r.IntN(len(b)) }
	switch kind := r.IntN(8); {
	case kind == 0: // as it is
	case kind == 1:
		s.command = all[r.IntN(len(all))].command
	case len(b) == 0 || kind == 2:
		b = append(b, bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(300))...)
	case kind == 3:
		b = b[:at()]
	case kind == 4:
		for range 1 + r.IntN(4) {
			b[at()] ^= 1 << r.IntN(8)
		}
	case kind == 5: // a length or an amount that is very large
		i := at()
		copy(b[i:], binary.LittleEndian.AppendUint64([]byte{0xff}, r.Uint64()>>r.IntN(64)))
	case kind == 6: // a part twice
		i := at()
		j := i + r.IntN(len(b)-i)
		b = append(b[:j:j], b[i:]...)
	case kind == 7: // half of another message
		o := all[r.IntN(len(all))].payload
		b = append(b[:at()], o[len(o)/2:]...)
	}
	s.payload = b
	return s
}

// framed puts a message on the wire, hardly ever with a frame that is wrong.
func framed(r *rand.Rand, magic [4]byte, s saying) []byte {
	sum := chainhash.DoubleHashB(s.payload)
	b := append(magic[:], s.command...)
	b = append(b, make([]byte, 12-len(s.command))...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.payload)))
	b = append(append(b, sum[:4]...), s.payload...)
	if r.IntN(50) == 0 {
		b[r.IntN(msg.FrameSize)] ^= 1 << r.IntN(8)
	}
	return b
}

// TestMutatedPeers: nodes of an L1 and its layers that thousands of spoiled messages have
// come to, over real connections, still stand, hold little, and teach an honest node all.
// LAMINA_SOAK is by how much more it runs.
func TestMutatedPeers(t *testing.T) {
	messages := 6000
	if n, err := strconv.Atoi(os.Getenv("LAMINA_SOAK")); err == nil {
		messages *= n
	}
	if testing.Short() {
		messages = 1000
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	defer func() { t.Logf("seed %d", seed) }()
	a := start(t, Config{})
	a.pays = anybody
	a.generate("dev", 20)
	a.generate("dev-native", 12)
	loops := []*Loop{a.loop("dev"), a.loop("dev-native")}
	var valid [2][]saying
	for i, l := range loops {
		valid[i] = sayings(t, l)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sent, connections := 0, 0
	for sent < messages {
		i := r.IntN(2)
		connections++
		sent += harass(t, r, loops[i], valid[i], 1+r.IntN(60))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 10
	t.Logf("%d messages over %d connections, memory grew by %d KiB", sent, connections, grown)
	if grown > 64<<10 {
		t.Errorf("memory grew by %d KiB", grown)
	}
	b := start(t, Config{Peers: a.addresses()})
	agree(t, a, b)
	a.generate("dev", 1)
	a.generate("dev-native", 1)
	agree(t, a, b)
}

// harass connects, shakes hands, mostly, and says up to n spoiled messages; it returns how
// many it said.
func harass(t *testing.T, r *rand.Rand, l *Loop, all []saying, n int) (said int) {
	t.Helper()
	c, err := net.Dial("tcp", l.Address())
	check(t, err)
	defer c.Close()
	check(t, c.SetDeadline(time.Now().Add(patience)))
	heard := make(chan struct{})
	go func() { defer close(heard); _, _ = io.Copy(io.Discard, c) }()
	codec := l.cfg.Codec
	v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, r.Uint64(), int32(r.Uint32()))
	v.ProtocolVersion, v.Services = msg.Version, Services
	for _, m := range []msg.Message{v, &wire.MsgWTxIdRelay{}, &wire.MsgVerAck{}} {
		payload, err := codec.Payload(m)
		check(t, err)
		s := saying{m.Command(), payload}
		if r.IntN(60) == 0 {
			s = spoil(r, s, all)
		}
		if _, err := c.Write(framed(r, codec.Magic, s)); err != nil {
			return 1
		}
	}
	for said = range n {
		if _, err := c.Write(framed(r, codec.Magic, spoil(r, all[r.IntN(len(all))], all))); err != nil {
			break
		}
	}
	// What was said is to be read before the connection ends.
	_ = c.(*net.TCPConn).CloseWrite()
	<-heard
	return said + 1
}
