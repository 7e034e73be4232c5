package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every bit of the file counts: flipped it is damage; flipped with a right checksum, it is a refusal that changes nothing.
func TestEveryBit(t *testing.T) {
	for _, private := range []bool{false, true} {
		d := newDisk()
		mustCreate(t, d, private)
		good := d.files[name]
		for i := range good {
			bad := slices.Clone(good)
			bad[i] ^= 1 << (i % 8)
			if _, err := parseEnvelope(bad); !errors.Is(err, ErrDamaged) {
				t.Fatalf("private %t: bit of byte %d: error %v, want ErrDamaged", private, i, err)
			}
			if i >= len(good)-sha256.Size {
				continue
			}
			sum := sha256.Sum256(bad[:len(bad)-sha256.Size])
			copy(bad[len(bad)-sha256.Size:], sum[:])
			e, err := parseEnvelope(bad)
			if err != nil || e.cost != cheap { // another cost takes its time; it fails as another salt does
				continue
			}
			keys := stretch([]byte("right"), e.salt[:], e.cost)
			if _, err := e.open(keys); err == nil {
				t.Fatalf("private %t: altered byte %d: opens", private, i)
			}
		}
		for i := range good {
			if _, err := parseEnvelope(good[:i]); !errors.Is(err, ErrDamaged) {
				t.Fatalf("private %t: cut to %d bytes: error %v, want ErrDamaged", private, i, err)
			}
		}
		if _, err := parseEnvelope(append(slices.Clone(good), 0)); !errors.Is(err, ErrDamaged) {
			t.Errorf("a byte more: error %v", err)
		}
	}
}

// A foreign file may be well-formed but for one thing.
func TestForeignFile(t *testing.T) {
	d := newDisk()
	mustCreate(t, d, false)
	tests := []struct {
		name  string
		spoil func(b []byte) []byte
		want  string
	}{
		{"magic", func(b []byte) []byte { b[0] = 'X'; return b }, "begins with"},
		{"version", func(b []byte) []byte { b[8] = 2; return b }, "version 2: want 1"},
		{"flags", func(b []byte) []byte { b[9] |= 4; return b }, "unknown flags"},
		{"memory", func(b []byte) []byte { binary.BigEndian.PutUint32(b[10:], mostMemory+1); return b }, "KiB of memory"},
		{"little memory", func(b []byte) []byte { binary.BigEndian.PutUint32(b[10:], 7); return b }, "KiB of memory"},
		{"no passes", func(b []byte) []byte { binary.BigEndian.PutUint32(b[14:], 0); return b }, "0 passes"},
		{"passes", func(b []byte) []byte { binary.BigEndian.PutUint32(b[14:], mostPasses+1); return b }, "passes"},
		{"work", func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[10:], mostMemory)
			binary.BigEndian.PutUint32(b[14:], 17)
			return b
		}, "17 passes"},
		{"lanes", func(b []byte) []byte { b[18] = 0; return b }, "0 lanes"},
		{"many lanes", func(b []byte) []byte { b[18] = 17; return b }, "17 lanes"},
		{"long profile", func(b []byte) []byte { binary.BigEndian.PutUint32(b[headerSize:], 1<<31); return b }, "profile is longer"},
		{"profile", func(b []byte) []byte { b[headerSize+4] = 'x'; return b }, "profile: invalid"},
		{"something follows", func(b []byte) []byte { return append(b, 0) }, "1 bytes follow"},
		{"watch-only", func(b []byte) []byte { b[9] |= flagWatchOnly; return b }, ""},
	}
	for _, tt := range tests {
		body := slices.Clone(d.files[name])
		body = tt.spoil(body[:len(body)-sha256.Size])
		sum := sha256.Sum256(body)
		other := newDisk()
		other.files[name] = append(body, sum[:]...)
		f, err := openFile(other, name)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrDamaged) {
				t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if _, err := f.Unlock([]byte("right")); !errors.Is(err, ErrPassword) {
			t.Errorf("%s: error %v, want ErrPassword", tt.name, err)
		}
	}
	big := newDisk()
	big.files[name] = make([]byte, maxFile+1)
	if _, err := openFile(big, name); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("huge file: error %v", err)
	}
}

func TestCalibrate(t *testing.T) {
	for _, perGiB := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second} {
		took := func(c Cost) time.Duration {
			return time.Duration(uint64(c.Memory) * uint64(c.Passes) * uint64(perGiB) / (1 << 20))
		}
		c := calibrate(500*time.Millisecond, took)
		if err := c.checkNew(); err != nil {
			t.Errorf("%v per GiB: %v", perGiB, err)
		}
		if d := took(c); c != LeastCost && (d < 250*time.Millisecond && uint64(c.Passes)*uint64(c.Memory) < mostWork/2 || d > 500*time.Millisecond) {
			t.Errorf("%v per GiB: %+v takes %v", perGiB, c, d)
		}
	}
	now := time.Unix(0, 0)
	c := Calibrate(time.Nanosecond, func() time.Time { now = now.Add(time.Second); return now })
	if c != LeastCost {
		t.Errorf("slow machine: %+v, want the least", c)
	}
}

func FuzzParseFile(f *testing.F) {
	for _, private := range []bool{false, true} {
		d := newDisk()
		mustCreate(f, d, private)
		f.Add(d.files[name][:len(d.files[name])-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		raw := append(slices.Clone(body), sum[:]...)
		e, err := parseEnvelope(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(e.encode(), raw) {
			t.Error("encodes otherwise than it was parsed")
		}
		if e.flags&flagPrivate == 0 {
			_, _ = e.openProfile(nil)
		}
		if _, err := e.open(new(fileKeys)); err == nil {
			t.Error("opens to the zero key")
		}
	})
}

func BenchmarkUnlock(b *testing.B) {
	for _, cost := range []Cost{LeastCost, Calibrate(500*time.Millisecond, time.Now)} {
		b.Run(fmt.Sprintf("%dMiB-%d-%d", cost.Memory/mebibyte, cost.Passes, cost.Lanes), func(b *testing.B) {
			f, err := create(newDisk(), name, []byte("right"), testContents(b), false, cost)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				keys, err := f.Unlock([]byte("right"))
				if err != nil {
					b.Fatal(err)
				}
				keys.Lock()
			}
		})
	}
}
