package chains

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a chain file.
type Problem struct {
	File  string `json:"file"`
	Line  int    `json:"line"`            // from 1; the table's line where a key is missing
	Key   string `json:"key,omitempty"`   // "table.key", "[table]", or empty where the text is no TOML
	Value string `json:"value,omitempty"` // as it stands in the file; empty where nothing stands there
	Text  string `json:"text"`            // what is wrong, or what is allowed
}

// Error returns "file:line: key = value: text".
func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d: ", p.File, p.Line)
	if p.Key != "" {
		s += p.Key
		if p.Value != "" {
			s += " = " + p.Value
		}
		s += ": "
	}
	return s + p.Text
}

// Problems is everything that is wrong with a chain file, by line. Parse, Load and Add
// return it as their error.
type Problems []Problem

// maxProblems bounds what is said about one file.
const maxProblems = 20

// Error returns one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// err returns the problems as an error, sorted and cut; nil if there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int { return a.Line - b.Line })
	return ps[:min(len(ps), maxProblems)]
}
