package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// soakOps is how many operations a short run has; SOAK_OPS and SOAK_SEED say otherwise (make soak).
const soakOps = 25

// TestSoak runs two nodes and two wallets, each a process, and lets them pay, mine and split while they are killed, cut off, slowed
// down, lied to, put out of time and kept from their disk. In the end all is well again: the chains are the same everywhere, every
// payment that was acknowledged is confirmed, wallets restored from their words have the same money, and no log, file, stack dump or
// list of processes shows a secret.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts processes; the whole run does")
	}
	ops, seed := setting(t, "SOAK_OPS", soakOps), uint64(setting(t, "SOAK_SEED", 1))
	w := newSoakWorld(t, seed)
	hidden := w.secrets()
	for range ops {
		w.step()
		w.watchProcesses(hidden)
	}
	w.heal()
	w.settlePayments()
	w.converge()
	w.compareRestored()
	w.searchSecrets(hidden)
	t.Logf("seed %d: %d operations, %d payments", seed, ops, len(w.paid))
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s = %q: want a number", name, text)
	}
	return n
}

func newSoakWorld(t *testing.T, seed uint64) *soakWorld {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &soakWorld{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), dir: t.TempDir(), program: program}
	w.hidden = w.path("password")
	if err := os.WriteFile(w.hidden, []byte(soakPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range w.processes() {
			if p != nil && p.cmd != nil && p.running() {
				_ = p.signal(syscall.SIGKILL)
			}
		}
	})
	w.startNodes()
	w.startWallets()
	w.fund()
	return w
}

// process describes a process with a folder and a clock of its own.
func (w *soakWorld) process(name string, args ...string) *soakProcess {
	skew := w.path(name + ".skew")
	if err := os.WriteFile(skew, []byte("0"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.skews = append(w.skews, skew)
	dir := w.path(name)
	return &soakProcess{name: name, dir: dir, args: append(args, "--data-dir", dir), env: []string{skewMark + skew}}
}

// startNodes starts two nodes; the second follows the first through links.
func (w *soakWorld) startNodes() {
	for i, name := range []string{"node-a", "node-b"} {
		p := w.process(name, "node", "--stack", soakChains[0])
		if i == 0 {
			p.args = append(p.args, "--mine", "--mine-every", "300ms")
		}
		for _, chain := range soakChains {
			p.args = append(p.args, "--listen", chain+"=127.0.0.1:0")
			if i == 1 {
				link := w.link(w.nodeAddress(0, chain))
				w.between = append(w.between, link)
				p.args = append(p.args, "--connect", chain+"="+link.address())
			}
		}
		w.nodes[i] = p
		w.up(p)
		w.pin(p)
	}
}

func (w *soakWorld) link(to string) *soakLink {
	l := newSoakLink(w.t, to, w.seed+uint64(len(w.links)))
	w.links = append(w.links, l)
	return l
}

// pin has a process listen at the same ports when it comes back.
func (w *soakWorld) pin(p *soakProcess) {
	for i, node := range w.nodes {
		if node != p {
			continue
		}
		for j, arg := range p.args {
			if chain, ok := strings.CutSuffix(arg, "=127.0.0.1:0"); ok {
				p.args[j] = chain + "=" + w.nodeAddress(i, chain)
			}
		}
	}
}

// nodeAddress returns where a running node accepts peers of a chain.
func (w *soakWorld) nodeAddress(i int, chain string) string {
	var ready struct {
		Chains map[string]string `json:"chains"`
	}
	if err := json.Unmarshal(w.nodes[i].ready, &ready); err != nil || ready.Chains[chain] == "" {
		w.t.Fatalf("%s said %q: want the address of %s: %v", w.nodes[i].name, w.nodes[i].ready, chain, err)
	}
	return ready.Chains[chain]
}

// startWallets makes two wallets, each with a daemon that has both nodes for peers.
func (w *soakWorld) startWallets() {
	for i, name := range []string{"alice", "bob"} {
		p := w.process(name, "daemon")
		for _, chain := range soakChains[:2] {
			for node := range w.nodes {
				link := w.link(w.nodeAddress(node, chain))
				w.homes = append(w.homes, link)
				p.args = append(p.args, "--connect", chain+"="+link.address())
			}
		}
		w.must(nil, "wallet", "create", name, "--data-dir", p.dir, "--chain", soakChains[0], "--chain", soakChains[1],
			"--password-file", w.hidden, "--words-to", w.path(name+".words"))
		w.wallets[i] = p
		w.up(p)
	}
}

// fund has blocks of both chains pay to both wallets.
func (w *soakWorld) fund() {
	for i := range w.wallets {
		for _, chain := range soakChains[:2] {
			w.generate(w.nodes[0], i, chain, "3")
		}
	}
	for i := range w.wallets {
		for _, chain := range soakChains[:2] {
			w.until("rewards spendable", func() error {
				b, err := w.balance(i, chain)
				if err == nil && b.Spendable < 3*soakReward {
					err = fmt.Errorf("%s on %s has %d", w.wallets[i].name, chain, b.Spendable)
				}
				return err
			})
		}
	}
}

func (w *soakWorld) tryAddress(i int, chain string) (string, error) {
	var answer struct {
		Address string `json:"address"`
	}
	err := w.ask(&answer, "receive", "--new", "--data-dir", w.wallets[i].dir, "--chain", chain)
	return answer.Address, err
}

// generate has a node mine blocks for a wallet, if both can.
func (w *soakWorld) generate(node *soakProcess, to int, chain, blocks string) {
	address, err := w.tryAddress(to, chain)
	if err == nil {
		err = w.ask(nil, "rpc", "--data-dir", node.dir, "--chain", chain, "generatetoaddress", blocks, address)
	}
	if err != nil {
		w.t.Logf("mining: %v", err)
	}
}

func (w *soakWorld) balance(i int, chain string) (b demoBalance, err error) {
	err = w.ask(&b, "balance", "--data-dir", w.wallets[i].dir, "--chain", chain)
	return b, err
}

// step does one thing to the world.
func (w *soakWorld) step() {
	w.revive()
	switch n := w.rng.IntN(100); {
	case n < 40:
		w.pay()
	case n < 55:
		w.mine()
	case n < 65:
		p := w.any()
		w.t.Logf("kill -9 %s", p.name)
		if err := p.signal(syscall.SIGKILL); err != nil {
			w.fail("%v", err)
		}
	case n < 72:
		w.part()
	case n < 80:
		link := w.links[w.rng.IntN(len(w.links))]
		f := []fault{cut, slow, corrupt}[w.rng.IntN(3)]
		w.t.Logf("link %d: fault %d", slices.Index(w.links, link), f)
		link.set(f)
	case n < 85:
		w.skew()
	case n < 90:
		w.fill()
	default:
		w.heal()
	}
}

func (w *soakWorld) any() *soakProcess {
	all := w.processes()
	return all[w.rng.IntN(len(all))]
}

// revive starts again what was killed, or gave up because its disk was full. A crash is a failure.
func (w *soakWorld) revive() {
	w.t.Helper()
	for _, p := range w.processes() {
		if p.running() {
			continue
		}
		if text := p.log.tail(); strings.Contains(text, "panic:") || strings.Contains(text, "fatal error:") {
			w.fail("%s crashed", p.name)
		}
		w.up(p)
	}
}

// pay asks for a payment, which may come to nothing for now: it has a key, by which it is asked for again in the end.
func (w *soakWorld) pay() {
	from, chain := w.rng.IntN(2), soakChains[w.rng.IntN(2)]
	to, amount := 1-from, fmt.Sprintf("0.%04d", 1+w.rng.IntN(2000))
	address, err := w.tryAddress(to, chain)
	if err != nil {
		w.t.Logf("no address: %v", err) // its disk is full
		return
	}
	w.number++
	p := soakPayment{from: from, to: to, chain: chain, key: fmt.Sprintf("soak-%d", w.number)}
	p.args = []string{"send", address, amount, "--data-dir", w.wallets[from].dir, "--chain", chain, "--yes",
		"--password-file", w.hidden, "--key", p.key}
	w.send(&p)
	w.paid = append(w.paid, p)
}

func (w *soakWorld) send(p *soakPayment) error {
	var sent struct {
		ID string `json:"txid"`
	}
	err := w.ask(&sent, p.args...)
	if err != nil {
		w.t.Logf("%s: %v", p.key, err)
		return err
	}
	if p.id != "" && p.id != sent.ID {
		w.fail("%s was sent as %s and again as %s", p.key, p.id, sent.ID)
	}
	p.id = sent.ID
	return nil
}

func (w *soakWorld) mine() {
	w.generate(w.nodes[w.rng.IntN(2)], w.rng.IntN(2), soakChains[w.rng.IntN(2)], "1")
}

// part cuts the nodes off each other while both go on, so that one of them has to go back.
func (w *soakWorld) part() {
	for _, l := range w.between {
		l.set(cut)
	}
	for i := range 2 + w.rng.IntN(6) {
		w.pay()
		w.generate(w.nodes[1], i%2, soakChains[i%2], "2")
	}
	for _, l := range w.between {
		l.set(whole)
	}
}

// skew puts the clock of one process off by up to two hours.
func (w *soakWorld) skew() {
	i := w.rng.IntN(len(w.skews))
	off := w.rng.IntN(4*3600+1) - 2*3600
	w.t.Logf("clock of %s off by %d s", w.processes()[i].name, off)
	w.turn(i, off)
}

func (w *soakWorld) turn(i, seconds int) {
	if err := os.WriteFile(w.skews[i], []byte(strconv.Itoa(seconds)), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// fill lets one process write no file beyond a size that its files have already: to it the disk is full.
func (w *soakWorld) fill() {
	p := w.any()
	w.t.Logf("disk of %s full", p.name)
	w.limit(p, 64<<10)
}

func (w *soakWorld) limit(p *soakProcess, bytes uint64) {
	err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		w.fail("limit of %s: %v", p.name, err)
	}
}

// heal ends all faults.
func (w *soakWorld) heal() {
	for _, l := range w.links {
		l.set(whole)
	}
	for i := range w.skews {
		w.turn(i, 0)
	}
	for _, p := range w.processes() {
		if p.running() {
			w.limit(p, unix.RLIM_INFINITY)
		}
	}
	w.revive()
}

// settlePayments asks for what got no answer once more.
func (w *soakWorld) settlePayments() {
	for i := range w.paid {
		p := &w.paid[i]
		w.until(p.key+" is sent", func() error { return w.send(p) })
	}
}

// converge waits until both nodes have the same chains, both wallets follow them, and every payment is confirmed.
func (w *soakWorld) converge() {
	for _, chain := range soakChains {
		w.until(chain+" is the same on both nodes", func() error {
			var height int32
			if err := w.ask(&height, "rpc", "--data-dir", w.nodes[1].dir, "--chain", chain, "getblockcount"); err != nil {
				return err
			}
			var ids [2]string
			for i, n := range w.nodes {
				if err := w.ask(&ids[i], "rpc", "--data-dir", n.dir, "--chain", chain, "getblockhash", strconv.Itoa(int(height))); err != nil {
					return err
				}
			}
			if ids[0] != ids[1] {
				return fmt.Errorf("block %d is %s and %s", height, ids[0], ids[1])
			}
			return nil
		})
	}
	for _, p := range w.paid {
		for _, who := range []int{p.from, p.to} {
			w.until(fmt.Sprintf("%s is confirmed for %s", p.key, w.wallets[who].name), func() error {
				var tx struct {
					Status string `json:"status"`
				}
				if err := w.ask(&tx, "tx", "show", p.id, "--data-dir", w.wallets[who].dir, "--chain", p.chain); err != nil {
					return err
				}
				if tx.Status != "confirmed" {
					return fmt.Errorf("%s is %s", p.id, tx.Status)
				}
				return nil
			})
		}
	}
}

// compareRestored restores both wallets from their words on an empty machine and compares the money.
func (w *soakWorld) compareRestored() {
	for i, p := range w.wallets {
		again := w.process("again-"+p.name, slices.Clone(p.args[:len(p.args)-2])...)
		w.must(nil, "wallet", "restore", "again", "--data-dir", again.dir, "--chain", soakChains[0], "--chain", soakChains[1],
			"--password-file", w.hidden, "--words-file", w.path(p.name+".words"))
		w.up(again)
		for _, chain := range soakChains[:2] {
			w.until("the restored wallet has the money of "+p.name+" on "+chain, func() error {
				old, err := w.balance(i, chain)
				if err != nil {
					return err
				}
				var restored demoBalance
				if err := w.ask(&restored, "balance", "--data-dir", again.dir, "--chain", chain); err != nil {
					return err
				}
				if !old.Trust.Verified || !restored.Trust.Verified || old.Spendable != restored.Spendable {
					return fmt.Errorf("has %+v, restored %+v", old, restored)
				}
				return nil
			})
		}
		if err := again.signal(syscall.SIGTERM); err != nil {
			w.fail("%v", err)
		}
	}
}

// skewed is a clock that is off by the seconds in a file.
func skewed(file string) func() time.Time {
	return func() time.Time {
		text, _ := os.ReadFile(file)
		seconds, _ := strconv.Atoi(string(text))
		return time.Now().Add(time.Duration(seconds) * time.Second)
	}
}
