// Command bench measures Lamina's header sync beside neutrino's, as whole processes, in
// one run, against the same peer on loopback that serves the same headers. It is a module
// of its own so that neutrino and what it needs stay out of the product's.
//
//	go build -o /tmp/lamina ../cmd/lamina
//	go build -o /tmp/light ../internal/tools/lightclient
//	go run . -lamina /tmp/lamina -light /tmp/light -headers 200000 -runs 3
//
// Neutrino is measured as a library in a process that does nothing else, and so is ours
// (light); lamina is the product's program, with all that it can do besides.
// For each client it tells wall time, peak memory, bytes written and bytes kept on disk: of
// each the least of all runs, in which the clients take turns, because whatever else the
// machine does can only make it more. Private memory is what the program asked for; resident
// memory also counts the pages of its own file. The peer can wait before each answer, as
// a distant one would (-rtt 50ms).
package main

import (
	"bytes"
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
	Private int64   `json:"peak_private_bytes"` // looked at every millisecond
	Written int64   `json:"written_bytes"`      // blocks handed to the disk, by the kernel's count
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
	var f comparison
	flag.StringVar(&f.lamina, "lamina", "lamina", "the headless program")
	flag.StringVar(&f.light, "light", "", "the product's library in a program of its own (internal/tools/lightclient); empty: not measured")
	flag.StringVar(&f.chains, "chains", "../assets/chains", "folder of the product's chain files, for light")
	flag.IntVar(&f.headers, "headers", 200_000, "headers to sync")
	flag.IntVar(&f.runs, "runs", 3, "runs of each client; of each figure the least counts")
	flag.DurationVar(&f.rtt, "rtt", 0, "time that the peer waits before each answer")
	flag.StringVar(&f.only, "only", "", "measure this client alone: lamina, light, neutrino or floor")
	flag.BoolVar(&f.aux, "aux", false, "merge-mined headers, with a proof each, which neutrino does not understand")
	rescan := flag.String("rescan", "", "measure rescans instead: the test binary of the product's spv/syncer (go test -c)")
	payment := flag.String("payment", "", "measure an unsigned payment instead: the test binary of the product's wallet (go test -c)")
	flag.BoolVar(&f.asJSON, "json", false, "one JSON document for each client")
	flag.Parse()
	if *rescan != "" {
		if err := compareRescan(*rescan, f.runs); err != nil {
			log.Fatal(err)
		}
		return
	}
	if *payment != "" {
		if err := comparePayment(*payment, f.runs); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := f.run(); err != nil {
		log.Fatal(err)
	}
}

// comparison says what is measured.
type comparison struct {
	lamina, light string
	chains        string
	headers, runs int
	rtt           time.Duration
	only          string
	aux, asJSON   bool
}

// client is a program that syncs, given a folder of its own.
type client struct {
	name string
	args func(dir string) []string
}

// run runs every client against the same peer and prints what they took.
func (f *comparison) run() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	address, stop, err := startPeer(self, f.headers, f.rtt, f.aux)
	if err != nil {
		return err
	}
	defer stop()
	dir, err := os.MkdirTemp("", "lamina-bench-chains-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	clients, err := f.clients(self, address, dir)
	if err != nil {
		return err
	}
	if !f.asJSON {
		fmt.Printf("%-10s %9s %8s %10s %12s %12s %12s %12s\n",
			"client", "headers", "rtt", "seconds", "peak RSS MB", "private MB", "written MB", "kept MB")
	}
	if !f.aux && (f.only == "" || f.only == "floor") {
		seconds, err := floor(address, f.headers)
		if err != nil {
			return err
		}
		report(result{Client: "floor", Headers: f.headers, RTT: f.rtt.String(), Seconds: seconds}, f.asJSON)
	}
	least := make([]result, len(clients))
	for run := range f.runs {
		for i, c := range clients {
			r, err := measure(c.name, c.args)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			r.Headers, r.RTT = f.headers, f.rtt.String()
			if run == 0 {
				least[i] = r
			}
			least[i].least(r)
		}
	}
	for _, r := range least {
		report(r, f.asJSON)
	}
	return nil
}

// clients returns what is to be measured. The file of a chain that the product does not
// know is put into a folder.
func (f *comparison) clients(self, address, dir string) ([]client, error) {
	name, file := chainName, filepath.Join(f.chains, chainName+".toml")
	var more []string
	if f.aux {
		name, file = auxChainName, filepath.Join(dir, auxChainName+".toml")
		if err := os.WriteFile(file, auxChain, 0o600); err != nil {
			return nil, err
		}
		more = []string{"--chains-dir", dir}
	}
	all := []client{{"lamina", func(dir string) []string {
		return append([]string{f.lamina, "sync", "--connect", address, "--data-dir", dir, "--once", "--json", "--chain", name}, more...)
	}}}
	if f.light != "" {
		all = append(all, client{"light", func(dir string) []string { return []string{f.light, file, address, dir} }})
	}
	if !f.aux {
		all = append(all, client{"neutrino", func(dir string) []string {
			return []string{self, "neutrino", address, fmt.Sprint(f.headers), dir}
		}})
	}
	if f.only != "" {
		all = slices.DeleteFunc(all, func(c client) bool { return c.name != f.only })
	}
	return all, nil
}

// least keeps of each figure the smaller.
func (r *result) least(o result) {
	r.Seconds, r.PeakRSS, r.Private = min(r.Seconds, o.Seconds), min(r.PeakRSS, o.PeakRSS), min(r.Private, o.Private)
	r.Written, r.Kept = min(r.Written, o.Written), min(r.Kept, o.Kept)
}

func report(r result, asJSON bool) {
	if asJSON {
		line, _ := json.Marshal(r) // a struct of plain fields
		fmt.Println(string(line))
		return
	}
	const mb = 1e6
	fmt.Printf("%-10s %9d %8s %10.3f %12.1f %12.1f %12.1f %12.1f\n", r.Client, r.Headers, r.RTT, r.Seconds,
		float64(r.PeakRSS)/mb, float64(r.Private)/mb, float64(r.Written)/mb, float64(r.Kept)/mb)
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
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	watch := watchPrivate(cmd.Process.Pid)
	err = cmd.Wait()
	r := result{Client: name, Seconds: time.Since(start).Seconds(), Private: watch()}
	if err != nil {
		return result{}, fmt.Errorf("%w: %.500s", err, &out)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.PeakRSS, r.Written = usage.Maxrss*1024, usage.Oublock*512
	}
	r.Kept, err = size(dir)
	return r, err
}

// watchPrivate looks at a process's anonymous memory every millisecond until the function
// that it returns is called, which tells the most that there was, in bytes; 0 where the
// system does not say.
func watchPrivate(pid int) (stop func() int64) {
	done, most := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				most <- peak
				return
			case <-tick.C:
				peak = max(peak, private(pid))
			}
		}
	}()
	return func() int64 { close(done); return <-most }
}

func private(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("RssAnon:"))
	var kb int64
	_, _ = fmt.Sscanf(string(rest[:min(len(rest), 40)]), "%d kB", &kb)
	return kb * 1024
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
