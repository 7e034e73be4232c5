package main

import (
	"bytes"
	"testing"
	"time"
)

func clockAt(seconds int64) func() time.Time {
	return func() time.Time { return time.Unix(seconds, 0) }
}

func TestProgress(t *testing.T) {
	now := time.Unix(0, 0)
	var out bytes.Buffer
	p := newProgress(&out, func() time.Time { return now })
	now = now.Add(5 * time.Second)
	p.show(1, 10)
	if p.clear(); out.Len() != 0 {
		t.Fatalf("%q was written although nobody reads along", out.String())
	}
	p.to = &out
	p.show(2, 10)
	p.show(3, 10) // within the same second
	now = now.Add(time.Second)
	p.show(4, 10)
	p.clear()
	if want := "\r2 of 10 headers\r4 of 10 headers\r"; out.String()[:len(want)] != want {
		t.Fatalf("got %q", out.String())
	}
}
