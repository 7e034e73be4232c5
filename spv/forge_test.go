package spv_test

import (
	"encoding/binary"
	"testing"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
)

// forge builds one merged-mining proof from parts. A test changes a part before seal,
// which then makes everything that depends on it fit again: the root in the coinbase, the
// coinbase in the parent's tree, and the parent's work. So one spoiled part breaks one rule.
type forge struct {
	rules  *spv.Rules
	height int32

	header spv.Header // of the merge-mined block
	mined  bool       // seal mines header itself, for blocks without a proof
	bare   bool       // no proof at all

	chainBranch merkle.Branch
	slot        uint32
	committed   uint32 // tree size after the root
	nonce       uint32

	lead  []byte // of the coinbase script, before the magic
	magic []byte
	root  func(root spv.Hash) []byte // as it is written into the script
	tail  []byte                     // after the nonce
	cut   int                        // bytes taken off the script's end

	prevout [36]byte
	inputs  byte   // how often the input is repeated
	witness []byte // marker, flag and stack of a coinbase with witness; nil for one without

	coinbaseBranch merkle.Branch
	coinbaseIndex  int32
	parentVersion  int32
	lazy           bool // the parent is mined to miss the target

	late func(s *spv.Sealed) // changes the sealed proof, nothing is made to fit
}

// forged returns a valid proof in a merged-mining tree of 2^4 leaves and a parent block
// of 2^3 to 2^4 transactions, to be spoiled.
func forged(rules *spv.Rules, height int32) *forge {
	a := rules.AuxPoW
	f := &forge{
		rules: rules, height: height, nonce: 7, coinbaseBranch: siblings(3, 0x10), parentVersion: 0x20000000,
		lead: []byte{3, 1, 2, 3, 0x2c}, magic: []byte{0xfa, 0xbe, 'm', 'm'}, root: reversed, tail: []byte("/pool/"), inputs: 1,
	}
	binary.LittleEndian.PutUint32(f.prevout[32:], 0xffffffff)
	f.header = header(withVersion(a.ChainID<<16|0x0104), spv.Hash{1}, 1_700_000_000, easyBits, 9)
	f.tree(4)
	return f
}

// tree takes the chain's place in a merged-mining tree of a height.
func (f *forge) tree(height int) {
	f.chainBranch = siblings(height, 0x40)
	f.slot = spv.Slot(f.nonce, f.rules.AuxPoW.ChainID, height)
	f.committed = 1 << height
}

func withVersion(v int32) (h spv.Header) {
	binary.LittleEndian.PutUint32(h[0:], uint32(v))
	return h
}

func setVersion(h *spv.Header, v int32) { binary.LittleEndian.PutUint32(h[0:], uint32(v)) }

// siblings returns n different hashes.
func siblings(n int, salt byte) merkle.Branch {
	b := make(merkle.Branch, n)
	for i := range b {
		b[i] = spv.Hash{salt, byte(i), 0xab}
	}
	return b
}

func reversed(root spv.Hash) []byte {
	b := make([]byte, len(root))
	for i := range root {
		b[i] = root[len(root)-1-i]
	}
	return b
}

// script is the coinbase script with the commitment.
func (f *forge) script() []byte {
	s := append(append([]byte(nil), f.lead...), f.magic...)
	s = append(s, f.root(f.chainBranch.Root(f.header.ID(), f.slot))...)
	s = binary.LittleEndian.AppendUint32(s, f.committed)
	s = binary.LittleEndian.AppendUint32(s, f.nonce)
	s = append(s, f.tail...)
	return s[:len(s)-f.cut]
}

// coinbase is the parent's coinbase transaction.
func (f *forge) coinbase(t testing.TB) spv.Tx {
	t.Helper()
	script := f.script()
	if len(script) > 252 {
		t.Fatalf("script of %d bytes", len(script))
	}
	b := []byte{1, 0, 0, 0}
	if f.witness != nil {
		b = append(b, 0, 1)
	}
	b = append(b, f.inputs)
	for range f.inputs {
		b = append(append(b, f.prevout[:]...), byte(len(script)))
		b = append(append(b, script...), 0xff, 0xff, 0xff, 0xff)
	}
	if f.inputs > 0 {
		b = append(b, 1, 0, 0xf2, 5, 0x2a, 1, 0, 0, 0, 1, 0x51)
	} else {
		b = append(b, 0) // outputs would make the two counts read as marker and flag of a witness
	}
	b = append(append(b, f.witness...), 0, 0, 0, 0)
	tx, n, err := spv.ParseTx(b)
	if err != nil || n != len(b) {
		t.Fatalf("coinbase: %d of %d bytes, %v", n, len(b), err)
	}
	return tx
}

// seal puts the proof together and does its work.
func (f *forge) seal(t testing.TB) spv.Sealed {
	t.Helper()
	if f.mined {
		mine(t, &f.header)
	}
	s := spv.Sealed{Header: f.header}
	if !f.bare {
		p := &spv.AuxPoW{
			Coinbase: f.coinbase(t), CoinbaseBranch: f.coinbaseBranch, CoinbaseIndex: f.coinbaseIndex,
			ChainBranch: f.chainBranch, Slot: int32(f.slot),
		}
		p.Parent = header(withVersion(f.parentVersion), spv.Hash{2}, 1_700_000_100, 0x1702068f, 0)
		root := f.coinbaseBranch.Root(p.Coinbase.ID(), 0)
		copy(p.Parent[36:], root[:])
		f.work(&p.Parent)
		s.Aux = p
	}
	if f.late != nil {
		f.late(&s)
	}
	return s
}

// work searches a nonce with which the parent meets the block's target, or misses it.
func (f *forge) work(parent *spv.Header) {
	target, ok := spv.ParseTarget(f.header.Bits())
	if !ok {
		return
	}
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(parent[76:], nonce)
		hash := f.rules.Work.Sum((*[80]byte)(parent))
		if spv.Meets(&hash, &target) != f.lazy {
			return
		}
	}
}

// familyRules are those of a merge-mined chain of the first kind, easy to mine: proofs
// and versions with chain id from 100 on.
func familyRules() *spv.Rules {
	r := easyRules()
	r.Name = "family"
	r.AuxPoW = &spv.AuxRules{
		Start: 100, ChainID: 98, StrictID: true, LegacyBefore: 100, LegacyV2: true, PlainParent: true, IndexZero: true,
	}
	return r
}
