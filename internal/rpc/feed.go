package rpc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// FeedQueue is how many events a reader may lag behind before it is dropped.
	FeedQueue = 256
	// FeedPast is how many events are kept for readers that come back.
	FeedPast = 1024
	// FeedReaders is how many may read at a time.
	FeedReaders = 32
	beatTime    = 20 * time.Second
)

// Event is something that happened: a block, a payment, a change of state.
type Event struct {
	ID    string          `json:"id"`              // RUN-NUMBER; numbers rise by one
	Chain string          `json:"chain,omitempty"` // name of the chain, if it is about one
	Kind  string          `json:"kind"`            // "block", "payment", ...; "gap" and "dropped" are the feed's own
	Body  json.RawMessage `json:"body"`
}

// Feed hands events on to any number of readers. Whoever publishes never waits: a reader that is too slow is dropped, with a
// note as its last event, and can come back and ask from where it stood. It is safe for concurrent use.
type Feed struct {
	run  string // a reader of another run's events must learn that some are missing
	beat time.Duration

	mu      sync.Mutex
	next    uint64
	past    []Event // the newest, oldest first
	readers map[*reader]bool
}

// reader is one subscription. Its channel is closed when it is dropped.
type reader struct {
	events chan Event
	chain  string
	kinds  map[string]bool // nil: all
}

// NewFeed returns a feed without events.
func NewFeed() *Feed {
	run := make([]byte, 6)
	_, _ = rand.Read(run) // never fails
	return &Feed{run: hex.EncodeToString(run), beat: beatTime, readers: map[*reader]bool{}}
}

// Publish hands an event on. Body is encoded as JSON; that it cannot be is a broken invariant.
func (f *Feed) Publish(chain, kind string, body any) Event {
	raw := encode(body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	e := Event{f.run + "-" + strconv.FormatUint(f.next, 10), chain, kind, raw}
	if len(f.past) == FeedPast {
		f.past = append(f.past[:0], f.past[1:]...)
	}
	f.past = append(f.past, e)
	for r := range f.readers {
		if !r.wants(&e) {
			continue
		}
		select {
		case r.events <- e:
		default:
			delete(f.readers, r)
			close(r.events)
		}
	}
	return e
}

func (r *reader) wants(e *Event) bool {
	return (r.chain == "" || r.chain == e.Chain) && (r.kinds == nil || r.kinds[e.Kind])
}

// join adds a reader and returns what it has missed since an event's id. Whole is false when some of that is not kept.
func (f *Feed) join(r *reader, last string) (missed []Event, whole, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.readers) >= FeedReaders {
		return nil, false, false
	}
	f.readers[r] = true
	if last == "" {
		return nil, true, true
	}
	run, number, _ := strings.Cut(last, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	oldest := f.next - uint64(len(f.past)) // number of the last event that is not kept
	whole = run == f.run && err == nil && n >= oldest && n <= f.next
	if !whole {
		n = oldest
	}
	for i := range f.past[n-oldest:] {
		if e := &f.past[n-oldest:][i]; r.wants(e) {
			missed = append(missed, *e)
		}
	}
	return missed, whole, true
}

func (f *Feed) leave(r *reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.readers, r)
}

// serve streams events (server-sent events, text/event-stream) until the client or the server goes. The query may name one
// chain and several kinds; Last-Event-ID continues where a reader stood.
func (f *Feed) serve(w http.ResponseWriter, r *http.Request, ending context.Context) {
	query := r.URL.Query()
	me := &reader{events: make(chan Event, FeedQueue), chain: query.Get("chain")}
	for _, kind := range query["kind"] {
		if me.kinds == nil {
			me.kinds = map[string]bool{}
		}
		me.kinds[kind] = true
	}
	missed, whole, ok := f.join(me, r.Header.Get("Last-Event-ID"))
	if !ok {
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("events: %d readers already", FeedReaders))
		return
	}
	defer f.leave(me)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Connection", "close")
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeTime))
		_, err := w.Write([]byte(text))
		return err == nil && control.Flush() == nil
	}
	if !send(": events\n\n") || (!whole && !send(note("gap", "events before this one are not kept"))) {
		return
	}
	for _, e := range missed {
		if !send(e.text()) {
			return
		}
	}
	beat := time.NewTicker(f.beat)
	defer beat.Stop()
	for {
		select {
		case e, open := <-me.events:
			if !open {
				send(note("dropped", fmt.Sprintf("more than %d events behind", FeedQueue)))
				return
			}
			if !send(e.text()) {
				return
			}
		case <-beat.C:
			if !send(": \n\n") {
				return
			}
		case <-r.Context().Done():
			return
		case <-ending.Done():
			return
		}
	}
}

// text returns the event as it is streamed. JSON has no line breaks, so that it is one data line.
func (e *Event) text() string {
	return "id: " + e.ID + "\nevent: " + e.Kind + "\ndata: " + string(encode(e)) + "\n\n"
}

// note is an event of the feed's own. It has no id, so that coming back asks from the last real one.
func note(kind, text string) string {
	return "event: " + kind + "\ndata: " + string(encode(Event{Kind: kind, Body: encode(text)})) + "\n\n"
}
