package wallet

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkScale asks one wallet with a coin in each of its transactions, from ten thousand to a million of them, and
// opens it.
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
			b.Run("open", func(b *testing.B) { benchmarkOpen(b, w) })
		})
	}
}

// benchmarkOpen opens a wallet whose records are in memory, as a list, and says how much memory the open one takes.
func benchmarkOpen(b *testing.B, w *world) {
	var records list
	if err := w.log.Load(func(key, value []byte) error {
		records = append(records, Record{append([]byte(nil), key...), append([]byte(nil), value...)})
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	params, accounts, coins := w.c.Params(), w.accounts(w.c.Params()), len(w.c.unspent)
	w.c = nil
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		c, err := Open(params, accounts, records)
		if err != nil || len(c.unspent) != coins {
			b.Fatalf("%v, want %d coins", err, coins)
		}
		w.c = c
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
}

// list is a Log that is only read.
type list []Record

func (l list) Load(f func(key, value []byte) error) error {
	for _, r := range l {
		if err := f(r.Key, r.Value); err != nil {
			return err
		}
	}
	return nil
}

func (l list) Write([]Record) error { return errBroken }
