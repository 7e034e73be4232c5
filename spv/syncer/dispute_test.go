package syncer

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/filter"
)

func unhex(t *testing.T, s any) []byte {
	t.Helper()
	b, err := hex.DecodeString(s.(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRefuteReal judges the real blocks and filters of BIP158's vectors: none is refuted,
// and each filter that lacks any one of the outputs' scripts is.
func TestRefuteReal(t *testing.T) {
	var rows [][]any
	if err := json.Unmarshal(testdata.Read(t, "filters/bip158-testnet-19.json"), &rows); err != nil {
		t.Fatal(err)
	}
	refuted := 0
	for _, row := range rows[1:] {
		raw, data := unhex(t, row[2]), unhex(t, row[5])
		block, _, err := spv.ParseBlock(raw, false)
		if err != nil {
			t.Fatal(err)
		}
		id := block.Header.ID()
		if err := refute(data, &id, block); err != nil {
			t.Errorf("block %v: the real filter is refuted: %v", row[0], err)
		}
		full, err := btcutil.NewBlockFromBytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		var prev [][]byte
		for _, p := range row[3].([]any) {
			prev = append(prev, unhex(t, p))
		}
		for i, tx := range full.MsgBlock().Transactions {
			for j, out := range tx.TxOut {
				script := out.PkScript
				if len(script) == 0 || script[0] == 0x6a {
					continue
				}
				out.PkScript = nil
				less, err := filter.Build(full.MsgBlock(), prev)
				out.PkScript = script
				if err != nil {
					t.Fatal(err)
				}
				if string(less) == string(data) {
					continue // the script is there twice
				}
				if refute(less, &id, block) == nil {
					t.Errorf("block %v: a filter without output %d of transaction %d passes", row[0], j, i)
				}
				refuted++
			}
		}
	}
	if refuted < 10 {
		t.Fatalf("only %d filters were spoilt", refuted)
	}
	if refute(nil, &spv.Hash{}, &spv.FullBlock{}) == nil {
		t.Error("an empty filter passes")
	}
}

// TestGuessSpent: what an input seems to spend is guessed, never more.
func TestGuessSpent(t *testing.T) {
	key := append([]byte{2}, make([]byte, 32)...)
	want := append([]byte{0, 20}, btcutil.Hash160(key)...)
	tx := wire.NewMsgTx(2)
	in := wire.NewTxIn(&wire.OutPoint{Index: 1}, nil, wire.TxWitness{make([]byte, 71), key})
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(1, []byte{0x51}))
	var raw writer
	if err := tx.Serialize(&raw); err != nil {
		t.Fatal(err)
	}
	parsed, _, err := spv.ParseTx(raw)
	if err != nil {
		t.Fatal(err)
	}
	got := guessSpent(&spv.FullBlock{Txs: []spv.Tx{{}, parsed}})
	if len(got) != 1 || string(got[0]) != string(want) {
		t.Fatalf("guessed %x, want %x", got, want)
	}
}

type writer []byte

func (w *writer) Write(b []byte) (int, error) { *w = append(*w, b...); return len(b), nil }
