package filter

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
)

// vector is one row of BIP158's testnet-19.json.
type vector struct {
	note       string
	height     int
	id         chainhash.Hash
	block      *wire.MsgBlock
	prev       [][]byte
	prevHeader chainhash.Hash
	filter     []byte
	header     chainhash.Hash
}

func vectors(t testing.TB) []vector {
	t.Helper()
	var rows [][]any
	if err := json.Unmarshal(testdata.Read(t, "filters/bip158-testnet-19.json"), &rows); err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, row := range rows[1:] {
		text := func(i int) string { return row[i].(string) }
		v := vector{note: text(7), height: int(row[0].(float64)), filter: unhex(t, text(5))}
		v.id, v.prevHeader, v.header = hash(t, text(1)), hash(t, text(4)), hash(t, text(6))
		v.block = parseBlock(t, unhex(t, text(2)))
		for _, script := range row[3].([]any) {
			v.prev = append(v.prev, unhex(t, script.(string)))
		}
		all = append(all, v)
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hash(t testing.TB, s string) chainhash.Hash {
	t.Helper()
	h, err := chainhash.NewHashFromStr(s)
	if err != nil {
		t.Fatal(err)
	}
	return *h
}

func parseBlock(t testing.TB, raw []byte) *wire.MsgBlock {
	t.Helper()
	block := new(wire.MsgBlock)
	if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	return block
}

// scriptsOf returns the scripts that BIP158 puts into a block's filter, and those of its
// outputs that it leaves out.
func scriptsOf(block *wire.MsgBlock, prev [][]byte) (in, out [][]byte) {
	for _, tx := range block.Transactions {
		for _, o := range tx.TxOut {
			if len(o.PkScript) == 0 || o.PkScript[0] == txscript.OP_RETURN {
				out = append(out, o.PkScript)
			} else {
				in = append(in, o.PkScript)
			}
		}
	}
	for _, script := range prev {
		if len(script) > 0 {
			in = append(in, script)
		}
	}
	return in, out
}

func TestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) != 10 {
		t.Fatalf("%d vectors, want 10", len(all))
	}
	for _, v := range all {
		if id := v.block.BlockHash(); id != v.id {
			t.Fatalf("block %d: id %s, want %s", v.height, id, v.id)
		}
		got, err := Build(v.block, v.prev)
		if err != nil || !bytes.Equal(got, v.filter) {
			t.Errorf("block %d (%s): filter %x, %v, want %x", v.height, v.note, got, err, v.filter)
		}
		if got := HeaderOf(v.filter, v.prevHeader); got != v.header {
			t.Errorf("block %d (%s): filter header %s, want %s", v.height, v.note, got, v.header)
		}
		checkVectorMatches(t, v)
	}
}

func checkVectorMatches(t *testing.T, v vector) {
	t.Helper()
	in, out := scriptsOf(v.block, v.prev)
	for _, script := range in {
		if found, err := NewMatcher([][]byte{script}).MatchAny(v.filter, &v.id); err != nil || !found {
			t.Errorf("block %d: script %x: found %t, %v", v.height, script, found, err)
		}
	}
	absent := NewMatcher(append(out, strangers(50)...))
	if found, err := absent.MatchAny(v.filter, &v.id); err != nil || found {
		t.Errorf("block %d: scripts that are not in it: found %t, %v", v.height, found, err)
	}
	if len(in) > 0 {
		absent.Add(in[len(in)-1])
		if found, err := absent.MatchAny(v.filter, &v.id); err != nil || !found {
			t.Errorf("block %d: one script among strangers: found %t, %v", v.height, found, err)
		}
		wrongKey := v.id
		wrongKey[0] ^= 1
		if found, err := absent.MatchAny(v.filter, &wrongKey); err != nil || found {
			t.Errorf("block %d: under another block's key: found %t, %v", v.height, found, err)
		}
	}
}

// TestMainnetFilterHeaders rebuilds the filters and the header chain of the first 14,132
// blocks of Bitcoin and compares them with another implementation's file; every filter
// must match its own scripts.
func TestMainnetFilterHeaders(t *testing.T) {
	const prefix, count = 10, 14132 // the file begins with magic, version, type and height
	headers := testdata.Read(t, "filters/bitcoin-mainnet-filter-headers-0-99999.neutrino.bz2")[prefix:]
	unspent := make(map[wire.OutPoint][]byte)
	var prev chainhash.Hash
	height := 0
	for b := testdata.Read(t, "blocks/bitcoin-mainnet-blk_0_to_14131.dat.bz2"); len(b) > 0; height++ {
		n := binary.LittleEndian.Uint32(b[4:])
		block := parseBlock(t, b[8:8+n])
		b = b[8+n:]
		spent := spend(t, unspent, block)
		filter, err := Build(block, spent)
		if err != nil {
			t.Fatal(err)
		}
		prev = HeaderOf(filter, prev)
		if want := chainhash.Hash(headers[32*height : 32*height+32]); prev != want {
			t.Fatalf("block %d: filter header %s, want %s", height, prev, want)
		}
		id := block.BlockHash()
		in, _ := scriptsOf(block, spent)
		if found, err := NewMatcher(in[len(in)-1:]).MatchAny(filter, &id); err != nil || !found {
			t.Fatalf("block %d: its last script: found %t, %v", height, found, err)
		}
	}
	if height != count {
		t.Errorf("%d blocks, want %d", height, count)
	}
}

// spend applies a block to the unspent outputs and returns the scripts it spends.
func spend(t *testing.T, unspent map[wire.OutPoint][]byte, block *wire.MsgBlock) [][]byte {
	t.Helper()
	var spent [][]byte
	for i, tx := range block.Transactions {
		for _, in := range tx.TxIn {
			if i == 0 {
				continue
			}
			script, ok := unspent[in.PreviousOutPoint]
			if !ok {
				t.Fatalf("block %s: %v is not there to spend", block.BlockHash(), in.PreviousOutPoint)
			}
			delete(unspent, in.PreviousOutPoint)
			spent = append(spent, script)
		}
		id := tx.TxHash()
		for at, out := range tx.TxOut {
			unspent[wire.OutPoint{Hash: id, Index: uint32(at)}] = slices.Clone(out.PkScript)
		}
	}
	return spent
}
