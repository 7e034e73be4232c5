package merkle

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/bloom"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv/pow"
)

const headerSize = 80

// extract reads a whole merkleblock message without merged-mining proof and checks it
// against its own header.
func extract(t *testing.T, raw []byte) (*Partial, []Match) {
	t.Helper()
	var header wire.BlockHeader
	if err := header.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	p, rest, err := ParsePartial(raw[headerSize:])
	if err != nil || len(rest) != 0 {
		t.Fatalf("%d bytes behind, %v", len(rest), err)
	}
	if !bytes.Equal(p.Append(nil), raw[headerSize:]) {
		t.Fatal("does not encode back to the same bytes")
	}
	root, matches, err := p.Extract()
	if err != nil {
		t.Fatal(err)
	}
	if root != header.MerkleRoot {
		t.Fatalf("root %s, want %s", root, header.MerkleRoot)
	}
	return p, matches
}

func indexes(matches []Match) []uint32 {
	var at []uint32
	for _, m := range matches {
		at = append(at, m.Index)
	}
	return at
}

func checkMatches(t *testing.T, matches []Match, txids []chainhash.Hash, want ...uint32) {
	t.Helper()
	if !slices.Equal(indexes(matches), want) {
		t.Fatalf("matches %v, want %v", indexes(matches), want)
	}
	for _, m := range matches {
		if m.TxID != txids[m.Index] {
			t.Errorf("match %d: %s, want %s", m.Index, m.TxID, txids[m.Index])
		}
	}
}

func TestPartialOfRealBlocks(t *testing.T) {
	big := txidsOf(block830000(t))
	for _, index := range []uint32{0, 1, 10, 100, 1000, 1850} {
		raw := testdata.Read(t, fmt.Sprintf("merkleblock/bitcoin-mainnet-0830000-%d.bin", index))
		p, matches := extract(t, raw)
		checkMatches(t, matches, big, index)
		if p.Depth() != 11 {
			t.Errorf("transaction %d: depth %d, want 11", index, p.Depth())
		}
		built, err := NewPartial(big, index)
		if err != nil || !bytes.Equal(built.Append(nil), raw[headerSize:]) {
			t.Errorf("transaction %d: built tree differs from the node's, %v", index, err)
		}
	}
	small := txidsOf(parseBlock(t, testdata.Hex(t, "merkleblock/rust-bitcoin-block_13b8a.hex")))
	raw := testdata.Hex(t, "merkleblock/rust-bitcoin-merkle_block.hex")
	_, matches := extract(t, raw)
	checkMatches(t, matches, small, 3)
	if built, err := NewPartial(small, 3); err != nil || !bytes.Equal(built.Append(nil), raw[headerSize:]) {
		t.Errorf("block 13b8a: built tree differs, %v", err)
	}
}

func TestPartialDogecoinRegtest(t *testing.T) {
	var v struct{ Hex string }
	if err := json.Unmarshal(testdata.Read(t, "merkleblock/dogecoin-regtest-merkleblock.json"), &v); err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	p, matches := extract(t, raw)
	if len(matches) != 0 || p.Transactions != 1 || p.Depth() != 0 {
		t.Errorf("%d matches in %d transactions at depth %d, want 0 in 1 at 0", len(matches), p.Transactions, p.Depth())
	}
}

type coreCase struct {
	Name, Block        string
	Matched            []struct{ TxID string }
	ExpectedSerialized string `json:"expected_merkleblock"`
}

// TestPartialCoreCases builds the trees of Bitcoin Core's bloom_tests.cpp and compares
// them with those that btcd's own writer makes for a filter of the matched ids.
func TestPartialCoreCases(t *testing.T) {
	var v struct{ MerkleBlocks []coreCase }
	if err := json.Unmarshal(testdata.Read(t, "merkleblock/core-bloom_tests-extract.json"), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.MerkleBlocks) != 7 {
		t.Fatalf("%d cases, want 7", len(v.MerkleBlocks))
	}
	for _, c := range v.MerkleBlocks {
		t.Run(c.Name, func(t *testing.T) { checkCoreCase(t, c) })
	}
}

func checkCoreCase(t *testing.T, c coreCase) {
	raw := testdata.Hex(t, "merkleblock/rust-bitcoin-block_13b8a.hex")
	if c.Name != "merkle_block_1" {
		var err error
		if raw, err = hex.DecodeString(c.Block); err != nil {
			t.Fatal(err)
		}
	}
	block := parseBlock(t, raw)
	txids := txidsOf(block)
	filter := bloom.NewFilter(1000, 0, 1e-9, wire.BloomUpdateNone)
	var wanted []uint32
	for _, m := range c.Matched {
		id, err := chainhash.NewHashFromStr(m.TxID)
		if err != nil {
			t.Fatal(err)
		}
		filter.AddHash(id)
		wanted = append(wanted, uint32(slices.Index(txids, *id)))
	}
	slices.Sort(wanted)
	p, err := NewPartial(txids, wanted...)
	if err != nil {
		t.Fatal(err)
	}
	message, _ := bloom.NewMerkleBlock(btcutil.NewBlock(block), filter)
	var want bytes.Buffer
	if err := message.BtcEncode(&want, wire.ProtocolVersion, wire.LatestEncoding); err != nil {
		t.Fatal(err)
	}
	got := append(bytes.Clone(raw[:headerSize]), p.Append(nil)...)
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("built %x, btcd builds %x", got, want.Bytes())
	}
	if c.ExpectedSerialized != "" && hex.EncodeToString(got) != c.ExpectedSerialized {
		t.Errorf("built %x, want %s", got, c.ExpectedSerialized)
	}
	_, matches := extract(t, got)
	checkMatches(t, matches, txids, wanted...)
}

// TestPartialEverySubset builds and extracts every set of matches of small blocks, and
// random ones of larger blocks.
func TestPartialEverySubset(t *testing.T) {
	check := func(n int, wanted []uint32) {
		txids := numbered(n)
		p, err := NewPartial(txids, wanted...)
		if err != nil {
			t.Fatal(err)
		}
		again, rest, err := ParsePartial(p.Append(nil))
		if err != nil || len(rest) != 0 {
			t.Fatalf("%d transactions, matches %v: %v", n, wanted, err)
		}
		root, matches, err := again.Extract()
		if err != nil || root != referenceRoot(txids) {
			t.Fatalf("%d transactions, matches %v: root %s, %v", n, wanted, root, err)
		}
		checkMatches(t, matches, txids, wanted...)
	}
	for n := 1; n <= 9; n++ {
		for set := range 1 << n {
			var wanted []uint32
			for i := range n {
				if set>>i&1 != 0 {
					wanted = append(wanted, uint32(i))
				}
			}
			check(n, wanted)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		n := 10 + random.IntN(300)
		var wanted []uint32
		for i := range n {
			if random.IntN(20) == 0 {
				wanted = append(wanted, uint32(i))
			}
		}
		check(n, wanted)
	}
}

func TestPartialSpoiled(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Partial)
		want  string
	}{
		{"no transactions", func(p *Partial) { p.Transactions = 0 }, CheckPartialCount},
		{"too many transactions", func(p *Partial) { p.Transactions = MaxTransactions + 1 }, CheckPartialCount},
		{"more hashes than transactions", func(p *Partial) { p.Transactions = 2 }, CheckPartialHashes},
		{"hash too many", func(p *Partial) { p.Hashes = append(p.Hashes, p.Hashes[0]) }, CheckPartialHashes},
		{"hash missing", func(p *Partial) { p.Hashes = p.Hashes[1:] }, CheckPartialHashes},
		{"no flags", func(p *Partial) { p.Flags = nil }, CheckPartialFlags},
		{"flag byte too many", func(p *Partial) { p.Flags = append(p.Flags, 0) }, CheckPartialFlags},
		{"flag byte missing", func(p *Partial) { p.Flags = p.Flags[:1] }, CheckPartialFlags},
		{"equal children", func(p *Partial) { p.Hashes[2] = p.Hashes[1] }, CheckDuplicate},
	} {
		p, err := NewPartial(numbered(7), 2, 5) // 5 hashes, 11 flag bits
		if err != nil {
			t.Fatal(err)
		}
		c.spoil(p)
		_, _, err = p.Extract()
		var refusal *CheckError
		if !errors.As(err, &refusal) || refusal.Name != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestPartialPadding: Bitcoin Core accepts any padding bits, and so must who reads its
// messages; the bytes survive.
func TestPartialPadding(t *testing.T) {
	p, err := NewPartial(numbered(7), 2)
	if err != nil {
		t.Fatal(err)
	}
	last := len(p.Flags) - 1
	p.Flags[last] |= 0x80
	q, _, err := ParsePartial(p.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if root, matches, err := q.Extract(); err != nil || root != referenceRoot(numbered(7)) || len(matches) != 1 {
		t.Errorf("root %s, %d matches, %v", root, len(matches), err)
	}
	if q.Flags[last]&0x80 == 0 {
		t.Error("the padding bit is gone")
	}
}

// TestPartialInnerNode shows CVE-2017-12842 in this format: a false number of transactions
// passes an inner node for a transaction, and only the depth gives it away.
func TestPartialInnerNode(t *testing.T) {
	leaves := numbered(4)
	inner := []chainhash.Hash{pow.HashPair(&leaves[0], &leaves[1]), pow.HashPair(&leaves[2], &leaves[3])}
	p, err := NewPartial(inner, 1)
	if err != nil {
		t.Fatal(err)
	}
	root, matches, err := p.Extract()
	if err != nil || root != referenceRoot(leaves) || matches[0].TxID != inner[1] {
		t.Fatalf("root %s, %v: the forgery should fold", root, err)
	}
	if p.Depth() == depth(4) {
		t.Errorf("depth %d as in the real tree", p.Depth())
	}
}

func TestParsePartialRefuses(t *testing.T) {
	p, err := NewPartial(numbered(7), 2)
	if err != nil {
		t.Fatal(err)
	}
	good := p.Append(nil)
	for n := range good {
		if _, _, err := ParsePartial(good[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes: no error", n, len(good))
		}
	}
	many := append([]byte{1, 0, 0, 0}, appendCompactSize(nil, MaxTransactions+1)...)
	if _, _, err := ParsePartial(append(many, make([]byte, 32*(MaxTransactions+1)+1)...)); err == nil {
		t.Error("too many hashes: no error")
	}
	flags := append([]byte{1, 0, 0, 0, 0}, appendCompactSize(nil, maxFlagBytes+1)...)
	if _, _, err := ParsePartial(append(flags, make([]byte, maxFlagBytes+1)...)); err == nil {
		t.Error("too many flag bytes: no error")
	}
}

// TestPartialLargest: the largest block with every transaction matched stays within the
// limits of the parser.
func TestPartialLargest(t *testing.T) {
	all := make([]uint32, MaxTransactions)
	for i := range all {
		all[i] = uint32(i)
	}
	txids := numbered(MaxTransactions)
	p, err := NewPartial(txids, all...)
	if err != nil {
		t.Fatal(err)
	}
	q, _, err := ParsePartial(p.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	_, matches, err := q.Extract()
	if err != nil {
		t.Fatal(err)
	}
	checkMatches(t, matches, txids, all...)
	if p.Depth() > MaxDepth {
		t.Errorf("depth %d, at most %d", p.Depth(), MaxDepth)
	}
	if _, err := NewPartial(numbered(MaxTransactions + 1)); err == nil {
		t.Error("one transaction more: no error")
	}
	if _, err := NewPartial(numbered(3), 3); err == nil {
		t.Error("match 3 of 3: no error")
	}
}

func FuzzPartial(f *testing.F) {
	for _, n := range []int{1, 2, 7, 300} {
		p, err := NewPartial(numbered(n), 0, uint32(n-1))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Append(nil))
	}
	f.Add(testdata.Read(f, "merkleblock/bitcoin-mainnet-0830000-1850.bin")[headerSize:])
	f.Fuzz(func(t *testing.T, b []byte) {
		p, rest, err := ParsePartial(b)
		if err != nil {
			return
		}
		if got := append(p.Append(nil), rest...); !bytes.Equal(got, b) {
			t.Fatalf("%x encodes back to %x", b, got)
		}
		root, matches, err := p.Extract()
		if err != nil {
			return
		}
		if len(matches) > len(p.Hashes) {
			t.Fatalf("%d matches from %d hashes", len(matches), len(p.Hashes))
		}
		if len(matches) == int(p.Transactions) { // the whole block: its root must agree
			ids := make([]chainhash.Hash, len(matches))
			for i, m := range matches {
				ids[i] = m.TxID
			}
			if want, mutated := Root(ids); want != root || mutated {
				t.Fatalf("root %s, full tree %s, mutated %t", root, want, mutated)
			}
		}
	})
}
