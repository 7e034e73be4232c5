package main

import (
	"bytes"
	"strings"
	"testing"
)

// output is what go test -bench prints, noise included.
const output = `goos: linux
pkg: example.org/p
BenchmarkScan/naive-2         	       7	     201.2 ns/op	      12 B/op	       1 allocs/op
BenchmarkScan/avx512-2        	      92	      24.5 ns/op
BenchmarkScan/avx512-2        	      92	      23.5 ns/op
--- BENCH: BenchmarkScan/avx512-2
    scan_test.go:1: BenchmarkScan is a word in a log
BenchmarkRate-2	 3	 1e+06 ns/op	 250.5 headers/s	 100 bare/s
BenchmarkRate-2	 3	 2e+06 ns/op	 300.5 headers/s	 90 bare/s
PASS
`

func parsed(t *testing.T) figures {
	t.Helper()
	f := figures{}
	if err := f.readGo(strings.NewReader(output), "p", 2); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadGo(t *testing.T) {
	f := parsed(t)
	for _, c := range []struct {
		name, unit string
		want       float64
	}{
		{"p:BenchmarkScan/naive", "ns/op", 201.2},
		{"p:BenchmarkScan/naive", "allocs/op", 1},
		{"p:BenchmarkScan/avx512", "ns/op", 23.5}, // the less of two times
		{"p:BenchmarkRate", "ns/op", 1e6},
		{"p:BenchmarkRate", "headers/s", 300.5}, // the more of two rates
		{"p:BenchmarkRate", "bare/s", 100},
	} {
		if got := f[c.name][c.unit]; got != c.want {
			t.Errorf("%s: %g %s, want %g", c.name, got, c.unit, c.want)
		}
	}
	if len(f) != 3 {
		t.Errorf("%d benchmarks, want 3: %v", len(f), f)
	}
	one := figures{}
	if err := one.readGo(strings.NewReader("BenchmarkDepth/12-2 	 9	 5 ns/op\n"), "p", 1); err != nil || one["p:BenchmarkDepth/12-2"]["ns/op"] != 5 {
		t.Errorf("on one core: %v, %v", one, err)
	}
	for _, bad := range []string{
		"--- FAIL: BenchmarkScan/naive\n",
		"BenchmarkScan 	 7	 201.2 ns/op 12\n",
		"BenchmarkScan 	 7	 many ns/op\n",
	} {
		if err := (figures{}).readGo(strings.NewReader(bad), "p", 1); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestReadBenchModule(t *testing.T) {
	f := figures{}
	for _, run := range []string{
		`{"client":"floor","headers":1000,"seconds":0.5}` + "\n" +
			`{"client":"lamina","headers":1000,"seconds":2,"peak_rss_bytes":7,"written_bytes":8,"kept_bytes":9}` + "\n",
		`{"client":"lamina","headers":1000,"seconds":1,"peak_rss_bytes":9,"written_bytes":6,"kept_bytes":9}` + "\n",
	} {
		if err := f.readProcesses(strings.NewReader(run), "sync"); err != nil {
			t.Fatal(err)
		}
	}
	ours := f["bench:sync/lamina"]
	if ours["s"] != 1 || ours["headers/s"] != 1000 || ours["B-peak"] != 7 || ours["B-written"] != 6 || ours["B-kept"] != 9 {
		t.Errorf("%v", ours)
	}
	if _, ok := f["bench:sync/floor"]["B-peak"]; ok {
		t.Error("the floor has memory")
	}
	pair := "unsigned payment over 10000 coins: btcwallet 58.5 ms, lamina 2.5 ms, ratio 23.4\n"
	if err := f.readPair(strings.NewReader(pair), "payment"); err != nil {
		t.Fatal(err)
	}
	if f["bench:payment/btcwallet"]["ms"] != 58.5 || f["bench:payment/lamina"]["ms"] != 2.5 {
		t.Errorf("%v", f)
	}
	for _, bad := range []string{"", "btcwallet 1 ms, lamina 2 ms", "x: a 1 ms, b, ratio 2", "x: a one ms, b 2 ms, ratio 2"} {
		if f.readPair(strings.NewReader(bad), "payment") == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, bad := range []string{`{"client":"lamina"}`, `{"headers":1,"seconds":1}`, "neutrino: no peer"} {
		if f.readProcesses(strings.NewReader(bad), "sync") == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestFill(t *testing.T) {
	f := parsed(t)
	scan := point{"p:BenchmarkScan/avx9|avx512|naive", "ns/op"}
	naive := point{"p:BenchmarkScan/naive", "ns/op"}
	rate := point{"p:BenchmarkRate", "headers/s"}
	for _, c := range []struct {
		row    row
		want   cells
		missed bool
	}{
		{row{what: "a", ours: scan}, cells{"a, avx512", "23.5 ns", "-", "-", "-", "-"}, false},
		{row{what: "b", ours: scan, reference: "naive", theirs: naive, goal: goal{ratio: 8}},
			cells{"b, avx512", "23.5 ns", "naive, 201 ns", "8.56", "8.00 times", "yes"}, false},
		{row{what: "c", ours: scan, reference: "naive", theirs: naive, goal: goal{ratio: 9}},
			cells{"c, avx512", "23.5 ns", "naive, 201 ns", "8.56", "9.00 times", "**no**"}, true},
		{row{what: "d", ours: rate, reference: "bare", theirs: point{"p:BenchmarkRate", "bare/s"}},
			cells{"d", "300 headers/s", "bare, 100 headers/s", "3.00", "-", "-"}, false},
		{row{what: "e", ours: rate, goal: goal{limit: 300}}, cells{"e", "300 headers/s", "-", "-", ">= 300 headers/s", "yes"}, false},
		{row{what: "f", ours: rate, goal: goal{limit: 302}}, cells{"f", "300 headers/s", "-", "-", ">= 302 headers/s", "**no**"}, true},
		{row{what: "g", ours: naive, goal: goal{limit: 300}}, cells{"g", "201 ns", "-", "-", "<= 300 ns", "yes"}, false},
		{row{what: "h", ours: naive, goal: goal{limit: 200}}, cells{"h", "201 ns", "-", "-", "<= 200 ns", "**no**"}, true},
	} {
		got, missed, err := f.fill(c.row)
		if err != nil || got != c.want || missed != c.missed {
			t.Errorf("%s: %+v, missed %t, %v; want %+v", c.row.what, got, missed, err, c.want)
		}
	}
	for what, r := range map[string]row{
		"no such benchmark":      {ours: point{"p:BenchmarkNone", "ns/op"}},
		"none of several":        {ours: point{"p:BenchmarkScan/x|y", "ns/op"}},
		"no such unit":           {ours: point{"p:BenchmarkScan/naive", "MH/s"}},
		"no reference":           {ours: scan, reference: "gone", theirs: point{"p:BenchmarkScan/gone", "ns/op"}},
		"a time beside a rate":   {ours: scan, reference: "rate", theirs: rate},
		"a name and no figure":   {ours: scan, reference: "gone"},
		"another package's name": {ours: point{"q:BenchmarkScan/naive", "ns/op"}},
	} {
		if c, _, err := f.fill(r); err == nil {
			t.Errorf("%s: %+v", what, c)
		}
		var text bytes.Buffer
		if _, err := write(&text, []section{{"t", []row{r}}}, f, false); err == nil {
			t.Errorf("%s: printed as %s", what, &text)
		}
	}
}

// TestTable: every row can be printed if its benchmarks are there, and no benchmark runs in two ways, whose figures would
// mix.
func TestTable(t *testing.T) {
	f := figures{}
	for _, s := range table {
		for _, r := range s.rows {
			for _, p := range []point{r.ours, r.theirs} {
				if p.bench == "" {
					continue
				}
				at := strings.LastIndexByte(p.bench, '/') + 1
				if first, _, ok := strings.Cut(p.bench[at:], "|"); ok && first != "" {
					p.bench = p.bench[:at] + first
				} else {
					p.bench = strings.Replace(p.bench, "|", "", 1)
				}
				f.add(p.bench, p.unit, 1)
			}
		}
	}
	var text bytes.Buffer
	if _, err := write(&text, table, f, true); err != nil {
		t.Fatal(err)
	}
	lines := strings.Count(text.String(), "\n")
	text.Reset()
	if _, err := write(&text, table, f, false); err != nil || strings.Count(text.String(), "\n") >= lines {
		t.Errorf("the short table has %d lines, the long one %d (%v)", strings.Count(text.String(), "\n"), lines, err)
	}
	ways := map[string]batch{}
	for key, names := range batches(table, true) {
		for _, name := range names {
			name = key.pkg + ":" + name
			if other, ok := ways[name]; ok {
				t.Errorf("%s runs as %v and as %v", name, key, other)
			}
			ways[name] = key
		}
	}
}

func TestInsert(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{"", "T\n"},
		{"prose\n", "T\n"},
		{"a\n" + markBegin + "old\n" + markEnd + "b\n", "a\n" + markBegin + "T\n\n" + markEnd + "b\n"},
		{"a\n" + markBegin + "no end\n", "T\n"},
	} {
		if got := string(insert([]byte(c.document), []byte("T\n"))); got != c.want {
			t.Errorf("%q: %q, want %q", c.document, got, c.want)
		}
	}
}

func TestShow(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  string
		want  string
	}{
		{24.02, "ns/hash", "24.0 ns/hash"}, {148_900, "ns/hash", "149 us/hash"}, {2.3e6, "ns/op", "2.30 ms"},
		{1.9e9, "ns/op", "1.90 s"}, {0.188, "s", "188 ms"}, {41.1e6, "B-peak", "41.1 MB"}, {250_000, "headers/s", "250,000 headers/s"},
		{39.6, "MH/s", "39.6 MH/s"}, {1234567, "x", "1,234,567 x"},
	} {
		if got := show(c.value, c.unit); got != c.want {
			t.Errorf("%g %s: %q, want %q", c.value, c.unit, got, c.want)
		}
	}
}
