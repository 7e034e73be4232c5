package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// batch is what one start of a package's test binary measures.
type batch struct {
	pkg       string
	cores     bool
	benchtime string
}

// batches groups the benchmarks that rows name by how they are run. Figures of the bench module are not among them.
func batches(sections []section, long bool) map[batch][]string {
	found := map[batch]map[string]bool{}
	for _, s := range sections {
		for _, r := range s.rows {
			for _, p := range []point{r.ours, r.theirs} {
				pkg, name, ok := strings.Cut(p.bench, ":")
				if !ok || pkg == "bench" || r.long && !long {
					continue
				}
				key := batch{pkg, r.cores, r.benchtime}
				if found[key] == nil {
					found[key] = map[string]bool{}
				}
				name, _, _ = strings.Cut(name, "/")
				found[key][name] = true
			}
		}
	}
	out := map[batch][]string{}
	for key, names := range found {
		out[key] = slices.Sorted(maps.Keys(names))
	}
	return out
}

// bench runs everything once and keeps the best of what it sees.
type bench struct {
	root, dir string // of the repository, and for what is built
	rounds    int
	benchtime string
	long      bool
	progress  io.Writer
	seen      figures
}

// command runs a program in a folder and returns what it prints.
func (b *bench) command(ctx context.Context, dir, name string, args ...string) (*bytes.Buffer, error) {
	fmt.Fprintf(b.progress, "%s %s\n", filepath.Base(name), strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(b.root, dir), &out, &errs
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%.2000s%.2000s", filepath.Base(name), strings.Join(args, " "), err, &errs, &out)
	}
	return &out, nil
}

// binary is where a package's tests are built to.
func (b *bench) binary(pkg string) string {
	return filepath.Join(b.dir, strings.ReplaceAll(pkg, "/", "-")+".test")
}

// build makes the test binaries and all sides of the whole-process comparison, before anything is measured.
func (b *bench) build(ctx context.Context, all map[batch][]string) error {
	packages := map[string]bool{}
	for key := range all {
		packages[key.pkg] = true
	}
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		if _, err := b.command(ctx, "", "go", "test", "-c", "-o", b.binary(pkg), "./"+pkg); err != nil {
			return err
		}
	}
	for name, pkg := range map[string]string{"lamina": "./cmd/lamina", "light": "./internal/tools/lightclient"} {
		if _, err := b.command(ctx, "", "go", "build", "-o", filepath.Join(b.dir, name), pkg); err != nil {
			return err
		}
	}
	_, err := b.command(ctx, "bench", "go", "build", "-o", filepath.Join(b.dir, "bench"), ".")
	return err
}

// packages runs the benchmarks, round after round rather than one after the other many times: what disturbs the machine
// for a while then disturbs one round of each.
func (b *bench) packages(ctx context.Context, all map[batch][]string) error {
	keys := slices.SortedFunc(maps.Keys(all), func(x, y batch) int {
		return strings.Compare(fmt.Sprint(x), fmt.Sprint(y))
	})
	for round := range b.rounds {
		for _, key := range keys {
			procs, benchtime := 1, b.benchtime
			if key.cores {
				procs = runtime.NumCPU()
			}
			if key.benchtime != "" {
				if benchtime = key.benchtime; round > 0 {
					continue
				}
			}
			out, err := b.command(ctx, key.pkg, b.binary(key.pkg), "-test.run=^$", "-test.bench=^("+strings.Join(all[key], "|")+")$",
				"-test.benchtime="+benchtime, "-test.cpu="+strconv.Itoa(procs), "-test.timeout=20m")
			if err != nil {
				return err
			}
			if err := b.seen.readGo(out, key.pkg, procs); err != nil {
				return err
			}
		}
	}
	return nil
}

// processes runs the bench module.
func (b *bench) processes(ctx context.Context) error {
	runs := strconv.Itoa(b.rounds)
	syncs := []struct {
		label string
		args  []string
	}{
		{"sync-200000", []string{"-headers", "200000", "-runs", runs}},
		{"rtt-200000", []string{"-headers", "200000", "-runs", "1", "-rtt", "50ms", "-only", "floor"}},
		{"rtt-200000", []string{"-headers", "200000", "-runs", "1", "-rtt", "50ms", "-only", "lamina"}},
		{"aux-100000", []string{"-headers", "100000", "-runs", runs, "-aux", "-only", "lamina"}},
		{"sync-10000", []string{"-headers", "10000", "-runs", runs, "-only", "lamina"}},
		{"sync-100000", []string{"-headers", "100000", "-runs", runs, "-only", "lamina"}},
		{"sync-1000000", []string{"-headers", "1000000", "-runs", runs, "-only", "lamina"}},
	}
	if b.long {
		syncs = append(syncs, syncs[0])
		syncs[len(syncs)-1].label, syncs[len(syncs)-1].args = "sync-900000", []string{"-headers", "900000", "-runs", runs}
	}
	program := filepath.Join(b.dir, "bench")
	for _, s := range syncs {
		out, err := b.command(ctx, "bench", program, append(s.args, "-json", "-lamina", filepath.Join(b.dir, "lamina"), "-light", filepath.Join(b.dir, "light"))...)
		if err != nil {
			return err
		}
		if err := b.seen.readProcesses(out, s.label); err != nil {
			return err
		}
	}
	for label, pkg := range map[string]string{"rescan": "spv/syncer", "payment": "wallet"} {
		out, err := b.command(ctx, "bench", program, "-runs", runs, "-"+label, b.binary(pkg))
		if err != nil {
			return err
		}
		if err := b.seen.readPair(out, label); err != nil {
			return err
		}
	}
	return nil
}
