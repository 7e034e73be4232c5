package main

import (
	"os"
	"slices"
	"testing"
)

// TestMain lets this test binary be the program where the demo or a test starts that.
func TestMain(m *testing.M) {
	if slices.Contains(os.Environ(), childMark) {
		main()
		return
	}
	os.Exit(m.Run())
}
