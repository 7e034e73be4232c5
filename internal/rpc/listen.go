package rpc

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// MaxConnections is how many connections are served at a time. One more ends the oldest that has yet to say its first request, or waits.
const MaxConnections = 64

// LoadTLS reads a certificate with its chain, and its key, from PEM files.
func LoadTLS(certFile, keyFile string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("rpc certificate %s: %w", certFile, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// Listen opens the port of a server at "host:port"; port 0 takes a free one. Without TLS only loopback is taken: passwords
// and payments do not go over a network in the clear.
func Listen(address string, secure *tls.Config) (net.Listener, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("rpc address %s: %w", address, err)
	}
	if secure == nil && !at.IP.IsLoopback() {
		return nil, fmt.Errorf("rpc address %s: not loopback: want a certificate and a key (TLS), or 127.0.0.1", address)
	}
	l, err := net.ListenTCP("tcp", at)
	if err != nil {
		return nil, fmt.Errorf("rpc address %s: %w", address, err)
	}
	limited := newPlaces(l, MaxConnections)
	if secure != nil {
		return tls.NewListener(limited, secure), nil
	}
	return limited, nil
}

// hosts are the names that a request may call the server by.
type hosts map[string]bool

// admits judges a request's Host. A page of somebody else's whose DNS name has been pointed at us says that name (DNS
// rebinding), so a name must be localhost or one that the operator gave. An address of digits is nobody's name.
func (h hosts) admits(host string) bool {
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name == "localhost" || h[strings.TrimSuffix(name, ".")]
}
