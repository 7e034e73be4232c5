package main

import (
	"bytes"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/layeredpow/lamina/assets"
)

// fyneApp is all that FyneApp.toml may say; Fyne's tool passes silently over what it does not know.
type fyneApp struct {
	Website string
	Details struct {
		Icon, Name, ID, Version string
		Build                   int
	}
	LinuxAndBSD struct {
		GenericName, Comment, ExecParams string
		Categories, Keywords             []string
	}
	Migrations map[string]bool
}

// TestFyneApp: what the packages of other systems are made from says the same as the program, its menu entry and its AppStream
// data.
func TestFyneApp(t *testing.T) {
	read := func(name string) []byte {
		t.Helper()
		src, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	var a fyneApp
	if err := toml.NewDecoder(bytes.NewReader(read("FyneApp.toml"))).DisallowUnknownFields().Decode(&a); err != nil {
		t.Fatal(err)
	}
	m := metadata()
	if a.Details.ID != m.ID || a.Details.Name != m.Name || a.Details.Build != m.Build || !maps.Equal(a.Migrations, m.Migrations) {
		t.Errorf("FyneApp.toml says %+v, the program %+v", a, m)
	}
	// Android takes no other characters, and the desktops want a domain that is turned round.
	if !regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){2,}$`).MatchString(m.ID) {
		t.Errorf("id %q", m.ID)
	}
	if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(a.Details.Version) { // Windows and iOS take no other
		t.Errorf("version %q: want three numbers", a.Details.Version)
	}
	icon := read(a.Details.Icon)
	if !bytes.Equal(icon, assets.Icon) {
		t.Errorf("%s is not the program's icon", a.Details.Icon)
	}
	if c, err := png.DecodeConfig(bytes.NewReader(icon)); err != nil || c.Width != c.Height || c.Width < 512 {
		t.Errorf("%s: %d x %d (%v), want a square of 512 at least", a.Details.Icon, c.Width, c.Height, err)
	}

	entry := map[string]string{}
	for line := range strings.Lines(string(read("assets/linux/" + m.ID + ".desktop"))) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		entry[key] = value
	}
	for key, want := range map[string]string{"Name": a.Details.Name, "GenericName": a.LinuxAndBSD.GenericName, "Comment": a.LinuxAndBSD.Comment,
		"Categories": strings.Join(a.LinuxAndBSD.Categories, ";") + ";", "Keywords": strings.Join(a.LinuxAndBSD.Keywords, ";") + ";",
		"Exec": "lamina-desktop" + a.LinuxAndBSD.ExecParams, "Icon": a.Details.ID} {
		if entry[key] != want {
			t.Errorf("menu entry: %s is %q, FyneApp.toml says %q", key, entry[key], want)
		}
	}
	for _, want := range []string{"<id>" + m.ID + "</id>", ">" + m.ID + ".desktop<", "<name>" + m.Name + "</name>", ">" + a.Website + "<"} {
		if !bytes.Contains(read("assets/linux/"+m.ID+".metainfo.xml"), []byte(want)) {
			t.Errorf("AppStream data: no %s", want)
		}
	}
}
