package keystore

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const childVariable = "LAMINA_KEYSTORE_TEST_FILE"

// TestMain runs the program that TestKill kills, if the environment says so: it changes the password back and forth.
func TestMain(m *testing.M) {
	path := os.Getenv(childVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	f, err := OpenFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	now, next := []byte("one"), []byte("two")
	if _, err := f.Unlock(now); err != nil {
		now, next = next, now
	}
	for {
		if err := f.rewrite(now, next, cheap, false, keep); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("changed")
		now, next = next, now
	}
}

// A program is killed (SIGKILL) again and again while it rewrites the file on a real disk; each time the file opens at once to
// one of the two passwords, and the next program goes on.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), name)
	if _, err := create(osDisk{}, path, []byte("one"), testContents(t), false, cheap); err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 3))
	for round := range 15 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 1 + random.IntN(5) {
			if !lines.Scan() {
				t.Fatalf("seed %d: round %d: the program ended by itself", seed, round)
			}
		}
		for range random.IntN(1 << 20) { // the writes go on meanwhile: any of them may be hit
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // says that it was killed
		f, err := OpenFile(path)
		if err != nil {
			t.Fatalf("seed %d: round %d: %v", seed, round, err)
		}
		if _, err := f.Unlock([]byte("one")); err != nil {
			if _, err = f.Unlock([]byte("two")); err != nil {
				t.Fatalf("seed %d: round %d: %v", seed, round, err)
			}
		}
		if err := f.Backup(); err != nil {
			t.Errorf("seed %d: round %d: %v", seed, round, err)
		}
	}
}
