package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// maxInbound is how many peers are served at a time; more are turned away.
const maxInbound = 32

// Server answers peers that connect to us. It serves headers, with their proofs, and
// nothing else yet.
type Server struct {
	Codec msg.Codec
	Agent string
	Log   *slog.Logger
	// Headers returns what follows the first locator entry that the chain holds, or
	// genesis, at most msg.MaxHeaders. It is called from many goroutines.
	Headers func(locator []*spv.Hash) []spv.Sealed
}

// Serve accepts peers until the context ends, and then waits for all of them to go.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var peers sync.WaitGroup
	defer peers.Wait()
	room := make(chan struct{}, maxInbound)
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case room <- struct{}{}:
		default:
			_ = c.Close()
			continue
		}
		peers.Go(func() {
			defer func() { <-room }()
			if err := s.answer(ctx, c); err != nil && ctx.Err() == nil {
				s.Log.Debug("inbound peer gone", "peer", c.RemoteAddr(), "reason", err)
			}
		})
	}
}

// answer serves one peer until it goes or breaks the protocol.
func (s *Server) answer(ctx context.Context, c net.Conn) error {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	if _, err := greet(ctx, c, &s.Codec, s.Agent, nonceFrom(seed), time.Now()); err != nil {
		return err
	}
	for {
		if err := c.SetDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		m, _, err := receive(c, &s.Codec)
		if err != nil {
			return err
		}
		var reply msg.Message
		switch m := m.(type) {
		case *wire.MsgPing:
			reply = wire.NewMsgPong(m.Nonce)
		case *wire.MsgGetHeaders:
			reply = &msg.Headers{Headers: s.Headers(m.BlockLocatorHashes)}
		case *wire.MsgVersion, *wire.MsgVerAck:
			return errors.New("a second handshake")
		default:
			continue
		}
		if err := send(c, &s.Codec, reply); err != nil {
			return err
		}
	}
}
