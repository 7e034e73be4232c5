package app

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv/chains"
)

// socks is a SOCKS5 server (RFC 1928, 1929) that notes who came and where they went.
type socks struct {
	net.Listener
	mu    sync.Mutex
	users []string
	hosts []string
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
	request := read(4)
	var host string
	if request[3] == 3 {
		host = string(read(read(1)[0]))
	} else {
		host = net.IP(read(4)).String()
	}
	port := binary.BigEndian.Uint16(read(2))
	s.mu.Lock()
	s.users, s.hosts = append(s.users, user+":"+password), append(s.hosts, host)
	s.mu.Unlock()
	to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return
	}
	defer to.Close()
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go func() { _, _ = io.Copy(to, c) }()
	_, _ = io.Copy(c, to)
}

// TestProxy follows through a SOCKS5 server: it looks names up, and every connection
// comes with a name and a password of its own.
func TestProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &socks{Listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	w := newStackWorld(t, false)
	w.l1.P2P.V2, w.layer.P2P.V2 = false, false // these peers would be dialled twice
	low, high := listen(t, w.l1, w.low), listen(t, w.layer, w.high)
	_, port, _ := net.SplitHostPort(high.address)
	f := Follow{Chains: []*chains.Params{w.l1, w.layer}, DataDir: t.TempDir(), Agent: "/test/",
		Proxy: l.Addr().String(), Log: slog.New(slog.DiscardHandler),
		Peers: map[string][]string{w.l1.Name: {low.address}, w.layer.Name: {"peer.invalid:" + port}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	synced := false
	if err := f.Run(ctx, func(p Progress) {
		if p.Chain == w.layer.Name && p.Synced && at(p, w.high, 500) {
			synced = true
			cancel()
		}
	}); err != nil || !synced {
		t.Fatalf("not synced through the proxy: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.users) != 2 || s.users[0] == s.users[1] || len(s.users[0]) < 33 {
		t.Errorf("users %q", s.users)
	}
	if s.hosts[0] != "peer.invalid" && s.hosts[1] != "peer.invalid" {
		t.Errorf("asked for %q, want the name itself", s.hosts)
	}
}
