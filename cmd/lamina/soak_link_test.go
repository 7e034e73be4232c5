package main

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// fault is what a soakLink does to what passes through it.
type fault int

const (
	whole   fault = iota
	cut           // accepts nobody and drops who is there
	slow          // a few bytes at a time
	corrupt       // now and then one bit is another
	closed        // never open again
)

// soakLink is a TCP address that leads to another one, with faults.
type soakLink struct {
	listener net.Listener

	mu    sync.Mutex
	to    string
	fault fault
	open  map[net.Conn]bool
	rng   *rand.Rand
}

func newSoakLink(t *testing.T, to string, seed uint64) *soakLink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &soakLink{listener: listener, to: to, open: map[net.Conn]bool{}, rng: rand.New(rand.NewPCG(seed, 1))}
	go l.serve()
	t.Cleanup(func() {
		_ = listener.Close()
		l.set(closed)
	})
	return l
}

func (l *soakLink) address() string { return l.listener.Addr().String() }

// set changes the fault; but for a slow link, whoever is connected has to connect again.
func (l *soakLink) set(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
	if f == slow {
		return
	}
	for c := range l.open {
		_ = c.Close()
	}
	clear(l.open)
}

func (l *soakLink) serve() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		to, refuse := l.to, l.fault == cut || l.fault == closed
		l.mu.Unlock()
		if refuse {
			_ = in.Close()
			continue
		}
		out, err := net.Dial("tcp", to)
		if err != nil {
			_ = in.Close()
			continue
		}
		l.mu.Lock()
		l.open[in], l.open[out] = true, true
		l.mu.Unlock()
		go l.pass(in, out)
		go l.pass(out, in)
	}
}

// pass copies one direction until it ends, and ends the other with it.
func (l *soakLink) pass(from, to net.Conn) {
	defer func() {
		_, _ = from.Close(), to.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, from)
		delete(l.open, to)
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		for at := 0; at < n; {
			piece, wait := l.harm(buf[at:n])
			time.Sleep(wait)
			if _, err := to.Write(piece); err != nil {
				return
			}
			at += len(piece)
		}
		if err != nil {
			return
		}
	}
}

// harm returns how much of b passes next, changed if that is the fault, and after what time.
func (l *soakLink) harm(b []byte) ([]byte, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.fault {
	case slow:
		return b[:min(len(b), 64)], 5 * time.Millisecond
	case corrupt:
		if l.rng.IntN(4) == 0 {
			b[l.rng.IntN(len(b))] ^= 1 << l.rng.IntN(8)
		}
	}
	return b, 0
}
