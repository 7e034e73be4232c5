package rpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// MaxAnswer is the largest answer that a client reads, bytes.
const MaxAnswer = 64 << 20

// ErrNoServer: no server is there to be asked, as far as the data folder or the port tells.
var ErrNoServer = errors.New("no server is running")

// Access is how to reach a server.
type Access struct {
	URL    string // http://HOST:PORT or https://HOST:PORT; user, password and path apart
	Login  Login
	Chain  string        // empty: the server's default chain
	Wallet string        // empty: its default wallet
	TLS    *tls.Config   // of https; nil: the system's roots
	Wait   time.Duration // for one answer; 0: as long as the context lasts
}

// Discover reads how to reach the server that runs on a data folder, and trusts only the certificate that lies there if one
// does. The error wraps ErrNoServer if none says so.
func Discover(dir string) (Access, error) {
	address, err := readSmall(filepath.Join(dir, AddressName), maxCookie)
	if errors.Is(err, fs.ErrNotExist) {
		return Access{}, fmt.Errorf("data folder %s: %w", dir, ErrNoServer)
	}
	if err != nil {
		return Access{}, err
	}
	login, err := ReadCookie(filepath.Join(dir, CookieName))
	if err != nil {
		return Access{}, err
	}
	a := Access{URL: strings.TrimSpace(string(address)), Login: login}
	pem, err := readSmall(filepath.Join(dir, CertificateName), maxCertificate)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a, nil
	case err != nil:
		return a, err
	}
	a.TLS, err = TrustOnly(pem)
	return a, err
}

// TrustOnly returns how to speak TLS with a server that shows one of some certificates, or one that they have signed (PEM).
func TrustOnly(pem []byte) (*tls.Config, error) {
	c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in it, want PEM")
	}
	return c, nil
}

// ReadCookie reads a cookie file: "USER:PASSWORD". The error wraps ErrNoServer if there is no file.
func ReadCookie(path string) (Login, error) {
	b, err := readSmall(path, maxCookie)
	if errors.Is(err, fs.ErrNotExist) {
		return Login{}, fmt.Errorf("cookie file %s: %w", path, ErrNoServer)
	}
	if err != nil {
		return Login{}, err
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(b)), ":")
	if !ok || user == "" || password == "" {
		return Login{}, fmt.Errorf("cookie file %s: want USER:PASSWORD", path)
	}
	return Login{user, Password(password)}, nil
}

// Client calls methods of a server. It is safe for concurrent use.
type Client struct {
	access   Access
	endpoint string
	http     *http.Client
}

// NewClient returns a client; it does not connect yet. Passwords go over a network only with https.
func NewClient(a Access) (*Client, error) {
	u, err := url.Parse(a.URL)
	if err != nil {
		return nil, errors.New("server's address: not a URL") // the parser's error repeats the text, which may hold a password
	}
	switch {
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return nil, errors.New("server's address: want http://HOST:PORT or https://HOST:PORT, user, password and path apart")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("server's address %s: not loopback: want https", u.Host)
	}
	path := ""
	for _, part := range [][2]string{{"chain", a.Chain}, {"wallet", a.Wallet}} {
		if part[1] != "" {
			path += "/" + part[0] + "/" + url.PathEscape(part[1])
		}
	}
	if _, ok := routeOf(path); !ok {
		return nil, fmt.Errorf("chain %.64q, wallet %.64q: not a name", a.Chain, a.Wallet)
	}
	c := &Client{access: a, endpoint: u.Scheme + "://" + u.Host + path, http: plainClient(0)}
	c.http.Transport.(*http.Transport).TLSClientConfig = a.TLS
	if path == "" {
		c.endpoint += "/"
	}
	return c, nil
}

// plainClient goes straight to where it is told: no proxy, no redirection.
func plainClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{MaxIdleConns: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
			DialContext: dialPlace},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialPlace connects. The name localhost is this machine whatever a resolver says of it (RFC 6761, section 6.3): passwords go there
// without encryption.
func dialPlace(ctx context.Context, network, address string) (c net.Conn, err error) {
	d := &net.Dialer{Timeout: 10 * time.Second}
	for _, at := range placesOf(address) {
		if c, err = d.DialContext(ctx, network, at); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func placesOf(address string) []string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "localhost" {
		return []string{address}
	}
	return []string{net.JoinHostPort("::1", port), net.JoinHostPort("127.0.0.1", port)}
}

// isLoopback tells whether a URL's host is this machine.
func isLoopback(host string) bool {
	at, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && at.IsLoopback())
}

// Close lets go of connections that are kept for the next call; the client goes on to work.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call calls a method with parameters by place and decodes its result into result, which may be nil. What the server answers
// instead of a result is an *Error; ErrNoServer means that nobody listens.
func (c *Client) Call(ctx context.Context, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	return c.call(ctx, result, method, params)
}

// CallNamed is Call with parameters by name.
func (c *Client) CallNamed(ctx context.Context, result any, method string, params map[string]any) error {
	if params == nil {
		params = map[string]any{}
	}
	return c.call(ctx, result, method, params)
}

func (c *Client) call(ctx context.Context, result any, method string, params any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if c.access.Wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.access.Wait)
		defer cancel()
	}
	response, err := c.ask(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if len(raw) > MaxAnswer {
		return fmt.Errorf("%s: an answer of more than %d bytes", method, MaxAnswer)
	}
	var answer struct {
		Result json.RawMessage
		Error  *Error
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: the server answers %s: %.200q", method, response.Status, bytes.TrimSpace(raw))
	}
	if answer.Error != nil {
		return answer.Error
	}
	if response.StatusCode != http.StatusOK || answer.Result == nil {
		return fmt.Errorf("%s: the server answers %s without a result", method, response.Status)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("%s: result: %w", method, err)
	}
	return nil
}

// ask sends one request. Errors do not repeat the address.
func (c *Client) ask(ctx context.Context, method, at string, body io.Reader, head map[string]string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return nil, errors.New("server's address: not a URL")
	}
	request.SetBasicAuth(c.access.Login.User, string(c.access.Login.Password))
	request.Header.Set("Content-Type", "application/json")
	for name, value := range head {
		request.Header.Set(name, value)
	}
	response, err := c.http.Do(request)
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return nil, fmt.Errorf("%w: %w", ErrNoServer, dial)
	case err != nil:
		return nil, err
	case response.StatusCode == http.StatusUnauthorized:
		_ = response.Body.Close()
		return nil, errors.New("the server does not know this user and password")
	}
	return response, nil
}
