package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv/peg"
)

const peggedLayer = "dev-native"

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

// settlers are three settlers in processes of their own, of which two are enough, beside a node
// that mines, and what was deposited and burned there.
type settlers struct {
	*cashier
	node *settlerNode
	each [3]*settlerNode
	dirs [3]string
	args [3][]string
	link string // id of the transaction that makes the first connector
	all  []*paidIn
}

const (
	depositCount  = 20
	depositAmount = 400_000
	burnLimit     = 60_000 // of what a payout may cost
)

func startSettlers(t *testing.T) *settlers {
	t.Helper()
	c := startSettler(t, t.TempDir(), "--mine", "--mine-every", "60ms", "--metrics", "127.0.0.1:0")
	s := &settlers{cashier: newCashier(c), node: c}
	for i := range s.each {
		s.dirs[i], s.args[i] = t.TempDir(), settlerArgs(t, c, i+1)
		s.start(i)
	}
	return s
}

func (s *settlers) start(i int) { s.each[i] = startSettler(s.t, s.dirs[i], s.args[i]...) }

// TestSettlers: a node that mines, three settlers in processes of their own, of which two are
// enough. One is killed for good and the others in the middle of a batch; 20 deposits are
// claimed by somebody else and 20 burns are paid, each exactly once.
func TestSettlers(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := startSettlers(t)
	if now := s.each[1].settlement(); len(now.Keys) != 1 || now.Keys[0] != "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5" {
		t.Errorf("settler 2: %+v", now)
	}
	s.firstConnector()
	s.claimAll()
	s.burnAll()
	s.paidOnce()
	s.checkBatches()
	for _, n := range []*settlerNode{s.node, s.each[0], s.each[1]} {
		s.audited(n)
	}
	s.checkMetrics()
	for _, name := range []string{"getsettlement", "auditsupply", "listbatches", "settlefirstlink", "makefirstlink"} {
		if got := lamina(t, nil, "rpc", "--data-dir", s.node.ports.DataDir, "help", name); got.code != exitOK || !strings.Contains(got.out, name) {
			t.Errorf("help %s: %+v", name, got)
		}
	}
	for i := range 2 {
		s.each[i].end()
	}
}

// firstConnector makes it by the command line, out of a reward.
func (s *settlers) firstConnector() {
	s.t.Helper()
	untilNode(s.t, "ripe rewards", func() bool { return s.node.tip() > depositCount+14 })
	s.spent = 1 // what pays for the connector
	got := lamina(s.t, nil, "rpc", "--data-dir", s.node.ports.DataDir, "--chain", peggedLayer, "makefirstlink")
	if got.code != exitOK {
		s.t.Fatalf("makefirstlink: %s", got.err)
	}
	s.link = strings.TrimSpace(got.out)
	untilNode(s.t, "the first connector", func() bool {
		now := s.node.settlement()
		return now.Last != nil && now.Last.TxID == s.link
	})
}

// claimAll makes the deposits, and sends their claims until all are in blocks of the layer.
func (s *settlers) claimAll() {
	s.t.Helper()
	for range depositCount {
		s.all = append(s.all, s.deposit(depositAmount))
	}
	third := s.each[0].l2 // who claims is nobody in particular
	untilNode(s.t, "all claims", func() bool {
		missing := 0
		for _, d := range s.all {
			if claim := s.claim(d); claim == nil || !s.minted(d) {
				missing++
				var answered *rpc.Error
				if claim != nil {
					if err := s.send(third, claim); err != nil && !errors.As(err, &answered) {
						s.t.Fatal(err)
					}
				}
			}
		}
		return missing == 0
	})
}

// burnAll burns all that was minted. The settlers are killed before the batch has the signatures
// that it needs; two start again when its attempt is over, and pay.
func (s *settlers) burnAll() {
	s.t.Helper()
	s.each[2].kill() // for good
	s.each[1].kill() // so that nothing can be paid yet
	for _, d := range s.all {
		s.burn(d, burnLimit)
	}
	untilNode(s.t, "a batch that is due, with one settler's signatures", func() bool {
		now := s.each[0].settlement()
		return now.Due != nil && len(now.Due.Signatures) > 1 && now.Due.Signatures[0] == 1 && now.Due.Needed[0] == 2
	})
	s.each[0].kill() // in the middle of it
	// Meanwhile the attempt's time is over: what was signed is signed anew, at a higher fee.
	from := s.node.tip()
	untilNode(s.t, "the next attempt", func() bool { return s.node.tip() > from+peg.AttemptBlocks })
	for i := range 2 {
		s.start(i)
	}
	untilNode(s.t, "all burns paid", func() bool {
		s.follow()
		for _, d := range s.all {
			if len(s.paid(d.script)) == 0 {
				return false
			}
		}
		return true
	})
}

// paidOnce waits for some more epochs: what was paid must not be paid again.
func (s *settlers) paidOnce() {
	s.t.Helper()
	from := s.node.tip()
	untilNode(s.t, "some epochs", func() bool { return s.node.tip() > from+4*s.p2.Peg.Epoch })
	s.follow()
	for i, d := range s.all {
		if got := s.paid(d.script); len(got) != 1 || got[0] >= d.burned || got[0] < d.burned-burnLimit {
			s.t.Errorf("burn %d of %d sat: paid %v", i, d.burned, got)
		}
	}
}

// checkBatches: the payout lists have every burn once, the batches follow each other, and each
// spends the connector of the one before it: no two variants of one are in L1.
func (s *settlers) checkBatches() {
	s.t.Helper()
	var list []struct {
		Number  uint32
		Attempt int
		TxID    string
		Payouts []struct {
			TxID string
			Vout uint32
		}
	}
	must(s.t, s.node.l2.Call(s.t.Context(), &list, "listbatches"))
	seen, last := map[string]bool{}, s.link
	for i, b := range list {
		if i == 0 {
			if b.TxID != s.link || b.Number != 0 {
				s.t.Errorf("the first is %+v, want %s", b, s.link)
			}
			continue
		}
		s.t.Logf("batch %d, attempt %d: %d payouts", b.Number, b.Attempt, len(b.Payouts))
		if b.Number <= list[i-1].Number {
			s.t.Errorf("batch %d after %d", b.Number, list[i-1].Number)
		}
		for _, p := range b.Payouts {
			key := fmt.Sprint(p.TxID, p.Vout)
			if seen[key] {
				s.t.Errorf("burn %s is paid twice", key)
			}
			seen[key] = true
		}
		var raw string
		must(s.t, s.node.l1.Call(s.t.Context(), &raw, "getrawtransaction", b.TxID))
		b2, err := hex.DecodeString(raw)
		must(s.t, err)
		var tx wire.MsgTx
		must(s.t, tx.Deserialize(bytes.NewReader(b2)))
		if tx.TxIn[0].PreviousOutPoint.Hash.String() != last {
			s.t.Errorf("batch %d spends the connector of %s, want %s", b.Number, tx.TxIn[0].PreviousOutPoint.Hash, last)
		}
		last = b.TxID
	}
	if len(seen) != depositCount {
		s.t.Errorf("%d burns in the payout lists, want %d", len(seen), depositCount)
	}
}

// audited: a node's books balance, and it has nothing left to pay.
func (s *settlers) audited(n *settlerNode) {
	s.t.Helper()
	var audit struct {
		Claimed, Burned, Vault, Unpaid, Difference int64
		OK                                         bool
	}
	var now settled
	defer func() {
		if s.t.Failed() {
			s.t.Logf("audit %+v, settlement %+v", audit, now)
		}
	}()
	untilNode(s.t, "the audit", func() bool { // of all burns: a settler that was killed may still be reading
		must(s.t, n.l2.Call(s.t.Context(), &audit, "auditsupply"))
		return audit.Unpaid == 0 && audit.Burned == depositCount*s.all[0].burned
	})
	if audit.Claimed != depositCount*depositAmount || audit.Vault != audit.Claimed-audit.Burned || audit.Difference != 0 || !audit.OK {
		s.t.Error("the books do not balance")
	}
	untilNode(s.t, "nothing due, and nothing refused", func() bool {
		now = n.settlement()
		return now.Share.Low >= 0.2 && now.Due == nil && (now.Refusal == nil || now.Refusal.Name == "behind")
	})
}

// checkMetrics: the node that mines publishes what was claimed, and what the books lack.
func (s *settlers) checkMetrics() {
	s.t.Helper()
	text := get(s.t, "http://"+s.node.ports.Metrics+"/metrics")
	for _, want := range []string{fmt.Sprintf(`lamina_peg_claimed{chain="dev-native"} %d`, depositCount*depositAmount), `lamina_peg_difference{chain="dev-native"} 0`,
		`lamina_peg_recovery_blocks{chain="dev-native"} `, `lamina_peg_share_low{chain="dev-native"} 0.`} {
		if !strings.Contains(text, want) {
			s.t.Errorf("metrics: want %s", want)
		}
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
