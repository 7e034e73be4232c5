package syncer

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// TestAnnouncedAfterClockBack: a transaction that was announced while the clock was fast is announced again in time: who had
// it may have died.
func TestAnnouncedAfterClockBack(t *testing.T) {
	limit, _ := spv.ParseTarget(0x207fffff)
	rules := &spv.Rules{Name: "test", Work: pow.SHA256d, PowLimit: limit, ReorgLimit: 100, Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: 10}}}
	rules.Genesis = spv.Header{72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}
	m := New(spv.NewTree(rules), [16]byte{})
	now := time.Unix(1_700_000_000, 0)
	announced := func(in Input) (n int) {
		for _, out := range m.Step(now, in) {
			if s, ok := out.(Send); ok {
				if _, ok := s.Message.(*wire.MsgInv); ok {
					n++
				}
			}
		}
		return n
	}
	now = now.Add(2 * time.Hour)
	announced(Connected{Peer: 1})
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{})
	tx.AddTxOut(wire.NewTxOut(1, nil))
	if announced(Broadcast{Txs: []*wire.MsgTx{tx}}) != 1 {
		t.Fatal("not announced at first")
	}
	announced(Disconnected{Peer: 1})
	now = now.Add(-2 * time.Hour)
	announced(Connected{Peer: 2})
	for range mostRepeat*10 + 1 {
		now = now.Add(time.Second)
		if announced(Tick{}) > 0 {
			return
		}
	}
	t.Fatal("not announced again")
}
