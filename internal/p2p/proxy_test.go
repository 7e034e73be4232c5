package p2p

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/syncer"
)

// socks is a SOCKS5 server (RFC 1928, 1929) that leads everywhere to peers of its own, and
// notes who came and where they went.
type socks struct {
	mu    sync.Mutex
	hosts map[string]int
	users map[string]bool
	peer  *host24
	deny  bool // refuses every connection
}

func (s *socks) listen(t *testing.T) string {
	t.Helper()
	s.hosts, s.users = map[string]int{}, map[string]bool{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return l.Addr().String()
}

func (s *socks) serve(c net.Conn) {
	defer c.Close()
	read := func(n byte) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(c, b)
		return b
	}
	read(read(2)[1])
	_, _ = c.Write([]byte{5, 2}) // user and password
	user := string(read(read(2)[1]))
	password := string(read(read(1)[0]))
	_, _ = c.Write([]byte{1, 0})
	var to string
	switch read(4)[3] {
	case 3:
		to = string(read(read(1)[0]))
	case 4:
		to = net.IP(read(16)).String()
	default:
		to = net.IP(read(4)).String()
	}
	_ = binary.BigEndian.Uint16(read(2))
	s.mu.Lock()
	s.users[user+":"+password] = true
	s.hosts[to]++
	s.mu.Unlock()
	if s.deny {
		_, _ = c.Write([]byte{5, 2, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	s.peer.serve(c)
}

// TestProxy: peers, seeds and onion services are all reached through the proxy, each with a
// user and password of its own; no name is resolved here.
func TestProxy(t *testing.T) {
	onion := book.Addr{Onion: [32]byte{1, 2, 3}, Port: 9}
	s := &socks{peer: &host24{services: wanted24, tells: []book.Addr{onion, {IP: netip.MustParseAddr("8.1.2.3"), Port: 9},
		{IP: netip.MustParseAddr("2a00::7"), Port: 9}}}}
	cfg := Config{Proxy: s.listen(t), Peers: []string{"named.example:1"}, Seek: &Seek{Want: wanted24, Seeds: []string{"seed.example"}, Port: 9,
		Resolve: func(_ context.Context, name string) ([]netip.Addr, error) {
			t.Errorf("%s was resolved", name)
			return nil, nil
		}}}
	came := make(chan string, 100)
	running(t, cfg, &answerer{onConnection: func(c syncer.Connected) []syncer.Output {
		came <- c.Address
		return nil
	}})
	for range 4 {
		select {
		case <-came:
		case <-time.After(time.Minute):
			s.mu.Lock()
			t.Fatalf("went to %v alone", s.hosts)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	visits := 0
	for _, n := range s.hosts {
		visits += n
	}
	for _, host := range []string{"named.example", onion.Host(), "8.1.2.3", "2a00::7"} {
		if s.hosts[host] == 0 {
			t.Errorf("never went to %s: %v", host, s.hosts)
		}
	}
	if len(s.users) != visits {
		t.Errorf("%d users for %d connections", len(s.users), visits)
	}
}

// TestProxyRefuses: what the proxy says is told.
func TestProxyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		proxy string
		want  string
	}{
		"denied":                {(&socks{deny: true}).listen(t), "not allowed"},
		"no proxy for an onion": {"", "through a proxy only"},
	} {
		h := &host{cfg: Config{Proxy: c.proxy}}
		_, err := h.connect(t.Context(), book.Addr{Onion: [32]byte{1}, Port: 1}.String(), book.Addr{}, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
