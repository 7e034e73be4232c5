// Package cursor walks the bytes of a file in one of this module's own forms: integers little-endian, lengths as CompactSize in their shortest
// form and never above a limit. It keeps the first error, so that a reader need not look after every step. It copies nothing and judges
// nothing of what it reads.
package cursor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/wire"
)

var errShort = errors.New("ends early")

// Cursor stands in some bytes. After the first error it moves no more, and everything that it returns is zero.
type Cursor struct {
	b   []byte
	at  int
	err error
}

// New returns a cursor that stands at an offset within b.
func New(b []byte, at int) Cursor { return Cursor{b: b, at: at} }

// Err returns the first error.
func (c *Cursor) Err() error { return c.err }

// Fail notes an error, if it is the first and not nil.
func (c *Cursor) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Parse goes behind what a parser takes from the front of the rest.
func (c *Cursor) Parse(parse func(b []byte) (rest []byte, err error)) {
	if c.err == nil {
		before := c.Rest()
		rest, err := parse(before)
		c.Skip(len(before)-len(rest), err)
	}
}

// Rest returns what has not been read, which is nothing after an error.
func (c *Cursor) Rest() []byte {
	if c.err != nil {
		return nil
	}
	return c.b[c.at:]
}

// Skip moves over n bytes that were read from Rest, or notes why they could not be.
func (c *Cursor) Skip(n int, err error) {
	if c.Fail(err); c.err == nil {
		c.at += n
	}
}

// Array is the largest array that Take fills after an error.
const Array = 80

var zeros [Array]byte

// Take returns the next n bytes, which it shares with the cursor. After an error it returns zeros, n or Array of them, whichever
// is less: conversions to arrays of up to that size stay safe.
func (c *Cursor) Take(n int) []byte {
	if n > len(c.b)-c.at {
		c.Fail(errShort)
	}
	if c.err != nil {
		return zeros[:min(n, Array)]
	}
	c.at += n
	return c.b[c.at-n : c.at : c.at]
}

// Byte reads one byte.
func (c *Cursor) Byte() byte { return c.Take(1)[0] }

// Uint16 reads 2 bytes.
func (c *Cursor) Uint16() uint16 { return binary.LittleEndian.Uint16(c.Take(2)) }

// Uint32 reads 4 bytes.
func (c *Cursor) Uint32() uint32 { return binary.LittleEndian.Uint32(c.Take(4)) }

// Height reads a block's height, 4 bytes.
func (c *Cursor) Height() int32 {
	v := c.Uint32()
	if v > math.MaxInt32 {
		c.Fail(fmt.Errorf("height %d, want at most %d", v, math.MaxInt32))
		return 0
	}
	return int32(v)
}

// Size reads a length of at most limit.
func (c *Cursor) Size(limit int) int {
	if c.err != nil {
		return 0
	}
	s := bytes.NewReader(c.b[c.at:])
	n, err := wire.ReadVarInt(s, 0) // refuses longer forms than needed
	switch {
	case err != nil:
		c.err = fmt.Errorf("a length at byte %d: %w", c.at, err)
	case n > uint64(max(limit, 0)):
		c.err = fmt.Errorf("a length of %d at byte %d, want at most %d", n, c.at, limit)
	}
	if c.err != nil {
		return 0
	}
	c.at = len(c.b) - s.Len()
	return int(n)
}

// End notes bytes that are left over, and returns the first error.
func (c *Cursor) End() error {
	if n := len(c.Rest()); n > 0 {
		c.Fail(fmt.Errorf("%d bytes too many", n))
	}
	return c.err
}

// AppendSize appends a length in the form that Size reads.
func AppendSize(b []byte, n int) []byte {
	w := bytes.NewBuffer(b)
	_ = wire.WriteVarInt(w, 0, uint64(n)) // a buffer takes everything
	return w.Bytes()
}
