package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	headerTime = 10 * time.Second       // a request's head
	bodyTime   = 30 * time.Second       // a request's body
	restTime   = 100 * time.Millisecond // the rest of a body that is not wanted
	writeTime  = 30 * time.Second       // an answer, once it is ready
	idleTime   = 2 * time.Minute
	endTime    = 3 * time.Second // what calls have to end when the server stops
	wrongTime  = 250 * time.Millisecond
	maxHead    = 16 << 10
)

// Config says what a server serves and to whom.
type Config struct {
	Methods *Methods
	Logins  []Login                // who may ask, the cookie's login among them
	Salted  []Salted               // and who else, by what is kept of their passwords
	Hosts   []string               // names of the server besides localhost and its addresses
	Feed    *Feed                  // for /events; nil: there is none
	State   func(chain string) any // encoded into every answer's Lamina-State header; nil: none
	Stop    func()                 // called after stop was answered; nil: stop is refused
	Log     *slog.Logger           // nil: nothing is logged
}

// Server answers JSON-RPC over HTTP. Make one with New, and let it Serve.
type Server struct {
	config  Config
	guard   guard
	hosts   hosts
	started time.Time
	ending  context.Context
	end     context.CancelFunc
	stopped atomic.Bool
}

// New returns a server, and adds help, uptime and stop to the methods.
func New(c Config) (*Server, error) {
	g, err := newGuard(c.Logins, c.Salted)
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, guard: g, hosts: hosts{}, started: time.Now()}
	s.ending, s.end = context.WithCancel(context.Background())
	for _, name := range c.Hosts {
		s.hosts[strings.ToLower(name)] = true
	}
	c.Methods.Add(c.Methods.helpMethod(), Method{
		Name: "uptime", Category: "control", Text: "Returns how long the program has run, seconds.",
		Call: func(context.Context, *Call) (any, error) { return int64(time.Since(s.started).Seconds()), nil },
	}, Method{
		Name: "stop", Category: "control", Text: "Ends the program in order.",
		Call: func(context.Context, *Call) (any, error) {
			if c.Stop == nil {
				return nil, Errorf(Misc, "stop: this server does not take it")
			}
			s.stopped.Store(true)
			return "stopping", nil
		},
	})
	return s, nil
}

// Serve answers requests until the context ends, then gives calls a moment to end and closes the listener, which Listen has
// opened.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	web := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHead, ConnState: heard,
		ErrorLog: slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	return serve(ctx, web, l, s.end)
}

// serve runs a web server until a context ends. Ending is called before it waits.
func serve(ctx context.Context, web *http.Server, l net.Listener, ending func()) error {
	done := make(chan error, 1)
	go func() { done <- web.Serve(l) }()
	select {
	case err := <-done:
		ending()
		return err
	case <-ctx.Done():
	}
	ending()
	wait, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if err := web.Shutdown(wait); err != nil {
		_ = web.Close() // calls that do not end lose their connection
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
