package msg

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv"
)

// MaxHeaders is the most headers that one message may carry.
const MaxHeaders = 2000

// MaxAuxHeaders bounds a headers message with merged-mining proofs, in bytes. Nodes stop
// filling one at 4 MiB and refuse one above 6 MiB.
const MaxAuxHeaders = 6 << 20

// Headers is a `headers` message, with the proofs that merge-mined chains put behind
// each header. Fewer than MaxHeaders of them do not mean that the peer has no more:
// some nodes cut the message by size.
type Headers struct {
	Headers []spv.Sealed
}

// Command returns "headers".
func (*Headers) Command() string { return "headers" }

// ParseHeaders reads the whole payload of a headers message: CompactSize count, then
// each header, with its proof if aux is set and its version announces one, and a
// transaction count, which is 0. If aux is set the result shares memory with b, else not.
func ParseHeaders(b []byte, aux bool) (*Headers, error) {
	count, at, err := headerCount(b)
	if err != nil {
		return nil, err
	}
	m, room := &Headers{Headers: make([]spv.Sealed, count)}, spv.NewRoom()
	for i := range m.Headers {
		s, n, err := room.ParseSealed(b[at:], aux)
		if err != nil {
			return nil, fmt.Errorf("headers: entry %d: %w", i, err)
		}
		at += n
		if at >= len(b) || b[at] != 0 {
			return nil, fmt.Errorf("headers: entry %d: no zero transaction count behind it", i)
		}
		at++
		m.Headers[i] = s
	}
	if at != len(b) {
		return nil, fmt.Errorf("headers: %d bytes behind the last entry", len(b)-at)
	}
	return m, nil
}

// headerCount reads the count, in its shortest form, and makes sure that so many headers
// can be there.
func headerCount(b []byte) (count uint64, at int, err error) {
	switch {
	case len(b) == 0:
		return 0, 0, errors.New("headers: no count")
	case b[0] < 0xfd:
		count, at = uint64(b[0]), 1
	case b[0] == 0xfd && len(b) >= 3 && binary.LittleEndian.Uint16(b[1:]) >= 0xfd:
		count, at = uint64(binary.LittleEndian.Uint16(b[1:])), 3
	default:
		return 0, 0, fmt.Errorf("headers: count is malformed or above %d", MaxHeaders)
	}
	if count > MaxHeaders {
		return 0, 0, fmt.Errorf("headers: %d entries, want at most %d", count, MaxHeaders)
	}
	if need := count * (spv.HeaderSize + 1); need > uint64(len(b)-at) {
		return 0, 0, fmt.Errorf("headers: %d bytes for %d entries, want at least %d", len(b)-at, count, need)
	}
	return count, at, nil
}

// Append appends the message's payload to dst.
func (m *Headers) Append(dst []byte) []byte {
	if n := len(m.Headers); n < 0xfd {
		dst = append(dst, byte(n))
	} else {
		dst = binary.LittleEndian.AppendUint16(append(dst, 0xfd), uint16(n))
	}
	for i := range m.Headers {
		dst = append(m.Headers[i].Append(dst), 0)
	}
	return dst
}
