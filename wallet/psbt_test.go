package wallet

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

// packetVectors are those of Bitcoin Core, the BIPs' among them.
func packetVectors(t testing.TB) (v struct {
	Invalid        []string
	InvalidWithMsg [][2]string `json:"invalid_with_msg"`
	Valid          []string
	Combiner       []struct {
		Combine []string
		Result  string
	}
	Finalizer []struct{ Finalize, Result string }
	Extractor []struct{ Extract, Result string }
}) {
	t.Helper()
	if err := json.Unmarshal(testdata.Read(t, "vectors/core-rpc_psbt.json"), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPacketVectors(t *testing.T) {
	v := packetVectors(t)
	version0 := 0
	for i, s := range v.Valid {
		p, err := ParsePacket([]byte(s))
		if err != nil {
			if strings.Contains(err.Error(), "version 02000000") {
				continue
			}
			t.Errorf("valid %d: %v", i, err)
			continue
		}
		version0++
		if again, err := ParsePacket(p.Bytes()); err != nil || again.Base64() != p.Base64() {
			t.Errorf("valid %d: %v", i, err)
		}
	}
	if version0 < 34 {
		t.Errorf("%d packets of version 0, want 34", version0)
	}
	for i, s := range v.Invalid {
		if _, err := ParsePacket([]byte(s)); err == nil {
			t.Errorf("invalid %d is taken", i)
		}
	}
	// BIP373 (MuSig2) and the shape of taproot trees are not read here: such fields are
	// kept as they are and never used.
	for i, s := range v.InvalidWithMsg {
		opaque := strings.Contains(strings.ToLower(s[1]), "musig") || strings.Contains(s[1], "tree") || strings.Contains(s[1], "stated size")
		if _, err := ParsePacket([]byte(s[0])); err == nil && !opaque {
			t.Errorf("invalid %d is taken: %s", i, s[1])
		}
	}
}

// TestPacketCombineVectors puts real parts together, whichever comes first.
func TestPacketCombineVectors(t *testing.T) {
	for i, c := range packetVectors(t).Combiner {
		var ps []*Packet
		for _, s := range c.Combine {
			p, err := ParsePacket([]byte(s))
			if err != nil {
				t.Fatal(err)
			}
			ps = append(ps, p)
		}
		for range len(ps) {
			got, err := ps[0].Combine(ps[1:]...)
			if err != nil {
				t.Fatalf("combiner %d: %v", i, err)
			}
			// The same fields; BIP174 leaves their order open.
			want, err := ParsePacket([]byte(c.Result))
			if err != nil {
				t.Fatal(err)
			}
			both, err := want.Combine(got)
			if err != nil || both.Base64() != want.Base64() || len(got.Bytes()) != len(want.Bytes()) {
				t.Errorf("combiner %d: %v\n%s\nwant\n%s", i, err, got.Base64(), c.Result)
			}
			ps = append(ps[1:], ps[0])
		}
	}
}

// TestPacketExtractVectors takes the transaction out of real packets, finished by others or by us.
func TestPacketExtractVectors(t *testing.T) {
	v := packetVectors(t)
	for i, c := range v.Extractor {
		p, err := ParsePacket([]byte(c.Extract))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Extract()
		if err != nil || hex.EncodeToString(got.Raw()) != c.Result {
			t.Errorf("extractor %d: %v", i, err)
		}
		// The finalizer's packet leads to the same transaction.
		q, err := ParsePacket([]byte(v.Finalizer[i].Finalize))
		if err != nil {
			t.Fatal(err)
		}
		if s, err := q.Extract(); err != nil || s.ID() != got.ID() || s.Fee() <= 0 {
			t.Errorf("finalizer %d: %v", i, err)
		}
	}
}

func TestDraftAsPacket(t *testing.T) {
	for account := range 4 {
		w := newWorld(t, "dev", 1)
		w.mine(w.pay(w.receive(account), 50_000), w.pay(w.receive(account), 60_000))
		d := w.draft(Request{Rate: 1000, Change: account, Recipients: []Recipient{{Script: w.stranger(), Amount: 80_000}}})
		p, err := d.Packet()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Extract(); err == nil {
			t.Error("a packet without signatures is whole")
		}
		p, err = ParsePacket([]byte(p.Base64()))
		if err != nil {
			t.Fatal(err)
		}
		in, out := p.Inputs(), w.c.Outputs(p)
		if len(in) != 2 || in[0].Value+in[1].Value != 110_000 || in[0].Final || !slices.ContainsFunc(out, func(o Output) bool { return o.Change }) {
			t.Errorf("%+v %+v", in, out)
		}
		signed, n, err := p.Sign(w.keys)
		if err != nil || n != 2 {
			t.Fatalf("account %d: %d signatures, %v", account, n, err)
		}
		if _, err := d.Complete(signed); err != nil {
			t.Errorf("account %d: signed as a packet: %v", account, err)
		}
		// Signed elsewhere, one input each.
		s := w.sign(d)
		halves := [2]*Packet{}
		for i := range halves {
			halves[i], _ = ParsePacket(p.Bytes())
			put := &halves[i].p.Inputs[i]
			if w := s.tx.TxIn[i].Witness; w != nil {
				var b bytes.Buffer
				b.WriteByte(byte(len(w)))
				for _, item := range w {
					b.WriteByte(byte(len(item)))
					b.Write(item)
				}
				put.FinalScriptWitness = b.Bytes()
			}
			put.FinalScriptSig = s.tx.TxIn[i].SignatureScript
		}
		all, err := halves[0].Combine(halves[1])
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Complete(all)
		if err != nil || got.ID() != s.ID() || got.Fee() != d.Fee() {
			t.Errorf("account %d: %v", account, err)
		}
		if _, err := d.Complete(halves[0]); err == nil {
			t.Error("half of it is whole")
		}
		other := w.draft(Request{Rate: 1000, Recipients: []Recipient{{Script: w.stranger(), Amount: 80_000}}})
		if _, err := other.Complete(all); err == nil || !strings.Contains(err.Error(), "not the draft") {
			t.Errorf("another draft: %v", err)
		}
		q, _ := other.Packet()
		if _, err := all.Combine(q); err == nil {
			t.Error("packets of two transactions are combined")
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	v := packetVectors(f)
	for _, s := range slices.Concat(v.Valid, v.Invalid) {
		raw, _ := base64.StdEncoding.DecodeString(s)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			return
		}
		again, err := ParsePacket(p.Bytes())
		if err != nil || again.Base64() != p.Base64() {
			t.Fatalf("%x: %v", b, err)
		}
		_ = p.Inputs()
		_, _ = p.Extract()
		if _, err := p.Combine(again); err != nil {
			t.Fatalf("with itself: %v", err)
		}
	})
}

// TestPacketDuplicates repeats every field of real packets, as it is and with another value: a key must not stand in a
// map twice (BIP174).
func TestPacketDuplicates(t *testing.T) {
	fields := 0
	for i, s := range packetVectors(t).Valid {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePacket(raw); err != nil {
			continue // of version 2
		}
		for at := len(packetMagic); at < len(raw); {
			key, n, err := varBytes(raw[at:])
			if err != nil {
				t.Fatal(err)
			}
			if len(key) == 0 { // the end of a map
				at += n
				continue
			}
			value, m, err := varBytes(raw[at+n:])
			if err != nil {
				t.Fatal(err)
			}
			field := raw[at : at+n+m]
			at += len(field)
			fields++
			if _, err := ParsePacket(slices.Insert(slices.Clone(raw), at, field...)); err == nil {
				t.Errorf("valid %d: field %x stands twice", i, key)
			}
			if len(value) == 0 {
				continue
			}
			other := slices.Clone(field)
			other[len(other)-1] ^= 1
			if _, err := ParsePacket(slices.Insert(slices.Clone(raw), at, other...)); err == nil {
				t.Errorf("valid %d: field %x stands twice, with two values", i, key)
			}
		}
	}
	if fields < 200 {
		t.Errorf("%d fields, want more", fields)
	}
}
