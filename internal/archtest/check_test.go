package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// source is a package as written: its non-test files on every platform.
type source struct {
	path  string // below the module
	fset  *token.FileSet
	files []*ast.File
}

// check returns the violations of p, each as "file:line: what is wrong".
func check(p source) []string {
	rule, found := ruleFor(p.path)
	if !found {
		return []string{p.path + ": no row in the table of archtest"}
	}
	var bad []string
	documented := false
	for _, file := range p.files {
		documented = documented || file.Doc != nil
		report := func(at token.Pos, format string, args ...any) {
			bad = append(bad, fmt.Sprintf("%s: %s: %s", p.fset.Position(at), p.path, fmt.Sprintf(format, args...)))
		}
		checkImports(file, rule, report)
		if rule.pure {
			checkClock(file, report)
		}
		if !within(p.path, chainData) && !within(p.path, foreignNodes) && !within(p.path, transport) {
			checkNames(file, report)
		}
	}
	if !documented {
		bad = append(bad, p.path+": no package comment")
	}
	return bad
}

// reporter notes a violation at a position.
type reporter func(at token.Pos, format string, args ...any)

// importPath returns the path of an import as written, without quotes.
func importPath(spec *ast.ImportSpec) string {
	return strings.Trim(spec.Path.Value, "\"`")
}

// checkImports reports imports that the rule does not allow.
func checkImports(file *ast.File, r rule, report reporter) {
	for _, spec := range file.Imports {
		path := importPath(spec)
		if within(path, module) {
			ours := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
			if !allows(r, ours) {
				report(spec.Pos(), "imports %s, which is not among %v", ours, append([]string{r.pkg}, r.ours...))
			}
			continue
		}
		for _, never := range r.never {
			if within(path, never) {
				report(spec.Pos(), "imports %s, must not reach %s", path, never)
			}
		}
	}
}

// allows says whether r lets its packages import ours, a path below the module. A longer row of the same tree (ui/present
// in ui) is still part of that tree.
func allows(r rule, ours string) bool {
	if within(ours, r.pkg) {
		return true
	}
	for _, allowed := range r.ours {
		if within(ours, allowed) {
			return true
		}
	}
	return false
}

// checkClock reports uses of the clock, under whatever name package time is imported.
func checkClock(file *ast.File, report reporter) {
	names := map[string]bool{}
	for _, spec := range file.Imports {
		if importPath(spec) != "time" {
			continue
		}
		switch {
		case spec.Name == nil:
			names["time"] = true
		case spec.Name.Name == ".":
			report(spec.Pos(), "imports time with a dot, which hides the clock")
		default:
			names[spec.Name.Name] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		use, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := use.X.(*ast.Ident); ok && names[pkg.Name] && clock[use.Sel.Name] {
			report(use.Pos(), "uses time.%s; time is an argument here", use.Sel.Name)
		}
		return true
	})
}

// checkNames reports identifiers and strings that name a chain. Comments and import paths may.
func checkNames(file *ast.File, report reporter) {
	name := func(at token.Pos, text string) {
		for _, chain := range chainNames {
			if strings.Contains(strings.ToLower(text), chain) {
				report(at, "%q names a chain; chains are data (spv/chains)", text)
				return
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Ident:
			name(n.Pos(), n.Name)
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				text, err := strconv.Unquote(n.Value)
				if err != nil {
					text = n.Value
				}
				name(n.Pos(), text)
			}
		}
		return true
	})
}
