package peg_test

import (
	"bytes"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// The reference derives who is paid and from what in the words of section 4.3, without
// building a transaction: sizes are added up from BIP141 and the scripts' known lengths.

// refBatch returns the burns that are paid, each one's share of the fee and the coins spent.
func refBatch(p, l1 *chains.Params, s peg.State) (paid []peg.Unpaid, share int64, spent []peg.Coin) {
	coins := append([]peg.Coin(nil), s.Coins...)
	sort.Slice(coins, func(i, j int) bool { return olderCoin(coins[i], coins[j]) })
	vault := int64(0)
	for _, c := range coins {
		vault += c.Value
	}
	waiting := append([]peg.Unpaid(nil), s.Burns...)
	sort.Slice(waiting, func(i, j int) bool {
		a, b := waiting[i], waiting[j]
		if a.Height != b.Height {
			return a.Height < b.Height
		}
		if a.Index != b.Index {
			return a.Index < b.Index
		}
		return a.Outpoint.Index < b.Outpoint.Index
	})
	for {
		var turn []peg.Unpaid
		total := int64(0)
		for _, u := range waiting {
			if u.Height > s.Cut.Height {
				continue
			}
			if len(turn) == 200 || total+u.Amount > max(1e8, vault/10) {
				break
			}
			turn, total = append(turn, u), total+u.Amount
		}
		if len(turn) == 0 {
			return nil, 0, nil
		}
		n := len(turn)
		for ; n > 0; n-- {
			if spent = refCoins(p, s, coins, total); spent != nil {
				break
			}
			total -= turn[n-1].Amount
		}
		if n == 0 {
			waiting = without(waiting, turn[0])
			continue
		}
		turn = turn[:n]
		share = refShare(p, s, turn, spent, total)
		before := len(waiting)
		for _, u := range turn {
			if int64(u.MaxFee) < share || u.Amount-share < peg.Dust(l1, u.Script) {
				waiting = without(waiting, u)
			}
		}
		if len(waiting) == before {
			return turn, share, spent
		}
	}
}

func olderCoin(a, b peg.Coin) bool {
	if a.Height != b.Height {
		return a.Height < b.Height
	}
	if c := bytes.Compare(a.Outpoint.Hash[:], b.Outpoint.Hash[:]); c != 0 {
		return c < 0
	}
	return a.Outpoint.Index < b.Outpoint.Index
}

func without(list []peg.Unpaid, u peg.Unpaid) (out []peg.Unpaid) {
	for _, x := range list {
		if x.Outpoint != u.Outpoint {
			out = append(out, x)
		}
	}
	return out
}

// refCoins tries the oldest, then the most valuable.
func refCoins(p *chains.Params, s peg.State, coins []peg.Coin, total int64) []peg.Coin {
	fits := func(some []peg.Coin) bool {
		rest := -total
		for _, c := range some {
			rest += c.Value
		}
		return rest == 0 || rest >= 330
	}
	for n := 1; n <= len(coins) && n <= 40; n++ {
		next := n < len(coins) && n < 40 && s.Height-coins[n].Height >= p.Peg.Refresh
		if !next && fits(coins[:n]) {
			return coins[:n]
		}
	}
	rich := append([]peg.Coin(nil), coins...)
	sort.SliceStable(rich, func(i, j int) bool { return rich[i].Value > rich[j].Value })
	for n := 1; n <= len(rich) && n <= 40; n++ {
		if fits(rich[:n]) {
			out := append([]peg.Coin(nil), rich[:n]...)
			sort.Slice(out, func(i, j int) bool { return olderCoin(out[i], out[j]) })
			return out
		}
	}
	return nil
}

// refShare adds up weights: 4 for a byte outside witnesses, 1 for one inside.
func refShare(p *chains.Params, s peg.State, turn []peg.Unpaid, spent []peg.Coin, total int64) int64 {
	change := -total
	for _, c := range spent {
		change += c.Value
	}
	outs := len(turn) + 2
	stripped := 4 + 4 + 1 + 41*(len(spent)+1) + 43 + 83 // version, locktime, counts, inputs, connector, marker
	if change > 0 {
		stripped += 43
		outs++
	}
	if outs < 0xfd {
		stripped++
	} else {
		stripped += 3
	}
	for _, u := range turn {
		stripped += 9 + len(u.Script)
	}
	weight := 4*stripped + 2
	for _, set := range append([]int{s.Set}, setsOf(spent)...) {
		g := p.Settlers[set]
		script := 34*len(g.Keys) + 2
		size := 1
		if script >= 0xfd {
			size = 3
		}
		weight += 1 + 65*g.K + (len(g.Keys) - g.K) + size + script + 1 + 65
	}
	vsize := (int64(weight) + 3) / 4
	num, den := int64(s.FeeRate), int64(1)
	for range s.Attempt {
		num, den = 3*num, 2*den
	}
	fee := vsize * num / den
	if fee*den < vsize*num {
		fee++
	}
	m := int64(len(turn))
	share := fee / m
	if share*m < fee {
		share++
	}
	return share
}

func setsOf(coins []peg.Coin) (out []int) {
	for _, c := range coins {
		out = append(out, c.Set)
	}
	return out
}

func TestBatchReference(t *testing.T) {
	p, l1 := mainlike(t)
	p.Settlers = append(p.Settlers, chains.Settlers{From: 20_000, To: 1 << 30, K: 3, KR: 2, Keys: settlerKeys(5)})
	batches := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		s := randomState(r)
		paid, share, spent := refBatch(p, l1, s)
		b, waiting := derive(t, p, l1, s)
		if (b == nil) != (len(paid) == 0) {
			t.Fatalf("seed %d: batch %v, reference pays %d", seed, b != nil, len(paid))
		}
		if b == nil {
			continue
		}
		batches++
		checkBatch(t, p, l1, s, b)
		if len(b.Payouts) != len(paid) || b.Share != share || len(b.Spends) != len(spent)+1 || len(waiting) != len(s.Burns)-len(paid) {
			t.Fatalf("seed %d: %d payouts at %d from %d inputs, want %d at %d from %d", seed,
				len(b.Payouts), b.Share, len(b.Spends), len(paid), share, len(spent)+1)
		}
		for i := range paid {
			if b.Payouts[i].Burn != paid[i].Outpoint || b.Payouts[i].Value != paid[i].Amount-share {
				t.Fatalf("seed %d: payout %d is %+v, want %v", seed, i, b.Payouts[i], paid[i].Outpoint)
			}
		}
		for i := range spent {
			if b.Tx.TxIn[i+1].PreviousOutPoint != spent[i].Outpoint {
				t.Fatalf("seed %d: input %d is %v, want %v", seed, i+1, b.Tx.TxIn[i+1].PreviousOutPoint, spent[i].Outpoint)
			}
		}
	}
	if batches < 100 {
		t.Errorf("only %d batches", batches)
	}
}

func randomState(r *rand.Rand) peg.State {
	s := newState(r.IntN(70), r.IntN(260))
	s.FeeRate, s.Attempt, s.Set = uint16(1+r.IntN(100)), r.IntN(4), r.IntN(2)
	s.Cut.Height = int32(100 + r.IntN(80))
	old := r.IntN(2) * 15_000
	for i := range s.Coins {
		s.Coins[i].Set, s.Coins[i].Value = r.IntN(2), 500_000+r.Int64N(1+r.Int64N(40_000_000))
		s.Coins[i].Height = int32(36_000 - r.IntN(15_000+old))
	}
	for i := range s.Burns {
		s.Burns[i].Amount, s.Burns[i].MaxFee = 100_000+r.Int64N(3_000_000), r.Uint32N(1+r.Uint32N(60_000))
	}
	return s
}
