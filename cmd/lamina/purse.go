package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
	"github.com/layeredpow/lamina/spv"
)

// need is what a command wants of the data folder.
type need int

const (
	wantWallets need = iota // the wallets' files
	wantRecords             // also what is known of a chain, as of the last time
	wantMoney               // also all that the network knows by now
)

// purseFlags say which wallet on which chain is meant, and how to get there.
type purseFlags struct {
	dir     string
	wallet  string
	chain   string
	connect []string
	proxy   string
	offline bool
	wait    time.Duration
}

func (f *purseFlags) add(c *cobra.Command, what need) {
	flags := c.Flags()
	flags.StringVar(&f.dir, "data-dir", defaultDataDir(), "folder of the wallets")
	if what == wantWallets {
		return
	}
	flags.StringVar(&f.wallet, "wallet", "", "wallet, if there is more than one")
	flags.StringVar(&f.chain, "chain", "", "chain, if the wallet is on more than one")
	flags.StringArrayVar(&f.connect, "connect", nil, "peer to connect to, host:port or CHAIN=host:port (repeatable)")
	flags.StringVar(&f.proxy, "proxy", "", "SOCKS5 proxy for all connections, host:port")
	if what == wantMoney {
		flags.BoolVar(&f.offline, "offline", false, "ask nothing of the network: answer as of the last run")
		flags.DurationVar(&f.wait, "wait", 0, "give up if not synced after this time (0: never)")
	}
}

// allowBloom gives a command the flag by which a user agrees to Bloom filters.
func (s *session) allowBloom(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.bloom, "allow-bloom", nil, "chain whose peers may learn this wallet's addresses: "+
		"where none serves compact filters, two of them match blocks by Bloom filters (BIP37) instead of sending all (repeatable)")
}

// opening says what a Backend is opened for.
type opening struct {
	dir     string
	chains  []string // to follow; none: the wallets' files only
	connect []string
	proxy   string
	offline bool
}

// opened is a Backend, in this process or a daemon's.
type opened struct {
	app.Backend
	remote bool
	close  func() error
}

// openBackend asks the daemon that runs on the folder, else opens the folder.
func (s *session) openBackend(ctx context.Context, o opening) (*opened, error) {
	access, err := rpc.Discover(o.dir)
	if err == nil {
		client, err := rpc.NewClient(access)
		if err != nil {
			return nil, err
		}
		err = client.Call(ctx, nil, "uptime")
		if err == nil && len(s.bloom) > 0 {
			client.Close()
			return nil, unreadable(errors.New("--allow-bloom: a daemon runs on the folder"), "start that with --allow-bloom instead")
		}
		if err == nil {
			return &opened{walletapi.NewClient(client), true, func() error { client.Close(); return nil }}, nil
		}
		if !errors.Is(err, rpc.ErrNoServer) { // else it was killed, and its files are left
			return nil, err
		}
	} else if !errors.Is(err, rpc.ErrNoServer) {
		return nil, err
	}
	local, err := s.openLocal(o, slog.LevelError)
	if err != nil {
		return nil, err
	}
	return &opened{local, false, local.Close}, nil
}

// openLocal opens the folder in this process, as it was begun.
func (s *session) openLocal(o opening, level slog.Level) (*app.Local, error) {
	return s.openVerify(o, app.VerifyAsBegun, level)
}

func (s *session) openVerify(o opening, verify app.Verify, level slog.Level) (*app.Local, error) {
	a, err := s.open()
	if err != nil {
		return nil, err
	}
	follow := syncFlags{chains: o.chains, connect: o.connect}
	all, err := follow.followed(a)
	if err != nil {
		return nil, unreadable(err, "lamina chains lists them; --chains-dir adds your own")
	}
	options := app.LocalOptions{DataDir: o.dir, Chains: all, Proxy: o.proxy, Agent: agent(), Offline: o.offline, Verify: verify, Clock: s.now, AllowBloom: s.bloom,
		Log: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))}
	if len(o.connect) > 0 && len(all) > 0 {
		if options.Peers, err = follow.peers(all); err != nil {
			return nil, unreadable(err, "name peers as host:port, or as CHAIN=host:port where several chains are followed")
		}
	}
	if s.tune != nil {
		s.tune(&options)
	}
	return a.OpenLocal(options)
}

// desk is where a command does its work.
type desk struct {
	*opened
	s    *session
	in   app.Purse
	of   app.Wallet
	unit app.Unit

	unlocked bool // by this command
}

// atDesk opens what a command needs, does the work and closes it.
func (s *session) atDesk(ctx context.Context, f *purseFlags, what need, work func(context.Context, *desk) error) error {
	return interruptible(ctx, func(ctx context.Context) error { return s.work(ctx, f, what, work) })
}

// interruptible does work until it ends or its user has enough of it, and explains what went wrong.
func interruptible(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := work(ctx)
	if ctx.Err() != nil && err != nil {
		return unreadable(errors.New("interrupted"), "")
	}
	return explained(err)
}

func (s *session) work(ctx context.Context, f *purseFlags, what need, work func(context.Context, *desk) error) (err error) {
	b, err := s.backend(ctx, opening{dir: f.dir, offline: true})
	if err != nil {
		return err
	}
	d := &desk{opened: b, s: s}
	defer func() { err = errors.Join(err, d.opened.close()) }()
	if what == wantWallets {
		return work(ctx, d)
	}
	if err := d.choose(ctx, f); err != nil {
		return err
	}
	if !b.remote {
		if err := b.close(); err != nil {
			return err
		}
		d.opened = &opened{close: func() error { return nil }}
		next, err := s.backend(ctx, opening{f.dir, []string{d.in.Chain}, f.connect, f.proxy, f.offline || what == wantRecords})
		if err != nil {
			return err
		}
		d.opened = next
		if what == wantMoney && !f.offline {
			if err := s.awaitSync(ctx, d, f.wait); err != nil {
				return err
			}
		}
	}
	at, err := d.state(ctx)
	if err != nil {
		return err
	}
	d.unit = at.Unit
	return work(ctx, d)
}

// chooseWallet finds the wallet that is meant.
func (d *desk) chooseWallet(ctx context.Context, f *purseFlags) error {
	all, err := d.ListWallets(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(w app.Wallet) bool { return w.Name == f.wallet })
	switch {
	case f.wallet == "" && len(all) == 1:
		i = 0
	case len(all) == 0:
		return unreadable(fmt.Errorf("data folder %s: no wallet", f.dir), "lamina wallet create NAME --chain CHAIN makes one")
	case f.wallet == "":
		return unreadable(fmt.Errorf("wallet: there are %d", len(all)), "say --wallet with one of "+walletNames(all))
	case i < 0:
		return unreadable(fmt.Errorf("wallet %q: there is none of this name", f.wallet), "there is "+walletNames(all))
	}
	d.of = all[i]
	if d.of.Trouble != "" {
		return unreadable(fmt.Errorf("wallet %s: %s", d.of.Name, d.of.Trouble), "lamina wallet repair "+d.of.Name+" puts the backup in place, if there is one")
	}
	return nil
}

// choose finds the wallet and the chain that are meant.
func (d *desk) choose(ctx context.Context, f *purseFlags) error {
	if err := d.chooseWallet(ctx, f); err != nil {
		return err
	}
	chain := f.chain
	switch {
	case chain == "" && len(d.of.Chains) == 1:
		chain = d.of.Chains[0]
	case chain == "":
		return unreadable(fmt.Errorf("wallet %s: is on %d chains", d.of.Name, len(d.of.Chains)), "say --chain with one of "+strings.Join(d.of.Chains, ", "))
	case !slices.Contains(d.of.Chains, chain):
		return unreadable(fmt.Errorf("wallet %s: is not on chain %q", d.of.Name, chain), "it is on "+strings.Join(d.of.Chains, ", "))
	}
	d.in = app.Purse{Wallet: d.of.Name, Chain: chain}
	return nil
}

func walletNames(all []app.Wallet) string {
	var names []string
	for _, w := range all {
		names = append(names, w.Name)
	}
	return strings.Join(names, ", ")
}

// state returns how far the desk's chain is.
func (d *desk) state(ctx context.Context) (app.ChainState, error) {
	all, err := d.ListChains(ctx)
	if err != nil {
		return app.ChainState{}, err
	}
	for _, c := range all {
		if c.Name == d.in.Chain {
			return c, nil
		}
	}
	return app.ChainState{}, unreadable(fmt.Errorf("chain %s: the daemon does not follow it", d.in.Chain), "start lamina daemon with --chain "+d.in.Chain)
}

// trust returns how far an answer of the desk can be relied on.
func (d *desk) trust(ctx context.Context) (app.Trust, error) {
	at, err := d.state(ctx)
	return at.Trust, err
}

// password asks for the wallet's password, unless a session of it is open already or it has no keys.
func (d *desk) password(ctx context.Context, f *secretFlags) (app.Secret, error) {
	if d.unlocked || (d.of.Unlocked || d.of.WatchOnly) && !f.given() {
		return nil, nil
	}
	return d.s.secret(ctx, f, "password of wallet "+d.of.Name, false)
}

// name says what the desk is for.
func (d *desk) name() string { return d.in.Wallet + " on " + d.in.Chain }

// amount writes base units as people do.
func (d *desk) amount(n int64) string { return walletapi.FormatAmount(d.unit, n) + " " + d.unit.Symbol }

// answer prints a result: v as JSON with the trust that it deserves, or what text prints.
func (d *desk) answer(ctx context.Context, v any, text func()) error {
	t, err := d.trust(ctx)
	if err != nil {
		return err
	}
	if d.s.json {
		return d.s.printWith(v, "trust", t)
	}
	text()
	d.s.printf("%s\n", trustLine(&t))
	return nil
}

func peersText(n int) string {
	if n == 1 {
		return "1 peer"
	}
	return fmt.Sprintf("%d peers", n)
}

// printWith prints an object with one more field, unless it has that field already.
func (s *session) printWith(v any, name string, extra any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	if _, ok := fields[name]; !ok {
		more, err := json.Marshal(extra)
		if err != nil {
			return err
		}
		comma := ","
		if len(fields) == 0 {
			comma = ""
		}
		raw = fmt.Appendf(bytes.TrimSuffix(raw, []byte("}")), "%s%q:%s}", comma, name, more)
	}
	return s.printJSON(json.RawMessage(raw))
}

// trustLine says in words how far an answer can be relied on.
func trustLine(t *app.Trust) string {
	state := "not synced"
	switch {
	case t.Offline:
		state = "offline"
	case t.Verified:
		state = "verified"
	case t.Synced:
		state = "synced, not all verified"
	}
	if t.Tip.Height == 0 { // it is the program's own, and as old as the chain
		return fmt.Sprintf("(%s: no block is known yet, %s)", state, peersText(t.Peers))
	}
	if t.Sampled > 0 {
		state += fmt.Sprintf(", sampled up to block %d with %d bits", t.Sampled, t.SampledBits)
	}
	return fmt.Sprintf("(%s: block %d, %s old, %s)", state, t.Tip.Height, time.Duration(t.Age)*time.Second, peersText(t.Peers))
}

// lingerTime is how long a program that ends after a payment stays to hand it out: nodes wait up to four seconds before
// they fetch what a peer that has dialled them announces.
const lingerTime = 6 * time.Second

// handOut gives the network time to hear of a transaction, if the program that tells it is about to end.
func (d *desk) handOut(ctx context.Context, id spv.Hash, offline bool) {
	if d.remote || offline {
		return
	}
	linger := d.s.linger
	if t, err := d.Transaction(ctx, d.in, id); err == nil && t.Private {
		linger *= 5 // a peer has to be dialled first, and it may be another that takes it
	}
	ctx, cancel := context.WithTimeout(ctx, linger)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if t, err := d.Transaction(ctx, d.in, id); err != nil || t.Seen > 0 || (t.Private && t.Took > 0) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// explained gives an error of the Backend its exit code and a hint.
func explained(err error) error {
	var known *failure
	if err == nil || errors.As(err, &known) {
		return err
	}
	f := &failure{code: exitUsage, err: err}
	switch app.CodeOf(err) {
	case app.CodeFunds, app.CodePassword, app.CodeConflict, app.CodeWords:
		f.code = exitRefuted
	case app.CodeConsent:
		f.code, f.hint = exitRefuted, "if you agree, say --accept with the words before the colon (repeatable)"
	case app.CodeLocked:
		f.hint = "give the password by --password-file FILE or --password-fd NUMBER, or on a terminal; lamina wallet unlock opens a session of the daemon"
	case app.CodeInUse:
		f.hint = "another program has the folder open: close it, or run lamina daemon, which commands then ask"
	case app.CodeDamaged:
		f.hint = "lamina wallet repair NAME puts the backup in the place of a damaged file"
	case app.CodeMissing:
		f.hint = "lamina wallet list and lamina history show what there is"
	}
	var folder *app.DataError
	if errors.As(err, &folder) && app.CodeOf(err) != app.CodeInUse {
		f.hint = folder.Hint
	}
	return f
}
