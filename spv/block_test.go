package spv_test

import (
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// framedBlocks reads a file of blocks, each behind four bytes of network magic and its
// length.
func framedBlocks(t testing.TB, file string) [][]byte {
	t.Helper()
	var blocks [][]byte
	for b := testdata.Read(t, file); len(b) > 8; {
		n := int(binary.LittleEndian.Uint32(b[4:]))
		if n > len(b)-8 {
			t.Fatalf("%s: block %d of %d bytes, %d left", file, len(blocks), n, len(b)-8)
		}
		blocks = append(blocks, b[8:8+n])
		b = b[8+n:]
	}
	return blocks
}

// TestBlockFiles judges every block of the block files: headers that form a chain, bodies
// that the headers commit to, transactions that another parser reads alike.
func TestBlockFiles(t *testing.T) {
	for _, v := range []struct {
		file    string
		headers func(testing.TB) []spv.Sealed // the same blocks' headers from another source
		first   int32
		count   int
		txs     int
	}{
		{"blocks/bitcoin-mainnet-blk_0_to_14131.dat.bz2", file("headers/bitcoin-mainnet-0-99999.neutrino.bz2", 10), 0, 14132, 14247},
		{"blocks/bitcoin-mainnet_alt-1-2016.dat.bz2", file("headers/bitcoin-mainnet_alt-1-2016.bin", 0), 0, 2016, 2016},
		{"blocks/litecoin-mainnet-1-256.bz2", file("headers/litecoin-mainnet-1-240.bin", 0), 0, 256, 256},
		{"blocks/dogecoin-testnet-first4000.hexlines.bz2", file("headers/dogecoin-testnet-0-15000.bin", 0), 1, 4000, 4117},
	} {
		t.Run(v.file, func(t *testing.T) {
			t.Parallel()
			blocks, headers := readBlocks(t, v.file), v.headers(t)[v.first:]
			var prev spv.Hash
			txs := 0
			for i, b := range blocks {
				block := checkBlockBytes(t, v.file, b, 0)
				if i > 0 && block.Header.Prev() != prev {
					t.Fatalf("block %d does not build on the one below it", i)
				}
				if i < len(headers) && block.Header != headers[i].Header {
					t.Fatalf("block %d has another header than the header file", i)
				}
				prev = block.Header.ID()
				for j := range block.Txs {
					compareTx(t, block.Header.ID().String(), &block.Txs[j])
				}
				txs += len(block.Txs)
			}
			if len(blocks) != v.count || txs != v.txs {
				t.Errorf("%d blocks with %d transactions, want %d with %d", len(blocks), txs, v.count, v.txs)
			}
		})
	}
}

func readBlocks(t testing.TB, name string) [][]byte {
	t.Helper()
	if strings.Contains(name, "hexlines") {
		return testdata.HexLines(t, name)
	}
	return framedBlocks(t, name)
}

// recentBlocks are single blocks, most with witnesses that their coinbase commits to.
func recentBlocks(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"951658":     recentBlock(t, "blocks/bitcoin_mainnet_951658.json"),
		"830000":     testdata.Read(t, "merkleblock/bitcoin-mainnet-0830000.block.bz2"),
		"13b8a":      testdata.Hex(t, "merkleblock/rust-bitcoin-block_13b8a.hex"),
		"signet":     recentBlock(t, "blocks/bitcoin_signet_31500.json"),
		"ltc 900000": recentBlock(t, "blocks/litecoin_mainnet_900000.json"),
		"ltc 277645": framedBlocks(t, "blocks/litecoin-mainnet-277645.dat.bz2")[0],
	}
}

// TestRecentBlocks judges single blocks, and the same with one thing changed.
func TestRecentBlocks(t *testing.T) {
	for name, b := range recentBlocks(t) {
		block, n, err := spv.ParseBlock(b, false)
		if err != nil || n != len(b) {
			t.Fatalf("%s: %d of %d bytes, %v", name, n, len(b), err)
		}
		var rep spv.Report
		if err := block.CheckBody(&rep); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(block.Txs) < 2 {
			continue
		}
		all := block.Txs
		block.Txs = slices.Concat(all, all[len(all)-1:])
		wantOdd := spv.CheckBlockRoot
		if len(all)%2 == 1 {
			wantOdd = spv.CheckBlockMutated // the duplicate is what the tree repeats anyway
		}
		refutedBy(t, name+" with its last transaction twice", block.CheckBody(nil), wantOdd)
		block.Txs = all[:len(all)-1]
		refutedBy(t, name+" without its last transaction", block.CheckBody(nil), spv.CheckBlockRoot)
		block.Txs = slices.Concat(all[1:2], all[:1], all[2:])
		refutedBy(t, name+" out of order", block.CheckBody(nil), spv.CheckBlockRoot)
		block.Txs = nil
		refutedBy(t, name+" without transactions", block.CheckBody(nil), spv.CheckBlockRoot)
	}
}

// TestWitnessCommitment changes a witness, which leaves all transaction ids as they are.
func TestWitnessCommitment(t *testing.T) {
	b := recentBlock(t, "blocks/bitcoin_mainnet_951658.json")
	block, _, err := spv.ParseBlock(b, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, len(block.Txs) - 1} {
		tx := otherWitness(t, &block.Txs[i])
		if tx.ID() != block.Txs[i].ID() {
			t.Fatalf("transaction %d: id %s, want %s", i, tx.ID(), block.Txs[i].ID())
		}
		was := block.Txs[i]
		block.Txs[i] = tx
		refutedBy(t, "a changed witness", block.CheckBody(nil), spv.CheckBlockWitness)
		block.Txs[i] = was
	}
	if err := block.CheckBody(nil); err != nil {
		t.Error(err)
	}
}

// otherWitness changes the last byte of a transaction's witness that is not a length.
func otherWitness(t testing.TB, tx *spv.Tx) spv.Tx {
	t.Helper()
	for at := len(tx.Bytes()) - 5; at > tx.StrippedSize()-4+2; at-- {
		raw := slices.Clone(tx.Bytes())
		raw[at] ^= 1
		if other, n, err := spv.ParseTx(raw); err == nil && n == len(raw) {
			return other
		}
	}
	t.Fatalf("%s has no witness", tx.ID())
	return spv.Tx{}
}

// bodyOf makes a block whose header commits to the transactions.
func bodyOf(t testing.TB, raws ...[]byte) *spv.FullBlock {
	t.Helper()
	block := &spv.FullBlock{}
	for _, raw := range raws {
		tx, n, err := spv.ParseTx(raw)
		if err != nil || n != len(raw) {
			t.Fatalf("%d of %d bytes, %v", n, len(raw), err)
		}
		block.Txs = append(block.Txs, tx)
	}
	ids := block.TxIDs()
	for len(ids) > 1 { // a power of two in these tests
		var up []spv.Hash
		for i := 0; i < len(ids); i += 2 {
			up = append(up, pow.HashPair(&ids[i], &ids[i+1]))
		}
		ids = up
	}
	copy(block.Header[36:], ids[0][:])
	return block
}

// TestBodyRules breaks what a block that is true to its merkle root can still get wrong.
func TestBodyRules(t *testing.T) {
	coinbase := coinbaseFor(spv.Hash{1})
	spend := slices.Clone(coinbase)
	spend[5] = 1 // an outpoint that exists
	small := slices.Concat([]byte{1, 0, 0, 0, 1, 9}, make([]byte, 35), []byte{0, 0xff, 0xff, 0xff, 0xff, 1}, make([]byte, 8), []byte{4, 0x51, 0x51, 0x51, 0x51}, make([]byte, 4))
	if len(small) != 64 {
		t.Fatalf("%d bytes, want 64", len(small))
	}
	if err := bodyOf(t, coinbase, spend).CheckBody(nil); err != nil {
		t.Errorf("a good body: %v", err)
	}
	refutedBy(t, "two coinbases", bodyOf(t, coinbase, coinbaseFor(spv.Hash{2})).CheckBody(nil), spv.CheckBlockCoinbase)
	refutedBy(t, "no coinbase", bodyOf(t, spend).CheckBody(nil), spv.CheckBlockCoinbase)
	refutedBy(t, "a transaction of 64 bytes", bodyOf(t, coinbase, small).CheckBody(nil), spv.CheckBlockTx64)
	refutedBy(t, "the same transaction twice", bodyOf(t, coinbase, coinbase).CheckBody(nil), spv.CheckBlockMutated)
	marked := slices.Concat(spend[:4], []byte{0, 1}, spend[4:len(spend)-4], reservedWitness(), spend[len(spend)-4:])
	refutedBy(t, "a witness that nothing commits to", bodyOf(t, coinbase, marked).CheckBody(nil), spv.CheckBlockWitness)
}

// TestBlockOfNothing: bytes that only pretend to hold many transactions are refused before room is made for them.
func TestBlockOfNothing(t *testing.T) {
	const n = 50_000
	raw := append(make([]byte, spv.HeaderSize, spv.HeaderSize+3+10*n), 0xfd, n&0xff, n>>8)
	raw = append(raw, make([]byte, 10*n)...) // each ten zeros are a transaction without inputs and outputs
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := spv.ParseBlock(raw, false)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "transaction count: 50000 in 500000 bytes, want at most 8333") {
		t.Errorf("error %v", err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > 1<<20 {
		t.Errorf("%d bytes allocated", made)
	}
}
