package swap_test

import (
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv/swap"
)

// TestBtcd: every form of a leg is paid to, redeemed and refunded by the standardness rules
// of a second node that we did not write.
func TestBtcd(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a full node; the whole run does")
	}
	n := realnode.BtcdStrict(t)
	const fund, tip = 500, 450
	var spends []*spend
	for _, form := range forms {
		for _, path := range []swap.Path{swap.Redeem, swap.Refund} {
			s := newSpend(form, path)
			s.leg.Expiry = fund + uint32(path) // two legs, two scripts
			s.tx.LockTime = 0
			if path == swap.Refund {
				s.tx.LockTime = s.leg.Expiry
			}
			spends = append(spends, s)
		}
	}
	// One coinbase pays all legs.
	var first [][]byte
	for _, s := range spends {
		first = append(first, s.leg.PkScript())
	}
	coinbase := n.MineTo(t, first...)
	value := coinbase.TxOut[0].Value
	n.Generate(t, tip) // taproot becomes active
	for i, s := range spends {
		s.tx.TxIn[0].PreviousOutPoint = wire.OutPoint{Hash: coinbase.TxHash(), Index: uint32(i)}
		s.prevouts = txscript.NewCannedPrevOutputFetcher(s.leg.PkScript(), value)
		s.tx.TxOut[0] = wire.NewTxOut(value-100_000, spends[(i+1)%len(spends)].leg.PkScript()) // a leg is funded, too
		if err := s.sign(t); err != nil {
			t.Fatal(err)
		}
		ok, why := accepts(t, n, s.tx)
		if ok != (s.path == swap.Redeem) {
			t.Errorf("%v %v: %v %q", s.leg.Form, s.path, ok, why)
		}
	}
	n.Generate(t, fund-tip+5)
	for _, s := range spends {
		n.Call(t, nil, "sendrawtransaction", encoded(t, s.tx), true)
	}
	n.Generate(t, 1)
	for _, s := range spends {
		var out struct{ Confirmations int }
		n.Call(t, &out, "gettxout", s.tx.TxHash().String(), 0)
		if out.Confirmations != 1 {
			t.Errorf("%v %v: %d confirmations", s.leg.Form, s.path, out.Confirmations)
		}
	}
}
