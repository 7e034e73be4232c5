package syncer_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/simnet"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/syncer"
)

var start = time.Unix(1_700_000_000, 0)

func easyRules() *spv.Rules {
	limit, _ := spv.ParseTarget(0x207fffff)
	r := &spv.Rules{Name: "fuzz", Work: pow.SHA256d, PowLimit: limit, MaxFuture: 7200, ReorgLimit: 40,
		Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: 600}}}
	r.Genesis = spv.Header{0: 4, 68: 0, 69: 0, 70: 0, 71: 0x60, 72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}
	return r
}

// fork mines n blocks on top of others; every third pays to a script in the row.
func fork(r *spv.Rules, on simnet.Ledger, n int, tag uint64) simnet.Ledger {
	miner := simnet.Miner{Rules: r, Tag: tag, Commit: true}
	rng := rand.New(rand.NewPCG(tag, 1))
	l := on
	for i := range n {
		from := simnet.Coin{Point: wire.OutPoint{Hash: spv.Hash{byte(tag), byte(i), byte(len(l))}}, Value: 1000, Script: 1e6 + rng.Int64N(1e6)}
		to := 2e6 + rng.Int64N(1e6)
		if i%3 == 0 {
			to = int64(len(l) / 3)
		}
		tx, _ := simnet.Pay([]simnet.Coin{from}, to)
		l = miner.Mine(l, []*wire.MsgTx{tx}, [][]byte{simnet.Script(from.Script)})
	}
	return l
}

var ledgers = sync.OnceValue(func() []simnet.Ledger {
	r := easyRules()
	a := fork(r, nil, 70, 1)
	return []simnet.Ledger{a, fork(r, a[:50:50], 30, 2), fork(r, a[:60:60], 5, 3)}
})

// tape reads numbers from fuzzed bytes; behind the end there are zeros.
type tape struct{ b []byte }

func (t *tape) next() int {
	if len(t.b) == 0 {
		return 0
	}
	n := t.b[0]
	t.b = t.b[1:]
	return int(n)
}

func (t *tape) bytes(n int) []byte {
	n = min(n, len(t.b))
	b := t.b[:n]
	t.b = t.b[n:]
	return b
}

var codec = msg.Codec{MaxBlock: 1 << 20}

var commands = []string{wire.CmdHeaders, wire.CmdBlock, wire.CmdTx, wire.CmdInv, wire.CmdGetData, wire.CmdNotFound,
	wire.CmdCFilter, wire.CmdCFHeaders, wire.CmdCFCheckpt, wire.CmdFeeFilter, wire.CmdGetHeaders, wire.CmdMerkleBlock, "unknown"}

// message makes one from the tape: of raw bytes, or such as might well be an answer.
func (t *tape) message() msg.Message {
	l := ledgers()[t.next()%3]
	at := t.next() % len(l)
	b := l[at]
	switch t.next() % 10 {
	case 0:
		m, err := codec.Decode(commands[t.next()%len(commands)], t.bytes(t.next()))
		if err != nil {
			return &msg.Unknown{Name: "broken"}
		}
		return m
	case 1:
		return &msg.Headers{Headers: l[at:min(len(l), at+t.next())].Headers()}
	case 2:
		m := &wire.MsgCFHeaders{StopHash: b.ID, PrevFilterHeader: b.FilterBelow}
		first := max(0, at-t.next())
		if first < at && t.next()%2 == 0 {
			m.PrevFilterHeader = l[first].FilterBelow
		}
		for _, b := range l[first : at+1] {
			hash := spv.Hash(pow.DoubleSHA256(b.Filter))
			if t.next() > 250 {
				hash[3]++
			}
			m.FilterHashes = append(m.FilterHashes, &hash)
		}
		return m
	case 3:
		m := &wire.MsgCFilter{BlockHash: b.ID, Data: b.Filter}
		if t.next()%4 == 0 {
			m.Data = t.bytes(t.next())
		}
		return m
	case 4:
		raw := append([]byte(nil), b.Raw...)
		if t.next()%4 == 0 {
			raw[t.next()%len(raw)] ^= byte(t.next())
		}
		return &msg.Block{Raw: raw}
	case 5:
		inv := &wire.MsgInv{}
		for range t.next() {
			inv.InvList = append(inv.InvList, wire.NewInvVect(wire.InvType(t.next()%6), &spv.Hash{byte(t.next()), byte(t.next())}))
		}
		return inv
	case 7:
		m := &wire.MsgCFCheckpt{StopHash: b.ID}
		for range t.next() % 3 {
			m.FilterHeaders = append(m.FilterHeaders, &spv.Hash{byte(t.next())})
		}
		return m
	case 8:
		ids := []spv.Hash{b.Txs()[0].TxHash(), b.Txs()[1].TxHash()}
		if t.next()%8 == 0 {
			ids[t.next()%2][0]++
		}
		tree, err := merkle.NewPartial(ids, [][]uint32{{}, {0}, {1}, {0, 1}}[t.next()%4]...)
		if err != nil {
			return &msg.Unknown{Name: "broken"}
		}
		return &msg.MerkleBlock{Header: spv.Sealed{Header: b.Header}, Tree: tree}
	case 6:
		id := b.Txs()[t.next()%2].TxHash()
		return &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeTx, &id)}}
	default:
		return &wire.MsgNotFound{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeBlock, &b.ID)}}
	}
}

func (t *tape) node() *simnet.Node {
	n := &simnet.Node{Services: simnet.Full, Relay: true}
	n.Lie.From = int32(t.next())
	switch t.next() % 12 {
	case 0:
		n.Lie.Omit = [][]byte{simnet.Script(int64(t.next() % 20))}
	case 1:
		n.Lie.Omit, n.Lie.Spends = [][]byte{simnet.Script(int64(t.next() % 20))}, true
	case 2:
		n.Lie.Hashes = true
	case 3:
		n.Lie.Withhold = true
	case 4:
		n.Services = wire.SFNodeNetwork
	case 5, 6, 7:
		n.Services = simnet.Bloom
	case 8:
		n.Services, n.Lie.Omit = simnet.Bloom, [][]byte{simnet.Script(int64(t.next() % 20))}
	case 9:
		n.Services, n.Lie.Tree = simnet.Bloom, true
	}
	n.Follow(ledgers()[t.next()%3])
	return n
}

// FuzzMachine feeds a machine whatever the bytes say, among honest and lying peers. It
// must not panic, its store and its wallet must not be told what cannot be, and its
// queues must stay within their bounds.
func FuzzMachine(f *testing.F) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 9))
		b := make([]byte, 2000)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tape := &tape{b: data}
		rules := easyRules()
		net := simnet.New(nil, uint64(tape.next()), start)
		net.Disk, net.Wallet = simnet.NewDisk(rules.Genesis), simnet.NewWallet(int32(tape.next()%80), 5)
		scan := syncer.Scan{From: net.Wallet.Birthday, Layered: tape.next()%2 == 0, Source: syncer.Source(tape.next() % 3), Relay: true,
			Filters: net.Disk, Headers: net.Disk, Bloom: tape.next()%2 == 0}
		boot := func() *syncer.Machine {
			scan.Doubts = net.Disk.Doubts()
			return syncer.NewWith(syncer.Config{Tree: net.Disk.Tree(rules), Scan: &scan})
		}
		net.Machine = boot()
		net.Tell(net.Wallet.Watch())
		nodes := []*simnet.Node{tape.node(), tape.node()}
		net.Join(nodes[0])
		for step := 0; step < 300 && len(tape.b) > 0; step++ {
			switch tape.next() % 12 {
			case 0, 1:
				if err := net.Run(time.Duration(tape.next()) * 200 * time.Millisecond); err != nil {
					t.Fatal(err)
				}
			case 2:
				if len(nodes) < 8 {
					nodes = append(nodes, tape.node())
				}
				net.Join(nodes[tape.next()%len(nodes)])
			case 3:
				net.Tell(syncer.Watch{From: int32(tape.next()) - 100, Scripts: [][]byte{simnet.Script(int64(tape.next()))},
					Coins: []wire.OutPoint{{Index: uint32(tape.next())}}})
			case 4:
				tx, _ := simnet.Pay([]simnet.Coin{{Value: int64(tape.next())}}, int64(tape.next()))
				net.Tell(syncer.Broadcast{Txs: []*wire.MsgTx{tx}})
			case 5:
				net.Tell(syncer.Disconnected{Peer: syncer.Peer(tape.next() % 10)})
			case 6:
				if tape.next()%4 == 0 {
					net.Restart(boot())
				}
			default:
				net.Tell(syncer.Received{Peer: syncer.Peer(tape.next()%8 + 1), Message: tape.message()})
			}
			if err := net.Machine.CheckBounds(); err != nil {
				t.Fatal(err)
			}
			if s := net.Machine.Status(); s.Share() == 1 && !s.Synced {
				t.Fatalf("done before it is: %+v", s)
			}
		}
	})
}
