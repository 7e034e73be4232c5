package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/risk"
)

const securityHelp = `Show how much of the L1's work protects a layer, as measured, and what is wrong if anything is.

  lamina security
  lamina security dev-native
  lamina security dev-native --json
  lamina security dev-native --svg share.svg
  lamina security --offline

Without CHAIN it shows every chain of the wallets. The share is measured over the newest 144 and 2016
L1 blocks, with bounds that hold 95 times in 100. Waits are confirmations that bring the risk of a
payment being undone below 1 in 100 (small), 1 in 1,000 (normal) or 1 in 1,000,000 (large), if an
attacker has the share of the L1's work that --attacker says. What is not known is shown as unknown.`

// securityFlags are what the command line says.
type securityFlags struct {
	purseFlags
	svg      string
	attacker float64
}

func (s *session) security() *cobra.Command {
	var f securityFlags
	c := &cobra.Command{Use: "security [CHAIN]", Short: "show the work behind a chain, as measured", Long: securityHelp, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			err := s.runSecurity(ctx, &f, args)
			if ctx.Err() != nil && err != nil {
				return unreadable(errors.New("interrupted"), "")
			}
			return explained(err)
		}}
	flags := c.Flags()
	flags.StringVar(&f.dir, "data-dir", defaultDataDir(), "folder of the wallets and chains")
	flags.StringArrayVar(&f.connect, "connect", nil, "peer to connect to, host:port or CHAIN=host:port (repeatable)")
	flags.StringVar(&f.proxy, "proxy", "", "SOCKS5 proxy for all connections, host:port")
	flags.BoolVar(&f.offline, "offline", false, "ask nothing of the network: answer as of the last run")
	flags.DurationVar(&f.wait, "wait", 0, "give up if not synced after this time (0: never)")
	addAttacker(flags, &f.attacker)
	flags.StringVar(&f.svg, "svg", "", "write the share over time to this file, as a picture; wants CHAIN")
	return c
}

func (s *session) runSecurity(ctx context.Context, f *securityFlags, names []string) (err error) {
	if err := checkAttacker(f.attacker); err != nil {
		return err
	}
	if f.svg != "" && len(names) == 0 {
		return unreadable(errors.New("--svg: a picture is of one chain"), "lamina security CHAIN --svg FILE")
	}
	if len(names) > 0 {
		if _, err := s.chain(names[0]); err != nil {
			return err
		}
	} else if names, err = s.walletChains(ctx, f.dir); err != nil {
		return err
	}
	b, err := s.backend(ctx, opening{f.dir, names, f.connect, f.proxy, f.offline})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if !f.offline {
		if err := s.awaitChains(ctx, b, names, f.wait); err != nil {
			return err
		}
	}
	all := []app.ChainSecurity{}
	for _, name := range names {
		one, err := b.ChainSecurity(ctx, name, f.attacker)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	if f.svg != "" {
		if err := writeShareSVG(f.svg, &all[0]); err != nil {
			return unreadable(err, "")
		}
	}
	if s.json {
		return s.printJSON(map[string]any{"chains": all})
	}
	for i := range all {
		if i > 0 {
			s.printf("\n")
		}
		if err := s.showSecurity(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// addAttacker adds the flag for the share of the L1's work that risks and waits count with.
func addAttacker(flags *pflag.FlagSet, share *float64) {
	flags.Float64Var(share, "attacker", risk.DefaultAttacker, "share of the L1's work that an attacker is counted with")
}

func checkAttacker(share float64) error {
	if !(share > 0 && share < 1) {
		return unreadable(fmt.Errorf("--attacker %g: want more than 0 and less than 1", share), "0.3 is 30%% of the L1's work")
	}
	return nil
}

// walletChains names the chains of all wallets, and their L1s.
func (s *session) walletChains(ctx context.Context, dir string) (names []string, err error) {
	b, err := s.backend(ctx, opening{dir: dir, offline: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	wallets, err := b.ListWallets(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range wallets {
		for _, chain := range w.Chains {
			if !slices.Contains(names, chain) {
				names = append(names, chain)
			}
		}
	}
	if len(names) == 0 {
		return nil, unreadable(errors.New("no wallet, and no chain named"), "lamina security CHAIN; lamina chains lists them")
	}
	return names, nil
}

// awaitChains waits until chains are synced.
func (s *session) awaitChains(ctx context.Context, b *opened, names []string, most time.Duration) error {
	if most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, most, fmt.Errorf("not synced after %s", most))
		defer cancel()
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := b.ListChains(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(c app.ChainState) bool { return slices.Contains(names, c.Name) && !c.Trust.Synced })
		if i < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			text := fmt.Sprintf("%v: %s", context.Cause(ctx), stageLine(&all[i]))
			return unreadable(errors.New(text), "--connect CHAIN=HOST:PORT names a peer; --offline answers as of the last run")
		case <-tick.C:
		}
	}
}

// showSecurity prints what is measured of one chain.
func (s *session) showSecurity(c *app.ChainSecurity) error {
	heading := c.Chain
	if c.L1 != "" {
		heading += " over " + c.L1
	}
	err := s.table(heading+"\t", func(w io.Writer) {
		for _, win := range c.Windows {
			fmt.Fprintf(w, "share of the L1's work\t%s (%s to %s) over L1 blocks %d to %d\n", percent(win.Share), percent(win.Low), percent(win.High), win.From, win.To)
			fmt.Fprintf(w, "  lent\t%s +- %s: %d layer blocks, %d of the L1 blocks are seals\n", percent(win.Lent), percent(win.LentError), win.Blocks, win.Seals)
		}
		if c.Unknown != "" {
			fmt.Fprintf(w, "share of the L1's work\tunknown: %s\n", c.Unknown)
		} else {
			p := &c.Parent
			fmt.Fprintf(w, "parents of %d blocks\t%d seals, %d near misses, %d unknown; %d stale, %d on side branches\n",
				p.Blocks, p.Seals, p.Near, p.Unknown, p.Stale, p.OffBest)
			fmt.Fprintf(w, "payees\t%d of them mined more than half, at most\n", c.Half)
			for _, pool := range c.Pools {
				name := pool.Payee
				if name == "" {
					name = "(nobody)"
				}
				fmt.Fprintf(w, "  %s\t%s, %d blocks\n", name, percent(pool.Share), pool.Blocks)
			}
		}
		majority := "unknown"
		if c.Majority != nil {
			majority = percent(*c.Majority) + " of the L1's work"
		}
		fmt.Fprintf(w, "an attack always wins with\t%s\n", majority)
		for _, wait := range c.Waits {
			fmt.Fprintf(w, "wait, %s payment\t%s, against %s of the L1's work\n", wait.Size, waitText(&wait), percent(c.Attacker))
		}
		switch {
		case len(c.Alarms) > 0:
		case c.Watched:
			fmt.Fprintf(w, "alarms\tnone\n")
		default:
			fmt.Fprintf(w, "alarms\tunknown: not watched while not synced\n")
		}
	})
	for i := range c.Alarms {
		a := &c.Alarms[i]
		s.printf("ALARM %s: %s\n  %s\n  %s\n", a.Kind, a.Title, a.What, a.Do)
	}
	s.shareChart(c.Points)
	s.printf("%s\n", trustLine(&c.Trust))
	return err
}

func waitText(w *app.Wait) string {
	switch {
	case w.Never:
		return "no number of confirmations suffices"
	case w.Confirmations == nil:
		return "unknown"
	}
	return fmt.Sprintf("%d confirmations", *w.Confirmations)
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }
