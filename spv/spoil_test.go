package spv_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// spoiling breaks one rule of a valid proof; want is the check that is meant for it.
type spoiling struct {
	name  string
	spoil func(f *forge)
	want  string
	also  []string // checks that cannot but fail with it
}

func after(f func(s *spv.Sealed)) func(*forge) { return func(g *forge) { g.late = f } }

// commonSpoilings are refused by every merge-mined chain.
var commonSpoilings = []spoiling{
	{name: "magic twice", want: spv.CheckRootMagic, spoil: func(f *forge) { f.tail = append(f.tail, f.magic...) }},
	{name: "magic twice in a row", want: spv.CheckRootMagic, spoil: func(f *forge) { f.lead = f.magic }},
	{name: "a byte between magic and root", want: spv.CheckRootMagic, spoil: func(f *forge) { f.magic = append(f.magic, 0) }},
	{name: "magic behind the root", want: spv.CheckRootMagic, spoil: func(f *forge) { f.tail, f.magic = f.magic, nil }},
	{name: "root missing", want: spv.CheckRootPresent, spoil: func(f *forge) { f.root = func(spv.Hash) []byte { return make([]byte, 32) } }},
	{name: "root not reversed", want: spv.CheckRootPresent, spoil: func(f *forge) { f.root = func(r spv.Hash) []byte { return r[:] } }},
	{name: "root cut short", want: spv.CheckRootPresent, spoil: func(f *forge) { f.root = func(r spv.Hash) []byte { return reversed(r)[:31] } }},
	{name: "a root of another block", want: spv.CheckRootPresent,
		spoil: after(func(s *spv.Sealed) { setTime(&s.Header, s.Header.Time()+1) })},
	{name: "chain branch changed", want: spv.CheckRootPresent, spoil: after(func(s *spv.Sealed) { s.Aux.ChainBranch[2][5] ^= 1 })},
	{name: "seven bytes behind the root", want: spv.CheckRootTail, spoil: func(f *forge) { f.tail, f.cut = nil, 1 }},
	{name: "nothing behind the root", want: spv.CheckRootTail, spoil: func(f *forge) { f.tail, f.cut = nil, 8 }},
	{name: "tree twice as large", want: spv.CheckTreeSize, spoil: func(f *forge) { f.committed *= 2 }},
	{name: "tree of no leaves", want: spv.CheckTreeSize, spoil: func(f *forge) { f.committed = 0 }},
	{name: "wrong slot", want: spv.CheckSlot, spoil: func(f *forge) { f.slot ^= 1 }},
	{name: "slot beyond the tree", want: spv.CheckSlot, spoil: func(f *forge) { f.slot += 16 }},
	{name: "negative slot", want: spv.CheckSlot, spoil: func(f *forge) { f.slot |= 1 << 31 }},
	{name: "wrong nonce", want: spv.CheckSlot, spoil: func(f *forge) { f.nonce++ }},
	{name: "another chain's slot", want: spv.CheckSlot, spoil: func(f *forge) { f.slot = spv.Slot(f.nonce, f.rules.AuxPoW.ChainID+1, 4) }},
	{name: "coinbase branch changed", want: spv.CheckCoinbaseRoot, spoil: after(func(s *spv.Sealed) { s.Aux.CoinbaseBranch[1][0] ^= 1 })},
	{name: "coinbase branch one short", want: spv.CheckCoinbaseRoot,
		spoil: after(func(s *spv.Sealed) { s.Aux.CoinbaseBranch = s.Aux.CoinbaseBranch[:2] })},
	{name: "another transaction than the coinbase", want: spv.CheckCoinbaseIndex, spoil: func(f *forge) { f.coinbaseIndex = 1 }},
	{name: "negative coinbase index", want: spv.CheckCoinbaseIndex, spoil: func(f *forge) { f.coinbaseIndex = -8 }},
	{name: "parent with our chain id", want: spv.CheckParentChainID, spoil: func(f *forge) { f.parentVersion = f.rules.AuxPoW.ChainID<<16 | 4 }},
	{name: "parent with too little work", want: spv.CheckParentWork, spoil: func(f *forge) { f.lazy = true }},
	{name: "another chain id", want: spv.CheckChainID, spoil: func(f *forge) { setVersion(&f.header, (f.rules.AuxPoW.ChainID+1)<<16|0x0104) }},
	{name: "proof missing", want: spv.CheckAuxPoWPresent, spoil: func(f *forge) { f.bare, f.mined = true, true }},
	{name: "negative bits", want: spv.CheckTarget, also: []string{spv.CheckParentWork}, spoil: func(f *forge) { setBits(&f.header, 0x20ffffff) }},
	{name: "zero bits", want: spv.CheckTarget, also: []string{spv.CheckParentWork}, spoil: func(f *forge) { setBits(&f.header, 0x20000000) }},
	{name: "bits above 256 bits", want: spv.CheckTarget, also: []string{spv.CheckParentWork}, spoil: func(f *forge) { setBits(&f.header, 0x237fffff) }},
	{name: "bits too easy", want: spv.CheckTarget, spoil: func(f *forge) { setBits(&f.header, 0x2100ffff) }},
}

// familySpoilings break what only the chains of today demand.
var familySpoilings = []spoiling{
	{name: "chain branch of 31", want: spv.CheckChainBranch, spoil: func(f *forge) { f.tree(31) }},
	{name: "parent with a proof of its own", want: spv.CheckParentPlain, spoil: func(f *forge) { f.parentVersion |= spv.AuxPoWFlag }},
	{name: "flag clear with proof", want: spv.CheckAuxPoWFlag, spoil: func(f *forge) { setVersion(&f.header, f.rules.AuxPoW.ChainID<<16|4) }},
	{name: "proof too early", want: spv.CheckAuxPoWStart, spoil: func(f *forge) { f.height = f.rules.AuxPoW.Start - 1 }},
	{name: "version 1 too late", want: spv.CheckLegacyVersion, spoil: func(f *forge) {
		setVersion(&f.header, 1)
		f.bare, f.mined = true, true
	}},
	{name: "version 2 without chain id too late", want: spv.CheckLegacyVersion, spoil: func(f *forge) {
		setVersion(&f.header, 2)
		f.bare, f.mined = true, true
	}},
	{name: "own work missing", want: spv.CheckWork, spoil: func(f *forge) {
		setVersion(&f.header, f.rules.AuxPoW.ChainID<<16|4)
		setBits(&f.header, 0x1d00ffff)
		f.bare = true
	}},
	{name: "no magic, root at 21", want: spv.CheckRootEarly, spoil: func(f *forge) { f.magic, f.lead = nil, make([]byte, 21) }},
	{name: "coinbase without inputs", want: spv.CheckCoinbaseInputs, also: []string{spv.CheckRootPresent}, spoil: func(f *forge) { f.inputs = 0 }},
}

// layerSpoilings break what our layers demand beyond that.
var layerSpoilings = []spoiling{
	{name: "chain branch of 17", want: spv.CheckChainBranch, spoil: func(f *forge) { f.tree(17) }},
	{name: "coinbase branch of 17", want: spv.CheckCoinbaseBranch, spoil: func(f *forge) { f.coinbaseBranch = siblings(17, 0x10) }},
	{name: "real outpoint", want: spv.CheckCoinbaseNull, spoil: func(f *forge) { f.prevout[3] = 1 }},
	{name: "outpoint 0:0", want: spv.CheckCoinbaseNull, spoil: func(f *forge) { f.prevout = [36]byte{} }},
	{name: "two inputs", want: spv.CheckCoinbaseNull, spoil: func(f *forge) { f.inputs = 2 }},
	{name: "script of 101 bytes", want: spv.CheckCoinbaseScript, spoil: func(f *forge) { f.tail = make([]byte, 101-5-44) }},
	{name: "script of one byte", want: spv.CheckCoinbaseScript, also: []string{spv.CheckRootPresent}, spoil: func(f *forge) {
		f.cut = len(f.script()) - 1
	}},
	{name: "coinbase with witness", want: spv.CheckCoinbasePlain, spoil: func(f *forge) { f.witness = reservedWitness() }},
	{name: "no magic, root at 20", want: spv.CheckRootMagic, spoil: func(f *forge) { f.magic, f.lead = nil, make([]byte, 20) }},
	{name: "flag clear with proof", want: spv.CheckChainID, spoil: func(f *forge) { setVersion(&f.header, f.rules.AuxPoW.ChainID<<16|4) }},
	{name: "another base version", want: spv.CheckChainID, spoil: func(f *forge) { setVersion(&f.header, f.rules.AuxPoW.ChainID<<16|0x0105) }},
}

// reservedWitness is the stack of a coinbase since segregated witness.
func reservedWitness() []byte { return append([]byte{1, 32}, make([]byte, 32)...) }

// TestSpoilings spoils one thing at a time: without a report the check that is meant for
// it refuses the proof, and with one no other check fails.
func TestSpoilings(t *testing.T) {
	for _, world := range []struct {
		name      string
		rules     *spv.Rules
		height    int32
		spoilings []spoiling
	}{
		{"family", familyRules(), 100, slices.Concat(commonSpoilings, familySpoilings)},
		{"layer", layerRules(), 1, slices.Concat(commonSpoilings, layerSpoilings)},
	} {
		t.Run(world.name, func(t *testing.T) {
			valid := forged(world.rules, world.height).seal(t)
			var rep spv.Report
			if err := world.rules.CheckWork(&valid, world.height, &rep); err != nil || rep.Err() != nil {
				t.Fatalf("before spoiling: %v, %v", err, rep.Err())
			}
			for _, s := range world.spoilings {
				f := forged(world.rules, world.height)
				s.spoil(f)
				sealed := f.seal(t)
				refutedBy(t, s.name, world.rules.CheckWork(&sealed, f.height, nil), s.want)
				onlyFails(t, &s, world.rules, &sealed, f.height)
			}
		})
	}
}

func onlyFails(t *testing.T, s *spoiling, rules *spv.Rules, sealed *spv.Sealed, height int32) {
	t.Helper()
	var rep spv.Report
	if err := rules.CheckWork(sealed, height, &rep); err != nil {
		t.Errorf("%s: with a report: %v", s.name, err)
	}
	var failed []string
	for _, c := range rep.Checks {
		if c.Outcome == spv.Failed {
			failed = append(failed, c.Name)
		}
	}
	if want := append([]string{s.want}, s.also...); !slices.Equal(failed, want) {
		t.Errorf("%s: failed checks %v, want %v", s.name, failed, want)
	}
}

// TestUnspoiled makes sure that what lies right at the edge of a rule passes.
func TestUnspoiled(t *testing.T) {
	family, layer := familyRules(), layerRules()
	lax := *family
	laxAux := *family.AuxPoW
	laxAux.PlainParent, laxAux.IndexZero, laxAux.StrictID = false, false, false
	lax.AuxPoW = &laxAux
	for _, v := range []struct {
		name  string
		rules *spv.Rules
		edge  func(f *forge)
	}{
		{"chain branch of 30", family, func(f *forge) { f.tree(30) }},
		{"chain branch of 0", family, func(f *forge) { f.tree(0) }},
		{"coinbase branch of 17", family, func(f *forge) { f.coinbaseBranch = siblings(17, 0x10) }},
		{"no magic, root at 20", family, func(f *forge) { f.magic, f.lead = nil, make([]byte, 20) }},
		{"eight bytes behind the root", family, func(f *forge) { f.tail = nil }},
		{"two inputs", family, func(f *forge) { f.inputs = 2 }},
		{"real outpoint", family, func(f *forge) { f.prevout[3] = 1 }},
		{"long script", family, func(f *forge) { f.tail = make([]byte, 150) }},
		{"coinbase with witness", family, func(f *forge) { f.witness = reservedWitness() }},
		{"the hash that nobody checks", family, func(f *forge) { f.late = func(s *spv.Sealed) { s.Aux.BlockHash[7] = 9 } }},
		{"own work", family, func(f *forge) { setVersion(&f.header, 98<<16|4); f.bare, f.mined = true, true }},
		{"old version below the switch", family, func(f *forge) { setVersion(&f.header, 2); f.height, f.bare, f.mined = 99, true, true }},
		{"index where it is ignored", &lax, func(f *forge) { f.coinbaseIndex = 5 }},
		{"parent of another merge-mined chain", &lax, func(f *forge) { f.parentVersion = 98<<16 | 0x104 }},
		{"another id where it is not strict", &lax, func(f *forge) {
			setVersion(&f.header, 77<<16|0x104)
			f.slot = spv.Slot(f.nonce, 77, 4)
		}},
		{"layer: branches of 16", layer, func(f *forge) { f.tree(16); f.coinbaseBranch = siblings(16, 0x10) }},
		{"layer: alone in its tree and block", layer, func(f *forge) { f.tree(0); f.coinbaseBranch = nil }},
		{"layer: script of 100 bytes", layer, func(f *forge) { f.tail = make([]byte, 100-5-44) }},
		{"layer: the hash that nobody checks", layer, func(f *forge) { f.late = func(s *spv.Sealed) { s.Aux.BlockHash[7] = 9 } }},
	} {
		f := forged(v.rules, 100)
		v.edge(f)
		s := f.seal(t)
		if err := v.rules.CheckWork(&s, f.height, nil); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
	}
}

// TestUnmergedChain refuses any proof where the chain knows none, and takes the version
// bit for an ordinary one.
func TestUnmergedChain(t *testing.T) {
	plain := easyRules()
	f := forged(familyRules(), 100)
	s := f.seal(t)
	refutedBy(t, "a proof", plain.CheckWork(&s, 100, nil), spv.CheckAuxPoWPresent)
	f.bare, f.mined = true, true
	s = f.seal(t)
	if err := plain.CheckWork(&s, 100, nil); err != nil {
		t.Errorf("version with bit 8: %v", err)
	}
}

// TestRealProofSpoiled changes one field of a real proof, which nobody can mine again.
func TestRealProofSpoiled(t *testing.T) {
	rules := rulesFor(t, "namecoin")
	raw := testdata.Hex(t, "auxpow/namecoin-mainnet/40000.hex")
	for _, v := range []struct {
		name  string
		spoil func(s *spv.Sealed)
		want  string
	}{
		{"parent nonce", func(s *spv.Sealed) { s.Aux.Parent[77] ^= 4 }, spv.CheckParentWork},
		{"parent merkle root", func(s *spv.Sealed) { s.Aux.Parent[40] ^= 4 }, spv.CheckParentWork},
		{"header nonce", func(s *spv.Sealed) { s.Header[76] ^= 1 }, spv.CheckRootPresent},
		{"header bits harder than the work", func(s *spv.Sealed) { setBits(&s.Header, 0x10208087) }, spv.CheckParentWork},
		{"header chain id", func(s *spv.Sealed) { s.Header[2] ^= 2 }, spv.CheckChainID},
		{"coinbase branch", func(s *spv.Sealed) { s.Aux.CoinbaseBranch[0][0] ^= 1 }, spv.CheckCoinbaseRoot},
		{"coinbase branch order", func(s *spv.Sealed) { slices.Reverse(s.Aux.CoinbaseBranch) }, spv.CheckCoinbaseRoot},
		{"another block's coinbase", func(s *spv.Sealed) { s.Aux.Coinbase = forged(familyRules(), 100).coinbase(t) }, spv.CheckCoinbaseRoot},
		{"chain branch added", func(s *spv.Sealed) { s.Aux.ChainBranch = siblings(1, 1) }, spv.CheckRootPresent},
		{"slot", func(s *spv.Sealed) { s.Aux.Slot = 1 }, spv.CheckSlot},
		{"proof taken away", func(s *spv.Sealed) { s.Aux = nil }, spv.CheckAuxPoWPresent},
	} {
		s, _, err := spv.ParseSealed(raw, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := rules.CheckWork(&s, 40000, nil); err != nil {
			t.Fatal(err)
		}
		v.spoil(&s)
		refutedBy(t, v.name, rules.CheckWork(&s, 40000, nil), v.want)
	}
	s, _, _ := spv.ParseSealed(raw, true)
	refutedBy(t, "below the start", rules.CheckWork(&s, 19199, nil), spv.CheckAuxPoWStart)
}

// TestTrailingBytes: a parser takes exactly the proof, so that its caller sees whatever
// follows, and never less than all of it.
func TestTrailingBytes(t *testing.T) {
	s := forged(layerRules(), 1).seal(t)
	b := s.Append(nil)
	parsed, n, err := spv.ParseSealed(append(bytes.Clone(b), 0), true)
	if err != nil || n != len(b) || !bytes.Equal(parsed.Append(nil), b) {
		t.Fatalf("%d of %d bytes, %v", n, len(b), err)
	}
	for i := range b {
		if _, _, err := spv.ParseSealed(b[:i], true); err == nil {
			t.Errorf("%d of %d bytes parse", i, len(b))
		}
	}
	if _, n, err := spv.ParseSealed(b, false); err != nil || n != 80 {
		t.Errorf("without merged mining: %d bytes, %v, want 80", n, err)
	}
}
