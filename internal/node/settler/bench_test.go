package settler_test

import (
	"encoding/binary"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// large returns a layer with n settlers of whom k sign, and their keys.
func large(t testing.TB, n, k int) (keys []daemon.Signer, p, l1 *chains.Params) {
	t.Helper()
	p, l1 = testchain.Easy(t, "dev-native"), testchain.Easy(t, "dev")
	set := chains.Settlers{To: 1 << 30, K: k, KR: 1}
	for i := range n {
		key := keyFile(t, i+1)
		keys, set.Keys = append(keys, key), append(set.Keys, key.Keys()[0])
	}
	p.Settlers = []chains.Settlers{set}
	return keys, p, l1
}

// largeState has so many burns, and coins of which all are needed.
func largeState(p *chains.Params, burns, coins int) peg.State {
	s := peg.State{Height: 300 * p.Peg.Epoch, Cut: spv.Block{Height: 5000}, FeeRate: 2, Connector: wire.OutPoint{Hash: spv.Hash{31: 1}}}
	amount := int64(100_000)
	for i := range burns {
		b := peg.Unpaid{Height: int32(i + 1), Burn: peg.Burn{Script: append([]byte{0, 20}, make([]byte, 20)...), MaxFee: 50_000, Amount: amount}}
		binary.BigEndian.PutUint32(b.Script[2:], uint32(i))
		binary.BigEndian.PutUint32(b.Outpoint.Hash[:], uint32(i))
		s.Burns = append(s.Burns, b)
	}
	for i := range coins {
		c := peg.Coin{Height: int32(i + 1), Value: amount*int64(burns)/int64(coins) + 1000, Mark: &spv.Hash{byte(i)}}
		binary.BigEndian.PutUint32(c.Outpoint.Hash[:], uint32(i)+1)
		s.Coins = append(s.Coins, c)
	}
	return s
}

// BenchmarkDerive and its siblings show what a batch of 200 payouts from 40 vault coins
// takes with 11 of 15 settlers.
func BenchmarkDerive(b *testing.B) {
	_, p, l1 := large(b, 15, 11)
	s := largeState(p, peg.MaxPayouts, peg.MaxCoins)
	for b.Loop() {
		batch, _, err := peg.Derive(p, l1, s)
		if err != nil || len(batch.Payouts) != peg.MaxPayouts || len(batch.Tx.TxIn) != 1+peg.MaxCoins {
			b.Fatalf("%+v, %v", batch, err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	keys, p, l1 := large(b, 15, 11)
	batch, _, err := peg.Derive(p, l1, largeState(p, peg.MaxPayouts, peg.MaxCoins))
	check(b, err)
	for b.Loop() {
		hashes, err := batch.SigHashes()
		check(b, err)
		_, err = keys[0].Sign(b.Context(), &settler.Sign{Batch: batch, Hashes: hashes})
		check(b, err)
	}
}

func BenchmarkAssemble(b *testing.B) {
	keys, p, l1 := large(b, 15, 11)
	batch, _, err := peg.Derive(p, l1, largeState(p, peg.MaxPayouts, peg.MaxCoins))
	check(b, err)
	hashes, err := batch.SigHashes()
	check(b, err)
	all := make([]peg.Signatures, len(hashes))
	for _, k := range keys[:11] {
		sigs, err := k.Sign(b.Context(), &settler.Sign{Batch: batch, Hashes: hashes})
		check(b, err)
		for i := range sigs {
			if all[i] == nil {
				all[i] = peg.Signatures{}
			}
			for place, sig := range sigs[i] {
				all[i][place] = sig
			}
		}
	}
	for b.Loop() {
		_, err := batch.Sign(all)
		check(b, err)
	}
}
