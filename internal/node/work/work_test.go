package work

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

const easyBits = 0x207fffff

// target returns 2^256 / 2^bits less one.
func target(bits uint) (t uint256.Int) {
	t.SetAllOne()
	t.Rsh(&t, bits)
	return t
}

func layer(id int32, bits uint) Layer {
	return Layer{Chain: "layer", ID: id, Hash: spv.Hash{byte(id), byte(id >> 8), 0xcc}, Target: target(bits)}
}

func parent(t testing.TB, bits uint32, txs int) *template.Template {
	t.Helper()
	p := template.Parts{Prev: spv.Hash{3}, Height: 500, Version: 0x20000000, Bits: bits, Time: 1_700_000_000, MinTime: 1_699_999_000,
		Extra: []byte("/x/"), Outputs: []template.Output{{Value: 50, Script: []byte{0x51}}}}
	for i := range txs {
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: uint32(i), Hash: [32]byte{1}}, []byte{1, 2, 3, 4}, nil))
		tx.AddTxOut(wire.NewTxOut(1, []byte{0x51}))
		var b bytes.Buffer
		if err := tx.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		parsed, _, err := spv.ParseTx(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		p.Txs = append(p.Txs, template.Include(&parsed))
	}
	tpl, err := template.Assemble(p)
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

func TestTreeHeight(t *testing.T) {
	consecutive := func(n int) (ls []Layer) {
		for i := range n {
			ls = append(ls, layer(0x4c00+int32(i), 0))
		}
		return ls
	}
	for _, c := range []struct {
		name   string
		layers []Layer
		want   int
	}{
		{"one", consecutive(1), 0}, {"two", consecutive(2), 1}, {"three", consecutive(3), 2}, {"four", consecutive(4), 2},
		{"five", consecutive(5), 3}, {"thousand", consecutive(1000), 10},
		{"equal in 15 bits", []Layer{layer(1, 0), layer(0x8001, 0)}, 16},
		{"two old ones", []Layer{layer(1, 0), layer(98, 0)}, 1},
		{"collision below", []Layer{layer(0x4c00, 0), layer(0x4c02, 0), layer(0x4c04, 0)}, 3},
	} {
		tree, err := NewTree(c.layers)
		if err != nil || tree.Height() != c.want {
			t.Errorf("%s: height %v, %v, want %d", c.name, tree, err, c.want)
			continue
		}
		slots := map[uint32]bool{}
		for i := range c.layers {
			slots[tree.Slot(i)] = true
		}
		if len(slots) != len(c.layers) {
			t.Errorf("%s: slots %v", c.name, slots)
		}
	}
	for _, ids := range [][]int32{{5, 5}, {1, 0x10001}} {
		if _, err := NewTree([]Layer{layer(ids[0], 0), layer(ids[1], 0)}); err == nil || !strings.Contains(err.Error(), "collide in every tree") {
			t.Errorf("ids %d: %v", ids, err)
		}
	}
}

// TestTreeReference rebuilds trees from the bytes of the commitment by the published recipe, with btcd's hash.
func TestTreeReference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for round := range 60 {
		var layers []Layer
		used := map[int32]bool{}
		for range 1 + r.IntN(20) {
			if id := int32(r.IntN(1 << 12)); !used[id] {
				used[id] = true
				layers = append(layers, layer(id, 0))
			}
		}
		tree, err := NewTree(layers)
		if err != nil {
			t.Fatal(err)
		}
		mark := tree.Mark()
		size := binary.LittleEndian.Uint32(mark[36:])
		nonce := binary.LittleEndian.Uint32(mark[40:])
		leaves := make([]chainhash.Hash, size)
		for _, l := range layers {
			rnd := uint64(nonce)
			rnd = (rnd*1103515245 + 12345) & 0xffffffff
			rnd += uint64(l.ID)
			rnd = (rnd*1103515245 + 12345) & 0xffffffff
			at := rnd % uint64(size)
			if leaves[at] != (chainhash.Hash{}) {
				t.Fatalf("round %d: slot %d is taken twice", round, at)
			}
			leaves[at] = l.Hash
		}
		for len(leaves) > 1 {
			var above []chainhash.Hash
			for i := 0; i < len(leaves); i += 2 {
				above = append(above, chainhash.DoubleHashH(slices.Concat(leaves[i][:], leaves[i+1][:])))
			}
			leaves = above
		}
		root := slices.Clone(leaves[0][:])
		slices.Reverse(root)
		if want := append([]byte{0xfa, 0xbe, 0x6d, 0x6d}, root...); !bytes.Equal(mark[:36], want) || len(mark) != 44 {
			t.Fatalf("round %d: mark %x, want %x", round, mark, want)
		}
	}
}

// rules are those of a layer over the job's layer i.
func rules(j *Job, i int) *spv.Rules {
	r := &spv.Rules{Work: j.Work, AuxPoW: &spv.AuxRules{ChainID: j.Layers[i].ID, StrictID: true, IndexZero: true, Layer: true}}
	r.PowLimit.SetAllOne()
	return r
}

// TestJob solves jobs by brute force and has spv judge every proof, and btcd read every block.
func TestJob(t *testing.T) {
	for _, c := range []struct {
		name   string
		work   pow.Algorithm
		layers []Layer
		txs    int
	}{
		{"no layers", pow.SHA256d, nil, 3},
		{"one layer", pow.SHA256d, []Layer{layer(0x4c00, 6)}, 0},
		{"five layers", pow.SHA256d, []Layer{layer(0x4c00, 1), layer(0x4c01, 8), layer(0x4c02, 2), layer(0x4c03, 5), layer(98, 3)}, 6},
		{"scrypt", pow.Scrypt, []Layer{layer(0x4c00, 2), layer(0x4c01, 4)}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := NewJob(c.work, parent(t, 0x203fffff, c.txs), c.layers)
			if err != nil {
				t.Fatal(err)
			}
			solvedParent, solvedLayers := 0, make([]int, len(c.layers))
			for n := range uint32(300) {
				s := Share{Version: 0x20000000, Time: 1_700_000_000, Nonce: n}
				s.ExtraNonce[3] = 9
				found, err := j.Judge(s)
				if err != nil {
					t.Fatal(err)
				}
				if found.Parent {
					solvedParent++
					checkBlock(t, found)
				}
				for i := range c.layers {
					meets := spv.Meets(&found.Work, &c.layers[i].Target)
					if meets != slices.Contains(found.Layers, i) {
						t.Fatalf("layer %d: solved %v, meets its target %v", i, found.Layers, meets)
					}
				}
				for _, i := range found.Layers {
					solvedLayers[i]++
					checkProof(t, found, i)
				}
			}
			if solvedParent == 0 || slices.Contains(solvedLayers, 0) && c.work == pow.SHA256d {
				t.Fatalf("solved: parent %d, layers %d", solvedParent, solvedLayers)
			}
		})
	}
}

func checkBlock(t *testing.T, s *Solution) {
	t.Helper()
	var block wire.MsgBlock
	raw := s.Block()
	if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	full, n, err := spv.ParseBlock(raw, false)
	if err != nil || n != len(raw) {
		t.Fatalf("%d of %d bytes, %v", n, len(raw), err)
	}
	if err := full.CheckBody(nil); err != nil {
		t.Fatal(err)
	}
	if block.BlockHash() != s.Header.ID() || block.Header.Nonce != s.Share.Nonce {
		t.Fatalf("block %s, want %s", block.BlockHash(), s.Header.ID())
	}
}

func checkProof(t *testing.T, s *Solution, i int) {
	t.Helper()
	proof := s.Proof(i)
	raw := proof.Append(nil)
	parsed, n, err := spv.ParseAuxPoW(raw)
	if err != nil || n != len(raw) {
		t.Fatalf("proof: %d of %d bytes, %v", n, len(raw), err)
	}
	r := rules(s.Job, i)
	if err := r.AuxPoW.CheckProof(s.Job.Layers[i].Hash, r.AuxPoW.ChainID, parsed, nil); err != nil {
		t.Fatal(err)
	}
	if work := s.Job.Work.Sum((*[80]byte)(&parsed.Parent)); !spv.Meets(&work, &s.Job.Layers[i].Target) {
		t.Fatalf("parent's work %s misses the layer's target", work)
	}
	for j := range s.Job.Layers {
		if j != i && r.AuxPoW.CheckProof(s.Job.Layers[j].Hash, r.AuxPoW.ChainID, parsed, nil) == nil {
			t.Fatalf("layer %d's proof proves layer %d's block", i, j)
		}
	}
}

// TestJudgeRefuses spoils one choice of a share.
func TestJudgeRefuses(t *testing.T) {
	j, err := NewJob(pow.SHA256d, parent(t, easyBits, 0), []Layer{layer(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	good := Share{Version: 0x20000000, Time: 1_700_000_000}
	for _, c := range []struct {
		name  string
		spoil func(*Share)
		want  string
	}{
		{"nothing", func(*Share) {}, ""},
		{"rolled version", func(s *Share) { s.Version = 0x3fffe000 }, ""},
		{"latest time", func(s *Share) { s.Time += 600 }, ""},
		{"least time", func(s *Share) { s.Time = 1_699_999_000 }, ""},
		{"version bit below the mask", func(s *Share) { s.Version |= 1 << 12 }, "share with version 20001000: only the bits of 1fffe000"},
		{"proof bit", func(s *Share) { s.Version |= 1 << 8 }, "share with version 20000100"},
		{"sign", func(s *Share) { s.Version = -s.Version }, "share with version"},
		{"late", func(s *Share) { s.Time += 601 }, "want 1699999000 to 1700000600"},
		{"early", func(s *Share) { s.Time = 1_699_998_999 }, "want 1699999000 to 1700000600"},
		{"magic", func(s *Share) { copy(s.ExtraNonce[5:], magic) }, "magic twice"},
	} {
		s := good
		c.spoil(&s)
		_, err := j.Judge(s)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	twice := good
	copy(twice.ExtraNonce[:], magic)
	if _, err := j.Judge(twice); !errors.Is(err, ErrTwoMagics) {
		t.Errorf("%v, want ErrTwoMagics", err)
	}
	if _, err := j.Header(twice.ExtraNonce); !errors.Is(err, ErrTwoMagics) {
		t.Errorf("Header: %v, want ErrTwoMagics", err)
	}
	spoiled := parent(t, easyBits, 0)
	spoiled.Extra = magic
	if _, err := NewJob(pow.SHA256d, spoiled, []Layer{layer(1, 0)}); !errors.Is(err, ErrTwoMagics) {
		t.Errorf("NewJob: %v, want ErrTwoMagics", err)
	}
	// The magic may also come about across the extranonce's end.
	across := parent(t, easyBits, 0)
	across.Extra = magic[2:]
	j, err = NewJob(pow.SHA256d, across, []Layer{layer(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	x := good
	copy(x.ExtraNonce[10:], magic[:2])
	if _, err := j.Judge(x); !errors.Is(err, ErrTwoMagics) {
		t.Errorf("across: %v, want ErrTwoMagics", err)
	}
}

// TestBoard counts what is passed on: first solutions, and a layer's again where it becomes a seal.
func TestBoard(t *testing.T) {
	var taken []*Solution
	b := NewBoard(func(s *Solution) { taken = append(taken, s) })
	if j, _ := b.Job(); j != nil {
		t.Fatal("a job on an empty board")
	}
	_, changed := b.Job()
	j, err := NewJob(pow.SHA256d, parent(t, 0x2007ffff, 0), []Layer{layer(1, 0), layer(2, 200)})
	if err != nil {
		t.Fatal(err)
	}
	b.Post(j)
	<-changed
	if got, _ := b.Job(); got != j {
		t.Fatal("the job posted is not there")
	}
	if open := j.Open(); open != target(0) {
		t.Fatalf("easiest target %s", open.Hex())
	}
	seals := 0
	for n := uint32(0); seals < 2; n++ {
		found, err := b.Submit(j, Share{Version: 0x20000000, Time: 1_700_000_000, Nonce: n})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(found.Layers, []int{0}) {
			t.Fatalf("share %d: layers %d, want the first", n, found.Layers)
		}
		if found.Parent {
			seals++
		}
		if n == 0 && found.Parent {
			t.Fatal("the first share is a block: choose another version")
		}
	}
	if len(taken) != 2 || taken[0].Parent || !taken[1].Parent || !slices.Equal(taken[1].Layers, []int{0}) {
		t.Fatalf("%d solutions passed on, want the layer's first and its seal", len(taken))
	}
	if open := j.Open(); open != target(200) {
		t.Fatalf("easiest target left %s", open.Hex())
	}
}

func BenchmarkJudge(b *testing.B) {
	j, err := NewJob(pow.SHA256d, parent(b, 0x1d00ffff, 2000), []Layer{layer(1, 32), layer(2, 32), layer(3, 32)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		if _, err := j.Judge(Share{Version: 0x20000000, Time: 1_700_000_000, Nonce: i}); err != nil {
			b.Fatal(err)
		}
	}
}
