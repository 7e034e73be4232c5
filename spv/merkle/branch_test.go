package merkle

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
)

func TestRootOfEverySmallTree(t *testing.T) {
	for n := 1; n <= 70; n++ {
		leaves := numbered(n)
		want := referenceRoot(leaves)
		got, mutated := Root(leaves)
		if got != want || mutated {
			t.Fatalf("%d leaves: root %s, mutated %t, want %s", n, got, mutated, want)
		}
		for i := range leaves {
			b, err := NewBranch(leaves, uint32(i))
			if err != nil {
				t.Fatal(err)
			}
			if len(b) != depth(uint32(n)) {
				t.Fatalf("%d leaves: branch of %d, want %d", n, len(b), depth(uint32(n)))
			}
			if got := b.Root(leaves[i], uint32(i)); got != want {
				t.Fatalf("leaf %d of %d: root %s, want %s", i, n, got, want)
			}
		}
		if leaves[n-1] != numbered(n)[n-1] || leaves[0] != numbered(1)[0] {
			t.Fatalf("%d leaves: the caller's leaves have changed", n)
		}
	}
	if got, mutated := Root(nil); got != (chainhash.Hash{}) || mutated {
		t.Errorf("no leaves: root %s, mutated %t", got, mutated)
	}
	if _, err := NewBranch(numbered(3), 3); err == nil {
		t.Error("branch of leaf 3 of 3: no error")
	}
}

// TestRootMutation repeats subtrees as CVE-2012-2459 does: the root stays, the mark comes.
func TestRootMutation(t *testing.T) {
	for _, c := range []struct{ leaves, repeat int }{{3, 1}, {5, 1}, {6, 2}, {7, 1}, {12, 4}, {1001, 1}} {
		honest := numbered(c.leaves)
		want, _ := Root(honest)
		root, mutated := Root(append(honest, honest[c.leaves-c.repeat:]...))
		if root != want || !mutated {
			t.Errorf("%d leaves, last %d repeated: same root %t, mutated %t", c.leaves, c.repeat, root == want, mutated)
		}
	}
	far := numbered(4)
	far[2] = far[1] // equal, but never hashed together
	if _, mutated := Root(far); mutated {
		t.Error("equal leaves in different pairs: mutated")
	}
}

func TestRootOfRealBlocks(t *testing.T) {
	check := func(name string, blocks [][]byte) {
		for i, raw := range blocks {
			block := parseBlock(t, raw)
			if root, mutated := Root(txidsOf(block)); root != block.Header.MerkleRoot || mutated {
				t.Fatalf("%s, block %d: root %s, mutated %t, want %s", name, i, root, mutated, block.Header.MerkleRoot)
			}
		}
	}
	for name, count := range map[string]int{
		"blocks/bitcoin-mainnet-blk_0_to_14131.dat.bz2": 14132,
		"blocks/bitcoin-mainnet_alt-1-2016.dat.bz2":     2016,
		"blocks/litecoin-mainnet-1-256.bz2":             256,
		"blocks/litecoin-mainnet-277645.dat.bz2":        1,
	} {
		blocks := framedBlocks(t, name)
		if len(blocks) != count {
			t.Fatalf("%s: %d blocks, want %d", name, len(blocks), count)
		}
		check(name, blocks)
	}
	dogecoin := "blocks/dogecoin-testnet-first4000.hexlines.bz2"
	check(dogecoin, testdata.HexLines(t, dogecoin))
	check("block 830000", [][]byte{testdata.Read(t, "merkleblock/bitcoin-mainnet-0830000.block.bz2")})
}

// TestWitnessRoot checks BIP141's commitment in a real coinbase.
func TestWitnessRoot(t *testing.T) {
	block := block830000(t)
	wtxids := make([]chainhash.Hash, len(block.Transactions))
	for i, tx := range block.Transactions[1:] {
		wtxids[i+1] = tx.WitnessHash()
	}
	root, mutated := Root(wtxids)
	coinbase := block.Transactions[0]
	reserved := coinbase.TxIn[0].Witness[0]
	want := "6a24aa21a9ed" + chainhash.DoubleHashH(append(root[:], reserved...)).String()
	var got string
	for _, out := range coinbase.TxOut {
		if s := hex.EncodeToString(out.PkScript); strings.HasPrefix(s, "6a24aa21a9ed") {
			got = "6a24aa21a9ed" + chainhash.Hash(out.PkScript[6:38]).String()
		}
	}
	if got != want || mutated {
		t.Errorf("witness commitment %s, mutated %t, want %s", got, mutated, want)
	}
}

type summaProof struct {
	Input struct {
		Proof, TxIDLE, MerkleRootLE string
		Index                       uint32
	}
	Output bool
}

func summaHashes(t *testing.T, s string) []chainhash.Hash {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	hashes := make([]chainhash.Hash, len(b)/32)
	for i := range hashes {
		copy(hashes[i][:], b[32*i:])
	}
	return hashes
}

func TestBranchSummaVectors(t *testing.T) {
	var v struct{ VerifyHash256Merkle, Prove []summaProof }
	if err := json.Unmarshal(testdata.Read(t, "merkleblock/summa-bitcoin-spv-testVectors.json"), &v); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for i, c := range v.VerifyHash256Merkle {
		h := summaHashes(t, c.Input.Proof) // leaf, branch, root
		if len(h) < 3 {
			continue // their rules on proofs without a branch, not ours
		}
		last := len(h) - 1
		if got := Branch(h[1:last]).Root(h[0], c.Input.Index) == h[last]; got != c.Output {
			t.Errorf("verifyHash256Merkle %d: %t, want %t", i, got, c.Output)
		}
		checked++
	}
	for i, c := range v.Prove {
		leaf, root := summaHashes(t, c.Input.TxIDLE)[0], summaHashes(t, c.Input.MerkleRootLE)[0]
		b := Branch(summaHashes(t, c.Input.Proof))
		if got := b.Root(leaf, c.Input.Index) == root; got != c.Output {
			t.Errorf("prove %d: %t, want %t", i, got, c.Output)
		}
		checked++
	}
	if checked != 8 {
		t.Errorf("%d vectors checked, want 8", checked)
	}
}

func TestBranchRootDoesNotAllocate(t *testing.T) {
	b := Branch(numbered(16))
	leaf := numbered(1)[0]
	if n := testing.AllocsPerRun(100, func() { leaf = b.Root(leaf, 0xa5a5) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestParseIndexedRefuses(t *testing.T) {
	good := Branch(numbered(2)).AppendIndexed(nil, 3)
	if index, b, rest, err := ParseIndexed(append(good, 7)); err != nil || index != 3 || len(b) != 2 || len(rest) != 1 {
		t.Fatalf("good branch: index %d, %d hashes, %d bytes behind, %v", index, len(b), len(rest), err)
	}
	for name, b := range map[string][]byte{
		"empty":            nil,
		"index cut":        good[:3],
		"no length":        good[:4],
		"hash cut":         good[:len(good)-1],
		"17 hashes":        Branch(numbered(17)).AppendIndexed(nil, 1),
		"length not short": append([]byte{3, 0, 0, 0, 0xfd, 2, 0}, good[5:]...),
		"length cut":       {3, 0, 0, 0, 0xfe, 2, 0},
		"length huge":      {3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if _, _, _, err := ParseIndexed(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestCompactSize compares with btcd's, which knows the same canonical form.
func TestCompactSize(t *testing.T) {
	for _, n := range []uint64{0, 1, 0xfc, 0xfd, 0xfe, 0xffff, 0x10000, 0xffff_ffff, 0x1_0000_0000, 1<<64 - 1} {
		b := appendCompactSize(nil, n)
		if len(b) != wire.VarIntSerializeSize(n) {
			t.Errorf("%d: %d bytes, want %d", n, len(b), wire.VarIntSerializeSize(n))
		}
		got, rest, err := compactSize(append(b, 1))
		if err != nil || got != n || len(rest) != 1 {
			t.Errorf("%d: read %d, %d bytes behind, %v", n, got, len(rest), err)
		}
	}
	for _, b := range [][]byte{{0xfd, 0xfc, 0}, {0xfe, 0xff, 0xff, 0, 0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}} {
		if n, _, err := compactSize(b); err == nil {
			t.Errorf("%x: read %d, want an error", b, n)
		}
	}
}

func FuzzParseIndexed(f *testing.F) {
	f.Add(Branch(nil).AppendIndexed(nil, 0))
	f.Add(Branch(numbered(11)).AppendIndexed(nil, 1850))
	f.Add(binary.LittleEndian.AppendUint64(nil, 0xfd00_0000_0000))
	f.Fuzz(func(t *testing.T, b []byte) {
		index, branch, rest, err := ParseIndexed(b)
		if err != nil {
			return
		}
		if got := append(branch.AppendIndexed(nil, index), rest...); string(got) != string(b) {
			t.Fatalf("%x encodes back to %x", b, got)
		}
	})
}
