//go:build !mobile && !android && !ios

package main

import (
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.4/glfw"

	"github.com/layeredpow/lamina/ui"
)

// Fyne looks sixty times a second whether there is something to do, which costs more than a per
// cent of a processor. A window in which nothing moves waits for the next event instead: what the
// user does ends the wait at once, what comes from elsewhere is shown when it is over.
const (
	restAfter = time.Second            // without an event
	restTime  = 100 * time.Millisecond // one wait
)

// rest lets the UI goroutine wait while nothing happens.
type rest struct {
	busy  func() bool              // something moves
	wait  func(most time.Duration) // returns at an event
	began time.Time
	awake atomic.Int64 // until when nothing is waited for, nanoseconds since it began
}

// startRest has a window rest from now on. It is called on the UI goroutine, before others have
// something done there.
func startRest(u *ui.UI) {
	r := &rest{busy: u.Busy, wait: func(most time.Duration) { glfw.WaitEventsTimeout(most.Seconds()) }, began: time.Now()}
	r.stir()
	u.OnNews(r.stir)
	// An animation is what is called between events and frames.
	(&fyne.Animation{Duration: time.Hour, RepeatCount: fyne.AnimationRepeatForever, Tick: func(float32) { r.tick() }}).Start()
}

// stir has the next frames come at once.
func (r *rest) stir() { r.awake.Store(int64(time.Since(r.began) + restAfter)) }

func (r *rest) tick() {
	now := time.Since(r.began)
	switch {
	case r.busy():
		r.stir()
	case int64(now) >= r.awake.Load():
		r.wait(restTime)
		if time.Since(r.began)-now < restTime {
			r.stir() // an event ended it
		}
	}
}
