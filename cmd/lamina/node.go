package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/node"
	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/gbt"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

const nodeHelp = `Run a full node for every layer of a stack, and for the L1 if it is the development one.

  lamina node --stack dev --mine
  lamina node --stack dev --mine --mine-to dev=ADDRESS --stratum 127.0.0.1:3333
  lamina node --stack layer-regtest --connect L1=127.0.0.1:18444 --mine \
      --l1-rpc http://127.0.0.1:18443 --l1-cookie FILE

Of any other L1 it follows the headers from its peers; to mine, it takes templates from a full
node of that chain (--l1-rpc) and hands blocks to it. One search serves all chains of the stack.

--mine searches with the processor, --stratum lets mining hardware in, and pools find
createauxblock among the RPC methods. On private networks blocks pay anybody where --mine-to
names no payee.

When all is open it prints a line that begins with "ready", or with --json a document with every
address. Programs find the RPC server by the data folder (rpc.url, .cookie, and rpc.cert where it serves
with TLS). Interrupt it to end it.

Beyond this machine JSON-RPC is served only with TLS:

  lamina node --rpc 0.0.0.0:9332 --rpc-cert CERT --rpc-key KEY --rpc-host NAME --rpc-auth-file USERS
  lamina rpc --rpc https://NAME:9332 --ca CERT --user NAME --password-file FILE getblockcount`

// nodeFlags are what the command line says.
type nodeFlags struct {
	stack                   string
	dir                     string
	connect, listen, payees []string
	mine                    bool
	threads                 int
	every                   time.Duration
	feeVote                 uint16
	upload                  int64
	proxy                   string
	stratum                 string
	l1                      string
	l1User                  string
	l1Password, l1Cookie    string
	serve                   serveFlags
	metrics                 string
	portsFile               string
	settling                settleFlags
	logJSON, verbose        bool
}

func (s *session) node() *cobra.Command {
	var f nodeFlags
	c := &cobra.Command{Use: "node", Short: "run a stack's full node, and mine", Long: nodeHelp + settleHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("mine-every") {
				f.every = -1
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return s.runNode(ctx, &f)
		}}
	flags := c.Flags()
	flags.StringVar(&f.stack, "stack", "dev", "an L1 and all its layers, by the name of any of them, or a layer's chain file")
	flags.StringVar(&f.dir, "data-dir", "", "folder of the chains (default: node/STACK in the data folder)")
	flags.StringArrayVar(&f.connect, "connect", nil, "peer to keep connected, CHAIN=host:port (repeatable)")
	flags.StringArrayVar(&f.listen, "listen", nil, "where to accept peers, CHAIN=host:port, port 0 takes a free one, or CHAIN=none (repeatable)")
	flags.BoolVar(&f.mine, "mine", false, "search for blocks with the processor")
	flags.StringArrayVar(&f.payees, "mine-to", nil, "payee of blocks, CHAIN=ADDRESS (repeatable)")
	flags.IntVar(&f.threads, "mine-threads", 1, "threads that search")
	flags.DurationVar(&f.every, "mine-every", 0, "least time between two L1 blocks of our own (default: 1s on development chains, else none)")
	flags.Uint16Var(&f.feeVote, "fee-vote", 1, "what layer blocks vote for as the fee rate of releases, sat/vB")
	flags.Int64Var(&f.upload, "upload-rate", 0, "bytes a second that all peers together are sent at most; 0: no bound")
	flags.StringVar(&f.proxy, "proxy", "", "SOCKS5 proxy for all connections to peers that we make, host:port")
	flags.StringVar(&f.stratum, "stratum", "", "where mining hardware connects, host:port")
	flags.StringVar(&f.l1, "l1-rpc", "", "RPC address of a full node of the L1, http://HOST:PORT")
	flags.StringVar(&f.l1User, "l1-user", "", "its user")
	flags.StringVar(&f.l1Password, "l1-password-file", "", "file with the user's password")
	flags.StringVar(&f.l1Cookie, "l1-cookie", "", "file with USER:PASSWORD, as full nodes write it")
	f.settling.add(flags)
	f.serve.add(flags)
	flags.StringVar(&f.metrics, "metrics", "", "address for /metrics and /health, host:port; it tells numbers only")
	flags.StringVar(&f.portsFile, "ports-file", "", "file to write the addresses to when all is open, JSON")
	flags.BoolVar(&f.logJSON, "log-json", false, "log as JSON")
	flags.BoolVar(&f.verbose, "verbose", false, "log more")
	c.MarkFlagsRequiredTogether("rpc-cert", "rpc-key")
	c.MarkFlagsRequiredTogether("l1-user", "l1-password-file")
	c.MarkFlagsMutuallyExclusive("l1-user", "l1-cookie")
	return c
}

func (s *session) runNode(ctx context.Context, f *nodeFlags) error {
	cfg, err := s.nodeConfig(f)
	if err != nil {
		return err
	}
	var wipe func()
	cfg.Signers, wipe, err = s.signers(ctx, &f.settling, &cfg.Stack)
	defer wipe()
	if err != nil {
		return err
	}
	n, err := node.Open(cfg)
	var damage *chain.Damage
	switch {
	case errors.As(err, &damage):
		return unreadable(err, damage.Hint)
	case errors.Is(err, chain.ErrInUse):
		return unreadable(err, "a node runs on this data folder; another wants another --data-dir")
	case errors.Is(err, syscall.EADDRINUSE):
		return unreadable(err, "--listen CHAIN=127.0.0.1:0 takes a free port")
	case err != nil:
		return unreadable(err, "lamina node --help shows the flags")
	}
	server := &nodeServer{s: s, flags: f, node: n, cfg: cfg}
	if err = server.run(ctx); errors.As(err, &damage) {
		return unreadable(err, damage.Hint)
	}
	return err
}

// nodeConfig makes a configuration of the flags.
func (s *session) nodeConfig(f *nodeFlags) (cfg node.Config, err error) {
	a, err := s.open()
	if err != nil {
		return cfg, err
	}
	stack, err := nodeStack(a, f.stack)
	if err != nil {
		return cfg, unreadable(err, "lamina chains lists them; --chains-dir adds your own")
	}
	if f.dir == "" {
		f.dir = filepath.Join(defaultDataDir(), "node", stack.L1.Name)
	}
	cfg = node.Config{Stack: stack, DataDir: f.dir, Agent: agent(), Log: slog.New(f.handler(s.err)), Clock: s.now, Upload: f.upload, Proxy: f.proxy,
		Mine: f.mine, Threads: f.threads, MineEvery: f.every, FeeVote: f.feeVote, Stratum: f.stratum,
		Peers: map[string][]string{}, Listen: map[string]string{}, Payouts: map[string][]byte{}}
	if f.every < 0 {
		cfg.MineEvery = 0
		if stack.L1.Network == chains.Dev {
			cfg.MineEvery = time.Second
		}
	}
	if err := f.byChain(&cfg); err != nil {
		return cfg, unreadable(err, "lamina chains shows the chains of a stack")
	}
	if cfg.L1, err = f.access(); err != nil {
		return cfg, unreadable(err, "--l1-rpc http://127.0.0.1:8332 --l1-cookie FILE")
	}
	return cfg, nil
}

// byChain sorts the flags that name a chain.
func (f *nodeFlags) byChain(cfg *node.Config) error {
	all := append([]*chains.Params{cfg.Stack.L1}, cfg.Stack.Layers...)
	return errors.Join(
		eachChain("connect", f.connect, all, func(p *chains.Params, value string) error {
			cfg.Peers[p.Name] = append(cfg.Peers[p.Name], value)
			return hostPort(value)
		}),
		eachChain("listen", f.listen, all, func(p *chains.Params, value string) error {
			cfg.Listen[p.Name] = value
			if value == "none" {
				return nil
			}
			return hostPort(value)
		}),
		eachChain("mine-to", f.payees, all, func(p *chains.Params, value string) error {
			script, err := address.Decode(p, value)
			if err == nil && address.KindOf(p, script) == address.Future {
				err = errors.New("a witness version without rules: anybody could spend it")
			}
			cfg.Payouts[p.Name] = script
			return err
		}))
}

func hostPort(value string) error {
	_, _, err := net.SplitHostPort(value)
	return err
}

// eachChain reads the values CHAIN=VALUE of a flag.
func eachChain(flag string, values []string, all []*chains.Params, take func(*chains.Params, string) error) error {
	for _, text := range values {
		name, value, ok := strings.Cut(text, "=")
		i := slices.IndexFunc(all, func(p *chains.Params) bool { return p.Name == name })
		if !ok || i < 0 {
			return fmt.Errorf("--%s %s: want CHAIN=..., with a chain of the stack of %s", flag, text, all[0].Name)
		}
		if err := take(all[i], value); err != nil {
			return fmt.Errorf("--%s %s: %w", flag, text, err)
		}
	}
	return nil
}

// handler returns how it is logged.
func (f *nodeFlags) handler(to io.Writer) slog.Handler {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if f.verbose {
		o.Level = slog.LevelDebug
	}
	if f.logJSON {
		return slog.NewJSONHandler(to, o)
	}
	return slog.NewTextHandler(to, o)
}

// nodeStack returns the stack that a name or a chain file means.
func nodeStack(a *app.App, name string) (chains.Stack, error) {
	if filepath.Ext(name) == ".toml" {
		p, err := a.AddChain(name)
		if err != nil {
			return chains.Stack{}, err
		}
		name = p.Name
	}
	p, err := a.Chain(name)
	if err != nil {
		return chains.Stack{}, err
	}
	for _, stack := range a.Stacks() {
		if stack.L1 == p || slices.Contains(stack.Layers, p) {
			return stack, nil
		}
	}
	return chains.Stack{}, fmt.Errorf("chain %s: it is in no stack", name)
}

// access returns how to reach the L1's full node; nil if none is named.
func (f *nodeFlags) access() (*gbt.Access, error) {
	if f.l1 == "" {
		return nil, nil
	}
	if u, err := url.Parse(f.l1); err == nil && u.User != nil {
		return nil, errors.New("--l1-rpc: the address is shown to all users of this machine: no password belongs there")
	}
	a := &gbt.Access{URL: f.l1, User: f.l1User}
	switch {
	case f.l1Cookie != "":
		line, err := firstLine(f.l1Cookie)
		if err != nil {
			return nil, err
		}
		user, password, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%s: want USER:PASSWORD", f.l1Cookie)
		}
		a.User, a.Password = user, gbt.Password(password)
	case f.l1Password != "":
		line, err := firstLine(f.l1Password)
		if err != nil {
			return nil, err
		}
		a.Password = gbt.Password(line)
	}
	return a, nil
}
