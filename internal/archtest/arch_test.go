package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

func TestArrows(t *testing.T) {
	packages := load(t)
	if !slices.ContainsFunc(packages, func(p source) bool { return p.path == "spv" }) {
		t.Fatal("package spv was not found: the walk looks at the wrong tree")
	}
	for _, p := range packages {
		for _, violation := range check(p) {
			t.Error(violation)
		}
	}
}

// TestCheck spoils one thing at a time in a package that breaks no rule.
func TestCheck(t *testing.T) {
	const doc = "// Package p does nothing.\n"
	tests := []struct {
		name, path, src string
		want            string // part of the one violation; empty: none
	}{
		{"clean", "spv/pow", doc + `package p; import ("time"; "` + module + `/spv"); var _ = spv.X; var _ time.Duration`, ""},
		{"third party", "spv", doc + `package p; import _ "github.com/btcsuite/btcd/chaincfg/chainhash"`, ""},
		{"os in spv", "spv/filter", doc + `package p; import _ "os"`, "must not reach os"},
		{"below os", "spv", doc + `package p; import _ "os/exec"`, "must not reach os"},
		{"name that only begins like os", "spv", doc + `package p; import _ "osmium"`, ""},
		{"slog", "spv", doc + `package p; import _ "log/slog"`, "must not reach log"},
		{"spv knows internal", "spv", doc + `package p; import _ "` + module + `/internal/app"`, "imports internal/app"},
		{"test data in code", "internal/app", doc + `package p; import _ "` + module + `/internal/testdata"`, "imports internal/testdata"},
		{"clock", "spv/syncer", doc + `package p; import "time"; var _ = time.Now`, "uses time.Now"},
		{"clock renamed", "spv", doc + `package p; import c "time"; var _ = c.Since`, "uses time.Since"},
		{"clock with a dot", "spv", doc + `package p; import . "time"; var _ = Now`, "with a dot"},
		{"clock outside spv", "internal/app", doc + `package p; import "time"; var _ = time.Now`, ""},
		{"wallet and disk", "wallet/settle", doc + `package p; import _ "os"`, "must not reach os"},
		{"keystore knows nothing", "keystore", doc + `package p; import _ "` + module + `/spv"`, "imports spv"},
		{"window in headless", "cmd/lamina", doc + `package main; import _ "fyne.io/fyne/v2"`, "must not reach fyne.io"},
		{"ui in headless", "cmd/lamina", doc + `package main; import _ "` + module + `/ui"`, "imports ui"},
		{"toolkit in ui", "ui", doc + `package p; import _ "fyne.io/fyne/v2/widget"`, ""},
		{"driver in ui", "ui", doc + `package p; import _ "fyne.io/fyne/v2/app"`, "must not reach fyne.io/fyne/v2/app"},
		{"ui reaches below the facade", "ui", doc + `package p; import _ "` + module + `/internal/store"`, "imports internal/store"},
		{"toolkit in texts", "ui/present", doc + `package p; import _ "fyne.io/fyne/v2"`, "must not reach fyne.io"},
		{"driver in desktop", "cmd/lamina-desktop", doc + `package main; import _ "fyne.io/fyne/v2/app"`, ""},
		{"node and wallet", "internal/node", doc + `package p; import _ "` + module + `/wallet"`, "imports wallet"},
		{"node and derivations", "internal/node/miner", doc + `package p; import _ "` + module + `/wallet/settle"`, ""},
		{"chain in an identifier", "spv", doc + `package p; const RetargetDogecoin = 1`, "names a chain"},
		{"chain in a string", "internal/app", doc + "package p; const x = `Litecoin`", "names a chain"},
		{"chain in an escaped string", "internal/app", doc + `package p; const x = "\x62itcoin"`, "names a chain"},
		{"chain in a comment or import", "spv", doc + `package p // as in Bitcoin
			import _ "github.com/bitcoin/x"`, ""},
		{"chain in chain data", "spv/chains", doc + `package p; const x = "bitcoin"`, ""},
		{"no package comment", "spv", `package p`, "no package comment"},
		{"no row", "misc", doc + `package p`, "no row"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, "p.go", test.src, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			got := check(source{test.path, fset, []*ast.File{file}})
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("clean source refused: %q", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)):
				t.Errorf("violations %q, want one with %q", got, test.want)
			}
		})
	}
}

// machinePath matches an absolute path below somebody's home or working folder. It is put together from parts so that this
// file does not match.
var machinePath = regexp.MustCompile(`(^|[\s"'` + "`" + `(=:,])/(ro` + `ot|wo` + `rk|ho` + `me)/`)

func TestMachinePath(t *testing.T) {
	slash := "/"
	for text, want := range map[string]bool{
		"see " + slash + "root/x":                true,
		slash + "work/main":                      true,
		"dir=" + slash + "home/ann/a":            true,
		"https://example.org" + slash + "work/1": false,
		"proof" + slash + "work/hash":            false,
		"the root/branch and work/target":        false,
	} {
		if got := machinePath.MatchString(text); got != want {
			t.Errorf("%q: match %v, want %v", text, got, want)
		}
	}
}

// TestNoMachinePaths looks into every file but build output and version control.
func TestNoMachinePaths(t *testing.T) {
	root := testdata.Root(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" && !d.IsDir() {
			return nil // the pointer file of a linked working tree
		}
		if d.IsDir() {
			if d.Name() == ".git" || path == filepath.Join(root, "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if at := machinePath.FindIndex(content); at != nil {
			line := 1 + bytes.Count(content[:at[0]], []byte("\n"))
			t.Errorf("%s:%d: a path of one machine: %q", path, line, content[at[0]:at[1]])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
