package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStrangeServers: what a client makes of answers that no server of ours gives.
func TestStrangeServers(t *testing.T) {
	answer, status := "", 200
	url := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "http://192.0.2.1/")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	})
	c, err := NewClient(Access{URL: url, Login: Login{"user", "secret word"}, Wait: time.Minute})
	check(t, err)
	for _, x := range []struct {
		status       int
		answer, want string
	}{
		{200, `{"jsonrpc":"2.0","result":5,"id":1}`, ""},
		{200, `{"result":5,"error":null,"id":1}`, ""},
		{200, `{"result":"five","id":1}`, "uptime: result: "},
		{200, `{"id":1}`, "without a result"},
		{200, `<html>`, "the server answers 200 OK"},
		{200, ``, "the server answers 200 OK"},
		{302, `{}`, "302"},
		{401, `{}`, "does not know this user"},
		{500, `{"error":{"code":-5,"message":"none"}}`, "none (-5)"},
		{500, `{"error":"text"}`, "the server answers 500"},
		{200, `{"result":"` + strings.Repeat("x", MaxAnswer) + `"}`, "an answer of more than"},
	} {
		status, answer = x.status, x.answer
		n := 0
		err := c.Call(t.Context(), &n, "uptime")
		if (err == nil) != (x.want == "") || (err != nil && !strings.Contains(err.Error(), x.want)) || (err == nil && n != 5) {
			t.Errorf("%d %.60s: %d, %v, want %q", x.status, x.answer, n, err, x.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret word") {
			t.Error(err)
		}
	}
	status, answer = 200, "data: "+strings.Repeat("x", maxEvent+1)
	if err := c.Events(t.Context(), "", nil, nil); err == nil || errors.Is(err, io.EOF) {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := c.Call(ctx, nil, "uptime"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
}

func BenchmarkCall(b *testing.B) {
	s, err := New(Config{Methods: testMethods(), Logins: []Login{{"u", "p"}}})
	check(b, err)
	l, err := Listen("127.0.0.1:0", nil)
	check(b, err)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	c, err := NewClient(Access{URL: "http://" + l.Addr().String(), Login: Login{"u", "p"}})
	check(b, err)
	for b.Loop() {
		if err := c.Call(ctx, nil, "uptime"); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	check(b, <-done)
}

// TestLocalhost: the name localhost is this machine, without a question to anybody.
func TestLocalhost(t *testing.T) {
	for address, want := range map[string]string{
		"localhost:80": "[::1]:80 127.0.0.1:80", "127.0.0.1:80": "127.0.0.1:80", "localhost.example:80": "localhost.example:80", "x": "x",
	} {
		if got := strings.Join(placesOf(address), " "); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dialPlace(t.Context(), "tcp", strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
