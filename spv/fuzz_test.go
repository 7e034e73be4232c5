package spv_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// FuzzTx: what parses is kept byte for byte, and where another implementation reads the
// same bytes, both find the same ids.
func FuzzTx(f *testing.F) {
	f.Add(coinbaseFor(spv.Hash{1}))
	for _, b := range recentBlocks(f) {
		block, _, err := spv.ParseBlock(b, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(block.Txs[len(block.Txs)-1].Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tx, n, err := spv.ParseTx(b)
		if err != nil {
			return
		}
		if !bytes.Equal(tx.Bytes(), b[:n]) || tx.StrippedSize() > n {
			t.Fatalf("%d of %d bytes, %d stripped", n, len(b), tx.StrippedSize())
		}
		outputs := uint64(0)
		tx.EachOutput(func(int64, []byte) bool { outputs++; return true })
		if outputs != tx.Outputs() || tx.Outputs() > uint64(len(b))/9 || tx.Inputs() > uint64(len(b))/41 {
			t.Fatalf("%d outputs walked, %d outputs and %d inputs in %d bytes", outputs, tx.Outputs(), tx.Inputs(), len(b))
		}
		var m wire.MsgTx
		if r := bytes.NewReader(b[:n]); m.Deserialize(r) == nil && r.Len() == 0 {
			if m.TxHash() != tx.ID() || m.WitnessHash() != tx.WitnessID() {
				t.Fatalf("ids %s and %s, want %s and %s", tx.ID(), tx.WitnessID(), m.TxHash(), m.WitnessHash())
			}
		}
	})
}

// FuzzAuxPoW: what parses encodes back to the same bytes.
func FuzzAuxPoW(f *testing.F) {
	for _, p := range flippables(f) {
		f.Add(p.raw[p.at:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, n, err := spv.ParseAuxPoW(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Append(nil), b[:n]) {
			t.Fatalf("%x encodes back to %x", b[:n], p.Append(nil))
		}
		if n > spv.MaxAuxPoW || 32*(len(p.CoinbaseBranch)+len(p.ChainBranch)) > n {
			t.Fatalf("%d bytes with branches of %d and %d", n, len(p.CoinbaseBranch), len(p.ChainBranch))
		}
	})
}

// FuzzSealed: what parses encodes back to the same bytes, and a verdict is the same with
// and without a report.
func FuzzSealed(f *testing.F) {
	family, layer := familyRules(), layerRules()
	for _, p := range flippables(f) {
		f.Add(p.raw, p.at == 80)
	}
	for _, rules := range []*spv.Rules{family, layer} {
		s := forged(rules, 100).seal(f)
		f.Add(s.Append(nil), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, aux bool) {
		s, n, err := spv.ParseSealed(b, aux)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Append(nil), b[:n]) || (s.Aux != nil) != (aux && s.Header.HasAuxPoW()) {
			t.Fatalf("%x encodes back to %x", b[:n], s.Append(nil))
		}
		for _, rules := range []*spv.Rules{family, layer} {
			var rep spv.Report
			if err := rules.CheckWork(&s, 100, &rep); err != nil {
				t.Fatal(err)
			}
			sameVerdict(t, rules.CheckWork(&s, 100, nil), &rep)
		}
	})
}

// sameVerdict compares what stopped a check with the first failure of a whole report.
func sameVerdict(t *testing.T, err error, rep *spv.Report) {
	t.Helper()
	var stopped *spv.CheckError
	first, failed := rep.Failure()
	if errors.As(err, &stopped) != failed || (failed && stopped.Name != first.Name) {
		t.Fatalf("stopped by %v, the report's first failure is %+v", err, first)
	}
}

// FuzzBlock: what parses encodes back to the same bytes; judging it never panics.
func FuzzBlock(f *testing.F) {
	signet, extended := rulesFor(f, "bitcoin-signet"), rulesFor(f, "litecoin")
	for _, name := range []string{"namecoin-mainnet/19200", "namecoin-mainnet/19204", "syscoin-mainnet/1973", "dogecoin-mainnet/372992"} {
		f.Add(testdata.Hex(f, "auxpow/"+name+".hex"), true)
	}
	f.Add(recentBlock(f, "blocks/bitcoin_signet_31500.json"), false)
	f.Add(withExtension(recentBlock(f, "blocks/bitcoin_signet_31500.json")), false)
	f.Fuzz(func(t *testing.T, b []byte, aux bool) {
		block, n, err := spv.ParseBlock(b, aux)
		if err != nil && !aux {
			block, n, err = extended.ParseBlock(b)
		}
		if err != nil {
			return
		}
		again := block.Sealed.Append(nil)
		again = appendCount(again, len(block.Txs))
		for i := range block.Txs {
			again = append(again, block.Txs[i].Bytes()...)
		}
		if !bytes.Equal(again, b[:n]) {
			t.Fatalf("%x encodes back to %x", b[:n], again)
		}
		var rep spv.Report
		sameVerdict(t, block.CheckBody(nil), reported(&rep, block))
		_ = signet.CheckSignetBlock(block, nil)
	})
}

// withExtension appends a transaction of the form that ties an extension block to a block
// (one input, one output, flag 8) and the first byte of that block.
func withExtension(block []byte) []byte {
	b := bytes.Clone(block)
	b[80]++ // fewer than 252 transactions
	tx := append([]byte{2, 0, 0, 0, 0, 8, 1}, make([]byte, 36)...)
	tx = append(tx, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x51, 0, 0, 0, 0, 0)
	return append(append(b, tx...), 1)
}

func reported(rep *spv.Report, block *spv.FullBlock) *spv.Report {
	_ = block.CheckBody(rep)
	return rep
}

// appendCount appends n as a CompactSize.
func appendCount(b []byte, n int) []byte {
	switch {
	case n < 0xfd:
		return append(b, byte(n))
	case n <= 0xffff:
		return binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	default:
		return binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n))
	}
}

// FuzzCommitment: a layer commitment has one form only.
func FuzzCommitment(f *testing.F) {
	c := spv.Commitment{Anchor: spv.Block{Height: 900_000, Hash: spv.Hash{1}}, FeeVote: 12, FilterHeader: spv.Hash{2}, MMRRoot: spv.Hash{3}}
	f.Add(c.Script())
	c.Parent = &spv.Block{Height: 5, Hash: spv.Hash{4}}
	f.Add(c.Script())
	f.Add([]byte{0x6a, 0x4c, 107, 'L', 'P', 'O', 'W', 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		c, err := spv.ParseCommitment(script)
		if err == nil && !bytes.Equal(c.Script(), script) {
			t.Fatalf("%x encodes back to %x", script, c.Script())
		}
	})
}

// TestParsersBounded feeds every parser counts that promise more than there is: it may
// allocate no more than a small multiple of what it was given.
func TestParsersBounded(t *testing.T) {
	huge := [][]byte{{0xfd, 0xff, 0xff}, {0xfe, 0xff, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}}
	proof := forged(layerRules(), 1).seal(t)
	raw := proof.Append(nil)
	tx := len(proof.Aux.Coinbase.Bytes())
	marked := slices.Concat(proof.Aux.Coinbase.Bytes()[:4], []byte{0, 1}, proof.Aux.Coinbase.Bytes()[4:tx-4])
	filler := make([]byte, 1<<16)
	const allowed = 32 * (1 << 17)
	for _, count := range huge {
		for _, v := range []struct {
			name  string
			head  []byte
			parse func(b []byte) error
		}{
			{"inputs", raw[80:84], parseTx},
			{"first script", raw[80 : 80+4+1+36], parseTx},
			{"outputs", raw[80 : 80+tx-4-11], parseTx},
			{"witness items", marked, parseTx},
			{"coinbase branch", raw[80 : 80+tx+32], parseAuxPoW},
			{"chain branch", raw[80 : 80+tx+32+1+32*3+4], parseAuxPoW},
			{"transactions", raw, parseBlock},
		} {
			b := slices.Concat(v.head, count, filler)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := v.parse(b)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Errorf("%s: a count of %x parses in %d bytes", v.name, count, len(b))
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > allowed {
				t.Errorf("%s: %d bytes allocated for %d, want at most %d", v.name, got, len(b), allowed)
			}
		}
	}
}

func parseTx(b []byte) error {
	_, _, err := spv.ParseTx(b)
	return err
}

func parseAuxPoW(b []byte) error {
	_, _, err := spv.ParseAuxPoW(b)
	return err
}

func parseBlock(b []byte) error {
	_, _, err := spv.ParseBlock(b, true)
	return err
}

// TestExtensionForm: the last transaction of a block may tie an extension block to it on
// chains that have them, nowhere else; its id leaves out the mark.
func TestExtensionForm(t *testing.T) {
	raw := withExtension(recentBlock(t, "blocks/bitcoin_signet_31500.json"))
	if _, _, err := spv.ParseBlock(raw, false); err == nil {
		t.Error("taken on a chain without extension blocks")
	}
	block, n, err := rulesFor(t, "litecoin").ParseBlock(raw)
	if err != nil || n != len(raw)-1 || !block.HasExtension() {
		t.Fatalf("%d of %d bytes, %v", n, len(raw), err)
	}
	last := &block.Txs[len(block.Txs)-1]
	plain := last.AppendStripped(nil)
	if tx, size, err := spv.ParseTx(plain); err != nil || size != len(plain) || tx.ID() != last.ID() || last.WitnessID() != last.ID() {
		t.Errorf("ids %s and %s, %v", last.ID(), last.WitnessID(), err)
	}
	raw[len(raw)-6] = 1 // data of its own inside a block
	if _, _, err := rulesFor(t, "litecoin").ParseBlock(raw); err == nil {
		t.Error("extension data inside a transaction was taken")
	}
}
