package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func (w *soakWorld) any() *soakProcess {
	all := w.processes()
	return all[w.rng.IntN(len(all))]
}

// kill kills one of the processes without a warning. It is started anew before the next thing happens.
func (w *soakWorld) kill() {
	p := w.any()
	w.note("kill -9 %s", p.name)
	if err := p.signal(syscall.SIGKILL); err != nil {
		w.fail("%v", err)
	}
}

// stop has one settler stand still until all is healed; the others are enough.
func (w *soakWorld) stop() {
	p := w.nodes[2]
	w.note("%s stands still", p.name)
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		w.fail("%v", err)
	}
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

// part cuts the first node off the others while all go on, so that somebody has to go back. Now and then that is the first node:
// the second one mines as much as it may, which is less than the settlers wait for before they pay.
func (w *soakWorld) part() {
	for _, l := range w.between {
		l.set(cut)
	}
	for i := range 1 + w.rng.IntN(3) {
		w.pay()
		w.mined(w.generate(1, i%2, w.anyChain(), 1+w.rng.IntN(2)))
	}
	var heights [2]int
	for i := range heights {
		w.mined(w.rpc(i, w.l1, &heights[i], "getblockcount"))
	}
	if ahead := heights[0] - heights[1]; ahead >= 0 && ahead <= 2 {
		w.note("the first node is to go back by %d", ahead)
		w.mined(w.generate(1, 0, w.l1, ahead+1))
	}
	for _, l := range w.between {
		l.set(whole)
	}
}

// spoil does harm to a connection.
func (w *soakWorld) spoil() {
	link := w.links[w.rng.IntN(len(w.links))]
	f := []fault{cut, slow, corrupt}[w.rng.IntN(3)]
	w.note("link %d: fault %d", slices.Index(w.links, link), f)
	link.set(f)
}

// The clocks of wallets are off by up to two hours. Those of nodes by less than what makes blocks those of the future: else nodes
// leave each other alone for ten minutes, longer than anybody waits here.
const (
	soakSkew     = 2 * 3600
	soakNodeSkew = 500
)

// skew puts the clock of one process off.
func (w *soakWorld) skew() {
	i, most := w.rng.IntN(len(w.processes())), soakSkew
	if i < len(w.nodes) {
		most = soakNodeSkew
	}
	off := w.rng.IntN(2*most+1) - most
	w.note("clock of %s off by %d s", w.processes()[i].name, off)
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
	w.note("disk of %s full", p.name)
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
	w.note("all is healed")
	for _, l := range w.links {
		l.set(whole)
	}
	for i := range w.skews {
		w.turn(i, 0)
	}
	for _, p := range w.processes() {
		if p.running() {
			_ = p.cmd.Process.Signal(syscall.SIGCONT)
			w.limit(p, unix.RLIM_INFINITY)
		}
	}
	w.revive()
}

// skewed is a clock that is off by the seconds in a file.
func skewed(file string) func() time.Time {
	return func() time.Time {
		text, _ := os.ReadFile(file)
		seconds, _ := strconv.Atoi(string(text))
		return time.Now().Add(time.Duration(seconds) * time.Second)
	}
}
