package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// surveyor is a teller that also knows of the work behind its chain.
type surveyor struct {
	teller
	known    app.ChainSecurity
	evidence app.Evidence
	payment  app.PaymentRisk
}

func (b *surveyor) ChainSecurity(_ context.Context, _ string, attacker float64) (app.ChainSecurity, error) {
	s := b.known
	s.Attacker = attacker
	return s, nil
}
func (b *surveyor) Alarms(context.Context) ([]app.ChainAlarm, error) { return b.known.Alarms, nil }
func (b *surveyor) PaymentRisks(_ context.Context, _ app.Purse, ids []spv.Hash, attacker float64) (out []app.PaymentRisk, _ error) {
	for _, id := range ids {
		r := b.payment
		r.ID, r.Attacker = id, attacker
		out = append(out, r)
	}
	return out, nil
}
func (b *surveyor) Evidence(context.Context, app.Purse, spv.Hash) (app.Evidence, error) {
	return b.evidence, nil
}
func (b *surveyor) BalanceEvidence(context.Context, app.Purse) (app.Evidence, error) {
	return b.evidence, nil
}
func (b *surveyor) Prove(_ context.Context, _ app.Purse, id spv.Hash, _ int32) (app.PaymentProof, error) {
	return app.PaymentProof{}, app.Coded(app.CodeMissing, "transaction %s: not of main on dev", id)
}

// History is a teller's, with all of it confirmed.
func (b *surveyor) History(ctx context.Context, in app.Purse, q app.HistoryQuery) (app.History, error) {
	h, err := b.teller.History(ctx, in, q)
	for i := range h.Rows {
		h.Rows[i].Status = "confirmed"
	}
	return h, err
}

func (b *surveyor) Transaction(ctx context.Context, in app.Purse, id spv.Hash) (app.Transaction, error) {
	t, err := b.teller.Transaction(ctx, in, id)
	t.Status = "confirmed"
	return t, err
}

func known[T any](n T) *T { return &n }

func newSurveyor() *surveyor {
	b := &surveyor{teller: teller{synced: true}}
	share := risk.Share{From: 10, To: 153, Seals: 90, Blocks: 900, Share: 0.625, Low: 0.543, High: 0.7, Lent: 0.61, LentError: 0.05}
	b.known = app.ChainSecurity{Chain: "dev", L1: "l1<&>", Windows: []risk.Share{share, share}, Honest: known(0.543), Majority: known(0.5), Watched: true,
		Points: []app.SharePoint{{Time: time.Unix(1_799_999_000, 0).UTC(), Share: share}, {Time: time.Unix(1_800_000_000, 0).UTC(), Share: share}},
		Pools:  []app.PoolShare{{Payee: "00ff", Blocks: 9, Share: 0.9}, {Blocks: 1, Share: 0.1}}, Half: 1,
		Waits: []app.Wait{{Size: "small", Confirmations: known(6)}, {Size: "normal", Confirmations: known(90)}, {Size: "large", Never: true}}, Trust: allGood}
	b.evidence = app.Evidence{Legs: []app.Leg{{Name: "header", State: app.LegChecked, Text: "good"}}, Whole: true, Trust: allGood}
	b.payment = app.PaymentRisk{Depth: 2, Risk: known(0.125), Own: known(0.125), Later: []app.Later{{More: 1, Risk: 0.0625}, {More: 6, Risk: 0.001}},
		Waits: b.known.Waits}
	return b
}

// TestSecurityText: what is known is shown as it is, and what is not as unknown.
func TestSecurityText(t *testing.T) {
	tx := someTx.String()
	alarm := app.ChainAlarm{Chain: "dev", Alarm: risk.Alarm{Kind: risk.Eclipse}, Title: "TITLE", What: "WHAT", Do: "DO"}
	none := func(b *surveyor) {
		b.known = app.ChainSecurity{Chain: "dev", Unknown: "no such thing", Waits: []app.Wait{{Size: "small"}}, Trust: allGood}
	}
	for _, c := range []struct {
		name  string
		args  string
		spoil func(*surveyor)
		code  int
		says  []string
	}{
		{"chain", "security dev", nil, exitOK, []string{"62.5% (54.3% to 70.0%) over L1 blocks 10 to 153", "large payment", "no number of confirmations suffices", "(nobody)",
			"alarms                      none", "2027-01-15 08:00   62.5%", "verified"}},
		{"all chains of the wallets", "security", nil, exitOK, []string{"dev over"}},
		{"no share", "security dev", none, exitOK, []string{"share of the L1's work      unknown: no such thing", "always wins with  unknown", "small payment         unknown", "alarms                      unknown"}},
		{"alarm", "security dev", func(b *surveyor) { b.known.Alarms = []app.ChainAlarm{alarm} }, exitOK, []string{"ALARM eclipse: TITLE\n  WHAT\n  DO\n"}},
		{"document", "security dev --json", func(b *surveyor) { b.known.Alarms = []app.ChainAlarm{alarm} }, exitOK, []string{`"kind": "eclipse"`, `"low": 0.543`, `"honest": 0.543`}},
		{"document of nothing", "security dev --json", none, exitOK, []string{`"honest": null`, `"majority": null`, `"unknown": "no such thing"`}},
		{"another attacker", "security dev --attacker 0.4", nil, exitOK, []string{"6 confirmations, against 40.0% of the L1's work"}},
		{"no attacker", "security dev --attacker 0", nil, exitUsage, []string{"more than 0"}},
		{"history", "history", nil, exitOK, []string{"2 of 90 recommended"}},
		{"history of another attacker", "history --json --attacker 0.4", nil, exitOK, []string{`"waits": [`, `"attacker": 0.4`, `"recommended": 90`}},
		{"history without a share", "history", func(b *surveyor) { b.payment.Waits = []app.Wait{{Size: "normal"}} }, exitOK, []string{"of an unknown number"}},
		{"history of a lost race", "history", func(b *surveyor) { b.payment.Waits[1] = app.Wait{Size: "normal", Never: true} }, exitOK, []string{"no number suffices"}},
		{"history on a layer", "history", func(b *surveyor) {
			b.payment.Anchor, b.payment.AnchorDepth, b.payment.L1Waits = known(0.5), 7, []app.Wait{{Size: "normal", Confirmations: known(24)}}
		}, exitOK, []string{"2 of 90 recommended, on the L1 7 of 24"}},
		{"history of no attacker", "history --attacker 2", nil, exitUsage, []string{"less than 1"}},
		{"transaction", "tx show " + tx, nil, exitOK, []string{"2 of 90 recommended"}},
		{"no such chain", "security nowhere", nil, exitUsage, []string{"nowhere"}},
		{"picture of all", "security --svg x.svg", nil, exitUsage, []string{"of one chain"}},
		{"payment", "evidence " + tx, nil, exitOK, []string{"header  checked  good", "confirmations: 2 of 90 recommended; against 30.0% of the L1's work; risk now 0.12, after 1 more 0.062, after 6 more 0.001"}},
		{"small payment", "evidence " + tx + " --size small --attacker 0.4", nil, exitOK, []string{"2 of 6 recommended; against 40.0%"}},
		{"large payment", "evidence " + tx + " --size large", nil, exitOK, []string{"2, and no number suffices"}},
		{"payment of an unknown chain", "evidence " + tx, func(b *surveyor) { b.payment = app.PaymentRisk{Depth: 2, Unknown: "WHY"} }, exitOK,
			[]string{"2 of an unknown number", "risk unknown: WHY"}},
		{"missing leg", "evidence " + tx, func(b *surveyor) { b.evidence.Whole, b.evidence.Legs[0].State = false, app.LegMissing }, exitOK,
			[]string{"header  missing  good", "is not whole"}},
		{"broken leg", "evidence balance", func(b *surveyor) { b.evidence.Whole, b.evidence.Legs[0].State = false, app.LegBroken }, exitRefuted,
			[]string{"header  broken  good"}},
		{"evidence document", "evidence " + tx + " --json", nil, exitOK, []string{`"whole": true`, `"risk": {`, `"depth": 2`}},
		{"size", "evidence " + tx + " --size huge", nil, exitUsage, []string{"want small, normal or large"}},
		{"attacker", "evidence " + tx + " --attacker 1", nil, exitUsage, []string{"less than 1"}},
		{"no id", "evidence xyz", nil, exitUsage, []string{"64 hex digits"}},
		{"prove without a file", "prove " + tx, nil, exitUsage, []string{"output"}},
		{"prove nothing", "prove " + tx + " -o " + filepath.Join(t.TempDir(), "p"), nil, exitUsage, []string{"not of main"}},
	} {
		b := newSurveyor()
		if c.spoil != nil {
			c.spoil(b)
		}
		got := atTeller(t, b, true, nil, "", strings.Fields(c.args)...)
		for _, text := range c.says {
			if got.code != c.code || !strings.Contains(got.out+got.err, text) {
				t.Errorf("%s: exit code %d, want %d and %q\n%s%s", c.name, got.code, c.code, text, got.out, got.err)
			}
		}
	}
}

// TestShareBar: the share and its bounds stand where they should.
func TestShareBar(t *testing.T) {
	for _, c := range []struct {
		share, low, high float64
		want             string
	}{
		{0, 0, 0, "#"},
		{1, 1, 1, strings.Repeat(" ", 39) + "#"},
		{0, 0, 1, "#" + strings.Repeat("-", 39)},
		{20. / 39, 18. / 39, 22. / 39, strings.Repeat(" ", 18) + "--#--"},
		{7, -3, 9, strings.Repeat("-", 39) + "#"},
	} {
		if got := shareBar(&app.SharePoint{Share: risk.Share{Share: c.share, Low: c.low, High: c.high}}); got != c.want {
			t.Errorf("%v: %q, want %q", c, got, c.want)
		}
	}
}

// TestShareSVG: the picture is XML whatever the chain is called, with one point in the line for each of the share's.
func TestShareSVG(t *testing.T) {
	b := newSurveyor()
	to := filepath.Join(t.TempDir(), "share.svg")
	if got := atTeller(t, b, false, nil, "", "security", "dev", "--svg", to); got.code != exitOK {
		t.Fatal(got)
	}
	raw, err := os.ReadFile(to)
	must(t, err)
	var doc struct {
		Line struct {
			Points string `xml:"points,attr"`
		} `xml:"polyline"`
		Texts []string `xml:"text"`
	}
	must(t, xml.Unmarshal(raw, &doc))
	if len(strings.Fields(doc.Line.Points)) != 2 || doc.Texts[0] != "dev: share of the work of l1<&>" {
		t.Errorf("%s", raw)
	}
	b.known.Points, b.known.Unknown = b.known.Points[:1], "no & more"
	must(t, xml.Unmarshal([]byte(shareSVG(&b.known)), &doc))
	b.known.Points = nil
	must(t, xml.Unmarshal([]byte(shareSVG(&b.known)), &doc))
}

// TestProveOnDevStack: a payment on a layer of a stack that is mined for real is proved by one who follows it and verified
// by one who has never heard of it; no byte of the proof can be another. What was measured is what is so: one miner mines
// both chains, and nearly every L1 block is a seal.
func TestProveOnDevStack(t *testing.T) {
	t.Parallel() // it waits most of the time
	h := &household{t: t, dir: filepath.Join(t.TempDir(), "data"), pw: file(t, "pw", []byte("hush-password\n"))}
	h.must("wallet", "create", "main", "--chain", "dev-issued", "--password-file", h.pw, "--words-to", filepath.Join(t.TempDir(), "words"), "--birthday", "2020-01-01")
	address, _ := h.must("receive", "--offline")["address"].(string)
	dir := t.TempDir()
	node := startNode(t, dir, "--mine", "--mine-every", "50ms", "--mine-to", "dev-issued="+address)
	with := func(args ...string) []string {
		return append(args, "--connect", "dev="+node.ports.Chains["dev"], "--connect", "dev-issued="+node.ports.Chains["dev-issued"])
	}
	untilNode(t, "money to spend", func() bool { return node.height("dev-issued") > 20 })
	other, _ := h.must("receive", "--offline", "--new")["address"].(string)
	sent, _ := h.must(with("send", other, "1.5", "--yes", "--password-file", h.pw)...)["txid"].(string)
	paid := node.height("dev-issued")
	untilNode(t, "confirmations", func() bool { return node.height("dev-issued") > paid+12 && node.height("dev") > 30 })
	node.end()
	node = startNode(t, dir) // what is told from here on is told of chains that stand still
	to := filepath.Join(t.TempDir(), "payment.proof")
	p := h.must(with("prove", sent, "-o", to)...)
	t.Logf("payment proof: %v bytes", p["bytes"])
	if got := h.lamina(with("prove", sent, "-o", to)...); got.code != exitUsage || !strings.Contains(got.err, "there already") {
		t.Errorf("written over: exit code %d\n%s", got.code, got.err)
	}
	checkProof(t, to, sent)

	e := h.must(with("evidence", sent)...)
	var names []string
	for _, leg := range e["legs"].([]any) {
		l := leg.(map[string]any)
		names = append(names, l["name"].(string))
		if l["state"] != "checked" {
			t.Errorf("%v", l)
		}
	}
	if want := "transaction merkle path header work merged mining l1 block anchor filter peers"; strings.Join(names, " ") != want {
		t.Errorf("legs %q, want %q", names, want)
	}
	if r := e["risk"].(map[string]any); r["anchor_depth"].(float64) < 1 || r["risk"].(float64) < r["own"].(float64) {
		t.Errorf("risk %v", r)
	}
	s := h.must(with("security", "dev-issued")...)["chains"].([]any)[0].(map[string]any)
	long := s["windows"].([]any)[1].(map[string]any)
	if long["share"].(float64) < 0.6 || long["low"].(float64) < 0.4 || s["half_pools"].(float64) != 1 || s["l1"] != "dev" || s["watched"] != true {
		t.Errorf("measured %v", s)
	}
	if l1 := h.must("security", "dev", "--offline")["chains"].([]any)[0].(map[string]any); l1["honest"] != nil || l1["unknown"] == nil {
		t.Errorf("the L1 %v", l1)
	}
	h.heldTo(to, sent)
	h.throughDaemon(with, to, sent)
	node.end()
}

// heldTo verifies a proof by the headers of the folder, which it is on; a spoilt one is refuted by them, too.
func (h *household) heldTo(path, txid string) {
	h.t.Helper()
	got := h.lamina("verify", "proof", path)
	if got.code != exitOK || !strings.Contains(got.out, "tied to the chain by own headers") || !strings.Contains(got.out, txid) {
		h.t.Errorf("by the folder: exit code %d\n%s%s", got.code, got.out, got.err)
	}
	raw, err := os.ReadFile(path)
	must(h.t, err)
	for at := 0; at < len(raw); at += len(raw)/7 + 1 {
		bad := bytes.Clone(raw)
		bad[at] ^= 1
		if got := h.lamina("verify", "proof", file(h.t, "bad.proof", bad)); got.code != exitRefuted || !strings.Contains(got.err, "refuted") {
			h.t.Errorf("byte %d: exit code %d\n%s%s", at, got.code, got.out, got.err)
		}
	}
	none := &household{t: h.t, dir: filepath.Join(h.t.TempDir(), "none")}
	if got := none.lamina("verify", "proof", path); got.code != exitUsage {
		h.t.Errorf("a folder that is not there: exit code %d\n%s", got.code, got.err)
	}
	if _, err := os.Stat(none.dir); err == nil {
		h.t.Error("the folder was made")
	}
}

// throughDaemon: while a daemon has the folder open the commands ask it, and its metrics know every alarm.
func (h *household) throughDaemon(with func(...string) []string, path, txid string) {
	h.t.Helper()
	args := with("--metrics", "127.0.0.1:0")
	ready, end := h.run(args...)
	until(h.t, "the daemon's chains are synced", func() bool {
		return h.must("security", "dev-issued", "--offline")["chains"].([]any)[0].(map[string]any)["watched"] == true
	})
	if e := h.must("evidence", txid); len(e["legs"].([]any)) != 9 || e["risk"].(map[string]any)["own"] == nil {
		h.t.Errorf("evidence %v", e)
	}
	again := filepath.Join(h.t.TempDir(), "again.proof")
	h.must("prove", txid, "-o", again, "--confirmations", "3")
	for _, p := range []string{path, again} {
		h.heldTo(p, txid)
	}
	row := h.must("history", "--search", txid)
	if list := row["waits"].([]any); len(list) != 1 || list[0].(map[string]any)["recommended"] == nil || list[0].(map[string]any)["l1_recommended"].(float64) < 20 {
		h.t.Errorf("history %v", row)
	}
	for _, args := range [][]string{{"history"}, {"tx", "show", txid}} {
		if got := h.lamina(args...); got.code != exitOK || !strings.Contains(got.out, " recommended, on the L1 ") {
			h.t.Errorf("%q: exit code %d\n%s%s", args, got.code, got.out, got.err)
		}
	}
	answer, err := http.Get(ready["metrics"].(string) + "/metrics")
	must(h.t, err)
	text, err := io.ReadAll(answer.Body)
	must(h.t, errors.Join(err, answer.Body.Close()))
	for _, kind := range risk.Kinds() {
		if line := fmt.Sprintf("lamina_alarms{chain=\"dev-issued\",kind=%q} 0\n", kind); !strings.Contains(string(text), line) {
			h.t.Errorf("want %s in\n%s", line, text)
		}
	}
	end()
}

// checkProof verifies a payment proof without any folder, and spoils it.
func checkProof(t *testing.T, path, txid string) {
	t.Helper()
	got := lamina(t, nil, "verify", "proof", path)
	for _, text := range []string{"verified: ", "pays           1.5 DVI to ", "over           dev", "anchored to", "assumed: No chain with more work", txid} {
		if got.code != exitOK || !strings.Contains(got.out, text) {
			t.Errorf("exit code %d, want %q\n%s%s", got.code, text, got.out, got.err)
		}
	}
	raw, err := os.ReadFile(path)
	must(t, err)
	a, err := app.Open(app.Options{})
	must(t, err)
	began := time.Now()
	good, err := a.CheckProof(raw)
	must(t, err)
	t.Logf("verified in %s, %d checks", time.Since(began), len(good.Checks))
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		if got, err := a.CheckProof(bad); err != nil || got.Claim != nil || got.Refuted == "" {
			t.Fatalf("byte %d of %d can be another", i, len(raw))
		}
	}
	raw[len(raw)/2] ^= 1
	bad := file(t, "bad.proof", raw)
	if got := lamina(t, nil, "verify", "proof", bad); got.code != exitRefuted || !strings.Contains(got.err, "refuted: proof-form") {
		t.Errorf("spoilt: exit code %d\n%s%s", got.code, got.out, got.err)
	}
	var doc struct{ Verdict, Error string }
	got = lamina(t, nil, "verify", "proof", bad, "--json")
	must(t, json.Unmarshal([]byte(got.out), &doc))
	if got.code != exitRefuted || doc.Verdict != "refuted" || doc.Error == "" {
		t.Errorf("%+v", got)
	}
	if got := lamina(t, nil, "verify", "proof", path+".none"); got.code != exitUsage {
		t.Errorf("no file: %+v", got)
	}
}
