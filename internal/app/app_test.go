package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/pow"
)

func open(t *testing.T, paths ...string) *App {
	t.Helper()
	a, err := Open(Options{Chains: paths, Clock: func() time.Time { return time.Unix(1_767_225_600, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// write puts a copy of a built-in chain file, changed by the pairs of old and new text,
// into a folder.
func write(t *testing.T, folder, name, from string, pairs ...string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("..", "..", "assets", "chains", from))
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s does not contain %q", from, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenBuiltIn(t *testing.T) {
	a := open(t)
	all, stacks := a.Chains(), a.Stacks()
	n := 0
	for _, s := range stacks {
		n += 1 + len(s.Layers)
	}
	if len(all) < 20 || n != len(all) {
		t.Errorf("%d chains, %d of them in stacks; want 20 or more, all in stacks", len(all), n)
	}
	if _, err := a.Chain("nowhere"); err == nil || !strings.Contains(err.Error(), "dev-native") {
		t.Errorf("unknown chain: got %v, want an error that lists the names", err)
	}
}

func TestOpenOwnChains(t *testing.T) {
	folder := t.TempDir()
	// By name, the layer comes before the L1 that it lies on.
	write(t, folder, "a-layer.toml", "dogecoin.toml", `name = "dogecoin"`, `name = "mine-aux"`, `parent = "litecoin"`, `parent = "mine"`)
	write(t, folder, "b-base.toml", "litecoin.toml", `name = "litecoin"`, `name = "mine"`)
	a := open(t, folder)
	s := a.Stacks()
	for _, stack := range s {
		if stack.L1.Name == "mine" {
			if len(stack.Layers) != 1 || stack.Layers[0].Name != "mine-aux" {
				t.Fatalf("layers of mine: got %v, want mine-aux", stack.Layers)
			}
			return
		}
	}
	t.Fatal("the chain of one's own is not among the stacks")
}

func TestOpenBadFiles(t *testing.T) {
	folder := t.TempDir()
	bad := write(t, folder, "bad.toml", "litecoin.toml", `work = "scrypt"`, `work = "argon"`)
	orphan := write(t, t.TempDir(), "orphan.toml", "dogecoin.toml", `name = "dogecoin"`, `name = "mine"`, `parent = "litecoin"`, `parent = "nowhere"`)
	twice := write(t, t.TempDir(), "twice.toml", "litecoin.toml")
	tests := []struct {
		name  string
		paths []string
		want  []string
	}{
		{"missing", []string{filepath.Join(folder, "none.toml")}, []string{"none.toml"}},
		{"empty folder", []string{t.TempDir()}, []string{"no *.toml file"}},
		{"bad value", []string{bad}, []string{bad + ":", `"argon"`}},
		{"two bad paths", []string{bad, filepath.Join(folder, "none.toml")}, []string{`"argon"`, "none.toml"}},
		{"orphan", []string{orphan}, []string{"orphan.toml:", "nowhere"}},
		{"name taken", []string{twice}, []string{"twice.toml:", "litecoin"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(Options{Chains: test.paths})
			if err == nil {
				t.Fatal("opened")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
		})
	}
}

func TestExamplesVerify(t *testing.T) {
	a := open(t)
	examples, err := a.Examples()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[Kind]int{}
	for _, e := range examples {
		seen[e.Request.Kind]++
		if testing.Short() && len(e.Request.Input) > 16<<10 {
			continue // minutes of scrypt under the race detector
		}
		report, err := a.Verify(t.Context(), e.Request)
		if err != nil {
			t.Errorf("%s: %v", e.Title, err)
		} else if report.Verdict != doctor.Verified {
			t.Errorf("%s: got %s, want verified", e.Title, report.Verdict)
		}
	}
	for _, k := range []Kind{AuxPoW, Headers, Merkle, Block} {
		if seen[k] == 0 {
			t.Errorf("no example of kind %s", k)
		}
	}
}

func TestVerifyRefutesASpoiledProof(t *testing.T) {
	a := open(t)
	input := testdata.Hex(t, "auxpow/dogecoin-mainnet/700000.hex")
	input[36] ^= 1 // merkle root of the child: the proof now commits to another block
	report, err := a.Verify(t.Context(), Request{Kind: AuxPoW, Chain: "dogecoin", Input: input, Height: 700000})
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict != doctor.Refuted {
		t.Errorf("got %s, want refuted", report.Verdict)
	}
}

func TestVerifyBadRequests(t *testing.T) {
	a := open(t)
	header := testdata.Hex(t, "auxpow/dogecoin-mainnet/17.hex")
	tests := []struct {
		name string
		r    Request
		want string
	}{
		{"kind", Request{Kind: "coin", Chain: "litecoin", Input: header}, `kind: got "coin"`},
		{"chain", Request{Kind: Header, Chain: "nowhere", Input: header}, `"nowhere" is unknown`},
		{"no chain", Request{Kind: Header, Input: header}, "chain: got none"},
		{"no work", Request{Kind: AuxPoW, ChainID: 7, Input: header}, "work: got none"},
		{"chain id", Request{Kind: AuxPoW, ChainID: 65536, Work: pow.Scrypt, Input: header}, "chain id: got 65536"},
		{"empty", Request{Kind: Header, Chain: "litecoin"}, "input: empty"},
	}
	for _, test := range tests {
		if _, err := a.Verify(t.Context(), test.r); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestVerifyByIDAlone(t *testing.T) {
	a := open(t)
	input := testdata.Hex(t, "auxpow/dogecoin-mainnet/700000.hex")
	report, err := a.Verify(t.Context(), Request{Kind: AuxPoW, ChainID: 98, Work: pow.Scrypt, Input: input, Height: doctor.UnknownHeight})
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict != doctor.Verified {
		t.Errorf("by id 98: got %s, want verified", report.Verdict)
	}
	report, err = a.Verify(t.Context(), Request{Kind: AuxPoW, ChainID: 99, Work: pow.Scrypt, Input: input, Height: doctor.UnknownHeight})
	if err != nil {
		t.Fatal(err)
	}
	if c, failed := report.Failure(); !failed || c.Name != spv.CheckChainID {
		t.Errorf("by id 99: got %s by %q, want refuted by %q", report.Verdict, c.Name, spv.CheckChainID)
	}
}

// TestVerifyGivesUp cancels in the middle of a run and sees that the run does not go on.
func TestVerifyGivesUp(t *testing.T) {
	a := open(t)
	run := testdata.Read(t, "headers/bitcoin-testnet3-0-9999.bin")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		calls, last := 0, 0
		r := Request{Kind: Headers, Chain: "bitcoin-testnet3", Input: run, Height: doctor.UnknownHeight}
		r.Progress = func(done, total int) {
			if total != 10000 {
				t.Errorf("total: got %d, want 10000", total)
			}
			calls, last = calls+1, done
			cancel()
		}
		if _, err := a.Verify(ctx, r); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want %v", err, context.Canceled)
		}
		synctest.Wait() // until the run has ended
		if calls != 1 || last >= 10000 {
			t.Errorf("got %d reports of progress, the last at header %d; want one, long before 10000", calls, last)
		}
	})
}
