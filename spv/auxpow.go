package spv

import (
	"encoding/binary"
	"fmt"

	"github.com/layeredpow/lamina/spv/merkle"
)

// MaxAuxPoW is the largest merged-mining proof that ParseAuxPoW accepts, in bytes. It is
// the size at which nodes cut a headers message, so no larger one can travel.
const MaxAuxPoW = 4 << 20

// AuxPoW is a merged-mining proof: it shows that a parent chain's header commits to a
// block of this chain, so that the parent's work counts here too. It is parsed, not
// verified, and shares memory with the bytes it was parsed from.
//
// Layout (Namecoin's CAuxPow): coinbase transaction | 32 bytes that nobody checks |
// coinbase branch | int32 index | chain branch | int32 slot | 80-byte parent header.
type AuxPoW struct {
	Coinbase       Tx
	BlockHash      Hash // never validated: zero, the parent's id, its reverse and its work hash all occur
	CoinbaseBranch merkle.Branch
	CoinbaseIndex  int32
	ChainBranch    merkle.Branch
	Slot           int32 // this chain's leaf in the merged-mining tree
	Parent         Header
}

// ParseAuxPoW reads one proof from the start of b and returns the number of bytes it
// takes. The form is strict: canonical lengths, nothing beyond MaxAuxPoW.
func ParseAuxPoW(b []byte) (*AuxPoW, int, error) {
	limited := b[:min(len(b), MaxAuxPoW)]
	tx, n, err := ParseTx(limited)
	if err != nil {
		return nil, 0, fmt.Errorf("auxpow: parent coinbase: %w", err)
	}
	a := &AuxPoW{Coinbase: tx}
	r := reader{b: limited, at: n}
	copy(a.BlockHash[:], r.take(32))
	a.CoinbaseBranch = r.branch()
	a.CoinbaseIndex = int32(r.uint32())
	a.ChainBranch = r.branch()
	a.Slot = int32(r.uint32())
	copy(a.Parent[:], r.take(HeaderSize))
	if r.err != nil {
		if len(b) > MaxAuxPoW {
			return nil, 0, fmt.Errorf("auxpow: more than %d bytes", MaxAuxPoW)
		}
		return nil, 0, fmt.Errorf("auxpow: %w", r.err)
	}
	return a, r.at, nil
}

// branch reads a vector of hashes, having made sure that the bytes are there.
func (r *reader) branch() merkle.Branch {
	n := r.compactSize()
	if n > uint64(len(r.b))/32 {
		r.fail(errShort)
		return nil
	}
	raw := r.take(n * 32)
	if r.err != nil || n == 0 {
		return nil
	}
	branch := make(merkle.Branch, n)
	for i := range branch {
		branch[i] = Hash(raw[32*i:])
	}
	return branch
}

// Append appends the proof's serialisation to dst.
func (a *AuxPoW) Append(dst []byte) []byte {
	dst = append(dst, a.Coinbase.Bytes()...)
	dst = append(dst, a.BlockHash[:]...)
	dst = a.CoinbaseBranch.Append(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(a.CoinbaseIndex))
	dst = a.ChainBranch.Append(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(a.Slot))
	return append(dst, a.Parent[:]...)
}

// ParseSealed reads a header from the start of b and, where aux is set and the header's
// version announces one, the proof behind it. It returns the number of bytes taken.
// Chains without merged mining read only the 80 bytes, whatever the version says.
func ParseSealed(b []byte, aux bool) (Sealed, int, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return Sealed{}, 0, err
	}
	s := Sealed{Header: h}
	if !aux || !h.HasAuxPoW() {
		return s, HeaderSize, nil
	}
	proof, n, err := ParseAuxPoW(b[HeaderSize:])
	if err != nil {
		return Sealed{}, 0, fmt.Errorf("header %s: %w", h.ID(), err)
	}
	s.Aux = proof
	return s, HeaderSize + n, nil
}

// Append appends the header and its proof, if any, to dst.
func (s *Sealed) Append(dst []byte) []byte {
	dst = append(dst, s.Header[:]...)
	if s.Aux != nil {
		dst = s.Aux.Append(dst)
	}
	return dst
}

// Slot returns the leaf that a chain must take in a merged-mining tree of the given
// height: a linear congruential generator seeded by the tree's nonce, in 32-bit
// arithmetic. Two chains collide iff their ids are equal modulo 2^height, whatever the
// nonce.
func Slot(nonce uint32, chainID int32, height int) uint32 {
	r := nonce*1103515245 + 12345
	r += uint32(chainID)
	r = r*1103515245 + 12345
	return r & (1<<height - 1)
}
