package rpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const opensslMAC = "d3e17924cac4a72ca2ee9e5700df170fdb5733eaf69ecd909fb0c18a962b03a5"

func serveHTTP(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

// TestWatch pins the pages for monitoring.
func TestWatch(t *testing.T) {
	health := Judge(nil)
	w := &Watch{
		Metrics: func() []Metric {
			return []Metric{
				{"lamina_blocks", "Height of the best block,\nby chain", Gauge, []Value{{[]string{"chain", `a"b\c` + "\n"}, 7}, {[]string{"chain", "dev", "x", "y"}, 1.5}}},
				{"lamina_calls_total", "Calls", Counter, []Value{{nil, math.Inf(1)}}},
			}
		},
		Health: func() Health { return health },
	}
	l, err := Listen("127.0.0.1:0", nil)
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx, l) }()
	get := func(path string) (int, string) {
		response, err := http.Get("http://" + l.Addr().String() + path)
		check(t, err)
		defer response.Body.Close()
		raw, err := io.ReadAll(response.Body)
		check(t, err)
		return response.StatusCode, string(raw)
	}
	const page = `# HELP lamina_blocks Height of the best block,\nby chain
# TYPE lamina_blocks gauge
lamina_blocks{chain="a\"b\\c\n"} 7
lamina_blocks{chain="dev",x="y"} 1.5
# HELP lamina_calls_total Calls
# TYPE lamina_calls_total counter
lamina_calls_total +Inf
`
	if status, got := get("/metrics"); status != 200 || got != page {
		t.Errorf("%d\n%s", status, got)
	}
	ok := Stand{Chain: "dev", Height: 5, Best: 5, Age: 9, Peers: 1, Synced: true}
	behind := Stand{Chain: "dev-native", Height: 3, Best: 9, Age: 99}
	for _, c := range []struct {
		health Health
		status int
		want   string
	}{
		{Judge(nil), 503, `"reasons":["no chain is followed"]`},
		{Judge([]Stand{ok}), 200, `{"status":"ok","chains":[{"chain":"dev","height":5,"headers":5,"age":9,"peers":1,"synced":true}]}`},
		{Judge([]Stand{ok, behind}), 503, `"reasons":["dev-native: block 3 of 9, 99 s old, 0 peers"]`},
		{Judge([]Stand{ok}, "disk full"), 503, `"status":"not ready","reasons":["disk full"]`},
		{Health{}, 503, `"status":""`},
	} {
		health = c.health
		if status, got := get("/health"); status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%d %s, want %d %s", status, got, c.status, c.want)
		}
	}
	if status, _ := get("/"); status != 404 {
		t.Error(status)
	}
	for _, spoil := range []func(*http.Request){func(r *http.Request) { r.Host = "evil.example" }, func(r *http.Request) { r.Method = "POST" }} {
		r, _ := http.NewRequest(http.MethodGet, "http://"+l.Addr().String()+"/health", nil)
		spoil(r)
		response, err := http.DefaultClient.Do(r)
		check(t, err)
		response.Body.Close()
		if response.StatusCode != 403 && response.StatusCode != 405 {
			t.Error(response.Status)
		}
	}
	stop()
	check(t, <-done)
}

// TestTLS: with a certificate the server may listen anywhere, and nobody speaks to it in the clear.
func TestTLS(t *testing.T) {
	cert, key, roots := certificate(t)
	secure, err := LoadTLS(cert, key)
	check(t, err)
	if _, err := LoadTLS(key, cert); err == nil {
		t.Error("a key is taken for a certificate")
	}
	l, err := Listen("0.0.0.0:0", secure)
	check(t, err)
	s, err := New(Config{Methods: testMethods(), Logins: []Login{{"u", "p"}}})
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c, err := NewClient(Access{URL: "https://127.0.0.1:" + port, Login: Login{"u", "p"}, TLS: &tls.Config{RootCAs: roots}})
	check(t, err)
	check(t, c.Call(t.Context(), nil, "uptime"))
	if err := c.Call(t.Context(), nil, "stop"); codeOf(err) != Misc {
		t.Errorf("stop without anybody to stop: %v", err)
	}
	other, err := NewClient(Access{URL: "https://127.0.0.1:" + port, Login: Login{"u", "p"}})
	check(t, err)
	if err := other.Call(t.Context(), nil, "uptime"); err == nil {
		t.Error("an unknown certificate is taken")
	}
	plain, err := NewClient(Access{URL: "http://127.0.0.1:" + port, Login: Login{"u", "p"}})
	check(t, err)
	if err := plain.Call(t.Context(), nil, "uptime"); err == nil {
		t.Error("answered in the clear")
	}
	c.access.Login.Password = "q"
	if err := c.Call(t.Context(), nil, "uptime"); err == nil || !strings.Contains(err.Error(), "does not know this user") {
		t.Error(err)
	}
	c.http.CloseIdleConnections()
	stop()
	check(t, <-done)
}

// certificate makes one for 127.0.0.1 and returns the files, and the roots that know it.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	check(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		check(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600))
		return path
	}
	parsed, err := x509.ParseCertificate(der)
	check(t, err)
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret), roots
}
