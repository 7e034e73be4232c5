package merkle

import (
	"fmt"
	"testing"
)

func BenchmarkBranchRoot(b *testing.B) {
	for _, d := range []int{1, 12} {
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			branch, leaf := Branch(numbered(d)), numbered(1)[0]
			b.ReportAllocs()
			for b.Loop() {
				leaf = branch.Root(leaf, 0x5a5)
			}
		})
	}
}

func BenchmarkRoot(b *testing.B) {
	txids := numbered(1851)
	b.ReportAllocs()
	for b.Loop() {
		Root(txids)
	}
}

func BenchmarkInclusionVerify(b *testing.B) {
	block := block830000(b)
	tx, in := prove(b, block, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if err := in.Verify(tx, block.Header.MerkleRoot); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPartialExtract(b *testing.B) {
	p, err := NewPartial(numbered(1851), 0, 1000)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Extract(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMountainRange(b *testing.B) {
	leaves, _ := rangeLeaves(1000)
	b.Run("append", func(b *testing.B) {
		var p Peaks
		var stored []Node
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			leaf := Node{Hash: leaves[i%1000].Hash}
			var err error
			if stored, err = p.Append(stored[:0], leaf); err != nil {
				b.Fatal(err)
			}
		}
	})
	m := new(MMR)
	for i := range 100_000 {
		if err := m.Append(Node{Hash: leaves[i%1000].Hash, Work: leaves[i%31].Work}); err != nil {
			b.Fatal(err)
		}
	}
	const index = 70_123
	b.Run("prove", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Prove(index); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		proof, err := m.Prove(index)
		if err != nil {
			b.Fatal(err)
		}
		root, leaf := m.Root().Hash, m.nodes[position(index, 0)]
		b.ReportAllocs()
		for b.Loop() {
			if _, err := proof.Verify(root, 100_000, leaf, index); err != nil {
				b.Fatal(err)
			}
		}
	})
}
