package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
)

// skewMark names, for a process that a test starts, the file that says by how many seconds its clock is off.
const skewMark = "LAMINA_SKEW_FILE="

// TestMain lets this test binary be the program where the demo or a test starts that.
func TestMain(m *testing.M) {
	if !slices.Contains(os.Environ(), childMark) {
		os.Exit(m.Run())
	}
	s := newSession(os.Stdin, os.Stdout, os.Stderr)
	if file := os.Getenv(strings.TrimSuffix(skewMark, "=")); file != "" {
		s.now = skewed(file)
	}
	os.Exit(s.run(context.Background(), os.Args[1:]))
}
