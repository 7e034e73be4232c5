package relay

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// fuzzed are the commands that a fuzzer may send, by their number.
var fuzzed = []string{wire.CmdHeaders, wire.CmdBlock, wire.CmdTx, wire.CmdInv, wire.CmdGetData, wire.CmdNotFound, wire.CmdGetHeaders,
	wire.CmdGetCFilters, wire.CmdGetCFHeaders, wire.CmdGetCFCheckpt, wire.CmdFeeFilter, wire.CmdSendHeaders, wire.CmdMerkleBlock}

// FuzzStep: no messages make a machine panic, or say what cannot be said.
func FuzzStep(f *testing.F) {
	n := newNetwork(f, 50)
	h := n.node("victim")
	for range 15 {
		n.mine(h)
	}
	codec := msg.Codec{MaxBlock: 8 << 20}
	seed := func(list ...msg.Message) {
		var b []byte
		for _, m := range list {
			framed, err := codec.Encode(nil, m)
			check(f, err)
			for i, c := range fuzzed {
				if c == m.Command() {
					b = append(b, byte(i))
					b = binary.LittleEndian.AppendUint16(b, uint16(len(framed)-msg.FrameSize))
					b = append(b, framed[msg.FrameSize:]...)
				}
			}
		}
		f.Add(b)
	}
	tip := h.node.chain.Tip()
	next := n.build(h)
	seed(&msg.Headers{Headers: []spv.Sealed{{Header: header(next)}}}, &msg.Block{Raw: next})
	seed(&wire.MsgSendHeaders{}, txMessage(n.pay(h, 1, 1000)), txMessage(n.pay(h, 1, 100_000)))
	seed(wire.NewMsgGetCFilters(0, 1, &tip.Hash), wire.NewMsgGetCFHeaders(0, 0, &tip.Hash), wire.NewMsgGetCFCheckpt(0, &tip.Hash))
	seed(&wire.MsgGetHeaders{ProtocolVersion: msg.Version, BlockLocatorHashes: []*spv.Hash{&tip.Hash}}, wire.NewMsgFeeFilter(5))
	seed(&wire.MsgGetData{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeWitnessBlock, &tip.Hash)}}, invOf(wire.InvTypeTx, 0, 3), invOf(wire.InvTypeBlock, 0, 1))
	f.Fuzz(func(t *testing.T, script []byte) {
		m := New(Config{Chain: h.node.chain, Pool: h.node.pool})
		now := n.now
		say := func(in syncer.Input) {
			now = now.Add(time.Second)
			for _, out := range m.Step(now, in) {
				if s, ok := out.(syncer.Send); ok {
					if _, err := codec.Encode(nil, s.Message); err != nil {
						t.Fatal(err)
					}
				}
			}
			if m.Status().Fault != nil {
				t.Fatal(m.Status().Fault)
			}
		}
		say(syncer.Connected{Peer: 1, Services: serves, Wants: true})
		for peer := syncer.Peer(1); len(script) >= 3; {
			command := fuzzed[int(script[0])%len(fuzzed)]
			size := min(int(binary.LittleEndian.Uint16(script[1:])), len(script)-3)
			message, err := codec.Decode(command, script[3:3+size])
			script = script[3+size:]
			if err != nil {
				continue
			}
			say(syncer.Received{Peer: peer, Message: message})
			say(syncer.Tick{})
			if m.peer(peer) == nil {
				peer++
				say(syncer.Connected{Peer: peer, Inbound: true, Wants: true, WTxID: true, Services: serves})
			}
		}
		now = now.Add(time.Hour)
		say(syncer.Tick{})
		if len(m.fetches) > maxFlight || len(m.wanted) > maxWanted {
			t.Fatalf("%d blocks, %d transactions", len(m.fetches), len(m.wanted))
		}
	})
}
