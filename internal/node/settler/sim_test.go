package settler_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// asked is a burn that the simulation made.
type asked struct {
	script []byte
	amount int64
	limit  uint32
}

type simulation struct {
	*world
	c       *court
	rng     *rand.Rand
	auditor *settler.Ledger
	coins   []wire.OutPoint // of the layer, perhaps spent or gone
	burns   []asked
	reorgs  int
	kills   int
}

// TestRandom lets three settlers, who hear a part of what they send each other and are
// killed at any moment, work through deposits, claims, burns, blocks and reorganisations at
// random. Every burn that can bear the fee is paid exactly once, and the accounts hold.
func TestRandom(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		layer := []string{"dev-native", "dev-fractional"}[seed%2]
		s := simulate(t, layer, seed, 250)
		t.Logf("seed %d: %s, %d burns, %d batches, %d reorganisations, %d kills, L1 height %d", seed, layer,
			len(s.burns), len(s.auditor.Settled())-1, s.reorgs, s.kills, s.l1.Tip().Height)
	}
}

func simulate(t *testing.T, layer string, seed uint64, steps int) *simulation {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, %s", seed, layer)
		}
	}()
	w := newWorld(t, layer, func(p2 *chains.Params) { p2.Peg.Refresh = 40 })
	w.mine(60) // coinbases to deposit
	w.link()
	w.mine(8) // deeper than any reorganisation below
	rng := rand.New(rand.NewPCG(seed, 77))
	s := &simulation{world: w, rng: rng, c: newCourt(t, w, rng, three(t)...)}
	s.c.lossy = true
	var err error
	s.auditor, err = settler.NewLedger(w.l2, w.l1)
	check(t, err)
	for step := range steps {
		s.operate()
		s.audit(step%25 == 0)
	}
	s.finish()
	return s
}

// operate does one thing.
func (s *simulation) operate() {
	s.t.Helper()
	s.vote = 1 + s.vote%3
	switch n := s.rng.IntN(100); {
	case n < 45:
		s.mine(1)
	case n < 55:
		s.unsealed()
	case n < 62:
		s.coin(s.deposit(200_000+s.rng.Int64N(800_000), 0))
	case n < 80:
		s.ask()
	case n < 85:
		s.reorg(1 + s.rng.Int32N(7))
		s.reorgs++
	case n < 90:
		s.c.kill(s.rng.IntN(3))
		s.kills++
	default:
		s.c.all(settler.Tick{})
	}
	s.claims()
	if i := s.rng.IntN(3); s.c.seats[i].machine == nil && s.rng.IntN(3) == 0 {
		s.c.start(i)
	}
	for i := range s.c.seats {
		if s.rng.IntN(3) > 0 {
			s.c.step(i, settler.Moved{})
		}
	}
	s.c.deliver()
}

// coin takes note of the claim's output: the claim's id does not depend on its witness.
func (s *simulation) coin(d *opened) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: d.tx.TxHash(), Index: 1 | 1<<30}, Sequence: 0xffffffff})
	tx.AddTxOut(wire.NewTxOut(d.tx.TxOut[1].Value*s.p2.UnitsPerSat(), d.terms.Script))
	s.coins = append(s.coins, wire.OutPoint{Hash: tx.TxHash()})
}

// claims puts the claims of all deposits into the pool that the layer has not.
func (s *simulation) claims() {
	s.t.Helper()
	for _, d := range s.open {
		if done, err := s.l2.Claimed(wire.OutPoint{Hash: d.tx.TxHash(), Index: 1}); err != nil || done {
			continue
		}
		claim := s.claim(d)
		if claim == nil {
			continue
		}
		for i, tx := range s.pool2 { // an older one may speak of a block that is gone
			if tx.TxHash() == claim.TxHash() {
				s.pool2[i], claim = claim, nil
				break
			}
		}
		if claim != nil {
			s.pool2 = append(s.pool2, claim)
		}
	}
}

// ask burns a part of a coin that is there.
func (s *simulation) ask() {
	s.t.Helper()
	for range 10 {
		if len(s.coins) == 0 {
			return
		}
		op := s.coins[s.rng.IntN(len(s.coins))]
		coin, err := s.l2.Coin(op)
		check(s.t, err)
		if coin == nil {
			continue
		}
		for _, tx := range s.pool2 {
			if !peg.IsClaim(tx) && tx.TxIn[0].PreviousOutPoint == op {
				return // it is on its way already
			}
		}
		sat := coin.Value / s.p2.UnitsPerSat()
		amount := min(sat, 20_000+s.rng.Int64N(100_000))
		if sat-amount < 20_000 {
			amount = sat
		}
		limit := uint32(15_000)
		if s.rng.IntN(8) == 0 {
			limit = 20 // no batch is that cheap
		}
		script, tx := s.burn(op, amount, limit)
		s.pool2, s.burns = append(s.pool2, tx), append(s.burns, asked{script, amount, limit})
		s.coins = append(s.coins, wire.OutPoint{Hash: tx.TxHash(), Index: 1})
		return
	}
}

// audit checks the accounts, and now and then counts everything anew.
func (s *simulation) audit(whole bool) {
	s.t.Helper()
	if err := s.auditor.Update(); err != nil {
		s.t.Fatalf("audit: %v", err)
	}
	supply, err := s.auditor.Supply()
	check(s.t, err)
	check(s.t, supply.Check())
	for i := range s.c.seats {
		if m := s.c.seats[i].machine; m != nil && m.Status().Refusal != nil {
			r := m.Status().Refusal
			if r.Name != settler.RefuseBehind && r.Name != settler.RefuseSigned {
				s.t.Fatalf("settler %d: %v", i, r)
			}
		}
		if s.c.seats[i].blamed > 0 {
			s.t.Fatalf("settler %d blames an honest one", i)
		}
	}
	if whole {
		s.count(supply)
	}
}

// count adds up what there is from the blocks alone, and reads a ledger from the start.
func (s *simulation) count(supply peg.Supply) {
	s.t.Helper()
	fresh, err := settler.NewLedger(s.l2, s.l1)
	check(s.t, err)
	check(s.t, fresh.Update())
	again, err := fresh.Supply()
	check(s.t, err)
	if again != supply || !reflect.DeepEqual(fresh.Settled(), s.auditor.Settled()) {
		s.t.Fatalf("supply %+v, read from the start %+v", supply, again)
	}
	ours := map[string]bool{string(settler.FirstLink(s.p2, s.p1, 0)[0].PkScript): true}
	unclaimed := int64(0)
	for _, d := range s.open {
		ours[string(d.tx.TxOut[1].PkScript)] = true
	}
	vault := int64(0)
	for op, out := range s.unspent(s.l1.Params(), s.l1) {
		if !ours[string(out.PkScript)] {
			continue
		}
		vault += out.Value
		for _, d := range s.open {
			if op.Hash != d.tx.TxHash() {
				continue
			}
			if done, err := s.l2.Claimed(op); err != nil || !done {
				unclaimed += out.Value
			}
		}
	}
	if want := supply.Vault + unclaimed + peg.LinkValue(s.p2, s.p1); vault != want {
		s.t.Fatalf("vault outputs of %d sat on L1, want %d (%d unclaimed)", vault, want, unclaimed)
	}
	money := int64(0)
	for _, out := range s.unspent(s.p2, s.l2) {
		money += out.Value
	}
	if want := (supply.Claimed - supply.Burned) * s.p2.UnitsPerSat(); money != want {
		s.t.Fatalf("%d units on the layer, want %d", money, want)
	}
}

// unspent reads a chain from its first block.
func (s *simulation) unspent(p *chains.Params, c interface {
	BlockAt(int32) (spv.Block, bool)
	Block(spv.Hash) ([]byte, error)
}) map[wire.OutPoint]*wire.TxOut {
	s.t.Helper()
	set := map[wire.OutPoint]*wire.TxOut{}
	for h := int32(1); ; h++ {
		at, ok := c.BlockAt(h)
		if !ok {
			return set
		}
		raw, err := c.Block(at.Hash)
		check(s.t, err)
		b, err := consensus.ParseBlock(p, raw)
		check(s.t, err)
		for _, tx := range b.Txs {
			for _, in := range tx.TxIn {
				delete(set, in.PreviousOutPoint)
			}
			for n, out := range tx.TxOut {
				if out.PkScript[0] != txscript.OP_RETURN {
					set[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(n)}] = out
				}
			}
		}
	}
}

// finish lets everybody live and hear until all that can be paid is.
func (s *simulation) finish() {
	s.t.Helper()
	s.c.lossy = false
	for i := range s.c.seats {
		if s.c.seats[i].machine == nil {
			s.c.start(i)
		}
	}
	for round := 0; ; round++ {
		s.claims()
		s.c.rounds(1)
		s.c.all(settler.Tick{})
		s.audit(false)
		if s.quiet() && round > 30 {
			break
		}
		if round > 300 {
			s.t.Fatalf("not all is paid: %+v", s.c.seats[0].machine.Status())
		}
	}
	s.audit(true)
	outs := map[string][]int64{}
	for h := int32(1); h <= s.l1.Tip().Height; h++ {
		at, _ := s.l1.BlockAt(h)
		for _, tx := range s.block(s.l1, at.Hash).Txs {
			for _, out := range tx.TxOut {
				outs[string(out.PkScript)] = append(outs[string(out.PkScript)], out.Value)
			}
		}
	}
	for _, b := range s.burns {
		got := outs[string(b.script)]
		if b.limit < 100 {
			if len(got) > 0 {
				s.t.Fatalf("burn with a limit of %d sat: paid %v of %d", b.limit, got, b.amount)
			}
			continue
		}
		if len(got) != 1 || got[0] >= b.amount || got[0] < b.amount-int64(b.limit) {
			s.t.Fatalf("burn of %d sat, limit %d: paid %v", b.amount, b.limit, got)
		}
	}
}

// quiet tells whether every burn that bears a fee is on the layer and paid.
func (s *simulation) quiet() bool {
	for _, b := range s.burns {
		if b.limit < 100 {
			continue
		}
		found := false
		for _, d := range s.auditor.Settled() {
			for _, p := range d.Payouts {
				found = found || bytes.Equal(p.Script, b.script)
			}
		}
		if !found {
			return false
		}
	}
	return true
}
