package ui

import (
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/ui/present"
)

// textsIn returns the texts of a language, by its file.
func textsIn(t *testing.T, language string) *present.Texts {
	t.Helper()
	src, err := os.ReadFile("translations/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	if err := json.Unmarshal(src, &texts); err != nil {
		t.Fatal(err)
	}
	return present.New(func(english string, data ...any) string {
		if text, ok := texts[english]; ok {
			english = text
		}
		return present.English(english, data...)
	})
}

// englishAlone returns the calls in a file that put texts into a report without their sentences.
func englishAlone(tree *ast.File) (found []string) {
	ast.Inspect(tree, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 3 {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Check" || f.Sel.Name == "Skip") {
				found = append(found, f.Sel.Name)
			}
			if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "refuse" {
				found = append(found, f.Name)
			}
		}
		return true
	})
	return found
}

// TestReportsAreSaid: whatever makes the reports of the screens, makes them of sentences.
func TestReportsAreSaid(t *testing.T) {
	seen := 0
	eachFile(t, func(name string, tree *ast.File) {
		switch filepath.ToSlash(filepath.Dir(name)) {
		case "../spv", "../spv/doctor":
		case "../spv/merkle":
			if filepath.Base(name) != "extract.go" { // the rest refuses for others
				return
			}
		default:
			if strings.HasSuffix(name, "terms.go") && len(englishAlone(tree)) > 0 {
				seen++ // of swaps, which make no report: the search finds what there is
			}
			return
		}
		for _, call := range englishAlone(tree) {
			t.Errorf("%s: %s is called with English alone: say it with package said", name, call)
		}
	})
	if seen == 0 {
		t.Error("the search finds nothing where there is something")
	}
}

// apart are names of checks that no report on the screens has: of trees, of a parent header over the L1, and of proofs that
// have a page of their own.
var apart = []string{spv.CheckReorgLimit, spv.CheckParentBits, spv.CheckParentMedian, spv.CheckParentVersion, spv.CheckParentTime,
	spv.CheckAnchorDepth, spv.CheckAnchorOrder, merkle.CheckDepth, merkle.CheckIndex, merkle.CheckCoinbase,
	merkle.CheckRangeIndex, merkle.CheckRangeLength, merkle.CheckRangeWork, merkle.CheckRangeRoot}

// TestEveryCheckIsExplained: each name of a check has a line on what it demands, which TestTranslationsAreComplete wants in
// every language.
func TestEveryCheckIsExplained(t *testing.T) {
	names := 0
	eachFile(t, func(file string, tree *ast.File) {
		switch filepath.ToSlash(filepath.Dir(file)) {
		case "../spv", "../spv/doctor", "../spv/merkle":
		default:
			return
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Check") {
				return true
			}
			name, ok := literal(spec.Values[0])
			if !ok {
				return true
			}
			names++
			if doctor.Explain(name) == "" && !slices.Contains(apart, name) {
				t.Errorf("%s: check %q has no line that explains it", file, name)
			}
			return true
		})
	})
	if names < 60 {
		t.Errorf("%d names of checks found, want 60 or more", names)
	}
}

// spoiled returns an input with a byte changed.
func spoiled(t *testing.T, input []byte, at int) []byte {
	t.Helper()
	raw, err := doctor.Decode(input)
	if err != nil {
		t.Fatal(err)
	}
	raw = slices.Clone(raw)
	raw[at%len(raw)] ^= 1 << (at % 8)
	return []byte(hex.EncodeToString(raw))
}

// reports returns what is found of the examples that come with the program, as they are and spoiled.
func reports(t *testing.T) []*doctor.Report {
	t.Helper()
	a, err := app.Open(app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	examples, err := a.Examples()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var list []*doctor.Report
	judge := func(r app.Request) {
		report, err := a.Verify(t.Context(), r)
		if err == nil { // a spoiled one may be unreadable
			list = append(list, report)
		}
	}
	for _, e := range examples {
		input := e.Request.Input
		judge(e.Request)
		e.Request.Height = doctor.UnknownHeight
		judge(e.Request)
		e.Request.Height, e.Request.TxID = 7, &spv.Hash{}
		judge(e.Request)
		for i := range 16 {
			e.Request.Input = spoiled(t, input, []int{i * 2, random.IntN(len(input))}[i%2])
			e.Request.Height = doctor.UnknownHeight
			judge(e.Request)
		}
	}
	return list
}

// foreign tells whether a sentence quotes what is none of ours.
func foreign(all ...said.Sentence) bool {
	return slices.ContainsFunc(all, func(s said.Sentence) bool {
		return slices.ContainsFunc(s.Values, func(v said.Value) bool { return v.Foreign != "" || v.Said != nil && foreign(*v.Said) })
	})
}

// TestReportsInEveryLanguage: a report shows no English in another language, but for what is nobody's of ours.
func TestReportsInEveryLanguage(t *testing.T) {
	list := reports(t)
	refuted, causes := 0, map[string]bool{}
	for _, r := range list {
		if r.Verdict == doctor.Refuted {
			refuted++
		}
		if r.Cause != nil {
			causes[r.Cause.Name] = true
		}
	}
	if len(list) < 100 || refuted < 50 || len(causes) < 5 {
		t.Fatalf("%d reports, %d of them refuted, causes %v: too few to tell", len(list), refuted, causes)
	}
	for _, language := range []string{"de", "es", "fr", "zh"} {
		x := textsIn(t, language)
		_, mark, _ := strings.Cut(x.Say(said.Sentence{Form: "brand new"}), "brand new")
		if mark == "" {
			t.Fatalf("%s: no mark of a quotation", language)
		}
		for _, r := range list {
			checkWords(t, language, mark, r, x.Report(r))
		}
	}
}

func checkWords(t *testing.T, language, mark string, r *doctor.Report, got present.Report) {
	t.Helper()
	check := func(text, english string, of ...said.Sentence) {
		if foreign(of...) {
			return
		}
		if strings.Contains(text, mark) || text == english && len(of) > 0 && strings.ContainsFunc(of[0].Form, isWord) && of[0].Form != said.Foreign {
			t.Errorf("%s: %q is shown in English: %q", language, english, text)
		}
	}
	check(got.Title, r.Title, r.TitleSaid)
	for i, c := range r.Checks {
		shown := got.Checks[i]
		check(shown.Rule, doctor.Explain(c.Name), said.Sentence{Form: doctor.Explain(c.Name)})
		for _, v := range shown.Values {
			check(v.Value, "", c.WantSaid, c.GotSaid)
		}
	}
	for i, f := range r.Facts {
		check(got.Facts[i].Label, f.Name, f.NameSaid)
		check(got.Facts[i].Value, f.Value, f.ValueSaid)
	}
	for i, w := range r.Warnings {
		check(got.Notes[i], w, r.WarningsSaid[i])
	}
	if c := r.Cause; c != nil {
		check(got.Cause[0].Value, c.Text, c.TextSaid)
		check(got.Cause[1].Value, c.Mend, c.MendSaid)
	}
}

func isWord(r rune) bool { return r >= 'a' && r <= 'z' }

// TestEveryLegIsNamed: each reason of evidence has a name in every language.
func TestEveryLegIsNamed(t *testing.T) {
	names := map[string]bool{}
	eachFile(t, func(file string, tree *ast.File) {
		if filepath.Base(file) != "security_evidence.go" {
			return
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "add" {
					if name, ok := literal(n.Args[0]); ok {
						names[name] = true
					}
				}
			case *ast.ValueSpec:
				if len(n.Values) == 1 && n.Names[0].Name == "name" {
					name, _ := literal(n.Values[0])
					names[name] = true
				}
			case *ast.KeyValueExpr:
				key, _ := n.Key.(*ast.Ident)
				if name, ok := literal(n.Value); ok && key != nil && key.Name == "Name" {
					names[name] = true
				}
			}
			return true
		})
	})
	if len(names) < 13 {
		t.Fatalf("%d names of legs found: %v", len(names), names)
	}
	for _, language := range []string{"de", "es", "fr", "zh"} {
		x := textsIn(t, language)
		for name := range names {
			if got := x.Legs(&app.Evidence{Legs: []app.Leg{{Name: name, State: app.LegChecked}}}); got[0].Name == name {
				t.Errorf("%s: leg %q has no name", language, name)
			}
		}
	}
}
