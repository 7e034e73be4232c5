package spv_test

import (
	"bytes"
	"testing"

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
