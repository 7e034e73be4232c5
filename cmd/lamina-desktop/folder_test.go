package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui"
)

func newFolder(t *testing.T, path string) *folder {
	t.Helper()
	a, err := app.Open(app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := openFolder(a, path, map[string][]string{"dev": {"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFolderKeepsWhatItWasOpenedWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "lamina")
	f := newFolder(t, path)
	if c := f.Config(); c.Stack != "" || f.Folder() != path {
		t.Errorf("a new folder: %+v at %s", c, f.Folder())
	}
	want := ui.Config{Stack: "dev", Offline: true, Peers: map[string][]string{"dev-native": {"127.0.0.1:2"}}}
	b, err := f.Open(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	all, err := b.ListChains(t.Context())
	if err != nil || len(all) != 4 || all[0].Name != "dev" {
		t.Errorf("follows %v (%v)", all, err)
	}
	if at, err := os.Stat(filepath.Join(path, configName)); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("configuration: %v (%v)", at, err)
	}
	if _, err := f.Open(t.Context(), ui.Config{Stack: "nothing"}); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("an unknown stack: %v", err)
	}
	if _, err := b.ListChains(t.Context()); err != nil || f.Config().Stack != "dev" {
		t.Errorf("an unknown stack closed what was open: %v", err)
	}
	// A second program is told, and changes nothing.
	second := newFolder(t, path)
	if got := fmt.Sprint(second.Config()); got != fmt.Sprint(want) {
		t.Errorf("read back %s, want %v", got, want)
	}
	if _, err := second.Open(context.Background(), ui.Config{Stack: "bitcoin-regtest",
		Offline: true}); app.CodeOf(err) != app.CodeInUse {
		t.Errorf("a second program: %v", err)
	}
	if third := newFolder(t, path); third.Config().Stack != "dev" {
		t.Errorf("the second program changed the configuration to %+v", third.Config())
	}
	// The same program opens it anew.
	if _, err := f.Open(t.Context(), ui.Config{Stack: "bitcoin-regtest", Offline: true}); err != nil {
		t.Fatal(err)
	}
	if again := newFolder(t, path); again.Config().Stack != "bitcoin-regtest" {
		t.Errorf("read back %+v", again.Config())
	}
}

// TestFolderOfCommandLine: a folder whose wallet was not made by the window is opened on
// that wallet's stack.
func TestFolderOfCommandLine(t *testing.T) {
	path := t.TempDir()
	first := newFolder(t, path)
	b, err := first.Open(t.Context(), ui.Config{Stack: "dev", Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.CreateWallet(t.Context(), app.NewWallet{Name: "main", Chains: []string{"dev-issued"}, Password: app.Secret("x")}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, configName)); err != nil {
		t.Fatal(err)
	}
	if got := newFolder(t, path).Config().Stack; got != "dev" {
		t.Errorf("stack %q, want dev", got)
	}
}

func TestOptionsOfFolder(t *testing.T) {
	f := newFolder(t, t.TempDir())
	o, err := f.options(ui.Config{Stack: "dev", Proxy: "127.0.0.1:9050",
		Peers: map[string][]string{"dev": {"127.0.0.1:2"}, "elsewhere": {"127.0.0.1:3"}}})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(o.Peers["dev"]) != "[127.0.0.1:2 127.0.0.1:1]" || o.Peers["elsewhere"] != nil || o.Proxy != "127.0.0.1:9050" {
		t.Errorf("got %+v", o)
	}
}

func TestFolderRefuses(t *testing.T) {
	a, err := app.Open(app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string]string{"{": "unexpected EOF", `{"stack":7}`: "string",
		`{"stack":"dev","tor":true}`: `unknown field "tor"`, strings.Repeat(" ", maxConfig+1): "more than"} {
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, configName), []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openFolder(a, path, nil); err == nil || !strings.Contains(err.Error(),
			want) || !strings.Contains(err.Error(), configName) {
			t.Errorf("%.30q: got %v, want %q", src, err, want)
		}
	}
}
