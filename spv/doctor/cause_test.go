package doctor_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

func flip32(h *spv.Header, at int) {
	binary.BigEndian.PutUint32(h[at:], binary.LittleEndian.Uint32(h[at:]))
}

func words(b []byte) []byte {
	out := slices.Clone(b)
	for i := 0; i+4 <= len(out); i += 4 {
		slices.Reverse(out[i : i+4])
	}
	return out
}

// mistakes are the mistakes of a merged-mining integration, one at a time.
var mistakes = []struct {
	name  string // what is done wrong
	layer bool
	spoil func(p *plan)
	check string // the check that refutes it
	cause string // the cause that is to be named
}{
	{"bits reversed", false, func(p *plan) { flip32(&p.child, 72) }, spv.CheckTarget, "bits-byte-order"},
	{"another chain's version", false, func(p *plan) { p.child[2] = 1 }, spv.CheckChainID, "version-of-other-chain"},
	{"version big-endian", true, func(p *plan) { flip32(&p.child, 0) }, spv.CheckChainID, "version-byte-order"},
	{"flag clear", false, func(p *plan) { p.child[1] = 0 }, spv.CheckAuxPoWFlag, "flag-clear"},
	{"proof left out", false, func(p *plan) { p.after = func(s *spv.Sealed) { s.Aux = nil } }, spv.CheckAuxPoWPresent, "proof-missing"},
	{"mined by scrypt", false, func(p *plan) {
		p.mineWork, p.mineBits, p.child[75] = pow.Scrypt, 0x1f7fffff, 0x1f
		p.child[74], p.child[73] = 0x7f, 0xff
	}, spv.CheckParentWork, "wrong-work-hash"},
	{"parent's bits used", false, func(p *plan) {
		p.parent = func(h spv.Header) spv.Header { binary.LittleEndian.PutUint32(h[72:], 0x1f7fffff); return h }
		p.mineBits = 0x1f7fffff
		binary.LittleEndian.PutUint32(p.child[72:], 0x1e00ffff)
	}, spv.CheckParentWork, "parent-bits-used"},
	{"a share only", false, func(p *plan) { p.mineBits = 0x1f7fffff; binary.LittleEndian.PutUint32(p.child[72:], 0x1e00ffff) }, spv.CheckParentWork, "too-little-work"},
	{"parent as getwork words", false, func(p *plan) {
		p.sent = func(h spv.Header) spv.Header { return spv.Header(words(h[:])) }
	}, spv.CheckParentWork, "parent-byte-order"},
	{"parent's nonce big-endian", false, func(p *plan) { p.sent = func(h spv.Header) spv.Header { flip32(&h, 76); return h } }, spv.CheckParentWork, "parent-byte-order"},
	{"parent's root displayed", false, func(p *plan) {
		p.sent = func(h spv.Header) spv.Header { slices.Reverse(h[36:68]); return h }
	}, spv.CheckParentWork, "parent-byte-order"},
	{"parent with flag", false, func(p *plan) { p.parent = func(h spv.Header) spv.Header { h[1] |= 1; return h } }, spv.CheckParentPlain, "parent-flagged"},
	{"parent of our own chain", false, func(p *plan) {
		p.parent = func(h spv.Header) spv.Header { binary.LittleEndian.PutUint32(h[0:], 98<<16|4); return h }
	}, spv.CheckParentChainID, "parent-is-this-chain"},
	{"witness kept", true, func(p *plan) { p.coinbase = func(s []byte) []byte { return withWitness(coinbase(s)) } }, spv.CheckCoinbasePlain, "witness-kept"},
	{"witness hashed", false, func(p *plan) {
		p.coinbase = func(s []byte) []byte { return withWitness(coinbase(s)) }
		p.txid = func(t *spv.Tx) spv.Hash { return t.WitnessID() }
	}, spv.CheckCoinbaseRoot, "witness-hashed"},
	{"script too long", true, func(p *plan) { appendScript(p, make([]byte, 60)) }, spv.CheckCoinbaseScript, "script-length"},
	{"coinbase index", false, func(p *plan) { p.after = func(s *spv.Sealed) { s.Aux.CoinbaseIndex = 5 } }, spv.CheckCoinbaseIndex, "coinbase-index"},
	{"coinbase branch upside down", false, func(p *plan) { p.after = func(s *spv.Sealed) { slices.Reverse(s.Aux.CoinbaseBranch) } }, spv.CheckCoinbaseRoot, "coinbase-branch-order"},
	{"coinbase branch displayed", false, func(p *plan) { p.after = func(s *spv.Sealed) { display(s.Aux.CoinbaseBranch) } }, spv.CheckCoinbaseRoot, "coinbase-branch-bytes"},
	{"coinbase branch with index bits", false, func(p *plan) {
		p.position = 5
	}, spv.CheckCoinbaseRoot, "coinbase-branch-index"},
	{"coinbase in its own branch", false, func(p *plan) {
		p.after = func(s *spv.Sealed) {
			s.Aux.CoinbaseBranch = append(merkle.Branch{s.Aux.Coinbase.ID()}, s.Aux.CoinbaseBranch...)
		}
	}, spv.CheckCoinbaseRoot, "coinbase-branch-includes-coinbase"},
	{"coinbase of another job", false, func(p *plan) { p.after = func(s *spv.Sealed) { s.Aux.Coinbase.Bytes()[0] = 2 } }, spv.CheckCoinbaseRoot, "other-coinbase"},
	{"root not reversed", false, func(p *plan) { rootAs(p, func(r spv.Hash) []byte { return r[:] }) }, spv.CheckRootPresent, "root-not-reversed"},
	{"root as words", true, func(p *plan) { rootAs(p, func(r spv.Hash) []byte { return words(r[:]) }) }, spv.CheckRootPresent, "root-word-order"},
	{"root as text", false, func(p *plan) { rootAs(p, func(r spv.Hash) []byte { return []byte(r.String()) }) }, spv.CheckRootPresent, "root-as-text"},
	{"root in an output", false, func(p *plan) {
		var root spv.Hash
		p.script = func(r spv.Hash) []byte { root = r; return []byte{1, 2, 3} }
		p.coinbase = func(s []byte) []byte {
			raw := coinbase(s)
			out := append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 34, 0x6a, 32}, backwards(root)...)
			raw[len(raw)-15] = 2 // outputs
			return append(append(raw[:len(raw)-4:len(raw)-4], out...), 0, 0, 0, 0)
		}
	}, spv.CheckRootPresent, "root-outside-script"},
	{"child id displayed in the tree", false, func(p *plan) { p.leaf = func(id spv.Hash) spv.Hash { return spv.Hash(backwards(id)) } }, spv.CheckRootPresent, "child-hash-reversed"},
	{"chain branch upside down", false, func(p *plan) { p.after = func(s *spv.Sealed) { slices.Reverse(s.Aux.ChainBranch) } }, spv.CheckRootPresent, "chain-branch-order"},
	{"chain branch displayed", true, func(p *plan) { p.after = func(s *spv.Sealed) { display(s.Aux.ChainBranch) } }, spv.CheckRootPresent, "chain-branch-bytes"},
	{"chain index big-endian", false, func(p *plan) {
		p.after = func(s *spv.Sealed) {
			s.Aux.Slot = int32(binary.BigEndian.Uint32(binary.LittleEndian.AppendUint32(nil, uint32(s.Aux.Slot))))
		}
	}, spv.CheckRootPresent, "chain-index-byte-order"},
	{"chain index off by one", false, func(p *plan) { p.after = func(s *spv.Sealed) { s.Aux.Slot ^= 1 } }, spv.CheckRootPresent, "chain-index"},
	{"no commitment", false, func(p *plan) { p.script = func(spv.Hash) []byte { return []byte("/pool/") } }, spv.CheckRootPresent, "commitment-missing"},
	{"stale child", false, func(p *plan) { p.leaf = func(id spv.Hash) spv.Hash { return spv.Hash{9, 9, 9} } }, spv.CheckRootPresent, "other-child"},
	{"magic reversed", true, func(p *plan) { magicAs(p, []byte{0x6d, 0x6d, 0xbe, 0xfa}) }, spv.CheckRootMagic, "magic-byte-order"},
	{"magic reversed, late", false, func(p *plan) { magicAs(p, append(make([]byte, 30), 0x6d, 0x6d, 0xbe, 0xfa)) }, spv.CheckRootEarly, "magic-byte-order"},
	{"magic twice", false, func(p *plan) { appendScript(p, magic) }, spv.CheckRootMagic, "magic-twice"},
	{"push between magic and root", false, func(p *plan) { magicAs(p, append(slices.Clone(magic), 32)) }, spv.CheckRootMagic, "magic-not-adjacent"},
	{"magic behind the root", true, func(p *plan) {
		p.script = func(r spv.Hash) []byte { return append(tail(backwards(r), 1<<p.height, p.nonce), magic...) }
	}, spv.CheckRootMagic, "magic-not-adjacent"},
	{"no magic on a layer", true, func(p *plan) { magicAs(p, nil) }, spv.CheckRootMagic, "magic-missing"},
	{"no magic, root late", false, func(p *plan) { magicAs(p, make([]byte, 21)) }, spv.CheckRootEarly, "magic-missing"},
	{"no size and nonce", false, func(p *plan) {
		p.script = func(r spv.Hash) []byte { return append(slices.Clone(magic), backwards(r)...) }
	}, spv.CheckRootTail, "tail-missing"},
	{"size big-endian", false, func(p *plan) { sizeAs(p, 16<<24) }, spv.CheckTreeSize, "tree-size-byte-order"},
	{"height for size", false, func(p *plan) { sizeAs(p, 4) }, spv.CheckTreeSize, "tree-size-height"},
	{"number of chains for size", true, func(p *plan) { sizeAs(p, 11) }, spv.CheckTreeSize, "tree-size-count"},
	{"branch cut short", false, func(p *plan) { sizeAs(p, 64) }, spv.CheckTreeSize, "tree-size-branch"},
	{"nonce big-endian", false, func(p *plan) {
		p.height, p.script = 8, func(r spv.Hash) []byte { return tail(append(slices.Clone(magic), backwards(r)...), 256, 7<<24) }
	}, spv.CheckSlot, "nonce-byte-order"},
	{"nonce not used", false, func(p *plan) {
		p.height, p.nonce = 8, 0
		p.script = func(r spv.Hash) []byte { return tail(append(slices.Clone(magic), backwards(r)...), 256, 0x01020304) }
	}, spv.CheckSlot, "nonce-not-used"},
	{"another chain's slot", false, func(p *plan) { p.slotID = 1 }, spv.CheckSlot, "slot-of-other-chain"},
	{"nobody's slot", false, func(p *plan) { p.slotID, p.height = 12321, 10 }, spv.CheckSlot, "slot-arbitrary"},
}

func display(b merkle.Branch) {
	for i := range b {
		slices.Reverse(b[i][:])
	}
}

func appendScript(p *plan, extra []byte) {
	script := p.script
	p.script = func(r spv.Hash) []byte { return append(script(r), extra...) }
}

func rootAs(p *plan, form func(spv.Hash) []byte) {
	p.script = func(r spv.Hash) []byte {
		return tail(append(slices.Clone(magic), form(r)...), 1<<p.height, p.nonce)
	}
}

func magicAs(p *plan, tag []byte) {
	p.script = func(r spv.Hash) []byte {
		return tail(append(slices.Clone(tag), backwards(r)...), 1<<p.height, p.nonce)
	}
}

func sizeAs(p *plan, size uint32) {
	p.script = func(r spv.Hash) []byte { return tail(append(slices.Clone(magic), backwards(r)...), size, p.nonce) }
}

func TestCauses(t *testing.T) {
	named := map[string]bool{}
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			r := foreignRules()
			if m.layer {
				r = layerRules()
			}
			p := newPlan(r)
			m.spoil(p)
			s := p.seal(t)
			raw := s.Append(nil)
			rep, err := doctor.AuxPoW(doctor.Options{Rules: r, Height: 100, Known: map[int32]string{1: "other"}}, raw)
			if err != nil {
				t.Fatal(err)
			}
			fail, failed := rep.Failure()
			if !failed || fail.Name != m.check || rep.Verdict != doctor.Refuted {
				t.Fatalf("refuted by %q, want %q:\n%+v", fail.Name, m.check, rep.Checks)
			}
			if rep.Cause == nil || rep.Cause.Name != m.cause {
				t.Fatalf("cause %+v, want %s", rep.Cause, m.cause)
			}
			wantSaid(t, rep)
			if rep.Cause.Mend == "" || !slices.Contains(doctor.Causes(), m.cause) {
				t.Fatalf("cause %q has no mend or is not listed", m.cause)
			}
			named[m.cause] = true
		})
	}
	// The others have tests of their own.
	for _, name := range []string{"before-start", "version-without-chain-id", "header-byte-order", "child-work-hash", "merkle-root-reversed", "merkle-root-of-wtxids"} {
		named[name] = true
	}
	for _, name := range doctor.Causes() {
		if !named[name] {
			t.Errorf("no test makes the mistake behind %s", name)
		}
	}
}
