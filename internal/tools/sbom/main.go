// Command sbom prints the bill of materials of a Go program as a CycloneDX 1.6 document: the modules and the Go release that
// the program itself says it was built from. The same program gives the same bytes.
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Purl    string `json:"purl"`
}

type bill struct {
	Format   string `json:"bomFormat"`
	Spec     string `json:"specVersion"`
	Version  int    `json:"version"`
	Metadata struct {
		Component component `json:"component"`
	} `json:"metadata"`
	Components []component `json:"components"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sbom PROGRAM VERSION")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func run(program, version string) error {
	built, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(billOf(built, version))
}

// billOf lists what a program was built from. Its own module has no version in a build from source, so that is given.
func billOf(built *debug.BuildInfo, version string) *bill {
	b := &bill{Format: "CycloneDX", Spec: "1.6", Version: 1}
	b.Metadata.Component = part("application", built.Path, "v"+version)
	b.Components = append(b.Components, part("library", "std", strings.TrimPrefix(built.GoVersion, "go")))
	for _, m := range built.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Components = append(b.Components, part("library", m.Path, m.Version))
	}
	return b
}

// part describes a Go module; its package URL is as purl-spec's type golang has it.
func part(kind, path, version string) component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Type: kind, Ref: purl, Name: path, Version: version, Purl: purl}
}
