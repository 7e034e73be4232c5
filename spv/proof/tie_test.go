package proof_test

import (
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/proof"
)

// last is the header below another, which is all that these chains' difficulty looks back at.
type last struct{ *spv.Header }

func (l last) At(int32) (spv.Point, bool) {
	return spv.Point{Time: l.Time(), Bits: l.Bits()}, true
}

// forged is a file with a payment that nobody made: in a block with as little work as there can be, on top of a header without any, that
// builds on a true one.
func (w *world) forged(chain string, below spv.Header, height int32) (file *proof.Payment, now uint32) {
	p, err := w.set.Get(chain)
	must(err)
	fake := header(p.Genesis.Version(), below.ID(), spv.Hash{7}, below.Time()+40*p.Spacing()*100, below.Bits())
	time := fake.Time() + p.Spacing()
	bits, _ := p.RequiredBits(last{&fake}, height+2, time)
	txs := []*wire.MsgTx{coinbase(height+2, (&spv.Commitment{Anchor: spv.Block{Height: 1}, FeeVote: 1}).Script()), payment(1, height), payment(2, height)}
	root, _ := merkle.Root(ids(txs))
	block := spv.Sealed{Header: header(p.Genesis.Version(), fake.ID(), root, time, bits)}
	if p.AuxPoW == nil {
		mine(&block.Header, bits)
	} else {
		block.Aux = w.auxFor(block.Header.ID())
		mine(&block.Aux.Parent, bits)
	}
	branch, err := merkle.NewBranch(ids(txs), 1)
	must(err)
	first, err := merkle.NewBranch(ids(txs), 0)
	must(err)
	return &proof.Payment{Chain: p.NetID(), Height: height, Below: 2, Headers: []spv.Sealed{{Header: below}, {Header: fake}, block}, Tx: raw(txs[1]),
		Inclusion: merkle.Inclusion{Index: 1, Branch: branch, Coinbase: raw(txs[0]), CoinbaseBranch: first}}, time
}

// TestForgedBelow: a header below the payment's block that is known to be of the chain ties nothing to it as long as what stands in between
// was not judged.
func TestForgedBelow(t *testing.T) {
	w := theWorld()
	l1Tip, _ := w.l1.Header(w.l1.Tip().Height)
	for _, c := range []struct {
		name, chain string
		below       spv.Header
		height      int32
		check       string // that refutes it; else it is linked by nothing
	}{
		{"our tip", "dev-native", w.sealed[worldBlocks].Header, worldBlocks, ""},
		{"genesis", "dev-native", w.sealed[0].Header, 0, ""},
		{"our L1's tip", "dev", l1Tip, w.l1.Tip().Height, spv.CheckWork},
		{"the L1's genesis", "dev", w.on.Genesis, 0, spv.CheckWork},
	} {
		p, now := w.forged(c.chain, c.below, c.height)
		own := w.own
		if c.height == 0 {
			own = nil
		}
		got, err := proof.Verify(encode(t, p), w.set, own, now, nil)
		switch {
		case c.check != "":
			wantCheck(t, c.name, err, c.check)
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case got.Linked != proof.Unlinked:
			t.Errorf("%s: a payment of %d that nobody made is verified, tied to the chain by %v", c.name, got.Outputs[0].Value, got.Linked)
		}
	}
}

// TestUntoldBits: what builds on our own tip is not tied to it by that, as long as the file does not show which difficulty the block between
// must have.
func TestUntoldBits(t *testing.T) {
	set, err := chains.Load(assets.Chains)
	must(err)
	p, err := set.Get("dev")
	must(err)
	p.Eras = []spv.Era{{Retarget: spv.Interval, Spacing: 10, Timespan: 80, MaxDrop: 4, MaxRise: 4}} // adjusts every 8 blocks
	tree := spv.NewTree(&p.Rules)
	var headers []spv.Sealed
	on := p.Genesis
	grow := func(root spv.Hash) {
		bits, _, ok := tree.After(on.ID(), on.Time()+10)
		if !ok {
			t.Fatalf("what follows %s is not known", on.ID())
		}
		h := header(4, on.ID(), root, on.Time()+10, bits)
		mine(&h, bits)
		_, err := tree.Connect([]spv.Sealed{{Header: h}}, 0)
		must(err)
		headers, on = append(headers, spv.Sealed{Header: h}), h
	}
	for range 7 {
		grow(spv.Hash{})
	}
	tip := tree.Clone()
	txs := []*wire.MsgTx{coinbase(8, []byte{0x51, 0x51}), payment(1, 8)}
	root, _ := merkle.Root(ids(txs))
	grow(root)
	branch, err := merkle.NewBranch(ids(txs), 1)
	must(err)
	first, err := merkle.NewBranch(ids(txs), 0)
	must(err)
	for _, c := range []struct {
		name  string
		below int
		own   *spv.Tree
		link  proof.Link
		open  bool
	}{
		{"the last block before an adjustment", 1, tip, proof.Unlinked, true},
		{"with the payment's block", 1, tree, proof.OwnChain, false},
		{"with all that the adjustment looks at", 7, tip, proof.Unlinked, true}, // but genesis
	} {
		file := encode(t, &proof.Payment{Chain: p.NetID(), Height: int32(8 - c.below), Below: c.below, Headers: headers[7-c.below:], Tx: raw(txs[1]),
			Inclusion: merkle.Inclusion{Index: 1, Branch: branch, Coinbase: raw(txs[0]), CoinbaseBranch: first}})
		got, err := proof.Verify(file, set, func(string) proof.Chain { return c.own }, on.Time(), nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if open := slices.Contains(got.Assumptions, proof.DifficultyOpen); got.Linked != c.link || open != c.open {
			t.Errorf("%s: linked by %v, difficulties open %t; want %v, %t", c.name, got.Linked, open, c.link, c.open)
		}
	}
}
