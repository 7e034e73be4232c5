package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

// patience is how long a test waits for anything: on a machine ten times slower that much comes, too. Who is green never waits for it.
const patience = 3 * time.Minute

// ownHosts counts the addresses that were given out.
var ownHosts atomic.Uint32

// ownHost returns a loopback address at which nobody else on the machine listens, so that a node which is killed there finds its ports
// free when it comes back: of 127.0.0.1 somebody else's test may get them meanwhile.
func ownHost() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 128+pid>>8&0x7f, pid&0xff, 1+ownHosts.Add(1)%254)
}

// lockedBuffer keeps what is written by one goroutine and read by another.
type lockedBuffer struct{ testkit.Log }

// tail returns the end of what was written.
func (l *lockedBuffer) tail() string {
	text := l.String()
	return text[max(0, len(text)-1000):]
}
