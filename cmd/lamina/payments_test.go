package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

// town is a full node that takes what the wallet sends, and confirms it when it is told to.
type town struct {
	chain   string
	connect []string
	pay     func(to string) // in a coinbase that can be spent when it returns
	mine    func()          // one block
	pool    func() []string
	reward  func(to string) // one block whose coinbase pays
	undo    func(blocks int)
}

// btcdTown is a node that we did not write.
func btcdTown(t *testing.T) *town {
	node := realnode.Btcd(t)
	node.Generate(t, 450) // until witnesses count
	p := chainOf(t, "bitcoin-regtest")
	return &town{p.Name, []string{"--connect", node.P2P},
		func(to string) {
			solve(t, node, p, to)
			node.Generate(t, int(p.Maturity(1)))
		},
		func() { node.Generate(t, 1) },
		func() (ids []string) { node.Call(t, &ids, "getrawmempool"); return ids },
		func(to string) { solve(t, node, p, to) },
		func(blocks int) {
			invalidate(t, node, blocks)
			for i := range blocks + 1 {
				solve(t, node, p, stranger(t, p, 1<<21+i))
			}
		}}
}

// litecoindTown is another, whose kind of node keeps the first of two payments.
func litecoindTown(t *testing.T) *town {
	node := realnode.Litecoind(t)
	p := chainOf(t, "litecoin-regtest")
	nobody := stranger(t, p, 1<<20)
	mine := func(blocks int, to string) { node.Call(t, nil, "generatetoaddress", blocks, to) }
	return &town{p.Name, []string{"--connect", node.P2P},
		func(to string) {
			mine(5, to)
			mine(int(p.Maturity(1)), nobody)
		},
		func() { mine(1, nobody) },
		func() (ids []string) { node.Call(t, &ids, "getrawmempool"); return ids },
		func(to string) { mine(1, to) },
		func(blocks int) {
			invalidate(t, node, blocks)
			mine(blocks+1, stranger(t, p, 1<<21))
		}}
}

// ownTown is our own node, on a layer: its clock counts blocks of the L1.
func ownTown(t *testing.T) *town {
	node := startNode(t, t.TempDir(), "--mine", "--mine-every", "1h")
	l1, layer := node.on("dev"), node.on("dev-issued")
	p := chainOf(t, "dev-issued")
	var nobody [2]string
	for i, name := range []string{"dev", "dev-issued"} {
		nobody[i] = stranger(t, chainOf(t, name), 1<<20)
	}
	mine := func(blocks int, to string) {
		must(t, l1.Call(t.Context(), nil, "generatetoaddress", 1, nobody[0]))
		must(t, layer.Call(t.Context(), nil, "generatetoaddress", blocks, to))
	}
	for range 30 { // until anchors move
		mine(1, nobody[1])
	}
	return &town{p.Name, []string{"--connect", "dev=" + node.ports.Chains["dev"], "--connect", p.Name + "=" + node.ports.Chains[p.Name]},
		func(to string) {
			mine(5, to)
			mine(int(p.Maturity(1)), nobody[1])
		},
		func() { mine(1, nobody[1]) },
		func() (ids []string) { must(t, layer.Call(t.Context(), &ids, "getrawmempool")); return ids },
		func(to string) { mine(1, to) },
		func(blocks int) {
			var height int
			var id string
			must(t, layer.Call(t.Context(), &height, "getblockcount"))
			must(t, layer.Call(t.Context(), &id, "getblockhash", height-blocks+1))
			must(t, layer.Call(t.Context(), nil, "invalidateblock", id))
			for range blocks + 1 {
				mine(1, stranger(t, p, 1<<21))
			}
		}}
}

func chainOf(t *testing.T, name string) *chains.Params {
	t.Helper()
	set, err := chains.Load(assets.Chains)
	must(t, err)
	p, err := set.Get(name)
	must(t, err)
	return p
}

// stranger returns an address of nobody.
func stranger(t *testing.T, p *chains.Params, n int) string {
	t.Helper()
	script := append([]byte{txscript.OP_0, 20, 0xee, byte(n), byte(n >> 8), byte(n >> 16)}, make([]byte, 16)...)
	text, err := address.Encode(p, script)
	must(t, err)
	return text
}

// invalidate has a node take its newest blocks back.
func invalidate(t *testing.T, node *realnode.Node, blocks int) {
	t.Helper()
	var height int
	var id string
	node.Call(t, &height, "getblockcount")
	node.Call(t, &id, "getblockhash", height-blocks+1)
	node.Call(t, nil, "invalidateblock", id)
}

// solve mines a block whose coinbase pays an address in 5 outputs.
func solve(t *testing.T, node *realnode.Node, p *chains.Params, to string) {
	t.Helper()
	payee, err := address.Decode(p, to)
	must(t, err)
	var count int64
	var tip string
	var above struct{ Time int64 }
	node.Call(t, &count, "getblockcount")
	node.Call(t, &tip, "getbestblockhash")
	node.Call(t, &above, "getblockheader", tip)
	prev, err := chainhash.NewHashFromStr(tip)
	must(t, err)
	height, err := txscript.NewScriptBuilder().AddInt64(count + 1).AddInt64(1 << 20).Script()
	must(t, err)
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{}, 0xffffffff), height, nil))
	subsidy, _ := p.Subsidy(int32(count + 1))
	for range 5 {
		coinbase.AddTxOut(wire.NewTxOut(subsidy/5, payee))
	}
	block := wire.NewMsgBlock(wire.NewBlockHeader(0x20000000, prev, &chainhash.Hash{}, p.Genesis.Bits(), 0))
	block.Header.MerkleRoot, block.Header.Timestamp = coinbase.TxHash(), time.Unix(above.Time+1, 0)
	must(t, block.AddTransaction(coinbase))
	target, _ := spv.ParseTarget(p.Genesis.Bits())
	for id := spv.Hash(block.BlockHash()); !spv.Meets(&id, &target); id = block.BlockHash() {
		block.Header.Nonce++
	}
	raw, err := btcutil.NewBlock(block).Bytes()
	must(t, err)
	var answer *string
	if node.Call(t, &answer, "submitblock", hex.EncodeToString(raw)); answer != nil {
		t.Fatalf("block refused: %s", *answer)
	}
}

// TestPayments: what a wallet can do with money, on the command line, judged by full nodes: ours and one that we did not write.
func TestPayments(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *town{"btcd": btcdTown, "litecoind": litecoindTown, "own": ownTown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newResident(t, open(t)).live()
		})
	}
}

// resident is a wallet in a town, and a daemon that does its errands.
type resident struct {
	*household
	town  *town
	p     *chains.Params
	words string
	n     int // strangers that were paid

	sent, locked int
}

func newResident(t *testing.T, at *town) *resident {
	h := &household{t: t, dir: filepath.Join(t.TempDir(), "data"), pw: file(t, "pw", []byte("hush-password\n"))}
	r := &resident{h, at, chainOf(t, at.chain), filepath.Join(t.TempDir(), "words"), 0, 0, 0}
	h.must("wallet", "create", "main", "--chain", at.chain, "--password-file", h.pw, "--words-to", r.words, "--birthday", "2010-01-01", "--accounts", "2")
	to, _ := h.must("receive", "--offline", "--kind", "p2wpkh")["address"].(string)
	at.pay(to)
	h.run(at.connect...)
	h.must("wallet", "unlock", "--password-file", h.pw)
	until(t, "money", func() bool { return h.must("balance")["spendable"].(float64) > 0 })
	return r
}

// must runs a command that must end well. Whatever it answers about money says how far that can be relied on.
func (r *resident) must(args ...string) map[string]any {
	r.t.Helper()
	doc := r.household.must(args...)
	trust, _ := doc["trust"].(map[string]any)
	for _, field := range []string{"tip", "age", "verified", "peers"} {
		if trust[field] == nil && args[0] != "wallet" {
			r.t.Errorf("%q: the answer's trust %v says no %s", args, trust, field)
		}
	}
	return doc
}

func (r *resident) payee() string {
	r.n++
	return stranger(r.t, r.p, r.n)
}

// do runs a command that sends something, and waits until the node has it.
func (r *resident) do(args ...string) map[string]any {
	r.t.Helper()
	sent := r.must(append(args, "--yes", "--accept", "high share", "--accept", "reuse")...)
	id := sent["txid"].(string)
	until(r.t, fmt.Sprintf("%q: the node has %s", args, id), func() bool { return strings.Contains(strings.Join(r.town.pool(), " "), id) })
	if r.sent++; !strings.HasSuffix(r.must("tx", "show", id)["raw"].(string), "00000000") {
		r.locked++
	}
	return sent
}

// mine has all that waits confirmed, and waits until the wallet knows.
func (r *resident) mine() {
	r.t.Helper()
	r.town.mine()
	until(r.t, "an empty mempool", func() bool { return len(r.town.pool()) == 0 })
	until(r.t, "all confirmed", func() bool { return r.must("history", "--only", "pending")["total"] == 0.0 })
}

func (r *resident) status(id string) string { return r.must("tx", "show", id)["status"].(string) }

func (r *resident) live() {
	outer := r.household.t
	for _, day := range []struct {
		name string
		does func()
	}{
		{"replaced", r.replaced}, {"raised", r.raised}, {"batch of 200", func() { r.batch(200) }}, {"fees", r.measured},
		{"split into 50", func() { r.split(50) }}, {"split into 500", func() { r.split(500) }}, {"combine 500", func() { r.combine(500) }},
		{"accounts", r.accounts}, {"shared", r.shared}, {"kinds", r.kinds}, {"private", r.private},
		{"reorganised", r.reorganised}, {"once", r.once}, {"restored", r.restored},
	} {
		if !outer.Run(day.name, func(t *testing.T) { r.household.t = t; day.does() }) {
			return // what comes builds on it
		}
	}
	if r.locked*2 < r.sent { // one in ten is locked at an earlier height, which may be none
		outer.Errorf("%d of %d payments locked against fee sniping", r.locked, r.sent)
	}
}

// replaced pays more for a payment, and takes it back.
func (r *resident) replaced() {
	t := r.t
	first := r.do("send", r.payee(), "1", "--rate", "2")["txid"].(string)
	if r.p.Policy.NoReplacement {
		for _, how := range []string{"bump", "cancel"} {
			if got := r.lamina("tx", how, first, "--rate", "50", "--yes"); got.code == exitOK || !strings.Contains(got.err, "keep the first of two payments") {
				t.Errorf("%s: %+v", how, got)
			}
		}
		r.mine()
		return
	}
	second := r.do("tx", "bump", first, "--rate", "5")["txid"].(string)
	third := r.do("tx", "cancel", second, "--rate", "20")["txid"].(string)
	if pool := r.town.pool(); len(pool) != 1 || pool[0] != third {
		t.Errorf("pool %v, want %s alone", pool, third)
	}
	r.mine()
	if a, b, c := r.status(first), r.status(second), r.status(third); a != "replaced" || b != "replaced" || c != "confirmed" {
		t.Errorf("%s, %s, %s", a, b, c)
	}
}

// raised pays for a payment with one that spends its change.
func (r *resident) raised() {
	parent := r.do("send", r.payee(), "1", "--rate", "1")["txid"].(string)
	child := r.do("tx", "cpfp", parent, "--rate", "30")["txid"].(string)
	r.mine()
	if a, b := r.status(parent), r.status(child); a != "confirmed" || b != "confirmed" {
		r.t.Errorf("%s, %s", a, b)
	}
}

// batch pays to many in one transaction.
func (r *resident) batch(n int) {
	var rows bytes.Buffer
	for i := range n {
		fmt.Fprintf(&rows, "%s,0.%04d,payee %d\n", r.payee(), 10+i, i)
	}
	sent := r.do("sendmany", file(r.t, "many.csv", rows.Bytes()))["txid"].(string)
	tx := r.must("tx", "show", sent)
	if got := len(tx["outputs"].([]any)); got != n+1 {
		r.t.Errorf("%d outputs, want %d and change", got, n)
	}
	r.mine()
}

// measured sees what blocks paid, and pays as much.
func (r *resident) measured() {
	t := r.t
	for range 3 {
		r.do("send", r.payee(), "0.1", "--rate", "40")
		r.mine()
	}
	fees := r.must("fee")
	if fees["measured"] != true || fees["samples"].(float64) < 3 || fees["normal"].(float64) < 15_000 || fees["normal"].(float64) > 41_000 ||
		!strings.Contains(fees["source"].(string), "blocks of the last 3 hours") {
		t.Errorf("fees: %v", fees)
	}
	draft := r.must("send", r.payee(), "0.1", "--dry-run")
	if rate := draft["rate"].(float64); rate < fees["normal"].(float64) || rate > fees["normal"].(float64)*1.1 {
		t.Errorf("a draft at %v, the range is %v", rate, fees)
	}
}

func (r *resident) split(n int) {
	t := r.t
	before := r.must("balance")["coins"].(float64)
	sent := r.do("coins", "split", "--count", fmt.Sprint(n), "--amount", "0.5", "--rate", "2")["txid"].(string)
	if tx := r.must("tx", "show", sent); len(tx["outputs"].([]any)) < n {
		t.Errorf("split: %v", tx["outputs"])
	}
	r.mine()
	if after := r.must("balance")["coins"].(float64); after < float64(n) || after < before {
		t.Errorf("%v coins, before %v", after, before)
	}
}

// combine makes one coin of the small ones.
func (r *resident) combine(n int) {
	t := r.t
	args := []string{"coins", "combine", "--max-value", "0.02", "--rate", "1"}
	plan := r.must(append(args, "--dry-run")...)
	if got := plan["coins"].(float64); got < float64(n) {
		t.Fatalf("a plan for %v coins, want %d", got, n)
	}
	before := r.must("balance")
	done := r.must(append(args, "--yes")...)
	ids := done["sent"].([]any)
	until(t, "the node has them", func() bool { return len(r.town.pool()) == len(ids) })
	r.mine()
	for done["waiting"] == true {
		done = r.must("coins", "combine", "--resume", done["plan"].(string), "--yes")
		until(t, "the node has it", func() bool { return len(r.town.pool()) > 0 })
		r.mine()
	}
	after := r.must("balance")
	if after["coins"].(float64) > before["coins"].(float64)-plan["coins"].(float64)+2 ||
		after["confirmed"].(float64) != before["confirmed"].(float64)-plan["cost"].(float64) && after["confirmed"].(float64) < before["confirmed"].(float64)-1.1*plan["cost"].(float64) {
		t.Errorf("before %v, plan %v, after %v", before, plan, after)
	}
}

// accounts keeps money apart in an account of its own, and spends from there alone.
func (r *resident) accounts() {
	t := r.t
	for number, ok := range map[string]bool{"1": true, "2": false} {
		if got := r.lamina("receive", "--account", number); (got.code == exitOK) != ok {
			t.Errorf("account %s: %+v", number, got)
		}
	}
	to := r.must("receive", "--account", "1", "--kind", "p2wpkh")["address"].(string)
	if plain := r.must("receive", "--kind", "p2wpkh")["address"]; plain == to {
		t.Errorf("both accounts give out %s", to)
	}
	r.do("send", to, "0.75")
	r.mine()
	if part := r.must("balance", "--account", "1"); part["spendable"] != 75_000_000.0 || part["coins"] != 1.0 {
		t.Errorf("account 1: %v", part)
	}
	before := r.must("balance", "--account", "0")
	if got := r.lamina("send", r.payee(), "0.8", "--yes", "--account", "1"); got.code != exitRefuted {
		t.Errorf("more than there is: %+v", got)
	}
	sent := r.do("send", r.payee(), "0.5", "--account", "1")
	r.mine()
	after, part := r.must("balance", "--account", "0"), r.must("balance", "--account", "1")
	if after["all"] != before["all"] || part["spendable"] != 25_000_000-sent["fee"].(float64) {
		t.Errorf("account 0 %v, before %v; account 1 %v", after, before, part)
	}
	r.do("send", r.must("receive", "--account", "1", "--new")["address"].(string), "0.1", "--account", "0")
	r.mine()
}

// once spends all there is under a key, and asks for the same again: there is nothing left that it could be planned with.
func (r *resident) once() {
	t := r.t
	to := r.payee()
	args := []string{"send", to, "max", "--key", "order 17", "--label", "all", "--account", "0"}
	sent := r.do(args...)
	for _, confirmed := range []bool{false, true} {
		if confirmed {
			r.mine()
		}
		again := r.must(append(args, "--yes")...)
		if again["txid"] != sent["txid"] || again["repeated"] != true || again["fee"] != sent["fee"] {
			t.Errorf("confirmed %t: %v, want %v", confirmed, again, sent)
		}
	}
	if got := r.lamina("send", to, "max", "--yes", "--key", "order 17", "--account", "0"); got.code != exitRefuted || !strings.Contains(got.err, "another payment") {
		t.Errorf("without its label: %+v", got)
	}
	client := r.client()
	var id string
	if err := client.Call(t.Context(), &id, "sendtoaddress", to, 1, "", "", false, true, nil, "unset", false, nil, false, "order 17"); err == nil {
		t.Errorf("another payment under the key: %s", id)
	}
}

// restored makes the wallet again elsewhere, of its words alone.
func (r *resident) restored() {
	t := r.t
	other := &household{t: t, dir: filepath.Join(t.TempDir(), "other"), pw: r.pw}
	other.must("wallet", "restore", "again", "--chain", r.town.chain, "--words-file", r.words, "--password-file", r.pw)
	got := other.must(append([]string{"history", "--count", "1000"}, r.town.connect...)...)
	want := map[string]any{}
	for _, row := range r.must("history", "--count", "1000")["rows"].([]any) {
		if row := row.(map[string]any); row["status"] == "confirmed" {
			want[row["txid"].(string)] = row["amount"]
		}
	}
	for _, row := range got["rows"].([]any) {
		row := row.(map[string]any)
		if want[row["txid"].(string)] != row["amount"] {
			t.Errorf("restored %v, was %v", row, want[row["txid"].(string)])
		}
		delete(want, row["txid"].(string))
	}
	if len(want) > 0 {
		t.Errorf("not restored: %v", want)
	}
	if a, b := other.must("balance", "--offline"), r.must("balance"); a["confirmed"] != b["confirmed"] || a["immature"] != b["immature"] || a["confirmed"] == 0.0 {
		t.Errorf("restored %v, was %v", a, b)
	}
}
