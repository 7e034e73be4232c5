package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/spf13/pflag"

	"github.com/layeredpow/lamina/internal/rpc"
)

// serveFlags are what the command line says of an RPC server.
type serveFlags struct {
	address   string
	cert, key string
	hosts     []string
	user      string
	password  secretFlags
	users     string
}

func (f *serveFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.address, "rpc", "127.0.0.1:0", "address to serve JSON-RPC at, host:port; port 0 takes a free one; beyond this machine only with TLS")
	flags.StringVar(&f.cert, "rpc-cert", "", "certificate with its chain, PEM: serve with TLS")
	flags.StringVar(&f.key, "rpc-key", "", "the certificate's key, PEM")
	flags.StringArrayVar(&f.hosts, "rpc-host", nil, "name that clients may call the server by (repeatable)")
	flags.StringVar(&f.user, "rpc-user", "", "a user beside the cookie's")
	f.password.add(flags, "rpc-password")
	flags.StringVar(&f.users, "rpc-auth-file", "", "file of more users without their passwords, USER:SALT$HASH a line (rpcauth)")
}

// rpcServing is an open RPC port, and who may ask there.
type rpcServing struct {
	net.Listener
	URL    string
	Logins []rpc.Login
	Salted []rpc.Salted
	cookie *rpc.Cookie
}

// serveRPC opens the port, reads who may ask, and tells clients by files in a data folder. Close takes the files away.
func (s *session) serveRPC(ctx context.Context, f *serveFlags, dir string) (*rpcServing, error) {
	o := &rpcServing{}
	var err error
	if (f.user == "") == f.password.given() {
		return nil, unreadable(errors.New("--rpc-user: want it together with --rpc-password-file or --rpc-password-fd"), "")
	}
	if f.user != "" {
		secret, err := s.secret(ctx, &f.password, "", false)
		if err != nil {
			return nil, err
		}
		o.Logins = append(o.Logins, rpc.Login{User: f.user, Password: rpc.Password(secret)})
	}
	if f.users != "" {
		if o.Salted, err = rpc.ReadSalted(f.users); err != nil {
			return nil, unreadable(err, "share/rpcauth/rpcauth.py, which comes with full nodes, makes such lines")
		}
	}
	scheme, secure := "http", f.cert != "" || f.key != ""
	var pair *tls.Config
	if secure {
		if pair, err = rpc.LoadTLS(f.cert, f.key); err != nil {
			return nil, unreadable(err, "--rpc-cert and --rpc-key are PEM files")
		}
		scheme = "https"
	}
	if o.Listener, err = rpc.Listen(f.address, pair); err != nil {
		return nil, unreadable(err, "--rpc 127.0.0.1:0 takes a free port; --rpc-cert and --rpc-key let others in")
	}
	o.URL = scheme + "://" + f.reachable(o.Addr().(*net.TCPAddr))
	if o.cookie, err = rpc.NewCookie(dir, o.URL); err == nil && secure {
		err = o.cookie.Pin(f.cert)
	}
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	o.Logins = append(o.Logins, o.cookie.Login)
	return o, nil
}

// reachable returns the host:port by which a client on this machine reaches the server: where it listens on all addresses,
// by the first name that it goes by, for which its certificate will be.
func (f *serveFlags) reachable(at *net.TCPAddr) string {
	_, port, _ := net.SplitHostPort(at.String()) // an address that has just been made
	switch {
	case !at.IP.IsUnspecified():
		return at.String()
	case len(f.hosts) > 0:
		return net.JoinHostPort(strings.ToLower(f.hosts[0]), port)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// Close closes the port, if that has not been done, and takes the files away.
func (o *rpcServing) Close() error {
	err := o.Listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	if o.cookie != nil {
		err = errors.Join(err, o.cookie.Remove())
	}
	return err
}
