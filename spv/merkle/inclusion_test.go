package merkle

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv/pow"
)

// prove builds the proof of one transaction of a block.
func prove(t testing.TB, block *wire.MsgBlock, index uint32) (tx []byte, in *Inclusion) {
	t.Helper()
	txids := txidsOf(block)
	b, err := NewBranch(txids, index)
	if err != nil {
		t.Fatal(err)
	}
	first, err := NewBranch(txids, 0)
	if err != nil {
		t.Fatal(err)
	}
	return bareTx(t, block.Transactions[index]), &Inclusion{
		Index:          index,
		Branch:         b,
		Coinbase:       bareTx(t, block.Transactions[0]),
		CoinbaseBranch: first,
	}
}

func refusal(err error) string {
	var c *CheckError
	if errors.As(err, &c) {
		return c.Name
	}
	return "no refusal"
}

func TestInclusionInRealBlocks(t *testing.T) {
	blocks := []*wire.MsgBlock{
		block830000(t),
		parseBlock(t, testdata.Hex(t, "merkleblock/rust-bitcoin-block_13b8a.hex")),
	}
	for _, raw := range framedBlocks(t, "blocks/bitcoin-mainnet-blk_0_to_14131.dat.bz2") {
		if block := parseBlock(t, raw); len(block.Transactions) > 1 {
			blocks = append(blocks, block)
		}
	}
	checked := 0
	for _, block := range blocks {
		step := 1 + len(block.Transactions)/40
		for i := 1; i < len(block.Transactions); i += step {
			tx, in := prove(t, block, uint32(i))
			if err := in.Verify(tx, block.Header.MerkleRoot); err != nil {
				t.Errorf("transaction %d of %s: %v", i, block.BlockHash(), err)
			}
			checked++
		}
		tx, in := prove(t, block, 0)
		if err := in.VerifyCoinbase(tx, block.Header.MerkleRoot); err != nil {
			t.Errorf("coinbase of %s: %v", block.BlockHash(), err)
		}
	}
	if checked < 100 {
		t.Errorf("%d transactions checked, want at least 100", checked)
	}
}

// TestInclusionInEverySmallBlock makes sure that no honest proof falls foul of the checks
// on duplicates.
func TestInclusionInEverySmallBlock(t *testing.T) {
	for n := 1; n <= 70; n++ {
		block := madeBlock(n)
		root, _ := Root(txidsOf(block))
		for i := 1; i < n; i++ {
			tx, in := prove(t, block, uint32(i))
			if err := in.Verify(tx, root); err != nil {
				t.Fatalf("transaction %d of %d: %v", i, n, err)
			}
		}
		tx, in := prove(t, block, 0)
		if err := in.VerifyCoinbase(tx, root); err != nil {
			t.Fatalf("coinbase of %d: %v", n, err)
		}
	}
}

// madeBlock returns a block of a coinbase and n-1 other transactions.
func madeBlock(n int) *wire.MsgBlock {
	block := new(wire.MsgBlock)
	for i := range n {
		tx := wire.NewMsgTx(1)
		prevout := wire.OutPoint{Hash: chainhash.HashH([]byte{byte(i)}), Index: uint32(i)}
		if i == 0 {
			prevout = wire.OutPoint{Index: wire.MaxPrevOutIndex}
		}
		tx.AddTxIn(wire.NewTxIn(&prevout, []byte{1, 2, 3}, nil))
		tx.AddTxOut(wire.NewTxOut(int64(i), []byte{0x51, 0x52}))
		block.Transactions = append(block.Transactions, tx)
	}
	return block
}

type proofCase struct {
	in   *Inclusion
	tx   []byte
	root chainhash.Hash
}

func TestInclusionSpoiled(t *testing.T) {
	block := parseBlock(t, testdata.Hex(t, "merkleblock/rust-bitcoin-block_13b8a.hex")) // 9 transactions
	for _, c := range []struct {
		name  string
		spoil func(*proofCase)
		want  string
	}{
		{"index 0", func(c *proofCase) { c.in.Index = 0 }, CheckIndex},
		{"index with a bit above the tree", func(c *proofCase) { c.in.Index += 16 }, CheckIndex},
		{"index of a neighbour", func(c *proofCase) { c.in.Index ^= 1 }, CheckRoot},
		{"another root", func(c *proofCase) { c.root[5] ^= 1 }, CheckRoot},
		{"another transaction", func(c *proofCase) { c.tx[4] ^= 1 }, CheckRoot},
		{"bit in the branch", func(c *proofCase) { c.in.Branch[2][31] ^= 0x80 }, CheckRoot},
		{"bit in the coinbase branch", func(c *proofCase) { c.in.CoinbaseBranch[0][0] ^= 1 }, CheckRoot},
		{"bit in the coinbase's script", func(c *proofCase) { c.in.Coinbase[45] ^= 1 }, CheckRoot},
		{"branch shorter", func(c *proofCase) { c.in.Branch = c.in.Branch[1:] }, CheckDepth},
		{"coinbase branch longer", func(c *proofCase) { c.in.CoinbaseBranch = append(c.in.CoinbaseBranch, c.root) }, CheckDepth},
		{"branches of 17", func(c *proofCase) { c.in.Branch, c.in.CoinbaseBranch = numbered(17), numbered(17) }, CheckDepth},
		{"no branches", func(c *proofCase) { c.in.Branch, c.in.CoinbaseBranch = nil, nil }, CheckIndex},
		{"transaction of 64 bytes", func(c *proofCase) { c.tx = c.tx[:64] }, CheckTxSize},
		{"coinbase of 64 bytes", func(c *proofCase) { c.in.Coinbase = c.in.Coinbase[:64] }, CheckTxSize},
		{"no coinbase", func(c *proofCase) { c.in.Coinbase = nil }, CheckCoinbase},
		{"coinbase is another transaction", func(c *proofCase) { c.in.Coinbase = c.tx }, CheckCoinbase},
		{"branch that repeats the node", func(c *proofCase) { c.in.Branch[0] = pow.DoubleSHA256(c.tx) }, CheckDuplicate},
		{"coinbase branch that repeats it", func(c *proofCase) { c.in.CoinbaseBranch[0] = pow.DoubleSHA256(c.in.Coinbase) }, CheckDuplicate},
	} {
		tx, in := prove(t, block, 3)
		p := proofCase{in: in, tx: tx, root: block.Header.MerkleRoot}
		if err := p.in.Verify(p.tx, p.root); err != nil {
			t.Fatalf("good proof: %v", err)
		}
		c.spoil(&p)
		if err := p.in.Verify(p.tx, p.root); refusal(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestVerifyCoinbaseSpoiled(t *testing.T) {
	block := parseBlock(t, testdata.Hex(t, "merkleblock/rust-bitcoin-block_13b8a.hex"))
	for _, c := range []struct {
		name  string
		spoil func(*proofCase)
		want  string
	}{
		{"index 1", func(c *proofCase) { c.in.Index = 1 }, CheckIndex},
		{"another transaction", func(c *proofCase) { c.tx = append(c.tx, 0) }, CheckCoinbase},
		{"two branches", func(c *proofCase) { c.in.Branch[1][0] ^= 1 }, CheckRoot},
		{"another root", func(c *proofCase) { c.root[0] ^= 1 }, CheckRoot},
		{"branch shorter", func(c *proofCase) { c.in.Branch = c.in.Branch[:1] }, CheckDepth},
	} {
		tx, in := prove(t, block, 0)
		p := proofCase{in: in, tx: tx, root: block.Header.MerkleRoot}
		c.spoil(&p)
		if err := p.in.VerifyCoinbase(p.tx, p.root); refusal(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestInclusionInnerNode carries CVE-2017-12842 out: the 64 bytes of an inner node as the
// transaction, one level higher.
func TestInclusionInnerNode(t *testing.T) {
	block := madeBlock(8)
	ids := txidsOf(block)
	root, _ := Root(ids)
	_, in := prove(t, block, 4)
	node := append(ids[4][:], ids[5][:]...)
	in.Index, in.Branch = 2, in.Branch[1:]
	if in.Branch.Root(pow.DoubleSHA256(node), in.Index) != root {
		t.Fatal("the forgery should fold")
	}
	if err := in.Verify(node, root); refusal(err) != CheckDepth {
		t.Errorf("forged depth: %v, want %s", err, CheckDepth)
	}
	in.CoinbaseBranch = in.CoinbaseBranch[1:]
	if err := in.Verify(node, root); refusal(err) != CheckTxSize {
		t.Errorf("both depths forged: %v, want %s", err, CheckTxSize)
	}
	in.Coinbase = append(ids[0][:], ids[1][:]...)
	if err := in.Verify(append(node, 0), root); refusal(err) != CheckTxSize {
		t.Errorf("coinbase forged too: %v, want %s", err, CheckTxSize)
	}
}

// TestInclusionBelowTransaction carries CVE-2017-12842 out the other way: a transaction that nobody mined, below a mined one of 64 bytes that
// is made of its id and another hash.
func TestInclusionBelowTransaction(t *testing.T) {
	block := madeBlock(2)
	forged, other := bareTx(t, madeBlock(3).Transactions[2]), numbered(1)[0]
	id := pow.DoubleSHA256(forged)
	mined := pow.DoubleSHA256(append(id[:], other[:]...)) // as a transaction
	coinbase := bareTx(t, block.Transactions[0])
	root, _ := Root([]chainhash.Hash{pow.DoubleSHA256(coinbase), mined})
	in := &Inclusion{Index: 2, Branch: Branch{other, pow.DoubleSHA256(coinbase)}, Coinbase: coinbase, CoinbaseBranch: Branch{mined}}
	if in.Branch.Root(id, in.Index) != root || in.CoinbaseBranch.Root(pow.DoubleSHA256(coinbase), 0) != root {
		t.Fatal("the forgery should fold")
	}
	if err := in.Verify(forged, root); refusal(err) != CheckDepth {
		t.Errorf("the coinbase at its own depth: %v, want %s", err, CheckDepth)
	}
	in.CoinbaseBranch = append(in.CoinbaseBranch, other)
	if err := in.Verify(forged, root); refusal(err) != CheckRoot {
		t.Errorf("the coinbase at the forged depth: %v, want %s", err, CheckRoot)
	}
}

// TestInclusionCoinbaseTwice: no block has its coinbase beside itself, at any height.
func TestInclusionCoinbaseTwice(t *testing.T) {
	coinbase := bareTx(t, madeBlock(1).Transactions[0])
	id := pow.DoubleSHA256(coinbase)
	b := Branch{id}
	for range 3 {
		in := &Inclusion{Branch: b, Coinbase: coinbase, CoinbaseBranch: b}
		if err := in.VerifyCoinbase(coinbase, b.Root(id, 0)); refusal(err) != CheckDuplicate {
			t.Errorf("%d times: %v, want %s", 1<<len(b), err, CheckDuplicate)
		}
		b = append(b, b.Root(id, 0))
	}
}

// TestInclusionRepeatedTail proves a transaction at the position that CVE-2012-2459 adds.
func TestInclusionRepeatedTail(t *testing.T) {
	for _, c := range []struct{ n, repeat int }{{3, 1}, {5, 1}, {6, 2}, {11, 1}, {12, 4}} {
		block := madeBlock(c.n)
		root, _ := Root(txidsOf(block))
		block.Transactions = append(block.Transactions, block.Transactions[c.n-c.repeat:]...)
		for i := c.n; i < c.n+c.repeat; i++ {
			tx, in := prove(t, block, uint32(i))
			if in.Branch.Root(pow.DoubleSHA256(tx), in.Index) != root {
				t.Fatalf("copy %d of %d: should fold", i, c.n)
			}
			if err := in.Verify(tx, root); refusal(err) != CheckDuplicate {
				t.Errorf("copy %d of %d: %v, want %s", i, c.n, err, CheckDuplicate)
			}
		}
	}
}

// TestFoldCheckedAboveOddEnd: above the odd end of a level no node with another sibling on
// its right can stand.
func TestFoldCheckedAboveOddEnd(t *testing.T) {
	leaf, other := numbered(2)[0], numbered(2)[1]
	b := Branch{leaf, other, other}
	const index = 4 // even, even, odd
	if err := foldChecked(b, leaf, index, b.Root(leaf, index)); refusal(err) != CheckDuplicate {
		t.Errorf("%v, want %s", err, CheckDuplicate)
	}
}

func TestCoinbaseForm(t *testing.T) {
	good := bareTx(t, madeBlock(1).Transactions[0])
	if err := checkCoinbaseForm(good); err != nil {
		t.Fatalf("%x: %v", good, err)
	}
	var witness bytes.Buffer
	real := block830000(t).Transactions[0]
	if err := real.Serialize(&witness); err != nil {
		t.Fatal(err)
	}
	edit := func(at int, b ...byte) []byte {
		return slices.Concat(good[:at], b, good[at+len(b):])
	}
	for name, tx := range map[string][]byte{
		"with witness":          witness.Bytes(),
		"no inputs":             edit(4, 0),
		"two inputs":            edit(4, 2),
		"count not short":       slices.Concat(good[:4], []byte{0xfd, 1, 0}, good[5:]),
		"previous hash":         edit(5+31, 1),
		"previous index":        edit(5+32, 0xfe),
		"script beyond the end": edit(5+36, 0xfc),
		"byte behind":           append(bytes.Clone(good), 0),
		"huge output count":     slices.Concat(good[:5+36+1+3+4], bytes.Repeat([]byte{0xff}, 9), good[5+36+1+3+5:]),
	} {
		if err := checkCoinbaseForm(tx); refusal(err) != CheckCoinbase {
			t.Errorf("%s: %v, want %s", name, err, CheckCoinbase)
		}
	}
	for n := range good {
		if err := checkCoinbaseForm(good[:n]); refusal(err) != CheckCoinbase {
			t.Errorf("cut to %d of %d bytes: %v, want %s", n, len(good), err, CheckCoinbase)
		}
	}
}

func FuzzCoinbaseForm(f *testing.F) {
	f.Add(bareTx(f, madeBlock(1).Transactions[0]))
	genesis, _ := hex.DecodeString("01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff00ffffffff0000000000")
	f.Add(genesis)
	f.Fuzz(func(t *testing.T, b []byte) {
		if checkCoinbaseForm(b) != nil {
			return
		}
		var tx wire.MsgTx // an independent reader must see the same coinbase
		if err := tx.DeserializeNoWitness(bytes.NewReader(b)); err != nil {
			return // beyond limits of btcd, such as script sizes
		}
		in := tx.TxIn[0].PreviousOutPoint
		if len(tx.TxIn) != 1 || in.Hash != (chainhash.Hash{}) || in.Index != wire.MaxPrevOutIndex {
			t.Fatalf("%x: not a coinbase", b)
		}
		if !bytes.Equal(bareTx(t, &tx), b) {
			t.Fatalf("%x: encodes to other bytes", b)
		}
	})
}
