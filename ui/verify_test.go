package ui

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/ui/present"
)

// eachSize runs a test in the smallest and in a common window.
func eachSize(t *testing.T, f func(t *testing.T, size fyne.Size)) {
	t.Run("phone", func(t *testing.T) { f(t, phone) })
	t.Run("desk", func(t *testing.T) { f(t, desk) })
}

// choose sets the kind and the chain of the form.
func (b *bench) choose(kind app.Kind, chain string) {
	b.t.Helper()
	f := b.verify.form
	f.kind.SetSelectedIndex(slices.Index(app.Kinds(), kind))
	f.choose(chain)
	if f.kindOf() != kind || f.chainOf() != chain {
		b.t.Fatalf("form: %s by %q, want %s by %q", f.kindOf(), f.chainOf(), kind, chain)
	}
}

func TestVerifyNothingYet(t *testing.T) {
	eachSize(t, func(t *testing.T, size fyne.Size) {
		b := newBench(t, size, nil)
		b.frame.open(verifyAt)
		b.wantShown("Nothing verified yet", "Paste hex here", "Verify")
		b.wantHidden("Give up", "Copy the report", "Checks, in order")
		b.tap("Verify")
		b.wantShown("Not yet", "Nothing to verify yet: paste hex or open a file.")
		b.verify.form.entry.SetText("00")
		b.tap("Verify")
		b.wantShown("Chain: choose the one to judge by.")
		b.wantWhole()
	})
}

func TestVerifyVerified(t *testing.T) {
	eachSize(t, func(t *testing.T, size fyne.Size) {
		b := newBench(t, size, nil)
		b.frame.open(verifyAt)
		b.choose(app.AuxPoW, "dogecoin")
		b.verify.form.entry.SetText(string(bytes.TrimSpace(testdata.Read(t, "auxpow/dogecoin-mainnet/700000.hex"))))
		b.verify.form.height.SetText("700000")
		b.tap("Verify")
		b.pump()
		b.wantShown("Verified", "parent-work, passed", "the parent's work hash meets the child's target",
			"Not checked, and not vouched for: ", "difficulty", "This speaks of these bytes alone.", "Copy the report", "height 700\u202f000")
		b.wantHidden("Give up", "Likely cause", ", failed")
		b.wantWhole()
		b.tap("Copy the report")
		if text := b.app.Clipboard().Content(); !strings.Contains(text, "Verified") || !strings.Contains(text, "parent-work") {
			t.Errorf("clipboard: %q", text)
		}
	})
}

func TestVerifyRefuted(t *testing.T) {
	eachSize(t, func(t *testing.T, size fyne.Size) {
		b := newBench(t, size, nil)
		b.frame.open(verifyAt)
		b.choose(app.AuxPoW, "dogecoin")
		proof := testdata.Hex(t, "auxpow/dogecoin-mainnet/700000.hex")
		root := bytes.Index(proof, []byte{0xfa, 0xbe, 0x6d, 0x6d}) + 4
		slices.Reverse(proof[root : root+32]) // the commonest mistake of pools
		b.verify.form.entry.SetText(hex.EncodeToString(proof))
		b.tap("Verify")
		b.pump()
		b.wantShown("Refuted", "Do not rely on this.", ", failed", "wanted", "found", "Likely cause", "To mend it")
		b.wantHidden("This speaks of these bytes alone.")
		b.wantWhole()
		b.verify.form.entry.SetText("00") // the next result must not keep anything of this one
		b.tap("Verify")
		b.pump()
		b.wantShown("Not readable", "Nothing was verified")
		b.wantHidden("Refuted", "Likely cause", "Checks, in order", "Copy the report")
		b.wantWhole()
	})
}

func TestVerifyRunningAndGivenUp(t *testing.T) {
	eachSize(t, func(t *testing.T, size fyne.Size) {
		started, release := make(chan app.Request), make(chan struct{})
		f := &fake{verify: func(ctx context.Context, r app.Request) (*doctor.Report, error) {
			started <- r
			<-ctx.Done()
			<-release
			return nil, ctx.Err()
		}}
		b := newBench(t, size, f)
		b.frame.open(verifyAt)
		b.choose(app.Headers, "litecoin")
		b.verify.form.entry.SetText("00")
		b.tap("Verify")
		b.wantShown("Running", "Checking\u2026", "Give up")
		b.verify.start() // Ctrl+Enter must not start a second one
		request := <-started
		request.Progress(512, 2048)
		(<-b.queue)()
		b.wantShown("Checking: 512 of 2048 headers")
		b.wantWhole()
		b.tap("Give up")
		b.wantShown("Given up", "Nothing is known of the input.", "Verify")
		b.wantHidden("Running")
		request.Progress(1024, 2048) // comes late
		(<-b.queue)()
		close(release)
		b.Close()
		for len(b.queue) > 0 { // whatever else the frame had to do; what was given up reports nothing
			(<-b.queue)()
		}
		b.wantShown("Given up")
		b.wantHidden("Running")
	})
}

func TestVerifyCloseEndsWhatRuns(t *testing.T) {
	ended := make(chan struct{})
	b := newBench(t, desk, &fake{verify: func(ctx context.Context, _ app.Request) (*doctor.Report, error) {
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}})
	b.choose(app.Headers, "litecoin")
	b.verify.form.entry.SetText("00")
	b.verify.start()
	b.Close()
	select {
	case <-ended:
	default:
		t.Error("Close returned before the verification had ended")
	}
}

func TestVerifyLongTexts(t *testing.T) {
	eachSize(t, func(t *testing.T, size fyne.Size) {
		long := strings.Repeat("0123456789abcdef", 40)
		report := &doctor.Report{
			Title: "header of " + long, Verdict: doctor.Refuted, NotChecked: []string{long},
			Warnings: []string{strings.Repeat("many words ", 60), long},
			Cause:    &doctor.Cause{Name: "x", Text: long, Mend: strings.Repeat("do this ", 80)},
			Facts:    []doctor.Fact{{Name: "coinbase", Value: long}},
		}
		for range 60 {
			report.Checks = append(report.Checks,
				spv.Check{Name: spv.CheckWork, Outcome: spv.Failed, Want: long, Got: strings.Repeat("found this ", 30)},
				spv.Check{Name: "unheard-of", Outcome: spv.NotChecked, Got: long})
		}
		b := newBench(t, size, &fake{verify: func(context.Context, app.Request) (*doctor.Report, error) { return report, nil }})
		b.frame.open(verifyAt)
		b.choose(app.Header, "litecoin")
		b.verify.form.entry.SetText(long)
		b.tap("Verify")
		b.pump()
		b.wantShown("unheard-of, not checked")
		b.wantWhole()
		if got := len(b.verify.result.checkList.Objects); got != len(report.Checks) {
			t.Errorf("%d checks shown, want %d", got, len(report.Checks))
		}
	})
}

func TestVerifyNotDecided(t *testing.T) {
	b := newBench(t, phone, &fake{verify: func(context.Context, app.Request) (*doctor.Report, error) {
		return &doctor.Report{Verdict: doctor.Incomplete}, nil
	}})
	b.frame.open(verifyAt)
	b.choose(app.Merkle, present.NoChain)
	b.verify.form.entry.SetText("00")
	b.tap("Verify")
	b.pump()
	b.wantShown("Not decided")
	b.wantHidden("Checks, in order", "What was read", "Verified")
}

func TestVerifyExamples(t *testing.T) {
	b := newBench(t, desk, nil)
	b.frame.open(verifyAt)
	for _, kind := range []app.Kind{app.AuxPoW, app.Headers, app.Merkle, app.Block} {
		b.verify.form.kind.SetSelectedIndex(slices.Index(app.Kinds(), kind))
		for range 2 {
			b.tap("Show an example")
			b.wantShown("Nothing verified yet")
			b.tap("Verify")
			b.pump()
			b.wantShown("Verified")
			b.wantWhole()
		}
	}
	b.tap("Remove")
	b.tap("Verify")
	b.wantShown("Nothing to verify yet")
}

func TestVerifyExampleByID(t *testing.T) {
	b := newBench(t, phone, nil)
	b.frame.open(verifyAt)
	for range len(b.verify.examples) {
		b.tap("Show an example")
		if b.verify.form.chainOf() == present.ByID {
			b.wantShown("Merged-mining id", "Work hash")
			b.tap("Verify")
			b.pump()
			b.wantShown("Verified")
			return
		}
	}
	t.Fatal("no example of a chain that is known by its id alone")
}

func TestVerifyFields(t *testing.T) {
	b := newBench(t, phone, nil)
	b.frame.open(verifyAt)
	b.wantHidden("Height")
	b.tap("More that is known")
	tests := []struct {
		kind         app.Kind
		shown, other string
	}{{app.AuxPoW, "Bits, for a proof", "Transaction id"}, {app.Merkle, "Transaction id", "Bits, for a proof"}}
	for _, test := range tests {
		b.verify.form.kind.SetSelectedIndex(slices.Index(app.Kinds(), test.kind))
		b.wantShown("Height", test.shown)
		b.wantHidden(test.other)
		b.wantWhole()
	}
	// A chain that does not fit the new kind is not kept in silence.
	b.choose(app.Header, "litecoin")
	b.verify.form.kind.SetSelectedIndex(slices.Index(app.Kinds(), app.AuxPoW))
	if got := b.verify.form.chainOf(); got != "" {
		t.Errorf("an L1 stays chosen for a merged-mining proof: %q", got)
	}
}

func TestVerifyDroppedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proof.bin")
	if err := os.WriteFile(path, testdata.Hex(t, "auxpow/dogecoin-mainnet/700000.hex"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, phone, nil)
	b.frame.open(verifyAt)
	b.choose(app.AuxPoW, "dogecoin")
	b.verify.openURI(storage.NewFileURI(path))
	(<-b.queue)()
	b.wantShown("proof.bin, ", "Remove")
	b.tap("Verify")
	b.pump()
	b.wantShown("Verified")
	b.verify.openURI(storage.NewFileURI(path + ".none"))
	(<-b.queue)()
	b.wantShown("Not readable", "proof.bin.none")
	b.wantWhole()
}

// endless is a file that never ends.
type endless struct{ read *int }

func (e endless) Read(p []byte) (int, error) { *e.read += len(p); return len(p), nil }
func (endless) Close() error                 { return nil }

type broken struct{ endless }

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestVerifyFileLimits(t *testing.T) {
	b := newBench(t, desk, nil)
	b.frame.open(verifyAt)
	name, read := storage.NewFileURI("/nowhere/big.bin"), 0
	b.verify.readFile(name, func() (io.ReadCloser, error) { return endless{&read}, nil })
	(<-b.queue)()
	b.wantShown("big.bin: more than 67108864 bytes")
	if most := 2 * doctor.MaxInput; read > most {
		t.Errorf("read %d bytes, want at most %d", read, most)
	}
	b.verify.readFile(name, func() (io.ReadCloser, error) { return broken{}, nil })
	(<-b.queue)()
	b.wantShown("big.bin: the disk is gone")
	b.verify.readFile(name, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil })
	(<-b.queue)()
	b.wantShown("big.bin: empty")
}

func TestVerifyLongPasteIsHeld(t *testing.T) {
	b := newBench(t, phone, nil)
	b.frame.open(verifyAt)
	b.app.Clipboard().SetContent(strings.Repeat("00", maxShown))
	b.verify.form.entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: b.app.Clipboard()})
	b.wantShown("Pasted, 16.0 KiB")
	if b.verify.form.entry.Text != "" {
		t.Errorf("the entry took %d letters", len(b.verify.form.entry.Text))
	}
	b.tap("Remove")
	b.app.Clipboard().SetContent("0badcafe")
	b.verify.form.entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: b.app.Clipboard()})
	if got := b.verify.form.entry.Text; got != "0badcafe" {
		t.Errorf("entry after a short paste: %q", got)
	}
}

func TestShortcuts(t *testing.T) {
	b := newBench(t, desk, nil)
	for i, k := range b.keys()[:moreAt] {
		b.frame.open(layersAt)
		b.verify.form.entry.TypedShortcut(k.shortcut) // while the entry has the focus
		if b.frame.at != i {
			t.Errorf("%s: at %d, want %d", k.shortcut.ShortcutName(), b.frame.at, i)
		}
	}
	b.press(fyne.KeyReturn)
	b.wantShown("Nothing to verify yet")
	b.press(fyne.KeyO)
	if b.window.Canvas().Overlays().Top() == nil {
		t.Error("no file dialog is open")
	}
	b.back() // Escape
	if b.window.Canvas().Overlays().Top() != nil {
		t.Error("Escape leaves the file dialog open")
	}
}
