package wallet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// picture is everything that can be seen of a wallet.
type picture struct {
	Tip     spv.Block
	Balance Balance
	Coins   []Coin
	History []Row
	Keys    []Keychain
	Rules   [][2]string
}

func look(c *Chain) picture {
	return picture{c.Tip(), c.Balance(), c.Coins(), c.History(0, 1<<30), c.Keychains(), c.Rules()}
}

// samePicture names the first field in which two pictures differ.
func samePicture(t *testing.T, what string, got, want picture) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if a, b := g.Field(i).Interface(), w.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			t.Fatalf("%s: %s\n%+v\nwant\n%+v", what, g.Type().Field(i).Name, a, b)
		}
	}
}

// plainLedger is an independent reference: what a set of confirmed transactions leaves
// unspent of the scripts that are ours.
func plainLedger(c *Chain, blocks [][]*wire.MsgTx) (sum int64, coins map[wire.OutPoint]bool) {
	all := map[wire.OutPoint]int64{}
	for _, b := range blocks {
		for _, tx := range b {
			for i, o := range tx.TxOut {
				if _, ok := c.AddressOf(o.PkScript); ok {
					all[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = o.Value
				}
			}
		}
	}
	for _, b := range blocks {
		for _, tx := range b {
			for _, in := range tx.TxIn {
				delete(all, in.PreviousOutPoint)
			}
		}
	}
	coins = map[wire.OutPoint]bool{}
	for op, v := range all {
		sum += v
		coins[op] = true
	}
	return sum, coins
}

// TestRandomLife lets a wallet live through payments, blocks, reorganisations, failing
// disks and restarts, in random order, and holds it against a plain ledger of the best
// chain after each step, and against itself reopened.
func TestRandomLife(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomLife(t, seed) })
	}
}

func randomLife(t *testing.T, seed uint64) {
	w := newWorld(t, "dev", seed)
	var best [][]*wire.MsgTx // by height
	var pool []*wire.MsgTx
	branch := byte(1)
	p := w.c.Params()
	for step := range 120 {
		before := look(w.c)
		w.log.broken = w.rng.IntN(12) == 0
		var err error
		switch w.rng.IntN(8) {
		case 0, 1: // somebody pays us
			pool = append(pool, w.pay(w.c.keychains[w.rng.IntN(8)].slots[w.rng.IntN(30)%20].script, 1+w.rng.Int64N(1e6), 50_000))
			if w.rng.IntN(2) == 0 {
				_, err = w.c.Unconfirmed(pool[len(pool)-1], int64(step))
			}
		case 2: // we pay somebody
			d, e := w.c.Draft(Request{Recipients: []Recipient{{Script: w.stranger(), Amount: 10_000 + w.rng.Int64N(100_000)}},
				Rate: 2000, Change: w.rng.IntN(4)}, w.rng)
			if e == nil {
				checkDraft(t, w.c, d)
				s := w.sign(d)
				if _, err = w.c.Commit(s, int64(step)); err == nil {
					pool = append(pool, s.Tx())
				}
			}
		case 3, 4: // a block, with some of what is in the pool
			b := block(int32(len(best)), branch)
			txs := []*wire.MsgTx{w.coinbase(w.stranger(), 50)}
			if w.rng.IntN(3) == 0 {
				txs[0] = w.coinbase(w.c.keychains[0].slots[0].script, 1000)
			}
			taken := map[wire.OutPoint]bool{}
			for _, tx := range pool {
				if w.rng.IntN(3) > 0 && minable(tx, best, txs, taken) {
					txs = append(txs, tx)
				}
			}
			if _, err = w.c.Apply(b, uint32(step), txs); err == nil {
				best = append(best, txs)
				if err = w.c.Scanned(b); err == nil {
					break
				}
			}
		case 5: // a reorganisation
			if n := len(best); n > 3 {
				back := 1 + w.rng.IntN(3)
				if _, err = w.c.Rewind(block(int32(n-back-1), hashBranch(w.c, n-back-1))); err == nil {
					best = best[:n-back]
					branch++
				}
			}
		case 6:
			for e := range w.c.pending {
				_, err = w.c.Abandon(e.id)
				break
			}
		case 7: // crash
			w.open(p)
			samePicture(t, fmt.Sprintf("seed %d step %d: reopened", seed, step), look(w.c), before)
		}
		if w.log.broken && err != nil {
			samePicture(t, fmt.Sprintf("seed %d step %d: failed write", seed, step), look(w.c), before)
		} else if err != nil && !strings.Contains(err.Error(), "taproot coin") {
			t.Fatalf("seed %d step %d: %v", seed, step, err)
		}
		w.log.broken = false
		compareLedger(t, w, best, seed, step)
	}
}

// hashBranch finds the branch of the block at a height that the wallet knows.
func hashBranch(c *Chain, height int) byte {
	if use, ok := c.blocks[int32(height)]; ok {
		return use.hash[8]
	}
	return 1
}

// minable says whether a transaction may follow others in a chain, and marks what it takes.
func minable(tx *wire.MsgTx, best [][]*wire.MsgTx, now []*wire.MsgTx, taken map[wire.OutPoint]bool) bool {
	have := map[spv.Hash]bool{}
	spent := map[wire.OutPoint]bool{}
	for _, b := range append(slices.Clone(best), now) {
		for _, other := range b {
			have[other.TxHash()] = true
			for _, in := range other.TxIn {
				spent[in.PreviousOutPoint] = true
			}
		}
	}
	if have[tx.TxHash()] {
		return false
	}
	for _, in := range tx.TxIn {
		op := in.PreviousOutPoint
		if spent[op] || taken[op] || !have[op.Hash] && op.Hash[4] != 0 {
			return false
		}
	}
	for _, in := range tx.TxIn {
		taken[in.PreviousOutPoint] = true
	}
	return true
}

func compareLedger(t *testing.T, w *world, best [][]*wire.MsgTx, seed uint64, step int) {
	t.Helper()
	comparePages(t, w.c)
	_, coins := plainLedger(w.c, best)
	for _, k := range w.c.unspent {
		if k.entry.confirmed != coins[k.op] && k.entry.confirmed {
			t.Fatalf("seed %d step %d: coin %v is confirmed here alone", seed, step, k.op)
		}
	}
	for op := range coins {
		k := w.c.coin(op)
		if k == nil || !k.entry.confirmed {
			t.Fatalf("seed %d step %d: coin %v is missing", seed, step, op)
		}
		if k.at < 0 && (k.spent == nil || k.spent.confirmed) {
			t.Fatalf("seed %d step %d: coin %v counts as spent by a confirmed transaction", seed, step, op)
		}
	}
}

// TestManyBeyondGap: one transaction pays addresses far beyond those that are watched. All
// of it counts at once, at first sight or when it comes in a block, and also when further
// addresses become known after it was taken in.
func TestManyBeyondGap(t *testing.T) {
	deep := newWorld(t, "dev", 8)
	wide, err := Open(deep.c.Params(), deep.accounts(deep.c.Params()), &Memory{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wide.SetGap(200); err != nil {
		t.Fatal(err)
	}
	k, _ := wide.keychain(2, 0)
	for _, seen := range []bool{false, true} {
		w := newWorld(t, "dev", 8)
		tx := w.pay(w.stranger())
		for i := range 120 {
			tx.AddTxOut(wire.NewTxOut(1000, k.slots[119-i].script))
		}
		if seen {
			if _, err := w.c.Unconfirmed(tx, 1); err != nil {
				t.Fatal(err)
			}
			if b := w.c.Balance(); b.Unconfirmed != 120*1000 {
				t.Errorf("unconfirmed %+v, want all 120 outputs", b)
			}
		}
		w.mine(tx)
		if b := w.c.Balance(); b.Confirmed != 120*1000 {
			t.Errorf("seen before %v: %+v, want all 120 outputs", seen, b)
		}
		if n := len(w.c.Coins()); n != 120 {
			t.Errorf("seen before %v: %d coins, want 120", seen, n)
		}
	}
	w := newWorld(t, "dev", 8)
	far := w.pay(k.slots[0].script, 1000)
	far.AddTxOut(wire.NewTxOut(500, k.slots[90].script)) // nothing in between is paid
	at := w.mine(far)
	if b := w.c.Balance(); b.Confirmed != 1000 {
		t.Fatalf("%+v", b)
	}
	if _, err := w.c.SetGap(150); err != nil {
		t.Fatal(err)
	}
	if _, err := w.c.Apply(at, 1, []*wire.MsgTx{far}); err != nil {
		t.Fatal(err)
	}
	if b := w.c.Balance(); b.Confirmed != 1500 {
		t.Errorf("after a rescan: %+v", b)
	}
}

// TestRestoreFindsAll checks that a wallet opened anew with the same keys finds what the
// first one had, although addresses in between were skipped: what the gap limit is for.
func TestRestoreFindsAll(t *testing.T) {
	w := newWorld(t, "dev", 1)
	k, _ := w.c.keychain(2, 0)
	var txs []*wire.MsgTx
	for _, i := range []int{3, 21, 39, 73} { // holes of 17, 17 and 33, the last within twice 17
		for len(k.slots) <= i {
			t.Fatalf("address %d is not watched: %d are", i, len(k.slots))
		}
		txs = append(txs, w.pay(k.slots[i].script, 1000))
		got, err := w.c.Apply(block(int32(i), 1), 1, txs[len(txs)-1:])
		if err != nil || len(got.Changed) != 1 || len(got.Scripts) == 0 {
			t.Fatalf("address %d: %+v %v", i, got, err)
		}
	}
	got := w.c.Keychains()[4]
	if got.Used != 74 || got.Hole != 33 || got.Gap != 66 {
		t.Errorf("%+v", got)
	}
	other := newWorld(t, "dev", 1)
	done, err := other.c.Apply(block(9, 1), 1, txs) // all in one block
	if err != nil || len(done.Changed) != 4 || other.c.Balance().Confirmed != 4000 {
		t.Errorf("%+v %v", done, err)
	}
}

func TestChildBeforeParent(t *testing.T) {
	w := newWorld(t, "dev", 2)
	parent := w.pay(w.receive(0), 100_000)
	if _, err := w.c.Unconfirmed(parent, 1); err != nil {
		t.Fatal(err)
	}
	d := w.draft(Request{Recipients: []Recipient{{Script: w.receive(1), Max: true}}, Rate: 1000,
		Coins: []wire.OutPoint{{Hash: parent.TxHash()}}})
	if got := d.Warnings(); len(got) != 1 || got[0].Concern != Shaky {
		t.Errorf("%+v", got)
	}
	if _, err := d.Sign(w.keys); err == nil || !strings.Contains(err.Error(), "wants consent (shaky)") {
		t.Errorf("without consent: %v", err)
	}
	child := w.sign(d)
	other := newWorld(t, "dev", 2)
	other.receive(0)
	other.receive(1)
	for _, tx := range []*wire.MsgTx{child.Tx(), parent} {
		if _, err := other.c.Unconfirmed(tx, 1); err != nil {
			t.Fatal(err)
		}
	}
	if b := other.c.Balance(); b.Unconfirmed != 100_000-child.Fee() {
		t.Errorf("%+v", b)
	}
}

// TestForgedSpend checks that nobody makes our coins look spent.
func TestForgedSpend(t *testing.T) {
	for account := range 4 {
		w := newWorld(t, "dev", 3)
		in := w.pay(w.receive(account), 100_000)
		w.mine(in)
		op := wire.OutPoint{Hash: in.TxHash()}
		forged := w.pay(w.stranger(), 1)
		forged.TxIn[0].PreviousOutPoint = op
		if _, err := w.c.Unconfirmed(forged, 1); err == nil || w.c.Balance().Confirmed != 100_000 {
			t.Errorf("account %d: forged spend: %v, %+v", account, err, w.c.Balance())
		}
		s := w.sign(w.draft(Request{Recipients: []Recipient{{Script: w.stranger(), Max: true}}, Rate: 1000}))
		bad := s.Tx()
		if bad.TxIn[0].Witness != nil {
			bad.TxIn[0].Witness[0][9] ^= 1
		} else {
			bad.TxIn[0].SignatureScript[9] ^= 1
		}
		if _, err := w.c.Unconfirmed(bad, 1); err == nil || w.c.Balance().Confirmed != 100_000 {
			t.Errorf("account %d: spoilt signature: %v", account, err)
		}
		mixed := s.Tx() // a foreign input beside: what a taproot signature covers is not known
		mixed.TxIn = append(mixed.TxIn, w.pay(w.stranger(), 1).TxIn[0])
		if _, err := w.c.Unconfirmed(mixed, 1); err == nil {
			t.Errorf("account %d: a transaction that was changed after it was signed", account)
		}
		if _, err := w.c.Unconfirmed(s.Tx(), 1); err != nil || w.c.Balance().Spendable() != 0 {
			t.Errorf("account %d: %v %+v", account, err, w.c.Balance())
		}
	}
}

func TestMaturityAndReorganisation(t *testing.T) {
	w := newWorld(t, "dev", 5)
	m := w.c.Params().Maturity(0)
	w.mine(w.coinbase(w.receive(0), 5000))
	for i := int32(1); i < m; i++ {
		if b := w.c.Balance(); b.Immature != 5000 || b.Confirmed != 0 {
			t.Fatalf("after %d blocks: %+v", i, b)
		}
		if k := w.c.Coins()[0]; k.Matures != m || k.State != Immature {
			t.Fatalf("%+v", k)
		}
		if _, err := w.c.Draft(Request{Recipients: []Recipient{{Script: w.stranger(), Amount: 1000}}, Rate: 1000}, w.rng); err == nil {
			t.Fatal("spends an immature coin")
		}
		w.mine()
	}
	if b := w.c.Balance(); b.Immature != 0 || b.Confirmed != 5000 {
		t.Errorf("%+v", b)
	}
	if _, err := w.c.Apply(block(0, 9), 1, nil); err == nil {
		t.Error("another block at a height that is taken")
	}
	if _, err := w.c.Rewind(spv.Block{Height: -1}); err != nil {
		t.Fatal(err)
	}
	if b := w.c.Balance(); b != (Balance{}) || w.c.History(0, 1)[0].Status != StatusVoid || w.c.Tip().Height != -1 {
		t.Errorf("%+v %+v", b, w.c.History(0, 1))
	}
}

// TestNameOutputs holds real name operations against the rule: the coin is seen, and
// never spent as money.
func TestNameOutputs(t *testing.T) {
	n := 0
	for _, file := range []string{"037339", "0c6867", "460f2b", "5e3495", "cfc5d7"} {
		var doc struct {
			Hex  string
			Vout []struct {
				ScriptPubKey struct{ Hex, Asm string }
			}
		}
		if err := json.Unmarshal(testdata.Read(t, "vectors/transactions/namecoin_mainnet_"+file+".json"), &doc); err != nil {
			t.Fatal(err)
		}
		for _, o := range doc.Vout {
			script, _ := hex.DecodeString(o.ScriptPubKey.Hex)
			rest, ok := behindName(script)
			if ok != strings.HasPrefix(o.ScriptPubKey.Asm, "OP_NAME_") {
				t.Errorf("%s: %v for %s", file, ok, o.ScriptPubKey.Asm)
			}
			if !ok {
				continue
			}
			n++
			if len(rest) != 25 {
				t.Errorf("%s: %x behind the name", file, rest)
			}
			w := newWorld(t, "namecoin", 6)
			mine := w.receive(0)
			tx := w.pay(append(bytes.TrimSuffix(script, rest), mine...), 1_000_000)
			w.mine(tx)
			if b := w.c.Balance(); b != (Balance{Names: 1_000_000}) {
				t.Errorf("%+v", b)
			}
			op := wire.OutPoint{Hash: tx.TxHash()}
			_, err := w.c.Draft(Request{Recipients: []Recipient{{Script: mine, Max: true}}, Rate: 200_000, Coins: []wire.OutPoint{op}}, w.rng)
			if err == nil || !strings.Contains(err.Error(), "holds a name") {
				t.Errorf("%v", err)
			}
		}
	}
	if n != 5 {
		t.Errorf("%d name operations, want 5", n)
	}
}

func TestReceive(t *testing.T) {
	w := newWorld(t, "dev", 8)
	a, _, err := w.c.Receive(2, false)
	if err != nil {
		t.Fatal(err)
	}
	if b, _, _ := w.c.Receive(2, false); b.Text != a.Text || b.Uses != 0 {
		t.Errorf("another address although nobody paid to the first: %+v", b)
	}
	if b, _, _ := w.c.Receive(2, true); b.Index != a.Index+1 {
		t.Errorf("%+v", b)
	}
	w.mine(w.pay(a.Script, 1000), w.pay(a.Script, 2000))
	if got, _ := w.c.AddressOf(a.Script); got.Uses != 2 || !w.c.Coins()[0].Reused {
		t.Errorf("%+v", got)
	}
	w.open(w.c.Params())
	if b, _, _ := w.c.Receive(2, false); b.Index != a.Index+1 {
		t.Errorf("after a restart: %+v", b)
	}
	for range 30 {
		a, _, err = w.c.Receive(2, true)
	}
	if err != nil || !a.Beyond {
		t.Errorf("%+v %v", a, err)
	}
	if _, _, err := w.c.Receive(9, true); err == nil {
		t.Error("an account that is not there")
	}
	if fresh, err := w.c.SetGap(200); err != nil || len(fresh) < 1200 {
		t.Errorf("%d scripts, %v", len(fresh), err)
	}
}
