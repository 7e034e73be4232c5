package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const rootHelp = `Lamina verifies layered proof of work, chains that borrow their work by merged mining,
and holds and pays coins on them.

  lamina chains                                  the chains it knows
  lamina verify auxpow --chain NAME block.hex    check a merged-mining proof
  lamina demo                                    check real samples, offline
  lamina wallet create main --chain NAME         make a wallet
  lamina daemon                                  keep wallets in step with the network

Results go to standard output, everything else to standard error.
Exit codes: 0 verified or done, 1 refuted or refused, 2 input unreadable or wrong usage.`

// The exit codes.
const (
	exitOK      = 0
	exitRefuted = 1
	exitUsage   = 2
)

// failure ends the program with a code, and a message unless the result says it all.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// refuted ends the program after a result that is bad news.
var refuted = &failure{code: exitRefuted}

func unreadable(err error, hint string) error { return &failure{code: exitUsage, err: err, hint: hint} }

// session is one run of the program: its streams, the flags that all commands share, and how it reaches what tests put
// something else in the place of.
type session struct {
	in        io.Reader
	out, err  io.Writer
	json      bool
	chainDirs []string
	bloom     []string // chains whose peers may be told Bloom filters
	now       func() time.Time

	terminal   func() (terminal, error)
	descriptor func(int) io.Reader
	backend    func(context.Context, opening) (*opened, error)
	tune       func(*app.LocalOptions) // nil: nothing
	linger     time.Duration
	lonely     time.Duration // longest without a peer
}

func newSession(in io.Reader, out, errs io.Writer) *session {
	s := &session{in: in, out: out, err: errs, now: time.Now, terminal: openScreen, descriptor: openDescriptors(), linger: lingerTime,
		lonely: lonelyTime}
	s.backend = s.openBackend
	return s
}

// run carries out one command line and returns the exit code.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	return newSession(in, out, errs).run(context.Background(), args)
}

// run carries out one command line and returns the exit code.
func (s *session) run(ctx context.Context, args []string) int {
	errs := s.err
	root := s.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(errs)
	err := refuseSecrets(args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return exitOK
	}
	f := &failure{code: exitUsage, err: err, hint: "lamina --help lists the commands"}
	errors.As(err, &f)
	if f.err != nil {
		fmt.Fprintf(errs, "lamina: %v\n", f.err)
		if f.hint != "" {
			fmt.Fprintf(errs, "hint: %s\n", f.hint)
		}
	}
	return f.code
}

func (s *session) root() *cobra.Command {
	c := &cobra.Command{
		Use: "lamina", Short: "verify layered proof of work", Long: rootHelp,
		SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		RunE: showHelp, Version: readBuild().Version,
	}
	c.SetVersionTemplate("lamina {{.Version}}\n")
	flags := c.PersistentFlags()
	flags.BoolVar(&s.json, "json", false, "print one JSON document instead of text")
	flags.StringArrayVar(&s.chainDirs, "chains-dir", nil, "file or folder of chain files to add to the built-in ones (repeatable)")
	c.AddCommand(s.chains(), s.verify(), s.sync(), s.demo(), s.rpc(), s.version())
	c.AddCommand(s.wallet(), s.receive(), s.send(), s.sendMany(), s.balance(), s.history(), s.coins(), s.tx(), s.psbt(), s.label(), s.fee(),
		s.message(), s.security(), s.evidence(), s.prove(), s.daemon(), s.man(), s.node(), s.mine(), s.settler(), s.settle(), s.swap())
	return c
}

func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

// group is a command that only holds others.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.NoArgs, RunE: showHelp}
	c.AddCommand(commands...)
	return c
}

// printJSON writes v as one document.
func (s *session) printJSON(v any) error {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printf writes a part of the result.
func (s *session) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }
