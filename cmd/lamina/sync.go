package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
)

const syncHelp = `Follow chains' headers from peers, judge every one of them and keep them on disk.

  lamina sync --chain NAME --connect 127.0.0.1:18444 --once
  lamina sync --stack NAME --connect L1=HOST:PORT --connect LAYER=HOST:PORT --json

--chain follows one chain, and for a layer its L1 as well, which its proofs need; --stack
follows an L1 and everything that is merge-mined with it. A layer's proofs are held
against the L1 blocks they build on: as long as those are not there yet it waits.

Peers are the ones you name, as HOST:PORT where one chain is followed and CHAIN=HOST:PORT
where several are. For a chain that you name none for they are found by its seeds;
private networks have none. --proxy makes all connections, and looks all names up, through a
SOCKS5 proxy such as Tor, each with a circuit of its own.

--verify sample lets a layer that is new to the folder begin by a sampled proof instead of at its genesis: a megabyte or less that shows, for
a million blocks, that a history of which less than half the work was done after some point would pass with a chance of at most 2^-32, and the
newest 2,880 blocks in full. What rests on it is called sampled everywhere. Only nodes that say so serve such proofs; if no peer does, and
for short chains, all is verified. A wallet that is older than those 2,880 blocks needs all. --verify all verifies all, and fetches again
from genesis what was sampled before. Without either a folder goes on as it was begun, a new one with all.

There is a line for each chain: stage, how much of it is done, height, blocks a second,
bytes received, peers. With --json it is one document a line. With --once the program
ends as soon as all chains are synced, with exit code 0; interrupted before that it ends
with 2.`

// lightGC is the garbage collector's percentage for what runs beside other programs all day: messages of headers leave
// much behind.
const lightGC = 75

// syncFlags are what the command line says.
type syncFlags struct {
	stacks  []string
	chains  []string
	connect []string
	dir     string
	proxy   string
	verify  string
	once    bool
	verbose bool
}

func (s *session) sync() *cobra.Command {
	var f syncFlags
	c := &cobra.Command{
		Use: "sync", Short: "follow chains' headers from peers", Long: syncHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return s.runSync(c.Context(), &f) },
	}
	flags := c.Flags()
	flags.StringArrayVar(&f.stacks, "stack", nil, "an L1 and all its layers, by the name of any of them (repeatable)")
	flags.StringArrayVar(&f.chains, "chain", nil, "a chain, as lamina chains names it (repeatable)")
	flags.StringArrayVar(&f.connect, "connect", nil, "connect to this peer, and to none that is not named: host:port or CHAIN=host:port (repeatable)")
	flags.StringVar(&f.dir, "data-dir", defaultDataDir(), "folder that the headers are kept in")
	flags.StringVar(&f.proxy, "proxy", "", "SOCKS5 proxy for all connections, host:port")
	flags.StringVar(&f.verify, "verify", "", verifyUsage)
	flags.BoolVar(&f.once, "once", false, "end as soon as all is synced")
	flags.BoolVar(&f.verbose, "verbose", false, "log what happens with peers to standard error")
	c.MarkFlagsOneRequired("stack", "chain")
	return c
}

const verifyUsage = "all, or sample: how much of layers' histories (default: as the folder was begun, a new one with all)"

func readVerify(text string) (app.Verify, error) {
	switch v := app.Verify(text); v {
	case app.VerifyAsBegun, app.VerifyAll, app.VerifySample:
		return v, nil
	}
	return "", unreadable(fmt.Errorf("--verify %s: want all or sample", text), "leave it out to go on as the folder was begun")
}

// defaultDataDir is where the system keeps a program's data for a user.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "lamina")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "lamina-data"
	}
	return filepath.Join(home, ".local", "share", "lamina")
}

func (s *session) runSync(ctx context.Context, f *syncFlags) error {
	debug.SetGCPercent(lightGC)
	a, err := s.open()
	if err != nil {
		return err
	}
	verify, err := readVerify(f.verify)
	if err != nil {
		return err
	}
	follow := app.Follow{DataDir: f.dir, Agent: agent(), Proxy: f.proxy, Verify: verify, Clock: s.now}
	if follow.Chains, err = f.followed(a); err != nil {
		return unreadable(err, "lamina chains lists them; --chains-dir adds your own")
	}
	if follow.Peers, err = f.peers(follow.Chains); err != nil {
		return unreadable(err, "name peers as host:port, or as CHAIN=host:port where several chains are followed")
	}
	for _, p := range follow.Chains {
		if len(follow.Peers[p.Name]) == 0 && !app.FindsPeers(p) {
			return unreadable(fmt.Errorf("%s: no peer is named, and it has no seeds to find any by", p.Name),
				"name one with --connect host:port, or --connect CHAIN=host:port where several chains are followed")
		}
	}
	if _, _, err := net.SplitHostPort(f.proxy); f.proxy != "" && err != nil {
		return unreadable(fmt.Errorf("--proxy %s: %w", f.proxy, err), "Tor's is 127.0.0.1:9050 as a rule")
	}
	level := slog.LevelError
	if f.verbose {
		level = slog.LevelDebug
	}
	follow.Log = slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return s.follow(ctx, &follow, f.once)
}

// follow shows how it goes until the context ends or, if once, all is synced.
func (s *session) follow(ctx context.Context, follow *app.Follow, once bool) error {
	ctx, done := context.WithCancel(ctx)
	defer done()
	lines := newSyncLines(s, follow.Chains)
	synced := false
	err := follow.Run(ctx, func(p app.Progress) {
		lines.show(p, s.now())
		if once && !synced && lines.synced() {
			synced = true
			done()
		}
	})
	lines.end()
	var open *app.DataError
	switch {
	case errors.As(err, &open):
		return unreadable(err, open.Hint)
	case err != nil:
		return unreadable(err, "")
	case once && !synced:
		return unreadable(errors.New("interrupted before all was synced"), "run it again: it continues where it stood")
	}
	return nil
}

// followed returns the chains that the flags name, and the L1s that their layers need, each
// L1 before its layers.
func (f *syncFlags) followed(a *app.App) ([]*chains.Params, error) {
	var all []*chains.Params
	add := func(p *chains.Params) {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	for _, name := range f.stacks {
		p, err := a.Chain(name)
		if err != nil {
			return nil, err
		}
		for _, stack := range a.Stacks() {
			if stack.L1 == p || slices.Contains(stack.Layers, p) {
				add(stack.L1)
				for _, layer := range stack.Layers {
					add(layer)
				}
			}
		}
	}
	for _, name := range f.chains {
		below, err := a.Chain(name)
		if err != nil {
			return nil, err
		}
		path := []*chains.Params{below}
		for below.Kind.Layered() {
			if below, err = a.Chain(below.Parent); err != nil {
				return nil, err
			}
			path = append(path, below)
		}
		for _, p := range slices.Backward(path) {
			add(p)
		}
	}
	return all, nil
}

// peers sorts the addresses of --connect by chain.
func (f *syncFlags) peers(all []*chains.Params) (map[string][]string, error) {
	peers := map[string][]string{}
	for _, arg := range f.connect {
		name, address, named := strings.Cut(arg, "=")
		switch {
		case !named && len(all) > 1:
			return nil, fmt.Errorf("--connect %s: which of the %d chains is it for?", arg, len(all))
		case !named:
			name, address = all[0].Name, arg
		case !slices.ContainsFunc(all, func(p *chains.Params) bool { return p.Name == name }):
			return nil, fmt.Errorf("--connect %s: %q is not followed", arg, name)
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("--connect %s: %w", arg, err)
		}
		peers[name] = append(peers[name], address)
	}
	return peers, nil
}
