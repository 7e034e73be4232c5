package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

// skipped says whether the tree walk leaves out a folder: version control, build output, and what the go command ignores.
func skipped(name string) bool {
	return name == "testdata" || name == "dist" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// load parses the non-test Go files of every package in the module, for every platform.
func load(t *testing.T) []source {
	t.Helper()
	root := testdata.Root(t)
	fset := token.NewFileSet()
	byPath := map[string][]*ast.File{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			// internal/testdata is a package; only its data folder is not.
			if rel != "." && rel != "internal/testdata" && skipped(d.Name()) || rel == "internal/testdata/data" {
				return filepath.SkipDir
			}
			// A module of its own keeps to itself, so that what it needs stays out of ours.
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && rel != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := strings.TrimSuffix(rel, "/"+d.Name())
		byPath[pkg] = append(byPath[pkg], file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var packages []source
	for path, files := range byPath {
		packages = append(packages, source{path, fset, files})
	}
	sort.Slice(packages, func(i, j int) bool { return packages[i].path < packages[j].path })
	return packages
}
