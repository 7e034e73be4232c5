package main

import (
	_ "embed"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
)

// auxChain is the merge-mined chain that is synced: its genesis and magic are those of
// params, and every header may carry a proof.
//
//go:embed merged.toml
var auxChain []byte

const (
	auxChainName = "bench-aux"
	auxChainID   = 77
	auxVersion   = auxChainID<<16 | 1<<8 | 4
	// Branches of a proof: of the parent's coinbase, and in the tree of merge-mined chains.
	coinbaseDepth, treeDepth = 12, 4
	// coinbaseSize makes an entry 937 bytes long, as one on a public chain is on average.
	coinbaseSize = 241
)

// mineAux makes a chain of merge-mined headers at the least difficulty there is, serialised
// as in a headers message: header, proof, a zero.
func mineAux(n int) (chain []wire.BlockHeader, entries [][]byte) {
	chain = append(make([]wire.BlockHeader, 0, n+1), params.GenesisBlock.Header)
	entries = append(make([][]byte, 0, n+1), nil)
	spacing := time.Since(params.GenesisBlock.Header.Timestamp) / time.Duration(n+1)
	random := rand.NewChaCha8([32]byte{1})
	for i := 1; i <= n; i++ {
		prev := chain[i-1].BlockHash()
		h := wire.BlockHeader{Version: auxVersion, PrevBlock: prev, MerkleRoot: prev, Bits: params.PowLimitBits,
			Timestamp: params.GenesisBlock.Header.Timestamp.Add(time.Duration(i) * spacing).Truncate(time.Second)}
		b := &entry{}
		_ = h.Serialize(b)
		proof(b, h.BlockHash(), h.Bits, random)
		chain, entries = append(chain, h), append(entries, append(b.bytes, 0))
	}
	return chain, entries
}

// proof appends a proof of work for a block (CAuxPow): coinbase, a hash that nobody looks
// at, coinbase branch and index, chain branch and slot, parent header.
func proof(b *entry, id chainhash.Hash, bits uint32, random *rand.ChaCha8) {
	nonce := uint32(7)
	slot := nonce*1103515245 + 12345
	slot = ((slot+auxChainID)*1103515245 + 12345) % (1 << treeDepth)
	tree := branch(treeDepth, random)
	root := fold(id, tree, slot)
	slices.Reverse(root[:])
	script := append([]byte{0xfa, 0xbe, 'm', 'm'}, root[:]...)
	script = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(script, 1<<treeDepth), nonce)

	const around = 4 + 1 + 36 + 1 + 4 + 1 + 8 + 1 + 1 + 4 // bytes of the transaction besides the script
	script = append(script, make([]byte, coinbaseSize-around-len(script))...)
	tx := append([]byte{1, 0, 0, 0, 1}, make([]byte, 32)...)
	tx = append(append(tx, 0xff, 0xff, 0xff, 0xff, byte(len(script))), script...)
	tx = append(tx, 0xff, 0xff, 0xff, 0xff, 1, 0, 0xf2, 5, 0x2a, 1, 0, 0, 0, 1, 0x51, 0, 0, 0, 0)

	siblings := branch(coinbaseDepth, random)
	parent := wire.BlockHeader{Version: 0x20000000, PrevBlock: siblings[0], Bits: bits,
		MerkleRoot: fold(chainhash.DoubleHashH(tx), siblings, 0), Timestamp: params.GenesisBlock.Header.Timestamp}
	limit := blockchain.CompactToBig(bits)
	for id := parent.BlockHash(); asNumber(&id).Cmp(limit) > 0; id = parent.BlockHash() {
		parent.Nonce++
	}
	b.bytes = append(append(b.bytes, tx...), make([]byte, 32)...)
	b.branch(siblings, 0)
	b.branch(tree, slot)
	_ = parent.Serialize(b)
}

// entry gathers bytes.
type entry struct{ bytes []byte }

func (b *entry) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func (b *entry) branch(hashes []chainhash.Hash, index uint32) {
	b.bytes = append(b.bytes, byte(len(hashes)))
	for i := range hashes {
		b.bytes = append(b.bytes, hashes[i][:]...)
	}
	b.bytes = binary.LittleEndian.AppendUint32(b.bytes, index)
}

func branch(n int, random *rand.ChaCha8) []chainhash.Hash {
	hashes := make([]chainhash.Hash, n)
	for i := range hashes {
		_, _ = random.Read(hashes[i][:]) // never fails (math/rand/v2)
	}
	return hashes
}

func fold(node chainhash.Hash, siblings []chainhash.Hash, index uint32) chainhash.Hash {
	for i := range siblings {
		left, right := node, siblings[i]
		if index>>i&1 != 0 {
			left, right = right, left
		}
		node = chainhash.DoubleHashH(append(left[:], right[:]...))
	}
	return node
}

// auxHeaders is a headers message whose entries are bytes already.
type auxHeaders struct{ entries [][]byte }

func (*auxHeaders) Command() string                { return wire.CmdHeaders }
func (*auxHeaders) MaxPayloadLength(uint32) uint32 { return 4 << 20 }
func (*auxHeaders) BtcDecode(io.Reader, uint32, wire.MessageEncoding) error {
	return io.ErrUnexpectedEOF
}

func (m *auxHeaders) BtcEncode(w io.Writer, _ uint32, _ wire.MessageEncoding) error {
	if err := wire.WriteVarInt(w, 0, uint64(len(m.entries))); err != nil {
		return err
	}
	for _, e := range m.entries {
		if _, err := w.Write(e); err != nil {
			return err
		}
	}
	return nil
}
