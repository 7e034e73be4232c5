package doctor_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

// forgeBits is a target that a test meets in some 65,536 hashes, and nothing meets by luck.
const forgeBits = 0x1f00ffff

// foreignRules are those of a merge-mined chain of Namecoin's family with id 98.
func foreignRules() *spv.Rules {
	limit, _ := spv.ParseTarget(0x207fffff)
	return &spv.Rules{
		Name: "forged", Work: pow.SHA256d, PowLimit: limit, MaxFuture: 7200,
		Eras:    []spv.Era{{Retarget: spv.Fixed, Spacing: 600}},
		AuxPoW:  &spv.AuxRules{ChainID: 98, StrictID: true, IndexZero: true, PlainParent: true, Start: 10, LegacyBefore: 10},
		Genesis: spv.Header{7},
	}
}

// layerRules are those of a layer with id 0x4C00.
func layerRules() *spv.Rules {
	r := foreignRules()
	r.AuxPoW = &spv.AuxRules{ChainID: 0x4c00, StrictID: true, Layer: true}
	return r
}

// plan says how a proof is made. Its fields are the steps of a miner; a test replaces one
// by a mistake.
type plan struct {
	rules    *spv.Rules
	child    spv.Header
	slotID   int32
	nonce    uint32
	height   int                           // of the merged-mining tree
	leaf     func(id spv.Hash) spv.Hash    // what goes into the tree
	script   func(root spv.Hash) []byte    // the coinbase script
	coinbase func(script []byte) []byte    // the transaction
	txid     func(t *spv.Tx) spv.Hash      // what goes into the parent's tree
	position uint32                        // of the coinbase in the parent's tree; 0 but for mistakes
	parent   func(h spv.Header) spv.Header // before it is mined
	mineBits uint32                        // the target that is mined for
	mineWork pow.Algorithm                 // and by which hash
	sent     func(h spv.Header) spv.Header // the parent header as it is sent
	after    func(s *spv.Sealed)           // changes to what is sent
}

func newPlan(r *spv.Rules) *plan {
	p := &plan{rules: r, slotID: r.AuxPoW.ChainID, nonce: 7, height: 4, mineBits: forgeBits, mineWork: r.Work}
	p.child = spv.Header{}
	binary.LittleEndian.PutUint32(p.child[0:], uint32(r.AuxPoW.ChainID)<<16|0x104)
	copy(p.child[4:], bytes.Repeat([]byte{0x11}, 32))
	copy(p.child[36:], bytes.Repeat([]byte{0x22}, 32))
	binary.LittleEndian.PutUint32(p.child[68:], 1_700_000_000)
	binary.LittleEndian.PutUint32(p.child[72:], forgeBits)
	p.leaf = func(id spv.Hash) spv.Hash { return id }
	p.script = func(root spv.Hash) []byte {
		return tail(append(append([]byte{3, 1, 2, 3}, magic...), backwards(root)...), 1<<p.height, p.nonce)
	}
	p.coinbase = coinbase
	p.txid = func(t *spv.Tx) spv.Hash { return t.ID() }
	p.parent = func(h spv.Header) spv.Header { return h }
	p.sent = p.parent
	p.after = func(*spv.Sealed) {}
	return p
}

var magic = []byte{0xfa, 0xbe, 0x6d, 0x6d}

func backwards(h spv.Hash) []byte {
	slices.Reverse(h[:])
	return h[:]
}

func tail(script []byte, size, nonce uint32) []byte {
	script = binary.LittleEndian.AppendUint32(script, size)
	return binary.LittleEndian.AppendUint32(script, nonce)
}

// coinbase serialises a coinbase with one output.
func coinbase(script []byte) []byte {
	b := append([]byte{1, 0, 0, 0, 1}, make([]byte, 32)...)
	b = append(b, 0xff, 0xff, 0xff, 0xff)
	if len(script) >= 0xfd {
		panic("the forge makes short scripts only")
	}
	b = append(append(b, byte(len(script))), script...)
	b = append(b, 0xff, 0xff, 0xff, 0xff, 1)
	b = append(b, 0, 0xf2, 5, 0x2a, 1, 0, 0, 0, 1, 0x51)
	return append(b, 0, 0, 0, 0)
}

// withWitness adds a witness of one item of 32 zeros to a coinbase.
func withWitness(raw []byte) []byte {
	b := append(slices.Clone(raw[:4]), 0, 1)
	b = append(b, raw[4:len(raw)-4]...)
	b = append(b, 1, 32)
	b = append(b, make([]byte, 32)...)
	return append(b, raw[len(raw)-4:]...)
}

// seal carries the plan out.
func (p *plan) seal(t testing.TB) *spv.Sealed {
	t.Helper()
	a := &spv.AuxPoW{Slot: int32(spv.Slot(p.nonce, p.slotID, p.height))}
	for i := range p.height {
		a.ChainBranch = append(a.ChainBranch, spv.Hash{byte(0x30 + i), 1})
	}
	root := a.ChainBranch.Root(p.leaf(p.child.ID()), uint32(a.Slot))
	tx, _, err := spv.ParseTx(p.coinbase(p.script(root)))
	if err != nil {
		t.Fatal(err)
	}
	a.Coinbase = tx
	a.CoinbaseBranch = merkle.Branch{{0x41, 1}, {0x42, 2}, {0x43, 3}}
	parentRoot := a.CoinbaseBranch.Root(p.txid(&tx), p.position)
	var h spv.Header
	binary.LittleEndian.PutUint32(h[0:], 0x20000000)
	copy(h[4:], bytes.Repeat([]byte{0x55}, 32))
	copy(h[36:], parentRoot[:])
	binary.LittleEndian.PutUint32(h[68:], 1_700_000_100)
	binary.LittleEndian.PutUint32(h[72:], 0x1a012345)
	a.Parent = p.parent(h)
	p.mine(t, &a.Parent)
	a.Parent = p.sent(a.Parent)
	s := &spv.Sealed{Header: p.child, Aux: a}
	p.after(s)
	return s
}

func (p *plan) mine(t testing.TB, h *spv.Header) {
	t.Helper()
	target, ok := spv.ParseTarget(p.mineBits)
	if !ok {
		t.Fatalf("mine: bits %08x", p.mineBits)
	}
	for nonce := uint32(0); nonce < math.MaxUint32; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if hash := p.mineWork.Sum((*[80]byte)(h)); spv.Meets(&hash, &target) {
			return
		}
	}
}
