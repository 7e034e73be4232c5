package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcjson"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/internal/rpc"
)

// stableAnswer takes out of an answer what differs from moment to moment, the order of a draft's outputs included.
func stableAnswer(doc map[string]any) string {
	var clean func(v any)
	clean = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"age", "offline", "filter_source", "peers", "seen", "id", "lock_time", "trust", "unlocked"} {
				delete(v, key)
			}
			for _, below := range v {
				clean(below)
			}
		case []any:
			for _, below := range v {
				clean(below)
			}
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	if doc["wallets"] != nil { // beside the chains that are followed, of which there are none without a daemon
		delete(doc, "chains")
	}
	clean(doc)
	b, _ := json.Marshal(doc)
	return string(b)
}

// TestWalletAgainstNode makes a wallet, is paid by a node that we did not write, and pays, without a daemon and with one;
// both give the same answers.
func TestWalletAgainstNode(t *testing.T) {
	t.Parallel() // it waits most of the time
	w, address := newWalletDay(t)
	h, node := w.household, w.node
	b := h.must(w.with("balance")...)
	if b["confirmed"] == 0.0 || b["immature"] == 0.0 || b["trust"].(map[string]any)["verified"] != true {
		t.Fatalf("balance: %v", b)
	}

	direct := w.answers(node.P2P)
	events := &hook{}
	receiver := httptest.NewServer(events)
	defer receiver.Close()
	const hookSecret = "hush-a-secret-of-the-webhook"
	ready, end := h.run("--connect", node.P2P, "--webhook", receiver.URL, "--webhook-secret-file", file(t, "secret", []byte(hookSecret)),
		"--metrics", "127.0.0.1:0", "--verbose")
	until(t, "the daemon is synced", func() bool { return h.must("balance")["trust"].(map[string]any)["verified"] == true })
	for path, says := range map[string]string{"/health": `"status":"ok"`, "/metrics": `lamina_tip_height{chain="litecoin-regtest"} 100`} {
		until(t, path+" with "+says, func() bool { return strings.Contains(get(t, ready["metrics"].(string)+path), says) })
	}
	for i, got := range w.answers("") {
		if got != direct[i] {
			t.Errorf("question %d:\nwithout daemon %s\nwith           %s", i, direct[i], got)
		}
	}
	if got := h.lamina("daemon", "--connect", node.P2P); got.code != exitUsage || !strings.Contains(got.err, "hint: another program has the folder") {
		t.Errorf("a second daemon: exit code %d\n%s", got.code, got.err)
	}

	first, second := w.pay()
	h.packets(node, strangersAddress)
	h.notes(address)
	w.foreignClient(first)
	h.must("wallet", "lock")
	until(t, "the webhook", func() bool { return events.has(second) })
	if bad := events.verify(hookSecret); bad != nil {
		t.Error(bad)
	}
	last := end()
	if last.code != exitOK || strings.Contains(last.err, "hush-") {
		t.Errorf("daemon: exit code %d\n%s", last.code, last.err)
	}
	if _, err := os.Stat(filepath.Join(h.dir, rpc.CookieName)); err == nil || ready["rpc"] == "" {
		t.Error("the cookie is left")
	}

	w.withoutDaemon(first)
	w.fromWords()
}

// strangersAddress is nobody's.
const strangersAddress = "rltc1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqnmxrc5"

// walletDay is a wallet beside a node, for TestWalletAgainstNode.
type walletDay struct {
	*household
	node  *realnode.Node
	words string // file
}

// newWalletDay makes a wallet and has the node pay to an address of it.
func newWalletDay(t *testing.T) (w *walletDay, address string) {
	t.Helper()
	node := realnode.Litecoind(t)
	h := &household{t: t, dir: filepath.Join(t.TempDir(), "data"), pw: file(t, "pw", []byte("hush-password\n"))}
	wordsFile := filepath.Join(t.TempDir(), "words")
	h.must("wallet", "create", "main", "--chain", "litecoin-regtest", "--password-file", h.pw, "--words-to", wordsFile, "--birthday", "2010-01-01")
	if got := h.lamina("wallet", "create", "main", "--chain", "litecoin-regtest", "--password-file", h.pw, "--words-to", wordsFile+"2"); got.code != exitUsage ||
		!strings.Contains(got.err, "main") {
		t.Errorf("a second main: exit code %d\n%s", got.code, got.err)
	}
	if _, err := os.Stat(wordsFile + "2"); err == nil {
		t.Error("a file of words without a wallet")
	}
	address, _ = h.must("receive", "--offline", "--kind", "p2wpkh")["address"].(string)
	node.Call(t, nil, "generatetoaddress", 2, address)
	node.Generate(t, 98)
	return &walletDay{household: h, node: node, words: wordsFile}, address
}

// with adds where to connect to.
func (w *walletDay) with(args ...string) []string {
	return append(args, "--connect", w.node.P2P)
}

func (w *walletDay) inPool(id string) bool {
	var ids []string
	w.node.Call(w.t, &ids, "getrawmempool")
	return strings.Contains(strings.Join(ids, " "), id)
}

// answers asks the same questions every time: of a peer without a daemon, or of the daemon.
func (w *walletDay) answers(peer string) (all []string) {
	w.t.Helper()
	for _, q := range [][]string{{"balance"}, {"history"}, {"coins", "list"}, {"wallet", "descriptor"}, {"wallet", "list"}, {"receive"},
		{"coins", "split", "--count", "3", "--dry-run"}, {"fee"}, {"coins", "rule"}, {"label", "export"}} {
		if peer != "" && (q[len(q)-1] != "list" || q[0] != "wallet") { // which has no chain to ask for
			q = append(q[:len(q):len(q)], "--connect", peer)
		}
		all = append(all, stableAnswer(w.must(q...)))
	}
	return all
}

// pay pays in a session of the daemon, and pays more for it.
func (w *walletDay) pay() (first, second string) {
	w.t.Helper()
	if got := w.lamina("send", strangersAddress, "1", "--yes"); got.code != exitUsage || !strings.Contains(got.err, "no terminal") {
		w.t.Errorf("locked: exit code %d\n%s", got.code, got.err)
	}
	w.must("wallet", "unlock", "--password-file", w.pw)
	sent := w.must("send", strangersAddress, "1", "--yes", "--label", "rent", "--key", "order 17")
	first = sent["txid"].(string)
	if again := w.must("send", strangersAddress, "1", "--yes", "--label", "rent", "--key", "order 17"); again["txid"] != first || again["repeated"] != true {
		w.t.Errorf("the same key: %v", again)
	}
	if got := w.lamina("send", strangersAddress, "2", "--yes", "--key", "order 17"); got.code != exitRefuted {
		w.t.Errorf("another payment of the same key: exit code %d\n%s", got.code, got.err)
	}
	until(w.t, "the node has "+first, func() bool { return w.inPool(first) })
	if got := w.lamina("tx", "bump", first, "--rate", "90", "--yes"); got.code == exitOK || !strings.Contains(got.err, "cpfp") {
		w.t.Errorf("a replacement that no node takes: %+v", got)
	}
	if tx := w.must("tx", "show", first); fmt.Sprint(tx["actions"]) != "[cpfp abandon]" || !strings.Contains(tx["no_bump"].(string), "keep the first") {
		w.t.Errorf("offered: %v, %v", tx["actions"], tx["no_bump"])
	}
	second = w.must("tx", "cpfp", first, "--rate", "50", "--yes")["txid"].(string) // this node takes no replacements
	until(w.t, "the node has "+second, func() bool { return w.inPool(second) })
	return first, second
}

// foreignClient asks as programs of others do.
func (w *walletDay) foreignClient(first string) {
	w.t.Helper()
	client := w.client()
	var list []btcjson.ListTransactionsResult
	if err := client.Call(w.t.Context(), &list, "listtransactions", "*", 100); err != nil || len(list) != 3 || list[2].TxID != first || list[2].Amount != -1 ||
		list[0].Category != "generate" || list[1].Category != "immature" {
		w.t.Errorf("listtransactions: %+v, %v", list, err)
	}
	var balance float64
	if err := client.Call(w.t.Context(), &balance, "getbalance"); err != nil || balance <= 0 {
		w.t.Errorf("getbalance: %v, %v", balance, err)
	}
}

// withoutDaemon goes on when the daemon has ended: a killed daemon's files do not matter, and what it sent is known.
func (w *walletDay) withoutDaemon(first string) {
	w.t.Helper()
	stale, err := rpc.NewCookie(w.dir, "http://127.0.0.1:9")
	if err != nil {
		w.t.Fatal(err)
	}
	w.node.Generate(w.t, 1)
	if tx := w.must(w.with("tx", "show", first)...); tx["status"] != "confirmed" || tx["label"] != "rent" {
		w.t.Errorf("%v", tx)
	}
	third := w.must(w.with("send", strangersAddress, "max", "--yes", "--password-file", w.pw, "--accept", "reuse")...)["txid"].(string)
	until(w.t, "the node has "+third, func() bool { return w.inPool(third) })
	if err := stale.Remove(); err != nil {
		w.t.Error(err)
	}
}

// fromWords brings all of it back elsewhere, by the words alone.
func (w *walletDay) fromWords() {
	w.t.Helper()
	other := &household{t: w.t, dir: filepath.Join(w.t.TempDir(), "other")}
	other.must("wallet", "restore", "again", "--chain", "litecoin-regtest", "--words-file", w.words, "--password-file", w.pw)
	if b := other.must(w.with("history")...); b["total"].(float64) < 3 {
		w.t.Errorf("restored: %v", b)
	}
	other.must("wallet", "addchain", "again", "--chain", "dev", "--password-file", w.pw)
	if b := other.must("balance", "--chain", "dev", "--offline"); b["chain"] != "dev" || b["confirmed"] != 0.0 {
		w.t.Errorf("on another chain: %v", b)
	}
	every := other.must("balance", "--offline")
	for i, chain := range []string{"litecoin-regtest", "dev"} {
		got, want := every["balances"].([]any)[i].(map[string]any), other.must("balance", "--chain", chain, "--offline")
		for _, field := range []string{"wallet", "chain", "total", "spendable", "unit"} {
			if !reflect.DeepEqual(got[field], want[field]) || want[field] == nil {
				w.t.Errorf("balances on all chains: %s: %s %v, want %v", chain, field, got[field], want[field])
			}
		}
	}
	other.must("wallet", "check", "again", "--words-file", w.words)
}

// packets makes a PSBT, signs and finishes it, and has the node judge the transaction.
func (h *household) packets(node *realnode.Node, payee string) {
	h.t.Helper()
	made := h.must("psbt", "create", payee, "0.1", "--rate", "20")["psbt"].(string)
	signed := h.must("psbt", "sign", file(h.t, "made", []byte(made)), "--yes")
	if signed["complete"] != true || signed["added"] != 1.0 {
		h.t.Errorf("signed: %v", signed)
	}
	raw := h.must("psbt", "finalize", file(h.t, "signed", []byte(signed["psbt"].(string))))["hex"]
	var judged []struct {
		Allowed bool   `json:"allowed"`
		Why     string `json:"reject-reason"`
	}
	if node.Call(h.t, &judged, "testmempoolaccept", []any{raw}); len(judged) != 1 || !judged[0].Allowed {
		h.t.Errorf("the node says %+v", judged)
	}
	many := h.must("sendmany", file(h.t, "many.csv", []byte("address,amount\n"+payee+",0.1,one\n"+payee+",0.2\n")), "--dry-run")
	if many["paid"] != 30_000_000.0 {
		h.t.Errorf("sendmany: %v", many)
	}
}

// notes signs a message, and writes what belongs beside the money.
func (h *household) notes(address string) {
	h.t.Helper()
	signature := h.must("message", "sign", address, "it is mine")["signature"].(string)
	if v := h.must("message", "verify", address, signature, "it is mine"); v["valid"] != true {
		h.t.Errorf("verify: %v", v)
	}
	if got := h.lamina("message", "verify", address, signature, "it is yours"); got.code != exitRefuted {
		h.t.Errorf("another message: exit code %d\n%s", got.code, got.err)
	}
	coins := h.must("coins", "list")["coins"].([]any)
	one := coins[0].(map[string]any)["outpoint"].(string)
	h.must("coins", "freeze", one)
	h.must("coins", "tag", one, "--tag", "shop")
	h.must("coins", "rule", "shop", "*")
	if labels := h.must("label", "export")["file"].(string); !strings.Contains(labels, "rent") || !strings.Contains(labels, one) {
		h.t.Errorf("labels:\n%s", labels)
	}
	if frozen := h.must("balance")["frozen"]; frozen == 0.0 {
		h.t.Error("nothing is frozen")
	}
	h.must("coins", "rule", "shop", "*", "--lift")
	h.must("coins", "tag", one)
	h.must("coins", "unfreeze", one)
}

// hook receives what the daemon posts.
type hook struct {
	mu   sync.Mutex
	seen [][2]string // body and signature
}

func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(bufio.NewReader(r.Body))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, [2]string{string(body), r.Header.Get("Lamina-Signature")})
}

func (h *hook) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.seen {
		if strings.Contains(s[0], id) {
			return true
		}
	}
	return false
}

func (h *hook) verify(secret string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var bad error
	for _, s := range h.seen {
		if err := rpc.Verify(rpc.Password(secret), []byte(s[0]), s[1], time.Now()); err != nil {
			bad = errors.Join(bad, fmt.Errorf("%s: %w", s[0], err))
		}
	}
	return bad
}

// TestDaemonRefuses: flags that make no sense, and secrets without what they are for, start nothing.
func TestDaemonRefuses(t *testing.T) {
	secret := file(t, "secret", []byte("hush-a-secret-of-the-webhook"))
	for args, says := range map[string]string{
		"":                                "no wallet",
		"--chain nonsense":                "unknown",
		"--chain dev --connect 127.0.0.1": "missing port",
		"--chain dev --rpc 192.0.2.1:1":   "not loopback",
		"--chain dev --rpc-cert /nonsense --rpc-key /x":                                                    "rpc certificate",
		"--chain dev --rpc-user me":                                                                        "rpc-password",
		"--chain dev --webhook https://shop.example":                                                       "webhook-secret",
		"--chain dev --webhook-secret-file " + secret:                                                      "webhook-secret",
		"--chain dev --webhook http://shop.example --webhook-secret-file " + secret:                        "want https",
		"--chain dev --webhook https://shop.example --webhook-secret-file " + file(t, "s", []byte("hush")): "want at least 16",
		"--chain dev --rpc-auth-file /nonsense":                                                            "/nonsense",
		"--chain dev --verify some":                                                                        "--verify some: want all or sample",
		"--chain dev --verify all":                                                                         "--offline asks nothing",
		"--chain dev --metrics nonsense":                                                                   "--metrics nonsense",
	} {
		got := lamina(t, nil, append([]string{"daemon", "--offline", "--data-dir", t.TempDir()}, strings.Fields(args)...)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, says) || strings.Contains(got.err, "hush") {
			t.Errorf("%q: exit code %d, want %q\n%s%s", args, got.code, says, got.out, got.err)
		}
	}
}

// TestWithin: who gives up while asked for a password gets the keyboard back.
func TestWithin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	never, undone := make(chan struct{}), false
	defer close(never)
	cancel()
	if _, err := within(ctx, func() ([]byte, error) { <-never; return nil, nil }, func() { undone = true }); err == nil || !undone {
		t.Errorf("%v, undone %v", err, undone)
	}
}

// TestAwaitSync: a command that is not synced in time says how far it came, and answers nothing.
func TestAwaitSync(t *testing.T) {
	got := atTeller(t, &teller{}, false, nil, "", "balance", "--wait", "1ms")
	if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, "not synced after 1ms") || !strings.Contains(got.err, "dev  following") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
	for _, c := range []struct {
		remote bool
		args   []string
	}{{true, []string{"balance"}}, {false, []string{"balance", "--offline"}}} {
		if got := atTeller(t, &teller{}, c.remote, nil, "", c.args...); got.code != exitOK || !strings.Contains(got.out, "(not synced: block 150") {
			t.Errorf("%q: exit code %d\n%s%s", c.args, got.code, got.out, got.err)
		}
	}
}
