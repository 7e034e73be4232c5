package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const walletHelp = `Make wallets and look after them.

  lamina wallet create main --chain dev
  lamina wallet restore main --chain dev --birthday 2026-01-31
  lamina wallet list

A wallet is a key file in the data folder, under a password. Secrets are asked for on the
terminal, or read from a file or an open file descriptor; never from the command line.`

func (s *session) wallet() *cobra.Command {
	return group("wallet", "make wallets and look after them", walletHelp, s.walletCreate(), s.walletRestore(), s.walletWatch(), s.walletList(),
		s.walletUnlock(), s.walletLock(), s.walletPasswd(), s.walletAddChain(), s.walletAddAccount(), s.walletBackup(), s.walletCheck(), s.walletRepair(), s.walletDescriptor(),
		s.walletGap(), s.walletRescan())
}

// newWalletFlags are what create, restore and watch have in common.
type newWalletFlags struct {
	purseFlags
	chains   []string
	birthday string
	gap      uint32
	accounts uint32
	password secretFlags
}

func (f *newWalletFlags) add(c *cobra.Command) {
	f.purseFlags.add(c, wantWallets)
	c.Flags().StringArrayVar(&f.chains, "chain", nil, "chain that the wallet is for, as lamina chains names it (repeatable)")
	c.Flags().StringVar(&f.birthday, "birthday", "", "day before the first payment, YYYY-MM-DD; nothing older is looked for")
	c.Flags().Uint32Var(&f.gap, "gap", 0, "unused addresses looked for behind the last used one (0: 20)")
	_ = c.MarkFlagRequired("chain")
	f.password.add(c.Flags(), "password")
}

// request asks for what a new wallet wants.
func (s *session) newWallet(ctx context.Context, f *newWalletFlags, name string) (app.NewWallet, error) {
	n := app.NewWallet{Name: name, Chains: f.chains, Gap: f.gap, Accounts: f.accounts}
	a, err := s.open()
	if err != nil {
		return n, err
	}
	for _, chain := range f.chains {
		if _, err := a.Chain(chain); err != nil {
			return n, unreadable(err, "lamina chains lists them; --chains-dir adds your own")
		}
	}
	if f.birthday != "" {
		if n.Birthday, err = time.Parse(time.DateOnly, f.birthday); err != nil || n.Birthday.Unix() <= 0 {
			return n, unreadable(fmt.Errorf("--birthday %q: want YYYY-MM-DD, from 1970-01-02 on", f.birthday), "")
		}
	}
	n.Password, err = s.secret(ctx, &f.password, "password for the new wallet", true)
	return n, err
}

const walletCreateHelp = `Make a wallet with new words.

  lamina wallet create main --chain dev
  lamina wallet create main --chain dev --password-file pw --words-to words.txt

The words are shown once, on the terminal; --words-to writes them to a new file instead.
They never stand in what the command prints.`

func (s *session) walletCreate() *cobra.Command {
	var f newWalletFlags
	var words wordsTarget
	var passphrase secretFlags
	var count int
	c := &cobra.Command{Use: "create NAME", Short: "make a wallet with new words", Long: walletCreateHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.atDesk(c.Context(), &f.purseFlags, wantWallets, func(ctx context.Context, d *desk) (err error) {
				n, err := s.newWallet(ctx, &f, args[0])
				if err != nil {
					return err
				}
				defer n.Password.Wipe()
				n.WordCount = count
				if passphrase.given() {
					if n.Passphrase, err = s.secret(ctx, &passphrase, "passphrase", true); err != nil {
						return err
					}
					defer n.Passphrase.Wipe()
				}
				out, err := s.openWords(&words)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, out.close()) }()
				made, err := d.CreateWallet(ctx, n)
				if err != nil {
					return err
				}
				defer made.Backup.Words.Wipe()
				defer made.Backup.Text.Wipe()
				if err := out.write(&made.Backup); err != nil {
					return unreadable(fmt.Errorf("wallet %s: made, but its words were not written: %w", n.Name, err), "lamina wallet backup "+n.Name+" shows them")
				}
				return d.showWallet(ctx, made.Wallet)
			})
		}}
	f.add(c)
	c.Flags().Uint32Var(&f.accounts, "accounts", 0, "accounts of each kind, at most 20 (0: 1)")
	words.add(c.Flags())
	c.Flags().IntVar(&count, "words-count", 12, "how many words: 12 or 24")
	passphrase.add(c.Flags(), "passphrase")
	return c
}

const walletRestoreHelp = `Make a wallet of words that exist. Payments are looked for from the birthday on.

  lamina wallet restore main --chain dev --birthday 2026-01-31
  lamina wallet restore main --chain dev --words-file words.txt --password-file pw

The file holds the words in one line, or is one that --words-to wrote. Three accounts are looked
for; while the last of them is used, wallet unlock and wallet addaccount --count 0 add the next.`

func (s *session) walletRestore() *cobra.Command {
	var f newWalletFlags
	var words, passphrase secretFlags
	c := &cobra.Command{Use: "restore NAME", Short: "make a wallet of words that exist", Long: walletRestoreHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.atDesk(c.Context(), &f.purseFlags, wantWallets, func(ctx context.Context, d *desk) error {
				text, err := s.secret(ctx, &words, "recovery words", false)
				if err != nil {
					return err
				}
				defer text.Wipe()
				if err := d.checkWords(ctx, text); err != nil {
					return err
				}
				var extra app.Secret
				if passphrase.given() {
					if extra, err = s.secret(ctx, &passphrase, "passphrase", false); err != nil {
						return err
					}
					defer extra.Wipe()
				}
				n, err := s.newWallet(ctx, &f, args[0])
				if err != nil {
					return err
				}
				defer n.Password.Wipe()
				made, err := d.RestoreWallet(ctx, n, text, extra)
				if err != nil {
					return err
				}
				return d.showWallet(ctx, made)
			})
		}}
	f.add(c)
	c.Flags().Uint32Var(&f.accounts, "accounts", 0, "accounts of each kind, at most 20 (0: 3)")
	words.add(c.Flags(), "words")
	passphrase.add(c.Flags(), "passphrase")
	return c
}

// checkWords says what is wrong with recovery words; which words might be meant is shown on the terminal alone.
func (d *desk) checkWords(ctx context.Context, words app.Secret) error {
	check, err := d.CheckWords(ctx, words)
	if err != nil || check.OK {
		return err
	}
	hint := "look at them once more: order and spelling matter"
	if check.Index >= 0 {
		hint = fmt.Sprintf("word %d is the one", check.Index+1)
		if t, err := d.s.terminal(); err == nil && len(check.Suggestions) > 0 {
			t.show(fmt.Sprintf("word %d: perhaps %s\n", check.Index+1, strings.Join(check.Suggestions, ", ")))
			t.close()
		}
	}
	return &failure{code: exitRefuted, err: fmt.Errorf("recovery words: %s", check.Problem), hint: hint}
}

const walletWatchHelp = `Make a wallet that shows money and cannot spend it, of extended public keys or descriptors.

  lamina wallet watch shop --chain dev keys.txt
  lamina wallet descriptor --wallet main | lamina wallet watch shop --chain dev -

The file has one key or descriptor a line. A wallet that several share is one line such as
wsh(sortedmulti(2,KEY,KEY,KEY)) or tr(KEY,sortedmulti_a(2,KEY,KEY)), where each owner's KEY is what
wallet descriptor prints there within the brackets of wpkh(). Plan its payments with psbt create,
let the owners sign with psbt sign, and send with psbt finalize --send.`

func (s *session) walletWatch() *cobra.Command {
	var f newWalletFlags
	c := &cobra.Command{Use: "watch NAME FILE", Short: "make a wallet that cannot spend", Long: walletWatchHelp, Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return s.atDesk(c.Context(), &f.purseFlags, wantWallets, func(ctx context.Context, d *desk) error {
				raw, err := s.read(args[1])
				if err != nil {
					return err
				}
				var keys []string
				for line := range strings.Lines(string(raw)) {
					if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
						keys = append(keys, line)
					}
				}
				n, err := s.newWallet(ctx, &f, args[0])
				if err != nil {
					return err
				}
				defer n.Password.Wipe()
				made, err := d.WatchWallet(ctx, n, keys)
				if err != nil {
					return err
				}
				return d.showWallet(ctx, made)
			})
		}}
	f.add(c)
	return c
}

// walletAnswer goes with the state of each chain, as one about no chain in particular.
type walletAnswer struct {
	Wallets []app.Wallet `json:"wallets"`
	Chains  []chainTrust `json:"chains"`
}

type chainTrust struct {
	Chain string    `json:"chain"`
	Trust app.Trust `json:"trust"`
}

func (d *desk) showWallet(ctx context.Context, w app.Wallet) error {
	return d.showWallets(ctx, []app.Wallet{w})
}

func (d *desk) showWallets(ctx context.Context, all []app.Wallet) error {
	answer := walletAnswer{Wallets: append([]app.Wallet{}, all...), Chains: []chainTrust{}}
	states, err := d.ListChains(ctx)
	if err != nil {
		return err
	}
	for _, c := range states {
		answer.Chains = append(answer.Chains, chainTrust{c.Name, c.Trust})
	}
	if d.s.json {
		return d.s.printJSON(answer)
	}
	return d.s.table("WALLET\tKEYS\tCHAINS\tSTATE", func(w io.Writer) {
		for _, x := range all {
			state := "locked"
			switch {
			case x.Trouble != "":
				state = x.Trouble
			case x.WatchOnly:
				state = "watch-only"
			case x.Unlocked:
				state = "unlocked"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", x.Name, x.Fingerprint, strings.Join(x.Chains, " "), state)
		}
	})
}

// table prints rows under a heading.
func (s *session) table(heading string, rows func(w io.Writer)) error {
	w := tabular(s.out)
	fmt.Fprintln(w, heading)
	rows(w)
	return w.Flush()
}

// tabular sets what is written to it in columns.
func tabular(to io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(to, 0, 0, 2, ' ', 0) }

const walletListHelp = `List the wallets of the data folder.

  lamina wallet list
  lamina wallet list --json`

func (s *session) walletList() *cobra.Command {
	var f purseFlags
	c := &cobra.Command{Use: "list", Short: "list the wallets", Long: walletListHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.atDesk(c.Context(), &f, wantWallets, func(ctx context.Context, d *desk) error {
				all, err := d.ListWallets(ctx)
				if err != nil {
					return err
				}
				return d.showWallets(ctx, all)
			})
		}}
	f.add(c, wantWallets)
	return c
}
