package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// release is set by the linker (-X main.release=1.2.3) in builds that are given away.
var release string

// version returns the release or, without one, what the Go tool recorded.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// options are the command line's.
type options struct {
	chains  []string
	folder  string
	peers   map[string][]string // by chain
	version bool
	request string // payment request; empty: none
}

const usage = `lamina-desktop is the wallet with a window: it follows the chains of a stack, keeps wallets,
receives and sends, and verifies headers, merged-mining proofs and blocks. A payment request is
filled in for you to look at, in the window that is open already if there is one.

  lamina-desktop
  lamina-desktop SCHEME:ADDRESS?amount=1.5
  lamina-desktop --data-dir ~/lamina-test --connect CHAIN=127.0.0.1:18444

`

// parse reads the flags. It has told the user of an error.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("lamina-desktop", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprint(stderr, usage)
		set.PrintDefaults()
	}
	set.Func("chains-dir", "`file or folder` with chain files of your own; may be given more than once", func(path string) error {
		o.chains = append(o.chains, path)
		return nil
	})
	set.StringVar(&o.folder, "data-dir", defaultFolder(),
		"`folder` of wallets, headers and settings; one program at a time has it open")
	set.Func("connect", "peer for this run, `CHAIN=HOST:PORT`; may be given more than once", func(peer string) error {
		chain, address, ok := strings.Cut(peer, "=")
		if _, _, err := net.SplitHostPort(address); !ok || err != nil {
			return errors.New("want CHAIN=HOST:PORT")
		}
		if o.peers == nil {
			o.peers = map[string][]string{}
		}
		o.peers[chain] = append(o.peers[chain], address)
		return nil
	})
	set.BoolVar(&o.version, "version", false, "print the version and exit")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	var err error
	switch o.request = set.Arg(0); {
	case set.NArg() > 1:
		err = fmt.Errorf("argument %.100q: want one payment request at most", set.Arg(1))
	case o.request != "":
		err = checkRequest(o.request)
	}
	if err != nil {
		fmt.Fprintf(stderr, "lamina-desktop: %v\n", err)
	}
	return o, err
}

// defaultFolder is where the system keeps a program's data for a user.
func defaultFolder() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "lamina")
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		if dir, err := os.UserConfigDir(); err == nil {
			return filepath.Join(dir, "Lamina")
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "lamina"
	}
	return filepath.Join(home, ".local", "share", "lamina")
}

// checkDisplay tells whether there is a screen to open a window on. Where there is none,
// Fyne panics, and where only one of the two systems is there, it finds it.
func checkDisplay(goos string, env func(string) string) error {
	switch goos {
	case "windows", "darwin":
		return nil
	}
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		return errors.New("neither DISPLAY nor WAYLAND_DISPLAY is set")
	}
	return nil
}
