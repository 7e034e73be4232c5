package auxblock

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// fakeChain builds templates and remembers what it was given.
type fakeChain struct {
	params *chains.Params
	tip    spv.Block
	now    uint32
	blocks [][]byte
	err    error
}

func (f *fakeChain) Tip() spv.Block { return f.tip }

func (f *fakeChain) Template(payout []byte) (*template.Template, error) {
	f.now++
	return template.Build(&template.Request{Chain: f.params, Prev: f.tip, Bits: 0x207fffff, Median: 1_760_000_000, Now: 1_760_000_100 + f.now,
		Payout: payout, Commitment: &spv.Commitment{FeeVote: 1}})
}

func (f *fakeChain) Accept(s *spv.Sealed, block []byte) error {
	f.blocks = append(f.blocks, block)
	return f.err
}

func registry(t testing.TB) (*Registry, *fakeChain) {
	t.Helper()
	p := testchain.Params(t, "layer-regtest")
	f := &fakeChain{params: p, tip: spv.Block{Height: 7, Hash: spv.Hash{7}}}
	r, err := New(p, f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(testchain.Params(t, "dev"), f); err == nil {
		t.Fatal("an L1 is taken")
	}
	return r, f
}

var (
	payout = append([]byte{0, 20}, make([]byte, 20)...)
	noon   = time.Unix(1_760_000_000, 0)
)

// answer is createauxblock's answer as a pool sees it.
type answer struct {
	Hash    string `json:"hash"`
	ChainID int64  `json:"chainid"`
	Prev    string `json:"previousblockhash"`
	Value   int64  `json:"coinbasevalue"`
	Bits    string `json:"bits"`
	Height  int64  `json:"height"`
	Target  string `json:"target"`
	Old     string `json:"_target"`
}

func create(t testing.TB, r *Registry, payout []byte, now time.Time) answer {
	t.Helper()
	c, err := r.Create(payout, now)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// pool builds proofs from docs/pools.md alone, with nothing of ours: the aux chain in a tree of 2^height leaves.
type pool struct {
	magic  []byte
	rev    bool
	slot   func(uint32) uint32
	height int
	lead   []byte
	lazy   bool // a parent that misses the target
}

func sha256d(b []byte) []byte {
	one := sha256.Sum256(b)
	two := sha256.Sum256(one[:])
	return two[:]
}

func (p pool) proof(t testing.TB, a answer) string {
	t.Helper()
	hash, err := hex.DecodeString(a.Hash)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(hash)
	r := uint32(0)*1103515245 + 12345
	r += uint32(a.ChainID)
	slot := (r*1103515245 + 12345) % (1 << p.height)
	if p.slot != nil {
		slot = p.slot(slot)
	}
	node, branch, at := hash, []byte{byte(p.height)}, slot
	for i := range p.height {
		sibling := bytes.Repeat([]byte{byte(i + 1)}, 32)
		branch = append(branch, sibling...)
		if at&1 == 0 {
			node = sha256d(append(slices.Clone(node), sibling...))
		} else {
			node = sha256d(append(slices.Clone(sibling), node...))
		}
		at >>= 1
	}
	root := slices.Clone(node)
	if p.rev {
		slices.Reverse(root)
	}
	script := append(slices.Clone(p.lead), p.magic...)
	script = append(script, root...)
	script = binary.LittleEndian.AppendUint32(script, 1<<p.height)
	script = binary.LittleEndian.AppendUint32(script, 0)
	coinbase := append([]byte{1, 0, 0, 0, 1}, make([]byte, 32)...)
	coinbase = append(coinbase, 0xff, 0xff, 0xff, 0xff, byte(len(script)))
	coinbase = append(coinbase, script...)
	coinbase = append(coinbase, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x51, 0, 0, 0, 0)
	header := make([]byte, 80)
	header[3] = 0x20
	copy(header[36:], sha256d(coinbase))
	raw, _ := hex.DecodeString(a.Target)
	slices.Reverse(raw) // as the pools do
	target := new(big.Int).SetBytes(raw)
	for n := uint32(0); ; n++ {
		binary.LittleEndian.PutUint32(header[76:], n)
		work := sha256d(header)
		slices.Reverse(work)
		if (new(big.Int).SetBytes(work).Cmp(target) <= 0) != p.lazy {
			break
		}
	}
	proof := append(slices.Clone(coinbase), make([]byte, 32)...)
	proof = append(proof, 0)                   // no coinbase branch
	proof = append(proof, 0, 0, 0, 0)          // index
	proof = append(proof, branch...)           // chain branch
	proof = append(proof, byte(slot), 0, 0, 0) // slot
	return hex.EncodeToString(append(proof, header...))
}

func goodPool() pool {
	return pool{magic: []byte{0xfa, 0xbe, 'm', 'm'}, rev: true, height: 3, lead: []byte{3, 1, 2, 3}}
}

func TestCreate(t *testing.T) {
	r, f := registry(t)
	a := create(t, r, payout, noon)
	if a.ChainID != 0x4c00 || a.Prev != f.tip.Hash.String() || a.Bits != "207fffff" || a.Height != 8 || a.Value <= 0 && f.params.Kind == chains.Issued {
		t.Fatalf("%+v", a)
	}
	if want := strings.Repeat("00", 29) + "ffff7f"; a.Target != want || a.Old != want {
		t.Fatalf("targets %s and %s", a.Target, a.Old)
	}
	if again := create(t, r, payout, noon.Add(Fresh-1)); again != a {
		t.Fatal("another block for the same payee")
	}
	if other := create(t, r, []byte{0x51}, noon); other.Hash == a.Hash {
		t.Fatal("the same block for another payee")
	}
	late := create(t, r, payout, noon.Add(Fresh))
	if late.Hash == a.Hash {
		t.Fatal("a stale block")
	}
	f.tip = spv.Block{Height: 8, Hash: spv.Hash{8}}
	if moved := create(t, r, payout, noon.Add(Fresh)); moved.Prev != f.tip.Hash.String() || moved.Height != 9 {
		t.Fatalf("not on the new tip: %+v", moved)
	}
	if err := r.Submit(a.Hash, goodPool().proof(t, a)); err != nil {
		t.Fatalf("a block below the tip: %v", err)
	}
	if _, err := r.Create(nil, noon); err == nil {
		t.Fatal("no payee")
	}
}

func TestSubmit(t *testing.T) {
	r, f := registry(t)
	a := create(t, r, payout, noon)
	if err := r.Submit(a.Hash, goodPool().proof(t, a)); err != nil {
		t.Fatal(err)
	}
	block, n, err := f.params.ParseBlock(f.blocks[0])
	if err != nil || n != len(f.blocks[0]) {
		t.Fatalf("block: %d of %d bytes, %v", n, len(f.blocks[0]), err)
	}
	if err := block.CheckBody(nil); err != nil {
		t.Fatal(err)
	}
	if err := f.params.CheckWork(&block.Sealed, 8, nil); err != nil || block.Header.ID().String() != a.Hash {
		t.Fatalf("block %s: %v", block.Header.ID(), err)
	}
	f.err = errors.New("the chain's own answer")
	if err := r.Submit(a.Hash, goodPool().proof(t, a)); !errors.Is(err, f.err) {
		t.Fatalf("%v, want %v", err, f.err)
	}
}

// TestSubmitRefuses makes the mistakes that pools make.
func TestSubmitRefuses(t *testing.T) {
	r, f := registry(t)
	a := create(t, r, payout, noon)
	unknown := strings.Repeat("ab", 32)
	for _, c := range []struct {
		name  string
		id    string
		spoil func(*pool)
		edit  func(string) string
		want  []string
	}{
		{"unknown block", unknown, nil, nil, []string{"block " + unknown + ": was not given out"}},
		{"id", "ab", nil, nil, []string{`block id "ab": want 64 hex digits`}},
		{"hex", a.Hash, nil, func(s string) string { return s + "z" }, []string{"encoding/hex"}},
		{"cut", a.Hash, nil, func(s string) string { return s[:len(s)-2] }, []string{"proof for block " + a.Hash + ": auxpow"}},
		{"longer", a.Hash, nil, func(s string) string { return s + "00" }, []string{"1 bytes behind its end"}},
		{"much longer", a.Hash, nil, func(string) string { return strings.Repeat("0", 2*spv.MaxAuxPoW+2) }, []string{"hex digits: want at most"}},
		{"root not reversed", a.Hash, func(p *pool) { p.rev = false }, nil, []string{spv.CheckRootPresent, "root-not-reversed", "To mend it"}},
		{"no magic", a.Hash, func(p *pool) { p.magic = nil }, nil, []string{spv.CheckRootMagic}},
		{"magic twice", a.Hash, func(p *pool) { p.lead = append(p.lead, p.magic...) }, nil, []string{spv.CheckRootMagic}},
		{"slot", a.Hash, func(p *pool) { p.slot = func(s uint32) uint32 { return s ^ 1 } }, nil, []string{spv.CheckSlot}},
		{"work", a.Hash, func(p *pool) { p.lazy = true }, nil, []string{spv.CheckParentWork}},
	} {
		p := goodPool()
		if c.spoil != nil {
			c.spoil(&p)
		}
		proof := p.proof(t, a)
		if c.edit != nil {
			proof = c.edit(proof)
		}
		err := r.Submit(c.id, proof)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", c.name, err, want)
			}
		}
		var refused *RefusedError
		if c.spoil != nil && (!errors.As(err, &refused) || refused.Report == nil) {
			t.Errorf("%s: no report with %v", c.name, err)
		}
	}
	if len(f.blocks) != 0 {
		t.Errorf("the chain was given %d blocks", len(f.blocks))
	}
}

// TestBound: what is given out is forgotten in the end, oldest first.
func TestBound(t *testing.T) {
	r, _ := registry(t)
	var all []answer
	for i := range MaxOpen + 5 {
		all = append(all, create(t, r, fmt.Appendf(nil, "payee %d", i), noon))
	}
	for i, a := range all {
		err := r.Submit(a.Hash, goodPool().proof(t, a))
		if (err == nil) != (i >= 5) {
			t.Errorf("block %d of %d: %v", i, len(all), err)
		}
	}
	if len(r.open) != MaxOpen {
		t.Errorf("%d blocks are remembered", len(r.open))
	}
}

func FuzzSubmit(f *testing.F) {
	r, chain := registry(f)
	a := create(f, r, payout, noon)
	f.Add(a.Hash, goodPool().proof(f, a))
	f.Add(a.Hash, "00")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, id, proof string) {
		before := len(chain.blocks)
		if err := r.Submit(id, proof); (err == nil) != (len(chain.blocks) > before) {
			t.Errorf("%v, and the chain was given %d blocks", err, len(chain.blocks)-before)
		}
		chain.blocks = chain.blocks[:0]
	})
}
