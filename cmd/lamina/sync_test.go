package main

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/realnode"
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
	for want, args := range map[string][]string{
		"is a layer":                 {"--chain", "dev-native", "--connect", l.Addr().String()},
		"required flag":              {"--chain", "dev"},
		`chain "nowhere" is unknown`: {"--chain", "nowhere", "--connect", l.Addr().String()},
		"data folder /dev/null/x: ":  {"--chain", "dev", "--connect", l.Addr().String(), "--data-dir", "/dev/null/x"},
	} {
		var out, errs bytes.Buffer
		code := run(append([]string{"sync", "--data-dir", t.TempDir()}, args...), nil, &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "hint: ") {
			t.Errorf("%v: exit code %d, %s", args, code, &errs)
		}
	}
}
