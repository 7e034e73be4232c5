package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/spv/said"
)

// engine are the folders whose sentences reach people.
var engine = []string{"internal/app", "wallet", "wallet/*", "spv/*"}

// eachFile visits the source of the engine, without its tests.
func eachFile(t *testing.T, visit func(name string, tree *ast.File)) {
	t.Helper()
	for _, folder := range engine {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			visit(file, tree)
		}
	}
}

// sentences returns the forms of all that the engine says, as translations have them.
func sentences(t *testing.T) (forms []string) {
	eachFile(t, func(name string, tree *ast.File) {
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			at := 0
			switch {
			case !ok:
				return true
			case called(call, "said", "Of"), called(call, "said", "Errorf"):
			case called(call, "", "Saying"):
				at = 1
			default:
				return true
			}
			if form, ok := call.Args[at].(*ast.Ident); ok && form.Name == "form" && called(call, "said", "Errorf") {
				return true // of Saying, whose callers are looked at
			}
			form, ok := literal(call.Args[at])
			if !ok {
				t.Errorf("%s: a form that is no literal, which nobody can translate", name)
			}
			forms = append(forms, said.Of(form).Placed())
			return true
		})
	})
	slices.Sort(forms)
	return slices.Compact(forms)
}

// called tells whether a call is one of a function, by its package's name; without one, of a function of the file's own package.
func called(call *ast.CallExpr, pkg, name string) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return pkg == "" && f.Name == name
	case *ast.SelectorExpr:
		from, ok := f.X.(*ast.Ident)
		return ok && from.Name == pkg && f.Sel.Name == name
	}
	return false
}

// literal returns a text that stands in the source, in one piece or several.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		x, ok := literal(e.X)
		y, both := literal(e.Y)
		return x + y, ok && both && e.Op == token.ADD
	}
	return "", false
}

// spoken are the fields of the facade, and of what it passes on, that hold a text for people. Each has a sentence beside it.
var spoken = []string{"Why", "Trouble", "Closed", "Unknown", "NoBump", "Waiting", "FilterSource"}

// TestNothingIsSaidInEnglishAlone finds texts for people that are made without a sentence.
func TestNothingIsSaidInEnglishAlone(t *testing.T) {
	eachFile(t, func(name string, tree *ast.File) {
		if strings.Contains(name, "spv") && !strings.Contains(name, "syncer") {
			return // reports of checks and of batches, which are English: see docs
		}
		check := func(field string, value ast.Expr) {
			_, text := literal(value)
			call, ok := value.(*ast.CallExpr)
			if slices.Contains(spoken, field) && (text || ok && called(call, "fmt", "Sprintf")) {
				t.Errorf("%s: %s is set to English alone: say it with package said", name, field)
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok {
					check(key.Name, n.Value)
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if field, ok := to.(*ast.SelectorExpr); ok && len(n.Rhs) == len(n.Lhs) {
						check(field.Sel.Name, n.Rhs[i])
					}
				}
			}
			return true
		})
	})
}
