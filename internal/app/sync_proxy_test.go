package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"testing"

	"github.com/layeredpow/lamina/internal/testkit"
	"github.com/layeredpow/lamina/spv/chains"
)

// TestProxy follows through a SOCKS5 server: it looks names up, and every connection
// comes with a name and a password of its own.
func TestProxy(t *testing.T) {
	proxy := testkit.NewSocks(t, func(v testkit.Visit) func(net.Conn) {
		to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(v.Port))))
		if err != nil {
			return nil
		}
		return func(c net.Conn) {
			defer to.Close()
			go func() { _, _ = io.Copy(to, c) }()
			_, _ = io.Copy(c, to)
		}
	})
	w := newStackWorld(t, false)
	w.l1.P2P.V2, w.layer.P2P.V2 = false, false // these peers would be dialled twice
	low, high := listen(t, w.l1, w.low), listen(t, w.layer, w.high)
	_, port, _ := net.SplitHostPort(high.address)
	f := Follow{Chains: []*chains.Params{w.l1, w.layer}, DataDir: t.TempDir(), Agent: "/test/",
		Proxy: proxy.Address, Log: slog.New(slog.DiscardHandler),
		Peers: map[string][]string{w.l1.Name: {low.address}, w.layer.Name: {"peer.invalid:" + port}}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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
	visits := proxy.Visits()
	if len(visits) != 2 || visits[0].User+visits[0].Password == visits[1].User+visits[1].Password || len(visits[0].User)+len(visits[0].Password) < 32 {
		t.Fatalf("visits %v, want two with users of their own", visits)
	}
	if visits[0].Host != "peer.invalid" && visits[1].Host != "peer.invalid" {
		t.Errorf("asked for %v, want the name itself", visits)
	}
}
