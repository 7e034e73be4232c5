package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

// onWallet is a command on one wallet's key file, which is its argument, or the only one there is.
func (s *session) onWallet(use, short, long string, f *purseFlags, do func(context.Context, *desk) error) *cobra.Command {
	c := &cobra.Command{Use: use + " [NAME]", Short: short, Long: long, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.atDesk(c.Context(), f, wantWallets, func(ctx context.Context, d *desk) error {
				all, err := d.ListWallets(ctx)
				if err != nil {
					return err
				}
				switch {
				case len(args) == 1:
					d.of = app.Wallet{Name: args[0]}
					for _, w := range all {
						if w.Name == args[0] {
							d.of = w
						}
					}
				case len(all) == 1:
					d.of = all[0]
				default:
					return unreadable(fmt.Errorf("wallet: there are %d", len(all)), "name the one that is meant; lamina wallet list lists them")
				}
				return do(ctx, d)
			})
		}}
	f.add(c, wantWallets)
	return c
}

const walletUnlockHelp = `Let the daemon sign for a wallet without a password until the wallet was idle for a time.

  lamina wallet unlock main --for 10m
  lamina wallet unlock --for 1h --password-file pw

It wants a running lamina daemon: without one the session would end with this command.`

func (s *session) walletUnlock() *cobra.Command {
	var f purseFlags
	var password secretFlags
	var idle time.Duration
	c := s.onWallet("unlock", "let the daemon sign for a time", walletUnlockHelp, &f, func(ctx context.Context, d *desk) error {
		if !d.remote {
			return unreadable(errors.New("unlock: no daemon runs on the folder"), "start lamina daemon; or give the password with each payment")
		}
		given, err := s.secret(ctx, &password, "password of wallet "+d.of.Name, false)
		if err != nil {
			return err
		}
		defer given.Wipe()
		w, err := d.Unlock(ctx, d.of.Name, given, idle)
		if err != nil {
			return err
		}
		return d.showWallet(ctx, w)
	})
	password.add(c.Flags(), "password")
	c.Flags().DurationVar(&idle, "for", 10*time.Minute, "time without use after which it locks itself, a day at most")
	return c
}

const walletLockHelp = `Lock a wallet that the daemon has unlocked.

  lamina wallet lock main`

func (s *session) walletLock() *cobra.Command {
	var f purseFlags
	return s.onWallet("lock", "lock a wallet", walletLockHelp, &f, func(ctx context.Context, d *desk) error {
		if err := d.Lock(ctx, d.of.Name); err != nil {
			return err
		}
		d.of.Unlocked = false
		return d.showWallet(ctx, d.of)
	})
}

const walletPasswdHelp = `Give a wallet another password.

  lamina wallet passwd main
  lamina wallet passwd --password-file old --new-password-file new`

func (s *session) walletPasswd() *cobra.Command {
	var f purseFlags
	var password, next secretFlags
	c := s.onWallet("passwd", "change a password", walletPasswdHelp, &f, func(ctx context.Context, d *desk) error {
		old, err := s.secret(ctx, &password, "password of wallet "+d.of.Name, false)
		if err != nil {
			return err
		}
		defer old.Wipe()
		fresh, err := s.secret(ctx, &next, "new password", true)
		if err != nil {
			return err
		}
		defer fresh.Wipe()
		if err := d.ChangePassword(ctx, d.of.Name, old, fresh); err != nil {
			return err
		}
		return d.showWallet(ctx, d.of)
	})
	password.add(c.Flags(), "password")
	next.add(c.Flags(), "new-password")
	return c
}

const walletAddChainHelp = `Give a wallet accounts on further chains. Its words stay the same.

  lamina wallet addchain main --chain dev-native
  lamina wallet addchain --chain dev-native --password-file pw`

func (s *session) walletAddChain() *cobra.Command {
	var f purseFlags
	var password secretFlags
	var chains []string
	c := s.onWallet("addchain", "give a wallet accounts on further chains", walletAddChainHelp, &f, func(ctx context.Context, d *desk) error {
		given, err := s.secret(ctx, &password, "password of wallet "+d.of.Name, false)
		if err != nil {
			return err
		}
		defer given.Wipe()
		w, err := d.AddChains(ctx, d.of.Name, given, chains)
		if err != nil {
			return err
		}
		return d.showWallet(ctx, w)
	})
	password.add(c.Flags(), "password")
	c.Flags().StringArrayVar(&chains, "chain", nil, "chain to add, as lamina chains names it (repeatable)")
	_ = c.MarkFlagRequired("chain")
	return c
}

const walletAddAccountHelp = `Give a wallet further accounts of every kind, on each of its chains. What was paid to them
is looked for from the wallet's birthday on. With --count 0 one is added if the last one is
used, as may be after wallet restore, which looks for three; wallet unlock does the same.

  lamina wallet addaccount main
  lamina wallet addaccount --count 0 --password-file pw`

func (s *session) walletAddAccount() *cobra.Command {
	var f purseFlags
	var password secretFlags
	var count uint32
	c := s.onWallet("addaccount", "give a wallet further accounts", walletAddAccountHelp, &f, func(ctx context.Context, d *desk) error {
		given, err := s.secret(ctx, &password, "password of wallet "+d.of.Name, false)
		if err != nil {
			return err
		}
		defer given.Wipe()
		w, err := d.AddAccounts(ctx, d.of.Name, given, count)
		if err != nil {
			return err
		}
		return d.showWallet(ctx, w)
	})
	password.add(c.Flags(), "password")
	c.Flags().Uint32Var(&count, "count", 1, "how many, 20 in all at most (0: one, if the last is used)")
	return c
}

const walletBackupHelp = `Show a wallet's words once more, to be written down.

  lamina wallet backup main
  lamina wallet backup --password-file pw --words-to words.txt`

func (s *session) walletBackup() *cobra.Command {
	var f purseFlags
	var password secretFlags
	var words wordsTarget
	c := s.onWallet("backup", "show a wallet's words", walletBackupHelp, &f, func(ctx context.Context, d *desk) (err error) {
		given, err := s.secret(ctx, &password, "password of wallet "+d.of.Name, false)
		if err != nil {
			return err
		}
		defer given.Wipe()
		out, err := s.openWords(&words)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, out.close()) }()
		b, err := d.Backup(ctx, d.of.Name, given)
		if err != nil {
			return err
		}
		defer b.Words.Wipe()
		defer b.Text.Wipe()
		if err := out.write(&b); err != nil {
			return err
		}
		return d.showWallet(ctx, d.of)
	})
	password.add(c.Flags(), "password")
	words.add(c.Flags())
	return c
}

const walletCheckHelp = `Check that words that were written down are those of a wallet. Exit code 1: they are not.

  lamina wallet check main
  lamina wallet check --words-file words.txt`

func (s *session) walletCheck() *cobra.Command {
	var f purseFlags
	var words, passphrase secretFlags
	c := s.onWallet("check", "check a backup", walletCheckHelp, &f, func(ctx context.Context, d *desk) error {
		text, err := s.secret(ctx, &words, "recovery words", false)
		if err != nil {
			return err
		}
		defer text.Wipe()
		var extra app.Secret
		if passphrase.given() {
			if extra, err = s.secret(ctx, &passphrase, "passphrase", false); err != nil {
				return err
			}
			defer extra.Wipe()
		}
		check, err := d.CheckBackup(ctx, d.of.Name, text, extra)
		if err != nil {
			return err
		}
		if s.json {
			err = s.printJSON(check)
		} else {
			s.printf("words  %s\nfile   %s\n", yesNo(check.Words, "are those of the wallet", "are not those of the wallet"),
				yesNo(check.File == "", "its copy is whole and the same", check.File))
		}
		if err == nil && (!check.Words || check.File != "") {
			err = refuted
		}
		return err
	})
	words.add(c.Flags(), "words")
	passphrase.add(c.Flags(), "passphrase")
	return c
}

func yesNo(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

const walletRepairHelp = `Put the backup of a key file in its place, if the file is damaged or gone.

  lamina wallet repair main`

func (s *session) walletRepair() *cobra.Command {
	var f purseFlags
	return s.onWallet("repair", "put the backup of a key file in its place", walletRepairHelp, &f, func(ctx context.Context, d *desk) error {
		w, err := d.RestoreFile(ctx, d.of.Name)
		if err != nil {
			return err
		}
		return d.showWallet(ctx, w)
	})
}

// onPurse is a command on one wallet's side of a chain.
func (s *session) onPurse(use, short, long string, args cobra.PositionalArgs, f *purseFlags, what need,
	do func(context.Context, *desk, []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: args, RunE: func(c *cobra.Command, args []string) error {
		return s.atDesk(c.Context(), f, what, func(ctx context.Context, d *desk) error { return do(ctx, d, args) })
	}}
	f.add(c, what)
	if what == wantMoney {
		s.allowBloom(c)
	}
	return c
}

const walletDescriptorHelp = `Print a wallet's output descriptors on a chain (BIP380). Whoever has them sees its whole
history there, and cannot spend.

  lamina wallet descriptor
  lamina wallet descriptor --wallet main --chain dev`

func (s *session) walletDescriptor() *cobra.Command {
	var f purseFlags
	return s.onPurse("descriptor", "print a wallet's descriptors", walletDescriptorHelp, cobra.NoArgs, &f, wantRecords,
		func(ctx context.Context, d *desk, _ []string) error {
			list, err := d.Descriptors(ctx, d.in)
			if err != nil {
				return err
			}
			if s.json {
				t, err := d.trust(ctx)
				if err != nil {
					return err
				}
				return s.printWith(map[string]any{"descriptors": list}, "trust", t)
			}
			s.printf("%s\n", strings.Join(list, "\n"))
			return nil
		})
}

const walletGapHelp = `Look for payments to more unused addresses behind the last used one.

  lamina wallet gap 200`

func (s *session) walletGap() *cobra.Command {
	var f purseFlags
	return s.onPurse("gap NUMBER", "look for payments deeper", walletGapHelp, cobra.ExactArgs(1), &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			n, err := number(args[0], 1, 10_000)
			if err != nil {
				return err
			}
			if err := d.SetGap(ctx, d.in, uint32(n)); err != nil {
				return err
			}
			list, err := d.Accounts(ctx, d.in)
			if err != nil {
				return err
			}
			return d.answer(ctx, map[string]any{"accounts": list}, func() {
				for i := range list {
					a := &list[i]
					s.printf("%s  %s  gap %d  used %d\n", accountName(a), a.Kind, a.Gap, a.Used)
				}
			})
		})
}

const walletRescanHelp = `Look through all blocks from a height on once more, now or when the network is there.

  lamina wallet rescan 100`

func (s *session) walletRescan() *cobra.Command {
	var f purseFlags
	return s.onPurse("rescan HEIGHT", "look through blocks once more", walletRescanHelp, cobra.ExactArgs(1), &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			from, err := number(args[0], 0, 1<<31-1)
			if err != nil {
				return err
			}
			if err := d.Rescan(ctx, d.in, int32(from)); err != nil {
				return err
			}
			return d.answer(ctx, map[string]any{"from": from}, func() { s.printf("from block %d on\n", from) })
		})
}
