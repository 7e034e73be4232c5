package rpc

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
)

// places is a listener that has a number of connections open at a time. Where all places are taken, the connection that has
// been without a request for the longest gives way: strangers who connect and say nothing cannot keep the owner out. Where all
// have one that is being answered, others wait.
type places struct {
	net.Listener
	free  chan struct{} // holds one for each place that is free
	ended chan struct{} // closed with the listener
	end   sync.Once

	mu     sync.Mutex
	silent []*placed // oldest first
}

// placed is a connection that has a place.
type placed struct {
	net.Conn
	in   *places
	once sync.Once
	err  error
}

func newPlaces(l net.Listener, most int) *places {
	p := &places{Listener: l, free: make(chan struct{}, most), ended: make(chan struct{})}
	for range most {
		p.free <- struct{}{}
	}
	return p
}

// Accept waits for a connection, and for a place.
func (p *places) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case <-p.free:
	default:
		p.makeRoom()
		select {
		case <-p.free:
		case <-p.ended:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
	c := &placed{Conn: conn, in: p}
	p.quiet(c)
	return c, nil
}

// Close ends the listening; connections stay.
func (p *places) Close() error {
	p.end.Do(func() { close(p.ended) })
	return p.Listener.Close()
}

// makeRoom ends the oldest silent connection, if there is one.
func (p *places) makeRoom() {
	p.mu.Lock()
	var oldest *placed
	if len(p.silent) > 0 {
		oldest = p.silent[0]
	}
	p.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close() // nobody waits for what it says
	}
}

// quiet notes that a connection has no request.
func (p *places) quiet(c *placed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = append(p.silent, c)
}

// spoke notes that a connection has said a request's head, or is over.
func (p *places) spoke(c *placed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = slices.DeleteFunc(p.silent, func(s *placed) bool { return s == c })
}

// Close ends the connection and frees its place.
func (c *placed) Close() error {
	c.once.Do(func() {
		c.in.spoke(c)
		c.err = c.Conn.Close()
		c.in.free <- struct{}{}
	})
	return c.err
}

// heard is http.Server's ConnState hook: a connection becomes active when a request's head is complete, idle when it is answered.
func heard(conn net.Conn, state http.ConnState) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, ok := conn.(*placed)
	switch {
	case !ok:
	case state == http.StateActive:
		c.in.spoke(c)
	case state == http.StateIdle:
		c.in.quiet(c)
	}
}
