package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestSyncCommand follows a full node that we did not write, twice: from nothing, and
// again from disk.
func TestSyncCommand(t *testing.T) {
	node := realnode.Btcd(t)
	ids := node.Generate(t, 300)
	args := []string{"sync", "--chain", "bitcoin-regtest", "--connect", node.P2P, "--data-dir", t.TempDir(), "--once", "--json"}
	for range 2 {
		var out, errs bytes.Buffer
		if code := run(args, nil, &out, &errs); code != exitOK {
			t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for i, line := range lines {
			var r syncReport
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if last := i == len(lines)-1; r.Synced != last {
				t.Errorf("line %d of %d: synced %v", i+1, len(lines), r.Synced)
			} else if last && (r.Height != 300 || r.Tip != ids[299] || r.Peers != 1) {
				t.Errorf("%+v, the node is at %s", r, ids[299])
			}
		}
	}
}

func TestSyncCommandRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	for want, args := range map[string][]string{
		"[stack chain] is required":                           {"--connect", address},
		"dev: no peer is named":                               {"--chain", "dev"},
		"dev-native: no peer is named":                        {"--chain", "dev-native", "--connect", "dev=" + address},
		"layer-signet: no peer is named, and it has no seeds": {"--chain", "layer-signet"}, // its L1 has
		`chain "nowhere" is unknown`:                          {"--chain", "nowhere", "--connect", address},
		`chain "anywhere" is unknown`:                         {"--stack", "anywhere", "--connect", address},
		"data folder /dev/null/x: ":                           {"--chain", "dev", "--connect", address, "--data-dir", "/dev/null/x"},
		"which of the 2 chains":                               {"--chain", "dev-native", "--connect", address},
		`"dev-issued" is not followed`:                        {"--chain", "dev-native", "--connect", "dev-issued=" + address},
		"missing port":                                        {"--chain", "dev", "--connect", "127.0.0.1"},
		"--proxy localhost: ":                                 {"--chain", "dev", "--connect", address, "--proxy", "localhost"},
	} {
		var out, errs bytes.Buffer
		code := run(append([]string{"sync", "--data-dir", t.TempDir()}, args...), nil, &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "hint: ") {
			t.Errorf("%v: exit code %d, %s", args, code, &errs)
		}
	}
}

// TestSyncStack follows a stack whose L1 has blocks and whose layers have none yet, in one
// process, by the name of a layer.
func TestSyncStack(t *testing.T) {
	a, err := app.Open(app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l1, err := a.Chain("dev")
	if err != nil {
		t.Fatal(err)
	}
	mined, _, err := extend(spv.NewTree(&l1.Rules), 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"sync", "--stack", "dev-issued", "--data-dir", t.TempDir(), "--once"}
	heights := map[string]int32{"dev": 5, "dev-native": 0, "dev-issued": 0, "dev-fractional": 0}
	for name := range heights {
		p, err := a.Chain(name)
		if err != nil {
			t.Fatal(err)
		}
		served := mined
		if name != "dev" {
			served = nil
		}
		address, _, err := app.ServeHeaders(ctx, p, served)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--connect", name+"="+address)
	}
	var out, errs bytes.Buffer
	if code := run(append(args, "--json"), nil, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
	}
	last := map[string]syncReport{}
	for line := range strings.Lines(out.String()) {
		var r syncReport
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if r.Synced != (r.Share == 1) || (r.Chain != "dev" && r.Synced && !last["dev"].Synced) {
			t.Errorf("%+v", r)
		}
		last[r.Chain] = r
	}
	for name, height := range heights {
		if r := last[name]; !r.Synced || r.Height != height || r.Peers != 1 {
			t.Errorf("%s ends at %+v", name, r)
		}
	}

	out.Reset()
	if code := run(args, nil, &out, &errs); code != exitOK || !strings.Contains(out.String(), "dev  following  synced  height 5") {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
	}
}

// TestSyncTarget: a layer brings its L1, in front of it, and nothing comes twice.
func TestSyncTarget(t *testing.T) {
	a, err := app.Open(app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stack := "dev dev-fractional dev-issued dev-native"
	for _, c := range []struct {
		flags syncFlags
		want  string
	}{
		{syncFlags{chains: []string{"dev"}}, "dev"},
		{syncFlags{chains: []string{"dev-native"}}, "dev dev-native"},
		{syncFlags{chains: []string{"namecoin-regtest"}}, "namecoin-regtest"}, // its proofs need nobody
		{syncFlags{stacks: []string{"dev"}}, stack},
		{syncFlags{stacks: []string{"dev-native"}, chains: []string{"dev-issued", "dev"}}, stack},
		{syncFlags{chains: []string{"dev-native", "dev-issued"}}, "dev dev-native dev-issued"},
	} {
		all, err := c.flags.followed(a)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range all {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.flags, got, c.want)
		}
	}
}

// TestSyncShare: nothing reads as done before it is.
func TestSyncShare(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	status := syncer.Status{Stage: syncer.Following, Tip: spv.Block{Height: 900_000}, Peers: 3,
		Headers: syncer.Part{Done: 900_000, Total: 900_000}}
	line := &syncLine{}
	line.update(app.Progress{Chain: "dev", Status: status}, now)
	if text := line.last.text(); strings.Contains(text, "100%") || strings.Contains(text, "synced") {
		t.Errorf("%s", text)
	}
	status.Synced = true
	if !line.update(app.Progress{Chain: "dev", Status: status}, now) || !strings.Contains(line.last.text(), "synced") {
		t.Errorf("%s", line.last.text())
	}
	status.Synced, status.Stage = false, syncer.Filters
	status.Filters = syncer.Part{Done: 100, Total: 400}
	line.update(app.Progress{Chain: "dev", Status: status}, now.Add(time.Minute))
	status.Filters.Done = 200
	line.update(app.Progress{Chain: "dev", Status: status}, now.Add(2*time.Minute))
	if r := line.last; r.Done != 200 || r.Total != 400 || r.Rate != 1 || r.ETA == nil || *r.ETA != 200 {
		t.Errorf("%+v", r)
	}
}
