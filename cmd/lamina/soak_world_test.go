package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// soakChains are the chains of the development stack; wallets are on the first and the second.
var soakChains = []string{"dev", "dev-issued", "dev-native", "dev-fractional"}

const (
	soakTime   = 60 * time.Second // for what has to come about in the end
	soakAsk    = 30 * time.Second // for one command
	soakReward = 50_0000_0000     // of a block on both chains, base units
)

// soakProcess is one process that stays, with a data folder of its own.
type soakProcess struct {
	name string
	args []string
	env  []string
	dir  string

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
	err   error         // how it ended, once ended is closed
	log   *soakLog
	ready json.RawMessage // what it said when it was ready last
}

// soakLog keeps what a process said, over its lives.
type soakLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *soakLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// tail returns the end of what was said.
func (l *soakLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.text.Bytes()
	return string(b[max(0, len(b)-3000):])
}

// start starts a process and waits for the document by which it says that it is ready.
func (p *soakProcess) start(program string) error {
	if p.log == nil {
		p.log = &soakLog{}
	}
	c := exec.Command(program, append([]string{"--json"}, p.args...)...)
	c.Env = append(append(os.Environ(), childMark), p.env...)
	c.Stderr = p.log
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.cmd, p.ended = c, ended
	late := time.AfterFunc(soakTime, func() { _ = c.Process.Kill() })
	d := json.NewDecoder(io.TeeReader(out, p.log))
	err = d.Decode(&p.ready)
	late.Stop()
	go func() {
		_, _ = io.Copy(p.log, out)
		p.err = c.Wait()
		close(ended)
	}()
	if err != nil {
		<-ended
		return fmt.Errorf("%s ended before it was ready (%w): %w\n%s", p.name, p.err, err, p.log.tail())
	}
	return nil
}

// signal sends a signal and waits for the end.
func (p *soakProcess) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(soakTime):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end on %s", p.name, s)
	}
	return nil
}

func (p *soakProcess) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// soakWorld is a stack of processes that things happen to.
type soakWorld struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	dir     string
	program string
	hidden  string // file with the password

	nodes   [2]*soakProcess // the first mines
	wallets [2]*soakProcess
	links   []*soakLink
	between []*soakLink // from the second node to the first
	homes   []*soakLink // from the wallets to the nodes
	skews   []string    // files with seconds, by which the processes' clocks are off

	number int // of the next payment
	paid   []soakPayment
}

// soakPayment is a payment that was asked for.
type soakPayment struct {
	from, to int
	chain    string
	key      string
	args     []string
	id       string // empty: no answer yet
}

func (w *soakWorld) path(name string) string { return filepath.Join(w.dir, name) }

// fail ends the test and says how to see it again.
func (w *soakWorld) fail(format string, args ...any) {
	w.t.Helper()
	var tails strings.Builder
	for _, p := range w.processes() {
		if p != nil && p.log != nil {
			fmt.Fprintf(&tails, "\n--- %s\n%s", p.name, p.log.tail())
		}
	}
	w.t.Fatalf("seed %d: %s%s", w.seed, fmt.Sprintf(format, args...), tails.String())
}

func (w *soakWorld) processes() []*soakProcess { return append(w.nodes[:], w.wallets[:]...) }

// ask runs a command to its end and decodes what it prints.
func (w *soakWorld) ask(answer any, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), soakAsk)
	defer cancel()
	c := exec.CommandContext(ctx, w.program, append([]string{"--json"}, args...)...)
	c.Env = append(os.Environ(), childMark)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return fmt.Errorf("lamina %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(out.Bytes(), answer)
}

// must is ask where nothing stands in the way.
func (w *soakWorld) must(answer any, args ...string) {
	w.t.Helper()
	if err := w.ask(answer, args...); err != nil {
		w.fail("%v", err)
	}
}

// until waits until something is so.
func (w *soakWorld) until(what string, done func() error) {
	w.t.Helper()
	var last error
	for limit := time.Now().Add(soakTime); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		if last = done(); last == nil {
			return
		}
	}
	w.fail("%s: %v", what, last)
}

// up starts a process that is not running.
func (w *soakWorld) up(p *soakProcess) {
	w.t.Helper()
	if err := p.start(w.program); err != nil {
		w.fail("%v", err)
	}
}
