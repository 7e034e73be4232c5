package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testkit"
)

// skewMark names, for a process that a test starts, the file that says by how many seconds its clock is off.
const skewMark = "LAMINA_SKEW_FILE="

// TestMain lets this test binary be the program where the demo or a test starts that.
func TestMain(m *testing.M) {
	if !slices.Contains(os.Environ(), childMark) {
		os.Exit(m.Run())
	}
	s := newSession(os.Stdin, os.Stdout, os.Stderr)
	s.tune = cheap
	if file := os.Getenv(strings.TrimSuffix(skewMark, "=")); file != "" {
		s.now = skewed(file)
	}
	os.Exit(s.run(context.Background(), os.Args[1:]))
}

// lockedBuffer keeps what is written by one goroutine and read by another.
type lockedBuffer struct{ testkit.Log }

// tail returns the end of what was written.
func (l *lockedBuffer) tail() string {
	text := l.String()
	return text[max(0, len(text)-1000):]
}
