// Command benchtable measures the product beside the libraries and programs that it is held against, all in one run, and
// prints one Markdown table: what, ours, the reference, the ratio, the goal, and whether it is met. It must be started in
// the repository's root (make bench). Of several rounds the best figure of each side counts. It never fills a cell by
// guess: a row whose benchmark does not exist, fails or reports no figure ends the run with an error. A goal that is
// missed does not: machines are noisy.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

func main() {
	out := flag.String("out", "", "also write the table to this file: between its marks if it has them")
	rounds := flag.Int("rounds", 3, "rounds; the best figures count")
	benchtime := flag.String("benchtime", "200ms", "time for each benchmark in each round")
	long := flag.Bool("long", false, "900,000 headers beside the peer library too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *rounds, *benchtime, *long); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out string, rounds int, benchtime string, long bool) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lamina-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{root: root, dir: dir, rounds: max(rounds, 1), benchtime: benchtime, long: long, progress: os.Stderr, seen: figures{}}
	all := batches(table, long)
	if err := b.build(ctx, all); err != nil {
		return err
	}
	start, before := time.Now(), load()
	if err := b.processes(ctx); err != nil {
		return err
	}
	if err := b.packages(ctx, all); err != nil {
		return err
	}
	var text bytes.Buffer
	heading(ctx, &text, start, before)
	missed, err := write(&text, table, b.seen, long)
	if err != nil {
		return err
	}
	if len(missed) > 0 {
		fmt.Fprintf(&text, "\nGoals missed in this run: %d.\n", len(missed))
	}
	if _, err := io.Copy(os.Stdout, bytes.NewReader(text.Bytes())); err != nil || out == "" {
		return err
	}
	old, err := os.ReadFile(out)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(out, insert(old, text.Bytes()), 0o644)
}

// The marks between which a document holds the table.
const (
	markBegin = "<!-- table: make bench BENCH_OUT=docs/benchmarks.md -->\n"
	markEnd   = "<!-- end of table -->\n"
)

// insert puts the table between the marks of a document; without marks it takes the document's place.
func insert(document, text []byte) []byte {
	before, rest, ok := bytes.Cut(document, []byte(markBegin))
	_, after, end := bytes.Cut(rest, []byte(markEnd))
	if !ok || !end {
		return text
	}
	return bytes.Join([][]byte{before, []byte(markBegin), text, []byte("\n" + markEnd), after}, nil)
}

// heading says when, what and where.
func heading(ctx context.Context, w io.Writer, start time.Time, before string) {
	fmt.Fprintf(w, "- date: %s, %s long\n", start.UTC().Format("2006-01-02 15:04 UTC"), time.Since(start).Round(time.Second))
	fmt.Fprintf(w, "- commit: %s\n", commit(ctx))
	fmt.Fprintf(w, "- machine: %s, %d cores, %s/%s, %s\n", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Fprintf(w, "- load before and after (1, 5, 15 minutes): %s; %s\n", before, load())
}

// commit names what is measured, as far as there is a repository to ask.
func commit(ctx context.Context) string {
	id, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(id))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); err == nil && len(changed) > 0 {
		name += " with changes"
	}
	return name
}

// processor is the name that the kernel has for it.
func processor() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// load is the number of processes that waited for a core.
func load() string {
	raw, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(raw))
	if len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}
