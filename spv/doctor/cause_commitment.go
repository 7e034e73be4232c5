package doctor

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
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
	const mend = "put fabe6d6d and then the root with its 32 bytes reversed (as it is displayed in hex) into the script of the coinbase's input"
	if bytes.Contains(p.script(), root[:]) {
		return &Cause{"root-not-reversed", "the root stands in the coinbase script in internal byte order", mend}
	}
	for _, form := range [][]byte{reversedWords(root[:]), reversedWords(tag(root))} {
		if bytes.Contains(p.script(), form) {
			return &Cause{"root-word-order", "the root stands in the coinbase script with the bytes of each 32-bit word reversed", mend}
		}
	}
	for _, form := range [][]byte{root[:], tag(root)} {
		if text := hex.EncodeToString(form); bytes.Contains(bytes.ToLower(p.script()), []byte(text)) {
			return &Cause{"root-as-text", "the root stands in the coinbase script as hex text", mend}
		}
		if bytes.Contains(p.proof.Coinbase.Bytes(), form) {
			return &Cause{"root-outside-script", "the root stands in the coinbase, but not in the script of its first input", mend}
		}
	}
	return nil
}

// childForm: the tree holds another form of the block's id.
func childForm(p *patient) *Cause {
	branch, slot := p.proof.ChainBranch, uint32(p.proof.Slot)
	if root := branch.Root(reversed(p.leaf), slot); p.committed(root) {
		return &Cause{"child-hash-reversed", "the tree holds the block's id with its bytes reversed",
			"put the id into the tree in internal byte order: reverse the \"hash\" that createauxblock returns before hashing it with its siblings"}
	}
	if p.header == nil {
		return nil
	}
	work := p.rules.Work.Sum((*[spv.HeaderSize]byte)(p.header))
	if work != p.leaf && p.committed(branch.Root(work, slot)) {
		return &Cause{"child-work-hash", fmt.Sprintf("the tree holds the block's %s hash instead of its id", p.rules.Work),
			"put the block's SHA-256d id into the tree, whatever the work hash is"}
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
			return &Cause{"chain-branch-" + f.name, "the hashes of the chain branch are " + f.text,
				"list the siblings from the block upwards, in internal byte order"}
		}
	}
	if p.stands(branch.Root(p.leaf, swap32(slot))) {
		return &Cause{"chain-index-byte-order", fmt.Sprintf("the chain index is %d with its bytes reversed", swap32(slot)),
			"write the chain index as a little-endian int32"}
	}
	if index := p.standing(branch); index >= 0 {
		return &Cause{"chain-index", fmt.Sprintf("the chain branch leads to the committed root from position %d, but the proof says %d", index, slot),
			"write the position that the block has in the tree: its slot"}
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
		return &Cause{"commitment-missing", "the coinbase script holds no merged-mining commitment",
			"append fabe6d6d, the byte-reversed root, the tree size and the nonce (44 bytes) to the coinbase script that miners get"}
	}
	what := fmt.Sprintf("the tree with root %x", script[at+4:at+36])
	if len(p.proof.ChainBranch) == 0 {
		what = fmt.Sprintf("block %x", script[at+4:at+36])
	}
	return &Cause{"other-child",
		"the proof commits to something else: " + what + ", not to block " + p.leaf.String() + "; most often an older or another node's createauxblock",
		"submit the proof together with the hash that was put into this coinbase, and ask for a new block when the chain's tip moves"}
}

// magicBytes: the tag is there with its bytes reversed.
func magicBytes(p *patient) *Cause {
	at := bytes.Index(p.script(), tag(p.root()))
	if at < 4 || !bytes.Equal(p.script()[at-4:at], reversedWords(magic)) {
		return nil
	}
	return &Cause{"magic-byte-order", "the tag before the root is 6d6dbefa", "write the tag as the bytes fa be 6d 6d, in this order"}
}

func magicTwice(p *patient) *Cause {
	first := bytes.Index(p.script(), magic)
	if first < 0 || !bytes.Contains(p.script()[first+1:], magic) {
		return nil
	}
	return &Cause{"magic-twice", "the coinbase script holds the tag fabe6d6d more than once: two programs inserted a commitment, or an old one was kept",
		"let one program build the tree of all chains and insert one commitment"}
}

func magicApart(p *patient) *Cause {
	first, at := bytes.Index(p.script(), magic), bytes.Index(p.script(), tag(p.root()))
	if first < 0 || at < 0 {
		return nil
	}
	if gap := at - first - len(magic); gap > 0 {
		return &Cause{"magic-not-adjacent", fmt.Sprintf("%d bytes (%x) stand between the tag and the root", gap, p.script()[first+4:min(at, first+20)]),
			"write the root directly behind fabe6d6d, without a push opcode or padding"}
	}
	return &Cause{"magic-not-adjacent", "the tag stands behind the root", "write the root directly behind fabe6d6d"}
}

func magicMissing(p *patient) *Cause {
	at := bytes.Index(p.script(), tag(p.root()))
	if at < 0 || bytes.Contains(p.script(), magic) {
		return nil
	}
	return &Cause{"magic-missing", fmt.Sprintf("the root stands at offset %d of the coinbase script without the tag fabe6d6d before it", at),
		"write fabe6d6d directly before the root"}
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
	return &Cause{"tail-missing", fmt.Sprintf("%d bytes follow the root; tree size and nonce take 8", len(p.tail())),
		"append the number of leaves and the nonce, each as a little-endian uint32"}
}

// sizeAndNonce returns the two numbers behind the root.
func (p *patient) sizeAndNonce() (size, nonce uint32, ok bool) {
	t := p.tail()
	if len(t) < 8 {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint32(t), binary.LittleEndian.Uint32(t[4:]), true
}
