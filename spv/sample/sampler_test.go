package sample_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/sample"
	"github.com/layeredpow/lamina/spv/syncer"
)

// anyL1 knows every block.
type anyL1 struct{}

func (anyL1) Lookup(id spv.Hash) (spv.Block, bool) { return spv.Block{Height: 1, Hash: id}, true }
func (anyL1) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	return spv.Block{Height: height, Hash: id}, true
}
func (anyL1) After(spv.Hash, uint32) (bits, median uint32, ok bool) { return 0, 0, true }
func (anyL1) OnBest(spv.Block) bool                                 { return true }

// talk is a Sampler among peers that serve a world's chain, without a network.
type talk struct {
	t       testing.TB
	w       *world
	s       *syncer.Sampler
	tail    int32
	now     time.Time
	answers []syncer.Received // what peers would say to what they were asked, in order
	drops   []syncer.Drop
	placed  []syncer.Placed
	begun   bool // headers were asked for: a proof has passed
	known   map[[32]byte][]byte
}

func newTalk(t testing.TB, w *world, tail int32, security int, salt uint64) *talk {
	return &talk{t: t, w: w, tail: tail, now: time.Unix(int64(w.tip.Time()), 0), s: syncer.NewSampler(syncer.SampleConfig{Chain: w.chain,
		Tree: spv.NewTree(&w.chain.Rules), L1: anyL1{}, Ready: func() bool { return true }, Salt: query(salt, 1).Salt, Security: security, Keep: 50})}
}

func (k *talk) step(in syncer.Input) {
	again := false
	for _, out := range k.s.Step(k.now, in) {
		switch out := out.(type) {
		case syncer.Again:
			again = true
		case syncer.Send:
			k.asked(out)
		case syncer.Drop:
			k.drops = append(k.drops, out)
		case syncer.Placed:
			k.placed = append(k.placed, out)
		case syncer.Store:
			if len(k.placed) == 0 && !k.s.Begun() {
				k.t.Fatal("something is stored before there is a start")
			}
		}
	}
	if again {
		k.step(syncer.Resume{})
	}
}

func (k *talk) asked(out syncer.Send) {
	say := func(m msg.Message) {
		k.answers = append(k.answers, syncer.Received{Peer: out.Peer, Message: m})
	}
	height := int32(k.w.n)
	switch m := out.Message.(type) {
	case *msg.GetSample:
		front := msg.Sample{NetID: m.NetID, Tip: k.w.tip.ID(), Height: uint32(height)}
		if m.Tip != front.Tip {
			say(&front)
			return
		}
		for _, part := range msg.SampleParts(front, k.proof(m)) {
			say(part)
		}
	case *wire.MsgGetHeaders:
		k.begun = true
		from := height + 1
		for _, id := range m.BlockLocatorHashes {
			for h := height; h >= 0 && from > height; h-- {
				if header, _ := k.w.Header(h); header.ID() == *id {
					from = h + 1
				}
			}
		}
		say(&msg.Headers{Headers: k.w.run(k.t, from, height)})
	}
}

func (k *talk) proof(m *msg.GetSample) []byte {
	if raw, ok := k.known[m.Salt]; ok {
		return raw
	}
	raw := build(k.t, k.w, sample.Query{Salt: m.Salt, Security: int(m.Security), Keep: int32(m.Keep)}, int32(k.w.n), k.tail)
	if k.known != nil {
		k.known[m.Salt] = raw
	}
	return raw
}

// hear takes in all answers, and what they lead to.
func (k *talk) hear() {
	for len(k.answers) > 0 {
		a := k.answers[0]
		k.answers = k.answers[1:]
		k.step(a)
	}
}

const servesSamples = wire.SFNodeNetwork | msg.SFNodeSample

func (k *talk) connect(peer syncer.Peer, services wire.ServiceFlag) {
	k.step(syncer.Connected{Peer: peer, Services: services, Height: int32(k.w.n)})
}

// TestSamplerSound: chains of which less than half was worked for after some point get through a Sampler, with the salts that it makes,
// no more often than stated, and cost their peer the connection; honest ones always do, and are placed.
func TestSamplerSound(t *testing.T) {
	const height, tail, security, tries = 4000, 32, 3, 200
	w := newWorld(t, height, false, nil)
	w.timed = true
	for _, fork := range []int32{0, 1, 1900, 3500} {
		real := fork + (height-fork)/2 + 1
		w.false = func(h int32) bool { return fork > 0 && h >= fork && h < real }
		passed, n := 0, tries
		if fork == 0 {
			n = 5
		}
		for salt := range uint64(n) {
			k := newTalk(t, w, tail, security, salt+uint64(fork)<<32)
			k.connect(1, servesSamples)
			k.hear()
			k.now = k.now.Add(4 * time.Second) // other peers are waited for
			k.step(syncer.Tick{})
			if k.begun == (len(k.drops) > 0) || len(k.drops) > 0 && !k.drops[0].Ban {
				t.Fatalf("fork at %d, salt %d: passed %v, drops %v", fork, salt, k.begun, k.drops)
			}
			if k.begun {
				passed++
			}
			if fork > 0 {
				continue
			}
			k.hear()
			if len(k.placed) != 1 || k.placed[0].Change.Tip.Hash != w.tip.ID() || k.placed[0].Start.Last.Hash != w.id(height-50) {
				t.Fatalf("an honest chain: placed %d, drops %v, %+v", len(k.placed), k.drops, k.s.Status())
			}
		}
		stated := math.Pow(2, -security)
		limit := stated*tries + 3*math.Sqrt(stated*(1-stated)*tries)
		t.Logf("fork at %d of %d: passed %d of %d", fork, height, passed, n)
		if fork > 0 && float64(passed) > limit || fork == 0 && passed != n {
			t.Errorf("fork at %d: passed %d of %d, stated at most 2^-%d", fork, passed, n, security)
		}
	}
}

// mutated returns a message with one byte of its payload changed; nil if it is none then.
func mutated(m msg.Message, at, by int) msg.Message {
	codec := msg.Codec{AuxPoW: true, MaxBlock: 8 << 20}
	b, err := codec.Encode(nil, m)
	if err != nil || len(b) == msg.FrameSize {
		return nil
	}
	payload := slices.Clone(b[msg.FrameSize:])
	payload[at%len(payload)] ^= byte(by)
	m, err = codec.Decode(m.Command(), payload)
	if err != nil {
		return nil
	}
	return m
}

// FuzzSampler: whatever peers make of a Sampler's questions, it does not panic, stores nothing without a start, and places nothing but the
// one chain that has the work.
func FuzzSampler(f *testing.F) {
	const height, tail, security = 150, 8, 4
	w := newWorld(f, height, true, nil)
	w.timed = true
	known := map[[32]byte][]byte{}
	f.Add([]byte{0, 0, 2, 0, 2, 0, 5, 4, 2, 0, 2, 0})                                     // honest
	f.Add([]byte{0, 0, 0, 0, 2, 0, 3, 1, 7, 1, 2, 0, 2, 0, 5, 4, 2, 0, 3, 9, 9, 1, 2, 0}) // one that spoils its proof, and then headers
	f.Add([]byte{0, 0, 2, 0, 2, 0, 5, 4, 4, 0, 5, 130, 1, 0, 0, 0, 2, 0})                 // a start that leads nowhere
	f.Add([]byte{0, 0, 2, 0, 2, 0, 5, 4, 6, 0, 2, 0})                                     // answers of one peer by another
	f.Add([]byte{0, 1, 5, 61, 2, 0, 2, 0})                                                // nobody serves
	f.Fuzz(func(t *testing.T, script []byte) {
		next := func() (n int) {
			if len(script) > 0 {
				n, script = int(script[0]), script[1:]
			}
			return n
		}
		k := newTalk(t, w, tail, security, 1)
		k.known = known
		peers := syncer.Peer(0)
		for steps := 0; len(script) > 0 && steps < 200; steps++ {
			op, arg := next()%7, next()
			switch {
			case op == 0 && peers < 8:
				peers++
				k.connect(peers, []wire.ServiceFlag{servesSamples, wire.SFNodeNetwork}[arg%2])
			case op == 1:
				k.step(syncer.Disconnected{Peer: syncer.Peer(arg % 9)})
			case op == 5:
				k.now = k.now.Add(time.Duration(arg) * time.Second)
				k.step(syncer.Tick{})
			case len(k.answers) > 0:
				a := k.answers[arg%len(k.answers)]
				k.answers = slices.Delete(k.answers, arg%len(k.answers), arg%len(k.answers)+1)
				switch op {
				case 3:
					if a.Message = mutated(a.Message, next()<<8+next(), 1+next()); a.Message == nil {
						continue
					}
				case 4:
					continue
				case 6:
					a.Peer = syncer.Peer(next()%8 + 1)
				}
				k.step(a)
			}
			k.s.Status()
		}
		if len(k.placed) > 1 || len(k.placed) > 0 && (k.placed[0].Start.Last.Hash != w.id(height-50) || k.placed[0].Change.Tip.Hash != w.tip.ID()) {
			t.Fatalf("placed %d, the first up to %s", len(k.placed), k.placed[0].Change.Tip)
		}
	})
}
