package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/wallet/address"
)

const (
	sampledHeight = 3100
	sampledFrom   = sampledHeight - store.KeptProofs
)

// sampleStack is a node whose layer has a few thousand blocks.
func sampleStack(t *testing.T) (sync []string) {
	t.Helper()
	script := append([]byte{0, 20, 7}, make([]byte, 19)...)
	c := startNode(t, t.TempDir())
	sync = []string{"sync", "--chain", "dev-native", "--once", "--json"}
	for _, p := range devStack(t) {
		blocks := map[string]int{"dev": 12, "dev-native": sampledHeight}[p.Name]
		if blocks == 0 {
			continue
		}
		payee, err := address.Encode(p, script)
		must(t, err)
		for ; blocks > 0; blocks -= min(blocks, 500) {
			must(t, c.on(p.Name).Call(t.Context(), nil, "generatetoaddress", min(blocks, 500), payee))
		}
		sync = append(sync, "--connect", p.Name+"="+c.ports.Chains[p.Name])
	}
	return sync
}

// lastReport is the layer's last line of a run.
func lastReport(t *testing.T, out []byte) (last syncReport) {
	t.Helper()
	for line := range strings.Lines(string(out)) {
		var r syncReport
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if r.Chain == "dev-native" {
			last = r
		}
	}
	return last
}

// TestSyncSample: a new folder begins by a sampled proof and says so; it stays sampled, over kills at any moment, until all is asked for.
func TestSyncSample(t *testing.T) {
	t.Parallel() // it waits most of the time
	if testing.Short() {
		t.Skip("-short: it mines three thousand blocks; the whole run does")
	}
	args := sampleStack(t)
	dir := t.TempDir()
	for _, c := range []struct {
		name, verify string
		sampled      int32
	}{
		{"begun", "sample", sampledFrom}, {"again", "sample", sampledFrom}, {"as begun", "", sampledFrom}, {"upgraded", "all", 0}, {"as it is now", "", 0},
		{"never back", "sample", 0},
	} {
		all := append(args, "--data-dir", dir)
		if c.verify != "" {
			all = append(all, "--verify", c.verify)
		}
		var out, errs bytes.Buffer
		begun := time.Now()
		if code := run(all, nil, &out, &errs); code != exitOK {
			t.Fatalf("%s: exit code %d\n%s%s", c.name, code, &out, &errs)
		}
		r := lastReport(t, out.Bytes())
		if !r.Synced || r.Height != sampledHeight || r.Sampled != c.sampled || (r.Bits > 0) != (c.sampled > 0) || (r.Opened > 0) != (c.sampled > 0) {
			t.Errorf("%s: %+v", c.name, r)
		}
		t.Logf("%s: %s, %d bytes received of the layer, %d blocks opened", c.name, time.Since(begun).Round(time.Millisecond), r.Bytes, r.Opened)
	}

	killed := t.TempDir()
	all := append(args, "--data-dir", killed, "--verify", "sample")
	for _, after := range []time.Duration{100, 1000, 3100, 3300, 3600, 4000} { // the proof is placed after some three seconds
		child := exec.Command(os.Args[0], all...)
		child.Env = append(os.Environ(), childMark)
		must(t, child.Start())
		late := time.AfterFunc(after*time.Millisecond, func() { _ = child.Process.Kill() })
		_ = child.Wait()
		late.Stop()
	}
	var out, errs bytes.Buffer
	if code := run(all, nil, &out, &errs); code != exitOK {
		t.Fatalf("after the kills: exit code %d\n%s%s", code, &out, &errs)
	}
	if r := lastReport(t, out.Bytes()); !r.Synced || r.Height != sampledHeight || r.Sampled != sampledFrom {
		t.Errorf("after the kills: %+v", r)
	}
}

func TestSyncVerifyRefuses(t *testing.T) {
	var out, errs bytes.Buffer
	code := run([]string{"sync", "--chain", "dev", "--connect", "127.0.0.1:1", "--data-dir", t.TempDir(), "--verify", "some"}, nil, &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "--verify some: want all or sample") {
		t.Errorf("exit code %d, %s", code, &errs)
	}
}
