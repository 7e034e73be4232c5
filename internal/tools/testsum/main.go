// Command testsum reads the events of `go test -json` from its input, prints the line of each package and the output of what
// failed, and ends with the line "N passed, N failed". It exits with 1 if anything failed or nothing ran.
// It never runs a test itself.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of `go test -json` (see `go doc test2json`). Action "broken" is our own: a run ended with an error.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a package that did not compile
	Test       string
	Output     string
}

// summary counts tests and subtests, and packages that failed without a failing test (they did not compile, or crashed).
type summary struct {
	passed, failed, skipped int
}

func main() {
	s, err := read(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		s.failed++
	}
	if s.passed+s.failed == 0 {
		fmt.Fprintln(os.Stderr, "testsum: no test ran")
		s.failed++
	}
	if s.skipped > 0 {
		fmt.Printf("%d skipped\n", s.skipped)
	}
	fmt.Printf("%d passed, %d failed\n", s.passed, s.failed)
	if s.failed > 0 {
		os.Exit(1)
	}
}

// read consumes all events of in and writes what a reader needs to see to out.
func read(in io.Reader, out io.Writer) (summary, error) {
	var s summary
	output := map[string]string{}   // by package and test, until the test ends
	failedTests := map[string]int{} // by package
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return s, fmt.Errorf("not a test event: %q", lines.Text())
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output":
			output[key] += e.Output
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "pass", "fail", "skip":
			s.count(e, failedTests)
			fmt.Fprint(out, report(e, output[key]))
			delete(output, key)
		case "broken":
			if s.failed == 0 {
				s.failed++
			}
		}
	}
	return s, lines.Err()
}

// count adds the end of a test, or of a package (e.Test is empty), to s.
func (s *summary) count(e event, failedTests map[string]int) {
	switch {
	case e.Test == "" && e.Action == "fail":
		if failedTests[e.Package] == 0 {
			s.failed++
		}
		failedTests[e.Package] = 0 // the package may run again under other flags
	case e.Test == "":
		// A package that passed or has no tests is no test.
	case e.Action == "pass":
		s.passed++
	case e.Action == "skip":
		s.skipped++
	default:
		s.failed++
		failedTests[e.Package]++
	}
}

// report returns the part of a finished test's or package's output worth showing: everything if it failed, else a
// package's closing line.
func report(e event, output string) string {
	if e.Action == "fail" {
		return output
	}
	if e.Test != "" {
		return ""
	}
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "ok ") {
			return line
		}
	}
	return ""
}
