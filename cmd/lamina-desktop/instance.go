package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/layeredpow/lamina/ui"
)

// socketName lies in the data folder: the program that has the folder open listens there for
// later starts, which hand over what they were given. Who cannot write to the folder cannot
// reach it.
const socketName = "desktop.sock"

// handOverTime is how long a start waits for the program that runs already.
const handOverTime = 10 * time.Second

// answered is what the program that runs says when it has taken a request.
const answered = "taken\n"

// handOver gives a payment request, which may be empty, to the program that has a data
// folder open. It tells whether there is one.
func handOver(folder, request string) bool {
	c, err := net.DialTimeout("unix", filepath.Join(folder, socketName), handOverTime)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(handOverTime)); err != nil {
		return false
	}
	if _, err := io.WriteString(c, request+"\n"); err != nil {
		return false
	}
	line, err := bufio.NewReader(io.LimitReader(c, int64(len(answered)))).ReadString('\n')
	return err == nil && line == answered
}

// listenForStarts hears what later starts hand over until it is closed. Where the system has
// no such sockets, or the folder's path is too long for one, it returns an error, and every
// start is its own.
func listenForStarts(folder string, take func(request string)) (io.Closer, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // a run that was killed leaves it
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			hear(c, take)
		}
	}()
	return l, nil
}

// hear reads one request, one line of limited length.
func hear(c net.Conn, take func(string)) {
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(handOverTime)); err != nil {
		return
	}
	line, err := bufio.NewReader(io.LimitReader(c, ui.MaxRequest+1)).ReadString('\n')
	if err != nil {
		return // too long, or broken off
	}
	take(strings.TrimSpace(line))
	_, _ = io.WriteString(c, answered)
}

// checkRequest says whether a text may be a payment request: SCHEME:REST in one line.
func checkRequest(text string) error {
	scheme, rest, ok := strings.Cut(text, ":")
	if !ok || scheme == "" || rest == "" || strings.ContainsAny(text, " \n\r\t") {
		return fmt.Errorf("argument %.100q: want flags, or one payment request SCHEME:ADDRESS", text)
	}
	if len(text) > ui.MaxRequest {
		return fmt.Errorf("payment request: %d bytes, at most %d", len(text), ui.MaxRequest)
	}
	return nil
}
