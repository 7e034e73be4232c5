package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	docPace = "200ms" // between L1 blocks, where a document is content with the default
	docMark = "==line-ended=="
)

// TestDocumentsRun runs what the documents tell readers to type, each document from top to bottom in one shell and a home of
// its own. It takes three liberties: this machine goes by another of its loopback addresses, with free ports, the same for the same
// throughout a document; nodes mine faster; and a line that fails is tried again for a while, as money needs time to arrive. A line
// that ends in & has to say that it is ready. In the end what still runs has to end cleanly when asked to.
func TestDocumentsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts processes; the whole run does")
	}
	ran := 0
	for _, d := range documents(t) {
		lines := 0
		for _, b := range d.blocks {
			if b.mark == "sh" {
				lines += len(b.lines)
			}
		}
		if lines == 0 {
			continue
		}
		ran++
		t.Run(filepath.Base(d.name), func(t *testing.T) {
			t.Parallel() // it waits for blocks most of the time
			runDocument(t, &d)
		})
	}
	if ran < 3 {
		t.Errorf("%d documents with commands to run, want at least 3", ran)
	}
}

func runDocument(t *testing.T, d *docFile) {
	shell := newDocShell(t)
	for _, b := range d.blocks {
		switch name, file := strings.CutPrefix(b.mark, tomlMark); {
		case file:
			text := strings.Join(b.lines, "\n") + "\n"
			must(t, os.WriteFile(filepath.Join(shell.home, filepath.Base(name)), []byte(text), 0o600))
			shell.addPorts(text)
		case b.mark == "sh":
			for _, line := range joined(b.lines) {
				if line != "" && !strings.HasPrefix(line, "#") {
					shell.follow(fmt.Sprintf("%s:%d", d.name, b.first), line)
				}
			}
		}
	}
	if d.name == filepath.Join("docs", "add-a-chain.md") {
		shell.follows("mylayer")
	}
	shell.end()
}

// follows waits until a wallet has followed a chain, and its daemon has verified what there is.
func (s *docShell) follows(chain string) {
	s.t.Helper()
	var said string
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		var b demoBalance
		said, _ = s.run("lamina --json --chains-dir *.toml balance --chain " + chain)
		if json.Unmarshal([]byte(said), &b) == nil && b.Trust.Verified && b.Trust.Tip.Height > 20 {
			return
		}
	}
	s.t.Errorf("%s is not followed: %s%s", chain, said, s.logs())
}

// TestDocumentsShell: a line that does not work is found, one that works at the second try passes.
func TestDocumentsShell(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts processes; the whole run does")
	}
	s := newDocShell(t)
	for _, c := range []struct{ line, fails string }{
		{"lamina version", ""},
		{"[ -e again ] || { touch again; false; }", ""},
		{"X=kept", ""},
		{"[ $X = kept ]", ""},
		{"lamina balance --offline", "exit code"},
		{"lamina chains show nonsense | cat", "is unknown"},
		{"lamina daemon --offline --nonsense &", "unknown flag"},
		{"lamina nonsense", "unknown command"},
	} {
		most := patience
		if c.fails != "" {
			most = 0
		}
		_, err := s.try(c.line, most)
		if c.fails == "" && err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		if c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: %v, want %q", c.line, err, c.fails)
		}
	}
	s.end()
}

// docShell is a shell that the lines of a document are typed into.
type docShell struct {
	t     *testing.T
	home  string
	host  string // that stands for 127.0.0.1
	shell *os.Process
	in    io.Writer
	out   *bufio.Reader
	jobs  int
	chain map[string]string // port of a development chain, by its name
	free  map[string]string // what a port was replaced by
}

func newDocShell(t *testing.T) *docShell {
	t.Helper()
	home := t.TempDir()
	program, err := os.Executable()
	must(t, err)
	must(t, os.Mkdir(filepath.Join(home, "bin"), 0o700))
	start := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\"\n", program)
	must(t, os.WriteFile(filepath.Join(home, "bin", "lamina"), []byte(start), 0o700))
	c := exec.Command("bash", "--noprofile", "--norc")
	c.Dir = home
	c.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME=", "PATH="+filepath.Join(home, "bin")+":"+os.Getenv("PATH"), childMark)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := c.StdinPipe()
	must(t, err)
	read, write, err := os.Pipe()
	must(t, err)
	c.Stdout, c.Stderr = write, write
	must(t, c.Start())
	must(t, write.Close())
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // it, and all that it has started
		_ = c.Wait()
		_ = read.Close()
	})
	s := &docShell{t: t, home: home, host: ownHost(), shell: c.Process, in: in, out: bufio.NewReader(read), chain: map[string]string{},
		free: map[string]string{}}
	for _, p := range devStack(t) {
		s.chain[p.Name] = fmt.Sprint(p.P2P.Port)
	}
	s.run("umask 077; set -o pipefail")
	return s
}

// addPorts notes the port of a chain file that a document has its reader write.
func (s *docShell) addPorts(text string) {
	name := regexp.MustCompile(`(?m)^name = "(.*)"$`).FindStringSubmatch(text)
	port := regexp.MustCompile(`(?m)^port = (\d+)$`).FindStringSubmatch(text)
	if name == nil || port == nil {
		s.t.Fatalf("a chain file without name or port: %s", text)
	}
	s.chain[name[1]] = port[1]
}

// follow does what a line says, until it works.
func (s *docShell) follow(where, line string) {
	s.t.Helper()
	start := time.Now()
	said, err := s.try(s.replacePorts(line), patience)
	if err != nil {
		s.t.Fatalf("%s: %s\n%v%s", where, line, err, s.logs())
	}
	s.t.Logf("%s: %s (%s)\n%s", where, line, time.Since(start).Round(time.Millisecond), said)
}

// try types a line once, and then again and again until it works or its time is over.
func (s *docShell) try(line string, most time.Duration) (said string, err error) {
	s.t.Helper()
	first := ""
	for limit := time.Now().Add(most); ; time.Sleep(200 * time.Millisecond) {
		code := 0
		if call, stays := strings.CutSuffix(line, "&"); stays && !strings.HasSuffix(call, "&") {
			said, code = s.stay(strings.TrimSpace(call))
		} else {
			said, code = s.run(line)
		}
		if code == 0 {
			return said, nil
		}
		if first == "" {
			first = said
		}
		if time.Now().After(limit) {
			return "", fmt.Errorf("exit code %d: %s\nat first: %s", code, said, first)
		}
	}
}

// run types a line and waits for its end.
func (s *docShell) run(line string) (said string, code int) {
	s.t.Helper()
	if _, err := fmt.Fprintf(s.in, "{ %s\n} < /dev/null\nprintf '\\n%s %%d\\n' $?\n", line, docMark); err != nil {
		s.t.Fatal(err)
	}
	late := time.AfterFunc(2*patience, func() { _ = syscall.Kill(-s.shell.Pid, syscall.SIGKILL) }) // which is seen below
	defer late.Stop()
	var out strings.Builder
	for {
		text, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%s: the shell ended, or was ended after %s: %v\n%s", line, 2*patience, err, out.String())
		}
		if rest, ok := strings.CutPrefix(text, docMark); ok {
			if _, err := fmt.Sscan(rest, &code); err != nil {
				s.t.Fatal(err)
			}
			return strings.TrimSpace(out.String()), code
		}
		out.WriteString(text)
	}
}

// stay starts what stays, and waits until it says that it is ready.
func (s *docShell) stay(call string) (said string, code int) {
	s.t.Helper()
	if strings.HasPrefix(call, "lamina node ") {
		call = s.nodeCall(call)
	}
	s.jobs++
	log := fmt.Sprintf("job-%d.log", s.jobs)
	s.run(fmt.Sprintf("%s > %s 2>&1 & echo $! > job.pid", call, log))
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		_, ended := s.run("kill -0 $(cat job.pid) 2> /dev/null") // asked before the log is read: so that holds all that was said
		text, err := os.ReadFile(filepath.Join(s.home, log))
		if ready := readyLine.Find(text); err == nil && ready != nil {
			return string(ready), 0
		}
		if ended != 0 {
			return call + " ended: " + string(text), 1
		}
	}
	return call + " does not get ready", 1
}

var readyLine = regexp.MustCompile(`(?m)^ready .*\n`)

// nodeCall has a node listen at free ports, and mine faster.
func (s *docShell) nodeCall(call string) string {
	for name, port := range s.chain {
		if !strings.Contains(call, "--listen "+name+"=") && (strings.Contains(call, ".toml") || strings.HasPrefix(name, "dev")) {
			call += " --listen " + name + "=" + s.host + ":" + s.freePort(port)
		}
	}
	if strings.Contains(call, "--mine") && !strings.Contains(call, "--mine-every") {
		call += " --mine-every " + docPace
	}
	return call
}

var localPort = regexp.MustCompile(`127\.0\.0\.1:([1-9]\d+)`)

func (s *docShell) replacePorts(line string) string {
	return localPort.ReplaceAllStringFunc(line, func(m string) string {
		return s.host + ":" + s.freePort(m[len("127.0.0.1:"):])
	})
}

// freePort returns what stands for a port of the document, at an address that is the shell's alone.
func (s *docShell) freePort(port string) string {
	s.t.Helper()
	if free := s.free[port]; free != "" {
		return free
	}
	l, err := net.Listen("tcp", s.host+":0")
	must(s.t, err)
	_, s.free[port], err = net.SplitHostPort(l.Addr().String())
	must(s.t, err)
	must(s.t, l.Close())
	return s.free[port]
}

// end ends what still runs, the youngest first, as its user would.
func (s *docShell) end() {
	s.t.Helper()
	if said, code := s.run(`bad=0; for p in $(jobs -pr | sort -rn); do kill $p; wait $p || { echo "process $p: exit code $?"; bad=1; }; done; [ $bad = 0 ]`); code != 0 {
		s.t.Errorf("not all ended cleanly: %s%s", said, s.logs())
	}
}

// logs returns the ends of what the processes that stay have said.
func (s *docShell) logs() string {
	var out strings.Builder
	names, _ := filepath.Glob(filepath.Join(s.home, "job-*.log"))
	for _, name := range names {
		text, _ := os.ReadFile(name)
		fmt.Fprintf(&out, "\n--- %s\n%s", filepath.Base(name), text[max(0, len(text)-1500):])
	}
	return out.String()
}
