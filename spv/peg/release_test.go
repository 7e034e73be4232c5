package peg_test

import (
	"math/rand/v2"
	"testing"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
)

// sealings numbers layer blocks from 100.
func sealings(seals ...int32) (run []peg.Sealing) {
	for i, s := range seals {
		h := int32(100 + i)
		run = append(run, peg.Sealing{Block: spv.Block{Height: h, Hash: spv.Hash{byte(h)}}, Seal: s})
	}
	return run
}

func TestCut(t *testing.T) {
	p, _ := load(t, "layer-regtest")
	p.Peg.ReleaseSeals, p.Peg.ReleaseBlocks = 3, 5
	for _, c := range []struct {
		name string
		run  []peg.Sealing
		at   int32
		want int32 // 0: none
	}{
		{"nothing known", nil, 50, 0},
		{"no seals", sealings(-1, -1, -1), 50, 0},
		{"too few seals", sealings(10, 11), 50, 0},
		{"just enough, a block seals itself", sealings(10, 11, 12), 50, 100},
		{"the highest", sealings(10, 11, 12, 13, -1, 14), 50, 102},
		{"unsealed blocks between", sealings(-1, 10, -1, 11, 12, -1), 50, 101},
		{"too few L1 blocks", sealings(46, 47, 48), 50, 0},
		{"just enough L1 blocks", sealings(45, 47, 48), 50, 100},
		{"L1 blocks count from the lowest seal", sealings(40, 44, 46, 47, 48), 50, 101},
		{"seals above the batch's height", sealings(10, 11, 51, 52), 50, 0},
		{"a seal at the batch's height", sealings(10, 11, 50), 50, 100},
		{"seals out of order", sealings(47, 45, 48), 50, 100},
	} {
		got, ok := peg.Cut(p, c.run, c.at)
		if ok != (c.want != 0) || got.Height != c.want {
			t.Errorf("%s: %v %v, want height %d", c.name, got, ok, c.want)
		}
	}
}

// TestCutByDefinition tries every block of random runs against the sentence of section 8.
func TestCutByDefinition(t *testing.T) {
	p, _ := load(t, "layer-regtest")
	p.Peg.ReleaseSeals, p.Peg.ReleaseBlocks = 4, 12
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		var seals []int32
		for range r.IntN(60) {
			seals = append(seals, int32(r.IntN(120))-60)
		}
		run, at := sealings(seals...), int32(r.IntN(70))
		want := int32(0)
		for i := range run {
			n, first := 0, int32(1<<30)
			for _, s := range seals[i:] {
				if s >= 0 && s <= at {
					n++
					first = min(first, s)
				}
			}
			if n >= 4 && at >= first+12 {
				want = run[i].Block.Height
			}
		}
		if got, ok := peg.Cut(p, run, at); got.Height != want || ok != (want != 0) {
			t.Fatalf("seed %d: %v, want %d", seed, got, want)
		}
	}
}

func TestFeeRate(t *testing.T) {
	many := make([]uint16, peg.FeeVotes)
	for i := range many {
		many[i] = uint16(i + 1)
	}
	for _, c := range []struct {
		votes []uint16
		want  uint16 // 0: an error
	}{
		{nil, 0}, {make([]uint16, peg.FeeVotes+1), 0}, {[]uint16{7}, 7}, {[]uint16{9, 5}, 9}, {[]uint16{3, 1, 2}, 2},
		{[]uint16{1000, 1000, 1}, 500}, {many, 73},
	} {
		got, err := peg.FeeRate(c.votes)
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%d votes: %d, %v, want %d", len(c.votes), got, err, c.want)
		}
	}
}

func TestAttempt(t *testing.T) {
	p, _ := mainlike(t) // sign delay 6
	for _, c := range []struct {
		tip  int32
		want int // -1: not yet
	}{{3599, -1}, {3600, -1}, {3605, -1}, {3606, 0}, {3623, 0}, {3624, 1}, {3642, 2}, {1 << 30, peg.MaxAttempt}} {
		got, ok := peg.Attempt(p, 3600, c.tip)
		if !ok {
			got = -1
		}
		if got != c.want {
			t.Errorf("tip %d: attempt %d, want %d", c.tip, got, c.want)
		}
	}
	if got := peg.BatchHeight(p, 100); got != 3600 {
		t.Errorf("batch 100 at %d", got)
	}
}

func TestSupply(t *testing.T) {
	good := peg.Supply{Claimed: 1000, Burned: 400, Vault: 700, Unpaid: 100}
	for _, c := range []struct {
		name  string
		spoil func(*peg.Supply)
		ok    bool
	}{
		{"good", func(*peg.Supply) {}, true},
		{"empty", func(s *peg.Supply) { *s = peg.Supply{} }, true},
		{"vault short of a satoshi", func(s *peg.Supply) { s.Vault-- }, false},
		{"vault with one too many", func(s *peg.Supply) { s.Vault++ }, false},
		{"more burned than claimed", func(s *peg.Supply) { *s = peg.Supply{Claimed: 5, Burned: 6, Vault: 5, Unpaid: 6} }, false},
		{"more unpaid than burned", func(s *peg.Supply) { s.Unpaid, s.Vault = 500, 1100 }, false},
		{"negative", func(s *peg.Supply) { s.Burned, s.Unpaid = -1, 99 }, false},
	} {
		s := good
		c.spoil(&s)
		if err := s.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if got := good.Room(650); got != 50 {
		t.Errorf("room %d, want 50", got)
	}
	if got := good.Room(500); got != 0 {
		t.Errorf("room %d under a cap that is exceeded", got)
	}
}

// TestSupplyOverBatches plays a peg for a while: the audit holds to the satoshi after every
// batch.
func TestSupplyOverBatches(t *testing.T) {
	p, l1 := mainlike(t)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := newState(0, 0)
		var account peg.Supply
		serial, paid := 0, 0
		for round := range 25 {
			s.Height += p.Peg.Epoch
			for range r.IntN(5) {
				serial++
				mark := spv.Hash{byte(serial)}
				s.Coins = append(s.Coins, peg.Coin{Outpoint: outpoint(serial), Height: s.Height - 30, Value: 500_000 + r.Int64N(2e6), Mark: &mark})
				account.Claimed += s.Coins[len(s.Coins)-1].Value
			}
			left := account.Claimed - account.Burned
			for left >= 100_000 && (r.IntN(3) > 0 || round > 20) {
				serial++
				amount := 100_000 + r.Int64N(min(left, peg.MaxBurn)-100_000+1)
				if round > 20 {
					amount = min(left, peg.MaxBurn)
				}
				s.Burns = append(s.Burns, peg.Unpaid{Burn: peg.Burn{Script: payTo(byte(serial)), MaxFee: 90_000, Amount: amount},
					Outpoint: outpoint(serial), Height: int32(round), Index: uint32(serial)})
				account.Burned += amount
				left -= amount
			}
			s.FeeRate = uint16(1 + r.IntN(20))
			b, _ := derive(t, p, l1, s)
			if b != nil {
				checkBatch(t, p, l1, s, b)
				paid += len(b.Payouts)
				apply(&s, b)
			}
			account.Vault, account.Unpaid = 0, 0
			for _, c := range s.Coins {
				account.Vault += c.Value
			}
			for _, u := range s.Burns {
				account.Unpaid += u.Amount
			}
			if err := account.Check(); err != nil {
				t.Fatalf("seed %d, round %d: %v", seed, round, err)
			}
		}
		if paid == 0 {
			t.Errorf("seed %d: nothing was paid", seed)
		}
	}
}

// apply moves a state past a batch as L1 would show it.
func apply(s *peg.State, b *peg.Batch) {
	spent, gone := map[string]bool{}, map[string]bool{}
	for _, in := range b.Tx.TxIn {
		spent[in.PreviousOutPoint.String()] = true
	}
	for _, x := range b.Payouts {
		gone[x.Burn.String()] = true
	}
	var coins []peg.Coin
	for _, c := range s.Coins {
		if !spent[c.Outpoint.String()] {
			coins = append(coins, c)
		}
	}
	var burns []peg.Unpaid
	for _, u := range s.Burns {
		if !gone[u.Outpoint.String()] {
			burns = append(burns, u)
		}
	}
	s.Connector.Hash, s.Connector.Index = b.Tx.TxHash(), 0
	if len(b.Tx.TxOut) == len(b.Payouts)+3 {
		change := s.Connector
		change.Index = 2
		coins = append(coins, peg.Coin{Outpoint: change, Height: s.Height + 8, Value: b.Tx.TxOut[2].Value})
	}
	s.Coins, s.Burns = coins, burns
}
