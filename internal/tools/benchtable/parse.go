package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// figures holds the best that was measured, by benchmark ("spv/pow:BenchmarkScan/naive") and then by unit.
type figures map[string]map[string]float64

// add keeps the better of two figures: whatever else a machine does can only make one worse.
func (f figures) add(name, unit string, value float64) {
	if f[name] == nil {
		f[name] = map[string]float64{}
	}
	if old, ok := f[name][unit]; !ok || value > old == isRate(unit) {
		f[name][unit] = value
	}
}

// isRate tells whether more of a unit is better; of everything else less is.
func isRate(unit string) bool { return strings.HasSuffix(unit, "/s") }

// readGo takes the results of one package's benchmarks: lines of a name, a count, and pairs of value and unit. procs is
// what GOMAXPROCS was, which Go appends to each name unless it is 1. Other lines are passed over, but for a benchmark
// that failed.
func (f figures) readGo(r io.Reader, pkg string, procs int) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(strings.TrimSpace(line), "--- FAIL: Benchmark") {
			return fmt.Errorf("%s: %s", pkg, line)
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		name := fields[0]
		if procs > 1 {
			name = strings.TrimSuffix(name, "-"+strconv.Itoa(procs))
		}
		pairs := fields[2:]
		if len(pairs)%2 != 0 {
			return fmt.Errorf("%s: %q: %d values and units, want pairs", pkg, line, len(pairs))
		}
		for i := 0; i < len(pairs); i += 2 {
			value, err := strconv.ParseFloat(pairs[i], 64)
			if err != nil {
				return fmt.Errorf("%s: %q: %w", pkg, line, err)
			}
			f.add(pkg+":"+name, pairs[i+1], value)
		}
	}
	return lines.Err()
}

// readProcesses takes what the bench module says of whole processes: a JSON document for each client.
func (f figures) readProcesses(r io.Reader, label string) error {
	d := json.NewDecoder(r)
	for {
		var p struct {
			Client  string  `json:"client"`
			Headers float64 `json:"headers"`
			Seconds float64 `json:"seconds"`
			PeakRSS float64 `json:"peak_rss_bytes"`
			Written float64 `json:"written_bytes"`
			Kept    float64 `json:"kept_bytes"`
		}
		if err := d.Decode(&p); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("bench %s: %w", label, err)
		}
		if p.Client == "" || p.Headers <= 0 || p.Seconds <= 0 {
			return fmt.Errorf("bench %s: client %q, %.0f headers, %f s: want all three", label, p.Client, p.Headers, p.Seconds)
		}
		name := "bench:" + label + "/" + p.Client
		f.add(name, "s", p.Seconds)
		f.add(name, "headers/s", p.Headers/p.Seconds)
		if p.PeakRSS > 0 { // the floor is no process
			f.add(name, "B-peak", p.PeakRSS)
			f.add(name, "B-written", p.Written)
			f.add(name, "B-kept", p.Kept)
		}
	}
}

// readPair takes the line of a comparison by the bench module: "what: PEER 1.5 UNIT, lamina 2.5 UNIT, ratio 1.7".
func (f figures) readPair(r io.Reader, label string) error {
	all, err := io.ReadAll(io.LimitReader(r, 1<<16))
	if err != nil {
		return err
	}
	line := strings.TrimSpace(string(all))
	parts := strings.Split(line[strings.LastIndex(line, ": ")+1:], ", ")
	if len(parts) != 3 {
		return fmt.Errorf("bench %s: %.200q, want two clients and a ratio", label, line)
	}
	for _, part := range parts[:2] {
		fields := strings.Fields(part)
		if len(fields) != 3 {
			return fmt.Errorf("bench %s: %q, want client, value and unit", label, part)
		}
		value, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return fmt.Errorf("bench %s: %w", label, err)
		}
		f.add("bench:"+label+"/"+fields[0], fields[2], value)
	}
	return nil
}
