package rpc

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// HookQueue is how many events wait for delivery; when one more comes, the oldest is left out.
	HookQueue = 1000
	// HookTries is how often an event is sent before it is left out, over some two hours.
	HookTries = 14

	hookTime      = 15 * time.Second // one try
	hookFirst     = time.Second      // after the first failure; doubles
	hookMost      = 20 * time.Minute
	hookSecret    = 16 // bytes, at least
	hookAgo       = 5 * time.Minute
	hookSignature = "Lamina-Signature"
)

// Sign returns the header value by which a receiver knows a webhook's body: "t=SECONDS,v1=HMAC", the HMAC-SHA256 in hex over
// "SECONDS.BODY". The time, seconds since 1970, is under the signature, so that an old body cannot be sent again.
func Sign(secret Password, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(t + "."))
	_, _ = mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Verify tells a receiver whether a signature is for a body and not older than five minutes, nor from further ahead.
func Verify(secret Password, body []byte, signature string, now time.Time) error {
	t, _, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",")
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return errors.New("signature: want t=SECONDS,v1=HMAC")
	}
	at := time.Unix(seconds, 0)
	if !hmac.Equal([]byte(Sign(secret, body, at)), []byte(signature)) {
		return errors.New("signature: not of this body")
	}
	if age := now.Sub(at); age > hookAgo || age < -hookAgo {
		return fmt.Errorf("signature: %v old, want at most %v", age.Truncate(time.Second), hookAgo)
	}
	return nil
}

// Webhook posts events to one address, signed and in order. An event is delivered when the receiver answers 2xx; everything
// else is tried again, later and later. An event may arrive twice, with the same id, and is left out when it waits too long:
// what is waiting is in memory only. The header Lamina-Missed counts what has been left out. Receivers for whom every event
// counts ask the wallet's history when that number rises and when they start.
type Webhook struct {
	target string
	secret Password
	client *http.Client
	now    func() time.Time
	wait   func(context.Context, time.Duration)
	failed func(Event, error)

	mu     sync.Mutex
	queue  []Event
	missed uint64
	wake   chan struct{}
}

// NewWebhook returns a webhook to a URL: https, or http to loopback. The secret has at least 16 bytes. Failed is told of every
// try that fails; it may be nil.
func NewWebhook(target string, secret Password, failed func(Event, error)) (*Webhook, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("webhook: not a URL") // the parser's error repeats it, and it may hold a token
	}
	if u.Host == "" || u.User != nil || (u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname()))) {
		return nil, errors.New("webhook: want https://HOST/PATH without user and password, or http:// to loopback")
	}
	if len(secret) < hookSecret {
		return nil, fmt.Errorf("webhook secret: %d bytes, want at least %d", len(secret), hookSecret)
	}
	if failed == nil {
		failed = func(Event, error) {}
	}
	return &Webhook{target: target, secret: secret, client: plainClient(hookTime), now: time.Now, wait: wait, failed: failed,
		wake: make(chan struct{}, 1)}, nil
}

// Send queues an event. It never waits.
func (h *Webhook) Send(e Event) {
	h.mu.Lock()
	if len(h.queue) == HookQueue {
		h.queue = append(h.queue[:0], h.queue[1:]...)
		h.missed++
	}
	h.queue = append(h.queue, e)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run delivers until the context ends.
func (h *Webhook) Run(ctx context.Context) {
	for ctx.Err() == nil {
		e, missed, ok := h.take()
		if !ok {
			select {
			case <-h.wake:
			case <-ctx.Done():
			}
			continue
		}
		if !h.deliver(ctx, e, missed) && ctx.Err() == nil {
			h.mu.Lock()
			h.missed++
			h.mu.Unlock()
		}
	}
}

func (h *Webhook) take() (e Event, missed uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return e, 0, false
	}
	e = h.queue[0]
	h.queue = append(h.queue[:0], h.queue[1:]...)
	return e, h.missed, true
}

// deliver tries until the receiver has taken the event, it has been tried often enough, or the context ends.
func (h *Webhook) deliver(ctx context.Context, e Event, missed uint64) bool {
	pause := hookFirst
	for try := 1; ; try++ {
		err := h.post(ctx, e, missed)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		h.failed(e, err)
		if try == HookTries {
			return false
		}
		if h.wait(ctx, pause); ctx.Err() != nil {
			return false
		}
		pause = min(2*pause, hookMost)
	}
}

// post sends the event once, signed anew.
func (h *Webhook) post(ctx context.Context, e Event, missed uint64) error {
	body := encode(e)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.target, bytes.NewReader(body))
	if err != nil {
		return errors.New("webhook: not a URL")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(hookSignature, Sign(h.secret, body, h.now()))
	request.Header.Set("Lamina-Missed", strconv.FormatUint(missed, 10))
	response, err := h.client.Do(request)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // its text repeats the address
			err = at.Err
		}
		return fmt.Errorf("webhook: event %s: %w", e.ID, err)
	}
	_ = response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("webhook: event %s: the receiver answers %d, want 2xx", e.ID, response.StatusCode)
	}
	return nil
}
