package stratum

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/layeredpow/lamina/internal/node/work"
)

func server(board *work.Board) *Server {
	return &Server{Source: board, Pace: Pace{Start: minDiff, Least: minDiff, Every: 10 * time.Second}, Tag: 9, MaxConns: 3,
		LetIn: 30 * time.Second, Idle: 10 * time.Minute}
}

// start serves on loopback until the test ends.
func start(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// TestServer mines over loopback: two miners, new jobs, solutions that reach the source.
func TestServer(t *testing.T) {
	var mu sync.Mutex
	var taken []*work.Solution
	var board *work.Board
	height := int32(1)
	board = work.NewBoard(func(s *work.Solution) {
		mu.Lock()
		defer mu.Unlock()
		taken = append(taken, s)
		if s.Parent && s.Job.Parent.Height == height {
			height++
			board.Post(job(t, height, 0x1f07ffff))
		}
	})
	board.Post(job(t, height, 0x1f07ffff))
	address := start(t, server(board))
	var miners sync.WaitGroup
	for range 2 {
		miners.Go(func() { mineOver(t, address, 4) })
	}
	miners.Wait()
	mu.Lock()
	defer mu.Unlock()
	seen := map[work.Share]bool{}
	for _, s := range taken {
		if s.Share.ExtraNonce[0] != 9 || seen[s.Share] {
			t.Errorf("share %+v", s.Share)
		}
		seen[s.Share] = true
	}
	if len(taken) < 4 {
		t.Errorf("%d blocks", len(taken))
	}
}

// mineOver mines until the node has moved on some blocks.
func mineOver(t *testing.T, address string, blocks int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	var m miner
	r := bufio.NewReader(conn)
	lines := make(chan string)
	quit := make(chan struct{})
	defer close(quit)
	go func() {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			select {
			case lines <- line:
			case <-quit:
				return
			}
		}
	}()
	say := func(id int, method string, params ...any) {
		line, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
		if err != nil {
			t.Error(err)
		}
		if _, err := conn.Write(append(line, '\n')); err != nil {
			t.Error(err)
		}
	}
	say(1, "mining.subscribe", "test")
	say(2, "mining.authorize", "worker", "x")
	for m.notify == nil {
		m.take(t, []byte(<-lines))
	}
	seen := map[any]bool{m.notify[1]: true}
	for id := 3; len(seen) <= blocks; id++ {
		extra2 := fmt.Appendf(nil, "%08d", id)
		say(id, "mining.submit", "worker", m.notify[0], hex.EncodeToString(extra2), m.notify[7], m.find(t, extra2, 4*m.difficulty, true))
		for m.answers[float64(id)] == nil {
			m.take(t, []byte(<-lines))
		}
		for more := true; more; {
			select {
			case line := <-lines:
				m.take(t, []byte(line))
			default:
				more = false
			}
		}
		seen[m.notify[1]] = true
	}
}

// pipes is a listener of connections in memory, on which a test's own clock runs.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// TestServerTimes: who does not come in, falls silent, sends a line byte by byte, or does not read, is let go in time.
func TestServerTimes(t *testing.T) {
	hello := `{"id":1,"method":"mining.subscribe","params":[]}` + "\n" + `{"id":2,"method":"mining.authorize","params":["a","b"]}` + "\n"
	for _, c := range []struct {
		name string
		act  func(conn net.Conn)
		want time.Duration
	}{
		{"says nothing", func(net.Conn) {}, 30 * time.Second},
		{"never authorizes", func(conn net.Conn) {
			for range 100 {
				if _, err := io.WriteString(conn, `{"id":1,"method":"mining.extranonce.subscribe","params":[]}`+"\n"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 30 * time.Second},
		{"a byte a second", func(conn net.Conn) {
			for range 1000 {
				if _, err := io.WriteString(conn, "x"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 30 * time.Second},
		{"falls silent", func(conn net.Conn) {
			if _, err := io.WriteString(conn, hello); err != nil {
				return
			}
		}, 10 * time.Minute},
		{"an endless line", func(conn net.Conn) {
			_, _ = io.WriteString(conn, hello+strings.Repeat("x", 2*MaxLine))
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				board := work.NewBoard(func(*work.Solution) {})
				board.Post(job(t, 1, 0x1d00ffff))
				s := server(board)
				ended := make(chan time.Time, 1)
				s.Gone = func(_ string, err error) {
					if err == nil {
						t.Error("gone without a reason")
					}
					ended <- time.Now()
				}
				l := newPipes()
				ctx, stop := context.WithCancel(context.Background())
				served := make(chan error, 1)
				go func() { served <- s.Serve(ctx, l) }()
				begin := time.Now()
				conn := l.dial()
				drained := make(chan struct{})
				go func() { _, _ = io.Copy(io.Discard, conn); close(drained) }()
				acted := make(chan struct{})
				go func() { c.act(conn); close(acted) }()
				if took := (<-ended).Sub(begin); took < c.want || took > c.want+2*time.Second {
					t.Errorf("let go after %s, want %s", took, c.want)
				}
				<-drained
				<-acted
				stop()
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestServerNoReader: a miner that does not read is dropped instead of being waited for.
func TestServerNoReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := work.NewBoard(func(*work.Solution) {})
		s := server(board)
		ended := make(chan error, 1)
		s.Gone = func(_ string, err error) { ended <- err }
		l := newPipes()
		ctx, stop := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, l) }()
		begin := time.Now()
		conn := l.dial()
		if _, err := io.WriteString(conn, `{"id":1,"method":"mining.subscribe","params":[]}`+"\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil || time.Since(begin) != sendTime {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// TestServerFull: one more than there may be is turned away, and one that left makes room.
func TestServerFull(t *testing.T) {
	board := work.NewBoard(func(*work.Solution) {})
	s := server(board)
	s.LetIn = s.Idle // nobody comes in
	gone := make(chan error, 10)
	s.Gone = func(_ string, err error) { gone <- err }
	address := start(t, s)
	var conns []net.Conn
	for range s.MaxConns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
		if _, err := io.WriteString(conn, `{"id":1,"method":"mining.subscribe","params":[]}`+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	extra, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	if err := <-gone; err == nil || !strings.Contains(err.Error(), "already 3 connections") {
		t.Fatalf("%v", err)
	}
	conns[0].Close()
	<-gone
	// The seat is free a moment after the word that the miner is gone.
	for {
		again, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if _, err := io.WriteString(again, `{"id":1,"method":"mining.subscribe","params":[]}`+"\n"); err != nil {
			continue
		}
		if _, err := bufio.NewReader(again).ReadString('\n'); err == nil {
			return
		}
	}
}

func TestServeRefuses(t *testing.T) {
	l := newPipes()
	for _, spoil := range []func(*Server){
		func(s *Server) { s.MaxConns = 0 }, func(s *Server) { s.LetIn = 0 }, func(s *Server) { s.Idle = -1 }, func(s *Server) { s.Pace.Least = 0 },
	} {
		s := server(work.NewBoard(nil))
		spoil(s)
		if err := s.Serve(context.Background(), l); err == nil {
			t.Errorf("%+v is served", s.Pace)
		}
	}
}
