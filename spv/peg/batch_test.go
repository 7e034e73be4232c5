package peg_test

import (
	"bytes"
	"crypto/sha256"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

func doubleSHA(b []byte) spv.Hash {
	once := sha256.Sum256(b)
	return sha256.Sum256(once[:])
}

// outpoint is one told apart by a number.
func outpoint(n int) wire.OutPoint {
	return wire.OutPoint{Hash: doubleSHA([]byte{byte(n), byte(n >> 8), byte(n >> 16)}), Index: uint32(n % 3)}
}

// newState has so many coins of 3,000,000 sat and burns of 300,000.
func newState(coins, burns int) peg.State {
	s := peg.State{Height: 36_000, Cut: spv.Block{Height: 900, Hash: spv.Hash{7}}, FeeRate: 10, Connector: outpoint(1 << 20)}
	for i := range coins {
		c := peg.Coin{Outpoint: outpoint(i), Height: int32(30_000 + i/2), Value: 3_000_000}
		if i%3 != 0 {
			mark := spv.Hash{byte(i)}
			c.Mark = &mark
		}
		s.Coins = append(s.Coins, c)
	}
	all := []string{"p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr"}
	for i := range burns {
		s.Burns = append(s.Burns, peg.Unpaid{Burn: peg.Burn{Script: forms()[all[i%5]], MaxFee: 200_000, Amount: 300_000},
			Outpoint: outpoint(1<<21 + i), Height: int32(100 + i/4), Index: uint32(i % 4)})
	}
	return s
}

func derive(t testing.TB, p, l1 *chains.Params, s peg.State) (*peg.Batch, []peg.Waiting) {
	t.Helper()
	b, waiting, err := peg.Derive(p, l1, s)
	if err != nil {
		t.Fatal(err)
	}
	return b, waiting
}

// checkBatch verifies everything that must hold of any batch, from its transaction alone.
func checkBatch(t *testing.T, p, l1 *chains.Params, s peg.State, b *peg.Batch) {
	t.Helper()
	values := map[wire.OutPoint]int64{s.Connector: peg.LinkValue(p, l1)}
	for _, c := range s.Coins {
		values[c.Outpoint] = c.Value
	}
	in, out := int64(0), int64(0)
	for i, txin := range b.Tx.TxIn {
		v, ok := values[txin.PreviousOutPoint]
		if !ok || v != b.Spends[i].Value || txin.Sequence != 0xfffffffd {
			t.Fatalf("input %d: %v spends what is not there, or twice", i, txin.PreviousOutPoint)
		}
		delete(values, txin.PreviousOutPoint)
		in += v
	}
	for _, o := range b.Tx.TxOut {
		out += o.Value
	}
	m := int64(len(b.Payouts))
	fee := in - out
	if fee != b.Share*m {
		t.Errorf("fee %d, want %d payouts at %d", fee, m, b.Share)
	}
	rate := new(big.Rat).Mul(big.NewRat(int64(s.FeeRate), 1), power(big.NewRat(3, 2), s.Attempt))
	least := new(big.Rat).Mul(rate, big.NewRat(b.VSize, 1))
	if got := big.NewRat(fee, 1); got.Cmp(least) < 0 || got.Cmp(new(big.Rat).Add(least, big.NewRat(m+1, 1))) > 0 {
		t.Errorf("fee %d, want %s and less than a satoshi more a payout", fee, least.FloatString(2))
	}
	if b.Tx.TxIn[0].PreviousOutPoint != s.Connector || len(b.Tx.TxIn) > 41 || b.Tx.Version != 2 || b.Tx.LockTime != uint32(s.Height) {
		t.Errorf("form of %d inputs, version %d, locktime %d", len(b.Tx.TxIn), b.Tx.Version, b.Tx.LockTime)
	}
	if err := blockchain.CheckTransactionSanity(btcutil.NewTx(b.Tx)); err != nil {
		t.Error(err)
	}
	for _, u := range s.Burns {
		paid := slices.ContainsFunc(b.Payouts, func(x peg.Payout) bool { return x.Burn == u.Outpoint })
		if err := peg.VerifyPayout(b.Tx, b.Payouts, &u); (err == nil) != paid {
			t.Errorf("burn %v: paid %v, but %v", u.Outpoint, paid, err)
		}
	}
}

func power(x *big.Rat, n int) *big.Rat {
	r := big.NewRat(1, 1)
	for range n {
		r.Mul(r, x)
	}
	return r
}

// TestBatchSigned signs a batch by two sets of settlers and runs every input.
func TestBatchSigned(t *testing.T) {
	p, l1 := mainlike(t)
	p.Settlers = append(p.Settlers, chains.Settlers{From: 20_000, To: 1 << 30, K: 3, KR: 2, Keys: settlerKeys(5)})
	s := newState(6, 30)
	s.Coins[2].Set, s.Set, s.Burns[3].Amount = 1, 1, 400_000
	s.Coins[4].Height = 36_000 - 12_960 // just old enough for a refresh
	s.Coins[5].Height = 36_000 - 12_959
	b, waiting := derive(t, p, l1, s)
	if b == nil || len(waiting) != 0 || len(b.Payouts) != 30 {
		t.Fatalf("%d wait", len(waiting))
	}
	checkBatch(t, p, l1, s, b)
	hashes, err := b.SigHashes()
	if err != nil {
		t.Fatal(err)
	}
	sigs := make([]peg.Signatures, len(hashes))
	for i := range hashes {
		sigs[i] = signAll(t, hashes[i], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
		if err := b.Spends[i].CheckSignature(2, hashes[i], sigs[i][2]); err != nil {
			t.Error(err)
		}
		if b.Spends[i].CheckSignature(1, hashes[i], sigs[i][2]) == nil || b.Spends[i].CheckSignature(77, hashes[i], sigs[i][2]) == nil {
			t.Error("a signature is taken for another settler's")
		}
		sigs[i][1] = [64]byte{1} // a bad signature does not spoil the good ones
	}
	if _, err := b.Sign(sigs[1:]); err == nil {
		t.Error("signed without one input")
	}
	tx, err := b.Sign(sigs)
	if err != nil {
		t.Fatal(err)
	}
	if tx.TxHash() != b.Tx.TxHash() {
		t.Error("signing changes the txid")
	}
	if weight := blockchain.GetTransactionWeight(btcutil.NewTx(tx)); (weight+3)/4 != b.VSize || weight > 400_000 {
		t.Errorf("weight %d, reckoned %d vB", weight, b.VSize)
	}
	prevouts := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range tx.TxIn {
		prevouts.AddPrevOut(in.PreviousOutPoint, wire.NewTxOut(b.Spends[i].Value, b.Spends[i].Vault.PkScript))
	}
	for i := range tx.TxIn {
		if err := run(tx, i, prevouts); err != nil {
			t.Errorf("input %d: %v", i, err)
		}
	}
	if want := peg.NewVault(&p.Settlers[1], 25920, nil).PkScript; !bytes.Equal(tx.TxOut[0].PkScript, want) || !bytes.Equal(tx.TxOut[2].PkScript, want) {
		t.Error("connector and change do not go to the newest set")
	}
	for _, i := range []int{0, 3, 7, 8} {
		delete(sigs[1], i)
	}
	if _, err := b.Sign(sigs); err == nil || !strings.Contains(err.Error(), "input 1") {
		t.Errorf("signed by too few: %v", err)
	}
}

// TestBatchInputs says which coins are spent.
func TestBatchInputs(t *testing.T) {
	p, l1 := mainlike(t)
	small := func(n int, value int64, height int32) (c []peg.Coin) {
		for i := range n {
			c = append(c, peg.Coin{Outpoint: outpoint(i), Height: height + int32(i), Value: value})
		}
		return c
	}
	for _, c := range []struct {
		name   string
		coins  []peg.Coin
		amount int64
		want   []int // heights of the coins spent
	}{
		{"the oldest suffices", small(5, 1_000_000, 30_000), 500_000, []int{30_000}},
		{"exactly, without change", small(5, 1_000_000, 30_000), 1_000_000, []int{30_000}},
		{"change would be dust", small(5, 1_000_000, 30_000), 1_000_000 - 329, []int{30_000, 30_001}},
		{"change just above dust", small(5, 1_000_000, 30_000), 1_000_000 - 330, []int{30_000}},
		{"refresh", append(small(5, 1_000_000, 23_038), peg.Coin{Outpoint: outpoint(9), Height: 35_000, Value: 1e9}), 500_000,
			[]int{23_038, 23_039, 23_040}},
		{"the richest, where forty of the oldest are too little", append(small(60, 500_000, 30_000),
			peg.Coin{Outpoint: outpoint(90), Height: 35_000, Value: 50_000_000}), 59_900_000, append(seq(30_000, 20), 35_000)},
	} {
		s := newState(0, 1)
		s.Coins, s.Burns[0].Amount = c.coins, c.amount
		b, waiting := derive(t, p, l1, s)
		if b == nil {
			t.Errorf("%s: no batch: %v", c.name, waiting)
			continue
		}
		checkBatch(t, p, l1, s, b)
		var got []int
		for _, in := range b.Tx.TxIn[1:] {
			i := slices.IndexFunc(s.Coins, func(k peg.Coin) bool { return k.Outpoint == in.PreviousOutPoint })
			got = append(got, int(s.Coins[i].Height))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: coins of heights %v, want %v", c.name, got, c.want)
		}
		if change := len(b.Tx.TxOut) == 4; change != (c.name != "exactly, without change") {
			t.Errorf("%s: %d outputs", c.name, len(b.Tx.TxOut))
		}
	}
}

func seq(from, n int) (out []int) {
	for i := range n {
		out = append(out, from+i)
	}
	return out
}

// TestBatchWaits says which burns wait, and why.
func TestBatchWaits(t *testing.T) {
	p, l1 := mainlike(t)
	for _, c := range []struct {
		name  string
		spoil func(*peg.State)
		paid  int
		why   string
	}{
		{"all are paid", func(*peg.State) {}, 10, ""},
		{"above the cut", func(s *peg.State) { s.Cut.Height = 100 }, 4, "above the cut"},
		{"fee limit", func(s *peg.State) { s.Burns[3].MaxFee = 10 }, 9, "above its limit of 10"},
		{"dust", func(s *peg.State) { s.FeeRate, s.Burns = 500, s.Burns[:1] }, 0, "above its limit"},
		{"dust after the fee", func(s *peg.State) {
			s.FeeRate, s.Burns = 500, s.Burns[:1]
			s.Burns[0].MaxFee = 1 << 31
		}, 0, "dust below"},
		{"no coins", func(s *peg.State) { s.Coins = nil }, 0, "vault coins give"},
		{"coins for some", func(s *peg.State) { s.Coins = s.Coins[:1]; s.Coins[0].Value = 1_000_000 }, 3, "its turn"},
		{"more than forty coins give, behind it others", func(s *peg.State) {
			s.Coins = s.Coins[:1]
			s.Burns[0].Amount = 3_000_001
		}, 9, "vault coins give"},
		{"a batch's limit", func(s *peg.State) {
			s.Coins[0].Value = 1e9 - 57_000_000 // the vault is worth 10 times the limit
			for i := range s.Burns {
				s.Burns[i].Amount = 30_000_000
			}
		}, 3, "100000000 sat"},
		{"exactly a batch's limit", func(s *peg.State) {
			s.Coins[0].Value = 2e8
			s.Burns[0].Amount = 100_000_000
		}, 1, "100000000 sat"},
		{"a tenth of a large vault", func(s *peg.State) {
			s.Coins[0].Value = 2e9
			for i := range s.Burns {
				s.Burns[i].Amount = 30_000_000
			}
		}, 6, "205700000 sat"},
	} {
		s := newState(20, 10)
		c.spoil(&s)
		b, waiting := derive(t, p, l1, s)
		paid := 0
		if b != nil {
			checkBatch(t, p, l1, s, b)
			paid = len(b.Payouts)
		}
		if paid != c.paid || paid+len(waiting) != len(s.Burns) {
			t.Errorf("%s: %d paid, %d wait, want %d paid: %v", c.name, paid, len(waiting), c.paid, waiting)
		}
		for _, w := range waiting {
			if !strings.Contains(w.Why, c.why) {
				t.Errorf("%s: burn %v waits because %q, want %q", c.name, w.Burn, w.Why, c.why)
			}
		}
	}
}

// TestFeeLimitIsInclusive: a burn that can just bear its share is paid.
func TestFeeLimitIsInclusive(t *testing.T) {
	p, l1 := mainlike(t)
	s := newState(20, 10)
	b, _ := derive(t, p, l1, s)
	for _, c := range []struct {
		limit int64
		paid  int
	}{{b.Share, 10}, {b.Share - 1, 9}} {
		s.Burns[4].MaxFee = uint32(c.limit)
		if b, _ := derive(t, p, l1, s); len(b.Payouts) != c.paid {
			t.Errorf("limit %d: %d paid, want %d", c.limit, len(b.Payouts), c.paid)
		}
	}
}

// TestCheapBurnsDoNotBlock: burns that never bear a fee cost the others nothing.
func TestCheapBurnsDoNotBlock(t *testing.T) {
	p, l1 := mainlike(t)
	s := newState(30, 1000)
	for i := range 950 {
		s.Burns[i].MaxFee = 1
	}
	b, waiting := derive(t, p, l1, s)
	if b == nil || len(b.Payouts) != 50 || len(waiting) != 950 {
		t.Fatalf("%d wait", len(waiting))
	}
	checkBatch(t, p, l1, s, b)
}

func TestBatchRefusesState(t *testing.T) {
	for name, spoil := range map[string]func(*chains.Params, *peg.State){
		"height":              func(_ *chains.Params, s *peg.State) { s.Height++ },
		"height 0":            func(_ *chains.Params, s *peg.State) { s.Height = 0 },
		"no fee rate":         func(_ *chains.Params, s *peg.State) { s.FeeRate = 0 },
		"fee rate":            func(_ *chains.Params, s *peg.State) { s.FeeRate = 501 },
		"attempt":             func(_ *chains.Params, s *peg.State) { s.Attempt = 21 },
		"negative attempt":    func(_ *chains.Params, s *peg.State) { s.Attempt = -1 },
		"settlers gone":       func(p *chains.Params, _ *peg.State) { p.Settlers[0].To = 35_999 },
		"connector's set":     func(_ *chains.Params, s *peg.State) { s.Set = 1 },
		"coin's set":          func(_ *chains.Params, s *peg.State) { s.Coins[0].Set = -1 },
		"coin from above":     func(_ *chains.Params, s *peg.State) { s.Coins[0].Height = 36_001 },
		"coin twice":          func(_ *chains.Params, s *peg.State) { s.Coins[3].Outpoint = s.Coins[0].Outpoint },
		"connector as coin":   func(_ *chains.Params, s *peg.State) { s.Coins[3].Outpoint = s.Connector },
		"deposit too small":   func(_ *chains.Params, s *peg.State) { s.Coins[1].Value = 499_999 },
		"change is dust":      func(_ *chains.Params, s *peg.State) { s.Coins[0].Value = 329 },
		"more than all money": func(_ *chains.Params, s *peg.State) { s.Coins[0].Value = 21e14 },
		"burn twice":          func(_ *chains.Params, s *peg.State) { s.Burns[3].Outpoint = s.Burns[0].Outpoint },
		"burn too small":      func(_ *chains.Params, s *peg.State) { s.Burns[0].Amount = 99_999 },
		"burn too large":      func(_ *chains.Params, s *peg.State) { s.Burns[0].Amount = 100_000_001 },
		"burn's script":       func(_ *chains.Params, s *peg.State) { s.Burns[0].Script = []byte{0x6a} },
		"another L1":          func(p *chains.Params, _ *peg.State) { p.Parent = "dev" },
	} {
		p, l1 := mainlike(t)
		s := newState(4, 4)
		spoil(p, &s)
		if _, _, err := peg.Derive(p, l1, s); err == nil {
			t.Errorf("%s: derived", name)
		}
	}
}

// TestBatchIsDeterministic: the order in which a settler happens to hold its state, and
// what it does not depend on, change nothing; nor does deriving change the state.
func TestBatchIsDeterministic(t *testing.T) {
	p, l1 := mainlike(t)
	s := newState(50, 210)
	first, _ := derive(t, p, l1, s)
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(s.Coins), func(i, j int) { s.Coins[i], s.Coins[j] = s.Coins[j], s.Coins[i] })
		r.Shuffle(len(s.Burns), func(i, j int) { s.Burns[i], s.Burns[j] = s.Burns[j], s.Burns[i] })
		coins, burns := slices.Clone(s.Coins), slices.Clone(s.Burns)
		b, _ := derive(t, p, l1, s)
		if b.Tx.TxHash() != first.Tx.TxHash() {
			t.Errorf("seed %d: another transaction", seed)
		}
		for i := range coins {
			if coins[i] != s.Coins[i] {
				t.Fatalf("seed %d: the state was changed", seed)
			}
		}
		for i := range burns {
			if burns[i].Outpoint != s.Burns[i].Outpoint {
				t.Fatalf("seed %d: the state was changed", seed)
			}
		}
	}
	for _, attempt := range []int{1, 2} {
		s.Attempt = attempt
		b, _ := derive(t, p, l1, s)
		if b.Tx.TxHash() == first.Tx.TxHash() || b.Tx.TxIn[0].PreviousOutPoint != first.Tx.TxIn[0].PreviousOutPoint {
			t.Errorf("attempt %d does not replace the first", attempt)
		}
	}
}

// TestWrongConnector: signatures for a batch are void for one that spends another connector.
func TestWrongConnector(t *testing.T) {
	p, l1 := mainlike(t)
	s := newState(3, 3)
	b, _ := derive(t, p, l1, s)
	hashes, err := b.SigHashes()
	if err != nil {
		t.Fatal(err)
	}
	var sigs []peg.Signatures
	for _, h := range hashes {
		sigs = append(sigs, signAll(t, h, seq(0, 11)...))
	}
	if _, err := b.Sign(sigs); err != nil {
		t.Fatal(err)
	}
	s.Connector.Index++
	other, _ := derive(t, p, l1, s)
	if _, err := other.Sign(sigs); err == nil {
		t.Error("signatures fit another connector")
	}
}

func BenchmarkDerive(b *testing.B) {
	p, l1 := mainlike(b)
	s := newState(40, 200)
	for i := range s.Coins {
		s.Coins[i].Height = 100 // all due for a refresh
	}
	b.ReportAllocs()
	for b.Loop() {
		batch, _ := derive(b, p, l1, s)
		if len(batch.Payouts) != 200 || len(batch.Spends) != 41 {
			b.Fatalf("%d payouts from %d inputs", len(batch.Payouts), len(batch.Spends))
		}
	}
}
