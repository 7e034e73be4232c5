package p2p

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	// pingEvery is how often a silent peer is asked for a sign of life.
	pingEvery = 2 * time.Minute
	// silence is how long a peer may say nothing at all.
	silence = 5 * time.Minute
	// sendQueue is how many messages may wait for a peer that does not read.
	sendQueue = 256
	readAhead = 64 << 10
)

// link is one connection after the handshake. One goroutine reads, one writes; both
// report to the loop, which alone decides.
type link struct {
	id      syncer.Peer
	address string
	conn    net.Conn
	version *wire.MsgVersion
	out     chan msg.Message
	end     context.CancelCauseFunc
}

// read hands every message to the loop until the connection ends.
func (l *link) read(ctx context.Context, codec *msg.Codec, events chan<- event) error {
	r := bufio.NewReaderSize(l.conn, readAhead)
	for {
		if err := l.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		m, n, err := receive(r, codec)
		if err != nil {
			return err
		}
		if ping, ok := m.(*wire.MsgPing); ok {
			l.queue(wire.NewMsgPong(ping.Nonce))
			continue
		}
		if !deliver(ctx, events, event{link: l, message: m, bytes: n}) {
			return context.Cause(ctx)
		}
	}
}

// write sends what is queued, and a ping where it is quiet.
func (l *link) write(ctx context.Context, codec *msg.Codec) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for nonce := uint64(1); ; {
		var m msg.Message
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case m = <-l.out:
		case <-ping.C:
			nonce++
			m = wire.NewMsgPing(nonce)
		}
		if err := l.conn.SetWriteDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		if err := send(l.conn, codec, m); err != nil {
			return err
		}
	}
}

// queue puts a message in line, or ends the connection if the peer does not read.
func (l *link) queue(m msg.Message) {
	select {
	case l.out <- m:
	default:
		l.end(fmt.Errorf("%d messages wait and the peer does not read", sendQueue))
	}
}

// serve runs a connection until it ends and returns why.
func (l *link) serve(ctx context.Context, codec *msg.Codec, events chan<- event) error {
	ctx, l.end = context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	defer stop()
	wrote := make(chan error, 1)
	go func() {
		err := l.write(ctx, codec)
		l.end(err)
		wrote <- err
	}()
	if deliver(ctx, events, event{link: l}) {
		l.end(l.read(ctx, codec, events))
	}
	<-wrote
	_ = l.conn.Close()
	return context.Cause(ctx)
}

// event is what a connection tells the loop: it began (no message, no error), it brings
// a message, or it ended.
type event struct {
	link    *link
	message msg.Message
	bytes   int
	err     error
}

func deliver(ctx context.Context, events chan<- event, e event) bool {
	select {
	case events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

var errStopped = errors.New("stopped")
