package spv_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// signetBlock returns real block 31500 with f applied to its bytes.
func signetBlock(t testing.TB, f func(b []byte)) *spv.FullBlock {
	t.Helper()
	b := recentBlock(t, "blocks/bitcoin_signet_31500.json")
	f(b)
	block, n, err := spv.ParseBlock(b, false)
	if err != nil || n != len(b) {
		t.Fatalf("%d of %d bytes, %v", n, len(b), err)
	}
	return block
}

// TestSignetBlock verifies a real signet block's solution, and refuses it with anything
// changed that the solution signs.
func TestSignetBlock(t *testing.T) {
	rules := rulesFor(t, "bitcoin-signet")
	if len(rules.Challenge) != 71 {
		t.Fatalf("challenge of %d bytes, want 71", len(rules.Challenge))
	}
	valid := signetBlock(t, func([]byte) {})
	var rep spv.Report
	if err := rules.CheckSignetBlock(valid, &rep); err != nil || len(rep.Checks) != 1 || rep.Checks[0].Outcome != spv.Passed {
		t.Fatalf("%v, %+v", err, rep.Checks)
	}
	if err := rules.CheckWork(&valid.Sealed, 31500, nil); err != nil {
		t.Error(err)
	}
	if err := valid.CheckBody(nil); err != nil {
		t.Error(err)
	}
	solution := bytes.Index(recentBlock(t, "blocks/bitcoin_signet_31500.json"), []byte{0xec, 0xc7, 0xda, 0xa2})
	if solution < 0 {
		t.Fatal("no solution in the block")
	}
	for _, v := range []struct {
		name string
		at   int
	}{
		{"solution", solution + 40},
		{"solution's magic", solution},
		{"version", 0},
		{"previous block", 10},
		{"time", 68},
		{"coinbase output", solution - 60},
	} {
		block := signetBlock(t, func(b []byte) { b[v.at] ^= 1 })
		refutedBy(t, v.name, rules.CheckSignetBlock(block, nil), spv.CheckSignet)
	}
	for _, at := range []int{72, 76} { // bits and nonce are not signed: work is done after signing
		if err := rules.CheckSignetBlock(signetBlock(t, func(b []byte) { b[at] ^= 1 }), nil); err != nil {
			t.Errorf("header byte %d changed: %v", at, err)
		}
	}
	less := signetBlock(t, func([]byte) {})
	less.Txs = less.Txs[:2]
	refutedBy(t, "a transaction left out", rules.CheckSignetBlock(less, nil), spv.CheckSignet)
	less.Txs = nil
	refutedBy(t, "no transactions", rules.CheckSignetBlock(less, nil), spv.CheckSignet)
	other := *rules
	other.Challenge = bytes.Clone(rules.Challenge)
	other.Challenge[5] ^= 1
	refutedBy(t, "another challenge", other.CheckSignetBlock(valid, nil), spv.CheckSignet)
	trivial := *rules
	trivial.Challenge = []byte{0x51}
	if err := trivial.CheckSignetBlock(bodyOf(t, coinbaseFor(spv.Hash{})), nil); err == nil {
		t.Error("a block without witness commitment passes")
	}
	if err := rulesFor(t, "bitcoin").CheckSignetBlock(less, nil); err != nil {
		t.Errorf("a chain without challenge: %v", err)
	}
}

// TestSignetSolution reads solutions out of commitments that hold more than a solution, as Bitcoin Core does: it parts
// the script into pushes, encodes each in the shortest way for its length, and leaves out what is cut off at the end.
func TestSignetSolution(t *testing.T) {
	key, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{7}, 32))
	rules := *rulesFor(t, "bitcoin-signet")
	rules.Challenge = append(append([]byte{33}, key.PubKey().SerializeCompressed()...), txscript.OP_CHECKSIG)
	magic := []byte{4, 0xec, 0xc7, 0xda, 0xa2}
	commitment := append([]byte{0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}, make([]byte, 32)...)
	filler := append([]byte{txscript.OP_PUSHDATA2, 0x00, 0x30}, make([]byte, 0x3000)...)
	for _, c := range []struct{ name, before, after, beforeSigned, afterSigned string }{
		{name: "alone"},
		{name: "behind a push", before: "\x02ab", beforeSigned: "\x02ab"},
		{name: "before a small number", after: "\x01\x05", afterSigned: "\x01\x05"},
		{name: "before minus one", after: "\x01\x81", afterSigned: "\x01\x81"},
		{name: "before a zero", after: "\x01\x00", afterSigned: "\x01\x00"},
		{name: "before an opcode", after: "\x51\x00", afterSigned: "\x51\x00"},
		{name: "before a push of nothing", after: "\x4c\x00\x51", afterSigned: "\x4c\x51"},
		{name: "before a long form", after: "\x4c\x03abc", afterSigned: "\x03abc"},
		{name: "before another solution", after: "\x05\xec\xc7\xda\xa2x", afterSigned: "\x05\xec\xc7\xda\xa2x"},
		{name: "before a push that is cut off", after: "\x51\x05abc", afterSigned: "\x51"},
		{name: "before 12,288 bytes", after: string(filler), afterSigned: string(filler)},
	} {
		signed := slices.Concat(commitment, []byte(c.beforeSigned), magic, []byte(c.afterSigned))
		sig := signetSignature(t, key, rules.Challenge, signed)
		solution := append(append([]byte{byte(len(sig) + 1), byte(len(sig))}, sig...), 0) // script, and no witness
		push := append(append([]byte{txscript.OP_PUSHDATA1, byte(4 + len(solution))}, magic[1:]...), solution...)
		block := bodyOf(t, signetCoinbase(slices.Concat(commitment, []byte(c.before), push, []byte(c.after))))
		block.Header = signetHeader
		if err := rules.CheckSignetBlock(block, nil); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		block.Header[70] ^= 1
		refutedBy(t, c.name+", another time", rules.CheckSignetBlock(block, nil), spv.CheckSignet)
	}
	rules.Challenge = []byte{txscript.OP_TRUE} // needs no solution
	if err := rules.CheckSignetBlock(bodyOf(t, signetCoinbase(append(commitment, 5, 'a'))), nil); err != nil {
		t.Errorf("no solution, and a push that is cut off: %v", err)
	}
}

var signetHeader = spv.Header{1, 4: 2, 68: 3}

// signetCoinbase is a coinbase with one output.
func signetCoinbase(script []byte) []byte {
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex), []byte{2, 1, 1}, nil))
	tx.AddTxOut(wire.NewTxOut(0, script))
	var b bytes.Buffer
	_ = tx.Serialize(&b) // a buffer takes everything
	return b.Bytes()
}

// signetSignature signs a block that is nothing but such a coinbase (BIP325).
func signetSignature(t *testing.T, key *btcec.PrivateKey, challenge, commitment []byte) []byte {
	t.Helper()
	root := chainhash.DoubleHashH(signetCoinbase(commitment))
	data := slices.Concat(signetHeader[:36], root[:], signetHeader[68:72])
	spend := wire.NewMsgTx(0)
	spend.AddTxIn(&wire.TxIn{PreviousOutPoint: *wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex),
		SignatureScript: append([]byte{txscript.OP_0, byte(len(data))}, data...)})
	spend.AddTxOut(wire.NewTxOut(0, challenge))
	sign := wire.NewMsgTx(0)
	id := spend.TxHash()
	sign.AddTxIn(&wire.TxIn{PreviousOutPoint: *wire.NewOutPoint(&id, 0)})
	sign.AddTxOut(wire.NewTxOut(0, []byte{txscript.OP_RETURN}))
	sig, err := txscript.RawTxInSignature(sign, 0, challenge, txscript.SigHashAll, key)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}
