package rpc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testkit"
)

// world is a running server with a few methods.
type world struct {
	t      *testing.T
	server *Server
	cookie *Cookie
	dir    string
	url    string
	addr   string
	feed   *Feed
	log    *testkit.Log
	stop   context.CancelFunc
	done   chan error
}

const secretWord = "correct-horse-battery"

func testMethods() *Methods {
	return NewMethods(Method{
		Name: "echo", Category: "test", Text: "Returns where it was asked and with what.", Example: "a b",
		Params: []Param{{"first", "anything", false}, {"second", "anything", true}},
		Call: func(_ context.Context, c *Call) (any, error) {
			return map[string]any{"chain": c.Chain, "wallet": c.Wallet, "first": c.Args.Raw(0), "second": c.Args.Raw(1)}, nil
		},
	}, Method{
		Name: "break", Category: "test", Text: "Breaks.",
		Call: func(context.Context, *Call) (any, error) { panic("the password is " + secretWord) },
	}, Method{
		Name: "refuse", Category: "test", Text: "Refuses.",
		Call: func(context.Context, *Call) (any, error) { return nil, Errorf(InvalidParameter, "no") },
	}, Method{
		Name: "wait", Category: "test", Text: "Waits for ever.",
		Call: func(ctx context.Context, _ *Call) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
	}, Method{
		Name: "sizes", Category: "test", Text: "Takes all kinds of parameters.", Example: "1 true 00 ab",
		Params: []Param{{"n", "a number", false}, {"yes", "a truth", true}, {"id", "an id", true}, {"bytes", "bytes", true}},
		Call: func(_ context.Context, c *Call) (any, error) {
			n, err := c.Args.Int(0, 1, 10)
			if err != nil {
				return nil, err
			}
			yes, err := c.Args.Bool(1, true)
			if err != nil {
				return nil, err
			}
			if c.Args.Has(2) {
				if _, err := c.Args.Hash(2); err != nil {
					return nil, err
				}
			}
			if c.Args.Has(3) {
				if _, err := c.Args.Hex(3, 2); err != nil {
					return nil, err
				}
			}
			return []any{n, yes}, nil
		},
	})
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), feed: NewFeed(), log: &testkit.Log{}, done: make(chan error, 1)}
	l, err := Listen("127.0.0.1:0", nil)
	check(t, err)
	w.addr, w.url = l.Addr().String(), "http://"+l.Addr().String()
	w.cookie, err = NewCookie(w.dir, w.url)
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.server, err = New(Config{
		Methods: testMethods(), Logins: []Login{w.cookie.Login, {"pool", "pool password"}}, Hosts: []string{"Node.Example"}, Feed: w.feed,
		State: func(chain string) any { return map[string]any{"tip": 7, "chain": chain} }, Stop: stop,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	check(t, err)
	go func() { w.done <- w.server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-w.done; err != nil {
			t.Error(err)
		}
		check(t, w.cookie.Remove())
	})
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// post sends one body with the cookie and returns status and body of the answer.
func (w *world) post(path, body string) (int, string) {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, w.url+path, strings.NewReader(body))
	check(w.t, err)
	request.SetBasicAuth(w.cookie.User, string(w.cookie.Password))
	return w.do(request)
}

func (w *world) do(request *http.Request) (int, string) {
	w.t.Helper()
	response, err := http.DefaultClient.Do(request)
	check(w.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	check(w.t, err)
	return response.StatusCode, strings.TrimSuffix(string(raw), "\n")
}

// raw sends bytes as they are and returns the status, and what follows the first line.
func (w *world) raw(text string) (status int, body string) {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	check(w.t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, text)
	check(w.t, err)
	in := textproto.NewReader(bufio.NewReader(conn))
	line, err := in.ReadLine()
	check(w.t, err)
	_, rest, _ := strings.Cut(line, " ")
	status, err = strconv.Atoi(rest[:3])
	check(w.t, err)
	all, _ := io.ReadAll(in.R)
	return status, string(all)
}

func (w *world) client(chain, wallet string) *Client {
	w.t.Helper()
	a, err := Discover(w.dir)
	check(w.t, err)
	a.Chain, a.Wallet = chain, wallet
	c, err := NewClient(a)
	check(w.t, err)
	return c
}

// codeOf returns the code of an answered error, 0 for others.
func codeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}
