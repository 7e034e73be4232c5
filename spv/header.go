package spv

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv/pow"
)

// Hash is a block, transaction or merkle hash in internal (little-endian) byte order;
// its String method gives the reversed display order.
type Hash = chainhash.Hash

// HeaderSize is the length of a block header in bytes.
const HeaderSize = 80

// AuxPoWFlag is the version bit that announces a merged-mining proof.
const AuxPoWFlag = 1 << 8

// Header is the 80 bytes of a block header as they travel. It promises nothing: it may
// be invalid in every way.
//
// Layout, little-endian: version int32, previous block 32, merkle root 32, time uint32
// (seconds since 1970), bits uint32 (compact target), nonce uint32.
type Header [HeaderSize]byte

// ParseHeader copies the first 80 bytes of b.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("header: got %d bytes, want %d", len(b), HeaderSize)
	}
	return Header(b[:HeaderSize]), nil
}

// Version returns the version field, signed as in Bitcoin.
func (h *Header) Version() int32 { return int32(binary.LittleEndian.Uint32(h[0:])) }

// Prev returns the id of the previous block.
func (h *Header) Prev() Hash { return Hash(h[4:36]) }

// MerkleRoot returns the root of the block's transaction tree.
func (h *Header) MerkleRoot() Hash { return Hash(h[36:68]) }

// Time returns the header's time in seconds since 1970.
func (h *Header) Time() uint32 { return binary.LittleEndian.Uint32(h[68:]) }

// Bits returns the target in compact form.
func (h *Header) Bits() uint32 { return binary.LittleEndian.Uint32(h[72:]) }

// Nonce returns the nonce.
func (h *Header) Nonce() uint32 { return binary.LittleEndian.Uint32(h[76:]) }

// ID returns the block id: SHA-256d of the 80 bytes, on every chain whatever its work
// hash.
func (h *Header) ID() Hash { return pow.DoubleSHA256(h[:]) }

// HasAuxPoW tells whether the version announces a merged-mining proof.
func (h *Header) HasAuxPoW() bool { return h.Version()&AuxPoWFlag != 0 }

// ChainID returns the merged-mining chain id in the version's upper half. For negative
// versions it divides like Namecoin's C code, which truncates toward zero.
func (h *Header) ChainID() int32 { return h.Version() / (1 << 16) }

// BaseVersion returns the version without the chain id and the AuxPoW bit
// (Namecoin's nVersion % 256).
func (h *Header) BaseVersion() int32 { return h.Version() % (1 << 8) }

// Block refers to one block: its height and its id always travel together.
type Block struct {
	Height int32 `json:"height"`
	Hash   Hash  `json:"hash"`
}

// String returns "height hash".
func (b Block) String() string { return fmt.Sprintf("%d %s", b.Height, b.Hash) }

// Sealed is a header with its merged-mining proof as they were received, unverified.
// Aux is nil where the header carries its own work.
type Sealed struct {
	Header Header
	Aux    *AuxPoW
}
