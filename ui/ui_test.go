package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/ui/theme"
)

func TestMain(m *testing.M) {
	os.Setenv("LANGUAGE", "en") // texts are compared
	os.Setenv("LC_ALL", "C")
	debug.SetGCPercent(400) // every app builds all screens, which are a lot to look through
	ownFonts()
	os.Exit(m.Run())
}

// ownFonts has texts measured with the fonts that the program brings along: what else a machine has differs from one to the
// next, and for a letter that none of its fonts has Fyne looks through all of them, every time. It reads the machine's fonts when
// the first text is measured, and goes without where it has no folder to keep what it found.
func ownFonts() {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME"} {
		if was, there := os.LookupEnv(name); there {
			os.Unsetenv(name)
			defer os.Setenv(name, was)
		}
	}
	test.NewApp()
	fyne.MeasureText("\u4e2d", 14, fyne.TextStyle{})
}

// fake is a Backend of which a test replaces what it is about.
type fake struct {
	*app.App
	empty    bool
	chainErr error
	verify   func(context.Context, app.Request) (*doctor.Report, error)
}

func (f *fake) Stacks() []chains.Stack {
	if f.empty {
		return nil
	}
	return f.App.Stacks()
}

func (f *fake) Chains() []*chains.Params {
	if f.empty {
		return nil
	}
	return f.App.Chains()
}

func (f *fake) Chain(name string) (*chains.Params, error) {
	if f.chainErr != nil {
		return nil, f.chainErr
	}
	return f.App.Chain(name)
}

func (f *fake) Examples() ([]app.Example, error) {
	if f.empty {
		return nil, nil
	}
	return f.App.Examples()
}

func (f *fake) Verify(ctx context.Context, r app.Request) (*doctor.Report, error) {
	if f.verify != nil {
		return f.verify(ctx, r)
	}
	return f.App.Verify(ctx, r)
}

// bench is a UI on the in-memory driver whose UI goroutine is the test's: what others ask
// to be done there waits for pump.
type bench struct {
	*UI
	t     *testing.T
	money *money
	queue chan func()
	held  bool // answers are held back: pump waits for none
}

// phone and desk are the smallest and a common window.
var (
	phone = fyne.NewSize(360, 720)
	desk  = fyne.NewSize(1280, 800)
)

// newBench is a bench without a wallet, at the layers.
func newBench(t *testing.T, size fyne.Size, f *fake) *bench {
	t.Helper()
	b := newMoneyBench(t, size, f, &money{asked: map[string]int{}})
	b.frame.open(layersAt)
	return b
}

// newWalletBench is a bench with a data folder open.
func newWalletBench(t *testing.T, size fyne.Size, m *money) *bench {
	t.Helper()
	m.config.Stack = "dev"
	b := newMoneyBench(t, size, nil, m)
	b.begin()
	b.pump()
	return b
}

func newMoneyBench(t *testing.T, size fyne.Size, f *fake, m *money) *bench {
	t.Helper()
	if f == nil {
		f = &fake{}
	}
	backend, err := app.Open(app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.App = backend
	b := &bench{t: t, money: m, queue: make(chan func(), 1000)}
	b.UI = New(test.NewTempApp(t), f, m)
	b.do = func(f func()) { b.queue <- f }
	b.delay, b.pause, b.free = 0, 0, func() {} // which looks through all windows of all tests
	b.window.Resize(size)
	t.Cleanup(b.Close)
	return b
}

// reopen opens another data folder in the same window, for another test.
func (b *bench) reopen(t *testing.T, size fyne.Size, m *money) {
	m.config.Stack = "dev"
	b.t, b.money, b.program = t, m, m
	b.frame.open(overviewAt)
	b.window.Resize(size)
	b.begin()
	b.pump()
}

// pump runs what is asked of the UI goroutine until nothing is under way.
func (b *bench) pump() {
	for b.held {
		select {
		case f := <-b.queue:
			f()
		default:
			return
		}
	}
	for b.pending > 0 {
		(<-b.queue)()
	}
}

// shown returns the texts of all that is visible in o, one a line.
func shown(o fyne.CanvasObject) string {
	var b strings.Builder
	walk(o, func(o fyne.CanvasObject) bool {
		switch o := o.(type) {
		case *widget.Label:
			fmt.Fprintln(&b, o.Text)
			return false
		case *button:
			fmt.Fprintln(&b, o.Text)
			return false
		case *widget.Entry:
			fmt.Fprintln(&b, o.Text)
			return false
		case *canvas.Text:
			fmt.Fprintln(&b, o.Text)
		}
		return true
	})
	return b.String()
}

// walk visits what is visible in o, and goes deeper where visit says so.
func walk(o fyne.CanvasObject, visit func(fyne.CanvasObject) bool) {
	if o == nil || !o.Visible() || !visit(o) {
		return
	}
	switch o := o.(type) {
	case *fyne.Container:
		for _, child := range o.Objects {
			walk(child, visit)
		}
	case *container.Scroll:
		walk(o.Content, visit)
	case fyne.Widget:
		for _, child := range test.WidgetRenderer(o).Objects() {
			walk(child, visit)
		}
	}
}

func (b *bench) wantShown(texts ...string) {
	b.t.Helper()
	all := shown(b.window.Content())
	for _, text := range texts {
		if !strings.Contains(all, text) {
			b.t.Errorf("%q is not shown; there is\n%s", text, all)
		}
	}
}

func (b *bench) wantHidden(texts ...string) {
	b.t.Helper()
	all := shown(b.window.Content())
	for _, text := range texts {
		if strings.Contains(all, text) {
			b.t.Errorf("%q is shown", text)
		}
	}
}

// tap presses the visible button with a text.
func (b *bench) tap(text string) {
	b.t.Helper()
	var found *button
	walk(b.window.Content(), func(o fyne.CanvasObject) bool {
		if button, ok := o.(*button); ok && button.Text == text {
			found = button
		}
		return true
	})
	if found == nil {
		b.t.Fatalf("no button %q among\n%s", text, shown(b.window.Content()))
	}
	test.Tap(found)
}

// press presses a key together with Ctrl.
func (b *bench) press(name fyne.KeyName) {
	b.t.Helper()
	for _, k := range b.keys() {
		if k.shortcut.KeyName == name {
			b.shortcut(k.shortcut)
			return
		}
	}
	b.t.Fatalf("Ctrl+%s is no shortcut", name)
}

// wantWhole checks all that can be seen to be wrong with what the window shows, but for its language.
func (b *bench) wantWhole() {
	b.t.Helper()
	for _, wrong := range b.see().wrongs {
		b.t.Error(wrong)
	}
}

func TestFrameFitsAPhone(t *testing.T) {
	for _, l := range languages {
		t.Run(l.code, func(t *testing.T) {
			t.Setenv("LC_ALL", l.code+"_"+strings.ToUpper(l.code)+".UTF-8")
			t.Setenv("LANGUAGE", l.code)
			b := newBench(t, phone, nil)
			for at, s := range b.frame.screens {
				if m := s.object().MinSize(); m.Width > phone.Width {
					t.Errorf("screen %d needs %v", at, m)
				}
			}
			if m := b.frame.content.MinSize(); m.Width > phone.Width || m.Height > phone.Height {
				t.Errorf("needs %v, want at most %v", m, phone)
			}
			for at := range b.frame.screens {
				b.frame.open(at)
				b.wantWhole()
			}
			b.layers.open("dogecoin")
			b.frame.open(layersAt)
			b.wantWhole()
			if l.code == "de" {
				b.wantShown("Schwierigkeit", "Ab Block 0")
			}
		})
	}
}

func TestFrameNavigation(t *testing.T) {
	tests := []struct {
		width float32
		style navStyle
	}{{360, barItem}, {599, barItem}, {600, railIcons}, {899, railIcons}, {900, railWords}, {2560, railWords}}
	b := newBench(t, desk, nil)
	for _, size := range tests {
		b.window.Resize(fyne.NewSize(size.width, 720))
		for style, nav := range b.frame.navs {
			if nav.Visible() != (navStyle(style) == size.style) {
				t.Errorf("width %.0f: navigation %d visible: %v", size.width, style, nav.Visible())
			}
		}
		for at := range b.frame.screens {
			test.Tap(b.frame.items[size.style][at])
			for i, screen := range b.frame.screens {
				if screen.object().Visible() != (i == at) {
					t.Errorf("width %.0f, destination %d: screen %d visible: %v", size.width, at, i, screen.object().Visible())
				}
			}
			b.wantWhole()
		}
	}
}

func TestKeyboardReachesEverything(t *testing.T) {
	b := newBench(t, desk, nil)
	c := b.window.Canvas()
	c.Focus(b.frame.items[railWords][verifyAt])
	c.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if b.frame.at != verifyAt {
		t.Errorf("Enter on Verify: at %d", b.frame.at)
	}
	c.Focus(b.frame.items[railWords][layersAt])
	c.Focused().TypedRune(' ')
	if b.frame.at != layersAt {
		t.Errorf("space on Layers: at %d", b.frame.at)
	}
	reached := map[fyne.Focusable]bool{}
	c.Unfocus()
	for range 200 {
		c.FocusNext()
		if f := c.Focused(); f != nil {
			reached[f] = true
		}
	}
	for name, row := range b.layers.rows {
		if !reached[row] {
			t.Errorf("Tab never reaches %s", name)
		}
	}
	for _, item := range b.frame.items[railWords][:moreAt] {
		if !reached[item] {
			t.Errorf("Tab never reaches %s", item.name)
		}
	}
}

func TestThemes(t *testing.T) {
	b := newBench(t, desk, nil)
	b.frame.open(settingsAt)
	for word, mode := range map[string]theme.Mode{"Light": theme.Light, "Dark": theme.Dark} {
		b.settings.choice.SetSelected(word)
		if got := b.app.Preferences().String(themeKey); got != string(mode) {
			t.Errorf("%s: preference %q, want %q", word, got, mode)
		}
		for at := range b.frame.screens {
			b.frame.open(at)
			picture := b.window.Canvas().Capture()
			want := theme.New(mode).Color("background", b.app.Settings().ThemeVariant())
			x, y := picture.Bounds().Dx()-2, picture.Bounds().Dy()-2
			gr, gg, gb, _ := picture.At(x, y).RGBA()
			wr, wg, wb, _ := want.RGBA()
			if gr>>8 != wr>>8 || gg>>8 != wg>>8 || gb>>8 != wb>>8 {
				t.Errorf("%s, screen %d: corner %v, want %v", word, at, picture.At(x, y), want)
			}
		}
	}
}

func TestThemeIsRemembered(t *testing.T) {
	a := test.NewTempApp(t)
	a.Preferences().SetString(themeKey, string(theme.Dark))
	backend, err := app.Open(app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	u := New(a, backend, &money{})
	defer u.Close()
	if u.settings.choice.Selected != "Dark" || variant() != theme.New(theme.Dark).Variant(0) {
		t.Errorf("chosen: %q, variant %d; want the remembered dark", u.settings.choice.Selected, variant())
	}
}

func TestLayersScreen(t *testing.T) {
	b := newBench(t, desk, nil)
	for _, p := range b.rules.Chains() {
		b.wantShown(p.Title)
	}
	b.wantShown("Main networks", "Private test networks", "Easiest target")
	b.wantHidden("All layers") // both halves are there already
	for name, row := range b.layers.rows {
		test.Tap(row)
		if !row.selected || b.layers.title.Text != row.stratum.Title {
			t.Errorf("%s: selected %v, page of %q", name, row.selected, b.layers.title.Text)
		}
		b.wantWhole()
	}
}

func TestLayersScreenOnAPhone(t *testing.T) {
	b := newBench(t, phone, nil)
	b.wantHidden("Easiest target", "All layers")
	test.Tap(b.layers.rows["dogecoin"])
	b.wantShown("All layers", "Easiest target", "At every block, by an eighth")
	b.wantHidden("Main networks")
	b.wantWhole()
	b.tap("All layers")
	b.wantShown("Main networks")
	test.Tap(b.layers.rows["litecoin"])
	b.back() // Escape
	b.wantShown("Main networks")
	b.wantHidden("Easiest target")
}

func TestLayersScreenEmptyAndBroken(t *testing.T) {
	for _, size := range []fyne.Size{phone, desk} {
		b := newBench(t, size, &fake{empty: true})
		b.wantShown("No chain is known")
		b.wantWhole()
		b.frame.open(verifyAt)
		b.wantHidden("Show an example")
		b.wantWhole()
		b = newBench(t, size, &fake{chainErr: errors.New("chain \"x\" is unknown " + strings.Repeat("longword", 40))})
		b.layers.open("litecoin")
		b.wantShown(`chain "x" is unknown`)
		b.wantWhole()
	}
}

func TestResizingKeepsTextsWhole(t *testing.T) {
	b := newBench(t, desk, nil)
	b.layers.open("dev-native")
	for _, width := range []float32{1280, 700, 360, 620, 900, 360, 1600} {
		b.window.Resize(fyne.NewSize(width, 720))
		b.wantWhole()
	}
}
