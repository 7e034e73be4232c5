package cursor_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/spv/internal/cursor"
)

func TestCursor(t *testing.T) {
	b := []byte{9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xfd, 0xfd, 0, 1}
	c := cursor.New(b, 1)
	if got := c.Byte(); got != 1 {
		t.Error(got)
	}
	if got := c.Uint16(); got != 0x0302 {
		t.Errorf("%x", got)
	}
	if got := c.Height(); got != 0x07060504 {
		t.Errorf("%x", got)
	}
	if got := c.Take(2); !bytes.Equal(got, []byte{8, 9}) || cap(got) != 2 {
		t.Error(got)
	}
	c.Parse(func(b []byte) ([]byte, error) { return b[2:], nil })
	if got := c.Size(253); got != 253 || len(c.Rest()) != 1 || c.Err() != nil {
		t.Error(got, c.Rest(), c.Err())
	}
	if err := c.End(); err == nil || err.Error() != "1 bytes too many" {
		t.Error(err)
	}
}

// TestFirstError: the first error stays, and what is read after it is zero, arrays of up to 80 bytes included.
func TestFirstError(t *testing.T) {
	broken, alsoBroken := errors.New("broken"), errors.New("broken also")
	for says, step := range map[string]func(c *cursor.Cursor){
		"ends early":                          func(c *cursor.Cursor) { c.Take(11) },
		"height 4294967295, want at most":     func(c *cursor.Cursor) { c.Height() },
		"a length at byte 0":                  func(c *cursor.Cursor) { c.Take(5); *c = cursor.New([]byte{0xfd, 1, 0}, 0); c.Size(9) },
		"a length of 255 at byte 9, want at ": func(c *cursor.Cursor) { *c = cursor.New([]byte{9: 0xfd, 10: 255, 11: 0}, 9); c.Size(254) },
		"want at most -1":                     func(c *cursor.Cursor) { *c = cursor.New([]byte{1}, 0); c.Size(-1) },
		"broken":                              func(c *cursor.Cursor) { c.Skip(3, broken) },
		"broken also":                         func(c *cursor.Cursor) { c.Parse(func(b []byte) ([]byte, error) { return b, alsoBroken }) },
	} {
		c := cursor.New(bytes.Repeat([]byte{255}, 10), 0)
		step(&c)
		if err := c.Err(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
		first := c.Err()
		c.Fail(errors.New("another"))
		c.Parse(func([]byte) ([]byte, error) { t.Errorf("%q: parses after it", says); return nil, nil })
		if [80]byte(c.Take(80)) != [80]byte{} || c.Byte() != 0 || c.Uint32() != 0 || c.Height() != 0 || c.Size(9) != 0 || c.Rest() != nil || c.End() != first {
			t.Errorf("%q: goes on after it, %v", says, c.End())
		}
	}
}

func FuzzSize(f *testing.F) {
	f.Add([]byte{0xfe, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := cursor.New(b, 0)
		n := c.Size(1 << 30)
		if c.Err() == nil && !bytes.Equal(append(cursor.AppendSize(nil, n), c.Rest()...), b) {
			t.Fatalf("%d is written otherwise than it was read", n)
		}
	})
}
