package swap_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/swap"
)

func private(n int) *btcec.PrivateKey {
	var b [32]byte
	binary.BigEndian.PutUint32(b[28:], uint32(n))
	key, _ := btcec.PrivKeyFromBytes(b[:])
	return key
}

func public(n int) swap.Key { return swap.Key(private(n).PubKey().SerializeCompressed()) }

var (
	secret = bytes.Repeat([]byte{0x5e}, 32)
	hashed = sha256.Sum256(secret)
	forms  = []swap.Form{swap.P2TR, swap.P2WSH, swap.P2SH}
)

const (
	toKey   = 3 // its public key begins with 02, the other's with 03
	fromKey = 6
	expiry  = 1000
)

func newLeg(form swap.Form) swap.Leg {
	return swap.Leg{Form: form, Hash: hashed, To: public(toKey), From: public(fromKey), Expiry: expiry}
}

// spend is a transaction that spends a leg by one path.
type spend struct {
	leg      swap.Leg
	path     swap.Path
	tx       *wire.MsgTx
	prevouts txscript.PrevOutputFetcher
	signer   int
}

func newSpend(form swap.Form, path swap.Path) *spend {
	s := &spend{leg: newLeg(form), path: path, signer: toKey, tx: wire.NewMsgTx(2)}
	s.tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: spv.Hash{1}, Index: 1}, Sequence: swap.RefundSequence})
	s.tx.AddTxOut(wire.NewTxOut(90_000, append([]byte{0x51, 0x20}, make([]byte, 32)...)))
	s.prevouts = txscript.NewCannedPrevOutputFetcher(s.leg.PkScript(), 100_000)
	if path == swap.Refund {
		s.signer, s.tx.LockTime = fromKey, expiry
	}
	return s
}

// shown is the secret where the path shows it.
func (s *spend) shown() []byte {
	if s.path == swap.Redeem {
		return secret
	}
	return nil
}

func (s *spend) signature(t testing.TB, h []byte) []byte {
	t.Helper()
	if s.leg.Form != swap.P2TR {
		return ecdsa.Sign(private(s.signer), h).Serialize()
	}
	sig, err := schnorr.Sign(private(s.signer), h)
	if err != nil {
		t.Fatal(err)
	}
	return sig.Serialize()
}

func (s *spend) sign(t testing.TB) error {
	t.Helper()
	h, err := s.leg.SigHash(s.tx, 0, s.path, s.prevouts)
	if err != nil {
		return err
	}
	return s.leg.Sign(s.tx, 0, s.path, s.prevouts, s.signature(t, h), s.shown())
}

// run executes the input as nodes do.
func (s *spend) run() error {
	out := s.prevouts.FetchPrevOutput(wire.OutPoint{})
	engine, err := txscript.NewEngine(out.PkScript, s.tx, 0, txscript.StandardVerifyFlags, nil,
		txscript.NewTxSigHashes(s.tx, s.prevouts), out.Value, s.prevouts)
	if err != nil {
		return err
	}
	return engine.Execute()
}

func TestSpendLeg(t *testing.T) {
	for _, form := range forms {
		for _, path := range []swap.Path{swap.Redeem, swap.Refund} {
			s := newSpend(form, path)
			if err := s.sign(t); err != nil {
				t.Fatalf("%v %v: %v", form, path, err)
			}
			if err := s.run(); err != nil {
				t.Errorf("%v %v: %v", form, path, err)
			}
			if got, ok := s.leg.PathOf(s.tx.TxIn[0]); !ok || got != path {
				t.Errorf("%v %v: read back as %v %v", form, path, got, ok)
			}
			got, ok := s.leg.FindSecret(s.tx.TxIn[0])
			if ok != (path == swap.Redeem) || (ok && !bytes.Equal(got[:], secret)) {
				t.Errorf("%v %v: secret found %v", form, path, ok)
			}
			size := int64(3*s.tx.SerializeSizeStripped()+s.tx.SerializeSize()+3) / 4
			if want := s.leg.VSize(path, s.tx.TxOut[0].PkScript); size > want || size < want-3 {
				t.Errorf("%v %v: %d vB, reckoned %d", form, path, size, want)
			}
		}
	}
}

// TestSpoiledSpend changes one thing after signing: the engine must refuse.
func TestSpoiledSpend(t *testing.T) {
	for _, form := range forms {
		for _, c := range []struct {
			name  string
			path  swap.Path
			spoil func(s *spend)
		}{
			{"redeemed elsewhere", swap.Redeem, func(s *spend) { s.tx.TxOut[0].PkScript[5]++ }},
			{"refunded elsewhere", swap.Refund, func(s *spend) { s.tx.TxOut[0].PkScript[5]++ }},
			{"refund a block early", swap.Refund, func(s *spend) { s.tx.LockTime-- }},
			{"refund with a final sequence", swap.Refund, func(s *spend) { s.tx.TxIn[0].Sequence++ }},
			{"refund at a time", swap.Refund, func(s *spend) { s.tx.LockTime = 1_700_000_000 }},
		} {
			s := newSpend(form, c.path)
			if err := s.sign(t); err != nil {
				t.Fatal(err)
			}
			c.spoil(s)
			if s.run() == nil {
				t.Errorf("%v: %s passes", form, c.name)
			}
		}
	}
}

// TestScriptsHold signs what Sign would refuse, by hand, and lets the engine judge: the
// scripts themselves must hold.
func TestScriptsHold(t *testing.T) {
	long := append(bytes.Clone(secret), 0)
	for _, form := range forms {
		for _, c := range []struct {
			name   string
			leg    func(l *swap.Leg)
			path   swap.Path
			signer int
			lock   uint32
			secret []byte
			ok     bool
		}{
			{"redeem", nil, swap.Redeem, toKey, 0, secret, true},
			{"redeem by the payer", nil, swap.Redeem, fromKey, 0, secret, false},
			{"redeem with another secret", nil, swap.Redeem, toKey, 0, bytes.Repeat([]byte{1}, 32), false},
			{"redeem with a longer secret", func(l *swap.Leg) { l.Hash = sha256.Sum256(long) }, swap.Redeem, toKey, 0, long, false},
			{"redeem with a shorter secret", func(l *swap.Leg) { l.Hash = sha256.Sum256(secret[1:]) }, swap.Redeem, toKey, 0, secret[1:], false},
			{"redeem with no secret", func(l *swap.Leg) { l.Hash = sha256.Sum256(nil) }, swap.Redeem, toKey, 0, nil, false},
			{"refund", nil, swap.Refund, fromKey, expiry, nil, true},
			{"refund later", nil, swap.Refund, fromKey, expiry + 5, nil, true},
			{"refund by the taker", nil, swap.Refund, toKey, expiry, nil, false},
			{"refund early", nil, swap.Refund, fromKey, expiry - 1, nil, false},
		} {
			s := newSpend(form, c.path)
			if c.leg != nil {
				c.leg(&s.leg)
			}
			s.signer, s.tx.LockTime = c.signer, c.lock
			s.prevouts = txscript.NewCannedPrevOutputFetcher(s.leg.PkScript(), 100_000)
			forge(t, s, c.secret)
			if err := s.run(); (err == nil) != c.ok {
				t.Errorf("%v: %s: %v", form, c.name, err)
			}
			good := bytes.Equal(c.secret, secret)
			if _, found := s.leg.FindSecret(s.tx.TxIn[0]); found != good {
				t.Errorf("%v: %s: secret found %v", form, c.name, found)
			}
		}
	}
}

// forge writes scripts and witness from section 5's text, without the package.
func forge(t testing.TB, s *spend, secret []byte) {
	t.Helper()
	redeem, refund, branch := scripts(t, &s.leg)
	mid := txscript.NewTxSigHashes(s.tx, s.prevouts)
	in := s.tx.TxIn[0]
	push := func(items ...[]byte) []byte {
		b := txscript.NewScriptBuilder()
		for _, x := range items {
			b.AddFullData(x)
		}
		out, err := b.Script()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	switch s.leg.Form {
	case swap.P2TR:
		tree := txscript.AssembleTaprootScriptTree(txscript.NewBaseTapLeaf(redeem), txscript.NewBaseTapLeaf(refund))
		nums, err := schnorr.ParsePubKey(unhex(t, "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"))
		if err != nil {
			t.Fatal(err)
		}
		at, script, stack := 0, redeem, [][]byte{secret}
		if s.path == swap.Refund {
			at, script, stack = 1, refund, nil
		}
		h, err := txscript.CalcTapscriptSignaturehash(mid, txscript.SigHashDefault, s.tx, 0, s.prevouts, txscript.NewBaseTapLeaf(script))
		if err != nil {
			t.Fatal(err)
		}
		block := tree.LeafMerkleProofs[at].ToControlBlock(nums)
		control, err := block.ToBytes()
		if err != nil {
			t.Fatal(err)
		}
		in.Witness = append(append(wire.TxWitness{s.signature(t, h)}, stack...), script, control)
	case swap.P2WSH:
		h, err := txscript.CalcWitnessSigHash(branch, mid, txscript.SigHashAll, s.tx, 0, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		sig := append(s.signature(t, h), 1)
		in.Witness = wire.TxWitness{sig, secret, {1}, branch}
		if s.path == swap.Refund {
			in.Witness = wire.TxWitness{sig, nil, branch}
		}
	case swap.P2SH:
		h, err := txscript.CalcSignatureHash(branch, txscript.SigHashAll, s.tx, 0)
		if err != nil {
			t.Fatal(err)
		}
		sig := append(s.signature(t, h), 1)
		in.SignatureScript = append(push(sig, secret), 0x51)
		if s.path == swap.Refund {
			in.SignatureScript = append(push(sig), 0x00)
		}
		in.SignatureScript = append(in.SignatureScript, push(branch)...)
	}
}

// scripts writes a leg's scripts byte by byte.
func scripts(t testing.TB, l *swap.Leg) (redeem, refund, branch []byte) {
	t.Helper()
	lock := append(append([]byte{0x82, 0x01, 0x20, 0x88, 0xa8, 0x20}, l.Hash[:]...), 0x88)
	late := []byte{0x02, byte(l.Expiry), byte(l.Expiry >> 8), 0xb1, 0x75}
	redeem = append(append(append(bytes.Clone(lock), 0x20), l.To[1:]...), 0xac)
	refund = append(append(append(bytes.Clone(late), 0x20), l.From[1:]...), 0xac)
	branch = append(append([]byte{0x63}, lock...), 0x21)
	branch = append(append(branch, l.To[:]...), 0x67)
	branch = append(append(append(branch, late...), 0x21), l.From[:]...)
	return redeem, refund, append(branch, 0x68, 0xac)
}

// TestSignRefuses: what would fail on the chain fails before.
func TestSignRefuses(t *testing.T) {
	for _, form := range forms {
		for _, c := range []struct {
			name  string
			path  swap.Path
			spoil func(s *spend)
		}{
			{"signature of the payer", swap.Redeem, func(s *spend) { s.signer = fromKey }},
			{"signature of the taker", swap.Refund, func(s *spend) { s.signer = toKey }},
			{"refund early", swap.Refund, func(s *spend) { s.tx.LockTime-- }},
			{"refund at a time", swap.Refund, func(s *spend) { s.tx.LockTime = 1_700_000_000 }},
			{"refund with a final sequence", swap.Refund, func(s *spend) { s.tx.TxIn[0].Sequence++ }},
			{"another output", swap.Redeem, func(s *spend) {
				s.prevouts = txscript.NewCannedPrevOutputFetcher([]byte{0x51}, 100_000)
			}},
			{"another hash", swap.Redeem, func(s *spend) {
				s.leg.Hash[0]++
				s.prevouts = txscript.NewCannedPrevOutputFetcher(s.leg.PkScript(), 100_000)
			}},
			{"no path", 0, func(*spend) {}},
		} {
			s := newSpend(form, c.path)
			c.spoil(s)
			if err := s.sign(t); err == nil {
				t.Errorf("%v: %s: signed", form, c.name)
			}
		}
		s := newSpend(form, swap.Redeem)
		h, err := s.leg.SigHash(s.tx, 0, swap.Redeem, s.prevouts)
		if err != nil {
			t.Fatal(err)
		}
		sig := s.signature(t, h)
		for name, bad := range map[string][]byte{"short": secret[:31], "long": append(bytes.Clone(secret), 0), "none": nil} {
			if s.leg.Sign(s.tx, 0, swap.Redeem, s.prevouts, sig, bad) == nil {
				t.Errorf("%v: %s secret: signed", form, name)
			}
		}
		if _, err := s.leg.SigHash(s.tx, 1, swap.Redeem, s.prevouts); err == nil {
			t.Errorf("%v: no such input: hashed", form)
		}
	}
}

// TestHighS: a signature that anybody could have turned around is not relayed (BIP146).
func TestHighS(t *testing.T) {
	s := newSpend(swap.P2WSH, swap.Redeem)
	h, err := s.leg.SigHash(s.tx, 0, swap.Redeem, s.prevouts)
	if err != nil {
		t.Fatal(err)
	}
	sig := s.signature(t, h)
	r := sig[4 : 4+sig[3]]
	high := new(big.Int).Sub(btcec.S256().N, new(big.Int).SetBytes(sig[6+len(r):])).Bytes() // its top bit is set
	turned := append(append([]byte{0x30, byte(5 + len(r) + len(high)), 2, byte(len(r))}, r...), 2, byte(len(high)+1), 0)
	turned = append(turned, high...)
	if _, err := ecdsa.ParseDERSignature(turned); err != nil {
		t.Fatal(err)
	}
	if s.leg.Sign(s.tx, 0, swap.Redeem, s.prevouts, turned, secret) == nil {
		t.Error("signed")
	}
}

// TestHiddenSecret: a redeemer who writes his input in an unusual way reveals the secret all
// the same.
func TestHiddenSecret(t *testing.T) {
	s := newSpend(swap.P2SH, swap.Redeem)
	forge(t, s, secret)
	plain := s.tx.TxIn[0].SignatureScript
	at := bytes.Index(plain, secret)
	in := &wire.TxIn{SignatureScript: append(append(bytes.Clone(plain[:at-1]), txscript.OP_PUSHDATA2, 32, 0), plain[at:]...)}
	if _, ok := s.leg.FindSecret(in); !ok {
		t.Error("a long push hides the secret")
	}
	if _, ok := s.leg.PathOf(in); ok {
		t.Error("a long push is taken for our own form")
	}
	for _, form := range []swap.Form{swap.P2TR, swap.P2WSH} {
		s := newSpend(form, swap.Redeem)
		forge(t, s, secret)
		s.tx.TxIn[0].Witness = append(s.tx.TxIn[0].Witness, []byte{0x50, 1}) // an annex
		if _, ok := s.leg.FindSecret(s.tx.TxIn[0]); !ok {
			t.Errorf("%v: an annex hides the secret", form)
		}
		if _, ok := s.leg.PathOf(s.tx.TxIn[0]); ok {
			t.Errorf("%v: an annex is taken for our own form", form)
		}
	}
}

func TestLegCheck(t *testing.T) {
	for name, spoil := range map[string]func(*swap.Leg){
		"form 0":          func(l *swap.Leg) { l.Form = 0 },
		"form 4":          func(l *swap.Leg) { l.Form = 4 },
		"no point":        func(l *swap.Leg) { l.To = swap.Key{2, 0xff} },
		"uncompressed":    func(l *swap.Leg) { l.From[0] = 4 },
		"one key":         func(l *swap.Leg) { l.From = l.To },
		"one key negated": func(l *swap.Leg) { l.From = l.To; l.From[0] ^= 1 },
		"no expiry":       func(l *swap.Leg) { l.Expiry = 0 },
		"a time":          func(l *swap.Leg) { l.Expiry = 500_000_000 },
		"no hash":         func(l *swap.Leg) { l.Hash = [32]byte{} },
	} {
		l := newLeg(swap.P2WSH)
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
		spoil(&l)
		if l.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzInput feeds foreign inputs to what reads them.
func FuzzInput(f *testing.F) {
	for _, form := range forms {
		s := newSpend(form, swap.Redeem)
		forge(f, s, secret)
		in := s.tx.TxIn[0]
		a, b, c := []byte(nil), []byte(nil), []byte(nil)
		if len(in.Witness) > 2 {
			a, b, c = in.Witness[0], in.Witness[1], in.Witness[2]
		}
		f.Add(byte(form), in.SignatureScript, a, b, c)
	}
	f.Fuzz(func(t *testing.T, form byte, script, a, b, c []byte) {
		l := newLeg(swap.Form(1 + form%3))
		in := &wire.TxIn{SignatureScript: script, Witness: wire.TxWitness{a, b, c}}
		if got, ok := l.FindSecret(in); ok && sha256.Sum256(got[:]) != hashed {
			t.Fatalf("secret %x", got)
		}
		l.PathOf(in)
	})
}
