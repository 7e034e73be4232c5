// Package p2p speaks with peers for one machine: it dials and listens, shakes hands,
// frames, times out, bans and carries out what the machine says. It decides nothing
// about chains, transactions or money.
package p2p

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Machine decides what to do about what happens: a light client's syncer.Machine, or a
// node's. Run is its only user while it runs.
type Machine interface {
	Step(now time.Time, in syncer.Input) []syncer.Output
}

// Config says what to connect to, and how.
type Config struct {
	Codec    msg.Codec
	Agent    string           // user agent, such as "/Lamina:0.1.0/"
	Protocol uint32           // protocol version to announce; 0: msg.Version
	Services wire.ServiceFlag // to announce
	Relay    bool             // peers may announce transactions to us
	// V2 tells that the chain's nodes encrypt connections as a rule (BIP324): then we ask
	// all for that whom we dial, else only those who are known to. Who dials us may always.
	V2 bool
	// Height returns the height to announce; nil announces 0. It is called from many
	// goroutines.
	Height func() int32
	Log    *slog.Logger
	// Clock gives the machine its time; nil: time.Now.
	Clock func() time.Time

	// Peers are addresses host:port that are kept connected.
	Peers []string
	// Seek finds more peers; nil: none but those named are dialled.
	Seek *Seek
	// Book is the file of the address book, of this loop alone; empty: it is kept in memory.
	Book string
	// Proxy is the host:port of a SOCKS5 proxy for all connections that we make. Then it
	// resolves all names, too, and onion services can be dialled.
	Proxy string
	// Dial opens a connection; nil dials TCP, through the proxy if there is one.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	// Listen accepts connections; nil: none. Run closes it.
	Listen net.Listener
	// Inbound is how many accepted connections are kept; 0: DefaultInbound.
	Inbound int
	// Upload bounds what is sent; nil: nothing does.
	Upload *Upload

	// Switchboard lets others change connections while the loop runs, and look at them; nil:
	// nobody does. It serves one Run.
	Switchboard *Switchboard

	// Inputs brings the machine what does not come from peers, such as ParentMoved. It
	// may be nil and is never closed.
	Inputs <-chan syncer.Input
	// Sink carries out every output but Send, Drop and Again, in order, and before any
	// Send that comes after it. The inputs that it returns are the machine's next: they
	// come before any other, once all outputs of the step are carried out. It is called
	// on the loop that drives the machine; its error ends Run. Nil: such outputs are lost.
	Sink func(syncer.Output) ([]syncer.Input, error)
}

// Report is what Run tells from time to time.
type Report struct {
	Outbound, Inbound int    // connections after their handshakes
	Encrypted         int    // how many of them are (BIP324)
	Received, Sent    int64  // bytes, since the start
	Trouble           string // what went wrong last with an outbound peer, in words; empty while one is connected
}

// Run drives the machine until the context ends, and then waits for everything that it
// started. Notify, which may be nil, is called on the loop after every step, when the
// machine may be read; it must not block.
//
// Run answers pings. It exchanges addresses (addr, addrv2, getaddr) if there is a Book or a
// Seek, else these go to the machine, as all other messages do.
func Run(ctx context.Context, cfg Config, m Machine, notify func(Report)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	l := newLoop(cfg, m, notify)
	defer close(l.cfg.Switchboard.ended)
	for _, address := range cfg.Peers {
		if l.named[address] != nil {
			continue
		}
		if err := l.name(ctx, address); err != nil {
			cancel(err)
			l.wait.Wait()
			return err
		}
	}
	if cfg.Seek != nil {
		s := &seeker{l.host}
		known, _ := l.book.Len()
		l.wait.Go(func() { s.sow(ctx, known == 0) })
		for range l.cfg.Seek.Peers {
			l.wait.Go(func() { s.keep(ctx) })
		}
		l.wait.Go(func() { s.feel(ctx) })
	}
	if cfg.Listen != nil {
		l.wait.Go(func() { l.accept(ctx) })
	}
	err := l.run(ctx)
	l.saveBook()
	cancel(errStopped)
	l.wait.Wait()
	return err
}

// host is what all connections of a loop share.
type host struct {
	cfg    Config
	nonce  uint64 // of our version messages: what we recognise ourselves by
	events chan event
	wait   sync.WaitGroup
	sent   atomic.Int64
	heard  atomic.Int64 // bytes received
	linked atomic.Int64 // outbound connections
	trying atomic.Int64 // attempts that Switchboard.Try has begun
	memory room
}

// loop owns the machine and all that is decided about connections.
type loop struct {
	*host
	machine Machine
	notify  func(Report)
	last    syncer.Peer // name given last
	links   map[syncer.Peer]*link
	guests  []*guest
	named   map[string]context.CancelFunc // what ends keeping an address connected
	book    *book.Book
	saved   time.Time
	anchors []book.Addr        // to dial first
	busy    map[book.Addr]bool // handed out to dial
	random  *mathrand.Rand
	seed    maphash.Seed
	report  Report
}

func newLoop(cfg Config, m Machine, notify func(Report)) *loop {
	if cfg.Protocol == 0 {
		cfg.Protocol = msg.Version
	}
	if cfg.Inbound == 0 {
		cfg.Inbound = DefaultInbound
	}
	if cfg.Sink == nil {
		cfg.Sink = func(syncer.Output) ([]syncer.Input, error) { return nil, nil }
	}
	if cfg.Switchboard == nil {
		cfg.Switchboard = NewSwitchboard()
	}
	if notify == nil {
		notify = func(Report) {}
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Seek != nil {
		seek := *cfg.Seek
		if seek.Peers == 0 {
			seek.Peers = DefaultOutbound
		}
		cfg.Seek = &seek
	}
	var seed [40]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	h := &host{cfg: cfg, nonce: binary.LittleEndian.Uint64(seed[:]), events: make(chan event), memory: room{most: maxIncoming}}
	l := &loop{host: h, machine: m, notify: notify, links: map[syncer.Peer]*link{}, named: map[string]context.CancelFunc{}, busy: map[book.Addr]bool{},
		random: mathrand.New(mathrand.NewChaCha8([32]byte(seed[8:]))), seed: maphash.MakeSeed()}
	l.openBook()
	return l
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
			if time.Since(l.saved) > saveEvery {
				l.saveBook()
			}
			err = l.step(ctx, syncer.Tick{})
		case e := <-l.events:
			err = l.handle(ctx, e)
		case call := <-l.cfg.Switchboard.calls:
			call(ctx, l)
		case in := <-l.cfg.Inputs:
			err = l.step(ctx, in)
		}
		if err != nil {
			return err
		}
	}
}

func (l *loop) tell() {
	l.report.Sent, l.report.Received = l.sent.Load(), l.heard.Load()
	l.notify(l.report)
}

// handle follows what a connection tells.
func (l *loop) handle(ctx context.Context, e event) error {
	switch e.kind {
	case arrived:
		l.admit(ctx, e.conn)
		return nil
	case wanted:
		e.reply <- l.choose()
		return nil
	case probing:
		e.reply <- l.probe()
		return nil
	case probed:
		delete(l.busy, e.sought)
		if e.link != nil {
			l.book.Works(e.sought, e.link.version.Services, time.Now())
		}
		return nil
	case told:
		l.learn(e.entries, e.source, true)
		return nil
	case greeted:
		return l.greeted(ctx, e.link)
	case ended:
		return l.ended(ctx, e)
	}
	k := e.link
	if l.links[k.id] == nil {
		return nil // a last word of one that we dropped
	}
	if e.kind == drained {
		return l.step(ctx, syncer.Drained{Peer: k.id})
	}
	switch m := e.message.(type) {
	case *wire.MsgFeeFilter:
		k.fee.Store(m.MinFee)
	case *msg.Block, *msg.Tx, *msg.Headers, *wire.MsgCFilter:
		if k.asked > 0 {
			k.asked, k.useful = k.asked-1, time.Now()
		}
	}
	if l.gossip(k, e.message) {
		return nil
	}
	return l.step(ctx, syncer.Received{Peer: k.id, Message: e.message})
}

func (l *loop) greeted(ctx context.Context, k *link) error {
	v := k.version
	if k.inbound {
		i := slices.IndexFunc(l.guests, func(g *guest) bool { return g.conn == k.conn })
		if i < 0 {
			return nil // it was turned out
		}
		l.guests[i].link = k
		l.report.Inbound++
	} else {
		if a, err := book.Parse(k.address); err == nil {
			l.book.Works(a, v.Services, time.Now())
		}
		if k.sought != (book.Addr{}) && v.Services&l.cfg.Seek.Want != l.cfg.Seek.Want {
			k.end(fmt.Errorf("it serves %v, want %v", v.Services, l.cfg.Seek.Want))
			return nil
		}
		l.report.Outbound++
		l.report.Trouble = ""
		l.linked.Add(1)
		if l.gossips() {
			k.tokens = tellAsked
			k.queue(&wire.MsgGetAddr{})
		}
	}
	if k.session != nil {
		l.report.Encrypted++
	}
	l.last++
	k.id = l.last
	l.links[k.id] = k
	k.told = syncer.Connected{
		Peer: k.id, Address: k.address, Inbound: k.inbound, Version: uint32(v.ProtocolVersion), Agent: v.UserAgent,
		Services: v.Services, Height: v.LastBlock, Clock: v.Timestamp, Wants: !v.DisableRelayTx, Relay: l.cfg.Relay, WTxID: k.wtxid,
	}
	l.cfg.Switchboard.note(k, true)
	l.cfg.Log.Info("connected", "peer", k.address, "inbound", k.inbound, "encrypted", k.session != nil, "agent", v.UserAgent, "height", v.LastBlock)
	return l.step(ctx, k.told)
}

func (l *loop) ended(ctx context.Context, e event) error {
	delete(l.busy, e.sought)
	if e.conn != nil {
		l.forgetGuest(e.conn)
	} else {
		l.report.Trouble = e.err.Error()
	}
	if e.link == nil || l.links[e.link.id] == nil {
		l.tell()
		return nil // it was never connected, or we dropped it
	}
	l.unlink(e.link)
	return l.step(ctx, syncer.Disconnected{Peer: e.link.id})
}

func (l *loop) unlink(k *link) {
	delete(l.links, k.id)
	l.cfg.Switchboard.note(k, false)
	if k.session != nil {
		l.report.Encrypted--
	}
	if k.inbound {
		l.report.Inbound--
	} else {
		l.report.Outbound--
		l.linked.Add(-1)
	}
}

// step hands the machine an input and carries its outputs out, in order, until nothing
// is left to answer or to resume.
func (l *loop) step(ctx context.Context, in syncer.Input) error {
	for next := []syncer.Input{in}; len(next) > 0 && ctx.Err() == nil; {
		in, next = next[0], next[1:]
		again := false
		for _, out := range l.machine.Step(l.cfg.Clock(), in) {
			switch out := out.(type) {
			case syncer.Send:
				l.send(out)
			case syncer.Drop:
				l.drop(out)
			case syncer.Again:
				again = true
			default:
				answers, err := l.cfg.Sink(out)
				if err != nil {
					return err
				}
				next = append(next, answers...)
			}
		}
		if again {
			next = append(next, syncer.Resume{})
		}
		l.tell()
	}
	return nil
}

func (l *loop) send(s syncer.Send) {
	k := l.links[s.Peer]
	if k == nil || k.ending {
		return
	}
	switch m := s.Message.(type) {
	case *wire.MsgGetData:
		k.asked += len(m.InvList)
	case *wire.MsgGetCFilters:
		k.asked++
	}
	k.queue(s.Message)
	if k.waiting.Load() > sendBusy {
		l.relieve()
	}
}

// relieve ends the connection for which the most waits, when too much waits for all.
func (l *loop) relieve() {
	var total, most int64
	var fullest *link
	for _, k := range l.links {
		if k.ending {
			continue
		}
		waiting := k.waiting.Load()
		total += waiting
		if fullest == nil || waiting > most {
			fullest, most = k, waiting
		}
	}
	if total > sendTotal {
		fullest.ending = true
		fullest.end(fmt.Errorf("%d bytes wait for all peers, at most %d may, and %d of them for this one", total, sendTotal, most))
	}
}

func (l *loop) drop(d syncer.Drop) {
	k := l.links[d.Peer]
	if k == nil {
		return
	}
	l.unlink(k)
	l.cfg.Log.Warn("peer dropped", "peer", k.address, "reason", d.Err, "ban", d.Ban)
	if d.Ban {
		k.end(&banned{reason: d.Err, wait: l.ban(k, d.Err)})
	} else {
		k.end(d.Err)
	}
}
