package main

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"testing"
)

// TestBillOfThisTest compares the bill of this very test program with what the go command says of it.
func TestBillOfThisTest(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	built, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	b := billOf(built, "1.2.3")
	if b.Metadata.Component.Version != "v1.2.3" || b.Components[0].Name != "std" {
		t.Fatalf("bill of %+v begins with %+v", b.Metadata.Component, b.Components[0])
	}
	release, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := "go"+b.Components[0].Version+"\n", string(release); got != want {
		t.Fatalf("go release %q, want %q", got, want)
	}
	for _, c := range b.Components {
		if c.Purl != "pkg:golang/"+c.Name+"@"+c.Version {
			t.Errorf("%s %s: package URL %s", c.Name, c.Version, c.Purl)
		}
	}
}
