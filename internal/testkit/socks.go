package testkit

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// Visit is who came to a proxy, and where to.
type Visit struct {
	User, Password string
	Host           string // as it was asked for: a name, or an IP address
	Port           uint16
}

// Socks is a SOCKS5 proxy (RFC 1928, 1929) on loopback that asks everybody for user and password and takes any.
type Socks struct {
	Address string // host:port
	lead    func(Visit) func(net.Conn)

	mu     sync.Mutex
	visits []Visit
}

// NewSocks starts a proxy, which ends with the test. Lead returns who speaks to a visitor; nil refuses him.
func NewSocks(t testing.TB, lead func(Visit) func(net.Conn)) *Socks {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &Socks{Address: l.Addr().String(), lead: lead}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// Visits returns who came so far.
func (s *Socks) Visits() []Visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.visits)
}

func (s *Socks) serve(c net.Conn) {
	defer c.Close()
	read := func(n byte) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(c, b)
		return b
	}
	reply := func(code byte) { _, _ = c.Write([]byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0}) }
	read(read(2)[1])
	_, _ = c.Write([]byte{5, 2}) // user and password
	v := Visit{User: string(read(read(2)[1])), Password: string(read(read(1)[0]))}
	_, _ = c.Write([]byte{1, 0})
	switch read(4)[3] {
	case 3:
		v.Host = string(read(read(1)[0]))
	case 4:
		v.Host = net.IP(read(16)).String()
	default:
		v.Host = net.IP(read(4)).String()
	}
	v.Port = binary.BigEndian.Uint16(read(2))
	s.mu.Lock()
	s.visits = append(s.visits, v)
	s.mu.Unlock()
	speak := s.lead(v)
	if speak == nil {
		reply(2) // not allowed
		return
	}
	reply(0)
	speak(c)
}
