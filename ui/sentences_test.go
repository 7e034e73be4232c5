package ui

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/said"
)

// engine are the folders whose sentences reach people.
var engine = []string{"internal/app", "wallet", "wallet/*", "spv", "spv/*"}

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
	for _, r := range doctor.Rules() {
		forms = append(forms, said.Of(r.Text).Placed())
	}
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

// inEnglishAlone returns the fields that a file sets to a text without a sentence.
func inEnglishAlone(tree *ast.File) (fields []string) {
	check := func(field string, value ast.Expr) {
		_, text := literal(value)
		call, ok := value.(*ast.CallExpr)
		if slices.Contains(spoken, field) && (text || ok && called(call, "fmt", "Sprintf")) {
			fields = append(fields, field)
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
	return fields
}

// TestNothingIsSaidInEnglishAlone finds texts for people that are made without a sentence.
func TestNothingIsSaidInEnglishAlone(t *testing.T) {
	bad := `package p; func f() { x.Why = "late"; y := T{Closed: "no " + "settlers", Waiting: fmt.Sprintf("%d", 1), Stage: "free"}; z.Why = s.String() }`
	tree, err := parser.ParseFile(token.NewFileSet(), "bad.go", bad, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := inEnglishAlone(tree); !slices.Equal(got, []string{"Why", "Closed", "Waiting"}) {
		t.Fatalf("of bad fields these are found: %v", got)
	}
	eachFile(t, func(name string, tree *ast.File) {
		if strings.Contains(name, "spv") && !strings.Contains(name, "syncer") {
			return // reports of checks: see TestReportsAreSaid
		}
		for _, field := range inEnglishAlone(tree) {
			t.Errorf("%s: %s is set to English alone: say it with package said", name, field)
		}
	})
}

// TestSay says things in the languages that are there: with values as people write them, with sentences in sentences, and
// what is nobody's own text as a quotation.
func TestSay(t *testing.T) {
	fee := said.Amount{Units: 1_500, Decimals: 8, Symbol: "BTC"}
	late := said.Of("swap %d: not to be funded now: %s", 3, said.Of("the other leg has %d of %d confirmations", 1, 12_345))
	disk := fmt.Errorf("wallet: %w", said.Errorf("recipient %d: %w", 2, io.ErrUnexpectedEOF))
	for _, c := range []struct {
		language, coin, late, disk, unknown string
	}{
		{"de", "Münzen für 0.000\u202f015 BTC: weniger als die 0.000\u202f015 BTC, die mit der Gebühr nötig sind",
			"Tausch 3: jetzt nicht einzuzahlen: die andere Seite hat 1 von 12\u202f345 Bestätigungen",
			"Empfänger 2: „unexpected EOF“ (englisch)", "„brand new“ (englisch)"},
		{"en", "coins of 0.000\u202f015 BTC: below the 0.000\u202f015 BTC that are needed with the fee",
			"swap 3: not to be funded now: the other leg has 1 of 12\u202f345 confirmations", "recipient 2: unexpected EOF", "brand new"},
		{"es", "monedas por 0.000\u202f015 BTC: menos de los 0.000\u202f015 BTC que hacen falta con la comisión",
			"intercambio 3: no se debe financiar ahora: el otro lado tiene 1 de 12\u202f345 confirmaciones",
			"destinatario 2: «unexpected EOF» (en inglés)", "«brand new» (en inglés)"},
		{"fr", "pièces pour 0.000\u202f015 BTC : moins que les 0.000\u202f015 BTC nécessaires avec les frais",
			"échange 3 : à ne pas financer maintenant : l’autre côté a 1 confirmations sur 12\u202f345",
			"destinataire 2 : « unexpected EOF » (en anglais)", "« brand new » (en anglais)"},
		{"zh", "币共 0.000\u202f015 BTC：少于连同手续费所需的 0.000\u202f015 BTC", "交换 3：现在不应注资：对方资金已有 1 次确认，需 12\u202f345 次",
			"收款人 2：“unexpected EOF”（英文原文）", "“brand new”（英文原文）"},
	} {
		x := textsIn(t, c.language)
		for got, want := range map[string]string{
			x.Say(said.Of("coins of %d: below the %d that are needed with the fee", fee, fee)): c.coin,
			x.Say(late):                 c.late,
			x.Problem(disk).What:        c.disk,
			x.Say(said.Of("brand new")): c.unknown,
			x.Say(said.Of(`{{printf "%099d" 1}}brand new`)): strings.Replace(c.unknown, "brand", `{{printf "%099d" 1}}brand`, 1),
		} {
			if got != want {
				t.Errorf("%s: got %q, want %q", c.language, got, want)
			}
		}
		for _, form := range sentences(t) {
			text := x.Say(said.Sentence{Form: strings.NewReplacer("%", "%%", "{{.A}}", "%s", "{{.B}}", "%s", "{{.C}}", "%s", "{{.D}}", "%s",
				"{{.E}}", "%s").Replace(form), Values: []said.Value{{Text: "v1"}, {Text: "v2"}, {Text: "v3"}, {Text: "v4"}, {Text: "v5"}}})
			if strings.ContainsAny(text, "{}%!") && !strings.ContainsAny(form, "%") || strings.Contains(text, "<no value>") {
				t.Errorf("%s: %q reads %q", c.language, form, text)
			}
		}
	}
}
