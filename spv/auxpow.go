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
func ParseAuxPoW(b []byte) (*AuxPoW, int, error) { return parseAuxPoW(b, &Room{}) }

// Room is where the proofs of many headers are parsed to, so that they are had, and let go
// of, many at a time. The zero Room parses each to memory of its own; see NewRoom.
type Room struct {
	proofs []AuxPoW
	hashes []Hash
	many   bool
}

// roomProofs and roomHashes are how many proofs, and hashes of their branches, a Room has at
// once.
const (
	roomProofs = 64
	roomHashes = 16 * roomProofs
)

// NewRoom returns a Room for proofs that are all let go of together: any that is kept keeps
// those beside it in memory.
func NewRoom() *Room { return &Room{many: true} }

func (m *Room) proof() *AuxPoW {
	if !m.many {
		return new(AuxPoW)
	}
	if len(m.proofs) == 0 {
		m.proofs = make([]AuxPoW, roomProofs)
	}
	a := &m.proofs[0]
	m.proofs = m.proofs[1:]
	return a
}

func (m *Room) branch(n uint64) merkle.Branch {
	if !m.many || n > roomHashes/8 {
		return make(merkle.Branch, n)
	}
	if uint64(len(m.hashes)) < n {
		m.hashes = make([]Hash, roomHashes)
	}
	b := merkle.Branch(m.hashes[:n:n])
	m.hashes = m.hashes[n:]
	return b
}

func parseAuxPoW(b []byte, room *Room) (*AuxPoW, int, error) {
	limited := b[:min(len(b), MaxAuxPoW)]
	tx, n, err := ParseTx(limited)
	if err != nil {
		return nil, 0, fmt.Errorf("auxpow: parent coinbase: %w", err)
	}
	a := room.proof()
	a.Coinbase = tx
	r := reader{b: limited, at: n}
	copy(a.BlockHash[:], r.take(32))
	a.CoinbaseBranch = r.branch(room)
	a.CoinbaseIndex = int32(r.uint32())
	a.ChainBranch = r.branch(room)
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
func (r *reader) branch(room *Room) merkle.Branch {
	n := r.compactSize()
	if n > uint64(len(r.b))/32 {
		r.fail(errShort)
		return nil
	}
	raw := r.take(n * 32)
	if r.err != nil || n == 0 {
		return nil
	}
	branch := room.branch(n)
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
func ParseSealed(b []byte, aux bool) (Sealed, int, error) { return new(Room).ParseSealed(b, aux) }

// ParseSealed is ParseSealed with the proof in the Room.
func (m *Room) ParseSealed(b []byte, aux bool) (Sealed, int, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return Sealed{}, 0, err
	}
	s := Sealed{Header: h}
	if !aux || !h.HasAuxPoW() {
		return s, HeaderSize, nil
	}
	proof, n, err := parseAuxPoW(b[HeaderSize:], m)
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
