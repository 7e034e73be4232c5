package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/ui"
)

func TestSecondStartHandsOver(t *testing.T) {
	folder := t.TempDir()
	if handOver(folder, "dev:x") {
		t.Fatal("handed over to nobody")
	}
	// What a killed run leaves keeps nobody from listening.
	if err := os.WriteFile(filepath.Join(folder, socketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 4)
	l, err := listenForStarts(folder, func(request string) { got <- request })
	if err != nil {
		t.Fatal(err)
	}
	if at, err := os.Stat(filepath.Join(folder, socketName)); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v (%v)", at, err)
	}
	for _, request := range []string{"dev:ldev1q?amount=1", ""} {
		if !handOver(folder, request) {
			t.Fatalf("%q was not taken", request)
		}
		if text := <-got; text != request {
			t.Errorf("taken as %q, want %q", text, request)
		}
	}
	if handOver(folder, strings.Repeat("x", ui.MaxRequest+10)) {
		t.Error("a request without bounds was taken")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if handOver(folder, "dev:x") {
		t.Error("handed over to one who has ended")
	}
	if len(got) > 0 {
		t.Errorf("%q was taken, too", <-got)
	}
}

// FuzzHear: whatever a start sends, at most one request of bounded length is taken.
func FuzzHear(f *testing.F) {
	for _, seed := range []string{"", "\n", "dev:x\n", "dev:x\ndev:y\n", strings.Repeat("a", ui.MaxRequest) + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		ours, theirs := net.Pipe()
		ended := make(chan []string)
		go func() {
			var took []string
			hear(ours, func(s string) { took = append(took, s) })
			ended <- took
		}()
		go func() {
			_, _ = theirs.Write([]byte(sent))
			buffer := make([]byte, 64)
			for {
				if _, err := theirs.Read(buffer); err != nil {
					return
				}
			}
		}()
		if !strings.Contains(sent, "\n") {
			_ = theirs.Close()
		}
		took := <-ended
		_ = theirs.Close()
		if len(took) > 1 || len(took) == 1 && len(took[0]) > ui.MaxRequest {
			t.Errorf("took %d, the first of %d bytes", len(took), len(took[0]))
		}
	})
}
