// Package p2p connects to peers and drives one synchronisation machine: it dials, frames,
// times out and carries out what the machine says. It decides nothing about chains.
package p2p

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	firstBackOff = time.Second
	mostBackOff  = time.Minute
	dialTime     = 15 * time.Second
	// settled is how long a connection must have lasted for the next failure to count
	// as the first again.
	settled = time.Minute
)

// Config says what to connect to, and how.
type Config struct {
	Codec msg.Codec
	Agent string   // user agent, such as "/Lamina:0.1.0/"
	Peers []string // addresses host:port that are kept connected
	Log   *slog.Logger
	// Dial opens a connection; nil dials TCP directly.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Store makes changes of the best chain durable before Apply returns.
type Store interface {
	Apply(spv.Change) error
}

// Report is what Run tells from time to time.
type Report struct {
	syncer.Status
	Received int64  // bytes, since the start
	Trouble  string // what went wrong last with a peer, in words; empty while connected
}

// Run follows one chain until the context ends, and then waits for everything that it
// started. Notify is called after every step; it must not block. An error of the store
// ends it.
func Run(ctx context.Context, cfg Config, m *syncer.Machine, store Store, notify func(Report)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	l := &loop{cfg: cfg, machine: m, store: store, notify: notify, events: make(chan event), links: map[syncer.Peer]*link{}}
	var wait sync.WaitGroup
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	ids := make(chan syncer.Peer)
	wait.Go(func() { count(ctx, ids) })
	for _, address := range cfg.Peers {
		d := &dialer{cfg: &l.cfg, address: address, nonce: nonceFrom(seed), ids: ids, events: l.events}
		wait.Go(func() { d.keep(ctx) })
	}
	err := l.run(ctx)
	cancel(errStopped)
	wait.Wait()
	return err
}

// count hands out peer names, each once.
func count(ctx context.Context, ids chan<- syncer.Peer) {
	for id := syncer.Peer(1); ; id++ {
		select {
		case ids <- id:
		case <-ctx.Done():
			return
		}
	}
}

// loop owns the machine and the store.
type loop struct {
	cfg     Config
	machine *syncer.Machine
	store   Store
	notify  func(Report)
	events  chan event
	links   map[syncer.Peer]*link
	report  Report
}

func (l *loop) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	l.tell()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = l.step(syncer.Tick{})
		case e := <-l.events:
			err = l.handle(e)
		}
		if err != nil {
			return err
		}
		l.tell()
	}
}

func (l *loop) tell() {
	l.report.Status = l.machine.Status()
	l.notify(l.report)
}

func (l *loop) handle(e event) error {
	id := syncer.Peer(0)
	if e.link != nil {
		id = e.link.id
	}
	switch {
	case e.err != nil:
		l.report.Trouble = e.err.Error()
		if id == 0 || l.links[id] == nil {
			return nil // it was never connected, or we dropped it
		}
		delete(l.links, id)
		return l.step(syncer.Disconnected{Peer: id})
	case e.message == nil:
		l.links[id] = e.link
		l.report.Trouble = ""
		l.cfg.Log.Info("connected", "peer", e.link.address, "agent", e.link.version.UserAgent, "height", e.link.version.LastBlock)
		return l.step(syncer.Connected{Peer: id, Height: e.link.version.LastBlock})
	case l.links[id] == nil:
		return nil // a last word of one that we dropped
	default:
		l.report.Received += int64(e.bytes)
		return l.step(syncer.Received{Peer: id, Message: e.message})
	}
}

// step hands the machine an input and carries its outputs out, in order, until nothing
// is left to resume.
func (l *loop) step(in syncer.Input) error {
	for in != nil {
		outputs := l.machine.Step(time.Now(), in)
		in = nil
		for _, out := range outputs {
			switch out := out.(type) {
			case syncer.Store:
				if err := l.store.Apply(out.Change); err != nil {
					return err
				}
			case syncer.Send:
				if link := l.links[out.Peer]; link != nil {
					link.queue(out.Message)
				}
			case syncer.Drop:
				l.drop(out)
			case syncer.Again:
				in = syncer.Resume{}
			}
		}
	}
	return nil
}

func (l *loop) drop(d syncer.Drop) {
	link := l.links[d.Peer]
	if link == nil {
		return
	}
	delete(l.links, d.Peer)
	l.report.Trouble = fmt.Sprintf("%s: %v", link.address, d.Err)
	l.cfg.Log.Warn("peer dropped", "peer", link.address, "reason", d.Err, "ban", d.Ban)
	if d.Ban {
		link.end(&banned{reason: d.Err})
	} else {
		link.end(d.Err)
	}
}
