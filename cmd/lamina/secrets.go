package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/layeredpow/lamina/internal/app"
)

// secretNames are flags that do not exist, so that a secret on the command line, which every program on the machine can
// read, is refused before it is used.
var secretNames = []string{"password", "new-password", "words", "passphrase", "seed", "mnemonic", "webhook-secret", "rpc-password",
	"settler-password"}

// refuseSecrets looks at a command line before anything else does. The error does not repeat the secret.
func refuseSecrets(args []string) error {
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case arg == "--":
			return nil
		case strings.HasPrefix(arg, "-") && slices.Contains(secretNames, name):
			return unreadable(fmt.Errorf("--%s: what stands on a command line can be read by every program on this machine", name),
				fmt.Sprintf("leave it out to be asked, or use --%s-file FILE or --%s-fd NUMBER", name, name))
		}
	}
	return nil
}

// secretFlags say where a secret is read from: a file, an open file descriptor, or else the terminal.
type secretFlags struct {
	name string // of the flags, and in questions
	file string
	fd   int
}

func (f *secretFlags) add(flags *pflag.FlagSet, name string) {
	f.name = name
	flags.StringVar(&f.file, name+"-file", "", "file whose first line is the "+name)
	flags.IntVar(&f.fd, name+"-fd", -1, "open file descriptor whose next line is the "+name)
}

// given tells whether the command line says where the secret is.
func (f *secretFlags) given() bool { return f.file != "" || f.fd >= 0 }

// secret reads the secret. It asks on the terminal if nothing else was said, twice where a new one is chosen.
func (s *session) secret(ctx context.Context, f *secretFlags, question string, twice bool) (app.Secret, error) {
	got, err := s.readSecret(ctx, f, question, twice)
	if err == nil && len(got) == 0 {
		err = fmt.Errorf("%s: empty", f.name)
	}
	var known *failure
	if err != nil && !errors.As(err, &known) {
		err = unreadable(err, fmt.Sprintf("give it by --%s-file FILE or --%s-fd NUMBER, or on a terminal", f.name, f.name))
	}
	return got, err
}

func (s *session) readSecret(ctx context.Context, f *secretFlags, question string, twice bool) (app.Secret, error) {
	switch {
	case f.file != "" && f.fd >= 0:
		return nil, fmt.Errorf("--%s-file and --%s-fd: want one of them", f.name, f.name)
	case f.file != "":
		from, err := os.Open(f.file)
		if err != nil {
			return nil, err
		}
		defer from.Close()
		return backupLine(from)
	case f.fd == 0:
		return readLine(s.in)
	case f.fd > 0:
		line, err := readLine(s.descriptor(f.fd))
		if err != nil {
			return nil, fmt.Errorf("--%s-fd %d: %w", f.name, f.fd, err)
		}
		return line, nil
	}
	t, err := s.terminal()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	defer t.close()
	got, err := t.secret(ctx, question+": ")
	if err != nil || !twice {
		return got, err
	}
	again, err := t.secret(ctx, "the same again: ")
	if err != nil {
		return nil, err
	}
	defer again.Wipe()
	if !bytes.Equal(got, again) {
		return nil, fmt.Errorf("%s: the two differ", f.name)
	}
	return got, nil
}

// wordsMark begins the line of a backup's text that holds the words.
const wordsMark = "words: "

// backupLine returns the first line of a file, but of a backup's text, as --words-to writes it, the words.
func backupLine(r io.Reader) ([]byte, error) {
	first, err := readLine(r)
	if err != nil || !bytes.HasPrefix(first, []byte("Lamina wallet ")) {
		return first, err
	}
	second, err := readLine(r)
	if words, ok := bytes.CutPrefix(second, []byte(wordsMark)); ok && err == nil {
		return words, nil
	}
	return first, nil
}

// openDescriptors returns what opens files that whoever started the program has opened for it. Each is opened once and
// kept: the next secret may be its next line, and a file that nobody holds is closed behind our back.
func openDescriptors() func(int) io.Reader {
	kept := map[int]*os.File{}
	return func(fd int) io.Reader {
		if kept[fd] == nil {
			kept[fd] = os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd))
		}
		return kept[fd]
	}
}

// wordsTarget is where new or kept recovery words are shown: the terminal, or a new file that only the owner can read.
type wordsTarget struct{ file string }

func (w *wordsTarget) add(flags *pflag.FlagSet) {
	flags.StringVar(&w.file, "words-to", "", "new file to write the words to, readable for you alone, instead of showing them")
}

// wordsOut is an opened target: opened first, so that no words are made that nobody gets to see.
type wordsOut struct {
	screen terminal
	file   *os.File
}

func (s *session) openWords(w *wordsTarget) (*wordsOut, error) {
	if w.file != "" {
		f, err := os.OpenFile(w.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, unreadable(err, "name a file that does not exist yet")
		}
		return &wordsOut{file: f}, nil
	}
	t, err := s.terminal()
	if err != nil {
		return nil, unreadable(fmt.Errorf("words: %w", err), "--words-to FILE writes them to a file that only you can read")
	}
	return &wordsOut{screen: t}, nil
}

// write hands the backup over, durably where it is a file.
func (w *wordsOut) write(b *app.Backup) error {
	if w.file == nil {
		said := "These words are the wallet. Write them down, on paper, in their order:"
		if len(b.Words) == 0 {
			said = "This is the wallet, which has no words of its own. Keep it where nobody reads it:"
		}
		w.screen.show("\n" + said + "\n\n" + string(b.Text) + "\n\n")
		return nil
	}
	_, err := w.file.Write(append(bytes.Clone(b.Text), '\n'))
	return errors.Join(err, w.file.Sync())
}

// close closes the target and, if nothing was written, takes the empty file away.
func (w *wordsOut) close() error {
	if w.file == nil {
		w.screen.close()
		return nil
	}
	at, err := w.file.Stat()
	err = errors.Join(err, w.file.Close())
	if err == nil && at.Size() == 0 {
		return os.Remove(w.file.Name())
	}
	return err
}
