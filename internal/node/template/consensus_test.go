package template_test

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// spend makes candidates that fill a block with signature operations: 200 of them each, on little weight.
func spend(t *testing.T, n int) (pool []template.Candidate) {
	t.Helper()
	for i := range n {
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: [32]byte{1}, Index: uint32(i)}, nil, nil))
		tx.AddTxOut(wire.NewTxOut(1, bytes.Repeat([]byte{txscript.OP_CHECKSIG}, 50)))
		var b bytes.Buffer
		if err := tx.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		parsed, _, err := spv.ParseTx(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		pool = append(pool, template.Candidate{Tx: parsed, Fee: 100, Weight: consensus.TxWeight(tx), SigOps: 4 * 50})
	}
	return pool
}

// TestConsensus has the node's own rules judge the blocks, an L1's and a layer's with its proof, full to the last
// signature operation, with a coinbase that has some too.
func TestConsensus(t *testing.T) {
	payout := []byte{txscript.OP_DUP, txscript.OP_CHECKSIG}
	for _, name := range []string{"dev", "layer-regtest"} {
		p := testchain.Params(t, name)
		limit := consensus.SigOpLimit(p)
		r := &template.Request{Chain: p, Prev: spv.Block{Height: 20}, Bits: 0x207fffff, Median: 1_760_000_000, Now: 1_760_000_100, Payout: payout,
			Candidates: spend(t, int(limit/200)+10), Extra: []byte{txscript.OP_CHECKMULTISIG, txscript.OP_CHECKSIG}}
		if p.Kind.Layered() {
			r.Commitment = &spv.Commitment{FeeVote: 1}
		}
		tpl, err := template.Build(r)
		if err != nil {
			t.Fatal(err)
		}
		if want := int((limit - 4*(1+20+1)) / 200); len(tpl.Txs) != want {
			t.Errorf("%s: %d transactions, want %d", name, len(tpl.Txs), want)
		}
		raw := solve(t, p, tpl)
		block, err := consensus.ParseBlock(p, raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := consensus.CheckBlock(p, block, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// solve gives a block its work: its own, or a parent's.
func solve(t *testing.T, p *chains.Params, tpl *template.Template) []byte {
	t.Helper()
	header, coinbase := tpl.Bare()
	parent := tpl
	var layers []work.Layer
	if p.Kind.Layered() {
		var err error
		if parent, err = template.Assemble(template.Parts{Height: 9, Version: 0x20000000, Bits: 0x1d00ffff, Time: tpl.Time,
			Outputs: []template.Output{{Value: 1, Script: []byte{0x51}}}}); err != nil {
			t.Fatal(err)
		}
		layers = []work.Layer{{Chain: p.Name, ID: p.AuxPoW.ChainID, Hash: header.ID(), Target: tpl.Target}}
	}
	job, err := work.NewJob(p.Work, parent, layers)
	if err != nil {
		t.Fatal(err)
	}
	for nonce := uint32(0); ; nonce++ {
		found, err := job.Judge(work.Share{Version: parent.Version, Time: parent.Time, Nonce: nonce})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case len(found.Layers) > 0:
			sealed := &spv.Sealed{Header: header, Aux: found.Proof(0)}
			if err := p.CheckWork(sealed, tpl.Height, nil); err != nil {
				t.Fatal(err)
			}
			return tpl.Block(sealed, coinbase)
		case found.Parent:
			return found.Block()
		}
	}
}
