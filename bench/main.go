// Command bench measures Lamina's header sync beside neutrino's, as whole processes, in
// one run, against the same peer on loopback that serves the same headers. It is a module
// of its own so that neutrino and what it needs stay out of the product's.
//
//	go run . -lamina ../bin/lamina -headers 200000 -runs 3
//
// For each client and run it tells wall time, peak memory, bytes written and bytes kept
// on disk. The peer can wait before each answer, as a distant one would (-rtt 50ms).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// result is one client's sync of one chain.
type result struct {
	Client  string  `json:"client"`
	Headers int     `json:"headers"`
	RTT     string  `json:"rtt"`
	Seconds float64 `json:"seconds"`
	PeakRSS int64   `json:"peak_rss_bytes"`
	Written int64   `json:"written_bytes"` // blocks handed to the disk, by the kernel's count
	Kept    int64   `json:"kept_bytes"`
}

// children are what this program does when it starts itself: measured clients and the peer.
// The peer is a process of its own because the kernel counts the memory of whoever starts
// a program towards that program's peak.
var children = map[string]func(args []string) error{"neutrino": neutrinoSync, "peer": servePeer}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && children[os.Args[1]] != nil {
		if err := children[os.Args[1]](os.Args[2:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	lamina := flag.String("lamina", "lamina", "the headless program")
	headers := flag.Int("headers", 200_000, "headers to sync")
	runs := flag.Int("runs", 3, "runs of each client; the middle one counts")
	rtt := flag.Duration("rtt", 0, "time that the peer waits before each answer")
	only := flag.String("only", "", "measure this client alone: lamina, neutrino or floor")
	asJSON := flag.Bool("json", false, "one JSON document for each client")
	flag.Parse()
	if err := compare(*lamina, *headers, *runs, *rtt, *only, *asJSON); err != nil {
		log.Fatal(err)
	}
}

// compare runs every client against the same peer and prints what they took.
func compare(lamina string, headers, runs int, rtt time.Duration, only string, asJSON bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	address, stop, err := startPeer(self, headers, rtt)
	if err != nil {
		return err
	}
	defer stop()
	clients := []struct {
		name string
		args func(dir string) []string
	}{
		{"neutrino", func(dir string) []string {
			return []string{self, "neutrino", address, fmt.Sprint(headers), dir}
		}},
		{"lamina", func(dir string) []string {
			return []string{lamina, "sync", "--chain", chainName, "--connect", address, "--data-dir", dir, "--once", "--json"}
		}},
	}
	if !asJSON {
		fmt.Printf("%-10s %9s %8s %10s %12s %12s %12s\n", "client", "headers", "rtt", "seconds", "peak RSS MB", "written MB", "kept MB")
	}
	if only == "" || only == "floor" {
		seconds, err := floor(address, headers)
		if err != nil {
			return err
		}
		report(result{Client: "floor", Headers: headers, RTT: rtt.String(), Seconds: seconds}, asJSON)
	}
	for _, c := range clients {
		if only != "" && only != c.name {
			continue
		}
		all := make([]result, 0, runs)
		for range runs {
			r, err := measure(c.name, c.args)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			r.Headers, r.RTT = headers, rtt.String()
			all = append(all, r)
		}
		slices.SortFunc(all, func(a, b result) int {
			return int((a.Seconds - b.Seconds) * 1e6)
		})
		report(all[len(all)/2], asJSON)
	}
	return nil
}

func report(r result, asJSON bool) {
	if asJSON {
		line, _ := json.Marshal(r) // a struct of plain fields
		fmt.Println(string(line))
		return
	}
	const mb = 1e6
	fmt.Printf("%-10s %9d %8s %10.3f %12.1f %12.1f %12.1f\n", r.Client, r.Headers, r.RTT, r.Seconds,
		float64(r.PeakRSS)/mb, float64(r.Written)/mb, float64(r.Kept)/mb)
}

// measure runs one client in a data folder of its own, from start to exit.
func measure(name string, args func(dir string) []string) (result, error) {
	dir, err := os.MkdirTemp("", "lamina-bench-")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	argv := args(dir)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return result{}, fmt.Errorf("%w: %.500s", err, out)
	}
	r := result{Client: name, Seconds: time.Since(start).Seconds()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.PeakRSS, r.Written = usage.Maxrss*1024, usage.Oublock*512
	}
	r.Kept, err = size(dir)
	return r, err
}

// size returns the bytes of all files below a folder.
func size(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
