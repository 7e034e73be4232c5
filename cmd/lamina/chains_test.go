package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

func TestHelp(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"", "Exit codes"}, {"--help", "Exit codes"}, {"verify", "--txid TXID"}, {"chains --help", "check"}, {"chains show --help", "chains show dev"},
		{"chains check --help", "my-layer.toml"}, {"verify header --help", "--from-height"}, {"verify headers --help", "headers.bin"},
		{"verify auxpow --help", "--chain-id 4096"}, {"verify merkle --help", "gettxoutproof"}, {"verify block --help", "block.hex"},
		{"demo --help", "lamina demo"}, {"version --help", "lamina version"},
	} {
		if got := lamina(t, nil, strings.Fields(c.args)...); got.code != exitOK || !strings.Contains(got.out, c.says) || got.err != "" {
			t.Errorf("%s: code %d, %q is not in\n%s%s", c.args, got.code, c.says, got.out, got.err)
		}
	}
}

func TestChains(t *testing.T) {
	got := lamina(t, nil, "chains")
	for _, row := range []string{"NAME  ", "bitcoin ", "namecoin          bitcoin           sha256d  600 s    auxpow      NMC    1\n", "dogecoin          litecoin          scrypt   60 s"} {
		if got.code != exitOK || !strings.Contains(got.out, row) {
			t.Errorf("code %d, %q is not in\n%s", got.code, row, got.out)
		}
	}
	got = lamina(t, nil, "chains", "--json")
	var rows []struct {
		Name, Parent, Kind, Work string
		ChainID                  *int32 `json:"chain_id"`
		Spacing                  int    `json:"spacing_seconds"`
	}
	if err := json.Unmarshal([]byte(got.out), &rows); err != nil || len(rows) < 20 {
		t.Fatalf("%v: %s", err, got.out)
	}
	seen := false
	for _, r := range rows {
		if r.Name == "dogecoin" {
			seen = r.Parent == "litecoin" && *r.ChainID == 98 && r.Work == "scrypt" && r.Kind == "auxpow" && r.Spacing == 60
		}
		if r.Name == "bitcoin" && r.ChainID != nil {
			t.Error("bitcoin has a merged-mining id")
		}
	}
	if !seen {
		t.Errorf("dogecoin's row is wrong: %s", got.out)
	}
}

func TestChainsShow(t *testing.T) {
	got := lamina(t, nil, "chains", "show", "dogecoin")
	for _, say := range []string{"from 145000, retarget damped, spacing 60, timespan 60", "chain_id             98",
		"1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691", "magic                c0c0c0c0"} {
		if got.code != exitOK || !strings.Contains(got.out, say) {
			t.Errorf("code %d, %q is not in\n%s", got.code, say, got.out)
		}
	}
	// Every chain can be shown in both forms.
	for _, name := range []string{"bitcoin", "bitcoin-signet", "namecoin", "dev", "dev-native", "dev-issued", "dev-fractional", "layer-signet"} {
		doc := document(t, lamina(t, nil, "chains", "show", name, "--json"))
		chain, _ := doc["chain"].(map[string]any)
		eras, _ := doc["era"].([]any)
		if chain["name"] != name || len(eras) == 0 || doc["p2p"] == nil || doc["genesis"] == nil {
			t.Errorf("%s: %v", name, doc)
		}
	}
}

// ownLayer returns a built-in layer's file under another name and id.
func ownLayer(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testdata.Root(t), "assets", "chains", "dev-issued.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(string(raw), "\n") {
		switch {
		case strings.HasPrefix(line, "name = "):
			line = `name = "my-layer"`
		case strings.HasPrefix(line, "chain_id = "):
			line = "chain_id = 0x4C77"
		case strings.HasPrefix(line, "hash = "):
			continue // the id is part of genesis
		case strings.HasPrefix(line, "hrp = "):
			line = `hrp = "lmy"`
		case strings.HasPrefix(line, "magic = "):
			line = `magic = "e14c4477"`
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestChainsCheck(t *testing.T) {
	good := ownLayer(t)
	path := file(t, "my-layer.toml", []byte(good))
	got := lamina(t, nil, "chains", "check", path)
	if got.code != exitOK || !strings.Contains(got.out, ": good\n") || !strings.Contains(got.out, "mm id    19575") {
		t.Fatalf("code %d: %s%s", got.code, got.out, got.err)
	}
	doc := document(t, lamina(t, nil, "chains", "check", path, "--json"))
	if doc["ok"] != true || len(doc["genesis"].(string)) != 64 {
		t.Errorf("%v", doc)
	}

	bad := file(t, "bad.toml", []byte(strings.Replace(good, `kind = "issued"`, `kind = "issud"`, 1)))
	got = lamina(t, nil, "chains", "check", bad)
	if got.code != exitRefuted || !strings.Contains(got.out, "bad.toml:") || !strings.Contains(got.out, "issued") || got.err != "" {
		t.Errorf("code %d: %s%s", got.code, got.out, got.err)
	}
	got = lamina(t, nil, "chains", "check", bad, "--json")
	doc = document(t, got)
	problems, _ := doc["problems"].([]any)
	if got.code != exitRefuted || doc["ok"] != false || len(problems) == 0 || problems[0].(map[string]any)["line"] == nil {
		t.Errorf("code %d: %v", got.code, doc)
	}
	if got := lamina(t, nil, "--chains-dir", bad, "chains"); got.code != exitUsage || !strings.Contains(got.err, "bad.toml:") {
		t.Errorf("code %d: %s", got.code, got.err)
	}
}

// TestChainsDir uses a user's layer like a built-in one.
func TestChainsDir(t *testing.T) {
	path := file(t, "my-layer.toml", []byte(ownLayer(t)))
	for _, where := range []string{path, filepath.Dir(path)} {
		got := lamina(t, nil, "chains", "--chains-dir", where)
		if got.code != exitOK || !strings.Contains(got.out, "my-layer") {
			t.Errorf("code %d: %s%s", got.code, got.out, got.err)
		}
	}
	show := document(t, lamina(t, nil, "chains", "show", "my-layer", "--chains-dir", path, "--json"))
	genesis, _ := show["genesis"].(map[string]any)
	got := lamina(t, []byte(genesis["header"].(string)), "verify", "header", "--chains-dir", path, "--chain", "my-layer", "-")
	if got.code != exitOK || !strings.Contains(got.out, "passed       genesis") {
		t.Errorf("code %d: %s%s", got.code, got.out, got.err)
	}
}

func TestVersion(t *testing.T) {
	if got := lamina(t, nil, "version"); got.code != exitOK || !strings.HasPrefix(got.out, "lamina ") {
		t.Errorf("code %d: %s", got.code, got.out)
	}
	if got := lamina(t, nil, "--version"); got.code != exitOK || !strings.HasPrefix(got.out, "lamina ") || strings.Count(got.out, "\n") != 1 {
		t.Errorf("--version: code %d: %s", got.code, got.out)
	}
	if doc := document(t, lamina(t, nil, "version", "--json")); doc["version"] == "" || doc["go"] == nil {
		t.Errorf("%v", doc)
	}
}

// TestDemo runs all of the demo, with its node and its wallets in processes of their own.
func TestDemo(t *testing.T) {
	got := lamina(t, nil, "demo")
	if got.code != exitOK || strings.Contains(got.out, "WRONG") || !strings.Contains(strings.Join(strings.Fields(got.out), " "), "headers in runs 2352") {
		t.Errorf("code %d: %s%s", got.code, got.out, got.err)
	}
	if n := strings.Count(got.out, "\nok "); n != 17+4+16 {
		t.Errorf("%d lines are ok, want 17 samples, 4 steps of headers and 16 of the stack:\n%s", n, got.out)
	}
}

// TestDemoNotices: the demo fails when a sample ends in another way than it must.
func TestDemoNotices(t *testing.T) {
	samples, err := loadSamples()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{now: clockAt(1_800_000_000)}
	a, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range samples {
		if r := s.verifySample(&m, a); !r.OK {
			t.Errorf("%s: %s", m.Title, r.Problem)
		}
		m.RefutedBy += "x"
		if r := s.verifySample(&m, a); r.OK || r.Problem == "" {
			t.Errorf("%s: another end was taken", m.Title)
		}
	}
	missing := sample{Kind: "header", File: "nonsense", Chain: "dev"}
	if r := s.verifySample(&missing, a); r.OK || r.Problem == "" {
		t.Error("a missing file was taken")
	}
}
