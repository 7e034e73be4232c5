package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/layeredpow/lamina/internal/app"
)

// soakSwap is a swap of money of the L1 for that of the issued layer.
type soakSwap struct {
	maker   int
	answer  string
	numbers [2]uint32 // by wallet
	alone   bool      // who pays second never does
	ended   bool
	turn    int
	secret  []byte // not to be seen before who pays second has paid
}

// Blocks of the L1 from the offer to the second expiry, and from that to the first. Who is to be redeemed gets time enough for all
// faults; what is to be taken back must not last.
const (
	soakLong, soakLongGap   = 900, 1500
	soakShort, soakShortGap = 80, 75
)

// swap takes a swap a step further, or begins one.
func (w *soakWorld) swap() {
	var open []*soakSwap
	for _, s := range w.swaps {
		if !s.ended {
			open = append(open, s)
		}
	}
	if len(open) == 0 || len(open) < 3 && w.rng.IntN(3) == 0 {
		w.beginSwap()
		return
	}
	s := open[w.rng.IntN(len(open))]
	now, err := w.advance(s)
	s.ended = now[0].Move == "rest" && now[1].Move == "rest"
	w.note("swap %v: %s, %s: %v", s.numbers, now[0].Phase, now[1].Phase, err)
}

// beginSwap has an offer made, taken and accepted. Whatever is in the way, nobody has paid yet.
func (w *soakWorld) beginSwap() {
	s := &soakSwap{maker: w.rng.IntN(2), alone: len(w.swaps)%3 == 1}
	taker := 1 - s.maker
	var height int
	if err := w.rpc(0, w.l1, &height, "getblockcount"); err != nil {
		w.note("swap: %v", err)
		return
	}
	t2, t1 := height+soakLong, height+soakLong+soakLongGap
	if s.alone {
		t2, t1 = height+soakShort, height+soakShort+soakShortGap
	}
	sides := []string{w.l1 + "=0." + fmt.Sprint(10+w.rng.IntN(20)), w.issued + "=0." + fmt.Sprint(10+w.rng.IntN(20))}
	give, second := w.rng.IntN(2), w.rng.IntN(2)
	if s.alone { // who pays first pays on the L1: so the expiries may be nearer
		give = second
	}
	offer := []string{"swap", "offer", "--give", sides[give], "--get", sides[1-give], "--t1", fmt.Sprint(t1), "--t2", fmt.Sprint(t2), "--yes"}
	if second == 1 {
		offer = append(offer, "--second")
	}
	var offered, taken app.Swap
	err := w.signed(s.maker, &offered, offer...)
	if err == nil {
		err = w.signed(taker, &taken, "swap", "take", offered.Offer, "--yes")
	}
	if err != nil {
		w.note("swap: %v", err)
		return
	}
	s.answer = taken.Answer
	s.numbers[s.maker], s.numbers[taker] = offered.Number, taken.Number
	s.secret = w.swapSecret(s, &taken)
	w.swaps = append(w.swaps, s)
	_, err = w.advance(s)
	w.note("swap %v of %s: %v", s.numbers, w.wallets[s.maker].name, err)
}

// advance does for both sides what is to be done.
func (w *soakWorld) advance(s *soakSwap) (now [2]app.Swap, err error) {
	for i := range now {
		n := fmt.Sprint(s.numbers[i])
		if err := w.of(i, &now[i], "swap", "status", n); err != nil {
			return now, err
		}
		x := &now[i]
		switch {
		case x.Phase == "offered":
			err = w.signed(i, x, "swap", "accept", n, s.answer)
		case x.Signed != nil || x.Move == "fund" && len(x.Refunds) == 0:
			if x.Role == "responder" {
				if s.alone {
					continue
				}
				w.search(soakSecrets{fmt.Sprintf("secret of the swap %v", s.numbers): s.secret})
			}
			err = w.signed(i, nil, "swap", "fund", n, "--yes", "-o", w.path(w.next("refunds")))
		case x.Move == "redeem" || x.Move == "refund":
			if s.turn++; s.turn%2 == 0 {
				err = w.signed(i, x, "swap", x.Move, n)
			} else { // its daemon does the rest
				err = w.signed(i, nil, "wallet", "unlock", w.wallets[i].name, "--for", soakUnlock)
			}
		}
		if err != nil {
			return now, err
		}
	}
	return now, nil
}

// finishSwaps takes all swaps to their ends, mines to their expiries where nobody has to do anything before, and looks at how they
// ended: both sides have what they wanted, or both have what was theirs.
func (w *soakWorld) finishSwaps() {
	for _, s := range w.swaps {
		var now [2]app.Swap
		eager := time.Now().Add(soakPatience)
		mined := int64(0)
		w.untilStuck(fmt.Sprintf("the end of the swap %v", s.numbers), func() (_ int64, err error) {
			if now, err = w.advance(s); err != nil {
				return mined, err
			}
			if now[0].Move == "rest" && now[1].Move == "rest" {
				return mined, nil
			}
			if idle := now[0].Move == "wait" || now[1].Move == "wait"; idle && (s.alone || time.Now().After(eager)) {
				mined = int64(w.mineTo(max(now[0].Until, now[1].Until)))
			}
			return mined, fmt.Errorf("%+v, %+v", now[0], now[1])
		})
		ends := []string{now[0].Phase, now[1].Phase}
		slices.Sort(ends)
		switch end := fmt.Sprint(ends); end {
		case "[redeemed redeemed]", "[refunded refunded]", "[dropped refunded]", "[dropped dropped]":
			w.note("swap %v: %s", s.numbers, end)
			s.ended = true
		default:
			w.fail("the swap %v ended %s", s.numbers, end)
		}
	}
}

// mineTo has the L1 reach a height, a piece at a time, and returns how high it is, that height at most.
func (w *soakWorld) mineTo(height int32) int32 {
	var tip int32
	if err := w.rpc(0, w.l1, &tip, "getblockcount"); err == nil && tip < height {
		w.mined(w.generate(0, 0, w.l1, min(int(height-tip), 200)))
	}
	return min(tip, height)
}
