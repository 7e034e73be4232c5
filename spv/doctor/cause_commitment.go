package doctor

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/said"
)

// tag returns a root as it has to stand in the script.
func tag(root spv.Hash) []byte {
	r := reversed(root)
	return r[:]
}

func (p *patient) script() []byte { return p.proof.Coinbase.FirstScript() }

// root returns the tree root that the proof leads to.
func (p *patient) root() spv.Hash {
	return p.proof.ChainBranch.Root(p.leaf, uint32(p.proof.Slot))
}

// stands tells whether a root stands in the script, byte-reversed as it must or not.
func (p *patient) stands(root spv.Hash) bool {
	return bytes.Contains(p.script(), tag(root))
}

// rootForm: the right root is there, in another form or another place.
func rootForm(p *patient) *Cause {
	root := p.root()
	mend := said.Of("put fabe6d6d and then the root with its 32 bytes reversed (as it is displayed in hex) into the script of the coinbase's input")
	if bytes.Contains(p.script(), root[:]) {
		return newCause("root-not-reversed", said.Of("the root stands in the coinbase script in internal byte order"), mend)
	}
	for _, form := range [][]byte{reversedWords(root[:]), reversedWords(tag(root))} {
		if bytes.Contains(p.script(), form) {
			return newCause("root-word-order", said.Of("the root stands in the coinbase script with the bytes of each 32-bit word reversed"), mend)
		}
	}
	for _, form := range [][]byte{root[:], tag(root)} {
		if text := hex.EncodeToString(form); bytes.Contains(bytes.ToLower(p.script()), []byte(text)) {
			return newCause("root-as-text", said.Of("the root stands in the coinbase script as hex text"), mend)
		}
		if bytes.Contains(p.proof.Coinbase.Bytes(), form) {
			return newCause("root-outside-script", said.Of("the root stands in the coinbase, but not in the script of its first input"), mend)
		}
	}
	return nil
}

// childForm: the tree holds another form of the block's id.
func childForm(p *patient) *Cause {
	branch, slot := p.proof.ChainBranch, uint32(p.proof.Slot)
	if root := branch.Root(reversed(p.leaf), slot); p.committed(root) {
		return newCause("child-hash-reversed", said.Of("the tree holds the block's id with its bytes reversed"),
			said.Of("put the id into the tree in internal byte order: reverse the \"hash\" that createauxblock returns before hashing it with its siblings"))
	}
	if p.header == nil {
		return nil
	}
	work := p.rules.Work.Sum((*[spv.HeaderSize]byte)(p.header))
	if work != p.leaf && p.committed(branch.Root(work, slot)) {
		return newCause("child-work-hash", said.Of("the tree holds the block's %s hash instead of its id", p.rules.Work),
			said.Of("put the block's SHA-256d id into the tree, whatever the work hash is"))
	}
	return nil
}

// committed tells whether a root stands in the script in either byte order.
func (p *patient) committed(root spv.Hash) bool {
	return p.stands(root) || bytes.Contains(p.script(), root[:])
}

// branchForm: the tree's root is there once branch and position are put in order.
func branchForm(p *patient) *Cause {
	branch, slot := p.proof.ChainBranch, uint32(p.proof.Slot)
	for _, f := range branchForms {
		if p.stands(f.undo(branch).Root(p.leaf, slot)) {
			return newCause("chain-branch-"+f.name, said.Of("the hashes of the chain branch are %s", f.text),
				said.Of("list the siblings from the block upwards, in internal byte order"))
		}
	}
	if p.stands(branch.Root(p.leaf, swap32(slot))) {
		return newCause("chain-index-byte-order", said.Of("the chain index is %d with its bytes reversed", swap32(slot)),
			said.Of("write the chain index as a little-endian int32"))
	}
	if index := p.standing(branch); index >= 0 {
		return newCause("chain-index", said.Of("the chain branch leads to the committed root from position %d, but the proof says %d", index, slot),
			said.Of("write the position that the block has in the tree: its slot"))
	}
	return nil
}

// standing returns the position from which a branch leads to a root in the script, or -1.
func (p *patient) standing(branch merkle.Branch) int {
	roots := positions(branch, p.leaf)
	starts := map[spv.Hash]bool{}
	script := p.script()
	for i := 0; i+32 <= len(script) && i < 1<<12; i++ {
		starts[reversed(spv.Hash(script[i:i+32]))] = true
	}
	for i := range roots {
		if starts[roots[i]] {
			return i
		}
	}
	return -1
}

// commitsElsewhere is what is left when no mix-up leads to what stands in the script.
func commitsElsewhere(p *patient) *Cause {
	script := p.script()
	at := bytes.Index(script, magic)
	if at < 0 || at+4+32 > len(script) {
		return newCause("commitment-missing", said.Of("the coinbase script holds no merged-mining commitment"),
			said.Of("append fabe6d6d, the byte-reversed root, the tree size and the nonce (44 bytes) to the coinbase script that miners get"))
	}
	what := said.Of("the tree with root %s", hex.EncodeToString(script[at+4:at+36]))
	if len(p.proof.ChainBranch) == 0 {
		what = said.Of("block %s", hex.EncodeToString(script[at+4:at+36]))
	}
	return newCause("other-child",
		said.Of("the proof commits to something else: %s, not to block %s; most often an older or another node's createauxblock", what, p.leaf),
		said.Of("submit the proof together with the hash that was put into this coinbase, and ask for a new block when the chain's tip moves"))
}

// magicBytes: the tag is there with its bytes reversed.
func magicBytes(p *patient) *Cause {
	at := bytes.Index(p.script(), tag(p.root()))
	if at < 4 || !bytes.Equal(p.script()[at-4:at], reversedWords(magic)) {
		return nil
	}
	return newCause("magic-byte-order", said.Of("the tag before the root is 6d6dbefa"), said.Of("write the tag as the bytes fa be 6d 6d, in this order"))
}

func magicTwice(p *patient) *Cause {
	first := bytes.Index(p.script(), magic)
	if first < 0 || !bytes.Contains(p.script()[first+1:], magic) {
		return nil
	}
	return newCause("magic-twice", said.Of("the coinbase script holds the tag fabe6d6d more than once: two programs inserted a commitment, or an old one was kept"),
		said.Of("let one program build the tree of all chains and insert one commitment"))
}

func magicApart(p *patient) *Cause {
	first, at := bytes.Index(p.script(), magic), bytes.Index(p.script(), tag(p.root()))
	if first < 0 || at < 0 {
		return nil
	}
	if gap := at - first - len(magic); gap > 0 {
		return newCause("magic-not-adjacent", said.Of("%d bytes (%s) stand between the tag and the root", gap, hex.EncodeToString(p.script()[first+4:min(at, first+20)])),
			said.Of("write the root directly behind fabe6d6d, without a push opcode or padding"))
	}
	return newCause("magic-not-adjacent", said.Of("the tag stands behind the root"), said.Of("write the root directly behind fabe6d6d"))
}

func magicMissing(p *patient) *Cause {
	at := bytes.Index(p.script(), tag(p.root()))
	if at < 0 || bytes.Contains(p.script(), magic) {
		return nil
	}
	return newCause("magic-missing", said.Of("the root stands at offset %d of the coinbase script without the tag fabe6d6d before it", at),
		said.Of("write fabe6d6d directly before the root"))
}

// tail returns what follows the root.
func (p *patient) tail() []byte {
	at := bytes.Index(p.script(), tag(p.root()))
	if at < 0 {
		return nil
	}
	return p.script()[at+32:]
}

func tailMissing(p *patient) *Cause {
	return newCause("tail-missing", said.Of("%d bytes follow the root; tree size and nonce take 8", len(p.tail())),
		said.Of("append the number of leaves and the nonce, each as a little-endian uint32"))
}

// sizeAndNonce returns the two numbers behind the root.
func (p *patient) sizeAndNonce() (size, nonce uint32, ok bool) {
	t := p.tail()
	if len(t) < 8 {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint32(t), binary.LittleEndian.Uint32(t[4:]), true
}
