// Command lamina-desktop is the desktop app: it reads its flags, loads the chains and opens
// the window. It is the only package that needs cgo; it judges, mines and connects to
// nothing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui"
)

// Exit codes: the window could not be opened; flags or chain files are wrong.
const (
	exitNoWindow = 1
	exitUsage    = 2
)

// patience is how long a window may take to appear. Without OpenGL Fyne would wait for
// ever.
const patience = 30 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

func run(args []string, env func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	case o.version:
		fmt.Fprintf(stdout, "lamina-desktop %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return 0
	}
	backend, err := app.Open(app.Options{Chains: o.chains})
	if err != nil {
		fmt.Fprintf(stderr, "lamina-desktop: %v\nhint: check a chain file with `lamina chains check FILE`\n", err)
		return exitUsage
	}
	if err := checkDisplay(runtime.GOOS, env); err != nil {
		return noWindow(stderr, err)
	}
	return window(backend, stderr)
}

// window shows the app until it is closed.
func window(backend ui.Backend, stderr io.Writer) (code int) {
	defer func() {
		if reason := recover(); reason != nil { // how Fyne says that there is no display
			code = noWindow(stderr, fmt.Errorf("%v", reason))
		}
	}()
	fyneapp.SetMetadata(fyne.AppMetadata{
		ID: "org.layeredpow.lamina", Name: "Lamina", Version: version(), Icon: fyne.NewStaticResource("icon.png", assets.Icon),
		Migrations: map[string]bool{"fyneDo": true},
	})
	a := fyneapp.New()
	watchdog := time.AfterFunc(patience, func() {
		os.Exit(noWindow(stderr, fmt.Errorf("no window after %s: is there OpenGL 2.1 or newer?", patience)))
	})
	a.Lifecycle().SetOnStarted(func() { watchdog.Stop() })
	u := ui.New(a, backend)
	u.Show()
	a.Run()
	u.Close()
	return 0
}

func noWindow(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "lamina-desktop: no window: %v\nhint: the command line needs no screen: lamina --help\n", err)
	return exitNoWindow
}
