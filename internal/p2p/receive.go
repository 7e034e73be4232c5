package p2p

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/bip324"
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
	// maxDecoys bounds the decoys that an encrypted peer may send between two messages, in
	// bytes.
	maxDecoys = 16 << 20
	// longestName is what a packet has besides a message's payload, at most: BIP324's id.
	longestName = 13
	// maxSpare bounds the buffer that is kept for a peer that we dialled, in bytes: a full
	// headers message without proofs fits.
	maxSpare = 256 << 10
)

// room counts bytes that are held.
type room struct {
	held atomic.Int64
	most int64
}

// reader takes messages off one connection, within limits of size, time and memory.
type reader struct {
	conn    net.Conn
	buf     *bufio.Reader
	codec   *msg.Codec
	session *bip324.Session // nil: the connection is not encrypted
	room    *room
	free    bool   // need not mind the room
	most    uint32 // bytes of payload, until the handshake is done; 0: what the command may have
	held    int64
	spare   []byte // for bytes that nothing refers to once they are read; of peers that we dialled
}

func newReader(h *host, conn net.Conn, inbound bool) *reader {
	return &reader{conn: conn, buf: bufio.NewReaderSize(conn, readAhead), codec: &h.cfg.Codec,
		room: &h.memory, free: !inbound}
}

// next returns the next message and its length on the wire. What it holds counts until
// release.
func (r *reader) next() (msg.Message, int, error) {
	patience := time.Now().Add(silence)
	if r.session == nil {
		return r.plain(patience)
	}
	for total := 0; ; {
		command, payload, n, decoy, err := r.packet(patience)
		if err != nil {
			return nil, 0, err
		}
		total += n
		if !decoy {
			m, err := r.codec.Decode(command, payload)
			return m, total, err
		}
		// They are no sign of life: patience runs on.
		if r.release(); total > maxDecoys {
			return nil, 0, fmt.Errorf("%d bytes of decoys in a row, want at most %d", total, maxDecoys)
		}
	}
}

// plain reads a message that is not encrypted.
func (r *reader) plain(patience time.Time) (msg.Message, int, error) {
	var head [msg.FrameSize]byte
	if err := r.head(head[:], patience); err != nil {
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
	payload, err := r.body(int(frame.Length), frame.Command == wire.CmdHeaders && !r.codec.AuxPoW)
	if err != nil {
		return nil, 0, fmt.Errorf("message %s: %w", frame.Command, err)
	}
	if err := frame.Verify(payload); err != nil {
		return nil, 0, err
	}
	m, err := r.codec.Decode(frame.Command, payload)
	return m, msg.FrameSize + len(payload), err
}

// packet reads an encrypted message, or a decoy. N is its length on the wire.
func (r *reader) packet(patience time.Time) (command string, payload []byte, n int, decoy bool, err error) {
	var head [bip324.LengthSize]byte
	if err := r.head(head[:], patience); err != nil {
		return "", nil, 0, false, err
	}
	if n, err = r.session.Length(head); err != nil {
		return "", nil, 0, false, err
	}
	most := r.codec.MaxMessage()
	if r.most > 0 {
		most = r.most
	}
	if n > int(most)+longestName {
		return "", nil, 0, false, fmt.Errorf("packet of %d bytes, want at most %d", n, int(most)+longestName)
	}
	sealed, err := r.body(n+bip324.Overhead, true)
	if err != nil {
		return "", nil, 0, false, fmt.Errorf("packet: %w", err)
	}
	command, payload, decoy, err = r.session.Open(sealed)
	return command, payload, len(head) + len(sealed), decoy, err
}

// head reads what comes before a message. The peer may be silent for a while first.
func (r *reader) head(b []byte, patience time.Time) error {
	if err := r.conn.SetReadDeadline(patience); err != nil {
		return err
	}
	if _, err := r.buf.Peek(1); err != nil {
		return err
	}
	if err := r.conn.SetReadDeadline(time.Now().Add(bodyTime)); err != nil {
		return err
	}
	_, err := io.ReadFull(r.buf, b)
	return err
}

// body reads n bytes, within a time that is fair for so many. The buffer grows with what
// arrives: a mere announcement costs no memory, or, of a peer that we dialled, little, and
// the rest is had at once when the first of it is there. If nothing will refer to the bytes
// when the next body is read, they may be passing: then the buffer is used again.
func (r *reader) body(n int, passing bool) ([]byte, error) {
	within := bodyTime + time.Duration(n/slowest)*time.Second
	if err := r.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	passing = passing && r.free && n <= maxSpare
	step := 64 << 10
	var body []byte
	if passing {
		step, body = n, r.spare[:0]
	}
	for len(body) < n {
		part := min(n-len(body), step)
		r.held += int64(part)
		if held := r.room.held.Add(int64(part)); held > r.room.most && r.held > fairShare && !r.free {
			return nil, fmt.Errorf("%d bytes of unfinished messages, at most %d", held, r.room.most)
		}
		body = slices.Grow(body, part)
		if _, err := io.ReadFull(r.buf, body[len(body):len(body)+part]); err != nil {
			return nil, err
		}
		body = body[:len(body)+part]
		if r.free {
			step = n
		}
	}
	if passing {
		r.spare = body
	}
	return body, nil
}

// release gives back what the last message held.
func (r *reader) release() {
	r.room.held.Add(-r.held)
	r.held = 0
}
