package main

import (
	"errors"
	"fmt"
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
		w.again(p)
	}
}

// again starts a process again that has ended, but not by a crash.
func (w *soakWorld) again(p *soakProcess) {
	w.t.Helper()
	if p.running() {
		return
	}
	if text := p.log.tail(); strings.Contains(text, "panic:") || strings.Contains(text, "fatal error:") {
		w.fail("%s crashed", p.name)
	}
	w.up(p)
}

// reviveFull starts again who gave up because its disk was full. Who has met that may end some time after all was healed.
func (w *soakWorld) reviveFull() {
	w.t.Helper()
	for _, p := range slices.Clone(w.full) {
		w.again(p)
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

// skew puts the clock of one process off by up to two hours. One node alone is fast at a time: what most clocks agree on is
// the time, and blocks of two that are fast would be the best chain for hours.
func (w *soakWorld) skew() {
	i := w.rng.IntN(len(w.processes()))
	off := w.rng.IntN(4*3600+1) - 2*3600
	if i < len(w.nodes) && off > soakFuture {
		if w.fast != nil && w.fast != w.nodes[i] {
			off = -off
		} else {
			w.fast = w.nodes[i]
		}
	}
	w.note("clock of %s off by %d s", w.processes()[i].name, off)
	w.turn(i, off)
}

func (w *soakWorld) turn(i, seconds int) {
	w.early = w.early || i == 0 && seconds > soakFuture
	if p := w.processes()[i]; seconds < -soakFuture && i < len(w.nodes) && !slices.Contains(w.late, p) {
		w.late = append(w.late, p)
	}
	if err := os.WriteFile(w.skews[i], []byte(strconv.Itoa(seconds)), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// fill lets one process write no file beyond a size that its files have already: to it the disk is full.
func (w *soakWorld) fill() {
	p := w.any()
	w.note("disk of %s full", p.name)
	w.full = append(w.full, p)
	w.limit(p, 64<<10)
}

func (w *soakWorld) limit(p *soakProcess, bytes uint64) {
	err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		w.fail("limit of %s: %v", p.name, err)
	}
}

// soakFuture is how many seconds ahead of all clocks blocks may be, and a little less.
const soakFuture = 500

// soakLead is by how many blocks a branch overtakes another.
const soakLead = 20

// overtake has the second node mine until the first follows it. That one's blocks of the time when its clock was fast nobody else
// takes for hours, and it would build on them for ever: no other miner is here.
func (w *soakWorld) overtake() {
	for _, chain := range w.chains() {
		var height, there int
		w.until("the first node's height on "+chain, func() error { return w.rpc(0, chain, &height, "getblockcount") })
		w.until("the first node follows on "+chain, func() error {
			if err := w.rpc(1, chain, &there, "getblockcount"); err != nil {
				return err
			}
			var ids [2]string
			for i := range ids {
				if err := w.rpc(i, chain, &ids[i], "getblockhash", fmt.Sprint(height)); err != nil && i == 0 {
					return err
				}
			}
			if ids[0] == ids[1] {
				return nil
			}
			if err := w.generate(1, 0, chain, max(height-there, 0)+soakLead); err != nil {
				return err
			}
			return fmt.Errorf("block %d is %v", height, ids)
		})
	}
	w.early = false
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
	for _, p := range w.late {
		if err := p.signal(syscall.SIGKILL); err != nil {
			w.fail("%v", err)
		}
	}
	w.late, w.fast = nil, nil
	w.revive()
	if w.early {
		w.overtake()
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
