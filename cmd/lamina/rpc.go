package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/rpc"
)

const rpcHelp = `Call a method of a running node or wallet daemon.

  lamina rpc help
  lamina rpc getblockcount
  lamina rpc --chain dev-native getblock BLOCKHASH 2
  lamina rpc --named getblockhash height=0
  lamina rpc --stdin walletpassphrase < secret.txt

Flags come before the method. The server is found by the files .cookie and rpc.url in the data folder;
--rpc URL names another one, together with --cookie FILE, or --user NAME and --password-file FILE.

An argument that is a number, true, false, null, an object, an array or a text in quotes is taken as
JSON, anything else as text. With --stdin every line of standard input is one more argument, so that
secrets are seen neither in the list of processes nor in the shell's history.

A text is printed as it is, everything else as JSON. Exit codes: 0 done, 1 the server answers with an
error, 2 nobody answers, or wrong usage.`

// maxStdin is how much of standard input is read for arguments, bytes.
const maxStdin = rpc.MaxBody

// rpcFlags are what the command line says.
type rpcFlags struct {
	dir, url     string
	cookie       string
	user         string
	passwordFile string
	ca           string
	chain        string
	wallet       string
	named, stdin bool
	timeout      time.Duration
}

func (s *session) rpc() *cobra.Command {
	var f rpcFlags
	c := &cobra.Command{
		Use: "rpc [flags] METHOD [ARGUMENT...]", Short: "call a method of a running node or daemon", Long: rpcHelp,
		Args: cobra.MinimumNArgs(1), RunE: func(c *cobra.Command, args []string) error { return s.runRPC(c, &f, args) },
	}
	flags := c.Flags()
	flags.SetInterspersed(false) // what follows the method is its own, -1 for instance
	flags.StringVar(&f.dir, "data-dir", defaultDataDir(), "data folder of the server")
	flags.StringVar(&f.url, "rpc", "", "server's address, http://127.0.0.1:PORT or https://HOST:PORT")
	flags.StringVar(&f.cookie, "cookie", "", "file with USER:PASSWORD (default: .cookie in the data folder)")
	flags.StringVar(&f.user, "user", "", "user's name, if not the cookie's")
	flags.StringVar(&f.passwordFile, "password-file", "", "file with the user's password")
	flags.StringVar(&f.ca, "ca", "", "file with the certificate, or its issuer's, that an https server shows (PEM)")
	flags.StringVar(&f.chain, "chain", "", "chain to ask about (default: the server's own)")
	flags.StringVar(&f.wallet, "wallet", "", "wallet to ask about (default: the server's own)")
	flags.BoolVar(&f.named, "named", false, "arguments are NAME=VALUE")
	flags.BoolVar(&f.stdin, "stdin", false, "take more arguments from standard input, one a line")
	flags.DurationVar(&f.timeout, "timeout", 15*time.Minute, "how long to wait for the answer")
	c.MarkFlagsRequiredTogether("user", "password-file")
	c.MarkFlagsMutuallyExclusive("user", "cookie")
	return c
}

func (s *session) runRPC(c *cobra.Command, f *rpcFlags, args []string) error {
	access, err := f.access()
	if err != nil {
		return unreadable(err, "start a server with this --data-dir, or name one with --rpc and --cookie")
	}
	client, err := rpc.NewClient(access)
	if err != nil {
		return unreadable(err, "")
	}
	method, args := args[0], args[1:]
	if f.stdin {
		more, err := lines(s.in)
		if err != nil {
			return unreadable(err, "")
		}
		args = append(args[:len(args):len(args)], more...)
	}
	var result json.RawMessage
	if f.named {
		params, bad := namedArguments(args)
		if bad != nil {
			return unreadable(bad, "lamina rpc help "+method+" names the parameters")
		}
		err = client.CallNamed(c.Context(), &result, method, params)
	} else {
		err = client.Call(c.Context(), &result, method, arguments(args)...)
	}
	var answered *rpc.Error
	switch {
	case errors.As(err, &answered):
		return &failure{code: exitRefuted, err: fmt.Errorf("error code: %d\nerror message:\n%s", answered.Code, answered.Message),
			hint: "lamina rpc help lists the methods"}
	case errors.Is(err, rpc.ErrNoServer):
		return unreadable(err, "start it, or name its address with --rpc")
	case err != nil:
		return unreadable(err, "")
	}
	return s.printResult(result)
}

// access returns how to reach the server, and as whom.
func (f *rpcFlags) access() (a rpc.Access, err error) {
	if f.url == "" {
		if a, err = rpc.Discover(f.dir); err != nil {
			return a, err
		}
	} else {
		a.URL = f.url
	}
	a.Chain, a.Wallet, a.Wait = f.chain, f.wallet, f.timeout
	switch {
	case f.user != "":
		password, err := firstLine(f.passwordFile)
		if err != nil {
			return a, err
		}
		a.Login = rpc.Login{User: f.user, Password: rpc.Password(password)}
	case f.cookie != "":
		if a.Login, err = rpc.ReadCookie(f.cookie); err != nil {
			return a, err
		}
	case f.url != "": // never the data folder's cookie: it is for the data folder's server alone
		return a, errors.New("--rpc: want --cookie, or --user with --password-file")
	}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return a, err
		}
		if a.TLS, err = rpc.TrustOnly(pem); err != nil {
			return a, fmt.Errorf("%s: %w", f.ca, err)
		}
	}
	return a, nil
}

// firstLine returns the first line of a file.
func firstLine(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("%s: its first line is empty", name)
	}
	return line, nil
}

// lines returns the lines of an input.
func lines(from io.Reader) ([]string, error) {
	in := bufio.NewScanner(io.LimitReader(from, maxStdin+1))
	in.Buffer(nil, maxStdin)
	var all []string
	for in.Scan() {
		all = append(all, in.Text())
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return all, nil
}

// argument returns what an argument stands for: JSON where it is that, else a text.
func argument(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text) // as it is written: hex digits that look like a number stay those digits
	}
	return text
}

func arguments(texts []string) []any {
	var all []any
	for _, text := range texts {
		all = append(all, argument(text))
	}
	return all
}

// namedArguments reads NAME=VALUE.
func namedArguments(texts []string) (map[string]any, error) {
	all := map[string]any{}
	for i, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("argument %d: want NAME=VALUE", i+1) // it may be secret
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("argument %d: %s is given twice", i+1, name)
		}
		all[name] = argument(value)
	}
	return all, nil
}

// printResult prints a text as it is, nothing for null, and everything else as JSON.
func (s *session) printResult(result json.RawMessage) error {
	var text string
	switch {
	case s.json:
	case bytes.Equal(result, []byte("null")):
		return nil
	case json.Unmarshal(result, &text) == nil:
		s.printf("%s\n", strings.TrimSuffix(text, "\n"))
		return nil
	}
	var b bytes.Buffer
	if err := json.Indent(&b, result, "", "  "); err != nil {
		return err
	}
	s.printf("%s\n", b.Bytes())
	return nil
}
