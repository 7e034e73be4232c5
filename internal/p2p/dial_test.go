package p2p

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// flaky is a polite node that can be down.
type flaky struct {
	*town
	down atomic.Bool
}

func (f *flaky) dial(ctx context.Context, address string) (net.Conn, error) {
	if f.down.Load() {
		f.mu.Lock()
		f.dialed = append(f.dialed, address)
		f.mu.Unlock()
		return nil, errors.New("refused")
	}
	return f.town.dial(ctx, address)
}

// stop takes the node down, with its connection, and start brings it back.
func (f *flaky) stop(address string) {
	f.down.Store(true)
	f.hangUp(address)
}
func (f *flaky) start() { f.down.Store(false) }

// following starts a loop that keeps a flaky node connected.
func following(t *testing.T, address string) (*flaky, *answerer) {
	t.Helper()
	f, m := &flaky{town: &town{t: t, nodes: map[string]net.Conn{}}}, &answerer{}
	running(t, Config{Peers: []string{address}, Dial: f.dial}, m)
	pass(time.Second)
	return f, m
}

// TestRestarts: a peer that is kept connected and starts again and again is back soon each time.
func TestRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const address = "8.1.0.1:1"
		f, m := following(t, address)
		for n := range 20 {
			pass(20 * time.Second)
			f.stop(address)
			pass(3 * time.Second)
			f.start()
			pass(6 * time.Second)
			if len(m.peers()) != 1 {
				t.Fatalf("restart %d: not connected 6 s later", n+1)
			}
		}
	})
}

// TestHangsUp: a peer that shakes hands and hangs up at once is dialled more and more seldom.
func TestHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const address = "8.1.0.1:1"
		f, _ := following(t, address)
		for range 3600 {
			f.hangUp(address)
			pass(time.Second)
		}
		if n := f.times(address); n < 40 || n > 80 {
			t.Errorf("dialled %d times in an hour", n)
		}
	})
}

// TestDownForLong: who is away for an hour is dialled now and then, and one on this machine all the while.
func TestDownForLong(t *testing.T) {
	for address, want := range map[string]struct {
		least, most int // dials
		back        time.Duration
	}{
		"8.1.0.1:1":   {45, 70, mostBackOff * 5 / 4},
		"127.0.0.1:1": {700, 950, mostLocal * 5 / 4},
		"[::1]:1":     {700, 950, mostLocal * 5 / 4},
	} {
		t.Run(address, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, m := following(t, address)
				f.stop(address)
				pass(time.Hour)
				if n := f.times(address); n < want.least || n > want.most {
					t.Errorf("dialled %d times in an hour, want %d to %d", n, want.least, want.most)
				}
				f.start()
				pass(want.back)
				if len(m.peers()) != 1 {
					t.Errorf("not connected %s after it is back", want.back)
				}
			})
		})
	}
	if !local("localhost:5") || local("8.8.8.8:5") || local("localhost.example:5") {
		t.Error("what is on this machine")
	}
}
