// Package msg turns peer messages into values and back. It frames and unframes bytes,
// with limits before anything is allocated, and parses headers with their merged-mining
// proofs; for the messages that are alike on all chains it uses btcd's types. It does no
// IO and judges nothing.
package msg

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/layeredpow/lamina/spv/pow"
)

// FrameSize is the length of what precedes every payload: magic 4, command 12, payload
// length uint32 little-endian, checksum 4 (the first bytes of the payload's SHA-256d).
const FrameSize = 24

const commandSize = 12

// Frame is the announcement of one message.
type Frame struct {
	Command  string
	Length   uint32 // of the payload, bytes
	Checksum [4]byte
}

// ParseFrame reads a frame and refuses it, before any payload is read, for another
// network's magic, a malformed command or a payload longer than the command may have.
func (c *Codec) ParseFrame(b *[FrameSize]byte) (Frame, error) {
	if magic := [4]byte(b[:4]); magic != c.Magic {
		return Frame{}, fmt.Errorf("message: magic %x, want %x", magic, c.Magic)
	}
	raw := b[4 : 4+commandSize]
	name, padding, _ := bytes.Cut(raw, []byte{0})
	if len(name) == 0 || len(bytes.Trim(padding, "\x00")) > 0 || bytes.ContainsFunc(name, notPrintable) {
		return Frame{}, fmt.Errorf("message: malformed command %q", raw)
	}
	f := Frame{Command: string(name), Length: binary.LittleEndian.Uint32(b[16:]), Checksum: [4]byte(b[20:])}
	if most := c.MaxPayload(f.Command); f.Length > most {
		return Frame{}, fmt.Errorf("message %s: %d bytes, want at most %d", f.Command, f.Length, most)
	}
	return f, nil
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

// Verify compares a payload with what the frame announced.
func (f *Frame) Verify(payload []byte) error {
	if uint32(len(payload)) != f.Length {
		return fmt.Errorf("message %s: %d bytes, want %d", f.Command, len(payload), f.Length)
	}
	if sum := checksum(payload); sum != f.Checksum {
		return fmt.Errorf("message %s: checksum %x, want %x", f.Command, sum, f.Checksum)
	}
	return nil
}

// appendFrame appends a whole message, frame and payload.
func (c *Codec) appendFrame(dst []byte, command string, payload []byte) []byte {
	sum := checksum(payload)
	dst = append(dst, c.Magic[:]...)
	dst = append(dst, command...)
	dst = append(dst, strings.Repeat("\x00", commandSize-len(command))...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = append(dst, sum[:]...)
	return append(dst, payload...)
}

func checksum(payload []byte) [4]byte {
	sum := pow.DoubleSHA256(payload)
	return [4]byte(sum[:4])
}
