package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/layeredpow/lamina/internal/app"
)

// terminal is where secrets are asked for and shown, and where consent is given: the screen and keyboard of whoever
// started the program, whatever the standard streams are.
type terminal interface {
	// secret asks for a line that is not shown as it is typed.
	secret(ctx context.Context, prompt string) (app.Secret, error)
	// line asks for a line.
	line(ctx context.Context, prompt string) (string, error)
	// show shows what must not go to a file by accident.
	show(text string)
	close()
}

// errNoTerminal: nobody is there to be asked.
var errNoTerminal = errors.New("no terminal to ask on")

// screen is the terminal that the process is attached to.
type screen struct{ in, out *os.File }

func openScreen() (terminal, error) {
	from, to := "/dev/tty", "/dev/tty"
	if runtime.GOOS == "windows" {
		from, to = "CONIN$", "CONOUT$"
	}
	in, err := os.OpenFile(from, os.O_RDWR, 0)
	if err != nil {
		return nil, errNoTerminal
	}
	out, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		in.Close()
		return nil, errNoTerminal
	}
	return &screen{in, out}, nil
}

func (t *screen) close() {
	t.in.Close()
	t.out.Close()
}

func (t *screen) show(text string) { fmt.Fprint(t.out, text) }

// secret gives up when the context ends, and then makes the keyboard visible again.
func (t *screen) secret(ctx context.Context, prompt string) (app.Secret, error) {
	t.show(prompt)
	defer t.show("\n")
	fd := int(t.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	return within(ctx, func() ([]byte, error) { return term.ReadPassword(fd) }, func() { _ = term.Restore(fd, before) })
}

func (t *screen) line(ctx context.Context, prompt string) (string, error) {
	t.show(prompt)
	b, err := within(ctx, func() ([]byte, error) { return readLine(t.in) }, func() {})
	return string(b), err
}

// within waits for what blocks, or until the context ends.
func within(ctx context.Context, read func() ([]byte, error), undo func()) ([]byte, error) {
	type line struct {
		text []byte
		err  error
	}
	done := make(chan line, 1)
	go func() {
		b, err := read()
		done <- line{b, err}
	}()
	select {
	case got := <-done:
		return got.text, got.err
	case <-ctx.Done():
		undo()
		return nil, errors.New("interrupted")
	}
}

// maxLine is the longest line of an answer, bytes.
const maxLine = 4096

// readLine reads a line, and nothing behind it, without the line's end.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	one := make([]byte, 1)
	for len(line) <= maxLine {
		n, err := r.Read(one)
		if n == 1 && one[0] == '\n' {
			break
		}
		line = append(line, one[:n]...)
		if errors.Is(err, io.EOF) && len(line) > 0 {
			break
		}
		if err != nil {
			clear(line)
			return nil, err
		}
	}
	if len(line) > maxLine {
		clear(line)
		return nil, fmt.Errorf("line: more than %d bytes", maxLine)
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// confirm asks whether to go on. Whoever said --yes is not asked.
func (s *session) confirm(ctx context.Context, yes bool, text, question string) error {
	if yes {
		return nil
	}
	t, err := s.terminal()
	if err != nil {
		return unreadable(err, "look at it with --dry-run, then say --yes")
	}
	defer t.close()
	t.show(text)
	answer, err := t.line(ctx, question+" [y/N] ")
	if err != nil {
		return unreadable(fmt.Errorf("terminal: %w", err), "")
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return &failure{code: exitRefuted, err: errors.New("nothing was done"), hint: "answer y to go on"}
	}
	return nil
}
