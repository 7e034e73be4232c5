//go:build !mobile && !android && !ios

package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRest: ticks of a minute in which nothing happens, and in which something does.
func TestRest(t *testing.T) {
	const frame = time.Second / 60
	for _, c := range []struct {
		name   string
		busy   bool
		event  time.Duration // from one event to the next; 0: there is none
		stirs  time.Duration // the same for news
		lo, hi int           // ticks
	}{
		{name: "nothing", lo: 595, hi: 605},
		{name: "busy", busy: true, lo: 3590, hi: 3610},
		{name: "an event every 5 s", event: 5050 * time.Millisecond, lo: 1150, hi: 1210},
		{name: "news every 5 s", stirs: 5 * time.Second, lo: 1150, hi: 1210},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				untilNext := func(every time.Duration) time.Duration {
					if every == 0 {
						return time.Hour
					}
					return every - time.Since(began)%every
				}
				waited := false
				r := &rest{busy: func() bool { return c.busy }, began: began}
				r.wait = func(most time.Duration) {
					waited = true
					time.Sleep(min(most, untilNext(c.event)))
				}
				ticks := 0
				for ; time.Since(began) < time.Minute; ticks++ {
					before := untilNext(c.stirs)
					r.tick()
					if !waited { // else the next tick is due already
						time.Sleep(frame)
					}
					if waited = false; untilNext(c.stirs) > before {
						r.stir()
					}
				}
				if ticks < c.lo || ticks > c.hi {
					t.Errorf("%d ticks in a minute, want %d to %d", ticks, c.lo, c.hi)
				}
			})
		})
	}
}
