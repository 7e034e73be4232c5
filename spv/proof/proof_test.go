package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/proof"
	"github.com/layeredpow/lamina/spv/risk"
)

func TestProve(t *testing.T) {
	w := theWorld()
	file := encode(t, w.pay(t, paidAt, 2, 6))
	t.Logf("6 confirmations: %d bytes", len(file))
	var rep spv.Report
	c, err := proof.Verify(file, w.set, nil, w.now, &rep)
	if err != nil {
		t.Fatal(err)
	}
	tx := w.txs[paidAt][2]
	if c.Chain != "dev-native" || c.L1 != "dev" || c.TxID != tx.TxHash() || c.Block.Height != paidAt || c.Block.Hash != w.sealed[paidAt].Header.ID() ||
		c.Index != 2 || len(c.Confirmations) != 6 || len(c.Outputs) != 1 || c.Outputs[0].Value != 1007 ||
		!bytes.Equal(c.Outputs[0].Script, tx.TxOut[0].PkScript) || c.Time != w.sealed[paidAt].Header.Time() {
		t.Errorf("%+v", c)
	}
	if rep.Err() != nil || len(rep.Checks) < 8 {
		t.Errorf("%+v", rep)
	}
	for i, conf := range c.Confirmations {
		aux := w.sealed[paidAt+i].Aux
		id := aux.Parent.ID()
		want := risk.Near
		if b, ok := w.l1.Lookup(id); ok && w.l1.OnBest(b) {
			want = risk.Seal
		}
		if conf.Class != want || *conf.Parent != id || conf.Under.Hash != aux.Parent.Prev() {
			t.Errorf("confirmation %d: %+v, want %v", i, conf, want)
		}
	}
	if c.Seals != 2 || c.SealDepth < 5 || c.Anchor == nil || c.L1From.Height != 4 || c.L1Linked != proof.Unlinked || c.Linked != proof.Unlinked {
		t.Errorf("%+v", c)
	}
	if want := []proof.Assumption{proof.NoBetterChain, proof.ScriptsValid, proof.ChainGiven, proof.L1Open, proof.L1Given}; !slices.Equal(c.Assumptions, want) {
		t.Errorf("assumptions %v, want %v", c.Assumptions, want)
	}
	if b, err := json.Marshal(c); err != nil || !bytes.Contains(b, []byte(`"linked":"nothing"`)) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestLinks: the more the verifier or the file knows, the less is assumed.
func TestLinks(t *testing.T) {
	w := theWorld()
	whole := encode(t, w.pay(t, 1, 1, 3)) // on top of genesis
	for _, c := range []struct {
		name     string
		file     []byte
		own      func(string) proof.Chain
		now      uint32
		link, l1 proof.Link
		left     []proof.Assumption
	}{
		{"from genesis", whole, nil, w.now, proof.Genesis, proof.Genesis, nil},
		{"from genesis, but not right above it", encode(t, w.pay(t, 5, 1, 3)), nil, w.now, proof.Unlinked, proof.Genesis, []proof.Assumption{proof.ChainGiven}},
		{"own headers", encode(t, w.pay(t, paidAt, 1, 1)), w.own, w.now, proof.OwnChain, proof.OwnChain, nil},
		{"no clock", whole, nil, 0, proof.Genesis, proof.Genesis, []proof.Assumption{proof.ClockOpen}},
		{"no L1 headers", encode(t, without(w.pay(t, 1, 1, 3))), nil, w.now, proof.Genesis, proof.Unlinked, []proof.Assumption{proof.L1Absent}},
		{"fewer L1 headers", encode(t, shorter(w.pay(t, 1, 1, 3))), nil, w.now, proof.Genesis, proof.Unlinked,
			[]proof.Assumption{proof.L1Open, proof.L1Given, proof.ParentsOpen}},
	} {
		got, err := proof.Verify(c.file, w.set, c.own, c.now, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		left := got.Assumptions[2:]
		if got.Linked != c.link || got.L1Linked != c.l1 || !slices.Equal(left, c.left) {
			t.Errorf("%s: linked to %v and %v, assumes %v; want %v, %v, %v", c.name, got.Linked, got.L1Linked, left, c.link, c.l1, c.left)
		}
	}
}

// TestCheapGenesis: a few easy blocks on top of genesis, where the chain is known to have more work, are tied to it by nothing, and
// neither are they because the verifier has genesis himself.
func TestCheapGenesis(t *testing.T) {
	w := theWorld()
	file := encode(t, w.pay(t, 1, 1, 3))
	onlyGenesis := func(chain string) proof.Chain {
		p, err := w.set.Get(chain)
		must(err)
		return spv.NewTree(&p.Rules)
	}
	for _, c := range []struct {
		name     string
		minimum  bool
		own      func(string) proof.Chain
		link, l1 proof.Link
		left     []proof.Assumption
	}{
		{"no minimum work", false, nil, proof.Genesis, proof.Genesis, nil},
		{"with our own genesis", false, onlyGenesis, proof.Genesis, proof.Genesis, nil},
		{"below the minimum work", true, nil, proof.Unlinked, proof.Unlinked, []proof.Assumption{proof.ChainGiven, proof.L1Given}},
		{"below it, with our own genesis", true, onlyGenesis, proof.Unlinked, proof.Unlinked, []proof.Assumption{proof.ChainGiven, proof.L1Given}},
		{"below it, with our own headers", true, w.own, proof.OwnChain, proof.OwnChain, nil},
	} {
		set, err := chains.Load(assets.Chains)
		must(err)
		for _, p := range []string{w.layer.Name, w.on.Name} {
			if own, err := set.Get(p); err != nil {
				t.Fatal(err)
			} else if c.minimum {
				own.MinimumWork.SetAllOne()
			}
		}
		got, err := proof.Verify(file, set, c.own, w.now, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if left := got.Assumptions[2:]; got.Linked != c.link || got.L1Linked != c.l1 || !slices.Equal(left, c.left) {
			t.Errorf("%s: linked to %v and %v, assumes %v; want %v, %v, %v", c.name, got.Linked, got.L1Linked, left, c.link, c.l1, c.left)
		}
	}
}

func without(p *proof.Payment) *proof.Payment {
	p.L1, p.L1Height = nil, 0
	return p
}

func shorter(p *proof.Payment) *proof.Payment {
	p.L1, p.L1Height = p.L1[12:], p.L1Height+12
	return p
}

// TestRefuted spoils one thing at a time, with everything else made to fit where that can be done.
func TestRefuted(t *testing.T) {
	w := theWorld()
	for _, c := range []struct {
		name  string
		spoil func(p *proof.Payment)
		check string
	}{
		{"another chain", func(p *proof.Payment) { p.Chain[3] ^= 1 }, proof.CheckChain},
		{"the L1's name", func(p *proof.Payment) { p.Chain = w.on.NetID() }, spv.CheckTarget},
		{"another transaction", func(p *proof.Payment) { p.Tx = raw(w.txs[paidAt][1]) }, merkle.CheckRoot},
		{"more than a transaction", func(p *proof.Payment) { p.Tx = append(slices.Clone(p.Tx), 0) }, proof.CheckTx},
		{"another index", func(p *proof.Payment) { p.Inclusion.Index = 1 }, merkle.CheckRoot},
		{"as the coinbase", func(p *proof.Payment) { p.Inclusion.Index = 0 }, merkle.CheckCoinbase},
		{"another block", func(p *proof.Payment) { p.Below++ }, proof.CheckForm}, // a header below has a proof
		{"another coinbase", func(p *proof.Payment) { p.Inclusion.Coinbase = raw(coinbase(9, []byte{0x51, 0x51})) }, merkle.CheckRoot},
		{"a header left out", func(p *proof.Payment) { p.Headers = slices.Delete(p.Headers, 13, 14) }, proof.CheckLinked},
		{"another height", func(p *proof.Payment) { p.Height++ }, spv.CheckDifficulty},
		{"no proof", func(p *proof.Payment) { p.Headers[12].Aux = nil }, spv.CheckAuxPoWPresent},
		{"another block's proof", func(p *proof.Payment) { p.Headers[12].Aux = p.Headers[13].Aux }, spv.CheckRootPresent},
		{"a parent that the L1 forbids", func(p *proof.Payment) {
			aux := *p.Headers[13].Aux
			aux.Parent[72] ^= 1 // bits
			mine(&aux.Parent, p.Headers[13].Header.Bits())
			p.Headers[13].Aux = &aux
		}, spv.CheckParentBits},
		{"an L1 header left out", func(p *proof.Payment) { p.L1 = slices.Delete(slices.Clone(p.L1), 3, 4) }, proof.CheckLinked},
		{"an L1 that starts elsewhere", func(p *proof.Payment) { p.L1Height++ }, spv.CheckDifficulty},
		{"an L1 without work", func(p *proof.Payment) {
			h := p.L1[len(p.L1)-1]
			h[76] ^= 1
			p.L1[len(p.L1)-1] = h
		}, spv.CheckWork},
		{"the layer as its L1", func(p *proof.Payment) { p.L1 = []spv.Header{w.layer.Rules.Genesis} }, spv.CheckTarget},
		{"an L1 of its own", func(p *proof.Payment) { p.L1Height = 0 }, proof.CheckGenesis},
	} {
		p := w.pay(t, paidAt, 2, 6)
		c.spoil(p)
		file, err := p.Encode()
		if err != nil { // the form forbids it already
			if c.check != proof.CheckForm {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		var rep spv.Report
		claim, err := proof.Verify(file, w.set, nil, w.now, &rep)
		wantCheck(t, c.name, err, c.check)
		if claim != nil || rep.Err() == nil {
			t.Errorf("%s: refuted with a claim, or not in the report", c.name)
		}
	}
	// What the verifier knows better.
	other := fork{w.tree}
	_, err := proof.Verify(encode(t, w.pay(t, paidAt, 2, 6)), w.set, func(string) proof.Chain { return other }, w.now, nil)
	wantCheck(t, "off our chain", err, proof.CheckOwnChain)
	_, err = proof.Verify(encode(t, w.pay(t, paidAt, 2, 6)), w.set, nil, w.now-100_000, nil)
	wantCheck(t, "from the future", err, spv.CheckFutureTime)
}

// fork is a chain of which the newest blocks are others.
type fork struct{ *spv.Tree }

func (f fork) Block(height int32) (spv.Block, bool) {
	b, ok := f.Tree.Block(height)
	if height > 16 {
		b.Hash[0] ^= 1
	}
	return b, ok
}

// TestEveryByte flips each bit of each byte, once as it is and once with the sum made to fit: what is not refuted says something else.
func TestEveryByte(t *testing.T) {
	w := theWorld()
	file := encode(t, w.pay(t, paidAt, 2, 6))
	good, err := proof.Verify(file, w.set, nil, w.now, nil)
	if err != nil {
		t.Fatal(err)
	}
	different := 0
	for i := range file {
		for bit := range 8 {
			bad := slices.Clone(file)
			bad[i] ^= 1 << bit
			if _, err := proof.Verify(bad, w.set, nil, w.now, nil); err == nil {
				t.Fatalf("byte %d, bit %d: passed with a wrong sum", i, bit)
			}
			if i >= len(file)-sha256.Size {
				continue
			}
			got, err := proof.Verify(resum(bad), w.set, nil, w.now, nil)
			if err != nil {
				continue
			}
			if different++; reflect.DeepEqual(got, good) {
				t.Errorf("byte %d, bit %d: the same claim", i, bit)
			}
		}
	}
	t.Logf("%d bytes; %d of the flips make another valid proof, which says so", len(file), different)
	for n := range file {
		if _, err := proof.Verify(file[:n], w.set, nil, w.now, nil); err == nil {
			t.Fatalf("the first %d of %d bytes passed", n, len(file))
		}
	}
	if _, err := proof.Parse(resum(append(slices.Clone(file[:len(file)-sha256.Size]), make([]byte, 33)...))); err == nil ||
		!strings.Contains(err.Error(), "too many") {
		t.Errorf("a byte behind: %v", err)
	}
}

func resum(b []byte) []byte {
	sum := sha256.Sum256(b[:len(b)-sha256.Size])
	copy(b[len(b)-sha256.Size:], sum[:])
	return b
}

func TestParseLimits(t *testing.T) {
	w := theWorld()
	file := encode(t, w.pay(t, paidAt, 2, 1))
	at := 4 + 1 + 32 + 4 + 1 // number of headers
	huge := slices.Concat(file[:at], []byte{0xfe, 0xff, 0xff, 0xff, 0x7f}, file[at+1:])
	for name, b := range map[string][]byte{
		"too large":        make([]byte, proof.MaxFile+1),
		"empty":            nil,
		"another kind":     []byte("LPAX\x01"),
		"a later version":  append([]byte("LPAY\x02"), make([]byte, 100)...),
		"too many headers": resum(huge),
		"longer length":    resum(slices.Concat(file[:at], []byte{0xfd, file[at], 0}, file[at+1:])),
	} {
		if p, err := proof.Parse(b); err == nil || p != nil || !strings.HasPrefix(err.Error(), "payment proof: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := w.pay(t, paidAt, 2, 1)
	p.Headers[p.Below].Aux.BlockHash[0] = 1
	if _, err := p.Encode(); err == nil {
		t.Error("bytes that no rule covers were taken")
	}
	p.Headers[p.Below].Aux.BlockHash[0], p.Headers[p.Below].Aux.CoinbaseIndex = 0, 1
	if _, err := p.Encode(); err == nil {
		t.Error("an index that no rule covers was taken")
	}
	aux := p.Headers[p.Below].Aux
	aux.CoinbaseIndex = 0
	tx := wire.NewMsgTx(1)
	must(tx.Deserialize(bytes.NewReader(aux.Coinbase.Bytes())))
	tx.TxIn[0].Witness = wire.TxWitness{make([]byte, 32)}
	var b bytes.Buffer
	must(tx.Serialize(&b))
	parsed, _, err := spv.ParseTx(b.Bytes())
	must(err)
	aux.Coinbase = parsed
	if _, err := p.Encode(); err == nil || !strings.Contains(err.Error(), "witness") {
		t.Errorf("a witness, which no id covers: %v", err)
	}
}

// TestAnchor: a block with work, but on an anchor that the rules forbid.
func TestAnchor(t *testing.T) {
	w := theWorld()
	tip := w.tree.Tip()
	deep := w.layer.Layer.AnchorDepth + w.layer.Layer.AnchorWindow
	for _, c := range []struct {
		name  string
		depth int32
		other bool
		check string
	}{
		{"deepest", deep, false, ""}, {"too deep", deep + 1, false, spv.CheckAnchorDepth}, {"too high", 0, false, spv.CheckAnchorDepth},
		{"another branch", deep, true, spv.CheckAnchorBranch},
	} {
		anchor, _ := w.l1.Block(w.l1.Tip().Height - c.depth)
		if c.other {
			anchor.Hash[0] ^= 1
		}
		s, txs := w.layerBlock(tip, anchor, false)
		rival := *w
		rival.sealed = append(slices.Clone(w.sealed), s)
		rival.txs = map[int32][]*wire.MsgTx{tip.Height + 1: txs}
		p, err := proof.Build(w.layer, raw(txs[1]), rival.inclusion(tip.Height+1, 1), tip.Height+1, 1, tip.Height+1, &rival, w.l1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = proof.Verify(encode(t, p), w.set, nil, w.now, nil)
		if c.check != "" {
			wantCheck(t, c.name, err, c.check)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	w := theWorld()
	in := w.inclusion(paidAt, 1)
	tx := raw(w.txs[paidAt][1])
	for _, c := range []struct{ height, confirmations, tip int32 }{{-1, 1, 5}, {6, 1, 5}, {1, 0, 5}, {1, proof.MaxHeaders, 5}, {19, 9, 30}} {
		if _, err := proof.Build(w.layer, tx, in, c.height, c.confirmations, c.tip, w, w.l1); err == nil {
			t.Errorf("%+v: built", c)
		}
	}
	bare := *w
	bare.sealed = slices.Clone(w.sealed)
	bare.sealed[paidAt+1].Aux = nil
	if _, err := proof.Build(w.layer, tx, in, paidAt, 3, worldBlocks, &bare, w.l1); err == nil || !strings.Contains(err.Error(), "no longer at hand") {
		t.Errorf("without a proof: %v", err)
	}
}

// TestRealBlock proves a transaction of a real block merge-mined under rules of its own, from the block as it travelled.
func TestRealBlock(t *testing.T) {
	w := theWorld()
	chain, err := w.set.Get("dogecoin")
	if err != nil {
		t.Fatal(err)
	}
	block, _, err := spv.ParseBlock(testdata.Hex(t, "auxpow/dogecoin-mainnet/371337.hex"), true)
	if err != nil {
		t.Fatal(err)
	}
	branch, _ := merkle.NewBranch(block.TxIDs(), 4)
	first, _ := merkle.NewBranch(block.TxIDs(), 0)
	in := merkle.Inclusion{Index: 4, Branch: branch, Coinbase: block.Txs[0].AppendStripped(nil), CoinbaseBranch: first}
	p, err := proof.Build(chain, block.Txs[4].AppendStripped(nil), in, 371337, 1, 371337, one{block.Sealed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Headers, p.Height, p.Below = p.Headers[p.Below:], 371337, 0 // only this header is at hand
	c, err := proof.Verify(encode(t, p), w.set, nil, 1_500_000_000, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []proof.Assumption{proof.NoBetterChain, proof.ScriptsValid, proof.DifficultyOpen, proof.L1Absent}
	if c.TxID != block.TxIDs()[4] || c.Linked != proof.Checkpoint || c.Chain != "dogecoin" || !slices.Equal(c.Assumptions, want) || *c.Confirmations[0].Parent != block.Aux.Parent.ID() {
		t.Errorf("%+v", c)
	}
	p.Inclusion.Index = 5
	_, err = proof.Verify(encode(t, p), w.set, nil, 1_500_000_000, nil)
	wantCheck(t, "index", err, merkle.CheckRoot)
}

// one gives the same header at every height.
type one struct{ s spv.Sealed }

func (o one) Sealed(int32) (spv.Sealed, error) { return o.s, nil }

// TestRealL1 proves coinbases of real L1 blocks, whose headers are at hand in full.
func TestRealL1(t *testing.T) {
	w := theWorld()
	chain, err := w.set.Get("bitcoin")
	if err != nil {
		t.Fatal(err)
	}
	real := slices.Collect(slices.Chunk(testdata.Read(t, "headers/bitcoin-mainnet-0-99999.neutrino.bz2")[10:10+80*4200], 80))
	dat := testdata.Read(t, "blocks/bitcoin-mainnet-blk_0_to_14131.dat.bz2")
	var found *spv.FullBlock
	for found == nil { // 170 holds the first payment
		if len(dat) < 88 {
			t.Fatal("block 170 is not in the file")
		}
		size := binary.LittleEndian.Uint32(dat[4:])
		if bytes.Equal(dat[8:88], real[170]) {
			if found, _, err = spv.ParseBlock(dat[8:8+size], false); err != nil {
				t.Fatal(err)
			}
		}
		dat = dat[8+size:]
	}
	branch, _ := merkle.NewBranch(found.TxIDs(), 1)
	first, _ := merkle.NewBranch(found.TxIDs(), 0)
	in := merkle.Inclusion{Index: 1, Branch: branch, Coinbase: found.Txs[0].Bytes(), CoinbaseBranch: first}
	p, err := proof.Build(chain, found.Txs[1].Bytes(), in, 170, 100, 4000, plainSource(real), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := proof.Verify(encode(t, p), w.set, nil, 1_500_000_000, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.TxID.String() != "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16" || len(c.Confirmations) != 100 || c.L1 != "" ||
		!slices.Equal(c.Assumptions[2:], []proof.Assumption{proof.ChainGiven}) {
		t.Errorf("%+v", c)
	}
}

type plainSource [][]byte

func (p plainSource) Sealed(height int32) (spv.Sealed, error) {
	return spv.Sealed{Header: spv.Header(p[height])}, nil
}

// FuzzParse: what parses encodes back to the same bytes, and never panics when it is judged.
func FuzzParse(f *testing.F) {
	w := theWorld()
	for _, n := range []int32{1, 6} {
		p, err := proof.Build(w.layer, raw(w.txs[paidAt][2]), w.inclusion(paidAt, 2), paidAt, n, worldBlocks, w, w.l1)
		must(err)
		b, err := p.Encode()
		must(err)
		f.Add(b[:len(b)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = resum(append(slices.Clip(b), make([]byte, sha256.Size)...))
		p, err := proof.Parse(b)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v: %d bytes came back as %d", err, len(b), len(again))
		}
		c, err := proof.Verify(b, w.set, nil, w.now, &spv.Report{})
		if (c == nil) == (err == nil) {
			t.Fatal("a claim and an error, or neither")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	w := theWorld()
	p, err := proof.Build(w.layer, raw(w.txs[paidAt][2]), w.inclusion(paidAt, 2), paidAt, 6, worldBlocks, w, w.l1)
	must(err)
	file, err := p.Encode()
	must(err)
	b.ReportMetric(float64(len(file)), "bytes")
	for b.Loop() {
		if _, err := proof.Verify(file, w.set, nil, w.now, nil); err != nil {
			b.Fatal(err)
		}
	}
}
