package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunWithoutWindow(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.toml")
	if err := os.WriteFile(bad, []byte("[chain]\nname = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := t.TempDir()
	if err := os.WriteFile(filepath.Join(settings, configName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		out  string // on standard output
		err  []string
	}{
		{"version", []string{"--version"}, 0, "lamina-desktop ", nil},
		{"help", []string{"--help"}, 0, "", []string{"-chains-dir", "-version", "-data-dir", "-connect"}},
		{"unknown flag", []string{"--mine"}, exitUsage, "", []string{"-mine"}},
		{"argument", []string{"wallet.dat"}, exitUsage, "", []string{`"wallet.dat"`}},
		{"two requests", []string{"dev:a", "dev:b"}, exitUsage, "", []string{`"dev:b"`}},
		{"long request", []string{"dev:" + strings.Repeat("a", 5000)}, exitUsage, "", []string{"5004 bytes, at most 4096"}},
		{"bad chain file", []string{"--chains-dir", bad}, exitUsage, "", []string{bad + ":2", "hint: "}},
		{"missing chain file", []string{"--chains-dir", bad + ".none"}, exitUsage, "", []string{"bad.toml.none"}},
		{"peer without a chain", []string{"--connect", "127.0.0.1:18444"}, exitUsage, "", []string{"CHAIN=HOST:PORT"}},
		{"peer without a port", []string{"--connect", "dev=127.0.0.1"}, exitUsage, "", []string{"CHAIN=HOST:PORT"}},
		{"peer of an unknown chain", []string{"--connect", "nochain=127.0.0.1:1", "--data-dir", t.TempDir()},
			exitUsage, "", []string{"nochain"}},
		{"bad settings", []string{"--data-dir", settings}, exitUsage, "", []string{configName, "hint: "}},
		{"no display", []string{"--data-dir", t.TempDir()}, exitNoWindow, "",
			[]string{"neither DISPLAY nor WAYLAND_DISPLAY is set", "hint: "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(test.args, func(string) string { return "" }, &stdout, &stderr)
			if code != test.code {
				t.Errorf("exit code: got %d, want %d", code, test.code)
			}
			if !strings.HasPrefix(stdout.String(), test.out) || (test.out == "") != (stdout.Len() == 0) {
				t.Errorf("standard output: got %q, want %q", stdout.String(), test.out)
			}
			for _, want := range test.err {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("standard error %q does not say %q", stderr.String(), want)
				}
			}
		})
	}
}

func TestCheckDisplay(t *testing.T) {
	tests := []struct {
		goos, set string
		ok        bool
	}{
		{"linux", "DISPLAY", true}, {"linux", "WAYLAND_DISPLAY", true}, {"linux", "", false}, {"freebsd", "", false},
		{"windows", "", true}, {"darwin", "", true},
	}
	for _, test := range tests {
		err := checkDisplay(test.goos, func(name string) string {
			if name == test.set {
				return ":0"
			}
			return ""
		})
		if (err == nil) != test.ok {
			t.Errorf("%s with %q set: got %v, want ok %v", test.goos, test.set, err, test.ok)
		}
	}
}
