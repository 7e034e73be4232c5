package wallet

import (
	"bytes"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"
)

func TestDamagedRecords(t *testing.T) {
	w := newWorld(t, "dev", 9)
	w.mine(w.pay(w.receive(0), 1000))
	for key, value := range w.log.m {
		if key[0] != keyTx && key[0] != keyCursor {
			continue
		}
		for _, spoil := range [][]byte{value[:len(value)-1], append(slices.Clone(value), 0), {}} {
			var l Memory
			_ = l.Write([]Record{{[]byte(key), spoil}})
			if _, err := Open(w.c.Params(), w.accounts(w.c.Params()), &l); err == nil {
				t.Errorf("record %x: %x is taken for whole", key, spoil)
			}
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	w := newWorld(f, "dev", 10)
	w.mine(w.pay(w.receive(0), 1000))
	r := w.c.history[0].record()
	f.Add(r.Key, r.Value)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		e, err := parseEntry(key, value)
		if err != nil {
			return
		}
		if r := e.record(); !bytes.Equal(r.Key[1:], key[1:]) || !bytes.Equal(r.Value, value) {
			t.Fatalf("%x becomes %x", value, r.Value)
		}
	})
}

// FuzzParseTx: whatever reads as a transaction is what it encodes to, to the last byte.
func FuzzParseTx(f *testing.F) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 7}, []byte{0x51}, wire.TxWitness{{1, 2}, nil}))
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 8}, nil, nil))
	tx.AddTxOut(wire.NewTxOut(1000, bytes.Repeat([]byte{0x51}, 300)))
	encoded := func() []byte {
		var b bytes.Buffer
		if err := tx.Serialize(&b); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	whole := encoded()
	tx.TxIn[0].Witness = nil
	bare := encoded()
	// A mark of a witness, and no witness; a count in more bytes than it needs; something behind.
	marked := slices.Concat(bare[:4], []byte{0, 1}, bare[4:len(bare)-4], []byte{0, 0}, bare[len(bare)-4:])
	long := slices.Concat(bare[:4], []byte{0xfd, 2, 0}, bare[5:])
	for name, b := range map[string][]byte{"marked": marked, "long": long, "behind": append(slices.Clone(bare), 0), "cut": whole[:len(whole)-1]} {
		if _, err := parseTx(b); err == nil {
			f.Errorf("%s: %x is taken for a transaction", name, b)
		}
		f.Add(b)
	}
	for _, b := range [][]byte{whole, bare} {
		if _, err := parseTx(b); err != nil {
			f.Error(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tx, err := parseTx(b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := tx.Serialize(&again); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("%x encodes as %x (%v)", b, again.Bytes(), err)
		}
	})
}
