//go:build flows

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestIdle measures the program while nothing happens: on a stack, without a network.
func TestIdle(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, configName), []byte(`{"stack": "dev", "offline": true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	u := sit(t, nil, 0, 1280, 800, "--data-dir", folder)
	u.shows("Welcome to Lamina")
	time.Sleep(5 * time.Second) // what the start left behind ends
	t.Logf("idle: %.2f %% of a processor", u.share())
	if s := u.see(); s.find("button", "Create a wallet") == nil {
		t.Errorf("it shows\n%s", s.words())
	}
}

// share is how much of a processor the program takes, in percent.
func (u *hand) share() float64 {
	u.t.Helper()
	const span = 20 * time.Second
	before := u.spent()
	time.Sleep(span) // this is what is measured
	return 100 * (u.spent() - before).Seconds() / span.Seconds()
}

// spent is the processor time that the program has had, to a hundredth of a second.
func (u *hand) spent() time.Duration {
	u.t.Helper()
	src, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(u.cmd.Process.Pid), "stat"))
	if err != nil {
		u.t.Fatal(err)
	}
	fields := strings.Fields(string(src)[strings.LastIndex(string(src), ")")+1:])
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
