package msg_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/sample"
)

func TestGetSample(t *testing.T) {
	m := &msg.GetSample{NetID: spv.Hash{1}, Tip: spv.Hash{2}, Salt: [32]byte{3}, Security: 32, Keep: 2880}
	framed, err := codec.Encode(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("00", 31)
	want := "01" + zeros + "02" + zeros + "03" + zeros + "20" + "400b0000"
	payload := framed[msg.FrameSize:]
	if got := hex.EncodeToString(payload); got != want {
		t.Fatalf("payload %s, want %s", got, want)
	}
	back, err := codec.Decode(msg.CmdGetSample, payload)
	if got, ok := back.(*msg.GetSample); err != nil || !ok || *got != *m {
		t.Fatalf("%+v, want %+v; %v", back, m, err)
	}
	for _, bad := range [][]byte{nil, payload[:100], append(bytes.Clone(payload), 0), make([]byte, 1<<20)} {
		if m, err := codec.Decode(msg.CmdGetSample, bad); err == nil {
			t.Errorf("%d bytes: got %+v", len(bad), m)
		}
	}
}

// TestSampleParts: a proof of any length comes together again, and one that is too long is not cut.
func TestSampleParts(t *testing.T) {
	if msg.SamplePart*msg.MaxSampleParts != sample.MaxProof {
		t.Fatalf("parts hold %d bytes, a proof has up to %d", msg.SamplePart*msg.MaxSampleParts, sample.MaxProof)
	}
	front := msg.Sample{NetID: spv.Hash{1}, Tip: spv.Hash{2}, Height: 7}
	for _, n := range []int{1, msg.SamplePart - 1, msg.SamplePart, msg.SamplePart + 1, sample.MaxProof} {
		proof := bytes.Repeat([]byte{1, 2, 3}, n/3+1)[:n]
		var got []byte
		parts := msg.SampleParts(front, proof)
		for i, p := range parts {
			framed, err := codec.Encode(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			back, err := codec.Decode(msg.CmdSample, framed[msg.FrameSize:])
			if err != nil {
				t.Fatal(err)
			}
			s := back.(*msg.Sample)
			if s.NetID != front.NetID || s.Tip != front.Tip || s.Height != 7 || int(s.Part) != i || int(s.Parts) != len(parts) {
				t.Fatalf("part %d: %+v", i, s)
			}
			got = append(got, s.Bytes...)
		}
		if !bytes.Equal(got, proof) {
			t.Fatalf("%d bytes came together as %d", n, len(got))
		}
	}
	if len(msg.SampleParts(front, nil)) > 0 || len(msg.SampleParts(front, make([]byte, sample.MaxProof+1))) > 0 {
		t.Error("what is no proof was cut")
	}
}

func TestSampleRefused(t *testing.T) {
	good := func() *msg.Sample { return &msg.Sample{Height: 7, Part: 1, Parts: 2, Bytes: []byte{1}} }
	if _, err := msg.ParseSample(good().Append(nil)); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(m *msg.Sample){
		"want at most 2147483647": func(m *msg.Sample) { m.Height = 1 << 31 },
		"of no parts":             func(m *msg.Sample) { m.Parts = 0 },
		"part 2 of 2":             func(m *msg.Sample) { m.Part = 2 },
		"part 1 of 17":            func(m *msg.Sample) { m.Parts = 17 },
		"has 0 bytes":             func(m *msg.Sample) { m.Bytes = nil },
		"part 0 of 2 has 1 bytes": func(m *msg.Sample) { m.Part = 0 },
		"want 70 to 262214":       func(m *msg.Sample) { m.Bytes = make([]byte, msg.SamplePart+1) },
	} {
		m := good()
		spoil(m)
		if _, err := msg.ParseSample(m.Append(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
		if _, err := codec.Encode(nil, m); err == nil {
			t.Errorf("%q was sent", want)
		}
	}
	// A frame that announces more is refused before its payload is read.
	framed, _ := codec.Encode(nil, good())
	framed[16], framed[17], framed[18] = 0xff, 0xff, 0xff
	if _, err := codec.ParseFrame((*[msg.FrameSize]byte)(framed)); err == nil {
		t.Error("a frame of 16 MiB was taken")
	}
}

func FuzzSample(f *testing.F) {
	f.Add((&msg.Sample{Height: 7, Part: 1, Parts: 2, Bytes: []byte{1}}).Append(nil))
	f.Add((&msg.Sample{Height: 7}).Append(nil))
	f.Add((&msg.GetSample{Security: 32, Keep: 9}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := msg.ParseSample(b); err == nil && !bytes.Equal(m.Append(nil), b) {
			t.Fatalf("%x became %x", b, m.Append(nil))
		}
		if m, err := msg.ParseGetSample(b); err == nil && !bytes.Equal(m.Append(nil), b) {
			t.Fatalf("%x became %x", b, m.Append(nil))
		}
	})
}
