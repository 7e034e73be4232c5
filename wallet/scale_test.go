package wallet

import (
	"fmt"
	"testing"
)

// BenchmarkScale asks one wallet with a coin in each of its transactions, from ten thousand to a million of them.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := rich(b, n)
			b.Run("balance", func(b *testing.B) {
				for b.Loop() {
					if w.c.Balance().Coins != n {
						b.Fatal("coins are missing")
					}
				}
			})
			b.Run("history", func(b *testing.B) {
				for b.Loop() {
					if len(w.c.History(n*9/10, 100)) != 100 {
						b.Fatal("rows are missing")
					}
				}
			})
			r := Request{Rate: 3000, Change: 2, Recipients: []Recipient{{Script: w.stranger(), Amount: 1_000_000_000}}}
			b.Run("draft", func(b *testing.B) {
				for b.Loop() {
					if _, err := w.c.Draft(r, w.rng); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
