package stratum

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/layeredpow/lamina/internal/node/work"
)

// Server serves miners from a source of jobs.
type Server struct {
	Source    work.Source
	Authorize func(user, password string) bool // nil: everybody may mine
	Pace      Pace
	// Tag begins every extranonce; another miner on the same source must use a different one.
	Tag byte
	// MaxConns is how many miners there may be at once.
	MaxConns int
	// LetIn is how long a connection has to subscribe and authorize; Idle how long it may then be silent.
	LetIn, Idle time.Duration
	// Gone is told of connections that ended, and why. May be nil.
	Gone func(address string, err error)

	count atomic.Uint32
}

const (
	// sendTime is how long a miner may take to read a line.
	sendTime = 10 * time.Second
	// restTime is how long to wait after a connection could not be taken.
	restTime = 100 * time.Millisecond
)

// Serve takes connections until the context ends; it then closes all of them, and the listener, and returns when nothing
// of it is left. Any other end is an error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	o := s.options()
	if err := o.check(); err != nil {
		return err
	}
	if s.MaxConns < 1 || s.LetIn <= 0 || s.Idle <= 0 {
		return fmt.Errorf("stratum: %d connections, let in within %s, idle for %s: want all above 0", s.MaxConns, s.LetIn, s.Idle)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	closer := context.AfterFunc(ctx, func() { l.Close() })
	defer closer()
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	seats := make(chan struct{}, s.MaxConns)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("stratum: %w", err)
		}
		if err != nil { // out of file descriptors, or the miner left at once: it passes
			select {
			case <-ctx.Done():
			case <-time.After(restTime):
			}
			continue
		}
		select {
		case seats <- struct{}{}:
		default:
			conn.Close()
			s.gone(conn, fmt.Errorf("already %d connections", s.MaxConns))
			continue
		}
		all.Go(func() {
			defer func() { <-seats }()
			s.gone(conn, s.converse(ctx, conn))
		})
	}
}

func (s *Server) options() Options {
	return Options{Submit: s.Source.Submit, Authorize: s.Authorize, Pace: s.Pace}
}

func (s *Server) gone(conn net.Conn, err error) {
	if s.Gone != nil {
		s.Gone(conn.RemoteAddr().String(), err)
	}
}

// extra returns an extranonce prefix that no other connection has.
func (s *Server) extra() (x [extraNonce1]byte) {
	binary.BigEndian.PutUint32(x[:], s.count.Add(1))
	x[0] = s.Tag
	return x
}

// converse owns one connection's session until it ends.
func (s *Server) converse(ctx context.Context, conn net.Conn) error {
	ctx, stop := context.WithCancel(ctx)
	lines, failed := make(chan []byte), make(chan error, 1)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer conn.Close()
	defer stop()
	session, err := NewSession(s.options(), s.extra(), time.Now())
	if err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(s.LetIn)); err != nil {
		return err
	}
	reader.Go(func() { failed <- read(ctx, conn, lines) })
	pace := time.NewTicker(s.Pace.Every)
	defer pace.Stop()
	job, changed := s.Source.Job()
	out := session.Post(job)
	for {
		if len(out) > 0 {
			if err := conn.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
				return err
			}
			if _, err := conn.Write(out); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-changed:
			job, changed = s.Source.Job()
			out = session.Post(job)
		case now := <-pace.C:
			out = session.Tick(now)
		case line := <-lines:
			if out, err = session.Line(time.Now(), line); err != nil {
				return err
			}
			// Only a whole line buys more time, and before it is let in not even that.
			if session.Ready() {
				if err := conn.SetReadDeadline(time.Now().Add(s.Idle)); err != nil {
					return err
				}
			}
		}
	}
}

// read passes lines on until the connection ends.
func read(ctx context.Context, conn net.Conn, lines chan<- []byte) error {
	r := bufio.NewReaderSize(conn, MaxLine)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line of more than %d bytes", MaxLine)
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return err
		}
		if len(line) == 1 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case lines <- append([]byte(nil), line...):
		}
	}
}
