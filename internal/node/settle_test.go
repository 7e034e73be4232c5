package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

const pegged = "dev-native"

// settlerKey returns one of the development settlers' keys.
func settlerKey(t testing.TB, n int) *daemon.Key {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	check(t, os.WriteFile(path, fmt.Appendf(nil, "%064x\n", n), 0o600))
	k, err := daemon.ReadKey(path)
	check(t, err)
	return k
}

// teller makes deposits, claims and burns with money that anybody may spend.
type teller struct {
	*running
	l1, l2 *Loop
	tag    uint32
	spent  map[wire.OutPoint]bool
}

func newTeller(r *running) *teller {
	return &teller{running: r, l1: r.loop("dev"), l2: r.loop(pegged), spent: map[wire.OutPoint]bool{}}
}

// open returns the script that a witness of one OP_TRUE after a number spends, and that witness.
func open(n uint32) ([]byte, wire.TxWitness) {
	script := binary.LittleEndian.AppendUint32([]byte{txscript.OP_DATA_4}, n)
	script = append(script, txscript.OP_DROP, txscript.OP_TRUE)
	sum := sha256.Sum256(script)
	return append([]byte{0, 32}, sum[:]...), wire.TxWitness{script}
}

func (m *teller) send(l *Loop, tx *wire.MsgTx) {
	m.t.Helper()
	result, err := l.Tx(m.t.Context(), tx)
	if err != nil || result.Status != mempool.Accepted {
		m.t.Fatalf("%s: %s, %v", l.Params().Name, result.Status, err)
	}
}

// reward returns a ripe reward of anybody's that was not used yet.
func (m *teller) reward() (op wire.OutPoint, value int64) {
	m.t.Helper()
	for h := int32(1); h+12 < m.l1.View().Tip().Height; h++ {
		at, _ := m.l1.View().BlockAt(h)
		first := block(m.t.(*testing.T), m.l1, at.Hash).Txs[0]
		op = wire.OutPoint{Hash: first.TxHash()}
		coin, err := m.l1.Chain().Coin(op)
		check(m.t, err)
		if coin == nil || m.spent[op] || !bytes.Equal(first.TxOut[0].PkScript, anybody) {
			continue
		}
		if _, taken := m.l1.Pool().SpentBy(op); taken {
			continue
		}
		m.spent[op] = true
		return op, first.TxOut[0].Value
	}
	m.t.Fatal("no reward to spend")
	return op, 0
}

// paidIn is a deposit, and how its mint is spent.
type paidIn struct {
	tx    *wire.MsgTx
	terms peg.Terms
	key   wire.TxWitness
	mint  wire.OutPoint
	value int64 // base units of the layer, the claim's fee taken off
}

const claimFee = 2000

func (m *teller) deposit(sat int64) *paidIn {
	m.t.Helper()
	m.tag++
	script, key := open(m.tag)
	d := &paidIn{terms: peg.Terms{MaxFee: 5000, Script: script}, key: key, value: sat*m.l2.Params().UnitsPerSat() - claimFee}
	vault, err := d.terms.Vault(m.l2.Params())
	check(m.t, err)
	from, value := m.reward()
	d.tx = spendOpen(from, wire.NewTxOut(sat, vault.PkScript), wire.NewTxOut(value-sat-10_000, anybody))
	m.send(m.l1, d.tx)
	return d
}

// claim builds the claim of a deposit by the L1's best chain; nil as long as it is not in it.
func (m *teller) claim(d *paidIn) *wire.MsgTx {
	m.t.Helper()
	t := m.t.(*testing.T)
	id := d.tx.TxHash()
	for h := m.l1.View().Tip().Height; h > 0; h-- {
		at, ok := m.l1.View().BlockAt(h)
		if !ok {
			return nil
		}
		txs := block(t, m.l1, at.Hash).Txs
		ids, index := make([]spv.Hash, len(txs)), 0
		for i, tx := range txs {
			if ids[i] = tx.TxHash(); ids[i] == id {
				index = i
			}
		}
		if index == 0 {
			continue
		}
		own, err := merkle.NewBranch(ids, uint32(index))
		check(t, err)
		first, err := merkle.NewBranch(ids, 0)
		check(t, err)
		c, err := peg.Build(m.l2.Params(), d.terms, peg.Evidence{Deposit: plain(t, d.tx), Block: at.Hash,
			Inclusion: merkle.Inclusion{Index: uint32(index), Branch: own, Coinbase: plain(t, txs[0]), CoinbaseBranch: first}}, claimFee)
		check(t, err)
		d.mint = wire.OutPoint{Hash: c.Tx().TxHash()}
		return c.Tx()
	}
	return nil
}

// claimed waits until a deposit's claim is on the layer, handing it in again and again, as
// anybody would: a claim that is too early is not kept.
func (m *teller) claimed(d *paidIn) {
	m.t.Helper()
	await(m.t, "a claim on the layer", func() bool {
		if tx := m.claim(d); tx != nil {
			_, _ = m.l2.Tx(m.t.Context(), tx)
			coin, err := m.l2.Chain().Coin(d.mint)
			check(m.t, err)
			return coin != nil
		}
		return false
	}, m.l2)
}

// burn burns a whole mint, but for the layer's fee, and returns the script that is to be paid
// and the burned satoshis.
func (m *teller) burn(d *paidIn, limit uint32) (script []byte, sat int64) {
	m.t.Helper()
	m.tag++
	script, _ = open(m.tag)
	unit := m.l2.Params().UnitsPerSat()
	b := peg.Burn{Script: script, MaxFee: limit, Amount: (d.value - 2000) / unit}
	out, err := b.Output(m.l2.Params(), m.l1.Params().NetID())
	check(m.t, err)
	tx := spendOpen(d.mint, out)
	tx.TxIn[0].Witness = d.key
	m.send(m.l2, tx)
	return script, b.Amount
}

// paid returns what the L1's best chain has paid to a script, and how many times.
func (m *teller) paid(script []byte) (total int64, times int) {
	m.t.Helper()
	for h := int32(1); h <= m.l1.View().Tip().Height; h++ {
		at, ok := m.l1.View().BlockAt(h)
		if !ok {
			break
		}
		for _, tx := range block(m.t.(*testing.T), m.l1, at.Hash).Txs {
			for _, out := range tx.TxOut {
				if bytes.Equal(out.PkScript, script) {
					total, times = total+out.Value, times+1
				}
			}
		}
	}
	return total, times
}

// TestSettle: a node that mines and three settlers. Burns are paid once, with a settler gone;
// every node shows the same account.
func TestSettle(t *testing.T) {
	miner := start(t, Config{Mine: true, MineEvery: 30 * time.Millisecond})
	var nodes []*running
	for i := range 3 {
		key := settlerKey(t, i+1)
		nodes = append(nodes, start(t, Config{Peers: miner.addresses(),
			Signers: map[string]daemon.Signer{pegged: key, "dev-fractional": key}}))
	}
	m := newTeller(miner)
	await(t, "ripe rewards", func() bool { return m.l1.View().Tip().Height > 20 }, m.l1)
	id := makeLinkOnce(t, miner.Settlement(pegged))
	await(t, "a first connector", func() bool {
		last := miner.Settlement(pegged).Status().Last
		return last != nil && last.TxID == id
	}, m.l1)
	if _, err := miner.Settlement(pegged).MakeFirstLink(t.Context()); err == nil {
		t.Error("a second connector is made")
	}
	var in []*paidIn
	for range 3 {
		in = append(in, m.deposit(200_000))
	}
	for _, d := range in {
		m.claimed(d)
	}
	nodes[1].halt()
	type owed struct {
		script []byte
		sat    int64
	}
	var all []owed
	for _, d := range in {
		script, sat := m.burn(d, 20_000)
		all = append(all, owed{script, sat})
	}
	await(t, "all burns paid", func() bool {
		for _, o := range all {
			if _, times := m.paid(o.script); times == 0 {
				return false
			}
		}
		return true
	}, m.l1)
	burned := int64(0)
	for _, o := range all {
		burned += o.sat
		if total, times := m.paid(o.script); times != 1 || total >= o.sat || total < o.sat-20_000 {
			t.Errorf("burn of %d sat: paid %d in %d outputs", o.sat, total, times)
		}
	}
	for _, n := range []*running{miner, nodes[0], nodes[2]} {
		s := n.Settlement(pegged)
		await(t, "the account", func() bool {
			st := s.Status()
			return st.Supply.Unpaid == 0 && st.Supply.Burned == burned && st.Supply.Check() == nil && st.Last != nil && st.Last.Number > 0
		}, n.loop("dev"))
		list, err := s.Settled(t.Context())
		check(t, err)
		payouts := 0
		for _, b := range list {
			payouts += len(b.Payouts)
		}
		if payouts != len(all) || list[0].TxID != id {
			t.Errorf("%d payouts in %d batches", payouts, len(list)-1)
		}
		if share, err := s.Share(); err != nil || share.Low < 0.5 {
			t.Errorf("share %+v, %v", share, err)
		}
	}
}

// makeLinkOnce has many ask for the first connector at a time: one of them makes it.
func makeLinkOnce(t *testing.T, s *Settlement) (id spv.Hash) {
	t.Helper()
	var calls sync.WaitGroup
	var ids [8]spv.Hash
	var errs [8]error
	for i := range ids {
		calls.Go(func() { ids[i], errs[i] = s.MakeFirstLink(t.Context()) })
	}
	calls.Wait()
	made := 0
	for i := range ids {
		if errs[i] == nil {
			id = ids[i]
			made++
		}
	}
	for _, err := range errs {
		if err != nil && !strings.Contains(err.Error(), id.String()) {
			t.Errorf("refused without the name of %s: %v", id, err)
		}
	}
	if made != 1 {
		t.Fatalf("%d first connectors were made: %v", made, errs)
	}
	return id
}

// TestSettleRefuses: a settler says why nothing is signed.
func TestSettleRefuses(t *testing.T) {
	r := start(t, Config{Signers: map[string]daemon.Signer{pegged: settlerKey(t, 1)}})
	s := r.Settlement(pegged)
	why := func(name string) {
		t.Helper()
		await(t, "a refusal "+name, func() bool { f := s.Status().Refusal; return f != nil && f.Name == name }, r.loop("dev"))
	}
	why(settler.RefuseNoLink)
	r.pays = anybody
	r.generate("dev", 14)
	id, err := s.MakeFirstLink(t.Context())
	check(t, err)
	if _, err := s.MakeFirstLink(t.Context()); err == nil || !strings.Contains(err.Error(), id.String()) {
		t.Errorf("a second connector while %s is in no block: %v", id, err)
	}
	r.generate("dev", 8) // no block of the layer among them
	why(settler.RefuseShare)
	if share, err := s.Share(); err != nil || share.Low != 0 || share.Seals != 0 {
		t.Errorf("share %+v, %v", share, err)
	}
	if _, err := start(t, Config{}).Settlement(pegged).MakeFirstLink(t.Context()); err == nil {
		t.Error("a connector without a reward to pay for it")
	}
}

// TestSettleAlone: a settler whose only peers are light clients, who tell of no headers, is not behind; one that has a peer
// who keeps blocks waits for what it tells.
func TestSettleAlone(t *testing.T) {
	r := start(t, Config{Signers: map[string]daemon.Signer{pegged: settlerKey(t, 1)}})
	s := stack(t, "dev")
	r.generate("dev", 4)
	c := light(t, append([]*chains.Params{s.L1}, s.Layers...), r.addresses())
	c.follows(r)
	for _, name := range []string{"dev", pegged} {
		if n := len(r.loop(name).Peers()); n != 1 || r.loop(name).Synced() {
			t.Fatalf("%s: %d peers, synced %v: want a light client alone", name, n, r.loop(name).Synced())
		}
	}
	r.generate("dev", 1)
	await(t, "a look at the chains with a light client alone", func() bool {
		st := r.Settlement(pegged).Status()
		return st.L1 == r.loop("dev").View().Tip() && st.Refusal != nil && st.Refusal.Name == settler.RefuseNoLink
	}, r.loop("dev"))
	l := r.loop("dev")
	if !current(l) {
		t.Error("not current")
	}
	public := *l.params
	public.Network = chains.Test
	elsewhere := &Loop{params: &public, board: l.board}
	elsewhere.status.Store(l.status.Load())
	if current(elsewhere) {
		t.Error("current on a public network without a peer that keeps blocks")
	}
}

// TestSettlerConfig: who would sign nothing is told so before anything runs.
func TestSettlerConfig(t *testing.T) {
	for name, signers := range map[string]map[string]daemon.Signer{
		"a key of no set": {pegged: settlerKey(t, 9)},
		"no peg":          {"dev-issued": settlerKey(t, 1)},
		"no such chain":   {"elsewhere": settlerKey(t, 1)},
	} {
		c := Config{Stack: stack(t, "dev"), DataDir: t.TempDir(), Signers: signers, Listen: map[string]string{}, Agent: "/test/", Log: slog.New(slog.DiscardHandler)}
		for _, p := range append(c.Stack.Layers, c.Stack.L1) {
			c.Listen[p.Name] = "none"
		}
		if n, err := Open(c); err == nil {
			t.Errorf("%s: opened", name)
			check(t, n.Close())
		}
	}
}

// TestDepositUndone: an L1 reorganisation that removes a deposit removes its mint with it, and
// the account follows; when the deposit is mined again it is minted again, once.
func TestDepositUndone(t *testing.T) {
	a := start(t, Config{})
	lines := map[string][]string{}
	var cables []*cable
	for name, at := range a.addresses() {
		c := newCable(t, at[0])
		cables, lines[name] = append(cables, c), []string{c.l.Addr().String()}
	}
	b := start(t, Config{Peers: lines})
	m := newTeller(a)
	a.pays = anybody
	a.generate("dev", 16)
	await(t, "both at one tip", func() bool { return b.loop("dev").View().Tip() == m.l1.View().Tip() }, b.loop("dev"))
	for _, c := range cables {
		c.set(true)
	}
	d := m.deposit(100_000)
	a.generate("dev", 8)
	claim := m.claim(d)
	m.send(m.l2, claim)
	a.generate(pegged, 2)
	account := a.Settlement(pegged)
	minted := func() bool {
		coin, err := m.l2.Chain().Coin(d.mint)
		check(t, err)
		return coin != nil
	}
	await(t, "the mint", func() bool {
		return minted() && account.Status().Supply == peg.Supply{Claimed: 100_000, Vault: 100_000}
	}, m.l2)
	b.generate("dev", 12) // more work, without the deposit
	for _, c := range cables {
		c.set(false)
	}
	await(t, "the longer branch", func() bool { return m.l1.View().Tip() == b.loop("dev").View().Tip() }, m.l1)
	await(t, "the mint undone", func() bool { return !minted() && account.Status().Supply == peg.Supply{} }, m.l2)
	if supply, err := m.l2.Chain().Supply(); err != nil || supply.Claimed != 0 {
		t.Fatalf("supply %+v, %v", supply, err)
	}
	a.generate("dev", 8) // the deposit is in the mempool again
	again := m.claim(d)
	if again == nil || again.WitnessHash() == claim.WitnessHash() {
		t.Fatal("the deposit is not in another block")
	}
	if _, err := m.l2.Tx(t.Context(), claim); err == nil {
		t.Error("a claim by a block that has left the L1 is taken")
	}
	m.send(m.l2, again)
	a.generate(pegged, 1)
	await(t, "the mint again", func() bool {
		return minted() && account.Status().Supply == peg.Supply{Claimed: 100_000, Vault: 100_000}
	}, m.l2)
}
