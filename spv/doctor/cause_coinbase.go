package doctor

import (
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/said"
)

// maxSearched is the longest branch whose positions are all tried: 2^17 hashes at most.
const maxSearched = 16

// witnessHashed: the branch holds for the coinbase with its witness.
func witnessHashed(p *patient) *Cause {
	c := &p.proof.Coinbase
	if !c.HasWitness() || p.proof.CoinbaseBranch.Root(c.WitnessID(), 0) != p.proof.Parent.MerkleRoot() {
		return nil
	}
	return newCause("witness-hashed",
		said.Of("the parent's merkle root was computed from the coinbase with its witness (its wtxid): the parent block is invalid too"),
		said.Of("hash the coinbase without marker, flag and witness, and serialise it that way in the proof"))
}

func witnessKept(*patient) *Cause {
	return newCause("witness-kept", said.Of("the parent coinbase is serialised with its witness, which layers do not accept"),
		said.Of("serialise the coinbase without marker, flag and witness; its id and the branch stay the same"))
}

func scriptLength(p *patient) *Cause {
	n := len(p.proof.Coinbase.FirstScript())
	return newCause("script-length", said.Of("the coinbase script has %d bytes; the parent chain itself allows 2 to 100", n),
		said.Of("shorten the pool tag or the extranonce: the merged-mining commitment takes 44 bytes"))
}

func indexSet(p *patient) *Cause {
	return newCause("coinbase-index", said.Of("the coinbase index is %d", p.proof.CoinbaseIndex),
		said.Of("write 0: the coinbase is the first transaction of the parent block"))
}

// branchForms are the ways in which the hashes of a branch get mixed up.
var branchForms = []struct {
	name string
	text said.Sentence
	undo func(merkle.Branch) merkle.Branch
}{
	{"order", said.Of("in reverse order"), func(b merkle.Branch) merkle.Branch {
		b = slices.Clone(b)
		slices.Reverse(b)
		return b
	}},
	{"bytes", said.Of("in display order, each hash with its bytes reversed"), func(b merkle.Branch) merkle.Branch {
		b = slices.Clone(b)
		for i := range b {
			b[i] = reversed(b[i])
		}
		return b
	}},
}

// coinbaseBranch: the branch leads to the parent's root once it is put in order.
func coinbaseBranch(p *patient) *Cause {
	id, root, branch := p.proof.Coinbase.ID(), p.proof.Parent.MerkleRoot(), p.proof.CoinbaseBranch
	for _, f := range branchForms {
		if f.undo(branch).Root(id, 0) == root {
			return newCause("coinbase-branch-"+f.name, said.Of("the hashes of the coinbase branch are %s", f.text),
				said.Of("list the siblings from the coinbase upwards, in internal byte order"))
		}
	}
	if len(branch) > 0 && branch[0] == id && branch[1:].Root(id, 0) == root {
		return newCause("coinbase-branch-includes-coinbase", said.Of("the coinbase branch begins with the coinbase's own id"),
			said.Of("leave the leaf out: the branch holds only its siblings"))
	}
	if index := slices.Index(positions(branch, id), root); index >= 0 {
		return newCause("coinbase-branch-index",
			said.Of("the branch leads to the parent's root only from position %d, but a coinbase is at position 0", index),
			said.Of("put every sibling on the right: the coinbase is the leftmost leaf, so the index is 0"))
	}
	return nil
}

// coinbaseElsewhere is what is left when no mix-up explains a wrong root.
func coinbaseElsewhere(p *patient) *Cause {
	return newCause("other-coinbase",
		said.Of("coinbase %s is not in the block that the parent header commits to, in whatever byte order: they come from different jobs, or the coinbase was changed after it was hashed",
			p.proof.Coinbase.ID()),
		said.Of("take coinbase, branch and header of one job, with the extranonce and time that the miner returned"))
}

// positions returns the root that a branch leads to from each of its 2^len(b) positions,
// nil for a branch that is too long to try them all.
func positions(b merkle.Branch, leaf spv.Hash) []spv.Hash {
	if len(b) > maxSearched {
		return nil
	}
	level := []spv.Hash{leaf}
	for i := range b {
		n := len(level)
		for j := range n {
			level = append(level, pow.HashPair(&b[i], &level[j])) // the i-th bit of the position is set
		}
		for j := range n {
			level[j] = pow.HashPair(&level[j], &b[i])
		}
	}
	return level
}
