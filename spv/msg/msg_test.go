package msg_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv/msg"
)

var codec = msg.Codec{Magic: [4]byte{0xfc, 0xc1, 0xb7, 0xdc}, AuxPoW: true, MaxBlock: 4_000_000}

// TestRealHeaders reads two payloads that a real node sent, one with 393 proofs among
// its 2,000 headers, and writes them back.
func TestRealHeaders(t *testing.T) {
	for name, proofs := range map[string]int{
		"headers/dogecoin-testnet-158001-160000.headersmsg.bin": 393,
		"headers/dogecoin-testnet-2014-05.headersmsg.bin":       0,
	} {
		raw := testdata.Read(t, name)
		m, err := msg.ParseHeaders(raw, true)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for i := range m.Headers {
			if m.Headers[i].Aux != nil {
				got++
			}
		}
		if len(m.Headers) != 2000 || got != proofs {
			t.Errorf("%s: %d headers with %d proofs, want 2000 with %d", name, len(m.Headers), got, proofs)
		}
		if !bytes.Equal(m.Append(nil), raw) {
			t.Errorf("%s: written back differently", name)
		}
		for _, cut := range []int{1, 81, len(raw) / 2, len(raw) - 1} {
			if _, err := msg.ParseHeaders(raw[:cut], true); err == nil {
				t.Errorf("%s: the first %d bytes parse", name, cut)
			}
		}
		if _, err := msg.ParseHeaders(append(raw[:len(raw):len(raw)], 0), true); err == nil {
			t.Errorf("%s: a byte behind it is taken", name)
		}
	}
}

func TestHeaderCount(t *testing.T) {
	for in, want := range map[string]string{
		"":               "no count",
		"fd":             "malformed",
		"fd0100":         "malformed",
		"fdd107":         "2001 entries",
		"fdd007":         "want at least 162000",
		"fe00000100":     "malformed",
		"01":             "want at least 81",
		"ffffffffffffff": "malformed",
	} {
		b, _ := hex.DecodeString(in)
		if _, err := msg.ParseHeaders(b, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
	if m, err := msg.ParseHeaders([]byte{0}, true); err != nil || len(m.Headers) != 0 {
		t.Errorf("no headers: %v", err)
	}
}

// TestHeadersOwnTheirBytes: without proofs the payload may be written over.
func TestHeadersOwnTheirBytes(t *testing.T) {
	raw := testdata.Read(t, "headers/dogecoin-testnet-2014-05.headersmsg.bin")
	b := bytes.Clone(raw)
	m, err := msg.ParseHeaders(b, false)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !bytes.Equal(m.Append(nil), raw) {
		t.Error("the headers went with the payload")
	}
}

func TestFrame(t *testing.T) {
	ping := wire.NewMsgPing(77)
	whole, err := codec.Encode(nil, ping)
	if err != nil {
		t.Fatal(err)
	}
	var theirs bytes.Buffer // btcd writes the same bytes
	if err := wire.WriteMessage(&theirs, ping, msg.Version, wire.BitcoinNet(0xdcb7c1fc)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(whole, theirs.Bytes()) {
		t.Fatalf("%x, btcd writes %x", whole, theirs.Bytes())
	}
	frame, err := codec.ParseFrame((*[msg.FrameSize]byte)(whole))
	if err != nil || frame.Command != "ping" || frame.Length != 8 || frame.Verify(whole[24:]) != nil {
		t.Fatalf("%+v, %v", frame, err)
	}
	got, err := codec.Decode(frame.Command, whole[24:])
	if p, ok := got.(*wire.MsgPing); err != nil || !ok || p.Nonce != 77 {
		t.Fatalf("%v, %v", got, err)
	}
	for name, c := range map[string]struct {
		spoil func(b []byte)
		want  string
	}{
		"magic":              {func(b []byte) { b[0]++ }, "magic fdc1b7dc, want fcc1b7dc"},
		"empty command":      {func(b []byte) { b[4] = 0 }, "malformed command"},
		"text behind zero":   {func(b []byte) { b[10] = 'x' }, "malformed command"},
		"control character":  {func(b []byte) { b[5] = 7 }, "malformed command"},
		"too long for ping":  {func(b []byte) { b[16] = 200 }, "ping: 200 bytes, want at most 8"},
		"too long unknown":   {func(b []byte) { copy(b[4:], "pong\x00"); copy(b[4:], "zzzz"); b[18] = 2 }, "want at most 65536"},
		"too long for block": {func(b []byte) { copy(b[4:], "block"); b[19] = 9 }, "want at most 4000000"},
	} {
		b := bytes.Clone(whole[:24])
		c.spoil(b)
		if _, err := codec.ParseFrame((*[msg.FrameSize]byte)(b)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	payload := bytes.Clone(whole[24:])
	payload[0]++
	if err := frame.Verify(payload); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("spoiled payload: %v", err)
	}
	if err := frame.Verify(payload[1:]); err == nil {
		t.Error("short payload")
	}
}

func TestMerkleBlock(t *testing.T) {
	plain := msg.Codec{MaxBlock: 4_000_000}
	raw := testdata.Read(t, "merkleblock/bitcoin-mainnet-0830000-10.bin")
	m, err := plain.Decode("merkleblock", raw)
	if err != nil {
		t.Fatal(err)
	}
	mb := m.(*msg.MerkleBlock)
	root, matches, err := mb.Tree.Extract()
	if err != nil || root != mb.Header.Header.MerkleRoot() || len(matches) != 1 || matches[0].Index != 10 {
		t.Fatalf("root %s, %v, %v", root, matches, err)
	}
	if _, err := plain.Decode("merkleblock", append(raw[:len(raw):len(raw)], 0)); err == nil {
		t.Error("a byte behind it is taken")
	}
}

func TestUnknownAndUnsendable(t *testing.T) {
	m, err := codec.Decode("cmpctblock", []byte{1, 2, 3})
	if u, ok := m.(*msg.Unknown); err != nil || !ok || u.Command() != "cmpctblock" {
		t.Fatalf("%v, %v", m, err)
	}
	if _, err := codec.Encode(nil, m); err == nil {
		t.Error("an unknown message was written")
	}
	if _, err := codec.Encode(nil, &msg.Block{Raw: make([]byte, 4_000_001)}); err == nil {
		t.Error("a block above the limit was written")
	}
}

func FuzzHeaders(f *testing.F) {
	raw := testdata.Read(f, "headers/dogecoin-testnet-158001-160000.headersmsg.bin")
	f.Add([]byte{0}, true)
	f.Add(append([]byte{2}, raw[3:3+162]...), false)
	if all, err := msg.ParseHeaders(raw, true); err == nil {
		for i := range all.Headers {
			if all.Headers[i].Aux != nil {
				f.Add((&msg.Headers{Headers: all.Headers[i : i+2]}).Append(nil), true)
				break
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, aux bool) {
		m, err := msg.ParseHeaders(b, aux)
		if err == nil && !bytes.Equal(m.Append(nil), b) {
			t.Fatal("written back differently")
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, command := range []string{"version", "addr", "addrv2", "inv", "getheaders", "cfilter", "cfheaders", "cfcheckpt", "merkleblock", "feefilter", "ping"} {
		f.Add(command, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, command string, b []byte) {
		m, err := codec.Decode(command, b)
		if err == nil && m.Command() != command {
			t.Fatalf("decoded %q as %q", command, m.Command())
		}
	})
}
