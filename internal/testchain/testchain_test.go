package testchain

import (
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// TestOwn: what is changed in one is not changed in the next, and easy is easy by the chain's own rules.
func TestOwn(t *testing.T) {
	plain := Params(t, "dev")
	id := plain.NetID()
	easy := Easy(t, "dev")
	if plain.NetID() != id || Params(t, "dev").NetID() != id {
		t.Error("an easy chain changes the built-in one")
	}
	tree := spv.NewTree(&easy.Rules)
	if bits, _, ok := tree.After(easy.NetID(), easy.Genesis.Time()+1); !ok || bits != EasyBits || easy.Genesis.Bits() != EasyBits {
		t.Errorf("bits %08x after genesis, want %08x", bits, EasyBits)
	}
	target, ok := spv.ParseTarget(EasyBits)
	if !ok || target.BitLen() != 255 {
		t.Errorf("a target of %d bits, want 255: every second hash", target.BitLen())
	}
}

// TestBlock: the parts fit together by the tree's rules and by those of a program that we did not write.
func TestBlock(t *testing.T) {
	p := Easy(t, "dev")
	spend := wire.NewMsgTx(2)
	spend.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: spv.Hash{1}}, nil, wire.TxWitness{{1}}))
	spend.AddTxOut(wire.NewTxOut(1, []byte{0x51}))
	for _, txs := range [][]*wire.MsgTx{{Coinbase(p, 1, 7, nil)}, {Coinbase(p, 1, 7, nil), spend}} {
		CommitWitness(txs)
		h := HeaderOn(4, p.NetID(), txs, p.Genesis.Time()+10)
		Mine(&h)
		if _, err := spv.NewTree(&p.Rules).Connect([]spv.Sealed{{Header: h}}, 0); err != nil {
			t.Error(err)
		}
		var all []*btcutil.Tx
		for _, tx := range txs {
			all = append(all, btcutil.NewTx(tx))
		}
		root := blockchain.CalcMerkleRoot(all, false)
		if h.MerkleRoot() != root {
			t.Errorf("merkle root %s, want %s", h.MerkleRoot(), root)
		}
		block := btcutil.NewBlock(&wire.MsgBlock{Transactions: txs})
		if err := blockchain.ValidateWitnessCommitment(block); err != nil {
			t.Error(err)
		}
	}
}
