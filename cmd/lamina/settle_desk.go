package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
	"github.com/layeredpow/lamina/spv"
)

// counter is a desk for what moves between the chains of a wallet: all of them are followed. The desk's own chain is the one
// whose transaction is shown.
type counter struct {
	*desk
	units map[string]app.Unit // of the chains that are followed
}

// addCounter adds the flags that say whose money moves, and how to get there.
func (f *purseFlags) addCounter(flags *pflag.FlagSet) {
	flags.StringVar(&f.dir, "data-dir", defaultDataDir(), "folder of the wallets")
	flags.StringVar(&f.wallet, "wallet", "", "wallet, if there is more than one")
	flags.StringArrayVar(&f.connect, "connect", nil, "peer to connect to, CHAIN=host:port (repeatable)")
	flags.StringVar(&f.proxy, "proxy", "", "SOCKS5 proxy for all connections, host:port")
	flags.BoolVar(&f.offline, "offline", false, "ask nothing of the network: answer as of the last run")
	flags.DurationVar(&f.wait, "wait", 0, "give up if not synced after this time (0: never)")
}

// onCounter is a command on one wallet over all its chains.
func (s *session) onCounter(use, short, long string, args cobra.PositionalArgs, f *purseFlags,
	do func(context.Context, *counter, []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: args, RunE: func(c *cobra.Command, args []string) error {
		return s.atCounter(c.Context(), f, func(ctx context.Context, k *counter) error { return do(ctx, k, args) })
	}}
	f.addCounter(c.Flags())
	return c
}

// atCounter opens a wallet with all its chains, in step with the network, does the work and closes it.
func (s *session) atCounter(ctx context.Context, f *purseFlags, work func(context.Context, *counter) error) error {
	return interruptible(ctx, func(ctx context.Context) error { return s.count(ctx, f, work) })
}

func (s *session) count(ctx context.Context, f *purseFlags, work func(context.Context, *counter) error) (err error) {
	b, err := s.backend(ctx, opening{dir: f.dir, offline: true})
	if err != nil {
		return err
	}
	d := &desk{opened: b, s: s}
	defer func() { err = errors.Join(err, d.opened.close()) }()
	if err := d.chooseWallet(ctx, f); err != nil {
		return err
	}
	if !b.remote {
		if err := b.close(); err != nil {
			return err
		}
		d.opened = &opened{close: func() error { return nil }}
		next, err := s.backend(ctx, opening{f.dir, d.of.Chains, f.connect, f.proxy, f.offline})
		if err != nil {
			return err
		}
		d.opened = next
		for _, chain := range d.of.Chains {
			d.in = app.Purse{Wallet: d.of.Name, Chain: chain}
			if f.offline {
				break
			}
			if err := s.awaitSync(ctx, d, f.wait); err != nil {
				return err
			}
		}
	}
	k := &counter{d, map[string]app.Unit{}}
	all, err := d.ListChains(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		k.units[all[i].Name] = all[i].Unit
	}
	k.turn(d.of.Chains[0])
	return work(ctx, k)
}

// turn makes a chain the desk's own.
func (k *counter) turn(chain string) {
	k.in, k.unit = app.Purse{Wallet: k.of.Name, Chain: chain}, k.units[chain]
}

// on writes base units of a chain as people do; of a chain that is not followed, as they are.
func (k *counter) on(chain string, n int64) string {
	u, ok := k.units[chain]
	if !ok {
		return fmt.Sprintf("%d base units of %s", n, chain)
	}
	return walletapi.FormatAmount(u, n) + " " + u.Symbol
}

// read reads an amount in whole coins.
func (k *counter) read(u app.Unit, what, text string) (int64, error) {
	n, err := walletapi.ParseAmount(u, text)
	if err != nil {
		return 0, unreadable(fmt.Errorf("%s: %w", what, err), "amounts are whole coins, such as 0.5")
	}
	return n, nil
}

// about writes a time that is not known better, in its two largest units.
func about(seconds int64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("about %d s", seconds)
	case seconds < 3600:
		return two(seconds, 60, "min", "s")
	case seconds < 48*3600:
		return two(seconds/60, 60, "h", "min")
	}
	return fmt.Sprintf("about %d days", seconds/86400)
}

func two(n, per int64, large, small string) string {
	if n%per == 0 {
		return fmt.Sprintf("about %d %s", n/per, large)
	}
	return fmt.Sprintf("about %d %s %d %s", n/per, large, n%per, small)
}

// peg returns a layer that takes deposits.
func (k *counter) peg(ctx context.Context, layer string) (app.Peg, error) {
	all, err := k.Pegs(ctx)
	if err != nil {
		return app.Peg{}, err
	}
	var names []string
	for i := range all {
		if all[i].Layer == layer {
			return all[i], nil
		}
		names = append(names, all[i].Layer)
	}
	hint := "lamina wallet addchain gives the wallet accounts on a layer and its L1"
	if names != nil {
		hint = "there is " + strings.Join(names, ", ") + "; " + hint
	}
	return app.Peg{}, unreadable(fmt.Errorf("layer %s: no pegged layer of this name is followed", layer), hint)
}

// longestText bounds offers, answers and tickets, bytes.
const longestText = 64 << 10

// text reads an argument that is a text itself, @FILE, or - for standard input.
func (s *session) text(arg string) (string, error) {
	name, isFile := strings.CutPrefix(arg, "@")
	if arg != "-" && !isFile {
		return strings.TrimSpace(arg), nil
	}
	b, err := s.read(name)
	if err != nil {
		return "", err
	}
	if len(b) > longestText {
		return "", unreadable(fmt.Errorf("%s: %d bytes, want at most %d", name, len(b), longestText), "give the file that the other side has written")
	}
	return strings.TrimSpace(string(b)), nil
}

// textFlags say how a text for somebody else is handed over, besides being printed.
type textFlags struct {
	file string
	qr   bool
}

func (f *textFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.file, "output", "o", "", "file to write the text to; it must not be there yet")
	flags.BoolVar(&f.qr, "qr", false, "also draw it as a QR code")
}

// hand writes a text to the file, and returns what is to be printed.
func (f *textFlags) hand(text string) (shown string, err error) {
	shown = text + "\n"
	if f.file != "" {
		if err := writeNew(f.file, []byte(text+"\n")); err != nil {
			return "", err
		}
		shown = "written to " + f.file + "\n"
	}
	if f.qr {
		code, err := qrText(text)
		if err != nil {
			return "", err
		}
		shown += code
	}
	return shown, nil
}

// refundsFile is where refunds are kept outside of the data folder. It is made before anything is signed, so that nothing
// is paid whose way back could not be written down.
type refundsFile struct {
	path string
	f    *os.File
}

func newRefundsFile(path string) (*refundsFile, error) {
	if path == "" || path == "-" {
		return nil, unreadable(errors.New("refunds: want a file to keep them in"), "the file takes the money back even if this machine is lost: name one that will be there then")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, unreadable(fmt.Errorf("%s: it is there already", path), "name another file")
	}
	if err != nil {
		return nil, unreadable(fmt.Errorf("refunds: %w", err), "nothing was signed or sent")
	}
	return &refundsFile{path, f}, nil
}

// keptRefunds is what the file says.
type keptRefunds struct {
	Wallet  string       `json:"wallet"`
	Chain   string       `json:"chain"`
	Funding spv.Hash     `json:"funding_txid"`
	Use     string       `json:"use"`
	Refunds []app.Refund `json:"refunds"`
}

// keep writes the refunds durably: the file and its name.
func (r *refundsFile) keep(in app.Purse, id spv.Hash, refunds []app.Refund) error {
	if len(refunds) == 0 {
		return fmt.Errorf("funding %s: there are no refunds of it", id)
	}
	raw, err := json.MarshalIndent(keptRefunds{in.Wallet, in.Chain, id,
		"From lock on, hand one of them (raw) to a node by sendrawtransaction: the lowest fee rate that it takes. Each pays the wallet alone.", refunds}, "", "  ")
	if err != nil {
		return err
	}
	_, err = r.f.Write(append(raw, '\n'))
	if err = errors.Join(err, r.f.Sync(), syncFolder(filepath.Dir(r.path))); err != nil {
		return unreadable(fmt.Errorf("refunds: %w", err), "nothing was sent")
	}
	return nil
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// close closes the file and, if nothing was written, takes it away.
func (r *refundsFile) close() error {
	at, err := r.f.Stat()
	err = errors.Join(err, r.f.Close())
	if err == nil && at.Size() == 0 {
		return os.Remove(r.path)
	}
	return err
}
