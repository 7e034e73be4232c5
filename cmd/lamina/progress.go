package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress tells somebody at a terminal how far a long verification has come. It stays
// silent for the first second and where standard error is not a terminal.
type progress struct {
	to    io.Writer // nil: nobody to tell
	now   func() time.Time
	last  time.Time
	shown bool
}

func newProgress(errs io.Writer, now func() time.Time) *progress {
	p := &progress{now: now, last: now()}
	if isTerminal(errs) {
		p.to = errs
	}
	return p
}

// isTerminal tells whether somebody reads along.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show is called with the number of headers judged so far and in all.
func (p *progress) show(done, total int) {
	if now := p.now(); p.to != nil && now.Sub(p.last) >= time.Second {
		p.last, p.shown = now, true
		fmt.Fprintf(p.to, "\r%d of %d headers", done, total)
	}
}

// clear removes what was shown.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprintf(p.to, "\r%40s\r", "")
		p.shown = false
	}
}
