package relay

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestSettleSigs: signatures reach whoever judges them, within bounds; good ones go to all full
// nodes but the sender, a bounded number a step; a peer whose signatures are bad is dropped.
func TestSettleSigs(t *testing.T) {
	n := newNetwork(t, 11)
	m := n.nodes(1)[0].node.m
	heard := map[syncer.Peer]int{}
	m.settle = func(from syncer.Peer, _ msg.Message) { heard[from]++ }
	now := n.now
	for id, services := range map[syncer.Peer]wire.ServiceFlag{101: serves, 102: serves, 103: 0} { // the last is a light client
		m.Step(now, syncer.Connected{Peer: id, Inbound: true, Services: services})
	}
	sig := &msg.SettleSig{NetID: n.p.NetID(), Number: 7}
	other := &msg.SettleSig{NetID: spv.Hash{1}}
	m.Step(now, syncer.Received{Peer: 101, Message: other})
	for range maxSigs + 50 {
		m.Step(now, syncer.Received{Peer: 101, Message: sig})
	}
	m.Step(now, syncer.Received{Peer: 102, Message: sig})
	if heard[101] != maxSigs || heard[102] != 1 {
		t.Errorf("heard %v, want %d of the loud one", heard, maxSigs)
	}
	now = now.Add(sigTurn)
	m.Step(now, syncer.Received{Peer: 101, Message: sig})
	if heard[101] != maxSigs+1 {
		t.Errorf("heard %v after a while", heard)
	}

	for range maxFloods + 10 {
		m.Flood(sig, 102)
	}
	sent := map[syncer.Peer]int{}
	steps := 0
	for len(m.floods) > 0 {
		steps++
		in := 0
		for _, out := range m.Step(now, syncer.Resume{}) {
			if s, ok := out.(syncer.Send); ok && s.Message.Command() == msg.CmdSettleSig {
				sent[s.Peer]++
				in++
			}
		}
		if in > 2*maxFlood {
			t.Fatalf("%d signatures in one step", in)
		}
	}
	if len(sent) != 1 || sent[101] != maxFloods || steps != (maxFloods+maxFlood-1)/maxFlood {
		t.Errorf("sent %v in %d steps", sent, steps)
	}

	dropped := func() bool {
		for _, out := range m.Step(now, syncer.Resume{}) {
			if d, ok := out.(syncer.Drop); ok && d.Peer == 102 {
				return true
			}
		}
		return false
	}
	for i := range maxScore / badSig {
		if dropped() {
			t.Fatalf("dropped for %d bad signatures", i)
		}
		m.Blame(102, "signature 3 is none")
	}
	if !dropped() {
		t.Errorf("a peer with %d bad signatures stays", maxScore/badSig)
	}
	m.Blame(102, "who is gone is no harm")
	m.Step(now.Add(time.Second), syncer.Tick{})
}
