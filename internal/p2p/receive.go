package p2p

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/layeredpow/lamina/spv/msg"
)

const (
	// silence is how long a peer may say nothing at all; it is pinged more often.
	silence = 5 * time.Minute
	// A message must be through after bodyTime and a second for each slowest bytes.
	bodyTime = 30 * time.Second
	slowest  = 16 << 10
	// maxIncoming bounds what all guests of a loop together have us hold of messages that
	// are not through or not taken, in bytes. Beyond it, those that hold more than
	// fairShare lose their connection; the others go on. Peers that we dialled are free.
	maxIncoming = 128 << 20
	fairShare   = 1 << 20
	readAhead   = 16 << 10
)

// room counts bytes that are held.
type room struct {
	held atomic.Int64
	most int64
}

// reader takes messages off one connection, within limits of size, time and memory.
type reader struct {
	conn  net.Conn
	buf   *bufio.Reader
	codec *msg.Codec
	room  *room
	free  bool   // need not mind the room
	most  uint32 // bytes of payload, until the handshake is done; 0: what the command may have
	held  int64
}

func newReader(h *host, conn net.Conn, inbound bool) *reader {
	return &reader{conn: conn, buf: bufio.NewReaderSize(conn, readAhead), codec: &h.cfg.Codec,
		room: &h.memory, free: !inbound}
}

// next returns the next message and its length on the wire. What it holds counts until
// release.
func (r *reader) next() (msg.Message, int, error) {
	var head [msg.FrameSize]byte
	if err := r.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return nil, 0, err
	}
	if _, err := r.buf.Peek(1); err != nil {
		return nil, 0, err
	}
	if err := r.conn.SetReadDeadline(time.Now().Add(bodyTime)); err != nil {
		return nil, 0, err
	}
	if _, err := io.ReadFull(r.buf, head[:]); err != nil {
		return nil, 0, err
	}
	frame, err := r.codec.ParseFrame(&head)
	if err != nil {
		return nil, 0, err
	}
	if r.most > 0 && frame.Length > r.most {
		return nil, 0, fmt.Errorf("message %s: %d bytes before the handshake is done, want at most %d",
			frame.Command, frame.Length, r.most)
	}
	within := bodyTime + time.Duration(frame.Length/slowest)*time.Second
	if err := r.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, 0, err
	}
	payload, err := r.body(frame)
	if err != nil {
		return nil, 0, fmt.Errorf("message %s: %w", frame.Command, err)
	}
	if err := frame.Verify(payload); err != nil {
		return nil, 0, err
	}
	m, err := r.codec.Decode(frame.Command, payload)
	return m, msg.FrameSize + len(payload), err
}

// body reads a payload. The buffer grows with what arrives: a mere announcement costs no
// memory.
func (r *reader) body(frame msg.Frame) ([]byte, error) {
	var body bytes.Buffer
	for left := int64(frame.Length); left > 0; {
		n := min(left, 64<<10)
		r.held += n
		if held := r.room.held.Add(n); held > r.room.most && r.held > fairShare && !r.free {
			return nil, fmt.Errorf("%d bytes of unfinished messages, at most %d", held, r.room.most)
		}
		body.Grow(int(n) + bytes.MinRead)
		if _, err := io.CopyN(&body, r.buf, n); err != nil {
			return nil, err
		}
		left -= n
	}
	return body.Bytes(), nil
}

// release gives back what the last message held.
func (r *reader) release() {
	r.room.held.Add(-r.held)
	r.held = 0
}
