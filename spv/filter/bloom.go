package filter

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// MaxBloom is how many elements a Bloom filter may be made of, so that of the longest that
// BIP37 allows (36,000 bytes) less than one element in 1,000 matches that is none of them.
const MaxBloom = 20_000

// bloomRate is how often something matches a Bloom filter that is not in it, where its
// length allows.
const bloomRate = 0.0001

// bloomRoom is for how many outputs there is room that the peer adds.
const bloomRoom = 250

// Bloom returns a message that loads a Bloom filter (BIP37) of some elements: whoever gets it
// can try any address against it, so it tells what is looked for. The tweak chooses the hash
// functions. The peer adds the outputs that it finds by it, so that their spends match.
func Bloom(elements [][]byte, tweak uint32) *wire.MsgFilterLoad {
	n := float64(len(elements) + bloomRoom)
	size := int(-n * math.Log(bloomRate) / (math.Ln2 * math.Ln2) / 8)
	size = min(max(size, 1), wire.MaxFilterLoadFilterSize)
	hashes := uint32(float64(size*8) / n * math.Ln2)
	m := &wire.MsgFilterLoad{Filter: make([]byte, size), HashFuncs: min(max(hashes, 1), wire.MaxFilterLoadHashFuncs),
		Tweak: tweak, Flags: wire.BloomUpdateAll}
	for _, e := range elements {
		for i := range m.HashFuncs {
			bit := murmur(i*0xfba4c795+tweak, e) % uint32(size*8)
			m.Filter[bit/8] |= 1 << (bit % 8)
		}
	}
	return m
}

// BloomElement returns what of an output script a Bloom filter holds: the longest thing that
// it pushes, as nodes look for each push by itself. It is nil if the script pushes nothing:
// then no Bloom filter finds it.
func BloomElement(script []byte) (longest []byte) {
	for t := txscript.MakeScriptTokenizer(0, script); t.Next(); {
		if len(t.Data()) > len(longest) {
			longest = t.Data()
		}
	}
	return longest
}

// BloomOutpoint returns what of an outpoint a Bloom filter holds.
func BloomOutpoint(o *wire.OutPoint) []byte {
	return binary.LittleEndian.AppendUint32(append(make([]byte, 0, 36), o.Hash[:]...), o.Index)
}

// murmur is MurmurHash3 (x86, 32 bits), which BIP37 demands.
func murmur(seed uint32, data []byte) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	h, n := seed, uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := binary.LittleEndian.Uint32(data) * c1
		h ^= bits.RotateLeft32(k, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	var tail [4]byte
	copy(tail[:], data)
	h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(tail[:])*c1, 15) * c2
	h ^= n
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
