package consensus

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

func someUndo() *Delta {
	d := &Delta{Claims: []wire.OutPoint{{Hash: spv.Hash{9}, Index: 1}, {Hash: spv.Hash{8}}}}
	for i := range byte(3) {
		d.Spent = append(d.Spent, SpentCoin{wire.OutPoint{Hash: spv.Hash{i}, Index: 1 << (8 * uint32(i))},
			Coin{Value: int64(i) << 40, Script: bytes.Repeat([]byte{i}, 100*int(i)), Height: int32(i) << 24, Coinbase: i == 1}})
	}
	return d
}

func TestUndoRoundTrip(t *testing.T) {
	for _, d := range []*Delta{{}, someUndo()} {
		raw := d.EncodeUndo()
		u, err := DecodeUndo(raw)
		if err != nil {
			t.Fatal(err)
		}
		if len(u.Spent) != len(d.Spent) || len(u.Claims) != len(d.Claims) {
			t.Fatalf("%d coins, %d claims", len(u.Spent), len(u.Claims))
		}
		for i := range u.Spent {
			a, b := u.Spent[i], d.Spent[i]
			if !bytes.Equal(a.Coin.Script, b.Coin.Script) {
				t.Errorf("coin %d: script %x", i, a.Coin.Script)
			}
			a.Coin.Script, b.Coin.Script = nil, nil
			if !reflect.DeepEqual(a, b) {
				t.Errorf("coin %d: %+v, want %+v", i, a, b)
			}
		}
		for i := range raw { // no prefix reads as something else
			if _, err := DecodeUndo(raw[:i]); err == nil {
				t.Errorf("%d of %d bytes: accepted", i, len(raw))
			}
		}
		if _, err := DecodeUndo(append(raw, 0)); err == nil {
			t.Error("a byte too many: accepted")
		}
	}
}

func TestUndoStrict(t *testing.T) {
	for name, raw := range map[string][]byte{
		"version":           {2, 0, 0},
		"long zero":         {1, 0x80, 0, 0},
		"count beyond data": {1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0},
		"claims beyond":     {1, 0, 1},
	} {
		if _, err := DecodeUndo(raw); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	huge := (&Coin{Script: make([]byte, 10_001)}).Append(nil)
	if _, _, err := ParseCoin(huge); err == nil {
		t.Error("a script that is none: accepted")
	}
	negative := (&Coin{Value: -1}).Append(nil)
	if _, _, err := ParseCoin(negative); err == nil {
		t.Error("negative value: accepted")
	}
}

func FuzzUndo(f *testing.F) {
	f.Add((&Delta{}).EncodeUndo())
	f.Add(someUndo().EncodeUndo())
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, err := DecodeUndo(raw)
		if err != nil {
			return
		}
		if again := (&Delta{Spent: u.Spent, Claims: u.Claims}).EncodeUndo(); !bytes.Equal(again, raw) {
			t.Fatalf("%x reads as %+v, which writes as %x", raw, u, again)
		}
	})
}
