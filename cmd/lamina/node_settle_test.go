package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

const peggedLayer = "dev-native"

// cashier makes deposits, claims and burns by RPC alone, with money that anybody may spend: a
// node that mines pays its blocks to anybody.
type cashier struct {
	t      *testing.T
	l1, l2 *rpc.Client // of the node that mines
	p1, p2 *chains.Params
	blocks []*wire.MsgBlock // of the L1, by height
	spent  int32            // height of the last reward that was used
	tag    uint32
}

func newCashier(c *settlerNode) *cashier {
	m := &cashier{t: c.t, l1: c.l1, l2: c.l2}
	for _, p := range devStack(c.t) {
		switch p.Name {
		case "dev":
			m.p1 = p
		case peggedLayer:
			m.p2 = p
		}
	}
	return m
}

// follow reads the L1's new blocks. Nothing here reorganises: one node mines.
func (m *cashier) follow() {
	m.t.Helper()
	var tip int32
	must(m.t, m.l1.Call(m.t.Context(), &tip, "getblockcount"))
	for h := int32(len(m.blocks)); h <= tip; h++ {
		var id, raw string
		must(m.t, m.l1.Call(m.t.Context(), &id, "getblockhash", h))
		must(m.t, m.l1.Call(m.t.Context(), &raw, "getblock", id, 0))
		b, err := hex.DecodeString(raw)
		must(m.t, err)
		var block wire.MsgBlock
		must(m.t, block.Deserialize(bytes.NewReader(b)))
		m.blocks = append(m.blocks, &block)
	}
}

// anybodys returns a script that whoever knows the number can spend, and how.
func anybodys(n uint32) ([]byte, wire.TxWitness) {
	script := binary.LittleEndian.AppendUint32([]byte{txscript.OP_DATA_4}, n)
	script = append(script, txscript.OP_DROP, txscript.OP_TRUE)
	sum := sha256.Sum256(script)
	return append([]byte{0, 32}, sum[:]...), wire.TxWitness{script}
}

func (m *cashier) send(to *rpc.Client, tx *wire.MsgTx) error {
	var raw bytes.Buffer
	must(m.t, tx.Serialize(&raw))
	return to.Call(m.t.Context(), nil, "sendrawtransaction", hex.EncodeToString(raw.Bytes()), 0)
}

// paidIn is a deposit.
type paidIn struct {
	tx     *wire.MsgTx
	terms  peg.Terms
	key    wire.TxWitness
	mint   wire.OutPoint
	script []byte // that its burn pays to
	burned int64
}

// depositFees are left to miners: of the deposit, of the claim, and of the burn.
const depositFees = 2000

func (m *cashier) deposit(sat int64) *paidIn {
	m.t.Helper()
	m.tag++
	script, key := anybodys(m.tag)
	d := &paidIn{terms: peg.Terms{MaxFee: depositFees, Script: script}, key: key, burned: sat - 2*depositFees}
	vault, err := d.terms.Vault(m.p2)
	must(m.t, err)
	m.spent++
	m.follow()
	reward := m.blocks[m.spent].Transactions[0]
	d.tx = wire.NewMsgTx(2)
	d.tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: reward.TxHash()}, Witness: wire.TxWitness{{txscript.OP_TRUE}}})
	d.tx.AddTxOut(wire.NewTxOut(sat, vault.PkScript))
	d.tx.AddTxOut(wire.NewTxOut(reward.TxOut[0].Value-sat-depositFees, reward.TxOut[0].PkScript))
	must(m.t, m.send(m.l1, d.tx))
	return d
}

// claim builds a deposit's claim; nil as long as it is in no block.
func (m *cashier) claim(d *paidIn) *wire.MsgTx {
	m.t.Helper()
	m.follow()
	id := d.tx.TxHash()
	for _, block := range m.blocks {
		ids, index := []spv.Hash{}, 0
		for i, tx := range block.Transactions {
			if ids = append(ids, tx.TxHash()); ids[i] == id {
				index = i
			}
		}
		if index == 0 {
			continue
		}
		own, err := merkle.NewBranch(ids, uint32(index))
		must(m.t, err)
		first, err := merkle.NewBranch(ids, 0)
		must(m.t, err)
		c, err := peg.Build(m.p2, d.terms, peg.Evidence{Deposit: bare(m.t, d.tx), Block: block.BlockHash(),
			Inclusion: merkle.Inclusion{Index: uint32(index), Branch: own, Coinbase: bare(m.t, block.Transactions[0]), CoinbaseBranch: first}}, depositFees)
		must(m.t, err)
		d.mint = wire.OutPoint{Hash: c.Tx().TxHash()}
		return c.Tx()
	}
	return nil
}

func bare(t *testing.T, tx *wire.MsgTx) []byte {
	t.Helper()
	var raw bytes.Buffer
	must(t, tx.SerializeNoWitness(&raw))
	return raw.Bytes()
}

// minted tells whether a deposit's claim is in a block of the layer.
func (m *cashier) minted(d *paidIn) bool {
	m.t.Helper()
	var out *struct{ Confirmations int }
	must(m.t, m.l2.Call(m.t.Context(), &out, "gettxout", d.mint.Hash.String(), 0, false))
	return out != nil
}

// burn burns what a deposit has minted.
func (m *cashier) burn(d *paidIn, limit uint32) {
	m.t.Helper()
	m.tag++
	d.script, _ = anybodys(m.tag)
	out, err := (&peg.Burn{Script: d.script, MaxFee: limit, Amount: d.burned}).Output(m.p2, m.p1.NetID())
	must(m.t, err)
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: d.mint, Witness: d.key})
	tx.AddTxOut(out)
	must(m.t, m.send(m.l2, tx))
}

// paid returns what the L1 has paid to a script, by output.
func (m *cashier) paid(script []byte) (values []int64) {
	m.t.Helper()
	for _, b := range m.blocks {
		for _, tx := range b.Transactions {
			for _, out := range tx.TxOut {
				if bytes.Equal(out.PkScript, script) {
					values = append(values, out.Value)
				}
			}
		}
	}
	return values
}

// settled is what getsettlement says, as far as the test asks.
type settled struct {
	Refusal *struct{ Name, Why string }
	Keys    []string
	Share   struct{ Low float64 }
	Due     *struct {
		Number     uint32
		Attempt    int
		Signatures []int
		Needed     []int
	}
	Last *struct {
		Number  uint32
		TxID    string
		Payouts []struct{ Value int64 }
	}
}

// settlerNode is a child with one client for each chain: a server takes a bounded number of
// connections, and each client keeps its own.
type settlerNode struct {
	*nodeChild
	l1, l2 *rpc.Client
}

func startSettler(t *testing.T, dir string, args ...string) *settlerNode {
	t.Helper()
	c := startNode(t, dir, args...)
	return &settlerNode{c, c.on("dev"), c.on(peggedLayer)}
}

func (c *settlerNode) settlement() (s settled) {
	c.t.Helper()
	must(c.t, c.l2.Call(c.t.Context(), &s, "getsettlement"))
	return s
}

// tip returns the L1's height.
func (c *settlerNode) tip() (height int32) {
	c.t.Helper()
	must(c.t, c.l1.Call(c.t.Context(), &height, "getblockcount"))
	return height
}

func (c *settlerNode) kill() {
	c.t.Helper()
	must(c.t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()
}

// settlerArgs are the flags of a settler that is connected to a node.
func settlerArgs(t *testing.T, c *settlerNode, key int) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "settler.key")
	must(t, os.WriteFile(file, fmt.Appendf(nil, "%064x\n", key), 0o600))
	args := []string{"--settle", "--settler-key", file}
	for name, at := range c.ports.Chains {
		args = append(args, "--connect", name+"="+at)
	}
	return args
}

// TestSettlers: a node that mines, three settlers in processes of their own, of which two are
// enough. One is killed for good and the others in the middle of a batch; 20 deposits are
// claimed by somebody else and 20 burns are paid, each exactly once.
func TestSettlers(t *testing.T) {
	t.Parallel() // it waits most of the time
	const deposits, amount, limit = 20, 400_000, 60_000
	c := startSettler(t, t.TempDir(), "--mine", "--mine-every", "60ms", "--metrics", "127.0.0.1:0")
	dirs, args := make([]string, 3), make([][]string, 3)
	nodes := make([]*settlerNode, 3)
	for i := range nodes {
		dirs[i], args[i] = t.TempDir(), settlerArgs(t, c, i+1)
		nodes[i] = startSettler(t, dirs[i], args[i]...)
	}
	if s := nodes[1].settlement(); len(s.Keys) != 1 || s.Keys[0] != "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5" {
		t.Errorf("settler 2: %+v", s)
	}
	m := newCashier(c)
	untilNode(t, "ripe rewards", func() bool { return c.tip() > deposits+14 })
	m.spent = 1 // what pays for the connector
	var link string
	if got := lamina(t, nil, "rpc", "--data-dir", c.ports.DataDir, "--chain", peggedLayer, "makefirstlink"); got.code != exitOK {
		t.Fatalf("makefirstlink: %s", got.err)
	} else {
		link = strings.TrimSpace(got.out)
	}
	untilNode(t, "the first connector", func() bool { s := c.settlement(); return s.Last != nil && s.Last.TxID == link })

	var all []*paidIn
	for range deposits {
		all = append(all, m.deposit(amount))
	}
	third := nodes[0].l2 // who claims is nobody in particular
	untilNode(t, "all claims", func() bool {
		missing := 0
		for _, d := range all {
			if claim := m.claim(d); claim == nil || !m.minted(d) {
				missing++
				var answered *rpc.Error
				if claim != nil {
					if err := m.send(third, claim); err != nil && !errors.As(err, &answered) {
						t.Fatal(err)
					}
				}
			}
		}
		return missing == 0
	})

	nodes[2].kill() // for good
	nodes[1].kill() // so that nothing can be paid yet
	for _, d := range all {
		m.burn(d, limit)
	}
	untilNode(t, "a batch that is due, with one settler's signatures", func() bool {
		s := nodes[0].settlement()
		return s.Due != nil && len(s.Due.Signatures) > 1 && s.Due.Signatures[0] == 1 && s.Due.Needed[0] == 2
	})
	nodes[0].kill() // in the middle of it
	// Meanwhile the attempt's time is over: what was signed is signed anew, at a higher fee.
	from := c.tip()
	untilNode(t, "the next attempt", func() bool { return c.tip() > from+peg.AttemptBlocks })
	for i := range 2 {
		nodes[i] = startSettler(t, dirs[i], args[i]...)
	}
	untilNode(t, "all burns paid", func() bool {
		m.follow()
		for _, d := range all {
			if len(m.paid(d.script)) == 0 {
				return false
			}
		}
		return true
	})
	// Some more epochs: what was paid must not be paid again.
	from = c.tip()
	untilNode(t, "some epochs", func() bool { return c.tip() > from+4*m.p2.Peg.Epoch })
	m.follow()
	for i, d := range all {
		if got := m.paid(d.script); len(got) != 1 || got[0] >= d.burned || got[0] < d.burned-limit {
			t.Errorf("burn %d of %d sat: paid %v", i, d.burned, got)
		}
	}
	checkBatches(t, c, link, deposits)
	for _, n := range []*settlerNode{c, nodes[0], nodes[1]} {
		var audit struct {
			Claimed, Burned, Vault, Unpaid, Difference int64
			OK                                         bool
		}
		untilNode(t, "the audit", func() bool {
			must(t, n.l2.Call(t.Context(), &audit, "auditsupply"))
			return audit.Unpaid == 0
		})
		if audit.Claimed != deposits*amount || audit.Burned != deposits*all[0].burned || audit.Vault != audit.Claimed-audit.Burned || !audit.OK {
			t.Errorf("audit %+v", audit)
		}
		if s := n.settlement(); s.Share.Low < 0.2 || s.Due != nil || s.Refusal != nil && s.Refusal.Name != "behind" {
			t.Errorf("at the end: %+v", s)
		}
	}
	page, err := http.Get("http://" + c.ports.Metrics + "/metrics")
	must(t, err)
	text, err := io.ReadAll(page.Body)
	must(t, errors.Join(err, page.Body.Close()))
	for _, want := range []string{fmt.Sprintf(`lamina_peg_claimed{chain="dev-native"} %d`, deposits*amount), `lamina_peg_difference{chain="dev-native"} 0`,
		`lamina_peg_recovery_blocks{chain="dev-native"} `, `lamina_peg_share_low{chain="dev-native"} 0.`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("metrics: want %s", want)
		}
	}
	for _, name := range []string{"getsettlement", "auditsupply", "listbatches", "settlefirstlink", "makefirstlink"} {
		if got := lamina(t, nil, "rpc", "--data-dir", c.ports.DataDir, "help", name); got.code != exitOK || !strings.Contains(got.out, name) {
			t.Errorf("help %s: %+v", name, got)
		}
	}
	for i := range 2 {
		nodes[i].end()
	}
}

// checkBatches: the payout lists have every burn once, the batches follow each other, and each
// spends the connector of the one before it: no two variants of one are in L1.
func checkBatches(t *testing.T, c *settlerNode, link string, burns int) {
	t.Helper()
	var list []struct {
		Number  uint32
		Attempt int
		TxID    string
		Payouts []struct {
			TxID string
			Vout uint32
		}
	}
	must(t, c.l2.Call(t.Context(), &list, "listbatches"))
	seen, last := map[string]bool{}, link
	for i, b := range list {
		if i == 0 {
			if b.TxID != link || b.Number != 0 {
				t.Errorf("the first is %+v, want %s", b, link)
			}
			continue
		}
		t.Logf("batch %d, attempt %d: %d payouts", b.Number, b.Attempt, len(b.Payouts))
		if b.Number <= list[i-1].Number {
			t.Errorf("batch %d after %d", b.Number, list[i-1].Number)
		}
		for _, p := range b.Payouts {
			key := fmt.Sprint(p.TxID, p.Vout)
			if seen[key] {
				t.Errorf("burn %s is paid twice", key)
			}
			seen[key] = true
		}
		var raw string
		must(t, c.l1.Call(t.Context(), &raw, "getrawtransaction", b.TxID))
		b2, err := hex.DecodeString(raw)
		must(t, err)
		var tx wire.MsgTx
		must(t, tx.Deserialize(bytes.NewReader(b2)))
		if tx.TxIn[0].PreviousOutPoint.Hash.String() != last {
			t.Errorf("batch %d spends the connector of %s, want %s", b.Number, tx.TxIn[0].PreviousOutPoint.Hash, last)
		}
		last = b.TxID
	}
	if len(seen) != burns {
		t.Errorf("%d burns in the payout lists, want %d", len(seen), burns)
	}
}

// TestSettleFlags: what a command line gets wrong is said before anything is opened.
func TestSettleFlags(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	one := write("one", fmt.Sprintf("%064x", 1), 0o600)
	stranger := write("stranger", fmt.Sprintf("%064x", 77), 0o600)
	open := write("open", fmt.Sprintf("%064x", 1), 0o644)
	long := write("long", strings.Repeat("no key ", 100), 0o600)
	for _, c := range []struct{ args, want string }{
		{"--settle", "want --settler-key FILE or --settler-remote DIR"},
		{"--settler-key " + one, "want --settle, too"},
		{"--settle --settler-key " + one + " --settler-remote " + dir, "want --settler-key FILE or"},
		{"--settle --settler-remote " + dir, "want --settler-public"},
		{"--settle --settler-remote " + dir + " --settler-public 12", "want 64 hexadecimal digits"},
		{"--settle --settler-key " + stranger, "no pegged layer"},
		{"--settle --settler-key " + open, "0600"},
		{"--settle --settler-key " + long, "key file"},
		{"--settle --settler-key " + filepath.Join(dir, "none"), "no such file"},
		{"--settle --settler-password x --settler-key " + one, "can be read by every program"},
		{"--stack layer-regtest --connect bitcoin-regtest=127.0.0.1:1 --settle --settler-key " + one, "not judged here"},
	} {
		got := lamina(t, nil, append([]string{"node", "--data-dir", t.TempDir()}, strings.Fields(c.args)...)...)
		if got.code != exitUsage || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: code %d, %s", c.args, got.code, got.err)
		}
	}
}

// TestSettlerKey: a key is made, shown, and used by a node that signs with it.
func TestSettlerKey(t *testing.T) {
	dir := t.TempDir()
	key, pw, words := filepath.Join(dir, "key"), filepath.Join(dir, "pw"), filepath.Join(dir, "words")
	must(t, os.WriteFile(pw, []byte("quite secret\n"), 0o600))
	made := lamina(t, nil, "--json", "settler", "key", "new", key, "--password-file", pw, "--words-to", words)
	var shown shownKey
	must(t, json.Unmarshal([]byte(made.out), &shown))
	if made.code != exitOK || len(shown.Public) != 64 {
		t.Fatalf("%+v", made)
	}
	text, err := os.ReadFile(words)
	must(t, err)
	if n := len(strings.Fields(string(text))); n != 12 || strings.Contains(made.out+made.err, strings.Fields(string(text))[0]+" ") {
		t.Errorf("%d words, printed %q", n, made.out)
	}
	if got := lamina(t, nil, "settler", "key", "show", key); got.code != exitOK || strings.TrimSpace(got.out) != shown.Public {
		t.Errorf("show: %+v", got)
	}
	if got := lamina(t, nil, "settler", "key", "new", key, "--password-file", pw, "--words-to", filepath.Join(dir, "more")); got.code == exitOK {
		t.Error("made over a key that is there")
	}
	again := lamina(t, nil, "settler", "key", "new", filepath.Join(dir, "again"), "--password-file", pw, "--words-file", words)
	if again.code != exitOK || strings.TrimSpace(again.out) != shown.Public {
		t.Errorf("of the words again: %+v", again)
	}
	if got := lamina(t, nil, "node", "--data-dir", t.TempDir(), "--settle", "--settler-key", key, "--settler-password-file", pw); got.code != exitUsage ||
		!strings.Contains(got.err, shown.Public) {
		t.Errorf("a key of no settlers: %+v", got)
	}
	if got := lamina(t, nil, "node", "--data-dir", t.TempDir(), "--settle", "--settler-key", key, "--settler-password-file", words); got.code != exitUsage ||
		!strings.Contains(got.err, "password") {
		t.Errorf("another password: %+v", got)
	}
}
