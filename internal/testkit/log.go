// Package testkit holds what tests of several packages need besides: a log that is read while it is written, a SOCKS5 proxy. It
// knows nothing of ours, and nothing but tests imports it.
package testkit

import (
	"bytes"
	"sync"
)

// Log keeps what is written by some goroutines and read by others.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all that was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
