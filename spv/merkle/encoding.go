package merkle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

var errShort = errors.New("ends early")

// compactSize reads a CompactSize in its shortest form and returns the bytes behind it.
func compactSize(b []byte) (uint64, []byte, error) {
	if len(b) == 0 {
		return 0, nil, errShort
	}
	first, b := b[0], b[1:]
	if first < 0xfd {
		return uint64(first), b, nil
	}
	size := 2 << (first - 0xfd)
	if len(b) < size {
		return 0, nil, errShort
	}
	var raw [8]byte
	copy(raw[:], b[:size])
	n := binary.LittleEndian.Uint64(raw[:])
	if shortest := len(appendCompactSize(nil, n)); shortest != 1+size {
		return 0, nil, fmt.Errorf("length %d in %d bytes, want %d", n, 1+size, shortest)
	}
	return n, b[size:], nil
}

func appendCompactSize(dst []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(dst, byte(n))
	case n <= 0xffff:
		return binary.LittleEndian.AppendUint16(append(dst, 0xfd), uint16(n))
	case n <= 0xffff_ffff:
		return binary.LittleEndian.AppendUint32(append(dst, 0xfe), uint32(n))
	default:
		return binary.LittleEndian.AppendUint64(append(dst, 0xff), n)
	}
}

// takeHashes reads n hashes, making sure that they are there before it allocates.
func takeHashes(b []byte, n uint64) ([]chainhash.Hash, []byte, error) {
	if n > uint64(len(b))/chainhash.HashSize {
		return nil, nil, fmt.Errorf("%d hashes in %d bytes: %w", n, len(b), errShort)
	}
	if n == 0 {
		return nil, b, nil
	}
	hashes := make([]chainhash.Hash, n)
	for i := range hashes {
		b = b[copy(hashes[i][:], b):]
	}
	return hashes, b, nil
}
