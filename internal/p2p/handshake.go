package p2p

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/msg"
)

const (
	// handshakeTime is how long a peer may take to introduce itself.
	handshakeTime = 15 * time.Second
	// oldestVersion is the least protocol version that we talk to: it knows sendheaders.
	oldestVersion = 70012
	// maxGreetings bounds what a peer may say before it says verack.
	maxGreetings = 20
)

// ErrSelf: the other end is this very program.
var ErrSelf = errors.New("connected to ourselves")

// greet introduces us to a peer and waits until it has done the same. It returns the
// peer's version message. Nonce is what we recognise ourselves by.
func greet(ctx context.Context, c net.Conn, codec *msg.Codec, agent string, nonce uint64, now time.Time) (*wire.MsgVersion, error) {
	if err := c.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := send(c, codec, ourVersion(c, agent, nonce, now)); err != nil {
		return nil, err
	}
	var theirs *wire.MsgVersion
	for range maxGreetings {
		m, _, err := receive(c, codec)
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *wire.MsgVersion:
			if theirs != nil {
				return nil, errors.New("a second version message")
			}
			if err := acceptable(m, nonce); err != nil {
				return nil, err
			}
			theirs = m
			if err := answerVersion(c, codec, m); err != nil {
				return nil, err
			}
		case *wire.MsgVerAck:
			if theirs == nil {
				return nil, errors.New("verack before version")
			}
			if !stop() {
				return nil, context.Cause(ctx)
			}
			return theirs, c.SetDeadline(time.Time{})
		}
	}
	return nil, fmt.Errorf("no verack within %d messages", maxGreetings)
}

func ourVersion(c net.Conn, agent string, nonce uint64, now time.Time) *wire.MsgVersion {
	v := wire.NewMsgVersion(&wire.NetAddress{}, address(c.RemoteAddr()), nonce, 0)
	v.ProtocolVersion = msg.Version
	v.Timestamp = time.Unix(now.Unix(), 0)
	v.UserAgent = agent
	v.DisableRelayTx = true
	return v
}

func address(a net.Addr) *wire.NetAddress {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return wire.NewNetAddress(tcp, 0)
	}
	return &wire.NetAddress{}
}

func acceptable(v *wire.MsgVersion, nonce uint64) error {
	if v.Nonce == nonce {
		return ErrSelf
	}
	if v.ProtocolVersion < oldestVersion {
		return fmt.Errorf("protocol version %d, want at least %d", v.ProtocolVersion, oldestVersion)
	}
	return nil
}

// answerVersion announces what has to be said between version and verack.
func answerVersion(c net.Conn, codec *msg.Codec, theirs *wire.MsgVersion) error {
	var answers []msg.Message
	if theirs.ProtocolVersion >= 70016 {
		answers = append(answers, &wire.MsgWTxIdRelay{}, &wire.MsgSendAddrV2{})
	}
	for _, m := range append(answers, &wire.MsgVerAck{}) {
		if err := send(c, codec, m); err != nil {
			return err
		}
	}
	return nil
}

func send(w io.Writer, codec *msg.Codec, m msg.Message) error {
	b, err := codec.Encode(nil, m)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// receive reads one message: the frame first, and the payload only if the frame is sound.
func receive(r io.Reader, codec *msg.Codec) (msg.Message, int, error) {
	var head [msg.FrameSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, 0, err
	}
	frame, err := codec.ParseFrame(&head)
	if err != nil {
		return nil, 0, err
	}
	// The buffer grows with what arrives: a mere announcement costs no memory.
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, int64(frame.Length)); err != nil {
		return nil, 0, fmt.Errorf("message %s: %w", frame.Command, err)
	}
	payload := body.Bytes()
	if err := frame.Verify(payload); err != nil {
		return nil, 0, err
	}
	m, err := codec.Decode(frame.Command, payload)
	return m, msg.FrameSize + len(payload), err
}

// nonceFrom makes a version nonce of random bytes.
func nonceFrom(b [8]byte) uint64 { return binary.LittleEndian.Uint64(b[:]) }
