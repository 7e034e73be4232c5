package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

const rootHelp = `Lamina verifies layered proof of work: chains that borrow their work by merged mining.

  lamina chains                                  the chains it knows
  lamina verify auxpow --chain NAME block.hex    check a merged-mining proof
  lamina demo                                    check real samples, offline

Results go to standard output, everything else to standard error.
Exit codes: 0 verified, 1 refuted, 2 input unreadable or wrong usage.`

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

// session is one run of the program: its streams and the flags that all commands share.
type session struct {
	in        io.Reader
	out, err  io.Writer
	json      bool
	chainDirs []string
	now       func() time.Time
}

// run carries out one command line and returns the exit code.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	s := &session{in: in, out: out, err: errs, now: time.Now}
	root := s.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.Execute()
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
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE:              showHelp,
	}
	flags := c.PersistentFlags()
	flags.BoolVar(&s.json, "json", false, "print one JSON document instead of text")
	flags.StringArrayVar(&s.chainDirs, "chains-dir", nil, "file or folder of chain files to add to the built-in ones (repeatable)")
	c.AddCommand(s.chains(), s.verify(), s.sync(), s.demo(), s.version())
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
