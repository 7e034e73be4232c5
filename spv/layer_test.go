package spv_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/layeredpow/lamina/spv"
)

const layerID = 0x4C00

// layerRules are those of a layer chain over easyRules.
func layerRules() *spv.Rules {
	r := easyRules(spv.Era{Retarget: spv.ASERT, Spacing: 60, HalfLife: 21600})
	r.Name = "layer"
	r.AuxPoW = &spv.AuxRules{ChainID: layerID, StrictID: true, IndexZero: true, Layer: true}
	r.Genesis = header(layerVersion(), spv.Hash{}, 1_600_000_000, easyBits, 0)
	return r
}

func layerVersion() (h spv.Header) {
	binary.LittleEndian.PutUint32(h[0:], layerID<<16|0x0104)
	return h
}

// coinbaseFor builds a parent coinbase that commits to one layer block alone: a tree of
// one leaf, so that the root is the block id.
func coinbaseFor(id spv.Hash) []byte {
	script := []byte{3, 1, 2, 3, 0xfa, 0xbe, 'm', 'm'}
	for i := range id {
		script = append(script, id[31-i])
	}
	script = append(script, 1, 0, 0, 0, 0, 0, 0, 0)
	tx := []byte{1, 0, 0, 0, 1}
	tx = append(tx, make([]byte, 32)...)
	tx = append(tx, 0xff, 0xff, 0xff, 0xff, byte(len(script)))
	tx = append(tx, script...)
	tx = append(tx, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x51)
	return append(tx, 0, 0, 0, 0)
}

// sealOn gives a layer header a proof whose parent is the given L1 header, its merkle
// root set; spoil may change it before it is mined.
func sealOn(t testing.TB, h spv.Header, parent spv.Header, spoil func(p *spv.Header)) spv.Sealed {
	t.Helper()
	tx, _, err := spv.ParseTx(coinbaseFor(h.ID()))
	if err != nil {
		t.Fatal(err)
	}
	id := tx.ID()
	copy(parent[36:68], id[:])
	if spoil != nil {
		spoil(&parent)
	}
	target, _ := spv.ParseTarget(h.Bits())
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(parent[76:], nonce)
		if id := parent.ID(); spv.Meets(&id, &target) {
			break
		}
	}
	return spv.Sealed{Header: h, Aux: &spv.AuxPoW{Coinbase: tx, Parent: parent}}
}

// TestLayerParent applies rules R2 and R4 through a tree that is linked to its L1.
func TestLayerParent(t *testing.T) {
	rules := layerRules()
	l1 := spv.NewTree(easyRules())
	run := grow(t, l1, l1.Rules().Genesis.ID(), 30, 600, 1)
	connect(t, l1, run[:29]...)
	tree := spv.NewTree(rules)
	tree.LinkTo(l1)

	tip := l1.Tip()
	last, _ := l1.Header(tip.Height)
	time := last.Time() + 10
	bits, _, _ := tree.After(rules.Genesis.ID(), time)
	layer := header(layerVersion(), rules.Genesis.ID(), time, bits, 0)
	parent := header(spv.Header{}, tip.Hash, time, easyBits, 0)

	for _, c := range []struct {
		name  string
		spoil func(p *spv.Header)
		want  string
	}{
		{"bits that L1 does not require", func(p *spv.Header) { p[72]-- }, spv.CheckParentBits},
		{"time at L1's median", func(p *spv.Header) {
			_, median, _ := l1.After(tip.Hash, 0)
			binary.LittleEndian.PutUint32(p[68:], median)
		}, spv.CheckParentMedian},
		{"version 3", func(p *spv.Header) { p[0] = 3 }, spv.CheckParentVersion},
		{"time two hours off", func(p *spv.Header) { binary.LittleEndian.PutUint32(p[68:], time+7201) }, spv.CheckParentTime},
	} {
		_, err := tree.Connect([]spv.Sealed{sealOn(t, layer, parent, c.spoil)}, 0)
		wantCheck(t, err, c.want)
		var he *spv.HeaderError
		if !errors.As(err, &he) || he.Permanent() {
			t.Fatalf("%s: a bad proof must not condemn the header: %v", c.name, err)
		}
	}

	future := header(parent, run[29].Header.ID(), time, easyBits, 0)
	s := sealOn(t, layer, future, nil)
	if _, err := tree.Connect([]spv.Sealed{s}, 0); !errors.Is(err, spv.ErrPending) {
		t.Fatalf("got %v, want pending", err)
	}
	connect(t, l1, run[29]) // L1 catches up: what was pending is valid now
	connect(t, tree, s)
	if tree.Tip().Height != 1 {
		t.Fatalf("tip %s", tree.Tip())
	}
}

func TestCheckAnchor(t *testing.T) {
	rules := spv.LayerRules{AnchorDepth: 6, AnchorWindow: 6}
	l1 := spv.NewTree(easyRules())
	connect(t, l1, grow(t, l1, l1.Rules().Genesis.ID(), 40, 600, 1)...)
	side := grow(t, l1, mustBlock(t, l1, 20).Hash, 10, 600, 2)
	connect(t, l1, side...)
	at := func(h int32) spv.Block { return mustBlock(t, l1, h) }
	onSide := spv.Block{Height: 24, Hash: side[3].Header.ID()}
	parent := header(spv.Header{}, at(35).Hash, 0, easyBits, 0)
	stale := header(spv.Header{}, side[9].Header.ID(), 0, easyBits, 0)
	unknown := header(spv.Header{}, spv.Hash{9}, 0, easyBits, 0)

	for _, c := range []struct {
		name   string
		anchor spv.Block
		prev   *spv.Block
		parent *spv.Header
		want   string
	}{
		{"deep enough", at(29), nil, &parent, ""},
		{"as deep as allowed", at(23), nil, &parent, ""},
		{"too shallow", at(30), nil, &parent, spv.CheckAnchorDepth},
		{"too deep", at(22), nil, &parent, spv.CheckAnchorDepth},
		{"above the parent", at(38), nil, &parent, spv.CheckAnchorDepth},
		{"height and hash do not match", spv.Block{Height: 28, Hash: at(29).Hash}, nil, &parent, spv.CheckAnchorBranch},
		{"on another branch", onSide, nil, &parent, spv.CheckAnchorBranch},
		{"a stale branch counts, too", onSide, nil, &stale, ""},
		{"same as the last", at(29), ptr(at(29)), &parent, ""},
		{"on top of the last", at(29), ptr(at(3)), &parent, ""},
		{"below the last", at(28), ptr(at(29)), &parent, spv.CheckAnchorOrder},
		{"leaves the last one's branch", at(29), &onSide, &parent, spv.CheckAnchorOrder},
		{"unknown parent", at(29), nil, &unknown, "pending"},
	} {
		err := rules.CheckAnchor(c.anchor, c.prev, c.parent, l1, nil)
		switch c.want {
		case "":
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		case "pending":
			if !errors.Is(err, spv.ErrPending) {
				t.Errorf("%s: got %v, want pending", c.name, err)
			}
		default:
			var ce *spv.CheckError
			if !errors.As(err, &ce) || ce.Name != c.want {
				t.Errorf("%s: got %v, want %s", c.name, err, c.want)
			}
		}
	}
}

func TestCommitment(t *testing.T) {
	c := spv.Commitment{Anchor: spv.Block{Height: 77, Hash: spv.Hash{1}}, FeeVote: 12, FilterHeader: spv.Hash{2}, MMRRoot: spv.Hash{3}}
	deeper := c
	deeper.Parent = &spv.Block{Height: 5, Hash: spv.Hash{4}}
	for _, want := range []spv.Commitment{c, deeper} {
		got, err := spv.ParseCommitment(want.Script())
		if err != nil || got.Anchor != want.Anchor || got.FeeVote != 12 || got.FilterHeader != want.FilterHeader ||
			got.MMRRoot != want.MMRRoot || (got.Parent == nil) != (want.Parent == nil) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if s := c.Script(); len(s) != 3+107 || string(s[:8]) != "\x6a\x4c\x6bLPOW\x01" {
		t.Fatalf("script begins %x and has %d bytes", s[:8], len(s))
	}
	if s := deeper.Script(); len(s) != 3+143 {
		t.Fatalf("version 2 has %d bytes", len(s))
	}
	for name, spoil := range map[string]func(s []byte) []byte{
		"one byte more":       func(s []byte) []byte { return append(s, 0) },
		"one byte less":       func(s []byte) []byte { return s[:len(s)-1] },
		"version 3":           func(s []byte) []byte { s[7] = 3; return s },
		"version 2 too short": func(s []byte) []byte { s[7] = 2; return s },
		"wrong push length":   func(s []byte) []byte { s[2]--; return s },
		"fee vote 0":          func(s []byte) []byte { s[44], s[45] = 0, 0; return s },
		"fee vote 1001":       func(s []byte) []byte { s[44], s[45] = 0xe9, 3; return s },
		"height above 2^31":   func(s []byte) []byte { s[11] = 0x80; return s },
	} {
		if _, err := spv.ParseCommitment(spoil(c.Script())); err == nil || errors.Is(err, spv.ErrNoCommitment) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := spv.ParseCommitment([]byte{0x6a}); !errors.Is(err, spv.ErrNoCommitment) {
		t.Errorf("a plain OP_RETURN: %v", err)
	}
}

func TestIsSeal(t *testing.T) {
	l1 := spv.NewTree(easyRules())
	a := grow(t, l1, l1.Rules().Genesis.ID(), 3, 600, 1)
	b := grow(t, l1, l1.Rules().Genesis.ID(), 1, 600, 2)
	connect(t, l1, a...)
	connect(t, l1, b...)
	near := a[2].Header
	near[70] ^= 1
	mine(t, &near)
	for _, c := range []struct {
		name string
		p    spv.Header
		want bool
	}{{"best chain", a[1].Header, true}, {"stale", b[0].Header, false}, {"never an L1 block", near, false}} {
		if got := spv.IsSeal(&c.p, c.p.ID(), l1); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if spv.IsSeal(&a[1].Header, spv.Hash{31: 0xff}, l1) {
		t.Error("a seal without the work")
	}
}

func ptr[T any](v T) *T { return &v }

func mustBlock(t testing.TB, tree *spv.Tree, height int32) spv.Block {
	t.Helper()
	b, ok := tree.Block(height)
	if !ok {
		t.Fatalf("no block at %d", height)
	}
	return b
}

// TestTimeLimits holds each limit on times to the second: how far a parent may be from its layer block on either side, and how far a header
// may be ahead of the clock.
func TestTimeLimits(t *testing.T) {
	l1 := spv.NewTree(easyRules())
	connect(t, l1, grow(t, l1, l1.Rules().Genesis.ID(), 30, 600, 1)...)
	last, _ := l1.Header(30)
	time := last.Time() + 10
	parent := header(spv.Header{}, l1.Tip().Hash, time, easyBits, 0)
	for skew, fits := range map[int64]bool{-7201: false, -7200: true, 7200: true, 7201: false} {
		block := header(layerVersion(), spv.Hash{}, uint32(int64(time)-skew), easyBits, 0)
		err := spv.CheckParent(&spv.Sealed{Header: block, Aux: &spv.AuxPoW{Parent: parent}}, l1, nil)
		if fits && err != nil {
			t.Errorf("%+d s: %v", skew, err)
		} else if !fits {
			wantCheck(t, err, spv.CheckParentTime)
		}
	}
	for ahead, fits := range map[uint32]bool{7200: true, 7201: false} {
		var rep spv.Report
		if err := l1.Rules().CheckContext(sparse{30: {Time: last.Time(), Bits: easyBits}}, 31, &parent, time-ahead, &rep); err != nil {
			t.Fatal(err)
		}
		if bad, failed := rep.Failure(); failed == fits || failed && bad.Name != spv.CheckFutureTime {
			t.Errorf("%d s ahead of the clock: %+v, want passed %t", ahead, bad, fits)
		}
	}
}

// TestOneCommitment: a layer block states its anchor once. A coinbase that states two is as bad as one that states none.
func TestOneCommitment(t *testing.T) {
	c := spv.Commitment{Anchor: spv.Block{Height: 7, Hash: spv.Hash{1}}, FeeVote: 3}
	other := c
	other.Anchor.Height++
	for _, n := range []struct {
		name    string
		outputs [][]byte
		fits    bool
	}{
		{"none", [][]byte{{0x51}}, false},
		{"one", [][]byte{{0x51}, c.Script(), {0x6a}}, true},
		{"two", [][]byte{c.Script(), other.Script()}, false},
		{"the same twice", [][]byte{c.Script(), {0x51}, c.Script()}, false},
		{"one and a malformed one", [][]byte{c.Script(), c.Script()[:50]}, false},
		{"a malformed one first", [][]byte{c.Script()[:50], c.Script()}, false},
	} {
		raw := coinbaseFor(spv.Hash{2})
		raw = append(raw[:len(raw)-4-11], byte(len(n.outputs)))
		for _, script := range n.outputs {
			raw = append(append(append(raw, make([]byte, 8)...), byte(len(script))), script...)
		}
		tx, size, err := spv.ParseTx(append(raw, 0, 0, 0, 0))
		if err != nil || size != len(raw)+4 || tx.Outputs() != uint64(len(n.outputs)) {
			t.Fatalf("%s: %v", n.name, err)
		}
		got, err := spv.CoinbaseCommitment(&tx)
		if (err == nil) != n.fits || n.fits && got != c {
			t.Errorf("%s: %+v, %v", n.name, got, err)
		}
	}
}
