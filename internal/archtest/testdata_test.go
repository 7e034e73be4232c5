package archtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

// row is what MANIFEST.md promises of one file.
type row struct {
	size int
	sum  string
}

// manifest reads the rows of MANIFEST.md: lines whose first cell is a path and whose third is a sha256 in back quotes.
func manifest(t *testing.T) map[string]row {
	t.Helper()
	rows := map[string]row{}
	for _, line := range strings.Split(string(testdata.Read(t, "MANIFEST.md")), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) < 7 || !strings.Contains(cells[0], "/") {
			continue
		}
		name := strings.TrimPrefix(cells[0], "| ")
		size, err := strconv.Atoi(cells[1])
		if err != nil {
			t.Fatalf("%s: size: %v", name, err)
		}
		if _, twice := rows[name]; twice {
			t.Errorf("%s: two rows", name)
		}
		for i, cell := range cells[3:6] {
			if strings.TrimSpace(cell) == "" {
				t.Errorf("%s: cell %d is empty", name, i+4)
			}
		}
		rows[name] = row{size, strings.Trim(cells[2], "`")}
	}
	return rows
}

// TestManifest lives here because the go command's ./... passes over folders named testdata.
func TestManifest(t *testing.T) {
	rows := manifest(t)
	root := filepath.Dir(testdata.Path(t, "MANIFEST.md"))
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if name == "MANIFEST.md" {
			return nil
		}
		want, ok := rows[name]
		if !ok {
			t.Errorf("%s: no row in MANIFEST.md", name)
			return nil
		}
		delete(rows, name)
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		if got := hex.EncodeToString(sum[:]); got != want.sum || len(raw) != want.size {
			t.Errorf("%s: %d bytes, sha256 %s; MANIFEST.md says %d bytes, %s", name, len(raw), got, want.size, want.sum)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range rows {
		t.Errorf("%s: row in MANIFEST.md, no file", name)
	}
}

func TestDataRead(t *testing.T) {
	if got := len(testdata.Read(t, "headers/bitcoin-testnet3-0-9999.bin")); got != 10000*80 {
		t.Errorf("plain file: %d bytes, want %d", got, 10000*80)
	}
	// The neutrino file is a 10-byte prefix and 100,000 headers once decompressed.
	if got := len(testdata.Read(t, "headers/bitcoin-mainnet-0-99999.neutrino.bz2")); got != 10+100000*80 {
		t.Errorf("bz2 file: %d bytes, want %d", got, 10+100000*80)
	}
}

func TestDataHex(t *testing.T) {
	header := testdata.Hex(t, "auxpow/dogecoin-mainnet/17.hex")
	if len(header) != 80 {
		t.Fatalf("header 17: %d bytes, want 80", len(header))
	}
	lines := testdata.HexLines(t, "headers/dogecoin-mainnet-974401-974411-auxpow.hex")
	if len(lines) != 11 {
		t.Fatalf("run 974401..974411: %d lines, want 11", len(lines))
	}
	// Each line starts with an 80-byte header that names its predecessor's double hash.
	for i := 1; i < len(lines); i++ {
		first := sha256.Sum256(lines[i-1][:80])
		id := sha256.Sum256(first[:])
		if !bytes.Equal(lines[i][4:36], id[:]) {
			t.Errorf("line %d does not link to line %d", i+1, i)
		}
	}
}
