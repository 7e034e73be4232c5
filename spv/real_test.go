package spv_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// parseRun reads headers, with their proofs where aux is set, that stand one after
// another with gap bytes between them, up to the end.
func parseRun(t testing.TB, b []byte, aux bool, gap int) []spv.Sealed {
	t.Helper()
	var run []spv.Sealed
	for len(b) > 0 {
		s, n, err := spv.ParseSealed(b, aux)
		if err != nil || n+gap > len(b) {
			t.Fatalf("header %d of the run: %d of %d bytes, %v", len(run), n, len(b), err)
		}
		run = append(run, s)
		b = b[n+gap:]
	}
	return run
}

// plainRun reads a file of 80-byte headers, skipping a prefix.
func plainRun(t testing.TB, file string, prefix int) []spv.Sealed {
	return parseRun(t, testdata.Read(t, file)[prefix:], false, 0)
}

// lineRun reads a file with one header in hex on each line, with its proof where it has one.
func lineRun(t testing.TB, file string) []spv.Sealed {
	t.Helper()
	return parseRun(t, slices.Concat(testdata.HexLines(t, file)...), true, 0)
}

// messageRun reads the payload of a headers message: a count of three bytes, then
// headers, each followed by a zero.
func messageRun(t testing.TB, b []byte) []spv.Sealed {
	t.Helper()
	run := parseRun(t, b[3:], true, 1)
	if n := int(binary.LittleEndian.Uint16(b[1:])); b[0] != 0xfd || n != len(run) {
		t.Fatalf("headers message: %d headers, the count says %d", len(run), n)
	}
	return run
}

func regtestMessage(t testing.TB) []spv.Sealed {
	t.Helper()
	var file struct{ Hex string }
	decodeJSON(t, "merkleblock/dogecoin-regtest-headers-603.json", &file)
	return messageRun(t, unhex(t, file.Hex))
}

func decodeJSON(t testing.TB, file string, into any) {
	t.Helper()
	if err := json.Unmarshal(testdata.Read(t, file), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	if len(s) > 1 && s[:2] == "0x" {
		s = s[2:]
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// realRun is a contiguous run of real headers. Those before trust start a tree: none but
// genesis where the run starts at it or right above it, otherwise as many as the rules
// look back at.
type realRun struct {
	name   string
	chain  string
	read   func(t testing.TB) []spv.Sealed
	height int32 // of the run's first header
	trust  int
	count  int // headers in the run
	proofs int // how many of them are merge-mined
	turns  int // how often the bits change within the run
}

func file(name string, prefix int) func(testing.TB) []spv.Sealed {
	return func(t testing.TB) []spv.Sealed { return plainRun(t, name, prefix) }
}

func message(name string) func(testing.TB) []spv.Sealed {
	return func(t testing.TB) []spv.Sealed { return messageRun(t, testdata.Read(t, name)) }
}

func testnetLines(t testing.TB) []spv.Sealed {
	lines := testdata.Read(t, "headers/bitcoin-testnet3-1-546-and-fork.hex")
	fork := slices.Index(lines, '\n') + 1
	second := slices.Index(lines[fork:], '\n') + 1
	b := unhex(t, string(slices.DeleteFunc(slices.Clone(lines[fork+second:]), func(c byte) bool { return c == '\n' })))
	return parseRun(t, b, false, 0)
}

var realRuns = []realRun{
	{"bitcoin 0..99999", "bitcoin", file("headers/bitcoin-mainnet-0-99999.neutrino.bz2", 10), 0, 0, 100000, 0, 34},
	{"bitcoin alternative 1..2016", "bitcoin", file("headers/bitcoin-mainnet_alt-1-2016.bin", 0), 1, 0, 2016, 0, 1},
	{"bitcoin-testnet3 0..9999", "bitcoin-testnet3", file("headers/bitcoin-testnet3-0-9999.bin", 0), 0, 0, 10000, 0, 7},
	{"bitcoin-testnet3 1..546", "bitcoin-testnet3", testnetLines, 1, 0, 546, 0, 0},
	{"litecoin 1..240", "litecoin", file("headers/litecoin-mainnet-1-240.bin", 0), 1, 0, 240, 0, 0},
	{"dogecoin 0..15000", "dogecoin", file("headers/dogecoin-mainnet-0-15000.bin", 0), 0, 0, 15001, 0, 62},
	{"dogecoin 1..240", "dogecoin", file("headers/dogecoin-mainnet-1-240.bin", 0), 1, 0, 240, 0, 1},
	{"dogecoin-testnet 0..15000", "dogecoin-testnet", file("headers/dogecoin-testnet-0-15000.bin", 0), 0, 0, 15001, 0, 1935},
	{"dogecoin-testnet 2014-05, four-hour periods", "dogecoin-testnet",
		message("headers/dogecoin-testnet-2014-05.headersmsg.bin"), 161 + 200*240, 80, 2000, 0, 319},
	{"dogecoin-testnet 158001..160000", "dogecoin-testnet",
		message("headers/dogecoin-testnet-158001-160000.headersmsg.bin"), 158001, 11, 2000, 393, 1587},
	{"dogecoin-regtest", "dogecoin-regtest", regtestMessage, 2000, 11, 603, 0, 0},
}

// start returns a tree that the rest of the run can be connected to.
func (r *realRun) start(t testing.TB, run []spv.Sealed) (*spv.Tree, []spv.Sealed) {
	t.Helper()
	rules := rulesFor(t, r.chain)
	if r.trust == 0 {
		if r.height == 0 && run[0].Header != rules.Genesis {
			t.Fatalf("the run starts with %s, want genesis", run[0].Header.ID())
		}
		return spv.NewTree(rules), run
	}
	trusted := make([]spv.Header, r.trust)
	for i := range trusted {
		trusted[i] = run[i].Header
	}
	tree, err := spv.NewTreeAt(rules, trusted, r.height, *uint256.NewInt(1))
	if err != nil {
		t.Fatal(err)
	}
	return tree, run[r.trust:]
}

// TestRealRuns connects every contiguous run of real headers through the tree: link,
// difficulty, times, versions, and work, merged-mining proofs included.
func TestRealRuns(t *testing.T) {
	for _, r := range realRuns {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			run := r.read(t)
			if len(run) != r.count {
				t.Fatalf("%d headers, want %d", len(run), r.count)
			}
			proofs, turns := 0, 0
			for i := range run {
				if run[i].Aux != nil {
					proofs++
				}
				if i > 0 && run[i].Header.Bits() != run[i-1].Header.Bits() {
					turns++
				}
			}
			if proofs != r.proofs || turns != r.turns {
				t.Errorf("%d proofs and %d changes of bits, want %d and %d", proofs, turns, r.proofs, r.turns)
			}
			tree, rest := r.start(t, run)
			change, err := tree.Connect(rest, 0)
			if err != nil {
				t.Fatal(err)
			}
			last := run[len(run)-1].Header
			want := spv.Block{Height: r.height + int32(len(run)) - 1, Hash: last.ID()}
			if tree.Tip() != want || change.Tip != want || change.Undo != 0 {
				t.Errorf("tip %s, change to %s undoing %d, want %s undoing none", tree.Tip(), change.Tip, change.Undo, want)
			}
		})
	}
}

// TestRealRunsSpoiled changes one thing in one header of every run.
func TestRealRunsSpoiled(t *testing.T) {
	spoilings := []struct {
		name  string
		spoil func(h *spv.Header, median uint32)
		want  string
	}{
		{"bits one harder", func(h *spv.Header, _ uint32) { setBits(h, h.Bits()-1) }, spv.CheckDifficulty},
		{"bits one easier", func(h *spv.Header, _ uint32) { setBits(h, h.Bits()+1) }, spv.CheckDifficulty},
		{"time at the median", func(h *spv.Header, median uint32) { setTime(h, median) }, spv.CheckMedianTime},
		{"merkle root", func(h *spv.Header, _ uint32) { h[40] ^= 1 }, "work"},
	}
	for _, r := range realRuns {
		if r.chain == "dogecoin-regtest" {
			continue // its work is so easy that a changed header often still has it
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			run := r.read(t)
			run = run[:min(len(run), r.trust+600)]
			tree, rest := r.start(t, run)
			connect(t, tree, rest[:len(rest)-1]...)
			last := rest[len(rest)-1]
			_, median, ok := tree.After(last.Header.Prev(), last.Header.Time())
			if !ok {
				t.Fatal("the tree does not know what comes next")
			}
			for _, s := range spoilings {
				bad := last
				s.spoil(&bad.Header, median)
				_, err := tree.Connect([]spv.Sealed{bad}, 0)
				want := s.want
				if want == "work" && bad.Aux == nil {
					want = spv.CheckWork
				} else if want == "work" {
					want = spv.CheckRootPresent
				}
				refutedBy(t, s.name, err, want)
			}
			connect(t, tree, last)
		})
	}
}

func setBits(h *spv.Header, bits uint32)    { binary.LittleEndian.PutUint32(h[72:], bits) }
func setTime(h *spv.Header, seconds uint32) { binary.LittleEndian.PutUint32(h[68:], seconds) }

// refutedBy makes sure that err stems from the named check.
func refutedBy(t testing.TB, what string, err error, name string) {
	t.Helper()
	var c *spv.CheckError
	if !errors.As(err, &c) {
		t.Errorf("%s: %v, want check %s to fail", what, err, name)
	} else if c.Name != name {
		t.Errorf("%s: refused by %v, want check %s", what, err, name)
	}
}

// TestRealReorg lets two real chains from one genesis compete: the alternative one has as
// much work block for block, until its difficulty rises fourfold at 2016.
func TestRealReorg(t *testing.T) {
	rules := *rulesFor(t, "bitcoin")
	rules.ReorgLimit = 4000
	tree := spv.NewTree(&rules)
	first := plainRun(t, "headers/bitcoin-mainnet-0-99999.neutrino.bz2", 10)[1:2018]
	second := plainRun(t, "headers/bitcoin-mainnet_alt-1-2016.bin", 0)
	connect(t, tree, first...)
	if c := connect(t, tree, second[:2015]...); c.Undo != 0 || len(c.Headers) != 0 {
		t.Fatalf("less work undid %d blocks and added %d", c.Undo, len(c.Headers))
	}
	c := connect(t, tree, second[2015])
	if c.Undo != 2017 || len(c.Headers) != 2016 || c.Tip.Hash != second[2015].Header.ID() {
		t.Fatalf("undid %d blocks and added %d, want 2017 and 2016, to %s", c.Undo, len(c.Headers), c.Tip)
	}
	for i := range c.Headers {
		if c.Headers[i] != second[i].Header {
			t.Fatalf("the change's header %d is not the run's", i)
		}
	}
	if tips := tree.Tips(); len(tips) != 2 || tips[1].Hash != first[2016].Header.ID() {
		t.Errorf("tips %v, want the old one too", tips)
	}
}

// TestRealFork connects two real headers that fork off a test network at genesis.
func TestRealFork(t *testing.T) {
	rules := rulesFor(t, "bitcoin-testnet3")
	tree := spv.NewTree(rules)
	connect(t, tree, testnetLines(t)...)
	tip := tree.Tip()
	data := testdata.Read(t, "headers/bitcoin-testnet3-1-546-and-fork.hex")
	for range 2 {
		end := slices.Index(data, '\n')
		s := spv.Sealed{Header: spv.Header(unhex(t, string(data[len("fork:"):end])))}
		if c := connect(t, tree, s); c.Tip != tip || c.Undo != 0 {
			t.Errorf("a short fork moved the tip to %s", c.Tip)
		}
		data = data[end+1:]
	}
	if tips := tree.Tips(); len(tips) != 2 || tips[1].Height != 2 {
		t.Errorf("tips %v, want one of height 2 beside the best", tips)
	}
}

// TestRepeats sends headers that are known already, before, among and after new ones.
func TestRepeats(t *testing.T) {
	run := plainRun(t, "headers/bitcoin-mainnet-0-99999.neutrino.bz2", 10)[1:41]
	tree := spv.NewTree(rulesFor(t, "bitcoin"))
	for _, again := range [][]spv.Sealed{slices.Concat(run[:10], run[:20]), run[:20], run[5:35], slices.Concat(run[30:], run)} {
		connect(t, tree, again...)
	}
	if tip := tree.Tip(); tip.Height != 40 || tip.Hash != run[39].Header.ID() || len(tree.Tips()) != 1 {
		t.Errorf("tip %s of %d, want height 40 alone", tip, len(tree.Tips()))
	}
	if got, want := tree.Work(), totalWork(t, append(run, spv.Sealed{Header: tree.Rules().Genesis})); !got.Eq(&want) {
		t.Errorf("work %s, want %s", got.Hex(), want.Hex())
	}
}
