package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/keystore"
)

// cheap makes key files that open fast.
func cheap(o *app.LocalOptions) { o.Cost = keystore.Cost{Memory: 64 << 10, Passes: 1, Lanes: 2} }

// household is a data folder with what runs on it.
type household struct {
	t   *testing.T
	dir string
	pw  string // file of the password
}

// lamina runs a command on the folder, for real but for the terminal, of which there is none.
func (h *household) lamina(args ...string) outcome {
	h.t.Helper()
	var out, errs bytes.Buffer
	s := newSession(strings.NewReader(""), &out, &errs)
	s.tune = cheap
	s.terminal = func() (terminal, error) { return nil, errNoTerminal }
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	code := s.run(ctx, append(args, "--data-dir", h.dir))
	return outcome{code, out.String(), errs.String()}
}

// must runs a command that must end well and returns its document.
func (h *household) must(args ...string) map[string]any {
	h.t.Helper()
	got := h.lamina(append(args, "--json")...)
	if got.code != exitOK {
		h.t.Fatalf("%q: exit code %d\n%s%s", args, got.code, got.out, got.err)
	}
	if strings.Contains(got.out+got.err, "hush-") { // without the dash an address may hold it, by chance
		h.t.Errorf("%q: a secret in\n%s%s", args, got.out, got.err)
	}
	return document(h.t, got)
}

// run starts the daemon and returns what ends it.
func (h *household) run(args ...string) (ready map[string]any, end func() outcome) {
	h.t.Helper()
	r, w := io.Pipe()
	var errs lockedBuffer
	s := newSession(strings.NewReader(""), w, &errs)
	s.tune = cheap
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() {
		done <- s.run(ctx, append([]string{"daemon", "--json", "--data-dir", h.dir}, args...))
		w.Close()
	}()
	if err := json.NewDecoder(r).Decode(&ready); err != nil {
		cancel()
		h.t.Fatalf("%v, exit code %d\n%s", err, <-done, errs.String())
	}
	var once sync.Once
	var last outcome
	end = func() outcome {
		once.Do(func() {
			cancel()
			last = outcome{code: <-done, err: errs.String()}
		})
		return last
	}
	h.t.Cleanup(func() { end() })
	return ready, end
}

// until asks until an answer is as it should be.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// get fetches a page that wants no login.
func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// client asks the daemon by other nodes' names.
func (h *household) client() *rpc.Client {
	h.t.Helper()
	access, err := rpc.Discover(h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	c, err := rpc.NewClient(access)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}
