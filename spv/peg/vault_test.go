package peg_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// The reference writes scripts and trees byte by byte from BIP341 and BIP342.

const numsHex = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"

func tagged(tag string, parts ...[]byte) []byte {
	th := sha256.Sum256([]byte(tag))
	h := sha256.New()
	h.Write(th[:])
	h.Write(th[:])
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// refQuorum is `<pk1> CHECKSIG <pk2> CHECKSIGADD ... <k> NUMEQUAL`.
func refQuorum(keys [][32]byte, k int) (s []byte) {
	for i, key := range keys {
		op := byte(0xba)
		if i == 0 {
			op = 0xac
		}
		s = append(append(append(s, 32), key[:]...), op)
	}
	return append(s, byte(0x50+k), 0x9c)
}

func refSettle(keys [][32]byte, k int) []byte { return refQuorum(keys, k) }

// refRecover takes ages above 16, which are pushed as numbers of BIP62's shortest form.
func refRecover(keys [][32]byte, k int, age int32) []byte {
	n := []byte{byte(age)}
	if age > 0xff {
		n = append(n, byte(age>>8))
	}
	if n[len(n)-1] >= 0x80 {
		n = append(n, 0)
	}
	s := append([]byte{byte(len(n))}, n...)
	return append(append(s, 0xb2, 0x75), refQuorum(keys, k)...)
}

func refLeaf(script []byte) []byte {
	size := []byte{byte(len(script))}
	if len(script) >= 0xfd {
		size = []byte{0xfd, byte(len(script)), byte(len(script) >> 8)}
	}
	return tagged("TapLeaf", []byte{0xc0}, size, script)
}

func refBranch(a, b []byte) []byte {
	if bytes.Compare(a, b) > 0 {
		a, b = b, a
	}
	return tagged("TapBranch", a, b)
}

// refTree returns the P2TR script of {a, {b, c}}, or of {a, b}.
func refTree(t testing.TB, scripts ...[]byte) []byte {
	t.Helper()
	right := refLeaf(scripts[1])
	if len(scripts) == 3 {
		right = refBranch(right, refLeaf(scripts[2]))
	}
	nums := unhex(t, numsHex)
	tweak := tagged("TapTweak", nums, refBranch(refLeaf(scripts[0]), right))
	point, err := btcec.ParsePubKey(append([]byte{2}, nums...))
	if err != nil {
		t.Fatal(err)
	}
	var scalar btcec.ModNScalar
	scalar.SetByteSlice(tweak)
	var p, g, sum btcec.JacobianPoint
	point.AsJacobian(&p)
	btcec.ScalarBaseMultNonConst(&scalar, &g)
	btcec.AddNonConst(&p, &g, &sum)
	sum.ToAffine()
	return append([]byte{0x51, 0x20}, sum.X.Bytes()[:]...)
}

// TestVector is section 4.1's.
func TestVector(t *testing.T) {
	netID, err := hex.DecodeString("a81ed0c5f25d8dc4893f6ded5462fe4984f87def6b06180d89c6635aa1092c52")
	if err != nil {
		t.Fatal(err)
	}
	spk := unhex(t, "0014000102030405060708090a0b0c0d0e0f10111213")
	mark := peg.ClaimHash(spv.Hash(netID), 5000, spk)
	if got, want := hex.EncodeToString(mark[:]), "580ca70da5c8e023059848b4f4a125dc383d6c4976d42eff34861a0f71f14bf1"; got != want {
		t.Errorf("claim hash %s, want %s", got, want)
	}
	set := &chains.Settlers{K: 11, KR: 8, Keys: settlerKeys(15)}
	v, v0 := peg.NewVault(set, 25920, &mark), peg.NewVault(set, 25920, nil)
	if want := unhex(t, "51206515359f5187b112fd49a89a4a8c316c890c49c9b812c91f1274c8a7df44f320"); !bytes.Equal(v.PkScript, want) {
		t.Errorf("V %x, want %x", v.PkScript, want)
	}
	if want := unhex(t, "51204ee47b0e268c11ae629d34079e1e5791c8ab351092e30bc54e0ed8142e3c5e6f"); !bytes.Equal(v0.PkScript, want) {
		t.Errorf("V0 %x, want %x", v0.PkScript, want)
	}
}

// TestTrees compares with our own hashing and with txscript's tree, which groups leaves in
// pairs from the left.
func TestTrees(t *testing.T) {
	for n := 1; n <= 16; n++ {
		for _, age := range []int32{17, 127, 128, 200, 255, 256, 4320, 25920, 32767, 32768, 65535} {
			set := &chains.Settlers{K: (n + 1) / 2, KR: 1, Keys: settlerKeys(n)}
			mark := spv.Hash{byte(n), byte(age)}
			s, r, c := refSettle(set.Keys, set.K), refRecover(set.Keys, 1, age), append([]byte{0x6a, 0x20}, mark[:]...)
			v, v0 := peg.NewVault(set, age, &mark), peg.NewVault(set, age, nil)
			if want := refTree(t, s, r, c); !bytes.Equal(v.PkScript, want) {
				t.Fatalf("V of %d settlers, age %d: %x, want %x", n, age, v.PkScript, want)
			}
			if want := refTree(t, s, r); !bytes.Equal(v0.PkScript, want) {
				t.Fatalf("V0 of %d settlers, age %d: %x, want %x", n, age, v0.PkScript, want)
			}
			tree := txscript.AssembleTaprootScriptTree(txscript.NewBaseTapLeaf(r), txscript.NewBaseTapLeaf(c), txscript.NewBaseTapLeaf(s))
			for i, leaf := range []peg.Leaf{v.Recover, {}, v.Settle} {
				if i == 1 {
					continue
				}
				block := tree.LeafMerkleProofs[i].ToControlBlock(peg.InternalKey())
				want, err := block.ToBytes()
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(leaf.Control, want) || !bytes.Equal(leaf.Script, tree.LeafMerkleProofs[i].Script) {
					t.Fatalf("leaf %d of %d settlers: control %x, want %x", i, n, leaf.Control, want)
				}
			}
		}
	}
}

// run executes an input with every rule that nodes apply.
func run(tx *wire.MsgTx, input int, prevouts txscript.PrevOutputFetcher) error {
	out := prevouts.FetchPrevOutput(tx.TxIn[input].PreviousOutPoint)
	engine, err := txscript.NewEngine(out.PkScript, tx, input, txscript.StandardVerifyFlags, nil,
		txscript.NewTxSigHashes(tx, prevouts), out.Value, prevouts)
	if err != nil {
		return err
	}
	return engine.Execute()
}

// spendOne returns a transaction that spends one output, and its prevouts.
func spendOne(pkScript []byte, sequence uint32) (*wire.MsgTx, txscript.PrevOutputFetcher) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: spv.Hash{5}, Index: 2}, Sequence: sequence})
	tx.AddTxOut(wire.NewTxOut(90_000, payTo(3)))
	return tx, txscript.NewCannedPrevOutputFetcher(pkScript, 100_000)
}

// signAll signs a leaf's hash by settlers with the given places.
func signAll(t testing.TB, h spv.Hash, places ...int) peg.Signatures {
	t.Helper()
	sigs := peg.Signatures{}
	for _, i := range places {
		sig, err := schnorr.Sign(private(i+1), h[:])
		if err != nil {
			t.Fatal(err)
		}
		sigs[i] = [64]byte(sig.Serialize())
	}
	return sigs
}

func TestSpendVault(t *testing.T) {
	set := &chains.Settlers{K: 3, KR: 2, Keys: settlerKeys(5)}
	mark := spv.Hash{1}
	for _, c := range []struct {
		name     string
		mark     *spv.Hash
		recover  bool
		sequence uint32
		places   []int
		built    bool // a witness could be made
		ok       bool
	}{
		{"settle", &mark, false, 0xfffffffd, []int{0, 1, 2}, true, true},
		{"settle by others", &mark, false, 0xfffffffd, []int{0, 3, 4}, true, true},
		{"settle by all", &mark, false, 0xfffffffd, []int{0, 1, 2, 3, 4}, true, true},
		{"settle change", nil, false, 0xfffffffd, []int{1, 2, 4}, true, true},
		{"settle by too few", &mark, false, 0xfffffffd, []int{1, 2}, false, false},
		{"recover", &mark, true, 4320, []int{1, 4}, true, true},
		{"recover change", nil, true, 4320, []int{1, 4}, true, true},
		{"recover too early", &mark, true, 4319, []int{1, 4}, true, false},
		{"recover by too few", &mark, true, 4320, []int{4}, false, false},
		{"recover without age", &mark, true, 0xfffffffd, []int{1, 4}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := peg.NewVault(set, 4320, c.mark)
			leaf, witness := v.Settle, peg.SettleWitness
			if c.recover {
				leaf, witness = v.Recover, peg.RecoverWitness
			}
			tx, prevouts := spendOne(v.PkScript, c.sequence)
			h, err := leaf.SigHash(tx, 0, prevouts)
			if err != nil {
				t.Fatal(err)
			}
			tx.TxIn[0].Witness, err = witness(leaf, set, signAll(t, h, c.places...))
			if (err == nil) != c.built {
				t.Fatalf("witness: %v", err)
			}
			if err == nil {
				err = run(tx, 0, prevouts)
			}
			if (err == nil) != c.ok {
				t.Errorf("engine says %v", err)
			}
		})
	}
}

// TestQuorumIsExact shows why a witness never has more signatures than the script wants.
func TestQuorumIsExact(t *testing.T) {
	set := &chains.Settlers{K: 2, KR: 2, Keys: settlerKeys(3)}
	v := peg.NewVault(set, 200, nil)
	tx, prevouts := spendOne(v.PkScript, 0)
	h, err := v.Settle.SigHash(tx, 0, prevouts)
	if err != nil {
		t.Fatal(err)
	}
	sigs := signAll(t, h, 0, 1, 2)
	a, b, c := sigs[0], sigs[1], sigs[2]
	for name, stack := range map[string][][]byte{
		"three":       {c[:], b[:], a[:]},
		"one":         {nil, nil, a[:]},
		"wrong order": {nil, a[:], b[:]},
		"none":        {nil, nil, nil},
	} {
		tx.TxIn[0].Witness = v.Settle.Witness(stack...)
		if run(tx, 0, prevouts) == nil {
			t.Errorf("%s signatures pass", name)
		}
	}
}

func TestRefundable(t *testing.T) {
	set := &chains.Settlers{K: 2, KR: 2, Keys: settlerKeys(3)}
	user := [32]byte(schnorr.SerializePubKey(private(99).PubKey()))
	mark := spv.Hash{8}
	d, err := peg.NewRefundable(set, 1008, mark, user)
	if err != nil {
		t.Fatal(err)
	}
	settle := append(append([]byte{32}, mark[:]...), 0x75)
	back := append(append([]byte{2, 0xf0, 0x03, 0xb2, 0x75, 32}, user[:]...), 0xac)
	if want := refTree(t, append(settle, refSettle(set.Keys, 2)...), back); !bytes.Equal(d.PkScript, want) {
		t.Fatalf("script %x, want %x", d.PkScript, want)
	}
	for _, c := range []struct {
		name     string
		sequence uint32
		signer   int
		ok       bool
	}{{"refund", 1008, 99, true}, {"too early", 1007, 99, false}, {"by another", 1008, 98, false}} {
		tx, prevouts := spendOne(d.PkScript, c.sequence)
		h, err := d.Refund.SigHash(tx, 0, prevouts)
		if err != nil {
			t.Fatal(err)
		}
		sig := signAll(t, h, c.signer-1)[c.signer-1]
		tx.TxIn[0].Witness = d.Refund.Witness(sig[:])
		if err := run(tx, 0, prevouts); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	tx, prevouts := spendOne(d.PkScript, 0)
	h, err := d.Settle.SigHash(tx, 0, prevouts)
	if err != nil {
		t.Fatal(err)
	}
	if tx.TxIn[0].Witness, err = peg.SettleWitness(d.Settle, set, signAll(t, h, 0, 2)); err != nil {
		t.Fatal(err)
	}
	if err := run(tx, 0, prevouts); err != nil {
		t.Errorf("sweep: %v", err)
	}
	if _, err := peg.NewRefundable(set, 1008, mark, [32]byte{0xff}); err == nil {
		t.Error("a key that is no point is accepted")
	}
}
