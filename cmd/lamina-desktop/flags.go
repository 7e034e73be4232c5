package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime/debug"
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
	version bool
}

const usage = `lamina-desktop shows the chains and verifies headers, merged-mining proofs and blocks.

  lamina-desktop
  lamina-desktop --chains-dir ~/layers

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
	set.BoolVar(&o.version, "version", false, "print the version and exit")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		err := fmt.Errorf("argument %q: want flags only", set.Arg(0))
		fmt.Fprintf(stderr, "lamina-desktop: %v\n", err)
		return o, err
	}
	return o, nil
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
