package settler_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/risk"
)

// bent is a layer of which something is other than it is.
type bent struct {
	*chain.Chain
	parked []spv.Block
	more   int64 // claimed
}

func (b *bent) Parked() []spv.Block { return b.parked }

func (b *bent) Tally(height int32) (chain.Tally, error) {
	t, err := b.Chain.Tally(height)
	t.Supply.Claimed += b.more
	return t, err
}

// brokenLog takes no record.
type brokenLog struct{ memory }

func (brokenLog) Record(uint32, int, spv.Hash) error { return errors.New("disk full") }

// TestRefusals spoils one thing at a time of a settler who would sign. While it lasts he
// asks for no signature; afterwards he does.
func TestRefusals(t *testing.T) {
	w, _, coin := funded(t, "dev-native")
	_, tx := w.burn(coin, 100_000, 5000)
	w.pool2 = append(w.pool2, tx)
	w.mine(9)
	key := keyFile(t, 1)
	layer, log := &bent{Chain: w.l2}, memory{}
	type view struct {
		synced bool
		share  float64
		err    error
	}
	v := view{true, 0.2, nil}
	config := settler.Config{Layer: layer, L1: w.l1, Keys: key.Keys(), Log: log,
		Synced: func() bool { return v.synced }, Share: func() (risk.Share, error) { return risk.Share{Low: v.share}, v.err }}
	asks := func(c settler.Config) (bool, *settler.Refusal) {
		m, err := settler.New(c)
		check(t, err)
		for _, out := range m.Step(settler.Moved{}) {
			if _, ok := out.(settler.Sign); ok {
				return true, m.Status().Refusal
			}
		}
		return false, m.Status().Refusal
	}
	clean := func() {
		t.Helper()
		if ok, r := asks(config); !ok || r != nil {
			t.Fatalf("a settler with no reason to refuse: asks %v, %v", ok, r)
		}
	}
	clean()
	if len(log) != 1 {
		t.Fatalf("%d records, want one before the signature", len(log))
	}
	other := memory{}
	for at := range log {
		other[at] = spv.Hash{1}
	}
	for _, c := range []struct {
		name  string
		spoil func(*settler.Config)
		want  string
	}{
		{"not synced", func(*settler.Config) { v.synced = false }, settler.RefuseBehind},
		{"share too low", func(*settler.Config) { v.share = 0.199 }, settler.RefuseShare},
		{"share no number", func(*settler.Config) { v.share = math.NaN() }, settler.RefuseShare},
		{"share not known", func(*settler.Config) { v.err = errors.New("too few blocks") }, settler.RefuseShare},
		{"a parked branch", func(*settler.Config) { layer.parked = []spv.Block{{Height: 9}} }, settler.RefuseParked},
		{"a satoshi too many claimed", func(*settler.Config) { layer.more = 1 }, settler.RefuseSupply},
		{"a satoshi too few", func(*settler.Config) { layer.more = -1 }, settler.RefuseSupply},
		{"another one signed", func(c *settler.Config) { c.Log = other }, settler.RefuseSigned},
		{"a full disk", func(c *settler.Config) { c.Log = brokenLog{memory{}} }, settler.RefuseRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			spoiled := config
			c.spoil(&spoiled)
			ok, r := asks(spoiled)
			if ok || name(r) != c.want {
				t.Errorf("asks for signatures %v, refusal %v, want %s", ok, r, c.want)
			}
			v, layer.parked, layer.more = view{true, 0.2, nil}, nil, 0
			clean()
		})
	}
}

// rogue signs, with two of the development settlers, what they were not asked to.
func rogue(t testing.TB, s *settler.Sign) *wire.MsgTx {
	t.Helper()
	hashes, err := s.Batch.SigHashes()
	check(t, err)
	all := make([]peg.Signatures, len(hashes))
	for _, k := range three(t)[:2] {
		sigs, err := k.Sign(t.Context(), &settler.Sign{Batch: s.Batch, Hashes: hashes})
		check(t, err)
		for i := range sigs {
			if all[i] == nil {
				all[i] = peg.Signatures{}
			}
			for place, sig := range sigs[i] {
				all[i][place] = sig
			}
		}
	}
	tx, err := s.Batch.Sign(all)
	check(t, err)
	return tx
}

// asked returns what a settler wants signed, without signing it.
func (c *court) asked(i int) *settler.Sign {
	c.t.Helper()
	for _, out := range c.seats[i].machine.Step(settler.Tick{}) {
		if s, ok := out.(settler.Sign); ok {
			return &s
		}
	}
	c.t.Fatal("nothing to sign")
	return nil
}

// thieves is a world in which a batch is due that nobody has signed, and what it is.
func thieves(t *testing.T) (*world, *court, *settler.Sign) {
	t.Helper()
	w, _, coin := funded(t, "dev-native")
	_, tx := w.burn(coin, 100_000, 5000)
	w.pool2 = append(w.pool2, tx)
	w.mine(9)
	c := newCourt(t, w, rand.New(rand.NewPCG(1, 1)))
	c.seats = []*seat{{key: keyFile(t, 3), log: memory{}, signed: map[any]spv.Hash{}, share: 0.5, layer: w.l2}}
	m, err := settler.New(settler.Config{Layer: w.l2, L1: w.l1, Keys: keyFile(t, 3).Keys(), Log: c.seats[0].log,
		Synced: func() bool { return true }, Share: func() (risk.Share, error) { return risk.Share{Low: 0.5}, nil }})
	check(t, err)
	m.Step(settler.Moved{})
	c.seats[0].machine = m
	return w, c, c.asked(0)
}

// TestStolen: what two of three settlers do against the rules is seen and stops the third:
// a batch with one more payout, and a deposit taken beside the connector.
func TestStolen(t *testing.T) {
	t.Run("an extra payout", func(t *testing.T) {
		w, c, s := thieves(t)
		s.Batch.Tx.TxOut[2].Value -= 10_000
		s.Batch.Tx.AddTxOut(wire.NewTxOut(10_000, append([]byte{0, 20}, make([]byte, 20)...)))
		w.pool = append(w.pool, rogue(t, s))
		c.rounds(1)
		c.refusal(0, settler.RefuseBatch)
		w.reorg(1)
		w.pool = w.pool[:len(w.pool)-1]
		c.rounds(1)
		c.refusal(0, "") // it is gone
	})
	t.Run("a deposit", func(t *testing.T) {
		w, c, s := thieves(t)
		b := *s.Batch
		b.Tx = wire.NewMsgTx(2)
		b.Tx.AddTxIn(s.Batch.Tx.TxIn[1])
		b.Tx.AddTxOut(wire.NewTxOut(400_000, anyone))
		b.Spends = s.Batch.Spends[1:]
		w.pool = append(w.pool, rogue(t, &settler.Sign{Batch: &b}))
		c.rounds(1)
		c.refusal(0, settler.RefuseVault)
	})
}

// TestNoLink: nothing is due before there is a first connector, and not before it is deep.
func TestNoLink(t *testing.T) {
	w := newWorld(t, "dev-native", nil)
	c := newCourt(t, w, rand.New(rand.NewPCG(1, 1)), three(t)...)
	c.refusal(0, settler.RefuseNoLink)
	w.pool = append(w.pool, w.pay(settler.FirstLink(w.p2, w.p1, 0)...), w.pay(settler.FirstLink(w.p2, w.p1, 0)...))
	for range 3 {
		c.rounds(1)
		c.refusal(0, settler.RefuseNoLink)
	}
	c.rounds(1)
	c.refusal(0, "")
	if done := c.seats[0].machine.Ledger().Settled(); len(done) != 1 || done[0].TxID != w.pool[0].TxHash() {
		t.Fatalf("%+v: want the first of two", done)
	}
}

// TestGossip: a batch with an extra payout gets no honest signature, forged signatures are
// blamed on who sent them, and neither hinders the true batch.
func TestGossip(t *testing.T) {
	w, c, s := thieves(t)
	m := c.seats[0].machine
	true1, err := keyFile(t, 1).Sign(t.Context(), s)
	check(t, err)
	evil := *s.Batch
	evil.Tx = s.Batch.Tx.Copy()
	evil.Tx.TxOut[2].Value -= 10_000
	evil.Tx.AddTxOut(wire.NewTxOut(10_000, anyone))
	hashes, err := evil.SigHashes()
	check(t, err)
	evil1, err := keyFile(t, 1).Sign(t.Context(), &settler.Sign{Batch: &evil, Hashes: hashes})
	check(t, err)
	good := msg.SettleSig{NetID: w.p2.NetID(), Number: s.Batch.Number, Attempt: uint8(s.Batch.Attempt), TxID: s.Batch.Tx.TxHash(),
		Input: 1, Settler: 0, Signature: true1[1][0]}
	for _, b := range []struct {
		name  string
		spoil func(*msg.SettleSig)
		blame bool
	}{
		{"of a batch with an extra payout", func(s *msg.SettleSig) { s.TxID, s.Signature = evil.Tx.TxHash(), evil1[1][0] }, false},
		{"of another network", func(s *msg.SettleSig) { s.NetID[0] ^= 1 }, false},
		{"of the evil batch under this one's name", func(s *msg.SettleSig) { s.Signature = evil1[1][0] }, true},
		{"of another input", func(s *msg.SettleSig) { s.Input = 0 }, true},
		{"of an input there is not", func(s *msg.SettleSig) { s.Input = 2 }, true},
		{"of another settler", func(s *msg.SettleSig) { s.Settler = 1 }, true},
		{"of a settler there is not", func(s *msg.SettleSig) { s.Settler = 255 }, true},
		{"of another number", func(s *msg.SettleSig) { s.Number++ }, true},
		{"of another attempt", func(s *msg.SettleSig) { s.Attempt++ }, true},
	} {
		bad := good
		b.spoil(&bad)
		out := m.Step(settler.Heard{From: 7, Sig: &bad})
		blamed := false
		for _, o := range out {
			if blame, ok := o.(settler.Blame); ok && blame.Peer == 7 {
				blamed = true
			} else {
				t.Errorf("%s: %T", b.name, o)
			}
		}
		if blamed != b.blame {
			t.Errorf("%s: blamed %v, want %v", b.name, blamed, b.blame)
		}
		for input, n := range m.Status().Signatures {
			if n != 0 {
				t.Errorf("%s: %d signatures of input %d are kept", b.name, n, input)
			}
		}
	}
	if out := m.Step(settler.Heard{From: 7, Sig: &good}); len(out) != 1 || out[0] != (settler.Gossip{Sig: &good, Except: 7}) {
		t.Fatalf("a good one: %+v", out)
	}
	if out := m.Step(settler.Heard{From: 8, Sig: &good}); len(out) != 0 {
		t.Fatalf("the same again: %+v", out)
	}
	own, err := keyFile(t, 3).Sign(t.Context(), s)
	check(t, err)
	m.Step(settler.Signed{TxID: good.TxID, Sigs: own})
	good.Input, good.Signature = 0, true1[0][0]
	out := m.Step(settler.Heard{From: 7, Sig: &good})
	done, ok := out[len(out)-1].(settler.Broadcast)
	if !ok || !m.Status().Complete {
		t.Fatalf("complete: %+v", out)
	}
	w.pool = append(w.pool, done.Tx)
	c.rounds(1)
	if n := len(m.Ledger().Settled()); n != 2 {
		t.Fatalf("%d batches in L1", n-1)
	}
}

// TestSigner: what a signer gives that is no signature of the batch leaves the machine.
func TestSigner(t *testing.T) {
	_, c, s := thieves(t)
	m := c.seats[0].machine
	sigs, err := keyFile(t, 3).Sign(t.Context(), s)
	check(t, err)
	sig := sigs[1][2]
	sig[5] ^= 1
	sigs[1][2] = sig
	for _, o := range m.Step(settler.Signed{TxID: s.Batch.Tx.TxHash(), Sigs: sigs}) {
		if g, ok := o.(settler.Gossip); ok && g.Sig.Input == 1 {
			t.Fatalf("sent: %+v", g.Sig)
		}
	}
	c.refusal(0, settler.RefuseSigner)
	m.Step(settler.Signed{TxID: s.Batch.Tx.TxHash(), Sigs: sigs[:1]})
	c.refusal(0, settler.RefuseSigner)
}
