package syncer

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// announcer is a machine, and its clock, of which only announcements are counted.
type announcer struct {
	m   *Machine
	now time.Time
}

func newAnnouncer() *announcer {
	rules := flatRules(10)
	return &announcer{New(spv.NewTree(rules), [16]byte{}), time.Unix(1_700_000_000, 0)}
}

// after returns how many announcements follow an input.
func (a *announcer) after(in Input) (n int) {
	for _, out := range a.m.Step(a.now, in) {
		if s, ok := out.(Send); ok {
			if _, ok := s.Message.(*wire.MsgInv); ok {
				n++
			}
		}
	}
	return n
}

func aPayment() Broadcast {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{})
	tx.AddTxOut(wire.NewTxOut(1, nil))
	return Broadcast{Txs: []*wire.MsgTx{tx}}
}

// TestAnnouncedAfterClockBack: a transaction that was announced while the clock was fast is announced again in time: who had
// it may have died.
func TestAnnouncedAfterClockBack(t *testing.T) {
	a := newAnnouncer()
	a.now = a.now.Add(2 * time.Hour)
	a.after(Connected{Peer: 1})
	if a.after(aPayment()) != 1 {
		t.Fatal("not announced at first")
	}
	a.now = a.now.Add(-2 * time.Hour)
	if a.after(Connected{Peer: 2}) != 0 {
		t.Fatal("announced to everybody")
	}
	for range mostRepeat*10 + 1 {
		a.now = a.now.Add(time.Second)
		if a.after(Tick{}) > 0 {
			return
		}
	}
	t.Fatal("not announced again")
}

// TestAnnouncedToTheNext: when all who were told of a transaction are gone, whoever comes is told at once.
func TestAnnouncedToTheNext(t *testing.T) {
	a := newAnnouncer()
	for id := Peer(1); id <= 3; id++ {
		a.after(Connected{Peer: id})
	}
	if n := a.after(aPayment()); n != 2 {
		t.Fatalf("announced to %d of 3", n)
	}
	n := 0
	for id := Peer(1); id <= 3; id++ {
		n += a.after(Disconnected{Peer: id})
	}
	if n += a.after(Connected{Peer: 4}); n != 1 {
		t.Errorf("announced %d times more, want 1", n)
	}
}
