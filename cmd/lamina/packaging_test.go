package main

import (
	"bytes"
	"image"
	"image/draw"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/layeredpow/lamina/internal/testdata"
)

// TestMan: there is a page for every command, with its flags, and no page holds whose home this is.
func TestMan(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	t.Setenv("XDG_DATA_HOME", "/somebody/data")
	if got := lamina(t, nil, "man", dir); got.code != exitOK || !strings.HasSuffix(got.out, " pages\n") {
		t.Fatalf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
	for name, says := range map[string][]string{
		"lamina.1":                {".TH \"LAMINA\" 1", ".B lamina wallet"},
		"lamina-send.1":           {`.B \-\-rate string`, `lamina send ADDRESS 0.5 \-\-dry\-run`, `.B \-\-json`},
		"lamina-wallet-restore.1": {`.B \-\-words\-file string`},
		"lamina-coins-combine.1":  {".SH OPTIONS"},
		"lamina-completion-zsh.1": {".SH NAME"},
		"lamina-daemon.1":         {`.B \-\-webhook\-secret\-file string`},
	} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, say := range says {
			if !strings.Contains(string(raw), say) {
				t.Errorf("%s: %q is not in\n%s", name, say, raw)
			}
		}
		if strings.Contains(string(raw), "somebody") {
			t.Errorf("%s: names a folder of this machine", name)
		}
		for line := range strings.Lines(string(raw)) { // every line that is a macro is one of man(7)
			if macro, _, _ := strings.Cut(strings.TrimRight(line, "\n"), " "); strings.HasPrefix(line, ".") &&
				!strings.Contains(" .TH .SH .B .PP .nf .fi .TP ", " "+macro+" ") {
				t.Errorf("%s: %q is no macro", name, line)
			}
		}
	}
}

// TestCompletions: the shells' own parsers take what is printed for them, where they are there, and names are completed.
func TestCompletions(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		got := lamina(t, nil, "completion", shell)
		if got.code != exitOK || !strings.Contains(got.out, "lamina") {
			t.Errorf("%s: exit code %d\n%s", shell, got.code, got.err)
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		check := exec.Command(path, "-n")
		check.Stdin = strings.NewReader(got.out)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s -n: %v\n%s", shell, err, out)
		}
	}
	if got := lamina(t, nil, "__complete", "wallet", "re"); !strings.Contains(got.out, "restore") || strings.Contains(got.out, "create") {
		t.Errorf("completing:\n%s", got.out)
	}
}

// TestUnit: the unit's command line is one that the program takes, and the hardening is there.
func TestUnit(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(testdata.Root(t), "assets", "systemd", "lamina.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"DynamicUser=yes", "StateDirectoryMode=0700", "NoNewPrivileges=yes", "ProtectSystem=strict", "LimitCORE=0",
		"MemoryDenyWriteExecute=yes", "SystemCallFilter=@system-service"} {
		if !bytes.Contains(raw, []byte("\n"+want+"\n")) {
			t.Errorf("no %s", want)
		}
	}
	_, command, _ := strings.Cut(string(raw), "\nExecStart=/usr/bin/lamina ")
	command, _, _ = strings.Cut(command, "\n")
	command = strings.NewReplacer("${STATE_DIRECTORY}", "/dev/null/x", "$LAMINA_ARGS", "--connect dev=127.0.0.1:1 --rpc 127.0.0.1:0 --chain dev").Replace(command)
	if got := lamina(t, nil, strings.Fields(command)...); got.code != exitUsage || !strings.Contains(got.err, "/dev/null/x") {
		t.Errorf("%s: exit code %d\n%s", command, got.code, got.err)
	}
}

// TestQR has a reader that we did not write, nor the writer's authors, read what is drawn, from the half blocks up.
func TestQR(t *testing.T) {
	const text = "lamina-dev:ldev1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqmreyrz?amount=0.5&label=rent"
	drawn, err := qrText(text)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(drawn, "\n"), "\n")
	const scale = 4
	picture := image.NewGray(image.Rect(0, 0, scale*2*len(lines), scale*2*len(lines)))
	for i := range picture.Pix {
		picture.Pix[i] = 0xff
	}
	for y, line := range lines {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[30;107m"), "\x1b[0m")
		for x, r := range []rune(line) {
			for half, dark := range []bool{r == '█' || r == '▀', r == '█' || r == '▄'} {
				if dark {
					at := image.Rect(x, 2*y+half, x+1, 2*y+half+1)
					draw.Draw(picture, image.Rect(at.Min.X*scale, at.Min.Y*scale, at.Max.X*scale, at.Max.Y*scale), image.Black, image.Point{}, draw.Src)
				}
				if dark && (x < 4 || 2*y+half < 4) {
					t.Fatalf("module %d, %d: dark, in the quiet border", x, 2*y+half)
				}
			}
		}
	}
	bits, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	got, err := qrcode.NewQRCodeReader().Decode(bits, nil)
	if err != nil || got.GetText() != text {
		t.Errorf("read %v, %v", got, err)
	}
	if _, err := qrText(strings.Repeat("x", 5000)); err == nil {
		t.Error("more than fits is drawn")
	}
}
