package msg

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/spv"
)

func sampleSettleSig() *SettleSig {
	m := &SettleSig{NetID: spv.Hash{1}, Number: 0x01020304, Attempt: 20, TxID: spv.Hash{2}, Input: 0x0528, Settler: 14}
	m.Signature[0], m.Signature[63] = 0xaa, 0xbb
	return m
}

func TestSettleSig(t *testing.T) {
	c := Codec{Magic: [4]byte{1, 2, 3, 4}, MaxBlock: 1 << 20}
	m := sampleSettleSig()
	framed, err := c.Encode(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("00", 31)
	want := "01" + zeros + "04030201" + "14" + "02" + zeros + "2805" + "0e" + "aa" + strings.Repeat("00", 62) + "bb"
	payload := framed[FrameSize:]
	if got := hex.EncodeToString(payload); got != want {
		t.Fatalf("payload %s, want %s", got, want)
	}
	back, err := c.Decode(CmdSettleSig, payload)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := back.(*SettleSig); !ok || *got != *m {
		t.Fatalf("%+v, want %+v", back, m)
	}
	for _, bad := range [][]byte{nil, payload[:len(payload)-1], append(bytes.Clone(payload), 0), make([]byte, 5000)} {
		if m, err := c.Decode(CmdSettleSig, bad); err == nil {
			t.Errorf("%d bytes: got %+v", len(bad), m)
		}
	}
}

func FuzzSettleSig(f *testing.F) {
	f.Add(sampleSettleSig().Append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseSettleSig(b)
		if err == nil && !bytes.Equal(m.Append(nil), b) {
			t.Fatalf("%x became %x", b, m.Append(nil))
		}
	})
}
