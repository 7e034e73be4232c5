// Command lamina-desktop is the desktop app: it reads its flags, loads the chains, holds the
// data folder and opens the window; it starts the full node that comes beside it, as a process
// of its own, and ends it. It is the only package that needs cgo; it judges and mines
// nothing itself.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui"
)

// Exit codes: the window could not be opened; flags, chain files or settings are wrong; the
// data folder failed.
const (
	exitNoWindow = 1
	exitUsage    = 2
	exitFolder   = 3
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
	if handOver(o.folder, o.request) {
		return 0 // the window that is open shows it
	}
	backend, err := app.Open(app.Options{Chains: o.chains})
	if err != nil {
		fmt.Fprintf(stderr, "lamina-desktop: %v\nhint: check a chain file with `lamina chains check FILE`\n", err)
		return exitUsage
	}
	for chain := range o.peers {
		if _, err := backend.Chain(chain); err != nil {
			fmt.Fprintf(stderr, "lamina-desktop: --connect: %v\n", err)
			return exitUsage
		}
	}
	data, err := openFolder(backend, o.folder, o.peers)
	if err != nil {
		fmt.Fprintf(stderr, "lamina-desktop: %v\nhint: correct the file or move it away; wallets are not in it\n", err)
		return exitUsage
	}
	data.node.program, data.node.extra = findNode(), o.chains
	if err := checkDisplay(runtime.GOOS, env); err != nil {
		return noWindow(stderr, err)
	}
	code := window(backend, data, o.request, stderr)
	if err := data.Close(); err != nil {
		fmt.Fprintf(stderr, "lamina-desktop: %v\n", err)
		return exitFolder
	}
	return code
}

// window shows the app until it is closed.
func window(rules ui.Rules, data ui.Program, request string, stderr io.Writer) (code int) {
	defer func() {
		if reason := recover(); reason != nil { // how Fyne says that there is no display
			code = noWindow(stderr, fmt.Errorf("%v", reason))
		}
	}()
	fyneapp.SetMetadata(metadata())
	debug.SetGCPercent(50) // texts that scroll by leave much behind; half as much is kept for little time
	a := fyneapp.New()
	watchdog := time.AfterFunc(patience, func() {
		os.Exit(noWindow(stderr, fmt.Errorf("no window after %s: is there OpenGL 2.1 or newer?", patience)))
	})
	u := ui.New(a, rules, data)
	var (
		starts io.Closer
		err    error
	)
	a.Lifecycle().SetOnStarted(func() { // from here on others may ask for something to be done on the UI goroutine
		watchdog.Stop()
		if starts, err = listenForStarts(data.Folder(), func(text string) { fyne.Do(func() { u.HandOver(text) }) }); err != nil {
			fmt.Fprintf(stderr, "lamina-desktop: later starts are not heard: %v\n", err)
		}
	})
	startRest(u)
	u.Show()
	if request != "" {
		u.HandOver(request)
	}
	a.Run()
	if starts != nil {
		_ = starts.Close() // the process ends
	}
	u.Close()
	return 0
}

// metadata is what the system is told of the program: what FyneApp.toml tells Fyne's own tool.
func metadata() fyne.AppMetadata {
	return fyne.AppMetadata{ID: "org.layeredpow.lamina", Name: "Lamina", Version: version(), Build: 1,
		Icon: fyne.NewStaticResource("icon.png", assets.Icon), Migrations: map[string]bool{"fyneDo": true}}
}

func noWindow(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "lamina-desktop: no window: %v\nhint: the command line needs no screen: lamina --help\n", err)
	return exitNoWindow
}
