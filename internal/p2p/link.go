package p2p

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/bip324"
	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	// pingEvery is how often a peer is asked for a sign of life.
	pingEvery = 2 * time.Minute
	// writeTime is how long a peer may take to take one message.
	writeTime = 3 * time.Minute
	// sendQueue is how many messages may wait for a peer that does not read, sendMost how
	// many bytes, and sendTotal how many for all peers. A node asks for up to 16 blocks at
	// a time.
	sendQueue = 4096
	sendMost  = 64 << 20
	sendTotal = 256 << 20
	// sendBusy is how many bytes may wait before the peer's own messages do, too: who
	// does not take answers has no more questions answered.
	sendBusy = 1 << 20
	// sendMany is how many messages may wait before that, however short.
	sendMany = 512
)

// link is one connection after the handshake. One goroutine reads, one writes; both
// report to the loop, which alone decides.
type link struct {
	id      syncer.Peer
	address string
	conn    net.Conn
	inbound bool
	sought  book.Addr // what the book chose; zero for peers that the user named and guests
	since   time.Time
	version *wire.MsgVersion
	wtxid   bool // both sides said wtxidrelay
	addrV2  bool // it said sendaddrv2
	host    *host
	in      *reader
	v2      bool            // we try to encrypt what we dial
	session *bip324.Session // nil: the connection is not encrypted

	out     chan msg.Message
	waiting atomic.Int64  // bytes in out, nearly
	room    chan struct{} // filled when they are few again
	pinged  atomic.Int64  // when the last ping left that has no answer, since the connection began; 0: none
	lately  atomic.Int64  // what the last answer took; 0: none
	quick   atomic.Int64  // least time of an answer to a ping; 0: none
	sent    atomic.Int64  // bytes, and when, since the connection began, here and below
	sentAt  atomic.Int64
	heard   atomic.Int64
	heardAt atomic.Int64
	fee     atomic.Int64 // of its last feefilter
	end     context.CancelCauseFunc
	named   bool // it is kept connected, or tried, because somebody named it

	// Of the loop alone, and not changed once the connection is told of.
	told syncer.Connected

	// Of the loop alone.
	asked    int       // things it was asked for
	useful   time.Time // when it last brought one
	tokens   float64   // addresses that it may tell
	tokensAt time.Time
	toldAll  bool // it was told addresses
	ending   bool // it holds too much
}

func newLink(h *host, conn net.Conn, address string, sought book.Addr, inbound bool) *link {
	now := time.Now()
	return &link{host: h, conn: conn, address: address, inbound: inbound, sought: sought, since: now, tokensAt: now, tokens: 1,
		in: newReader(h, conn, inbound), out: make(chan msg.Message, sendQueue), room: make(chan struct{}, 1)}
}

// read hands every message to the loop until the connection ends.
func (k *link) read(ctx context.Context) error {
	defer k.in.release()
	for {
		for k.full() {
			select {
			case <-k.room:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		m, n, err := k.in.next()
		if err != nil {
			return err
		}
		k.count(n)
		switch m := m.(type) {
		case *wire.MsgPing:
			k.queue(wire.NewMsgPong(m.Nonce))
		case *wire.MsgPong:
			k.ponged(m.Nonce)
		case *wire.MsgVersion, *wire.MsgVerAck:
			return errors.New("a second handshake")
		default:
			if !k.deliver(ctx, event{kind: received, link: k, message: m}) {
				return context.Cause(ctx)
			}
		}
		k.in.release()
	}
}

// ping makes a ping. Its nonce is the time, so that no other answer will do.
func (k *link) ping() msg.Message {
	at := int64(time.Since(k.since)) | 1
	k.pinged.Store(at)
	return wire.NewMsgPing(uint64(at))
}

// ponged takes the answer to the last ping.
func (k *link) ponged(nonce uint64) {
	at := k.pinged.Load()
	if at == 0 || nonce != uint64(at) || !k.pinged.CompareAndSwap(at, 0) {
		return
	}
	took := max(1, int64(time.Since(k.since))-at)
	k.lately.Store(took)
	if old := k.quick.Load(); old == 0 || took < old {
		k.quick.Store(took)
	}
}

// write sends what is queued, and a ping at once and then now and again.
func (k *link) write(ctx context.Context) error {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	if err := k.writeOne(k.ping()); err != nil {
		return err
	}
	// The machine counts what it has given since it last heard that all had left, however
	// slowly it gave it, and waits at some point: so do we.
	var bytes, messages int64
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			if err := k.writeOne(k.ping()); err != nil {
				return err
			}
			continue
		case m := <-k.out:
			weight := heft(m)
			if wait := k.host.cfg.Upload.grant(weight, time.Now()); wait > 0 && !sleep(ctx, wait) {
				return context.Cause(ctx)
			}
			if err := k.writeOne(m); err != nil {
				return err
			}
			waiting := k.waiting.Add(-weight)
			bytes, messages = bytes+weight, messages+1
			if !k.full() {
				select {
				case k.room <- struct{}{}:
				default:
				}
			}
			if waiting == 0 && (bytes > sendBusy || messages > sendMany) {
				bytes, messages = 0, 0
				if !k.deliver(ctx, event{kind: drained, link: k}) {
					return context.Cause(ctx)
				}
			}
		}
	}
}

// count notes that a message of n bytes came.
func (k *link) count(n int) {
	k.host.heard.Add(int64(n))
	k.heard.Add(int64(n))
	k.heardAt.Store(max(1, int64(time.Since(k.since))))
}

// tell returns what may be told of the connection.
func (k *link) tell() Link {
	at := func(since int64) time.Time {
		if since == 0 {
			return time.Time{}
		}
		return k.since.Add(time.Duration(since))
	}
	t := Link{Connected: k.told, Since: k.since, Named: k.named, Encrypted: k.session != nil, Sent: k.sent.Load(), Received: k.heard.Load(), FeeFilter: k.fee.Load(),
		LastSent: at(k.sentAt.Load()), LastReceived: at(k.heardAt.Load()), Ping: time.Duration(k.lately.Load()),
		Quickest: time.Duration(k.quick.Load())}
	if pinged := k.pinged.Load(); pinged != 0 {
		t.Unanswered = time.Since(k.since) - time.Duration(pinged)
	}
	return t
}

// writeOne encodes and sends a message.
func (k *link) writeOne(m msg.Message) error {
	b, err := k.encode(m)
	if err != nil {
		return err
	}
	if err := k.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	n, err := k.conn.Write(b)
	k.host.sent.Add(int64(n))
	k.sent.Add(int64(n))
	k.sentAt.Store(max(1, int64(time.Since(k.since))))
	return err
}

// encode returns a message as it goes over the wire.
func (k *link) encode(m msg.Message) ([]byte, error) {
	codec := &k.host.cfg.Codec
	if k.session == nil {
		return codec.Encode(nil, m)
	}
	payload, err := codec.Payload(m)
	if err != nil {
		return nil, err
	}
	return k.session.Seal(m.Command(), payload)
}

// full tells whether so much waits that the peer has to take some first.
func (k *link) full() bool { return k.waiting.Load() > sendBusy || len(k.out) > sendMany }

// queue puts a message in line, or ends the connection if the peer does not read.
func (k *link) queue(m msg.Message) {
	if waiting := k.waiting.Add(heft(m)); waiting > sendMost {
		k.end(fmt.Errorf("%d bytes wait and the peer does not read, at most %d may", waiting, sendMost))
		return
	}
	select {
	case k.out <- m:
	default:
		k.end(fmt.Errorf("%d messages wait and the peer does not read", sendQueue))
	}
}

// heft returns about how many bytes a message holds in memory.
func heft(m msg.Message) int64 {
	n := 100
	switch m := m.(type) {
	case *msg.Block:
		n += len(m.Raw)
	case *msg.Tx:
		n += len(m.Raw)
	case *msg.Headers:
		for i := range m.Headers {
			n += 81
			if m.Headers[i].Aux != nil {
				n += 1000
			}
		}
	case *wire.MsgCFilter:
		n += len(m.Data)
	case *wire.MsgFilterLoad:
		n += len(m.Filter)
	case *wire.MsgCFHeaders:
		n += 32 * len(m.FilterHashes)
	case *wire.MsgCFCheckpt:
		n += 32 * len(m.FilterHeaders)
	case *wire.MsgInv:
		n += 36 * len(m.InvList)
	case *wire.MsgGetData:
		n += 36 * len(m.InvList)
	case *wire.MsgNotFound:
		n += 36 * len(m.InvList)
	}
	return int64(n)
}

// serve runs a connection until it ends and returns why.
func (k *link) serve(ctx context.Context) error {
	ctx, k.end = context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, func() { _ = k.conn.Close() })
	defer stop()
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		k.end(k.write(ctx))
	}()
	if k.deliver(ctx, event{kind: greeted, link: k}) {
		k.end(k.read(ctx))
	}
	<-wrote
	_ = k.conn.Close()
	return context.Cause(ctx)
}

func (k *link) deliver(ctx context.Context, e event) bool { return deliver(ctx, k.host.events, e) }

// event is what a connection tells the loop.
type event struct {
	kind    kind
	conn    net.Conn // arrived, and ended for one that arrived
	link    *link    // nil before the handshake
	message msg.Message
	err     error
	reply   chan<- book.Entry // wanted, probing
	sought  book.Addr         // ended, probed: what the answer was
	source  string            // told
	entries []book.Entry
}

type kind uint8

const (
	arrived  kind = iota + 1 // it was accepted
	greeted                  // it shook hands
	received                 // it brings a message
	drained                  // much was sent since it last said so, and nothing waits any longer
	ended                    // it, or the attempt to connect, is over
	wanted                   // an address to dial is
	told                     // a seed tells addresses
	probing                  // an address to try is wanted
	probed                   // one that probing was answered with shook hands, or did not
)

func deliver(ctx context.Context, events chan<- event, e event) bool {
	select {
	case events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

var errStopped = errors.New("stopped")
