package swap_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/swap"
)

// TestRealNode lets a node that shares no code with us judge every form and path.
func TestRealNode(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a full node; the whole run does")
	}
	n := realnode.Litecoind(t)
	var spends []*spend
	for _, form := range forms {
		for _, path := range []swap.Path{swap.Redeem, swap.Refund} {
			s := newSpend(form, path)
			s.leg.Expiry = 115 + uint32(path) // two legs, two scripts
			s.tx.LockTime = 0
			if path == swap.Refund {
				s.tx.LockTime = s.leg.Expiry
			}
			s.tx.TxIn[0].PreviousOutPoint = mine(t, n, s.leg.PkScript())
			s.prevouts = txscript.NewCannedPrevOutputFetcher(s.leg.PkScript(), 50e8)
			s.tx.TxOut[0].Value = 49e8
			if err := s.sign(t); err != nil {
				t.Fatal(err)
			}
			spends = append(spends, s)
		}
	}
	n.Generate(t, 100) // to height 106
	for _, s := range spends {
		ok, why := accepts(t, n, s.tx)
		if ok != (s.path == swap.Redeem) || (!ok && why != "non-final") {
			t.Errorf("%v %v: %v %q", s.leg.Form, s.path, ok, why)
		}
	}
	n.Generate(t, 11) // to 117, where a locktime of 117 is final for the next block
	for _, s := range spends {
		n.Call(t, nil, "sendrawtransaction", encoded(t, s.tx), 0)
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

// mine makes a block whose coinbase pays a script.
func mine(t *testing.T, n *realnode.Node, script []byte) wire.OutPoint {
	t.Helper()
	var made struct{ Descriptor string }
	n.Call(t, &made, "getdescriptorinfo", "raw("+hex.EncodeToString(script)+")")
	var ids []string
	n.Call(t, &ids, "generatetodescriptor", 1, made.Descriptor)
	var block struct{ Tx []string }
	n.Call(t, &block, "getblock", ids[0])
	var h spv.Hash
	for i, b := range unhex(t, block.Tx[0]) {
		h[31-i] = b
	}
	return wire.OutPoint{Hash: h}
}

func accepts(t *testing.T, n *realnode.Node, tx *wire.MsgTx) (bool, string) {
	t.Helper()
	var verdict []struct {
		Allowed bool
		Reason  string `json:"reject-reason"`
	}
	n.Call(t, &verdict, "testmempoolaccept", []string{encoded(t, tx)}, 0)
	return verdict[0].Allowed, verdict[0].Reason
}

func encoded(t *testing.T, tx *wire.MsgTx) string {
	t.Helper()
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b.Bytes())
}
