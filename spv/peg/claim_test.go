package peg_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

func TestClaim(t *testing.T) {
	for _, name := range []string{"layer-regtest", "dev-native", "dev-fractional"} {
		t.Run(name, func(t *testing.T) {
			p, _ := load(t, name)
			w := newClaimWorld(t, p)
			if err := w.check(nil); err != nil {
				t.Fatal(err)
			}
			rep := &spv.Report{}
			if err := w.check(rep); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range rep.Checks {
				if c.Outcome != spv.Passed {
					t.Errorf("%s: %v", c.Name, c.Outcome)
				}
				names = append(names, c.Name)
			}
			if len(names) != 9 {
				t.Errorf("checks %v, want 9", names)
			}
			c, err := peg.Parse(w.claim)
			if err != nil {
				t.Fatal(err)
			}
			u := p.UnitsPerSat()
			if got, want := c.Amounts(p), (peg.Amounts{Deposit: depositSat, Minted: depositSat * u, Fee: 4000}); got != want {
				t.Errorf("amounts %+v, want %+v", got, want)
			}
			if want := (wire.OutPoint{Hash: w.deposit.TxHash(), Index: 1}); c.Outpoint() != want {
				t.Errorf("outpoint %v, want %v", c.Outpoint(), want)
			}
			if !peg.IsClaim(w.claim) || peg.IsClaim(w.deposit) || peg.IsClaim(coinbase(1)) {
				t.Error("IsClaim does not tell claims from others")
			}
			built, err := peg.Build(p, w.terms, c.Evidence, 4000)
			if err != nil {
				t.Fatal(err)
			}
			if got := built.Tx(); got.WitnessHash() != w.claim.WitnessHash() {
				t.Errorf("Build gives another transaction: %s, want %s", got.WitnessHash(), w.claim.WitnessHash())
			}
		})
	}
}

// pending marks cases that no check refutes.
const pending = "pending"

// redo writes the claim anew after its parts were changed.
func (w *claimWorld) redo(t testing.TB) {
	w.l1.best = w.l1.best[:20]
	w.seal(t)
	for range 30 {
		w.l1.extend(spv.Hash{})
	}
	w.anchor = w.l1.at(40)
	w.forge(t)
}

var spoiledClaims = []struct {
	name  string
	want  string
	spoil func(t testing.TB, w *claimWorld)
}{
	{"version", peg.CheckClaimVersion, func(_ testing.TB, w *claimWorld) { w.claim.Version = 1 }},
	{"locktime", peg.CheckClaimLockTime, func(_ testing.TB, w *claimWorld) { w.claim.LockTime = 1 }},
	{"two inputs", peg.CheckClaimInputs, func(_ testing.TB, w *claimWorld) {
		w.claim.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 1}})
	}},
	{"the same input twice", peg.CheckClaimInputs, func(_ testing.TB, w *claimWorld) { w.claim.AddTxIn(w.claim.TxIn[0]) }},
	{"no input", peg.CheckClaimInputs, func(_ testing.TB, w *claimWorld) { w.claim.TxIn = nil }},
	{"two outputs", peg.CheckClaimOutputs, func(_ testing.TB, w *claimWorld) { w.claim.AddTxOut(wire.NewTxOut(0, nil)) }},
	{"no output", peg.CheckClaimOutputs, func(_ testing.TB, w *claimWorld) { w.claim.TxOut = nil }},
	{"plain prevout", peg.CheckClaimPrevout, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].PreviousOutPoint.Index = 1 }},
	{"coinbase prevout", peg.CheckClaimPrevout, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].PreviousOutPoint.Index = math.MaxUint32 }},
	{"prevout with the top bit", peg.CheckClaimPrevout, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].PreviousOutPoint.Index |= 1 << 31 }},
	{"script", peg.CheckClaimScriptSig, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].SignatureScript = []byte{0} }},
	{"sequence", peg.CheckClaimSequence, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].Sequence-- }},
	{"extra item", peg.CheckClaimWitness, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].Witness = append(w.witness, nil) }},
	{"annex", peg.CheckClaimWitness, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].Witness = append(w.witness, []byte{0x50}) }},
	{"item missing", peg.CheckClaimWitness, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].Witness = w.witness[:5] }},
	{"no witness", peg.CheckClaimWitness, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].Witness = nil }},

	{"terms version", peg.CheckClaimTerms, func(_ testing.TB, w *claimWorld) { w.witness[0][0] = 2 }},
	{"terms without script", peg.CheckClaimTerms, func(_ testing.TB, w *claimWorld) { w.witness[0] = w.witness[0][:11] }},
	{"terms too long", peg.CheckClaimTerms, func(_ testing.TB, w *claimWorld) {
		w.witness[0] = append(w.witness[0], make([]byte, peg.MaxScript)...)
	}},
	{"other fee limit", peg.CheckClaimVault, func(_ testing.TB, w *claimWorld) { w.witness[0][3]++ }},
	{"another's script", peg.CheckClaimPays, func(_ testing.TB, w *claimWorld) { w.claim.TxOut[0].PkScript = payTo(8) }},
	{"another's script in both", peg.CheckClaimVault, func(_ testing.TB, w *claimWorld) {
		copy(w.witness[0][11:], payTo(8))
		w.claim.TxOut[0].PkScript = payTo(8)
	}},
	{"unknown set", peg.CheckClaimSet, func(_ testing.TB, w *claimWorld) { w.witness[0][1] = 9 }},
	{"another set", peg.CheckClaimVault, func(_ testing.TB, w *claimWorld) {
		w.p.Settlers = append(w.p.Settlers[:1:1], chains.Settlers{To: 1 << 30, K: 1, KR: 1, Keys: settlerKeys(2)})
		w.witness[0][1] = 1
	}},

	{"deposit with trailing byte", peg.CheckClaimDeposit, func(_ testing.TB, w *claimWorld) { w.witness[1] = append(bytes.Clone(w.witness[1]), 0) }},
	{"deposit cut", peg.CheckClaimDeposit, func(_ testing.TB, w *claimWorld) { w.witness[1] = w.witness[1][:30] }},
	{"deposit too large", peg.CheckClaimDeposit, func(_ testing.TB, w *claimWorld) { w.witness[1] = make([]byte, peg.MaxDeposit+1) }},
	{"deposit with its witness", peg.CheckClaimDeposit, func(t testing.TB, w *claimWorld) {
		tx := w.deposit.Copy()
		tx.TxIn[0].Witness = wire.TxWitness{{1}}
		var b bytes.Buffer
		if err := tx.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		w.witness[1] = b.Bytes()
	}},
	{"deposit with a long varint", peg.CheckClaimDeposit, func(_ testing.TB, w *claimWorld) {
		raw := w.witness[1]
		w.witness[1] = append(append(bytes.Clone(raw[:4]), 0xfd, 1, 0), raw[5:]...)
	}},
	{"another deposit", peg.CheckClaimTxID, func(_ testing.TB, w *claimWorld) {
		w.witness[1] = bytes.Clone(w.witness[1])
		w.witness[1][len(w.witness[1])-1]++
	}},
	{"no such output", peg.CheckClaimVout, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].PreviousOutPoint.Index = 2 | 1<<30 }},
	{"highest output", peg.CheckClaimVout, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].PreviousOutPoint.Index = math.MaxInt32 }},
	{"another output", peg.CheckClaimVault, func(_ testing.TB, w *claimWorld) { w.claim.TxIn[0].PreviousOutPoint.Index = 0 | 1<<30 }},
	{"block hash too long", peg.CheckClaimBlock, func(_ testing.TB, w *claimWorld) { w.witness[2] = append(w.witness[2], 0) }},
	{"block hash too short", peg.CheckClaimBlock, func(_ testing.TB, w *claimWorld) { w.witness[2] = w.witness[2][:31] }},
	{"branch with trailing byte", peg.CheckClaimBranch, func(_ testing.TB, w *claimWorld) { w.witness[3] = append(w.witness[3], 0) }},
	{"branch cut", peg.CheckClaimBranch, func(_ testing.TB, w *claimWorld) { w.witness[3] = w.witness[3][:50] }},
	{"branch with a long varint", peg.CheckClaimBranch, func(_ testing.TB, w *claimWorld) {
		w.witness[3] = append(append(bytes.Clone(w.witness[3][:4]), 0xfd, 3, 0), w.witness[3][5:]...)
	}},
	{"branch too deep", peg.CheckClaimBranch, func(_ testing.TB, w *claimWorld) {
		w.witness[3] = append([]byte{1, 0, 0, 0, 17}, make([]byte, 17*32)...)
	}},
	{"coinbase too large", peg.CheckClaimCoinbase, func(_ testing.TB, w *claimWorld) { w.witness[4] = make([]byte, peg.MaxCoinbase+1) }},
	{"coinbase branch with trailing byte", peg.CheckClaimCoinbaseBranch, func(_ testing.TB, w *claimWorld) { w.witness[5] = append(w.witness[5], 0) }},
	{"coinbase branch too deep", peg.CheckClaimCoinbaseBranch, func(_ testing.TB, w *claimWorld) {
		w.witness[5] = append([]byte{17}, make([]byte, 17*32)...)
	}},

	{"index 0", merkle.CheckIndex, func(_ testing.TB, w *claimWorld) { w.witness[3][0] = 0 }},
	{"index beyond the tree", merkle.CheckIndex, func(_ testing.TB, w *claimWorld) { w.witness[3][0] += 8 }},
	{"wrong index", merkle.CheckRoot, func(_ testing.TB, w *claimWorld) { w.witness[3][0] = 2 }},
	{"coinbase as deposit", merkle.CheckIndex, func(t testing.TB, w *claimWorld) {
		cb := coinbase(1)
		cb.AddTxOut(wire.NewTxOut(depositSat, w.deposit.TxOut[1].PkScript))
		w.deposit, w.index, w.txs[0] = cb, 0, raw(t, cb)
		w.redo(t)
	}},
	{"unequal branches", merkle.CheckDepth, func(_ testing.TB, w *claimWorld) {
		w.witness[5] = append([]byte{2}, w.witness[5][1:65]...)
	}},
	{"no coinbase", merkle.CheckCoinbase, func(_ testing.TB, w *claimWorld) { w.witness[4] = w.txs[1] }},
	{"inner node as coinbase", merkle.CheckTxSize, func(_ testing.TB, w *claimWorld) { w.witness[4] = make([]byte, 64) }},
	{"wrong branch", merkle.CheckRoot, func(_ testing.TB, w *claimWorld) { w.witness[3][20]++ }},
	{"wrong coinbase branch", merkle.CheckRoot, func(_ testing.TB, w *claimWorld) { w.witness[5][20]++ }},

	{"another network", peg.CheckClaimVault, func(t testing.TB, w *claimWorld) { w.p.Genesis[68]++ }},
	{"change claimed as a deposit", peg.CheckClaimVault, func(t testing.TB, w *claimWorld) {
		w.deposit.TxOut[1].PkScript = peg.NewVault(&w.p.Settlers[0], w.p.Peg.Recovery, nil).PkScript
		w.txs[w.index] = raw(t, w.deposit)
		w.redo(t)
	}},
	{"deposit too small", peg.CheckClaimLeast, func(_ testing.TB, w *claimWorld) { w.p.Peg.MinDeposit = depositSat + 1 }},
	{"deposit too rich", peg.CheckClaimMost, func(_ testing.TB, w *claimWorld) { w.p.Unit.MaxMoney = (depositSat - 1) * w.p.UnitsPerSat() }},
	{"pays more than was deposited", peg.CheckClaimFee, func(_ testing.TB, w *claimWorld) { w.claim.TxOut[0].Value = depositSat*w.p.UnitsPerSat() + 1 }},
	{"fee above its limit", peg.CheckClaimFee, func(_ testing.TB, w *claimWorld) { w.claim.TxOut[0].Value -= 1001 }},
	{"negative output", peg.CheckClaimFee, func(_ testing.TB, w *claimWorld) { w.claim.TxOut[0].Value = -1 }},
	{"most negative output", peg.CheckClaimFee, func(_ testing.TB, w *claimWorld) { w.claim.TxOut[0].Value = math.MinInt64 }},

	{"too shallow", peg.CheckClaimDepth, func(_ testing.TB, w *claimWorld) { w.anchor = w.l1.at(20 + int(w.p.Layer.ClaimDepth) - 1) }},
	{"above the anchor", peg.CheckClaimDepth, func(_ testing.TB, w *claimWorld) { w.anchor = w.l1.at(10) }},
	{"anchor with a wrong height", peg.CheckClaimAnchor, func(_ testing.TB, w *claimWorld) { w.anchor.Height++ }},
	{"block beside the anchor's branch", peg.CheckClaimAnchor, func(t testing.TB, w *claimWorld) {
		root, _ := merkle.Root(w.ids())
		w.block = w.l1.add(20, w.l1.at(19).Hash, root, 77)
		w.forge(t)
	}},
	{"set not yet in office", peg.CheckClaimSettlers, func(_ testing.TB, w *claimWorld) { w.p.Settlers[0].From = 21 }},
	{"set out of office", peg.CheckClaimSettlers, func(_ testing.TB, w *claimWorld) { w.p.Settlers[0].To = 19 }},

	{"unknown block", pending, func(_ testing.TB, w *claimWorld) { w.witness[2][0]++ }},
	{"unknown anchor", pending, func(_ testing.TB, w *claimWorld) { w.anchor.Hash[0]++ }},
	{"L1 headers missing in between", pending, func(_ testing.TB, w *claimWorld) { delete(w.l1.headers, w.l1.at(30).Hash) }},
}

func TestSpoiledClaim(t *testing.T) {
	for _, name := range []string{"layer-regtest", "dev-fractional"} {
		for _, c := range spoiledClaims {
			p, _ := load(t, name)
			p.Settlers = append([]chains.Settlers(nil), p.Settlers...)
			w := newClaimWorld(t, p)
			c.spoil(t, w)
			checkVerdict(t, name+": "+c.name+" (alone)", w.check(nil), c.want)
			checkVerdict(t, name+": "+c.name+" (report)", w.check(&spv.Report{}), c.want)
		}
	}
}

func checkVerdict(t *testing.T, name string, err error, want string) {
	t.Helper()
	var bad *spv.CheckError
	switch {
	case want == pending && !errors.Is(err, spv.ErrPending):
		t.Errorf("%s: %v, want pending", name, err)
	case want != pending && (!errors.As(err, &bad) || bad.Name != want):
		t.Errorf("%s: %v, want %s", name, err, want)
	}
}

// TestClaimDepth: the rule is about height <= anchorHeight - C, to the block.
func TestClaimDepth(t *testing.T) {
	p, _ := load(t, "layer-regtest")
	w := newClaimWorld(t, p)
	for height := 20; height <= 40; height++ {
		w.anchor = w.l1.at(height)
		if err := w.check(nil); (err == nil) != (20 <= height-3) {
			t.Errorf("anchor at %d: %v", height, err)
		}
	}
}

// TestSixtyFourBytes plays the trick of CVE-2017-12842 from both ends.
func TestSixtyFourBytes(t *testing.T) {
	p, _ := load(t, "layer-regtest")
	w := newClaimWorld(t, p)
	// A deposit of 64 bytes is refused though it is a real transaction of the block.
	short := spending(9, wire.NewTxOut(depositSat, []byte{0x51, 0x51, 0x51, 0x51}))
	short.TxIn[0].SignatureScript = nil
	if n := short.SerializeSizeStripped(); n != 64 {
		t.Fatalf("%d bytes", n)
	}
	w.deposit, w.txs[w.index] = short, raw(t, short)
	w.redo(t)
	w.claim.TxIn[0].PreviousOutPoint.Index = 1 << 30
	rep := &spv.Report{}
	if err := w.check(rep); err == nil {
		t.Error("accepted")
	}
	found := false
	for _, c := range rep.Checks {
		found = found || c.Name == merkle.CheckTxSize && c.Outcome == spv.Failed
	}
	if !found {
		t.Errorf("no check on the size: %+v", rep.Checks)
	}
	// An inner node read as a transaction stands one level higher than the coinbase.
	w = newClaimWorld(t, p)
	ids := w.ids()
	node := append(bytes.Clone(ids[2][:]), ids[3][:]...)
	w.witness[1] = node
	if err := w.check(nil); err == nil {
		t.Error("an inner node is accepted")
	}
}

// TestDuplicateSubtree plays CVE-2012-2459: the list [c,a,b,b] has the root of [c,a,b].
func TestDuplicateSubtree(t *testing.T) {
	p, _ := load(t, "layer-regtest")
	w := newClaimWorld(t, p)
	w.txs = [][]byte{w.txs[0], w.txs[1], w.txs[3]}
	w.index = 2
	w.redo(t)
	if err := w.check(nil); err != nil {
		t.Fatal(err)
	}
	w.witness[3][0] = 3
	checkVerdict(t, "second copy", w.check(nil), merkle.CheckDuplicate)
}

func TestBuildRefuses(t *testing.T) {
	p, _ := load(t, "layer-regtest")
	for name, spoil := range map[string]func(*peg.Terms, *peg.Evidence, *int64){
		"negative fee":    func(_ *peg.Terms, _ *peg.Evidence, fee *int64) { *fee = -1 },
		"fee above limit": func(_ *peg.Terms, _ *peg.Evidence, fee *int64) { *fee = 5001 },
		"no script":       func(t *peg.Terms, _ *peg.Evidence, _ *int64) { t.Script = nil },
		"long script":     func(t *peg.Terms, _ *peg.Evidence, _ *int64) { t.Script = make([]byte, peg.MaxScript+1) },
		"mad fee limit":   func(t *peg.Terms, _ *peg.Evidence, _ *int64) { t.MaxFee = math.MaxUint64 },
		"another limit":   func(t *peg.Terms, _ *peg.Evidence, _ *int64) { t.MaxFee++ },
		"no such set":     func(t *peg.Terms, _ *peg.Evidence, _ *int64) { t.Set = 7 },
		"another output":  func(_ *peg.Terms, e *peg.Evidence, _ *int64) { e.Vout = 0 },
		"no such output":  func(_ *peg.Terms, e *peg.Evidence, _ *int64) { e.Vout = 5 },
		"flag in output":  func(_ *peg.Terms, e *peg.Evidence, _ *int64) { e.Vout |= 1 << 30 },
		"cut deposit":     func(_ *peg.Terms, e *peg.Evidence, _ *int64) { e.Deposit = e.Deposit[:20] },
		"deep branch":     func(_ *peg.Terms, e *peg.Evidence, _ *int64) { e.Inclusion.Branch = make(merkle.Branch, 17) },
	} {
		w := newClaimWorld(t, p)
		c, err := peg.Parse(w.claim)
		if err != nil {
			t.Fatal(err)
		}
		terms, evidence, fee := w.terms, c.Evidence, int64(4000)
		spoil(&terms, &evidence, &fee)
		if got, err := peg.Build(p, terms, evidence, fee); err == nil {
			t.Errorf("%s: built %v", name, got.Tx().TxHash())
		}
	}
}

func FuzzParse(f *testing.F) {
	p, _ := load(f, "layer-regtest")
	w := newClaimWorld(f, p)
	for _, tx := range []*wire.MsgTx{w.claim, w.deposit} {
		var b bytes.Buffer
		if err := tx.Serialize(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var tx wire.MsgTx
		if tx.Deserialize(bytes.NewReader(b)) != nil {
			return
		}
		c, err := peg.Parse(&tx)
		if err != nil {
			return
		}
		var again, before bytes.Buffer
		if err := tx.Serialize(&before); err != nil {
			t.Fatal(err)
		}
		if err := c.Tx().Serialize(&again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before.Bytes(), again.Bytes()) {
			t.Fatalf("%x parses but encodes to %x", before.Bytes(), again.Bytes())
		}
		_ = c.Check(p, w.l1, w.anchor, nil)
		_ = c.Check(p, w.l1, w.anchor, &spv.Report{})
	})
}

// FuzzClaimItems changes one witness item of a valid claim: it must stay valid only if
// nothing changed.
func FuzzClaimItems(f *testing.F) {
	p, _ := load(f, "layer-regtest")
	for i, item := range newClaimWorld(f, p).witness {
		f.Add(byte(i), item)
	}
	f.Fuzz(func(t *testing.T, i byte, item []byte) {
		w := newClaimWorld(t, p)
		i %= byte(len(w.witness))
		same := bytes.Equal(w.witness[i], item)
		w.witness[i] = item
		if err := w.check(nil); (err == nil) != same {
			t.Fatalf("item %d as %x: %v", i, item, err)
		}
	})
}

func BenchmarkClaimCheck(b *testing.B) {
	p, _ := mainlike(b)
	w := newClaimWorld(b, p)
	// A block of 4,096 transactions, as deep a tree as a busy L1 has.
	for i := len(w.txs); i < 4096; i++ {
		w.txs = append(w.txs, binary.LittleEndian.AppendUint32(nil, uint32(i)))
	}
	w.redo(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.check(nil); err != nil {
			b.Fatal(err)
		}
	}
}
