package doctor_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
)

// TestGenesisBlocks: every chain's first block is itself, and needs neither work, nor proof, nor signet's solution.
func TestGenesisBlocks(t *testing.T) {
	for _, p := range testchain.Set(t).All() {
		r, err := doctor.Block(unknown(&p.Rules), slices.Concat(p.Genesis[:], []byte{1}, p.GenesisCoinbase))
		want(t, r, err, doctor.Verified)
	}
}

// TestTx64 judges a block with a transaction of 64 bytes: only layers forbid those.
func TestTx64(t *testing.T) {
	for chain, verdict := range map[string]doctor.Verdict{"bitcoin-regtest": doctor.Verified, "dev-native": doctor.Refuted} {
		p := testchain.Easy(t, chain)
		small := wire.NewMsgTx(2)
		small.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: spv.Hash{9}}, nil, nil))
		small.AddTxOut(wire.NewTxOut(240, []byte{txscript.OP_1, 2, 0x4e, 0x73}))
		if n := small.SerializeSize(); n != 64 {
			t.Fatalf("%d bytes", n)
		}
		txs := []*wire.MsgTx{testchain.Coinbase(p, 1, 0, nil, wire.NewTxOut(1, []byte{txscript.OP_TRUE})), small}
		h := testchain.HeaderOn(4, p.Genesis.ID(), txs, p.Genesis.Time()+600)
		testchain.Mine(&h)
		b := bytes.NewBuffer(append(h[:], 2))
		for _, tx := range txs {
			if err := tx.Serialize(b); err != nil {
				t.Fatal(err)
			}
		}
		r, err := doctor.Block(unknown(&p.Rules), b.Bytes())
		want(t, r, err, verdict)
		warned := slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "transaction 1 has 64 bytes") })
		if passed := verdict == doctor.Verified; warned != passed || !passed && outcome(r, spv.CheckBlockTx64) != spv.Failed {
			t.Errorf("%s: %+v, warnings %q", chain, r.Checks, r.Warnings)
		}
		if verdict == doctor.Refuted {
			continue
		}
		r, err = doctor.Block(unknown(&p.Rules), slices.Concat(h[:], []byte{1}, b.Bytes()[b.Len()-64:]))
		want(t, r, err, doctor.Refuted)
		if outcome(r, spv.CheckBlockTx64) != spv.Failed {
			t.Errorf("without a coinbase: %+v", r.Checks)
		}
	}
}
