package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strings"

	"golang.org/x/net/proxy"
)

var errOnion = errors.New("an onion service is reached through a proxy only")

// direct dials TCP.
func direct(ctx context.Context, address string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".onion") {
		return nil, errOnion
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// through dials by a SOCKS5 proxy, which also resolves names: none is asked of the
// system's resolver. User and password are new for every connection, so that Tor gives
// each a circuit of its own.
func through(server string) func(ctx context.Context, address string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		dialer, err := proxy.SOCKS5("tcp", server, &proxy.Auth{User: rand.Text(), Password: rand.Text()}, nil)
		if err != nil {
			return nil, err
		}
		return dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", address)
	}
}
