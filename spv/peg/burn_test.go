package peg_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
)

// forms are the five standard scripts.
func forms() map[string][]byte {
	h20, h32 := bytes.Repeat([]byte{3}, 20), bytes.Repeat([]byte{4}, 32)
	return map[string][]byte{
		"p2pkh":  append(append([]byte{0x76, 0xa9, 0x14}, h20...), 0x88, 0xac),
		"p2sh":   append(append([]byte{0xa9, 0x14}, h20...), 0x87),
		"p2wpkh": append([]byte{0x00, 0x14}, h20...),
		"p2wsh":  append([]byte{0x00, 0x20}, h32...),
		"p2tr":   append([]byte{0x51, 0x20}, h32...),
	}
}

// TestBurn compares the encoding with txscript's builder, which knows nothing of burns.
func TestBurn(t *testing.T) {
	for _, chain := range []string{"layer-regtest", "dev-fractional"} {
		p, l1 := load(t, chain)
		payer := l1.NetID()
		for form, spk := range forms() {
			burn := peg.Burn{Script: spk, MaxFee: 0x01020304, Amount: p.Peg.MinBurn}
			out, err := burn.Output(p, payer)
			if err != nil {
				t.Fatal(err)
			}
			want, err := txscript.NewScriptBuilder().AddOp(txscript.OP_RETURN).AddData(payer[:]).AddData(spk).
				AddData([]byte{4, 3, 2, 1}).Script()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.PkScript, want) || out.Value != p.Peg.MinBurn*p.UnitsPerSat() {
				t.Errorf("%s: %d to %x, want %x", form, out.Value, out.PkScript, want)
			}
			got, err := peg.ParseBurn(p, payer, out)
			if err != nil || got.MaxFee != burn.MaxFee || got.Amount != burn.Amount || !bytes.Equal(got.Script, spk) {
				t.Errorf("%s: %+v, %v", form, got, err)
			}
			if !peg.IsBurn(out.PkScript, payer) || peg.IsBurn(out.PkScript, p.NetID()) {
				t.Errorf("%s: IsBurn", form)
			}
		}
	}
}

func TestSpoiledBurn(t *testing.T) {
	p, l1 := load(t, "dev-fractional")
	payer := l1.NetID()
	for _, c := range []struct {
		name  string
		want  string
		spoil func(o *wire.TxOut)
	}{
		{"dust of a satoshi", peg.CheckBurnWhole, func(o *wire.TxOut) { o.Value++ }},
		{"nothing", peg.CheckBurnLeast, func(o *wire.TxOut) { o.Value = 0 }},
		{"negative", peg.CheckBurnLeast, func(o *wire.TxOut) { o.Value = -2_000_000 }},
		{"most negative", peg.CheckBurnWhole, func(o *wire.TxOut) { o.Value = math.MinInt64 }},
		{"too little", peg.CheckBurnLeast, func(o *wire.TxOut) { o.Value -= 1000 }},
		{"too much", peg.CheckBurnMost, func(o *wire.TxOut) { o.Value = (peg.MaxBurn + 1) * 1000 }},
		{"trailing byte", peg.CheckBurnForm, func(o *wire.TxOut) { o.PkScript = append(o.PkScript, 0) }},
		{"cut", peg.CheckBurnForm, func(o *wire.TxOut) { o.PkScript = o.PkScript[:len(o.PkScript)-1] }},
		{"only the head", peg.CheckBurnForm, func(o *wire.TxOut) { o.PkScript = o.PkScript[:34] }},
		{"another payer", peg.CheckBurnForm, func(o *wire.TxOut) { o.PkScript[2]++ }},
		{"not a return", peg.CheckBurnForm, func(o *wire.TxOut) { o.PkScript[0] = txscript.OP_NOP }},
		{"long push", peg.CheckBurnForm, func(o *wire.TxOut) {
			o.PkScript = append(append(bytes.Clone(o.PkScript[:34]), txscript.OP_PUSHDATA1), o.PkScript[34:]...)
		}},
		{"long push of the payer", peg.CheckBurnForm, func(o *wire.TxOut) {
			o.PkScript = append([]byte{txscript.OP_RETURN, txscript.OP_PUSHDATA1}, o.PkScript[1:]...)
		}},
		{"fee limit in 3 bytes", peg.CheckBurnForm, func(o *wire.TxOut) {
			n := len(o.PkScript)
			o.PkScript = append(append(bytes.Clone(o.PkScript[:n-5]), 3), o.PkScript[n-3:]...)
		}},
		{"no script", peg.CheckBurnForm, func(o *wire.TxOut) {
			o.PkScript = append(bytes.Clone(o.PkScript[:34]), 0)
		}},
		{"empty script", peg.CheckBurnScript, func(o *wire.TxOut) {
			o.PkScript = append(bytes.Clone(o.PkScript[:34]), 0, 4, 1, 2, 3, 4)
		}},
		{"another form of script", peg.CheckBurnScript, func(o *wire.TxOut) { o.PkScript[35] = 0x52 }},
		{"a burn of a burn", peg.CheckBurnScript, func(o *wire.TxOut) { o.PkScript[35] = 0x6a }},
	} {
		burn := peg.Burn{Script: forms()["p2tr"], MaxFee: 300, Amount: p.Peg.MinBurn}
		out, err := burn.Output(p, payer)
		if err != nil {
			t.Fatal(err)
		}
		c.spoil(out)
		_, err = peg.ParseBurn(p, payer, out)
		var bad *spv.CheckError
		if !errors.As(err, &bad) || bad.Name != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	for name, b := range map[string]peg.Burn{
		"script": {Script: []byte{1}, Amount: p.Peg.MinBurn},
		"least":  {Script: payTo(1), Amount: p.Peg.MinBurn - 1},
		"most":   {Script: payTo(1), Amount: peg.MaxBurn + 1},
	} {
		if _, err := b.Output(p, payer); err == nil {
			t.Errorf("%s: an output is made", name)
		}
	}
}

func FuzzParseBurn(f *testing.F) {
	p, l1 := load(f, "dev-fractional")
	payer := l1.NetID()
	for _, spk := range forms() {
		burn := peg.Burn{Script: spk, MaxFee: 300, Amount: p.Peg.MinBurn}
		out, err := burn.Output(p, payer)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out.Value, out.PkScript)
	}
	f.Fuzz(func(t *testing.T, value int64, script []byte) {
		in := wire.NewTxOut(value, script)
		burn, err := peg.ParseBurn(p, payer, in)
		if err != nil {
			return
		}
		out, err := burn.Output(p, payer)
		if err != nil || out.Value != value || !bytes.Equal(out.PkScript, script) {
			t.Fatalf("%d to %x parses but encodes to %+v, %v", value, script, out, err)
		}
	})
}

// TestDust has Bitcoin Core's published thresholds, and those of chains with other policies.
func TestDust(t *testing.T) {
	_, l1 := load(t, "layer-regtest")
	for form, want := range map[string]int64{"p2pkh": 546, "p2sh": 540, "p2wpkh": 294, "p2wsh": 330, "p2tr": 330} {
		if got := peg.Dust(l1, forms()[form]); got != want {
			t.Errorf("%s: %d sat, want %d", form, got, want)
		}
	}
	plain := *l1
	plain.Policy.DustLimit = 100_000
	if got := peg.Dust(&plain, payTo(1)); got != 100_000 {
		t.Errorf("plain limit: %d", got)
	}
}

func TestMarker(t *testing.T) {
	m := peg.Marker{Number: 0x01020304, Cut: spv.Hash{5}, List: spv.Hash{6}}
	payload := append([]byte("LPOX"), 4, 3, 2, 1)
	payload = append(append(payload, m.Cut[:]...), m.List[:]...)
	want, err := txscript.NullDataScript(payload)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Script(); !bytes.Equal(got, want) {
		t.Fatalf("%x, want %x", got, want)
	}
	if got, err := peg.ParseMarker(want); err != nil || got != m {
		t.Errorf("%+v, %v", got, err)
	}
	for i := range 6 {
		bad := bytes.Clone(want)
		bad[i]++
		if _, err := peg.ParseMarker(bad); err == nil {
			t.Errorf("byte %d spoiled: accepted", i)
		}
	}
	if _, err := peg.ParseMarker(append(want, 0)); err == nil {
		t.Error("trailing byte: accepted")
	}
}

func TestPayoutHash(t *testing.T) {
	list := []peg.Payout{{Burn: wire.OutPoint{Hash: spv.Hash{1}, Index: 2}, Value: 3, Script: payTo(4)}}
	b := append([]byte{1}, list[0].Burn.Hash[:]...)
	b = binary.LittleEndian.AppendUint32(b, 2)
	b = binary.LittleEndian.AppendUint64(b, 3)
	b = append(append(b, 22), list[0].Script...)
	if got, want := peg.PayoutHash(list), doubleSHA(b); got != want {
		t.Errorf("%x, want %x", got, want)
	}
}
