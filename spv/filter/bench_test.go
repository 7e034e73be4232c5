package filter

import (
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/btcutil/gcs"
	"github.com/btcsuite/btcd/btcutil/gcs/builder"
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/internal/testdata"
)

// BenchmarkMatchAny tests one filter for 1,000 scripts that are not in it. The library
// starts from the bytes too, as a client that reads filters from disk does.
func BenchmarkMatchAny(b *testing.B) {
	query := strangers(1000)
	run := func(name string, filter []byte, id chainhash.Hash) {
		key := builder.DeriveKey(&id)
		b.Run(name+"/library", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set, err := gcs.FromNBytes(builder.DefaultP, builder.DefaultM, filter)
				if err != nil {
					b.Fatal(err)
				}
				if found, err := set.MatchAny(key, query); err != nil || found {
					b.Fatal(found, err)
				}
			}
		})
		b.Run(name+"/matcher", func(b *testing.B) {
			m := NewMatcher(query)
			b.ReportAllocs()
			for b.Loop() {
				if found, err := m.MatchAny(filter, &id); err != nil || found {
					b.Fatal(found, err)
				}
			}
		})
	}
	for _, n := range []int{10, 300, 2500, 10_000} {
		filter, _, id := setOf(b, made("member", n))
		run(fmt.Sprint(n), filter, id)
	}
	block := parseBlock(b, testdata.Read(b, "merkleblock/bitcoin-mainnet-0830000.block.bz2"))
	filter, err := Build(block, nil)
	if err != nil {
		b.Fatal(err)
	}
	run("block830000", filter, block.BlockHash())
}
