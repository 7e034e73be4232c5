package spv_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// compareTx holds a transaction view against an independent parser.
func compareTx(t testing.TB, name string, tx *spv.Tx) {
	t.Helper()
	var m wire.MsgTx
	r := bytes.NewReader(tx.Bytes())
	if err := m.Deserialize(r); err != nil || r.Len() != 0 {
		t.Fatalf("%s: the other parser leaves %d bytes, %v", name, r.Len(), err)
	}
	if id := m.TxHash(); tx.ID() != id {
		t.Errorf("%s: id %s, want %s", name, tx.ID(), id)
	}
	if id := m.WitnessHash(); tx.WitnessID() != id {
		t.Errorf("%s: witness id %s, want %s", name, tx.WitnessID(), id)
	}
	if tx.StrippedSize() != m.SerializeSizeStripped() || len(tx.Bytes()) != m.SerializeSize() || tx.HasWitness() != m.HasWitness() {
		t.Errorf("%s: sizes %d and %d, want %d and %d", name, tx.StrippedSize(), len(tx.Bytes()), m.SerializeSizeStripped(), m.SerializeSize())
	}
	if tx.Inputs() != uint64(len(m.TxIn)) || tx.Outputs() != uint64(len(m.TxOut)) || !bytes.Equal(tx.FirstScript(), m.TxIn[0].SignatureScript) {
		t.Errorf("%s: %d inputs and %d outputs, want %d and %d, or another first script", name, tx.Inputs(), tx.Outputs(), len(m.TxIn), len(m.TxOut))
	}
	i := 0
	tx.EachOutput(func(value int64, script []byte) bool {
		if out := m.TxOut[i]; out.Value != value || !bytes.Equal(out.PkScript, script) {
			t.Errorf("%s: output %d of %d, want %d, or another script", name, i, value, out.Value)
		}
		i++
		return true
	})
	if i != len(m.TxOut) {
		t.Errorf("%s: %d outputs walked, want %d", name, i, len(m.TxOut))
	}
	null := len(m.TxIn) == 1 && m.TxIn[0].PreviousOutPoint.Index == wire.MaxPrevOutIndex && m.TxIn[0].PreviousOutPoint.Hash == spv.Hash{}
	if tx.IsCoinbase() != null {
		t.Errorf("%s: coinbase %v, want %v", name, tx.IsCoinbase(), null)
	}
}

// TestTxForms parses what is unusual and refuses what is not in its only form.
func TestTxForms(t *testing.T) {
	const (
		in      = "0000000000000000000000000000000000000000000000000000000000000000ffffffff0151ffffffff"
		out     = "00000000000000000151"
		version = "02000000"
		lock    = "00000000"
	)
	for _, v := range []struct {
		name, hex string
		parses    bool
	}{
		{"plain", version + "01" + in + "01" + out + lock, true},
		{"no outputs", version + "01" + in + "00" + lock, true},
		{"neither inputs nor outputs", version + "0000" + lock, true},
		{"witness", version + "000101" + in + "01" + out + "0101ff" + lock, true},
		{"witness item of no bytes", version + "000101" + in + "01" + out + "0100" + lock, true},
		{"empty witness", version + "000101" + in + "01" + out + "00" + lock, false},
		{"witness without inputs", version + "000100" + "01" + out + lock, false},
		{"witness flag 2", version + "000201" + in + "01" + out + "0101ff" + lock, false},
		{"flag of another extension", version + "000801" + in + "01" + out + lock, false},
		{"input count in three bytes", version + "fd0100" + in + "01" + out + lock, false},
		{"input count in nine bytes", version + "ff0100000000000000" + in + "01" + out + lock, false},
		{"output count in five bytes", version + "01" + in + "fe01000000" + out + lock, false},
		{"2^64-1 inputs", version + "ffffffffffffffffff" + in + lock, false},
		{"script of 2^63 bytes", version + "01" + in[:72] + "ff0000000000000080" + lock, false},
		{"cut", version + "01" + in + "01" + out + lock[:6], false},
		{"nothing", "", false},
	} {
		b, err := hex.DecodeString(v.hex)
		if err != nil {
			t.Fatal(err)
		}
		tx, n, err := spv.ParseTx(b)
		if (err == nil) != v.parses {
			t.Errorf("%s: %v, want it to parse: %v", v.name, err, v.parses)
			continue
		}
		if err != nil {
			continue
		}
		if n != len(b) || !bytes.Equal(tx.Bytes(), b) {
			t.Errorf("%s: %d of %d bytes", v.name, n, len(b))
		}
		for i := range b {
			if _, _, err := spv.ParseTx(b[:i]); err == nil {
				t.Errorf("%s: %d of %d bytes parse", v.name, i, len(b))
			}
		}
		if _, n, err := spv.ParseTx(slices.Concat(b, []byte{1, 2, 3})); err != nil || n != len(b) {
			t.Errorf("%s: with more behind it: %d bytes, %v", v.name, n, err)
		}
	}
}

// TestTxLimit refuses a transaction that no block could hold.
func TestTxLimit(t *testing.T) {
	tx := func(script int) []byte {
		b := append([]byte{1, 0, 0, 0, 1}, make([]byte, 36)...)
		b = append(b, 0xfe, byte(script), byte(script>>8), byte(script>>16), byte(script>>24))
		return append(append(b, make([]byte, script)...), 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	over := len(tx(100_000)) - 100_000
	if _, _, err := spv.ParseTx(tx(spv.MaxTx - over)); err != nil {
		t.Errorf("%d bytes: %v", spv.MaxTx, err)
	}
	if _, _, err := spv.ParseTx(tx(spv.MaxTx - over + 1)); err == nil {
		t.Errorf("%d bytes parse", spv.MaxTx+1)
	}
}

// TestRealTxs compares all transactions of two recent blocks with the other parser.
func TestRealTxs(t *testing.T) {
	for _, b := range [][]byte{recentBlock(t, "blocks/bitcoin_mainnet_951658.json"),
		testdata.Read(t, "merkleblock/bitcoin-mainnet-0830000.block.bz2")} {
		block, _, err := spv.ParseBlock(b, false)
		if err != nil {
			t.Fatal(err)
		}
		witnesses := 0
		for i := range block.Txs {
			compareTx(t, block.Header.ID().String(), &block.Txs[i])
			if block.Txs[i].HasWitness() {
				witnesses++
			}
		}
		if witnesses < len(block.Txs)/2 {
			t.Errorf("%d of %d transactions with witness", witnesses, len(block.Txs))
		}
	}
}

// recentBlock reads a block in an RPC answer's "block" field.
func recentBlock(t testing.TB, file string) []byte {
	t.Helper()
	var f struct{ Block string }
	decodeJSON(t, file, &f)
	return unhex(t, f.Block)
}
