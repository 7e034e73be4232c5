package merkle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/holiman/uint256"
)

// referenceNode is a node of the reference: the recursive definition with math/big and
// btcd's tagged hash.
type referenceNode struct {
	hash chainhash.Hash
	work *big.Int
}

func littleEndian(x *big.Int) []byte {
	b := x.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// referenceRange joins the largest perfect tree that leaves something over, or two halves,
// with the range over the rest.
func referenceRange(leaves []referenceNode) referenceNode {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	l, r := referenceRange(leaves[:k]), referenceRange(leaves[k:])
	return referenceNode{
		hash: *chainhash.TaggedHash([]byte("LPOW/mmr"), l.hash[:], littleEndian(l.work), r.hash[:], littleEndian(r.work)),
		work: new(big.Int).Add(l.work, r.work),
	}
}

func (n Node) equals(r referenceNode) bool {
	return n.Hash == r.hash && n.Work.ToBig().Cmp(r.work) == 0
}

// rangeLeaves returns n leaves of very different works and their twins of the reference.
func rangeLeaves(n int) ([]Node, []referenceNode) {
	var leaves []Node
	var twins []referenceNode
	for i := range n {
		work := new(big.Int).Exp(big.NewInt(int64(i+1)), big.NewInt(9), nil)
		work.Lsh(work, uint(6*(i%28)))
		h := sha256.Sum256(fmt.Appendf(nil, "leaf %d", i))
		leaves = append(leaves, Node{Hash: h, Work: *uint256.MustFromBig(work)})
		twins = append(twins, referenceNode{h, work})
	}
	return leaves, twins
}

func rangeOf(t testing.TB, leaves []Node) *MMR {
	t.Helper()
	m := new(MMR)
	for i, leaf := range leaves {
		if err := m.Append(leaf); err != nil {
			t.Fatalf("leaf %d: %v", i, err)
		}
	}
	return m
}

// TestMountainRangeVectors: roots computed by another program; hashes in byte order.
func TestMountainRangeVectors(t *testing.T) {
	leaves, _ := rangeLeaves(32)
	for _, c := range []struct {
		n          int
		hash, work string
	}{
		{1, "20e325f06280f9d0d193fed01a0eda5bef79063f2e602d93e3605cbe825d96ad", "0x1"},
		{2, "869bba3ebb498b8fdaef24c45fd60487e3e08918c3777cd8d5b4ace712a09ead", "0x8001"},
		{3, "2adebf95178f60d7d29e42cc58716072acf927aec251fad03c036f2f37fd98fb", "0x4ceb001"},
		{7, "c1d216f83ccf6279de32a8f30d74d571b61246633eb559cd3b9d43eb18bf0e08", "0x26a283cd69ceb001"},
		{8, "6a55fc49456427bafe1a222a8e017cee4e5d1a746836dad0ca5ab1093e119403", "0x2026a283cd69ceb001"},
		{11, "94980aa11b4e3456591b6aa3590cdde8f7186542ac599fa4be84ad9ddf9c2f83", "0x8d7b4bce7eb83cd69ceb001"},
		{32, "f2420444f9ff1220499d70207ec84f3297748f185b338e8103323fa66eac4af2", "0x26ec2b8c455beb686eb292cf815f574961bd6970c9f74470783e"},
	} {
		root := rangeOf(t, leaves[:c.n]).Root()
		if hex.EncodeToString(root.Hash[:]) != c.hash || root.Work.Hex() != c.work {
			t.Errorf("%d leaves: root %x, work %s, want %s, %s", c.n, root.Hash[:], root.Work.Hex(), c.hash, c.work)
		}
	}
	if got := new(MMR).Root(); got != (Node{}) {
		t.Errorf("no leaves: root %v", got)
	}
}

// TestMountainRangeAgainstReference proves every leaf of every range of up to 300.
func TestMountainRangeAgainstReference(t *testing.T) {
	const most = 300
	leaves, twins := rangeLeaves(most)
	m := new(MMR)
	for n := 1; n <= most; n++ {
		if err := m.Append(leaves[n-1]); err != nil {
			t.Fatal(err)
		}
		want := referenceRange(twins[:n])
		root := m.Root()
		if !root.equals(want) || m.Leaves() != uint64(n) {
			t.Fatalf("%d leaves: root %s of %d", n, root.Hash, m.Leaves())
		}
		before := new(big.Int)
		for i := range n {
			p, err := m.Prove(uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			span, err := p.Verify(want.hash, uint64(n), leaves[i], uint64(i))
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", i, n, err)
			}
			if span.Before.ToBig().Cmp(before) != 0 || span.Total.ToBig().Cmp(want.work) != 0 {
				t.Fatalf("leaf %d of %d: work %s of %s, want %s of %s", i, n, &span.Before, &span.Total, before, want.work)
			}
			before.Add(before, twins[i].work)
		}
	}
}

// TestMountainRangeBack goes back to every size, in all forms, and forward again on
// another branch; and it proves in a past state from the nodes of the present one.
func TestMountainRangeBack(t *testing.T) {
	const most = 70
	leaves, _ := rangeLeaves(most)
	var past []Peaks
	for n := range most + 1 {
		past = append(past, rangeOf(t, leaves[:n]).Peaks())
	}
	other := leaves[3]
	for n := range most + 1 {
		m := rangeOf(t, leaves)
		if n > 0 {
			p, err := Prove(m.nodes, uint64(n), uint64(n/2))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Verify(past[n].Root().Hash, uint64(n), leaves[n/2], uint64(n/2)); err != nil {
				t.Fatalf("past of %d leaves: %v", n, err)
			}
		}
		peaks, err := PeaksAt(m.nodes, uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Truncate(uint64(n)); err != nil {
			t.Fatal(err)
		}
		if peaks != past[n] || m.Peaks() != past[n] {
			t.Fatalf("back to %d leaves: another state than on the way there", n)
		}
		want := rangeOf(t, append(slices.Clone(leaves[:n]), other)).Root()
		if err := m.Append(other); err != nil {
			t.Fatal(err)
		}
		if _, err := peaks.Append(nil, other); err != nil {
			t.Fatal(err)
		}
		if m.Root() != want || peaks.Root() != want {
			t.Fatalf("another branch from %d leaves: root %s and %s, want %s", n, m.Root().Hash, peaks.Root().Hash, want.Hash)
		}
	}
	if err := rangeOf(t, leaves[:3]).Truncate(4); err == nil {
		t.Error("back from 3 leaves to 4: no error")
	}
}

func TestMountainRangeRefuses(t *testing.T) {
	leaves, _ := rangeLeaves(5)
	m := rangeOf(t, leaves)
	if _, err := m.Prove(5); err == nil {
		t.Error("leaf 5 of 5: no error")
	}
	if _, err := PeaksAt(m.nodes, 6); err == nil {
		t.Error("6 leaves from the nodes of 5: no error")
	}
	if _, err := PeaksAt(m.nodes, MaxLeaves+1); err == nil {
		t.Error("more than MaxLeaves: no error")
	}
	full := Peaks{leaves: MaxLeaves}
	if _, err := full.Append(nil, leaves[0]); err == nil {
		t.Error("leaf beyond MaxLeaves: no error")
	}
	before := m.Peaks()
	huge := Node{Work: *new(uint256.Int).SetAllOne()}
	if err := m.Append(huge); err == nil || m.Peaks() != before || len(m.nodes) != int(nodeCount(5)) {
		t.Errorf("work above 256 bits: %v, or the range has changed", err)
	}
	one := new(MMR)
	if err := one.Append(huge); err != nil {
		t.Errorf("work of 2^256-1 alone: %v", err)
	}
}

func TestProofSpoiled(t *testing.T) {
	const n, index = 27, 18 // mountains of 16, 8, 2 and 1: three siblings, a bag, one on the left
	leaves, _ := rangeLeaves(n)
	m := rangeOf(t, leaves)
	root := m.Root().Hash
	good, err := m.Prove(index)
	if err != nil {
		t.Fatal(err)
	}
	if len(good) != 5 {
		t.Fatalf("proof of %d nodes, want 5", len(good))
	}
	type proved struct {
		p             Proof
		root          chainhash.Hash
		leaves, index uint64
		leaf          Node
	}
	type spoiling struct {
		name  string
		spoil func(*proved)
		want  string
	}
	cases := []spoiling{
		{"root", func(c *proved) { c.root[0] ^= 1 }, CheckRangeRoot},
		{"leaf's hash", func(c *proved) { c.leaf.Hash[31] ^= 1 }, CheckRangeRoot},
		{"leaf's work", func(c *proved) { c.leaf.Work[0]++ }, CheckRangeRoot},
		{"neighbour's index", func(c *proved) { c.index++ }, CheckRangeRoot},
		{"index in another mountain", func(c *proved) { c.index = 3 }, CheckRangeRoot},
		{"index too large", func(c *proved) { c.index = n }, CheckRangeIndex},
		{"no leaves", func(c *proved) { c.leaves = 0 }, CheckRangeIndex},
		{"too many leaves", func(c *proved) { c.leaves = MaxLeaves + 1 }, CheckRangeIndex},
		{"fewer leaves", func(c *proved) { c.leaves = 24 }, CheckRangeLength},
		{"more leaves", func(c *proved) { c.leaves = 32 + n }, CheckRangeLength},
		{"node missing", func(c *proved) { c.p = c.p[1:] }, CheckRangeLength},
		{"node too many", func(c *proved) { c.p = append(c.p, c.leaf) }, CheckRangeLength},
		{"nodes swapped", func(c *proved) { c.p[0], c.p[1] = c.p[1], c.p[0] }, CheckRangeRoot},
		{"work moved between nodes", func(c *proved) { c.p[1].Work[0]++; c.p[2].Work[0]-- }, CheckRangeRoot},
		{"work of 2^256-1", func(c *proved) { c.p[4].Work.SetAllOne() }, CheckRangeWork},
	}
	for i := range good {
		cases = append(cases,
			spoiling{fmt.Sprintf("hash of node %d", i), func(c *proved) { c.p[i].Hash[7] ^= 1 }, CheckRangeRoot},
			spoiling{fmt.Sprintf("work of node %d", i), func(c *proved) { c.p[i].Work[3] ^= 1 }, CheckRangeRoot})
	}
	for _, s := range cases {
		c := proved{slices.Clone(good), root, n, index, leaves[index]}
		if _, err := c.p.Verify(c.root, c.leaves, c.leaf, c.index); err != nil {
			t.Fatalf("good proof: %v", err)
		}
		s.spoil(&c)
		if _, err := c.p.Verify(c.root, c.leaves, c.leaf, c.index); refusal(err) != s.want {
			t.Errorf("%s: %v, want %s", s.name, err, s.want)
		}
	}
}

// TestProofOverflow: a root whose works add up to more than 256 bits folds, and is refused
// all the same.
func TestProofOverflow(t *testing.T) {
	half := Node{Hash: chainhash.Hash{1}, Work: uint256.Int{0, 0, 0, 1 << 63}}
	root, overflow := parent(&half, &half)
	if !overflow {
		t.Fatal("2^255 + 2^255: no overflow")
	}
	for index := range uint64(2) {
		if _, err := (Proof{half}).Verify(root.Hash, 2, half, index); refusal(err) != CheckRangeWork {
			t.Errorf("leaf %d: %v, want %s", index, err, CheckRangeWork)
		}
	}
}

// TestProofLengths compares the bound with every shape of large ranges.
func TestProofLengths(t *testing.T) {
	for _, leaves := range []uint64{1, 2, 1 << 31, 1<<31 + 1, MaxLeaves, MaxLeaves - 1, 0xaaaa_aaaa, 0xffff_0001} {
		for height := range maxPeaks {
			if leaves>>height&1 == 0 {
				continue
			}
			if n := proofLength(leaves, height); n > maxProofNodes {
				t.Errorf("%d leaves, mountain of 2^%d: %d nodes, at most %d", leaves, height, n, maxProofNodes)
			}
		}
	}
}

func TestParseProofRefuses(t *testing.T) {
	leaves, _ := rangeLeaves(11)
	p, err := rangeOf(t, leaves).Prove(6)
	if err != nil {
		t.Fatal(err)
	}
	good := p.Append(nil)
	again, rest, err := ParseProof(append(good, 9))
	if err != nil || len(rest) != 1 || !slices.Equal(again, p) {
		t.Fatalf("good proof: %d nodes, %d bytes behind, %v", len(again), len(rest), err)
	}
	for n := range good {
		if _, _, err := ParseProof(good[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes: no error", n, len(good))
		}
	}
	if _, _, err := ParseProof(make(Proof, maxProofNodes+1).Append(nil)); err == nil {
		t.Errorf("%d nodes: no error", maxProofNodes+1)
	}
}

func FuzzProof(f *testing.F) {
	leaves, _ := rangeLeaves(27)
	m := rangeOf(f, leaves)
	root := m.Root().Hash
	for _, i := range []uint64{0, 18, 26} {
		p, err := m.Prove(i)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Append(nil), uint64(27), i)
	}
	f.Add([]byte{0}, uint64(1), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, n, index uint64) {
		p, rest, err := ParseProof(b)
		if err != nil {
			return
		}
		if got := append(p.Append(nil), rest...); !bytes.Equal(got, b) {
			t.Fatalf("%x encodes back to %x", b, got)
		}
		leaf := leaves[index%27]
		if _, err := p.Verify(root, n, leaf, index); err != nil {
			return
		}
		// Only the one proof that Prove gives is accepted for a leaf at its place.
		if want, err := m.Prove(index); n == 27 && (err != nil || !slices.Equal(want, p)) {
			t.Fatalf("leaf %d of %d: accepted %x", index, n, b)
		}
	})
}
