package spv_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// auxItem is one file of real proofs with what another implementation found in it.
type auxItem struct {
	File        string
	Coin        string
	Net         string
	Height      int32
	Hash        string
	Kind        string
	Bits        string
	ChainID     int32 `json:"chain_id"`
	IsAuxPoW    bool  `json:"is_auxpow"`
	Trailing    int
	Slot        int32
	ChainLen    int    `json:"chain_branch_len"`
	CoinbaseLen int    `json:"coinbase_branch_len"`
	CoinbaseID  string `json:"coinbase_txid"`
	ParentHash  string `json:"parent_hash"`
	WorkHash    string `json:"pow_hash"`
}

func auxItems(t testing.TB) []auxItem {
	t.Helper()
	var index struct{ Items []auxItem }
	decodeJSON(t, "auxpow/index.json", &index)
	return slices.DeleteFunc(index.Items, func(i auxItem) bool { return strings.HasSuffix(i.File, ".json") })
}

// rules returns the item's rules: a chain of ours, or for another merge-mined chain what
// its proofs must obey, with neither history nor difficulty.
func (i *auxItem) rules(t testing.TB) *spv.Rules {
	switch i.Coin {
	case "namecoin", "dogecoin":
		return rulesFor(t, strings.TrimSuffix(i.Coin+"-"+i.Net, "-mainnet"))
	}
	return foreignRules(i.ChainID)
}

func foreignRules(chainID int32) *spv.Rules {
	r := easyRules()
	r.Name = "foreign"
	r.AuxPoW = &spv.AuxRules{ChainID: chainID, StrictID: true, IndexZero: true}
	return r
}

// TestRealProofs verifies every real merge-mined header and block, and compares what was
// parsed with the index.
func TestRealProofs(t *testing.T) {
	proofs, native := 0, 0
	for _, item := range auxItems(t) {
		b := testdata.Hex(t, item.File)
		s, n, err := spv.ParseSealed(b, true)
		if err != nil {
			t.Errorf("%s: %v", item.File, err)
			continue
		}
		if !bytes.Equal(s.Append(nil), b[:n]) {
			t.Errorf("%s: does not encode back to the same bytes", item.File)
		}
		if err := item.rules(t).CheckWork(&s, item.Height, nil); err != nil {
			t.Errorf("%s: %v", item.File, err)
		}
		compareIndex(t, &item, &s)
		if item.Kind == "block" {
			checkBlockBytes(t, item.File, b, item.Trailing)
		} else if n != len(b) {
			t.Errorf("%s: %d of %d bytes are a header", item.File, n, len(b))
		}
		if s.Aux != nil {
			proofs++
		} else {
			native++
		}
	}
	if proofs != 20 || native != 15 {
		t.Errorf("%d proofs and %d native headers, want 20 and 15", proofs, native)
	}
}

func compareIndex(t *testing.T, item *auxItem, s *spv.Sealed) {
	t.Helper()
	bits, _ := strconv.ParseUint(item.Bits, 16, 32)
	if s.Header.ID().String() != item.Hash || s.Header.Bits() != uint32(bits) || s.Header.ChainID() != item.ChainID {
		t.Errorf("%s: id %s bits %08x chain id %d, want %s %s %d", item.File, s.Header.ID(), s.Header.Bits(),
			s.Header.ChainID(), item.Hash, item.Bits, item.ChainID)
	}
	if (s.Aux != nil) != item.IsAuxPoW {
		t.Errorf("%s: a proof: %v, want %v", item.File, s.Aux != nil, item.IsAuxPoW)
		return
	}
	if p := s.Aux; p != nil && (p.Slot != item.Slot || len(p.ChainBranch) != item.ChainLen || len(p.CoinbaseBranch) != item.CoinbaseLen ||
		p.Coinbase.ID().String() != item.CoinbaseID || p.Parent.ID().String() != item.ParentHash) {
		t.Errorf("%s: slot %d, branches of %d and %d, coinbase %s, parent %s do not agree with the index", item.File,
			p.Slot, len(p.ChainBranch), len(p.CoinbaseBranch), p.Coinbase.ID(), p.Parent.ID())
	}
}

// checkBlockBytes parses a block and judges its body.
func checkBlockBytes(t testing.TB, name string, b []byte, trailing int) *spv.FullBlock {
	t.Helper()
	block, n, err := spv.ParseBlock(b, true)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(b)-n != trailing {
		t.Errorf("%s: %d bytes behind the block, want %d", name, len(b)-n, trailing)
	}
	if err := block.CheckBody(nil); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return block
}

// foreignProof is a real proof of a chain whose headers are not the usual 80 bytes.
type foreignProof struct {
	name    string
	raw     []byte
	leaf    spv.Hash
	chainID int32
	bits    uint32
}

func foreignProofs(t testing.TB) []foreignProof {
	t.Helper()
	var all []foreignProof
	for _, name := range []string{"360062", "1500000", "2000000", "2232276", "2243660"} {
		var f struct {
			Hash, AuxPoW string
			Bits         uint32
		}
		decodeJSON(t, "auxpow/elastos-mainnet/ela-"+name+".json", &f)
		// This chain commits to its block id in display order.
		all = append(all, foreignProof{"ela-" + name, unhex(t, f.AuxPoW), spv.Hash(unhex(t, f.Hash)), 1224, f.Bits})
	}
	var x struct{ Block, Hash string }
	decodeJSON(t, "auxpow/xaya-mainnet/xaya_mainnet_sha256d_100000.json", &x)
	b := unhex(t, x.Block)
	h := spv.Header(b[:80])
	if b[80] != 0x81 || h.ID().String() != x.Hash {
		t.Fatalf("block 100000: work type %02x, id %s, want 81 and %s", b[80], h.ID(), x.Hash)
	}
	_, n, err := spv.ParseAuxPoW(b[85:])
	if err != nil {
		t.Fatal(err)
	}
	return append(all, foreignProof{"xaya-100000", b[85 : 85+n], h.ID(), 1829, binary.LittleEndian.Uint32(b[81:])})
}

// verify checks everything that a bare proof allows.
func (f *foreignProof) verify(b []byte) error {
	p, n, err := spv.ParseAuxPoW(b)
	if err != nil {
		return err
	}
	if n != len(b) {
		return &spv.CheckError{Name: "length"}
	}
	hash := pow.SHA256d.Sum((*[80]byte)(&p.Parent))
	if target, ok := spv.ParseTarget(f.bits); !ok || !spv.Meets(&hash, &target) {
		return &spv.CheckError{Name: spv.CheckParentWork}
	}
	rules := spv.AuxRules{ChainID: f.chainID, StrictID: true, IndexZero: true}
	return rules.CheckProof(f.leaf, f.chainID, p, nil)
}

// TestForeignProofs verifies proofs of chains that commit to something else than the id
// of an 80-byte header.
func TestForeignProofs(t *testing.T) {
	for _, f := range foreignProofs(t) {
		if err := f.verify(f.raw); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		other := f
		other.leaf = spv.Hash(reversed(f.leaf))
		refutedBy(t, f.name+" with its leaf reversed", other.verify(f.raw), spv.CheckRootPresent)
	}
	header := testdata.Hex(t, "auxpow/elastos-mainnet/ela-360062-child-header.hex")
	proof := testdata.Hex(t, "auxpow/elastos-mainnet/ela-360062-auxpow.hex")
	id := pow.DoubleSHA256(binary.LittleEndian.AppendUint32(header, 360062)) // this chain's headers add the height
	all := foreignProofs(t)
	if !bytes.Equal(proof, all[0].raw) || spv.Hash(reversed(id)) != all[0].leaf {
		t.Errorf("the block in two forms is not the same: id %s", id)
	}
	// The wrong chain id gives another slot of the tree, unless both agree modulo its size.
	p, _, err := spv.ParseAuxPoW(all[4].raw)
	if err != nil {
		t.Fatal(err)
	}
	rules := spv.AuxRules{StrictID: true}
	if n := len(p.ChainBranch); n > 0 {
		refutedBy(t, "another chain id", rules.CheckProof(all[4].leaf, 1225, p, nil), spv.CheckSlot)
		if err := rules.CheckProof(all[4].leaf, 1224+1<<n, p, nil); err != nil {
			t.Errorf("an id that is equal modulo the tree's size: %v", err)
		}
	}
}

// TestIndexerClass: a version that sets the merged-mining bit over another kind of proof
// must not pass for one.
func TestIndexerClass(t *testing.T) {
	b := testdata.Hex(t, "auxpow/fractal-mainnet/1824355-indexer-class.hex")
	h, err := spv.ParseHeader(b)
	if err != nil || !h.HasAuxPoW() {
		t.Fatalf("version %08x, %v, want the bit set", h.Version(), err)
	}
	s, n, err := spv.ParseSealed(b, true)
	if err == nil && n == len(b) && foreignRules(h.ChainID()).CheckWork(&s, 1824355, nil) == nil {
		t.Error("verifies as a merged-mining proof")
	}
}

// TestRegtestChain connects a whole merge-mined chain and judges its bodies.
func TestRegtestChain(t *testing.T) {
	var f struct{ Blocks []string }
	decodeJSON(t, "auxpow/namecoin-regtest/rpc_getblockstats.json", &f)
	tree := spv.NewTree(rulesFor(t, "namecoin-regtest"))
	proofs := 0
	for i, raw := range f.Blocks {
		block := checkBlockBytes(t, "block "+strconv.Itoa(i), unhex(t, raw), 0)
		connect(t, tree, block.Sealed)
		if block.Aux != nil {
			proofs++
		}
	}
	if tip := tree.Tip(); tip.Height != 103 || proofs != 103 {
		t.Errorf("tip %s with %d proofs, want height 103 with 103", tip, proofs)
	}
}

// TestWitnessCoinbase: a proof may carry its parent coinbase with witness, which changes
// neither the transaction id nor the verdict.
func TestWitnessCoinbase(t *testing.T) {
	rules := rulesFor(t, "dogecoin")
	for _, height := range []int32{800000, 2234439} {
		b := testdata.Hex(t, "auxpow/dogecoin-mainnet/"+strconv.Itoa(int(height))+".hex")
		s, n, err := spv.ParseSealed(b, true)
		if err != nil {
			t.Fatal(err)
		}
		tx := s.Aux.Coinbase.Bytes()
		body, end := tx[4:len(tx)-4], tx[len(tx)-4:]
		with := slices.Concat(b[:80], tx[:4], []byte{0, 1}, body, reservedWitness(), end, b[80+len(tx):n])
		w, size, err := spv.ParseSealed(with, true)
		if err != nil || size != len(with) {
			t.Fatalf("%d: %d of %d bytes, %v", height, size, len(with), err)
		}
		if !w.Aux.Coinbase.HasWitness() || w.Aux.Coinbase.ID() != s.Aux.Coinbase.ID() || w.Aux.Coinbase.WitnessID() == w.Aux.Coinbase.ID() {
			t.Errorf("%d: ids %s and %s, want %s for the first only", height, w.Aux.Coinbase.ID(), w.Aux.Coinbase.WitnessID(), s.Aux.Coinbase.ID())
		}
		if err := rules.CheckWork(&w, height, nil); err != nil {
			t.Errorf("%d: %v", height, err)
		}
		if !bytes.Equal(w.Append(nil), with) {
			t.Errorf("%d: does not encode back to the same bytes", height)
		}
	}
}

// flippable is a real proof in bytes, with the verdict on any form of them.
type flippable struct {
	name   string
	raw    []byte
	at     int // where the proof begins
	lax    bool
	verify func(b []byte) error
}

func flippables(t testing.TB) []flippable {
	t.Helper()
	var all []flippable
	for _, item := range auxItems(t) {
		b := testdata.Hex(t, item.File)
		s, n, err := spv.ParseSealed(b, true)
		if err != nil {
			t.Fatal(err)
		}
		if s.Aux == nil {
			continue
		}
		rules := item.rules(t)
		all = append(all, flippable{item.File, b[:n], 80, !rules.AuxPoW.IndexZero, func(b []byte) error {
			s, n, err := spv.ParseSealed(b, true)
			if err != nil {
				return err
			}
			if n != len(b) {
				return &spv.CheckError{Name: "length"}
			}
			return rules.CheckWork(&s, item.Height, nil)
		}})
	}
	for _, f := range foreignProofs(t) {
		all = append(all, flippable{f.name, f.raw, 0, false, f.verify})
	}
	return all
}

// ignored tells whether a byte of the proof is one that no rule looks at: the hash that
// nodes never validate, and on some chains the coinbase's index.
func (f *flippable) ignored(t testing.TB, i int) bool {
	t.Helper()
	p, _, err := spv.ParseAuxPoW(f.raw[f.at:])
	if err != nil {
		t.Fatal(err)
	}
	hash := f.at + len(p.Coinbase.Bytes())
	index := hash + 32 + 1 + 32*len(p.CoinbaseBranch)
	return (i >= hash && i < hash+32) || (f.lax && i >= index && i < index+4)
}

// TestBitFlips flips 300 bits, one at a time, in each real proof.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 11))
	refused, passed := 0, 0
	for _, f := range flippables(t) {
		if err := f.verify(f.raw); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		for range 300 {
			bit := rng.IntN(8 * len(f.raw))
			b := bytes.Clone(f.raw)
			b[bit/8] ^= 1 << (bit % 8)
			err := f.verify(b)
			if ignored := f.ignored(t, bit/8); ignored != (err == nil) {
				t.Errorf("%s: bit %d of byte %d flipped: %v, ignored %v", f.name, bit%8, bit/8, err, ignored)
			} else if ignored {
				passed++
			} else {
				refused++
			}
		}
	}
	if refused+passed != 26*300 || passed == 0 {
		t.Errorf("%d flips refused and %d ignored", refused, passed)
	}
}
