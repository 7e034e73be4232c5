package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// How long code outside tests may get, in lines, comments included. The style asks for less; this is where a test says no.
const (
	longestFunction = 80
	longestFile     = 500
)

// long are the exceptions, by path below the module and name, with their reason.
var long = map[string]string{
	"spv/pow salsaXOR": "the double rounds are written out: a loop costs a tenth more",
}

// checkLength returns what is too long in a package, and takes the exceptions that it meets from left.
func checkLength(p source, left map[string]string) (bad []string) {
	over := func(at token.Pos, name string, lines, most int) {
		key := p.path + " " + name
		if _, excused := left[key]; lines > most && !excused {
			bad = append(bad, fmt.Sprintf("%s: %s: %d lines, at most %d", p.fset.Position(at), key, lines, most))
		}
		if lines > most {
			delete(left, key)
		}
	}
	line := func(at token.Pos) int { return p.fset.Position(at).Line }
	for _, file := range p.files {
		name := p.fset.Position(file.FileStart).Filename
		over(file.FileStart, name[strings.LastIndexByte(name, '/')+1:], line(file.FileEnd), longestFile)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				over(f.Pos(), f.Name.Name, line(f.End())-line(f.Pos())+1, longestFunction)
			}
		}
	}
	return bad
}

// TestLength: no function and no file outside tests is longer than one can take in, but for those that are listed; and nothing
// is listed that is not.
func TestLength(t *testing.T) {
	left := map[string]string{}
	for name, why := range long {
		left[name] = why
	}
	for _, p := range load(t) {
		for _, violation := range checkLength(p, left) {
			t.Error(violation)
		}
	}
	for name := range left {
		t.Errorf("%s: listed as too long, and is not", name)
	}
}

func TestCheckLength(t *testing.T) {
	body := func(lines int) string { return "func f() {" + strings.Repeat("\n", lines-1) + "}\n" }
	for name, test := range map[string]struct {
		src    string
		listed string
		want   string // part of the one violation; empty: none
	}{
		"short":           {src: body(longestFunction)},
		"long":            {src: body(longestFunction + 1), want: "p.go:2:1: spv f: 81 lines, at most 80"},
		"long and listed": {src: body(longestFunction + 1), listed: "spv f"},
		"another listed":  {src: body(longestFunction + 1), listed: "spv g", want: "spv f"},
		"a long file":     {src: strings.Repeat("\n", longestFile), want: "spv p.go: 50"},
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "p.go", "package p\n"+test.src, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := checkLength(source{"spv", fset, []*ast.File{file}}, map[string]string{test.listed: ""})
		if (test.want == "") != (len(got) == 0) || len(got) > 1 || len(got) == 1 && !strings.Contains(got[0], test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
