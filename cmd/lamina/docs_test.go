package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

// The marks of fenced blocks in the documents, the first word behind the fence. A reader's screen colours by it, and the
// tests know by it what to do:
//
//	sh            run, line by line, in a shell (docs_run_test.go)
//	sh parsed, …  not run, for the reason that follows; commands of the program and of make must exist with their flags
//	console       run, and compared with the output that is shown (TestVerifyDocument)
//	toml FILE     a chain file that is saved under this name before what follows is run
//	text          no command
const (
	parsedMark = "sh parsed, "
	tomlMark   = "toml "
)

// docBlock is a fenced block of a document.
type docBlock struct {
	mark  string
	first int // number of its first line
	lines []string
}

// docFile is a file of the documentation.
type docFile struct {
	name   string // in the repository
	blocks []docBlock
	prose  []string // what is in no block, by line number from 0; block lines are empty
}

// documents reads everything that users and contributors are given to read.
func documents(t *testing.T) (docs []docFile) {
	t.Helper()
	root := testdata.Root(t)
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("documents %v: %v", paths, err)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		paths = append(paths, filepath.Join(root, name))
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		must(t, err)
		name, err := filepath.Rel(root, path)
		must(t, err)
		d, err := readDocument(name, string(raw))
		must(t, err)
		docs = append(docs, d)
	}
	return docs
}

// readDocument takes a document apart.
func readDocument(name, text string) (d docFile, err error) {
	d.name = name
	inside := false
	for i, line := range strings.Split(text, "\n") {
		prose := ""
		mark, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !inside:
			d.blocks = append(d.blocks, docBlock{mark: mark, first: i + 2})
			inside = true
		case fence && mark != "":
			return d, fmt.Errorf("%s:%d: a block begins within a block", name, i+1)
		case fence:
			inside = false
		case inside:
			b := &d.blocks[len(d.blocks)-1]
			b.lines = append(b.lines, line)
		default:
			prose = line
		}
		d.prose = append(d.prose, prose)
	}
	if inside {
		return d, fmt.Errorf("%s: its last block does not end", name)
	}
	return d, nil
}

var (
	programCall = regexp.MustCompile(`(^|[ $(|])(\./|go run \./cmd/)?lamina `)
	inlineCall  = regexp.MustCompile("`(?:go run ./cmd/)?(lamina [^`]+)`")
	inlineMake  = regexp.MustCompile("`make ([a-z-]+)[^`]*`")
)

// TestDocumentsCommands: every command that a document names is one that the program has, with
// the flags that are given; and none stands where no test looks at it.
func TestDocumentsCommands(t *testing.T) {
	targets := makeTargets(t)
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if err := checkBlock(&b, targets); err != nil {
				t.Errorf("%s:%d: block marked %q: %v", d.name, b.first, b.mark, err)
			}
		}
		text := strings.Join(d.prose, "\n")
		line := func(at int) int { return 1 + strings.Count(text[:at], "\n") }
		for _, at := range inlineCall.FindAllStringSubmatchIndex(text, -1) {
			call := strings.ReplaceAll(text[at[2]:at[3]], "\n", " ")
			if err := parseCommand(call, true); err != nil {
				t.Errorf("%s:%d: %s: %v", d.name, line(at[0]), call, err)
			}
		}
		for _, at := range inlineMake.FindAllStringSubmatchIndex(text, -1) {
			if target := text[at[2]:at[3]]; !slices.Contains(targets, target) {
				t.Errorf("%s:%d: make has no target %q", d.name, line(at[0]), target)
			}
		}
	}
}

// TestDocumentsRefuse: the checks above find what they are there for.
func TestDocumentsRefuse(t *testing.T) {
	targets := []string{"demo"}
	for _, c := range []struct{ mark, line, says string }{
		{"", "lamina balance", "unknown mark"},
		{"bash", "lamina balance", "unknown mark"},
		{"text", "$ lamina balance", "stands where no test"},
		{"sh parsed, ", "lamina balance", "reason"},
		{"sh parsed, why", "lamina balnce", "unknown command"},
		{"sh parsed, why", "lamina wallet balnce", "unknown command"},
		{"sh parsed, why", "lamina balance --walet x", "unknown flag"},
		{"sh parsed, why", "lamina balance now", "unknown command"},
		{"sh parsed, why", "lamina wallet gap", "accepts 1 arg"},
		{"sh parsed, why", "lamina prove TXID", "required flag"},
		{"sh parsed, why", "lamina wallet gap 20 --daa-dir=x # why", "unknown flag"},
		{"sh parsed, why", "go run ./cmd/lamina nod", "unknown command"},
		{"sh parsed, why", "make demos", "no target"},
		{"sh parsed, why", "lamina send 'A", "quote"},
	} {
		if err := checkBlock(&docBlock{mark: c.mark, lines: []string{c.line}}, targets); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q, %s: %v, want %q", c.mark, c.line, err, c.says)
		}
	}
	for _, line := range []string{"lamina wallet gap 20 --chain dev > out # why", "make demo", "lamina send A 1 --label 'a # b'", "git clone URL"} {
		if err := checkBlock(&docBlock{mark: "sh parsed, why", lines: []string{line}}, targets); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, call := range []string{"lamina wallet nonsense", "lamina balance --walet", "lamina nonsense"} {
		if parseCommand(call, true) == nil {
			t.Errorf("%s passes", call)
		}
	}
}

// makeTargets lists what make can make.
func makeTargets(t *testing.T) (targets []string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testdata.Root(t), "Makefile"))
	must(t, err)
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):.*## `).FindAllStringSubmatch(string(raw), -1) {
		targets = append(targets, m[1])
	}
	if len(targets) < 5 {
		t.Fatalf("make has the targets %v", targets)
	}
	return targets
}

// checkBlock looks at what can be seen of a block without running it.
func checkBlock(b *docBlock, targets []string) error {
	reason, parsed := strings.CutPrefix(b.mark, parsedMark)
	switch {
	case b.mark == "sh" || b.mark == "console":
		return nil // run below, or elsewhere
	case parsed && strings.TrimSpace(reason) == "":
		return errors.New("want a reason behind the comma")
	case !parsed && b.mark != "text" && !strings.HasPrefix(b.mark, tomlMark):
		return errors.New("unknown mark")
	}
	for _, line := range joined(b.lines) {
		if !parsed {
			if programCall.MatchString(line) {
				return fmt.Errorf("%q stands where no test looks at it", line)
			}
			continue
		}
		words, err := shellWords(line)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		if len(words) > 1 && words[0] == "make" && !slices.Contains(targets, words[1]) {
			return fmt.Errorf("make has no target %q", words[1])
		}
		call := strings.TrimPrefix(line, "go run ./cmd/")
		if !strings.HasPrefix(call, "lamina ") {
			continue
		}
		if err := parseCommand(call, false); err != nil {
			return fmt.Errorf("%s: %w", call, err)
		}
	}
	return nil
}

// joined puts lines together that end in a backslash.
func joined(lines []string) (out []string) {
	whole := ""
	for _, line := range lines {
		if part, more := strings.CutSuffix(line, "\\"); more {
			whole += part
			continue
		}
		out = append(out, strings.TrimSpace(whole+line))
		whole = ""
	}
	return out
}

// parseCommand takes a command line apart as the program would, and does nothing. Inside a sentence a command may be
// named without its arguments.
func parseCommand(line string, named bool) error {
	words, err := shellWords(line)
	if err != nil {
		return err
	}
	root := newSession(strings.NewReader(""), nil, nil).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	c, rest, err := root.Find(words[1:])
	if err != nil {
		return err
	}
	err = c.ParseFlags(rest)
	if named && err != nil && strings.Contains(err.Error(), "flag needs an argument") {
		err = nil
	}
	help := c.Flags().Lookup("help")
	if err != nil || help != nil && help.Changed {
		return err
	}
	args := c.Flags().Args()
	if named && !c.HasSubCommands() {
		return nil
	}
	return errors.Join(c.ValidateArgs(args), c.ValidateRequiredFlags(), c.ValidateFlagGroups())
}

// shellWords splits a line up to a comment, a redirection or a pipe, as a shell does without expanding anything.
func shellWords(line string) (words []string, err error) {
	var word strings.Builder
	begun, quote := false, rune(0)
	end := func() {
		if begun {
			words = append(words, word.String())
		}
		word.Reset()
		begun = false
	}
scan:
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && r == ' ':
			end()
		case quote == 0 && !begun && strings.ContainsRune("#<>|&", r):
			break scan
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	end()
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c has no end", quote)
	}
	return words, nil
}

// TestVerifyDocument runs the examples of docs/verify.md and compares outcomes, names and
// verdicts; not the wording of what was compared, which spv may improve at any time.
func TestVerifyDocument(t *testing.T) {
	docs := documents(t)
	t.Chdir(filepath.Join(testdata.Root(t), "internal", "testdata", "data"))
	ran := 0
	for _, d := range docs {
		for _, b := range d.blocks {
			if b.mark != "console" {
				continue
			}
			ran++
			if d.name != filepath.Join("docs", "verify.md") {
				t.Errorf("%s:%d: console blocks are for docs/verify.md", d.name, b.first)
				continue
			}
			compareShown(t, fmt.Sprintf("%s:%d", d.name, b.first), b.lines)
		}
	}
	if ran < 7 {
		t.Errorf("%d examples with output, want at least 7", ran)
	}
}

// compareShown runs the first line of a block and compares what it prints with the others.
func compareShown(t *testing.T, where string, lines []string) {
	t.Helper()
	command, ok := strings.CutPrefix(lines[0], "$ lamina ")
	if !ok {
		t.Errorf("%s: %q: want a command of the program behind $", where, lines[0])
		return
	}
	command, tail, _ := strings.Cut(command, " | tail -n ")
	got := strings.Split(strings.TrimRight(lamina(t, nil, strings.Fields(command)...).out, "\n"), "\n")
	if n := 0; tail != "" {
		if _, err := fmt.Sscan(tail, &n); err != nil || n > len(got) {
			t.Fatalf("%s: tail %q: %v", where, tail, err)
		}
		got = got[len(got)-n:]
	}
	want := lines[1:]
	if len(got) != len(want) {
		t.Errorf("%s: %d lines, the document shows %d", where, len(got), len(want))
		return
	}
	for i := range got {
		if stable(got[i]) != stable(want[i]) {
			t.Errorf("%s: line %d:\n%s\nthe document shows:\n%s", where, i+1, got[i], want[i])
		}
	}
}

// stable cuts what a check compared off its lines.
func stable(line string) string {
	const column = 38
	if len(line) > column && strings.HasPrefix(line, "  ") && (strings.HasPrefix(line[column:], "want ") || strings.HasPrefix(line[column:], "got ") || strings.HasPrefix(line[column:], "why ")) {
		return line[:column]
	}
	return line
}
