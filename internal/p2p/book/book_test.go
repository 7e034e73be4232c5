package book

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"
)

var now = time.Unix(1_750_000_000, 0)

func all(Entry) bool { return true }

func ip(a, b, c, d int) Addr {
	return Addr{IP: netip.AddrFrom4([4]byte{byte(a), byte(b), byte(c), byte(d)}), Port: 8333}
}

// world returns a book of n addresses of n networks, from n/10 sources, of which one in
// three has worked.
func world(n int) *Book {
	b := New([16]byte{1, 2, 3})
	for i := range n {
		a := ip(20+i%80, i/80, 1, 1)
		b.Add(a, wire.SFNodeNetwork, now.Add(-time.Hour), fmt.Sprint("source", i/10), now)
		if i%3 == 0 {
			b.Works(a, wire.SFNodeNetwork|wire.SFNodeCF, now)
		}
	}
	return b
}

func TestParse(t *testing.T) {
	// The example of Tor's rend-spec-v3, and one letter of it spoiled.
	const onion = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:8333"
	for _, good := range []string{"1.2.3.4:8333", "[2001:470::1]:1", onion} {
		a, err := Parse(good)
		if err != nil || a.String() != good {
			t.Errorf("%s: %s, %v", good, a, err)
		}
	}
	for _, bad := range []string{"", "1.2.3.4", "1.2.3.4:0", "1.2.3.4:65536", "host.example:1", "[fe80::1%eth0]:1",
		strings.Replace(onion, "pg6", "pg7", 1), "aaaaaaaaaaaaaaaa.onion:1", strings.ToUpper(onion[:5]) + onion[5:]} {
		if a, err := Parse(bad); err == nil {
			t.Errorf("%s: %s", bad, a)
		}
	}
	if a, _ := Parse("[::ffff:1.2.3.4]:5"); a.String() != "1.2.3.4:5" {
		t.Errorf("got %s", a)
	}
}

func TestRoutable(t *testing.T) {
	for s, want := range map[string]bool{"8.8.8.8:1": true, "[2a00::1]:1": true, "10.0.0.1:1": false, "127.0.0.1:1": false,
		"192.168.1.1:1": false, "100.64.1.1:1": false, "224.0.0.1:1": false, "0.1.2.3:1": false, "169.254.1.1:1": false,
		"[::1]:1": false, "[fc00::1]:1": false, "[fe80::1]:1": false, "[2001:db8::1]:1": false, "255.255.255.255:1": false} {
		if a, err := Parse(s); err != nil || a.Routable() != want {
			t.Errorf("%s: %v, %v", s, !want, err)
		}
	}
}

func TestGroup(t *testing.T) {
	for s, want := range map[string]string{"1.2.3.4:1": "1.2.0.0/16", "[2a00:1234:5::1]:1": "2a00:1234::/32",
		"pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:1": "onion7"} {
		if a, _ := Parse(s); a.Group() != want {
			t.Errorf("%s: got %s, want %s", s, a.Group(), want)
		}
	}
}

// TestPoison: whoever speaks from one network, or owns the addresses of one, reaches no
// more than its share of the book, however much it tells.
func TestPoison(t *testing.T) {
	most := newShare * places
	liar := New([16]byte{7})
	for i := range 200_000 {
		liar.Add(ip(20+i%200, i/200, i/7, 1), 0, now, "6.6.0.0/16", now)
	}
	if got, _ := liar.Len(); got > most {
		t.Errorf("one source has %d addresses in, at most %d", got, most)
	}
	owner := New([16]byte{8})
	for i := range 60_000 { // from a source each, and all of them answer
		a := ip(6, 6, i/250, i%250)
		owner.Add(a, 0, now, fmt.Sprint(i), now)
		owner.Works(a, 0, now)
	}
	if _, worked := owner.Len(); worked > triedShare*places {
		t.Errorf("one network has %d addresses among those that worked, at most %d", worked, triedShare*places)
	}
	// Beside honest addresses, the liar is drawn no more often than its share.
	b := world(1000)
	honest, _ := b.Len()
	for i := range 200_000 {
		b.Add(ip(110+i%50, i/50, i/7, 2), 0, now, "6.6.0.0/16", now)
	}
	random := rand.New(rand.NewPCG(1, 2))
	bad := 0
	const draws = 1000
	for range draws {
		if e, ok := b.Select(random, now, all); ok && e.Addr.IP.As4()[3] == 2 {
			bad++
		}
	}
	lies, _ := b.Len()
	lies -= honest
	if lies > most || bad > draws/2*lies/(lies+honest*2/3)+draws/20 {
		t.Errorf("%d lies beside %d honest addresses are drawn %d times of %d", lies, honest, bad, draws)
	}
}

// TestHonestStay: a flood does not push out what is there.
func TestHonestStay(t *testing.T) {
	b := world(1000)
	before := b.inOrder()
	for i := range 300_000 {
		b.Add(ip(110+i%100, i/100, i/7, 2), 0, now, fmt.Sprint(i%1000), now)
	}
	for _, k := range before {
		if b.entries[k.Addr] != k {
			t.Fatalf("%s is gone", k.Addr)
		}
	}
}

func TestSelect(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	if _, ok := New([16]byte{}).Select(random, now, all); ok {
		t.Error("an address of an empty book")
	}
	b := world(300)
	if _, ok := b.Select(random, now, func(Entry) bool { return false }); ok {
		t.Error("an address that does not fit")
	}
	seen, worked := map[Addr]bool{}, 0
	for range 2000 {
		e, ok := b.Select(random, now, all)
		if !ok {
			t.Fatal("none")
		}
		seen[e.Addr] = true
		if e.Worked > 0 {
			worked++
		}
	}
	if n, _ := b.Len(); len(seen) < n*9/10 || worked < 900 || worked > 1100 {
		t.Errorf("%d of %d seen, %d of 2000 had worked", len(seen), n, worked)
	}
	// The last one that is left is found, even if it was dialled a moment ago.
	one := New([16]byte{5})
	one.Add(ip(8, 8, 8, 8), 0, now, "x", now)
	one.Tried(ip(8, 8, 8, 8), now)
	if _, ok := one.Select(random, now.Add(time.Second), all); !ok {
		t.Error("the only address is not found")
	}
}

// TestTerrible: what never works, and what is not heard of any longer, goes.
func TestTerrible(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	a := ip(8, 8, 8, 8)
	for name, c := range map[string]struct {
		spoil func(*Book)
		later time.Duration
		want  bool
	}{
		"fresh":              {func(*Book) {}, 0, true},
		"failed twice":       {func(b *Book) { b.Tried(a, now); b.Tried(a, now) }, time.Hour, true},
		"failed three times": {func(b *Book) { b.Tried(a, now); b.Tried(a, now); b.Tried(a, now) }, time.Hour, false},
		"a month old":        {func(*Book) {}, 31 * 24 * time.Hour, false},
		"a month, told again": {func(b *Book) {
			b.Add(a, 0, now.Add(30*24*time.Hour), "y", now.Add(30*24*time.Hour))
		}, 31 * 24 * time.Hour, true},
		"works, failed 9 times": {func(b *Book) { failed(b, a, 9) }, 8 * 24 * time.Hour, true},
		"works, failed 10":      {func(b *Book) { failed(b, a, 10) }, 8 * 24 * time.Hour, false},
		"banned":                {func(b *Book) { b.Ban(a, now.Add(time.Hour), "it lied") }, time.Minute, false},
		"banned once":           {func(b *Book) { b.Ban(a, now.Add(time.Hour), "it lied") }, time.Hour, true},
	} {
		b := New([16]byte{9})
		b.Add(a, 0, now, "x", now)
		c.spoil(b)
		if _, ok := b.Select(random, now.Add(c.later), all); ok != c.want {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

func failed(b *Book, a Addr, n int) {
	b.Works(a, 0, now)
	for range n {
		b.Tried(a, now)
	}
}

// TestAdd: what is not worth a place is not taken.
func TestAdd(t *testing.T) {
	b := New([16]byte{})
	for name, c := range map[string]struct {
		addr Addr
		seen time.Time
		want bool
	}{
		"good":       {ip(8, 8, 8, 8), now, true},
		"again":      {ip(8, 8, 8, 8), now, false},
		"private":    {ip(10, 0, 0, 1), now, false},
		"old":        {ip(8, 8, 8, 9), now.Add(-40 * 24 * time.Hour), false},
		"future":     {ip(8, 9, 8, 8), now.Add(time.Hour), true},
		"before all": {ip(8, 10, 8, 8), time.Unix(0, 0), true},
	} {
		if name == "again" {
			b.Add(c.addr, 0, c.seen, "s", now)
		}
		if got := b.Add(c.addr, 0, c.seen, "s"+name, now); got != c.want && name != "good" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if e := b.entries[ip(8, 9, 8, 8)]; e == nil || e.Seen > unix(now) {
		t.Error("a time in the future is believed")
	}
}

func TestSample(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	b := world(800)
	n, _ := b.Len()
	if got := len(b.Sample(random, now)); got != (n+3)/4 {
		t.Errorf("%d of %d", got, n)
	}
}

// TestBans: the list is bounded, and keeps those that last longest.
func TestBans(t *testing.T) {
	b := New([16]byte{})
	for i := range mostBans + 10 {
		b.Ban(ip(20, i>>16, i>>8, i), now.Add(time.Duration(i+1)*time.Hour), strings.Repeat("é", 1000))
	}
	if len(b.Bans()) != mostBans || b.Banned(ip(20, 0, 0, 0), now) || !b.Banned(ip(20, 0, 16, 0), now) {
		t.Errorf("%d bans", len(b.Bans()))
	}
	b.Unban(ip(20, 0, 16, 0))
	if b.Banned(ip(20, 0, 16, 0), now) {
		t.Error("still banned")
	}
	if _, err := Decode(b.Encode()); err != nil {
		t.Error(err)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	b := world(1000)
	b.Ban(ip(9, 9, 9, 9), now.Add(time.Hour), "it lied")
	b.Anchor(ip(8, 8, 8, 8))
	b.Add(Addr{Onion: [32]byte{1}, Port: 5}, 0, now, "x", now)
	raw := b.Encode()
	if err := Save(path, raw); err != nil {
		t.Fatal(err)
	}
	back, err := Load(path, [16]byte{})
	if err != nil || !bytes.Equal(back.Encode(), raw) || back.Anchors()[0] != ip(8, 8, 8, 8) || !back.Banned(ip(9, 9, 9, 9), now) {
		t.Fatalf("%v", err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: it holds a secret key", info.Mode())
	}
	for at := 0; at < len(raw); at += 97 { // cut and spoiled anywhere
		spoiled := bytes.Clone(raw)
		spoiled[at] ^= 4
		for _, bad := range [][]byte{raw[:at], spoiled} {
			if b, err := Decode(bad); err == nil || b != nil {
				t.Fatalf("byte %d: no error", at)
			}
		}
	}
	if err := os.WriteFile(path, raw[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	empty, err := Load(path, [16]byte{4})
	if n, _ := empty.Len(); err == nil || n != 0 || !strings.Contains(err.Error(), path) {
		t.Errorf("damaged: %d addresses, %v", n, err)
	}
	if b, err := Load(path+".not", [16]byte{4}); err != nil || b == nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, [16]byte{4}); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
}

// FuzzDecode: whatever is read is written the same, and nothing else is read.
func FuzzDecode(f *testing.F) {
	f.Add(world(3).Encode()[:len(world(3).Encode())-sha256.Size])
	f.Add(New([16]byte{}).Encode()[:36])
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		raw := append(bytes.Clone(body), sum[:]...)
		b, err := Decode(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(b.Encode(), raw) {
			t.Fatal("written differently")
		}
		b.Select(rand.New(rand.NewPCG(1, 2)), now, all)
	})
}

// FuzzAddrV2: addresses of any addrv2 message can be kept, and told again the same.
func FuzzAddrV2(f *testing.F) {
	m := &wire.MsgAddrV2{AddrList: []*wire.NetAddressV2{Entry{Addr: ip(8, 8, 8, 8), Seen: 5}.Wire(),
		Entry{Addr: Addr{Onion: [32]byte{1}, Port: 3}}.Wire(), Entry{Addr: Addr{IP: netip.MustParseAddr("2a00::1"), Port: 3}}.Wire()}}
	var seed bytes.Buffer
	if err := m.BtcEncode(&seed, 70016, wire.WitnessEncoding); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m wire.MsgAddrV2
		if m.BtcDecode(bytes.NewReader(raw), 70016, wire.WitnessEncoding) != nil {
			return
		}
		b := New([16]byte{1})
		for _, na := range m.AddrList {
			a, err := FromWire(na)
			if err != nil {
				continue
			}
			back, err := Parse(a.String())
			if err != nil || back != a {
				t.Fatalf("%s reads as %s, %v", a, back, err)
			}
			if again, err := FromWire(Entry{Addr: a}.Wire()); err != nil || again != a {
				t.Fatalf("%s is told as %s, %v", a, again, err)
			}
			b.Add(a, na.Services, na.Timestamp, "x", now)
		}
		if _, err := Decode(b.Encode()); err != nil {
			t.Fatal(err)
		}
	})
}
