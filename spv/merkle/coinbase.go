package merkle

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// nullPrevout is the previous output of a coinbase's only input: a zero hash and the
// highest index.
var nullPrevout = append(make([]byte, 32), 0xff, 0xff, 0xff, 0xff)

// checkCoinbaseForm reads a whole transaction without witness and refuses it unless it has
// exactly one input, that input's prevout is null, and nothing follows it. Bytes that are
// no transaction at all could be an inner node or a shifted reading of one.
func checkCoinbaseForm(tx []byte) error {
	c := cursor{b: tx}
	c.skip(4) // version
	inputs := c.compactSize()
	if c.err == nil && inputs != 1 {
		return refuse(CheckCoinbase, fmt.Sprintf("%d inputs", inputs), "1 input")
	}
	prevout := c.skip(uint64(len(nullPrevout)))
	if c.err == nil && !bytes.Equal(prevout, nullPrevout) {
		out := binary.LittleEndian.Uint32(prevout[32:])
		return refuse(CheckCoinbase, fmt.Sprintf("prevout %x:%d", prevout[:32], out), "a null prevout")
	}
	c.skip(c.compactSize()) // script
	c.skip(4)               // sequence
	for n := c.compactSize(); n > 0 && c.err == nil; n-- {
		c.skip(8) // value
		c.skip(c.compactSize())
	}
	c.skip(4) // locktime
	if c.err != nil {
		return refuse(CheckCoinbase, fmt.Sprintf("%d bytes: %v", len(tx), c.err), "a transaction without witness")
	}
	if len(c.b) != 0 {
		return refuse(CheckCoinbase, fmt.Sprintf("%d bytes behind the transaction", len(c.b)), "none")
	}
	return nil
}

// cursor steps through bytes; its first error sticks and makes all later steps empty.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) skip(n uint64) []byte {
	if c.err == nil && n > uint64(len(c.b)) {
		c.err = errShort
	}
	if c.err != nil {
		return nil
	}
	taken := c.b[:n]
	c.b = c.b[n:]
	return taken
}

func (c *cursor) compactSize() (n uint64) {
	if c.err == nil {
		n, c.b, c.err = compactSize(c.b)
	}
	return n
}
