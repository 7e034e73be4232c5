package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

var errEnough = errors.New("enough")

// joined waits until a feed has so many readers.
func (w *world) joined(n int) {
	w.t.Helper()
	for {
		w.feed.mu.Lock()
		have := len(w.feed.readers)
		w.feed.mu.Unlock()
		if have == n {
			return
		}
		select {
		case <-w.t.Context().Done():
			w.t.Fatalf("%d readers, want %d", have, n)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestEvents(t *testing.T) {
	w := start(t)
	type got struct {
		events []Event
		err    error
	}
	read := func(chain, last string, n int, kinds ...string) chan got {
		done := make(chan got, 1)
		go func() {
			var g got
			g.err = w.client(chain, "").Events(t.Context(), last, kinds, func(e Event) error {
				if g.events = append(g.events, e); len(g.events) == n {
					return errEnough
				}
				return nil
			})
			done <- g
		}()
		return done
	}
	all, some := read("", "", 3), read("dev", "", 1, "block")
	w.joined(2)
	first := w.feed.Publish("dev", "payment", map[string]any{"text": "a\nb<&>"})
	second := w.feed.Publish("other", "block", 2)
	third := w.feed.Publish("dev", "block", 3)
	g := <-all
	if !errors.Is(g.err, errEnough) || fmt.Sprint(g.events) != fmt.Sprint([]Event{first, second, third}) {
		t.Errorf("%v: %+v", g.err, g.events)
	}
	if g := <-some; !errors.Is(g.err, errEnough) || g.events[0].ID != third.ID {
		t.Errorf("%v: %+v", g.err, g.events)
	}
	// Coming back continues; coming back to another run says that something is missing.
	if g := <-read("", first.ID, 2); g.events[0].ID != second.ID || g.events[1].ID != third.ID {
		t.Errorf("%+v", g.events)
	}
	for _, strange := range []string{"ffff-1", "x", w.feed.run + "-99", w.feed.run + "--1"} {
		if g := <-read("", strange, 4); g.events[0].Kind != "gap" || g.events[1].ID != first.ID {
			t.Errorf("%s: %+v", strange, g.events)
		}
	}
	for range FeedPast {
		w.feed.Publish("dev", "block", nil)
	}
	if g := <-read("", second.ID, 1); g.events[0].Kind != "gap" {
		t.Errorf("%+v", g.events)
	}
	if g := <-read("", third.ID, 1); g.events[0].Kind != "block" {
		t.Errorf("%+v", g.events)
	}
}

// TestSlowReader: a reader that lags is dropped with a note and stops nobody; a heart beats; there are not too many.
func TestSlowReader(t *testing.T) {
	w := start(t)
	slow := &reader{events: make(chan Event, FeedQueue)}
	if _, _, ok := w.feed.join(slow, ""); !ok {
		t.Fatal("no room")
	}
	for range FeedQueue + 5 {
		w.feed.Publish("", "block", 1)
	}
	w.joined(0)
	n := 0
	for range slow.events { // closed by the feed
		n++
	}
	if n != FeedQueue {
		t.Errorf("%d events before the drop", n)
	}
	if err := readEvents(strings.NewReader(note("dropped", "x")), nil); !errors.Is(err, ErrDropped) {
		t.Error(err)
	}
	for range FeedReaders {
		w.feed.join(&reader{events: make(chan Event, 1)}, "")
	}
	if err := w.client("", "").Events(t.Context(), "", nil, nil); err == nil || !strings.Contains(err.Error(), "503") {
		t.Error(err)
	}
}

// TestHeartbeat reads a quiet stream as any other program would.
func TestHeartbeat(t *testing.T) {
	w := start(t)
	w.feed.beat = time.Millisecond
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/events", nil)
	request.SetBasicAuth("pool", "pool password")
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Error(got)
	}
	in := bufio.NewReader(response.Body)
	for _, want := range []string{": events\n", "\n", ": \n", "\n", ": \n"} {
		if line, err := in.ReadString('\n'); err != nil || line != want {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
	}
	w.stop() // the end of the server ends the stream
	if _, err := io.Copy(io.Discard, in); err != nil {
		t.Error(err)
	}
}

// TestWebhook: events arrive in order and signed, failures are tried again later and later, what does not fit is counted.
func TestWebhook(t *testing.T) {
	type arrival struct {
		body, signature, missed string
	}
	arrivals := make(chan arrival, 100)
	failures := 3
	target := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if failures > 0 {
			failures--
			w.Header().Set("Location", "http://192.0.2.1/")
			w.WriteHeader([]int{500, 302, 404}[failures])
			return
		}
		arrivals <- arrival{string(body), r.Header.Get("Lamina-Signature"), r.Header.Get("Lamina-Missed")}
	})
	secret := Password("0123456789abcdef")
	var failed []string
	h, err := NewWebhook(target+"/hook?token=abc", secret, func(_ Event, err error) { failed = append(failed, err.Error()) })
	check(t, err)
	now := time.Unix(1_800_000_000, 0)
	h.now = func() time.Time { return now }
	var pauses []time.Duration
	h.wait = func(_ context.Context, d time.Duration) { pauses = append(pauses, d) }
	for i := range HookQueue + 2 {
		h.Send(Event{ID: fmt.Sprint("r-", i), Kind: "payment", Body: encode(i)})
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	for i := range HookQueue {
		a := <-arrivals
		if want := fmt.Sprintf(`{"id":"r-%d","kind":"payment","body":%d}`, i+2, i+2); a.body != want || a.missed != "2" {
			t.Fatalf("%+v, want %s", a, want)
		}
		check(t, Verify(secret, []byte(a.body), a.signature, now.Add(time.Minute)))
		for name, err := range map[string]error{
			"body":   Verify(secret, []byte(a.body+" "), a.signature, now),
			"secret": Verify(secret+"x", []byte(a.body), a.signature, now),
			"time":   Verify(secret, []byte(a.body), strings.Replace(a.signature, "t=1800000000", "t=1800000001", 1), now),
			"old":    Verify(secret, []byte(a.body), a.signature, now.Add(6*time.Minute)),
			"ahead":  Verify(secret, []byte(a.body), a.signature, now.Add(-6*time.Minute)),
			"none":   Verify(secret, []byte(a.body), "", now),
		} {
			if err == nil {
				t.Fatalf("a signature is taken in spite of: %s", name)
			}
		}
	}
	stop()
	<-done
	if fmt.Sprint(pauses) != "[1s 2s 4s]" || len(failed) != 3 || strings.Contains(strings.Join(failed, ""), "abc") {
		t.Errorf("%v %v", pauses, failed)
	}
}

// TestSignature pins the scheme to a value that another program computed:
// printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
func TestSignature(t *testing.T) {
	got := Sign("0123456789abcdef", []byte(`{"a":1}`), time.Unix(1_800_000_000, 0))
	if want := "t=1800000000,v1=" + opensslMAC; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestWebhookGivesUp: an event that nobody takes is left out after its tries, and counted.
func TestWebhookGivesUp(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	tries := 0
	h, err := NewWebhook("http://127.0.0.1:1/", "0123456789abcdef", func(Event, error) { tries++ })
	check(t, err)
	total := time.Duration(0)
	h.wait = func(_ context.Context, d time.Duration) { total += d }
	h.client.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no") })
	if h.deliver(ctx, Event{}, 0) || tries != HookTries || total < time.Hour {
		t.Errorf("%d tries over %v", tries, total)
	}
	stop()
	for _, c := range [][2]string{{"http://192.0.2.1/", "0123456789abcdef"}, {"https://u:p@x/", "0123456789abcdef"}, {"file:///x", "0123456789abcdef"},
		{"https://x/", "short"}, {"http://%zz", "0123456789abcdef"}} {
		if _, err := NewWebhook(c[0], Password(c[1]), nil); err == nil {
			t.Errorf("%s is taken", c)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
