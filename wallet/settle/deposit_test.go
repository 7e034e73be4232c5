package settle

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
)

// pegWorld is a dev L1 with a pegged layer and one wallet.
type pegWorld struct {
	l1, layer *sim
	id        spv.Hash // of the layer
	p         *party
	rng       *rand.Rand
	sent      []*wire.MsgTx // by the wallet on L1, which sends them again
	noisy     bool          // strangers send what others of theirs, or of ours, take the place of
	rivals    []*wire.MsgTx // of strangers, on L1
}

func newPegWorld(t testing.TB, layer string, seed uint64, odds int) *pegWorld {
	w := &pegWorld{rng: rand.New(rand.NewPCG(seed, 1))}
	w.l1 = newSim(t, testchain.Params(t, "dev"), nil)
	w.layer = newSim(t, testchain.Params(t, layer), w.l1)
	for range 30 {
		w.l1.mine(true)
		w.layer.mine(true)
	}
	w.id = w.layer.p.NetID()
	w.p = newParty(t, seed, w.rng, odds, w.l1, w.layer)
	w.p.watch = func(b *Book) {
		above, err := w.p.keys.Public(RefundPath())
		if err != nil {
			t.Fatal(err)
		}
		var scripts [][]byte
		for n := range byte(6) {
			scripts = append(scripts, script(n))
		}
		if _, err := b.Watch(w.id, scripts, above); err != nil {
			t.Fatal(err)
		}
	}
	w.p.open()
	w.p.sync()
	return w
}

// deposit plans, signs and sends one.
func (w *pegWorld) deposit(n byte, amount int64) *wire.MsgTx {
	var out *wire.TxOut
	w.p.try(func() error {
		_, to, err := w.p.b.NewDeposit(w.id, script(n), MaxFees(w.layer.p)[n%4], amount)
		out = wire.NewTxOut(to.Amount, to.Script)
		return err
	})
	tx := w.l1.pay(wire.NewTxOut(777, script(99)), out)
	w.l1.send(tx)
	w.sent = append(w.sent, tx)
	return tx
}

// turn lets anything happen.
func (w *pegWorld) turn(calm bool) {
	switch r := w.rng.IntN(10); {
	case !calm && r == 0:
		n := 1 + w.rng.IntN(4)
		w.l1.drop(n)
		for range n {
			w.l1.mine(w.rng.IntN(2) == 0)
		}
		w.l1.mine(false)
		w.layer.follow()
	case !calm && r == 1:
		n := 1 + w.rng.IntN(3)
		w.layer.drop(n)
		for range n + 1 {
			w.layer.mine(w.rng.IntN(2) == 0)
		}
	case r < 6:
		w.l1.mine(true)
	default:
		w.layer.mine(true)
	}
	for _, tx := range w.sent {
		w.l1.send(tx)
	}
	if w.noisy && !calm {
		w.strangersPay()
	}
	for _, out := range w.p.step() {
		if w.noisy && peg.IsClaim(out.Tx) && w.rng.IntN(2) == 0 {
			w.claimToo(out.Tx)
		}
	}
}

// strangersPay pays vaults of ours twice with the same money, or tells of it and does not: at most one is ever mined.
func (w *pegWorld) strangersPay() {
	l1 := w.l1.p.NetID()
	if w.rng.IntN(8) == 0 {
		tx := w.l1.pay(w.vaultOut(w.p.t, byte(w.rng.IntN(6)), 50_000+int64(w.rng.IntN(1000))))
		other := tx.Copy()
		other.TxOut[0] = w.vaultOut(w.p.t, byte(w.rng.IntN(6)), 60_000)
		w.rivals = append(w.rivals, tx, other)
	}
	for _, tx := range w.rivals {
		switch w.rng.IntN(10) {
		case 0:
			w.l1.send(tx)
		case 1, 2:
			w.p.try(func() error { return w.p.b.Unconfirmed(l1, tx) })
		}
	}
}

// claimToo is a stranger's claim of a deposit that we claim: first in the pool, or told of and never sent.
func (w *pegWorld) claimToo(ours *wire.MsgTx) {
	tx := ours.Copy()
	tx.TxOut[0].Value++
	if w.rng.IntN(2) == 0 {
		w.layer.pool = append([]*wire.MsgTx{tx}, w.layer.pool...)
	}
	w.p.try(func() error { return w.p.b.Unconfirmed(w.id, tx) })
}

// paid returns what the chain's blocks pay to vaults of ours.
func (w *pegWorld) paid() (out []wire.OutPoint) {
	scripts := map[string]bool{}
	for n := range byte(6) {
		for _, limit := range MaxFees(w.layer.p) {
			vault, err := (&peg.Terms{MaxFee: limit, Script: script(n)}).Vault(w.layer.p)
			if err != nil {
				w.p.t.Fatal(err)
			}
			scripts[string(vault.PkScript)] = true
		}
	}
	for _, b := range w.l1.best {
		for _, tx := range b.txs {
			for i, o := range tx.TxOut {
				if scripts[string(o.PkScript)] {
					out = append(out, wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)})
				}
			}
		}
	}
	return out
}

func (w *pegWorld) states(t testing.TB) []DepositState {
	t.Helper()
	s, err := w.p.b.Deposits(w.id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDeposits makes deposits while both chains reorganise, the program is killed at any write, and once the whole log is
// lost, and strangers deposit, double-spend and claim beside: every one that is mined must end on the layer, once, and of those
// that never are nothing is left.
func TestDeposits(t *testing.T) {
	for seed := range uint64(8) {
		w := newPegWorld(t, []string{"dev-native", "dev-fractional"}[seed%2], seed, 6)
		w.noisy = seed > 0
		const own = 5
		for i := range 80 {
			if i%8 == 0 && i/8 < own {
				w.deposit(byte(i/8), 100_000+int64(i))
			}
			if i == 20+int(seed)*4 && seed%3 > 0 {
				w.p.lose()
			}
			w.turn(false)
		}
		for range 60 {
			w.turn(true)
		}
		w.l1.pool, w.layer.pool = nil, nil
		for range Patience + 1 {
			w.l1.mine(true)
		}
		for range Patience + 1 {
			w.layer.mine(true)
		}
		w.p.step()
		n := len(w.paid())
		if n < own || w.noisy && seed%2 == 0 && len(w.rivals) == 0 {
			t.Fatalf("seed %d: %d deposits in the chain, %d of strangers that were told of", seed, n, len(w.rivals))
		}
		if got := len(w.layer.claimed); got != n {
			t.Fatalf("seed %d: %d claims, want %d: %+v", seed, got, n, w.states(t))
		}
		found := 0
		for _, s := range w.states(t) {
			if s.Phase != Claimed || s.Claim == nil || s.Depth < 1 {
				t.Errorf("seed %d: deposit %s: %s %s", seed, s.Outpoint, s.Phase, s.Why)
				continue
			}
			found++
			coin, ok := w.layer.coins[wire.OutPoint{Hash: *s.Claim}]
			least := s.Value*w.layer.p.UnitsPerSat() - int64(s.Terms.MaxFee)
			if !ok || string(coin.out.PkScript) != string(s.Terms.Script) || coin.out.Value < least {
				t.Errorf("seed %d: deposit %s: minted %+v, want at least %d", seed, s.Outpoint, coin, least)
			}
		}
		if found != n {
			t.Errorf("seed %d: %d deposits claimed, want %d", seed, found, n)
		}
		if w.p.opened < 4 {
			t.Errorf("seed %d: opened %d times: nothing crashed", seed, w.p.opened)
		}
	}
}

// TestDepositPhases follows one deposit block by block, and back again.
func TestDepositPhases(t *testing.T) {
	w := newPegWorld(t, "dev-native", 1, 0)
	want := func(phase DepositPhase, confirmations int32) DepositState {
		t.Helper()
		w.p.sync()
		all := w.states(t)
		if len(all) != 1 || all[0].Phase != phase || all[0].Confirmations != confirmations {
			t.Fatalf("got %+v, want one that is %s with %d", all, phase, confirmations)
		}
		return all[0]
	}
	_, out, err := w.p.b.NewDeposit(w.id, script(3), MaxFees(w.layer.p)[0], 50_000)
	if err != nil {
		t.Fatal(err)
	}
	want(Planned, 0)
	w.l1.send(w.l1.pay(wire.NewTxOut(out.Amount, out.Script)))
	if s := want(Sent, 0); s.Needed != 5 || s.Expected != 5*int64(w.l1.p.Spacing()) {
		t.Errorf("sent: %d blocks, %d s", s.Needed, s.Expected)
	}
	for i := range int32(4) {
		w.l1.mine(true)
		want(Buried, i+1)
		if sent := w.p.step(); len(sent) != 0 {
			t.Fatalf("claimed after %d blocks", i+1)
		}
	}
	w.l1.mine(true)
	if s := want(Claimable, 5); s.Expected != 0 {
		t.Errorf("claimable in %d s", s.Expected)
	}
	first := w.p.step()
	if len(first) != 1 || first[0].Chain != w.id {
		t.Fatalf("sent %+v", first)
	}
	want(Claiming, 5)
	w.layer.mine(true)
	if s := want(Claimed, 5); s.Depth != 1 {
		t.Errorf("claimed %d deep", s.Depth)
	}
	if again := w.p.step(); len(again) != 0 {
		t.Fatalf("claimed twice")
	}
	w.layer.drop(1) // the claim is undone on the layer
	w.layer.pool = nil
	w.layer.mine(true)
	w.layer.mine(true)
	if again := w.p.step(); len(again) != 1 || again[0].Tx.TxHash() != first[0].Tx.TxHash() {
		t.Fatalf("sent %+v, want the same claim", again)
	}
	w.l1.drop(6) // the deposit is undone on L1, and its mint with it
	w.layer.follow()
	for range 7 {
		w.l1.mine(false)
	}
	w.layer.mine(true)
	want(Sent, 0)
	for range 5 {
		w.l1.mine(true)
	}
	again := w.p.step()
	if len(again) != 1 || again[0].Tx.WitnessHash() == first[0].Tx.WitnessHash() {
		t.Fatalf("sent %+v, want a claim of the new block", again)
	}
	w.layer.mine(true)
	want(Claimed, 5)
}

// TestBadDeposits spoils one thing about a plan.
func TestBadDeposits(t *testing.T) {
	w := newPegWorld(t, "dev-native", 2, 0)
	fees := MaxFees(w.layer.p)
	for _, c := range []struct {
		name   string
		layer  spv.Hash
		script []byte
		fee    uint64
		amount int64
		want   string
	}{
		{"good", w.id, script(1), fees[0], 2000, ""},
		{"foreign chain", spv.Hash{1}, script(1), fees[0], 2000, "not followed"},
		{"L1", w.l1.p.NetID(), script(1), fees[0], 2000, "no peg"},
		{"too little", w.id, script(1), fees[0], 1999, "below the least of 2000"},
		{"too much", w.id, script(1), fees[0], 1 << 60, "above the most"},
		{"fee of its own", w.id, script(1), fees[0] + 1, 2000, "cannot be found from the seed"},
		{"all for the fee", w.id, script(1), fees[3], 2000, "below dust"},
		{"no script", w.id, nil, fees[0], 2000, "0 bytes"},
		{"long script", w.id, make([]byte, peg.MaxScript+1), fees[0], 2000, "10001 bytes"},
	} {
		before := w.p.log.count
		_, to, err := w.p.b.NewDeposit(c.layer, c.script, c.fee, c.amount)
		// A claim shows the transaction without its witness: what weighs at most four times as much always fits.
		if err == nil && (to.MaxWeight <= 0 || to.MaxWeight > 4*peg.MaxDeposit) {
			t.Errorf("%s: a deposit of weight %d may be planned: it could never be claimed", c.name, to.MaxWeight)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && w.p.log.count != before {
			t.Errorf("%s: refused and written", c.name)
		}
	}
}

// TestForeignPayments pays what is no deposit: to a vault too little, to the vault for change, to the same vault twice, by
// a coinbase.
func TestForeignPayments(t *testing.T) {
	w := newPegWorld(t, "dev-native", 3, 0)
	terms := peg.Terms{MaxFee: MaxFees(w.layer.p)[1], Script: script(4)}
	vault, err := terms.Vault(w.layer.p)
	if err != nil {
		t.Fatal(err)
	}
	change := peg.NewVault(&w.layer.p.Settlers[0], w.layer.p.Peg.Recovery, nil)
	w.l1.send(w.l1.pay(wire.NewTxOut(1999, vault.PkScript), wire.NewTxOut(5000, change.PkScript), wire.NewTxOut(6000, vault.PkScript),
		wire.NewTxOut(7000, vault.PkScript)))
	for range 5 {
		w.l1.mine(true)
	}
	if sent := w.p.step(); len(sent) != 2 {
		t.Fatalf("%d claims, want two", len(sent))
	}
	w.layer.mine(true)
	w.p.sync()
	got := map[int64]DepositPhase{}
	for _, s := range w.states(t) {
		got[s.Value] = s.Phase
	}
	if len(got) != 3 || got[1999] != Unclaimable || got[6000] != Claimed || got[7000] != Claimed {
		t.Errorf("got %v", got)
	}
}

// TestTicket claims for somebody else, of whom only the ticket is known.
func TestTicket(t *testing.T) {
	w := newPegWorld(t, "dev-native", 4, 0)
	w.deposit(1, 30_000)
	for range 5 {
		w.l1.mine(true)
	}
	w.p.sync()
	ticket, err := w.states(t)[0].Ticket()
	if err != nil {
		t.Fatal(err)
	}
	text, err := ticket.Encode()
	if err != nil {
		t.Fatal(err)
	}
	stranger := newParty(t, 99, w.rng, 0, w.l1, w.layer)
	read, err := ParseTicket(text)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := stranger.b.Adopt(read); err != nil {
			t.Fatal(err)
		}
	}
	stranger.open()
	if sent := stranger.step(); len(sent) != 1 {
		t.Fatalf("sent %+v", sent)
	}
	w.layer.mine(true)
	w.p.sync()
	if s := w.states(t)[0]; s.Phase != Claimed {
		t.Errorf("owner sees %s %s", s.Phase, s.Why)
	}
	for i := range text {
		bad := text[:i] + string("qp"[b2i(text[i] == 'q')]) + text[i+1:]
		if _, err := ParseTicket(bad); err == nil {
			t.Errorf("character %d changed and read", i)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTrust(t *testing.T) {
	l1, layer := testchain.Params(t, "dev"), testchain.Params(t, "dev-native")
	got, err := TrustIn(layer, l1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Settlers != 3 || got.Release != 2 || got.Stall != 2 || got.Recover != 2 || got.RecoverAge != 200 || len(got.Words()) != 5 {
		t.Errorf("%+v", got)
	}
	if _, err := TrustIn(layer, l1, 1); err == nil {
		t.Error("trusts settlers that there are not")
	}
}
