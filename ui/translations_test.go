package ui

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// keys returns every English text that the screens and their texts hand to t, and all that the engine says.
func keys(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.go", "present/*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	var keys []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "t" {
				return true
			}
			text, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: t is called with something else than a literal", file)
				return true
			}
			key, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
			return true
		})
	}
	keys = append(keys, sentences(t)...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

var placeholder = regexp.MustCompile(`{{\.\w+}}`)

// worded matches a text that does more than join its values.
var worded = regexp.MustCompile(`^(?:[^\pL{]|{{\.\w+}})*\pL`)

func placeholders(s string) []string {
	found := placeholder.FindAllString(s, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestTranslationsAreComplete(t *testing.T) {
	want, said := keys(t), sentences(t)
	if len(want) < 100 {
		t.Fatalf("%d keys found in the source: the search looks at the wrong calls", len(want))
	}
	files, err := filepath.Glob("translations/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("translations: got %v (%v), want two or more", files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		if err := json.Unmarshal(src, &got); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, key := range want {
			text, ok := got[key]
			switch {
			case !ok || text == "":
				t.Errorf("%s: no text for %q", file, key)
			case !slices.Equal(placeholders(text), placeholders(key)):
				t.Errorf("%s: %q has other placeholders than %q", file, text, key)
			case strings.HasSuffix(file, "en.json") && text != key:
				t.Errorf("%s: %q is not its own text", file, key)
			case !strings.HasSuffix(file, "en.json") && text == key && slices.Contains(said, key) && worded.MatchString(key):
				t.Errorf("%s: %q reads as in English, so that it would be shown as a quotation", file, key)
			}
			delete(got, key)
		}
		for key := range got {
			t.Errorf("%s: %q is not used", file, key)
		}
	}
}

// likeAddress matches what could be an address, a key or a place in the network: a
// translation that names one could send money or people elsewhere.
var likeAddress = regexp.MustCompile(`(?i)://|www\.|[a-z0-9]{20,}[0-9][a-z0-9]*|[0-9][a-z0-9]{24,}`)

func TestTranslationsNameNoAddress(t *testing.T) {
	for _, bad := range []string{"pay 1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "see https://x.org",
		"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"} {
		if !likeAddress.MatchString(bad) {
			t.Errorf("%q passes", bad)
		}
	}
	files, err := filepath.Glob("translations/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := likeAddress.Find(src); found != nil {
			t.Errorf("%s: %q looks like an address", file, found)
		}
	}
}
