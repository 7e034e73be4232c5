package main

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const pkg = `"Package":"m/p"`
	tests := []struct {
		name   string
		events []string
		want   summary
		shows  string // must be in the output
		hides  string // must not be
	}{
		{
			name: "passed",
			events: []string{
				`{"Action":"run",` + pkg + `,"Test":"TestA"}`,
				`{"Action":"output",` + pkg + `,"Test":"TestA","Output":"chatter\n"}`,
				`{"Action":"pass",` + pkg + `,"Test":"TestA"}`,
				`{"Action":"skip",` + pkg + `,"Test":"TestB"}`,
				`{"Action":"output",` + pkg + `,"Output":"ok  \tm/p\t0.1s\n"}`,
				`{"Action":"pass",` + pkg + `}`,
			},
			want: summary{passed: 1, skipped: 1}, shows: "ok  \tm/p", hides: "chatter",
		},
		{
			name: "a failed test counts once, not again for its package",
			events: []string{
				`{"Action":"output",` + pkg + `,"Test":"TestA","Output":"got 1, want 2\n"}`,
				`{"Action":"fail",` + pkg + `,"Test":"TestA"}`,
				`{"Action":"fail",` + pkg + `}`,
				`{"Action":"broken"}`,
			},
			want: summary{failed: 1}, shows: "got 1, want 2",
		},
		{
			name: "does not compile",
			events: []string{
				`{"ImportPath":"m/p","Action":"build-output","Output":"x.go:1: undefined\n"}`,
				`{"ImportPath":"m/p","Action":"build-fail"}`,
				`{"Action":"output",` + pkg + `,"Output":"FAIL\tm/p [build failed]\n"}`,
				`{"Action":"fail",` + pkg + `,"FailedBuild":"m/p"}`,
			},
			want: summary{failed: 1}, shows: "x.go:1: undefined",
		},
		{
			name: "fails in one run and crashes in the next",
			events: []string{
				`{"Action":"fail",` + pkg + `,"Test":"TestA"}`,
				`{"Action":"fail",` + pkg + `}`,
				`{"Action":"fail",` + pkg + `}`,
			},
			want: summary{failed: 2},
		},
		{
			name:   "the run broke before any event",
			events: []string{`{"Action":"broken"}`},
			want:   summary{failed: 1},
		},
		{
			name: "a package without tests",
			events: []string{
				`{"Action":"output",` + pkg + `,"Output":"?   \tm/p\t[no test files]\n"}`,
				`{"Action":"skip",` + pkg + `}`,
			},
			want: summary{}, hides: "no test files",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			got, err := read(strings.NewReader(strings.Join(test.events, "\n")), &out)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("summary %+v, want %+v", got, test.want)
			}
			if !strings.Contains(out.String(), test.shows) {
				t.Errorf("output %q lacks %q", out.String(), test.shows)
			}
			if test.hides != "" && strings.Contains(out.String(), test.hides) {
				t.Errorf("output %q shows %q", out.String(), test.hides)
			}
		})
	}
}

func TestReadRefusesText(t *testing.T) {
	if _, err := read(strings.NewReader("go: cannot find module\n"), &strings.Builder{}); err == nil {
		t.Error("a line that is no event was accepted")
	}
}
