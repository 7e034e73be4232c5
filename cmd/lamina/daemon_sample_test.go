package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/rpc"
)

// sampledNote is what tells of a sampled start in the text of an answer.
var sampledNote = fmt.Sprintf("sampled up to block %d with 32 bits", sampledFrom)

// TestDaemonSample: a daemon begins a layer by a sampled proof, under a wallet that has given out an address. Every answer says so, without
// the daemon, too; a wallet that is older is held back and told why; and when all was verified both have their money.
func TestDaemonSample(t *testing.T) {
	t.Parallel() // it waits most of the time
	if testing.Short() {
		t.Skip("-short: it mines three thousand blocks; the whole run does")
	}
	sync := sampleStack(t)
	peers := sync[5:] // behind sync --chain dev-native --once --json
	h := &household{t: t, dir: t.TempDir(), pw: file(t, "pw", []byte("hush-password\n"))}
	h.must("wallet", "create", "new", "--chain", "dev-native", "--password-file", h.pw, "--words-to", h.dir+"/words",
		"--birthday", time.Now().AddDate(0, 0, 3).Format(time.DateOnly)) // all of the chain was mined just now
	h.must("receive", "--offline", "--wallet", "new")

	_, end := h.run(append([]string{"--verify", "sample"}, peers...)...)
	verified := func(doc map[string]any) bool { return doc["trust"].(map[string]any)["verified"] == true }
	until(t, "the new wallet's money", func() bool { return verified(h.must("balance", "--offline", "--wallet", "new")) })
	trust := h.must("balance", "--wallet", "new")["trust"].(map[string]any)
	if trust["sampled"] != float64(sampledFrom) || trust["sampled_security"] != 32.0 {
		t.Errorf("trust %v", trust)
	}
	if got := h.lamina("balance", "--wallet", "new"); !strings.Contains(got.out, sampledNote) {
		t.Errorf("%+v", got)
	}
	legs, _ := json.Marshal(h.must("evidence", "balance", "--wallet", "new"))
	if !strings.Contains(string(legs), `sampled: a history of which less than half`) || strings.Contains(string(legs), "from genesis") {
		t.Errorf("evidence %s", legs)
	}

	h.must("wallet", "create", "old", "--chain", "dev-native", "--password-file", h.pw, "--words-to", h.dir+"/old", "--birthday", "2010-01-01")
	until(t, "word of why the older wallet is held back", func() bool {
		raw, _ := json.Marshal(chainsOf(t, h))
		return strings.Contains(string(raw), "older than the sampled start: run it once with --verify all")
	})
	if doc := h.must("balance", "--wallet", "old"); verified(doc) || doc["trust"].(map[string]any)["synced"] == true {
		t.Errorf("an older wallet: %v", doc)
	}
	if got := end(); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	if got := h.lamina("balance", "--wallet", "new", "--offline"); !strings.Contains(got.out, sampledNote) {
		t.Errorf("without a daemon: %+v", got)
	}

	_, end = h.run(append([]string{"--verify", "all"}, peers...)...)
	whole := func(wallet string) func() bool {
		return func() bool {
			doc := h.must("balance", "--wallet", wallet)
			return verified(doc) && doc["trust"].(map[string]any)["sampled"] == nil
		}
	}
	until(t, "the older wallet, all verified", whole("old"))
	until(t, "the new wallet, all verified", whole("new"))
	if got := end(); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	_, end = h.run(append([]string{"--verify", "sample"}, peers...)...) // it is a daemon's usual flag, and changes nothing now
	until(t, "the older wallet, told to sample once more", whole("old"))
	end()
}

// chainsOf asks a household's daemon how far its chains are.
func chainsOf(t *testing.T, h *household) (list []any) {
	t.Helper()
	got := lamina(t, nil, "rpc", "--data-dir", h.dir, "net.chains")
	if err := json.Unmarshal([]byte(got.out), &list); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	return list
}

// TestDaemonSampleShort: a layer too short for a sample, even one without a block, is verified in full, however often a daemon is told
// to sample it.
func TestDaemonSampleShort(t *testing.T) {
	c := startNode(t, t.TempDir())
	h := &household{t: t, dir: t.TempDir(), pw: file(t, "pw", []byte("hush-password\n"))}
	h.must("wallet", "create", "new", "--chain", "dev-native", "--password-file", h.pw, "--words-to", h.dir+"/words", "--birthday", "2010-01-01")
	for range 2 {
		_, end := h.run("--verify", "sample", "--connect", "dev="+c.ports.Chains["dev"], "--connect", "dev-native="+c.ports.Chains["dev-native"])
		until(t, "all of the short chain", func() bool {
			trust := h.must("balance")["trust"].(map[string]any)
			return trust["verified"] == true && trust["sampled"] == nil
		})
		if got := end(); got.code != exitOK || strings.Contains(got.err, "level=ERROR") {
			t.Fatalf("%+v", got)
		}
	}
}

// TestDaemonTLS: the commands find a daemon that serves with TLS by its data folder, and a user of a file gets in.
func TestDaemonTLS(t *testing.T) {
	cert, key := certified(t)
	h := &household{t: t, dir: t.TempDir()}
	ready, end := h.run("--chain", "dev", "--offline", "--rpc", "0.0.0.0:0", "--rpc-cert", cert, "--rpc-key", key, "--rpc-host", "localhost",
		"--rpc-auth-file", file(t, "users", []byte(saltedBob)))
	url, _ := ready["rpc"].(string)
	if !strings.HasPrefix(url, "https://localhost:") {
		t.Fatalf("%v", ready)
	}
	if got := lamina(t, nil, "rpc", "--data-dir", h.dir, "uptime"); got.code != exitOK {
		t.Errorf("by the folder: %+v", got)
	}
	if got := lamina(t, nil, "rpc", "--rpc", url, "--ca", cert, "--user", "bob", "--password-file", file(t, "bob", []byte("bobs\n")), "uptime"); got.code != exitOK {
		t.Errorf("bob: %+v", got)
	}
	if got := lamina(t, nil, "rpc", "--rpc", url, "--ca", cert, "--user", "bob", "--password-file", file(t, "eve", []byte("eves\n")), "uptime"); got.code == exitOK {
		t.Errorf("bob with another password: %+v", got)
	}
	end()
	if _, err := rpc.Discover(h.dir); err == nil {
		t.Error("the files are left behind")
	}
}

// saltedBob is bob's line of rpcauth, HMAC-SHA256 of "bobs" under "salt".
const saltedBob = "rpcauth=bob:salt$ccc2e0dc79969bb472af606e001410f4120741d2d3fcd8f312b6929d17c767f6\n"
