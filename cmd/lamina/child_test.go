package main

import (
	"os"
	"slices"
	"testing"
)

// TestMain lets the demo start this test binary where it starts the program.
func TestMain(m *testing.M) {
	if slices.Contains(os.Environ(), childMark) {
		main()
		return
	}
	os.Exit(m.Run())
}
