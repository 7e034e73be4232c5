package consensus

import (
	"bytes"
	"testing"

	"github.com/layeredpow/lamina/spv"
)

// FuzzBlock: no bytes make ParseBlock or Connect panic, what parses writes back to the same
// bytes, and what Connect accepts keeps the books. The fuzzer's block is put on the tip and
// sealed, so that it comes past the header.
func FuzzBlock(f *testing.F) {
	w, valid := spoiledLayer(f, "dev-native")
	l1, plain := spoiledL1(f)
	f.Add(valid.Append(nil), true)
	f.Add(plain.Append(nil), false)
	f.Fuzz(func(t *testing.T, raw []byte, layer bool) {
		at := l1
		if layer {
			at = w
		}
		b, err := ParseBlock(at.p, raw)
		if err != nil {
			return
		}
		if !bytes.Equal(b.Append(nil), raw) {
			t.Fatalf("%x writes as %x", raw, b.Append(nil))
		}
		b.Height = at.tip().Height + 1
		if d, err := Connect(at.context(), b, at, nil); err == nil {
			keepsBooks(t, at, b, d)
		}
		prev := at.tip().Hash
		copy(b.Header[4:], prev[:])
		if len(b.Txs) > 0 && len(b.Txs[0].TxIn) > 0 {
			seal(b)
		}
		d, err := Connect(at.context(), b, at, nil)
		if err == nil {
			keepsBooks(t, at, b, d)
		}
		if err == nil || Permanent(err) {
			var rep spv.Report
			_ = CheckBlock(at.p, b, &rep)
		}
	})
}

func keepsBooks(t testing.TB, w *world, b *Block, d *Delta) {
	var in, out int64
	for _, s := range d.Spent {
		in += s.Coin.Value
	}
	for _, c := range d.Created {
		out += c.Coin.Value
	}
	subsidy, _ := w.p.Subsidy(b.Height)
	if in+subsidy+d.Minted != out+d.Burned+d.Lost {
		t.Fatalf("in %d, subsidy %d, minted %d; out %d, burned %d, lost %d", in, subsidy, d.Minted, out, d.Burned, d.Lost)
	}
}

// FuzzTx: no bytes make ParseTx or CheckTx panic, and what parses writes back the same.
func FuzzTx(f *testing.F) {
	w, valid := spoiledLayer(f, "dev-fractional")
	for _, tx := range valid.Txs {
		var raw bytes.Buffer
		if err := tx.Serialize(&raw); err != nil {
			f.Fatal(err)
		}
		f.Add(raw.Bytes())
	}
	ctx := w.context().ForTx(w.nextAnchor())
	ctx.Flags = StandardFlags
	mine := w.oldest(1)[0]
	f.Fuzz(func(t *testing.T, raw []byte) {
		tx, err := ParseTx(w.p, raw)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := tx.Serialize(&again); err != nil || !bytes.Equal(again.Bytes(), raw) {
			t.Fatalf("%x writes as %x, %v", raw, again.Bytes(), err)
		}
		for _, in := range tx.TxIn { // let it spend something that is there
			if _, ok := w.coins[in.PreviousOutPoint]; !ok && in.PreviousOutPoint.Index < 1<<30 {
				in.PreviousOutPoint = mine
				break
			}
		}
		facts, err := CheckTx(ctx, tx, w, nil)
		if err == nil && (facts.Fee < 0 || facts.Weight < 4*60) {
			t.Fatalf("facts %+v", facts)
		}
	})
}
