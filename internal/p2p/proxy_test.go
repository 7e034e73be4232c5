package p2p

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/internal/testkit"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestProxy: peers, seeds and onion services are all reached through the proxy, each with a
// user and password of its own; no name is resolved here.
func TestProxy(t *testing.T) {
	onion := book.Addr{Onion: [32]byte{1, 2, 3}, Port: 9}
	peer := &host24{services: wanted24, tells: []book.Addr{onion, {IP: netip.MustParseAddr("8.1.2.3"), Port: 9},
		{IP: netip.MustParseAddr("2a00::7"), Port: 9}}}
	proxy := testkit.NewSocks(t, func(testkit.Visit) func(net.Conn) { return peer.serve })
	cfg := Config{Proxy: proxy.Address, Peers: []string{"named.example:1"}, Seek: &Seek{Want: wanted24, Seeds: []string{"seed.example"}, Port: 9,
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
		case <-time.After(patience):
			t.Fatalf("went to %v alone", proxy.Visits())
		}
	}
	hosts, users, visits := map[string]bool{}, map[string]bool{}, proxy.Visits()
	for _, v := range visits {
		hosts[v.Host], users[v.User+":"+v.Password] = true, true
	}
	for _, host := range []string{"named.example", onion.Host(), "8.1.2.3", "2a00::7"} {
		if !hosts[host] {
			t.Errorf("never went to %s: %v", host, visits)
		}
	}
	if len(users) != len(visits) {
		t.Errorf("%d users for %d connections", len(users), len(visits))
	}
}

// TestProxyRefuses: what the proxy says is told.
func TestProxyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		proxy string
		want  string
	}{
		"denied":                {testkit.NewSocks(t, func(testkit.Visit) func(net.Conn) { return nil }).Address, "not allowed"},
		"no proxy for an onion": {"", "through a proxy only"},
	} {
		h := &host{cfg: Config{Proxy: c.proxy}}
		_, err := h.connect(t.Context(), book.Addr{Onion: [32]byte{1}, Port: 1}.String(), book.Addr{}, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
