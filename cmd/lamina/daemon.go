package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
)

const daemonHelp = `Keep the wallets of a data folder in step with the network, and serve them over JSON-RPC.

  lamina daemon --connect 127.0.0.1:18444
  lamina daemon --stack dev --rpc 127.0.0.1:29600 --json
  lamina daemon --webhook https://shop.example/paid --webhook-secret-file secret

It follows the chains of the wallets, and those of --stack and --chain. While it runs, the
other commands ask it. Programs find its address and a password for this run in the data
folder (rpc.url, .cookie, and rpc.cert where it serves with TLS); lamina rpc help lists the
methods. Events stream from /events; --webhook also posts those about payments and alarms,
each signed.

--verify sample lets layers that are new to the folder begin by a sampled proof, and --verify all
fetches from genesis what was sampled before, as lamina sync --help says. A wallet that is older
than a sampled start shows no money before all was verified.

When it serves it prints a line that begins with "ready". Interrupt it to end it.`

// daemonFlags are what the command line says.
type daemonFlags struct {
	purseFlags
	stacks, chains []string
	serve          serveFlags
	verify         string
	metrics        string
	webhook        string
	webhookSecret  secretFlags
	verbose        bool
}

func (s *session) daemon() *cobra.Command {
	var f daemonFlags
	c := &cobra.Command{Use: "daemon", Short: "keep wallets in step and serve them", Long: daemonHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return explained(s.runDaemon(ctx, &f))
		}}
	flags := c.Flags()
	flags.StringVar(&f.dir, "data-dir", defaultDataDir(), "folder of the wallets")
	flags.StringArrayVar(&f.stacks, "stack", nil, "an L1 and all its layers, by the name of any of them (repeatable)")
	flags.StringArrayVar(&f.chains, "chain", nil, "a chain, as lamina chains names it (repeatable)")
	flags.StringArrayVar(&f.connect, "connect", nil, "peer to connect to, host:port or CHAIN=host:port (repeatable)")
	flags.StringVar(&f.proxy, "proxy", "", "SOCKS5 proxy for all connections, host:port")
	s.allowBloom(c)
	flags.BoolVar(&f.offline, "offline", false, "ask nothing of the network")
	flags.StringVar(&f.verify, "verify", "", verifyUsage)
	f.serve.add(flags)
	flags.StringVar(&f.metrics, "metrics", "", "address for /metrics and /health, host:port; it tells numbers only")
	flags.StringVar(&f.webhook, "webhook", "", "URL to post payments and alarms to")
	f.webhookSecret.add(flags, "webhook-secret")
	flags.BoolVar(&f.verbose, "verbose", false, "log more")
	return c
}

// daemonChains returns what the daemon follows: what the flags name and what the wallets are on.
func (s *session) daemonChains(ctx context.Context, f *daemonFlags) ([]string, error) {
	a, err := s.open()
	if err != nil {
		return nil, err
	}
	named := syncFlags{stacks: f.stacks, chains: f.chains}
	all, err := named.followed(a)
	if err != nil {
		return nil, unreadable(err, "lamina chains lists them; --chains-dir adds your own")
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	local, err := s.openLocal(opening{dir: f.dir, offline: true}, slog.LevelError)
	if err != nil {
		return nil, err
	}
	wallets, err := local.ListWallets(ctx)
	if err := errors.Join(err, local.Close()); err != nil {
		return nil, err
	}
	for _, w := range wallets {
		for _, name := range w.Chains {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil, unreadable(fmt.Errorf("data folder %s: no wallet", f.dir), "lamina wallet create NAME --chain CHAIN makes one; or say --stack or --chain")
	}
	return names, nil
}

// signingSecret reads the secret that webhooks are signed with. It never asks: a service has nobody to ask.
func (s *session) signingSecret(ctx context.Context, f *daemonFlags) (rpc.Password, error) {
	name := f.webhookSecret.name
	switch wanted := f.webhook != ""; {
	case wanted != f.webhookSecret.given():
		return "", unreadable(fmt.Errorf("%s: given without what it is for, or the other way round", name), "give --"+name+"-file FILE with it")
	case !wanted:
		return "", nil
	}
	got, err := s.secret(ctx, &f.webhookSecret, name, false)
	return rpc.Password(got), err
}

func (s *session) runDaemon(ctx context.Context, f *daemonFlags) (err error) {
	debug.SetGCPercent(lightGC)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	verify, err := readVerify(f.verify)
	if err != nil {
		return err
	}
	if f.offline && verify != app.VerifyAsBegun {
		return unreadable(fmt.Errorf("--verify %s: wants the network, but --offline asks nothing of it", verify), "leave one of them out")
	}
	secret, err := s.signingSecret(ctx, f)
	if err != nil {
		return err
	}
	names, err := s.daemonChains(ctx, f)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	local, err := s.openVerify(opening{f.dir, names, f.connect, f.proxy, f.offline}, verify, level)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, local.Close()) }()
	go func() { // a chain that cannot go on ends the program: half a daemon would only look alive
		select {
		case <-local.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	d := &daemon{s: s, flags: f, backend: local, log: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level})), stop: cancel}
	return d.serve(ctx, names, secret)
}

// daemon serves a Backend.
type daemon struct {
	s       *session
	flags   *daemonFlags
	backend app.Backend
	log     *slog.Logger
	stop    func()
}

// serve serves until the context ends. The folder is ours by now, so that its cookie is.
func (d *daemon) serve(ctx context.Context, names []string, secret rpc.Password) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := d.flags
	l, err := d.s.serveRPC(ctx, &f.serve, f.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	feed := rpc.NewFeed()
	server, err := rpc.New(rpc.Config{Methods: rpc.NewMethods(walletapi.Methods(d.backend)...), Logins: l.Logins, Salted: l.Salted,
		Hosts: f.serve.hosts, Feed: feed, State: walletapi.State(d.backend), Stop: d.stop, Log: d.log})
	if err != nil {
		return err
	}
	jobs := newJobs(cancel)
	defer func() { err = errors.Join(err, jobs.wait()) }()
	defer cancel()
	push, err := d.webhook(ctx, jobs, secret)
	if err != nil {
		return err
	}
	metrics := ""
	if f.metrics != "" {
		at, err := d.watch(ctx, jobs)
		if err != nil {
			return err
		}
		metrics = "http://" + at
	}
	jobs.run(func() error {
		walletapi.Publish(ctx, d.backend, feed, push)
		return nil
	})
	jobs.run(func() error { return server.Serve(ctx, l) })
	d.ready(l.URL, metrics, names)
	<-ctx.Done()
	return nil
}

// ready tells whoever waits for it that the daemon serves, and where.
func (d *daemon) ready(url, metrics string, names []string) {
	if d.s.json {
		_ = d.s.printJSON(map[string]any{"ready": true, "rpc": url, "metrics": metrics, "data_dir": d.flags.dir, "chains": names})
		return
	}
	d.s.printf("ready %s %s\n", url, strings.Join(names, " "))
	if metrics != "" {
		d.s.printf("metrics %s/metrics %s/health\n", metrics, metrics)
	}
}

// webhook starts what posts payments and alarms, if that is wanted.
func (d *daemon) webhook(ctx context.Context, jobs *jobs, secret rpc.Password) (func(rpc.Event), error) {
	if d.flags.webhook == "" {
		return nil, nil
	}
	hook, err := rpc.NewWebhook(d.flags.webhook, secret, func(e rpc.Event, err error) {
		d.log.Warn("webhook", "event", e.ID, "error", err)
	})
	if err != nil {
		return nil, unreadable(err, "")
	}
	jobs.run(func() error {
		hook.Run(ctx)
		return nil
	})
	return hook.Send, nil
}

// watch serves /metrics and /health.
func (d *daemon) watch(ctx context.Context, jobs *jobs) (address string, err error) {
	l, err := net.Listen("tcp", d.flags.metrics)
	if err != nil {
		return "", unreadable(fmt.Errorf("--metrics %s: %w", d.flags.metrics, err), "")
	}
	w := &rpc.Watch{Metrics: d.metrics, Health: func() rpc.Health { return rpc.Judge(stands(d.chains())) },
		Hosts: d.flags.serve.hosts, Log: d.log}
	jobs.run(func() error { return w.Serve(ctx, l) })
	return l.Addr().String(), nil
}

func (d *daemon) chains() []app.ChainState {
	all, err := d.backend.ListChains(context.Background())
	if err != nil {
		return nil
	}
	return all
}

func (d *daemon) metrics() []rpc.Metric {
	all := d.chains()
	return append(metricsOf(all), alarmMetric(all, d.alarms()))
}

func stands(all []app.ChainState) (out []rpc.Stand) {
	for _, c := range all {
		out = append(out, rpc.Stand{Chain: c.Name, Height: c.Trust.Scanned.Height, Best: c.Trust.Tip.Height, Age: c.Trust.Age, Peers: c.Trust.Peers,
			Synced: c.Trust.Verified})
	}
	return out
}

func metricsOf(all []app.ChainState) []rpc.Metric {
	out := []rpc.Metric{
		{Name: "lamina_tip_height", Text: "Highest verified header.", Kind: rpc.Gauge},
		{Name: "lamina_scanned_height", Text: "Block up to which money is known.", Kind: rpc.Gauge},
		{Name: "lamina_tip_age_seconds", Text: "Seconds since the time of the highest header.", Kind: rpc.Gauge},
		{Name: "lamina_peers", Text: "Peers connected.", Kind: rpc.Gauge},
		{Name: "lamina_verified", Text: "1 if synced, scanned to the tip, and no filter is disputed.", Kind: rpc.Gauge},
		{Name: "lamina_received_bytes_total", Text: "Bytes received from peers.", Kind: rpc.Counter},
	}
	for _, c := range all {
		verified := 0.0
		if c.Trust.Verified {
			verified = 1
		}
		for i, n := range []float64{float64(c.Trust.Tip.Height), float64(c.Trust.Scanned.Height), float64(c.Trust.Age), float64(c.Trust.Peers),
			verified, float64(c.Received)} {
			out[i].Values = append(out[i].Values, rpc.Value{Labels: []string{"chain", c.Name}, Number: n})
		}
	}
	return out
}

// jobs are goroutines that end together: when one fails, all are told to end.
type jobs struct {
	cancel func()
	ended  chan error
	count  int
}

func newJobs(cancel func()) *jobs { return &jobs{cancel: cancel, ended: make(chan error, 8)} }

func (j *jobs) run(f func() error) {
	j.count++
	go func() {
		err := f()
		if err != nil {
			j.cancel()
		}
		j.ended <- err
	}()
}

func (j *jobs) wait() (err error) {
	for range j.count {
		err = errors.Join(err, <-j.ended)
	}
	return err
}
