package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/rpc"
)

// certified makes a certificate for localhost and its key, and returns their files.
func certified(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return file(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		file(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// TestNodeTLS: a node serves beyond this machine with TLS, and every kind of user gets in, and
// nobody else.
func TestNodeTLS(t *testing.T) {
	cert, key := certified(t)
	mac := hmac.New(sha256.New, []byte("salt"))
	mac.Write([]byte("bobs"))
	users := file(t, "users", fmt.Appendf(nil, "rpcauth=bob:salt$%x\n", mac.Sum(nil)))
	anns, bobs, wrong := file(t, "ann", []byte("anns\n")), file(t, "bob", []byte("bobs\n")), file(t, "wrong", []byte("secret\n"))
	dir := t.TempDir()
	tls := startNode(t, dir, "--rpc", "0.0.0.0:0", "--rpc-cert", cert, "--rpc-key", key, "--rpc-host", "localhost", "--rpc-user", "ann",
		"--rpc-password-file", anns, "--rpc-auth-file", users)
	if !strings.HasPrefix(tls.ports.RPC, "https://localhost:") {
		t.Fatalf("rpc %s", tls.ports.RPC)
	}
	url := "--rpc=" + tls.ports.RPC
	other, _ := certified(t)
	plain := "--rpc=" + strings.Replace(tls.ports.RPC, "https", "http", 1)
	for _, c := range []struct {
		args []string
		want string // in what goes wrong; empty: it must not
	}{
		{[]string{"--data-dir", dir}, ""},
		{[]string{url, "--ca", cert, "--user", "ann", "--password-file", anns}, ""},
		{[]string{url, "--ca", cert, "--user", "bob", "--password-file", bobs}, ""},
		{[]string{url, "--ca", cert, "--user", "bob", "--password-file", anns}, "does not know this user"},
		{[]string{url, "--ca", cert, "--user", "ann", "--password-file", wrong}, "does not know this user"},
		{[]string{url, "--ca", cert, "--user", "eve", "--password-file", anns}, "does not know this user"},
		{[]string{url, "--user", "ann", "--password-file", anns}, "certificate"},
		{[]string{url, "--ca", other, "--user", "ann", "--password-file", anns}, "certificate"},
		{[]string{url, "--ca", anns, "--user", "ann", "--password-file", anns}, "no certificate"},
		{[]string{plain, "--user", "ann", "--password-file", anns}, "400 Bad Request"},
	} {
		got := lamina(t, nil, append(append([]string{"rpc"}, c.args...), "getblockcount")...)
		if c.want == "" && (got.code != exitOK || got.out != "0\n") {
			t.Errorf("%v: %+v", c.args, got)
		}
		if c.want != "" && (got.code != exitUsage || !strings.Contains(got.err, c.want) || strings.Contains(got.err, "secret")) {
			t.Errorf("%v: %+v, want %q", c.args, got, c.want)
		}
	}
	tls.end()
	if _, err := os.Stat(filepath.Join(dir, rpc.CertificateName)); !os.IsNotExist(err) {
		t.Errorf("the certificate is left behind: %v", err)
	}
	if log := tls.log.String(); strings.Contains(log, "anns") || strings.Contains(log, "secret") {
		t.Errorf("a password is in the log: %s", log)
	}
}

// TestNodeServeRefuses: what a command line gets wrong about serving.
func TestNodeServeRefuses(t *testing.T) {
	cert, key := certified(t)
	password, bad := file(t, "password", []byte("secret\n")), file(t, "bad", []byte("ann:secret\n"))
	quiet := []string{"node", "--data-dir", t.TempDir()}
	for _, p := range devStack(t) {
		quiet = append(quiet, "--listen", p.Name+"=none")
	}
	for _, c := range []struct{ args, want string }{
		{"--rpc 0.0.0.0:0", "not loopback"},
		{"--rpc :0", "not loopback"},
		{"--rpc 192.0.2.1:1", "not loopback"},
		{"--rpc-cert " + cert, "rpc-key"},
		{"--rpc-cert " + key + " --rpc-key " + cert, "rpc certificate"},
		{"--rpc-user ann", "--rpc-password-file"},
		{"--rpc-password-file " + password, "--rpc-user"},
		{"--rpc-user ann:x --rpc-password-file " + password, "without colon"},
		{"--rpc-auth-file " + bad, "line 1"},
		{"--rpc-auth-file " + filepath.Join(t.TempDir(), "none"), "no such file"},
	} {
		got := lamina(t, nil, append(quiet[:len(quiet):len(quiet)], strings.Fields(c.args)...)...)
		if got.code == exitOK || !strings.Contains(got.err, c.want) || strings.Contains(got.err, "secret") {
			t.Errorf("%s: %+v", c.args, got)
		}
	}
}

// TestAddNodeCommand: the methods about peers work on running nodes, as a user calls them.
func TestAddNodeCommand(t *testing.T) {
	a, b := startNode(t, t.TempDir()), startNode(t, t.TempDir())
	call := func(args ...string) string {
		t.Helper()
		got := lamina(t, nil, append([]string{"rpc", "--data-dir", b.ports.DataDir}, args...)...)
		if got.code != exitOK {
			t.Fatalf("%v: %+v", args, got)
		}
		return got.out
	}
	type peer struct {
		ID      int
		Addr    string
		Subver  string
		Version int
		Ping    float64 `json:"pingtime"`
		Sent    int     `json:"bytessent"`
		Got     int     `json:"bytesrecv"`
		Kind    string  `json:"connection_type"`
	}
	var peers []peer
	connected := func() bool {
		peers = nil
		must(t, json.Unmarshal([]byte(call("getpeerinfo")), &peers))
		return len(peers) == 1 && peers[0].Ping > 0
	}
	at := a.ports.Chains["dev"]
	call("addnode", at, "add")
	untilNode(t, "a peer", connected)
	if p := peers[0]; p.Addr != at || p.Subver == "" || p.Version < 70016 || p.Sent < 100 || p.Got < 100 || p.Kind != "manual" {
		t.Errorf("%+v", p)
	}
	if got := lamina(t, nil, "rpc", "--data-dir", b.ports.DataDir, "addnode", at, "add"); got.code != exitRefuted || !strings.Contains(got.err, "-23") {
		t.Errorf("added twice: %+v", got)
	}
	call("addnode", at, "remove")
	untilNode(t, "nobody", func() bool { return call("getconnectioncount") == "0\n" })
	call("addnode", at, "onetry")
	untilNode(t, "a peer for once", connected)
	call("disconnectnode", at)
	untilNode(t, "nobody", func() bool { return call("getconnectioncount") == "0\n" })
	host, _, _ := net.SplitHostPort(at)
	call("setban", host, "add", "3600")
	if got := call("listbanned"); !strings.Contains(got, host) {
		t.Errorf("banned: %s", got)
	}
	call("setban", host, "remove")
	if got := call("listbanned"); strings.Contains(got, host) {
		t.Errorf("banned: %s", got)
	}
}
