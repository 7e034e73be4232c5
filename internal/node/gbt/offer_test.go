package gbt

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/testchain"
)

// tx returns a transaction in hex and its id, by btcd.
func tx(t testing.TB, witness bool) (string, string) {
	t.Helper()
	m := wire.NewMsgTx(2)
	in := wire.NewTxIn(&wire.OutPoint{Hash: [32]byte{1}}, nil, nil)
	if witness {
		in.Witness = wire.TxWitness{{1, 2, 3}}
	}
	m.AddTxIn(in)
	m.AddTxOut(wire.NewTxOut(5, payout))
	return encode(t, m), m.TxHash().String()
}

func encode(t testing.TB, m *wire.MsgTx) string {
	t.Helper()
	var b bytes.Buffer
	if err := m.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b.Bytes())
}

// world is a valid answer, to be spoiled.
func world(t testing.TB) map[string]any {
	plain, plainID := tx(t, false)
	seg, segID := tx(t, true)
	return map[string]any{
		"version": 0x20000000, "rules": []string{"csv", "!segwit"}, "previousblockhash": strings.Repeat("ab", 32),
		"transactions":  []any{map[string]any{"data": plain, "txid": plainID}, map[string]any{"data": seg, "txid": segID}},
		"coinbaseaux":   map[string]string{"flags": hex.EncodeToString([]byte("/flag/"))},
		"coinbasevalue": 5_000_000_000, "mintime": 1_700_000_000, "curtime": 1_700_000_100, "bits": "207fffff", "height": 500,
		"longpollid": "abc", "mutable": []string{"time", "transactions", "prevblock"},
	}
}

// ownCoinbase is a coinbase that the node insists on.
func ownCoinbase(t testing.TB, spoil func(*wire.MsgTx)) map[string]any {
	m := wire.NewMsgTx(1)
	m.LockTime = 499
	m.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: []byte{2, 0xf4, 1}, Sequence: 0xfffffffe})
	m.AddTxOut(wire.NewTxOut(77, []byte{0x52}))
	spoil(m)
	return map[string]any{"data": encode(t, m)}
}

func TestParseOffer(t *testing.T) {
	keep := func(*wire.MsgTx) {}
	for _, c := range []struct {
		name  string
		spoil func(a map[string]any)
		want  string // of the error; empty for none
	}{
		{"nothing", func(map[string]any) {}, ""},
		{"no flags", func(a map[string]any) { delete(a, "coinbaseaux") }, ""},
		{"long flags are left out", func(a map[string]any) { a["coinbaseaux"] = map[string]string{"x": strings.Repeat("00", 33)} }, ""},
		{"no transactions", func(a map[string]any) { a["transactions"] = []any{} }, ""},
		{"coinbase of the node's", func(a map[string]any) {
			delete(a, "coinbasevalue")
			a["coinbasetxn"], a["mutable"] = ownCoinbase(t, keep), []string{"coinbase/append"}
		}, ""},
		{"rule", func(a map[string]any) { a["rules"] = []string{"!mweb"} }, `rule "mweb" is demanded and not known`},
		{"previous", func(a map[string]any) { a["previousblockhash"] = "ab" }, `previousblockhash "ab": want 64 hex digits`},
		{"bits", func(a map[string]any) { a["bits"] = "7fffff" }, `bits "7fffff": want 8 hex digits`},
		{"bits of no target", func(a map[string]any) { a["bits"] = "00000000" }, "bits 00000000 are no target"},
		{"height", func(a map[string]any) { a["height"] = 0 }, "height 0: want at least 1"},
		{"height of a string", func(a map[string]any) { a["height"] = "500" }, "height"},
		{"time", func(a map[string]any) { a["mintime"] = 1_700_000_101 }, "curtime 1700000100: before mintime 1700000101"},
		{"negative value", func(a map[string]any) { a["coinbasevalue"] = -1 }, "coinbasevalue -1: want 0 to"},
		{"too much", func(a map[string]any) { a["coinbasevalue"] = 2_100_000_000_000_001 }, "coinbasevalue 2100000000000001: want 0 to"},
		{"no coinbase", func(a map[string]any) { delete(a, "coinbasevalue") }, "neither coinbasevalue nor coinbasetxn"},
		{"flags", func(a map[string]any) { a["coinbaseaux"] = map[string]string{"x": "0"} }, `coinbaseaux "x": encoding/hex`},
		{"coinbase that must stay", func(a map[string]any) {
			delete(a, "coinbasevalue")
			a["coinbasetxn"] = ownCoinbase(t, keep)
		}, "coinbasetxn: nothing may be added to it"},
		{"coinbase that is none", func(a map[string]any) {
			delete(a, "coinbasevalue")
			a["coinbasetxn"] = ownCoinbase(t, func(m *wire.MsgTx) { m.TxIn[0].PreviousOutPoint.Index = 0 })
			a["mutable"] = []string{"coinbase"}
		}, "coinbasetxn: no coinbase"},
		{"coinbase without room", func(a map[string]any) {
			delete(a, "coinbasevalue")
			a["coinbasetxn"] = ownCoinbase(t, func(m *wire.MsgTx) { m.TxIn[0].SignatureScript = make([]byte, 60) })
			a["mutable"] = []string{"coinbase"}
		}, "bytes of coinbase script"},
		{"transaction", func(a map[string]any) {
			a["transactions"] = []any{map[string]any{"data": "01000000" + strings.Repeat("ff", 56)}}
		}, "block: transaction 1"},
		{"transaction of no hex", func(a map[string]any) {
			a["transactions"] = []any{map[string]any{"data": "zz"}}
		}, "transaction 0: encoding/hex"},
		{"bytes behind the last", func(a map[string]any) {
			txs := a["transactions"].([]any)
			txs[1].(map[string]any)["data"] = txs[1].(map[string]any)["data"].(string) + "00"
		}, "transactions: 1 bytes behind the last"},
		{"txid", func(a map[string]any) {
			a["transactions"].([]any)[1].(map[string]any)["txid"] = strings.Repeat("00", 32)
		}, "transaction 1: txid \"00"},
		{"witness commitment", func(a map[string]any) { a["default_witness_commitment"] = "6a24aa21a9ed" }, "default_witness_commitment"},
		{"extension", func(a map[string]any) { a["mweb"] = "00" }, "mweb: extension block given: true, wanted by the last transaction: false"},
	} {
		a := world(t)
		c.spoil(a)
		raw, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		offer, err := parseOffer(testchain.Params(t, "bitcoin-regtest"), raw, payout, []byte("/x/"))
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		coinbase := offer.Coinbase(make([]byte, template.MarkSize), template.ExtraNonce{})
		var m wire.MsgTx
		if err := m.Deserialize(bytes.NewReader(coinbase)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		switch {
		case a["coinbasetxn"] != nil:
			if m.LockTime != 499 || m.TxIn[0].Sequence != 0xfffffffe || m.TxOut[0].Value != 77 || !bytes.HasPrefix(m.TxIn[0].SignatureScript, []byte{2, 0xf4, 1}) {
				t.Errorf("%s: coinbase %+v", c.name, m)
			}
		case m.TxOut[0].Value != 5_000_000_000 || !bytes.Equal(m.TxOut[0].PkScript, payout):
			t.Errorf("%s: coinbase %+v", c.name, m)
		}
		if flagged := bytes.HasSuffix(m.TxIn[0].SignatureScript, []byte("/x//flag/")); flagged != (c.name == "nothing" || c.name == "no transactions") {
			t.Errorf("%s: script %x", c.name, m.TxIn[0].SignatureScript)
		}
	}
}

func FuzzParseOffer(f *testing.F) {
	a := world(f)
	raw, err := json.Marshal(a)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	delete(a, "coinbasevalue")
	a["coinbasetxn"], a["mutable"] = ownCoinbase(f, func(*wire.MsgTx) {}), []string{"coinbase/append"}
	if raw, err = json.Marshal(a); err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	p := testchain.Params(f, "litecoin-regtest")
	f.Fuzz(func(t *testing.T, raw []byte) {
		offer, err := parseOffer(p, raw, payout, nil)
		if err != nil {
			return
		}
		script := len(offer.Lead) + len(offer.Extra)
		if script > 100-45-13 {
			t.Errorf("%d bytes of script", script)
		}
		offer.Header(offer.Coinbase(nil, template.ExtraNonce{}))
	})
}

// TestCall has a server answer in every bad way.
func TestCall(t *testing.T) {
	const secret = "hunter2-secret"
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		{"result", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"result":null,"error":null,"id":1}`) }, ""},
		{"duplicate", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"result":"duplicate"}`) }, ""},
		{"invalid duplicate", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"result":"duplicate-invalid"}`) },
			`the node refuses it: "duplicate-invalid"`},
		{"reason", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"result":"high-hash"}`) }, `the node refuses it: "high-hash"`},
		{"error", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			fmt.Fprint(w, `{"result":null,"error":{"code":-10,"message":"is downloading blocks..."}}`)
		}, `submitblock: the node answers: "is downloading blocks..." (-10)`},
		{"password", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401) }, "refuses user or password"},
		{"no JSON", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>") }, "200 OK: answer is no JSON-RPC"},
		{"nothing", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "{}") }, "answer without a result"},
		{"another type", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"result":5}`) }, "result: json"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "307"},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			spaces := bytes.Repeat([]byte{' '}, 1<<20)
			for range mostAnswer>>20 + 1 {
				if _, err := w.Write(spaces); err != nil {
					return
				}
			}
		}, "answer of more than 33554432 bytes"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, ok := r.BasicAuth(); !ok || user != "user" || password != secret {
				t.Errorf("%s: user %q", c.name, user)
			}
			c.answer(w, r)
		}))
		n, err := NewNode(testchain.Params(t, "bitcoin-regtest"), Access{URL: server.URL, User: "user", Password: secret})
		if err != nil {
			t.Fatal(err)
		}
		err = n.Submit(context.Background(), make([]byte, 80))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the password shows", c.name)
		}
		server.Close()
	}
	n, err := NewNode(testchain.Params(t, "bitcoin-regtest"), Access{URL: "http://127.0.0.1:1", Password: secret})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Submit(context.Background(), make([]byte, 80)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("nobody there: %v", err)
	}
	if err := n.Submit(context.Background(), nil); err == nil {
		t.Error("an empty block is handed in")
	}
}

func TestNewNodeRefuses(t *testing.T) {
	for _, c := range []struct{ chain, url, want string }{
		{"bitcoin-regtest", "http://user:pw@localhost:1", "user and password apart"},
		{"bitcoin-regtest", "ftp://localhost", "want http://HOST:PORT"},
		{"bitcoin-regtest", "localhost:18443", "want http://HOST:PORT"},
		{"bitcoin-regtest", "http://user:pw@[::1", "not a URL"},
		{"bitcoin-signet", "http://localhost:1", "need a signature"},
		{"layer-regtest", "http://localhost:1", "only an L1's templates"},
	} {
		if _, err := NewNode(testchain.Params(t, c.chain), Access{URL: c.url}); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s at %s: %v, want %s", c.chain, c.url, err, c.want)
		}
	}
}

func TestPasswordHidden(t *testing.T) {
	a := Access{URL: "http://localhost:1", User: "u", Password: "hunter2"}
	shown, err := json.Marshal(map[string]any{"a": a.Password})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%+v %#v %s %q %x", a, a, a.Password, a.Password, a.Password), string(shown)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, hex.EncodeToString([]byte("hunter2"))) {
			t.Errorf("the password shows in %s", text)
		}
	}
}
