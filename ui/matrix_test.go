package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

const payee = "bcrt1qpayee00000000000000000000000000000pay"

// everyScreen opens each screen with its inner pages.
func everyScreen(b *bench, look func(name string)) {
	everyPlace(b, look)
	everyPayment(b, look)
	everySettlement(b, look)
}

// everyPlace opens what the navigation leads to, and the pages of layers.
func everyPlace(b *bench, look func(name string)) {
	for at := range b.frame.screens {
		b.frame.open(at)
		b.pump()
		look(fmt.Sprintf("screen %d", at))
	}
	b.frame.open(layersAt)
	for _, name := range []string{"dev-native", "dev-issued"} {
		b.layers.open(name)
		b.pump()
		look("layer " + name)
	}
	b.back()
}

// everyPayment opens what leads to a payment, and the page of one.
func everyPayment(b *bench, look func(name string)) {
	b.frame.open(sendAt)
	b.send.to.SetText(payee)
	b.send.amount.SetText("0.3")
	b.pump()
	look("send, filled in")
	if b.send.draft != nil {
		b.send.openReview()
		look("review")
		b.back()
		b.pump()
	}
	b.send.openPacket(b.session.purse, packetText("draft-1", 0), nil)
	b.send.packets.read(packetText("draft-1", 2))
	b.pump()
	look("signed elsewhere")
	b.back()
	b.frame.open(activityAt)
	b.activity.open(idOf(1))
	b.pump()
	look("payment")
	b.frame.open(coinsAt)
	b.coins.openPage(b.coins.combine.content)
	b.coins.combine.open()
	b.pump()
	look("combine")
	b.back()
	b.coins.openPage(b.coins.split.content)
	b.coins.split.open(nil)
	b.pump()
	look("split")
	b.back()
}

// everySettlement opens the pages that move money between chains.
func everySettlement(b *bench, look func(name string)) {
	b.frame.open(settleAt)
	b.pump()
	for _, c := range b.settle.cards[:min(3, len(b.settle.list.Objects))] {
		test.Tap(c.details)
	}
	look("settle, unfolded")
	for i, name := range []string{"deposit", "withdraw", "swap", "rescue"} {
		test.Tap(b.settle.begin.Objects[i].(*button))
		b.pump()
		look(name)
		b.back()
		b.pump()
	}
	d := b.money.settleDraft(b.session.purse, "deposit", 1_000_000, true)
	d.Custody = b.money.custody()
	b.settle.agree(d, b.settle.home)
	look("deposit's review")
	b.settle.open(b.settle.funding.content)
	b.settle.funding.open(app.Funding{Purse: b.session.purse, Refunds: make([]app.Refund, 4)})
	look("funding")
	b.back()
	b.pump()
}

// everyQuestion opens each page of the first run, and leaves it.
func everyQuestion(b *bench, look func(name string)) {
	f := b.first
	f.begin()
	f.backup = b.money.backup()
	w := app.Wallet{Name: "main"}
	for _, page := range []struct {
		name string
		make func() question
	}{{"welcome", f.welcome}, {"stack", f.stackPage}, {"name", f.namePage}, {"words", f.wordsPage}, {"passphrase", f.passphrasePage},
		{"keys", f.keyPage}, {"birthday", func() question { return f.birthdayPage(func() {}) }},
		{"password", func() question { return f.passwordPage(func(app.Secret) {}) }},
		{"new words", func() question { return f.showWords(w) }},
		{"check", func() question { return f.checkWords(w, strings.Fields(secretWords)) }}} {
		f.open(page.make())
		look("first run, " + page.name)
		if page.name == "check" || page.name == "words" || page.name == "keys" {
			f.goOn() // with nothing typed
			look("first run, " + page.name + ", refused")
		}
		b.pump()
	}
	f.end()
}

// state is what the wallet behind the screens is like.
type state struct {
	name  string
	set   func(*money)
	pages func(*bench, func(string)) // nil: everyScreen
}

var states = []state{
	{name: "usual", set: func(*money) {}},
	{name: "empty", set: func(m *money) { m.rows, m.coins, m.journeys, m.node = 0, 0, 0, present.Node{Phase: present.NodeAbsent} }},
	{name: "loading", set: func(m *money) { m.hold = make(chan struct{}) }},
	{name: "error", set: func(m *money) {
		m.err = errors.New("block 849999: the disk holds 79 bytes, want 80: " + strings.Repeat("longword", 30))
	}},
	{name: "many", set: func(m *money) { m.rows, m.coins, m.journeys = 100_000, 100_000, 200 }},
	{name: "long", set: func(m *money) {
		m.long = true
		m.warnings = []app.Warning{{Concern: "high share", Text: strings.Repeat("the fee is high ", 30)},
			{Concern: "new", Text: strings.Repeat("x", 200)}}
		m.actions = []string{"bump", "cancel", "cpfp", "abandon", "unheard of"}
		m.chains[0].Trouble, m.chains[0].Waiting = strings.Repeat("peer ", 50), strings.Repeat("w", 120)
		m.chains[0].Title = strings.Repeat("Dev ", 20)
		m.wallets[0].Verified = false
	}},
	{name: "trouble", set: func(m *money) {
		m.wallets[0].Trouble = strings.Repeat("key file main.lamina: damaged. ", 10)
	}, pages: func(b *bench, look func(string)) {
		for _, at := range []int{overviewAt, settingsAt} { // the others do not show it
			b.frame.open(at)
			b.pump()
			look(fmt.Sprintf("screen %d", at))
		}
	}},
	{name: "watching", set: func(m *money) { m.wallets[0].WatchOnly, m.wallets[0].Fingerprint = true, "" }},
	{name: "first run", set: func(m *money) {}, pages: everyQuestion},
}

// cell is one place of the matrix.
type cell struct {
	language, state int
	width           float32
	mode            theme.Mode
}

var widths = []float32{320, 360, 700, 1280, 3840}

// cells are so many that every two values of language, state, width and theme meet, and the longest texts meet the
// narrowest window in every language.
func cells() (all []cell) {
	modes := []theme.Mode{theme.Light, theme.Dark}
	for l := range languages {
		for s := range states {
			c := cell{l, s, widths[(l+s)%len(widths)], modes[(l/2+s)%len(modes)]}
			all = append(all, c)
			if states[s].name == "long" && c.width != widths[0] {
				c.width = widths[0]
				all = append(all, c)
			}
		}
	}
	return all
}

func TestMatrixHasEveryPair(t *testing.T) {
	pairs := map[string]bool{}
	for _, c := range cells() {
		values := []string{languages[c.language].code, states[c.state].name, fmt.Sprint(c.width), string(c.mode)}
		for i, a := range values {
			for _, b := range values[i+1:] {
				pairs[a+" "+b] = true
			}
		}
	}
	l, s, w, m := len(languages), len(states), len(widths), 2
	if want := l*s + l*w + l*m + s*w + s*m + w*m; len(pairs) != want {
		t.Errorf("%d pairs of values occur, want %d", len(pairs), want)
	}
}

// TestEveryScreenInEveryState looks at every screen, in so many windows, themes, languages and states that every two of them meet,
// for all that can be seen to be wrong. With LAMINA_PICTURES, a folder, it keeps a picture of each there.
func TestEveryScreenInEveryState(t *testing.T) {
	for l, language := range languages {
		t.Run(language.code, func(t *testing.T) {
			t.Setenv("LC_ALL", language.code+"_"+strings.ToUpper(language.code)+".UTF-8")
			t.Setenv("LANGUAGE", language.code)
			var mine []cell
			for _, c := range cells() {
				if c.language == l {
					mine = append(mine, c)
				}
			}
			slices.SortStableFunc(mine, func(a, b cell) int { return strings.Compare(string(a.mode), string(b.mode)) })
			b := newWalletBench(t, desk, newMoney()) // one for all: building the screens is what costs most
			texts := newUntranslated(t, language.code)
			mode := theme.System
			for _, c := range mine {
				t.Run(fmt.Sprintf("%s/%.0f/%s", states[c.state].name, c.width, c.mode), func(t *testing.T) {
					if c.mode != mode {
						mode = c.mode
						b.app.Settings().SetTheme(theme.New(mode))
					}
					b.lookAt(t, c, texts)
				})
			}
		})
	}
}

// lookAt looks at the screens of a cell.
func (b *bench) lookAt(t *testing.T, c cell, texts *untranslated) {
	s, m := states[c.state], newMoney()
	m.journeys, m.node = 3, runningNode()
	s.set(m)
	hold := m.hold
	m.hold = nil
	height := float32(740)
	if c.width > 2000 {
		height = 2160
	}
	b.reopen(t, fyne.NewSize(c.width, height), m)
	if hold != nil {
		m.note(func() { m.hold = hold })
		b.held = true
		b.take(app.Purse{Wallet: "main", Chain: "dev-native"}) // nothing was asked of it yet
	}
	pages := s.pages
	if pages == nil {
		pages = everyScreen
	}
	pages(b, func(name string) {
		if has := b.window.Canvas().Size(); has.Width > c.width+0.5 {
			t.Fatalf("%s wants %.0f of %.0f", name, has.Width, c.width)
		}
		seen := b.see()
		wrongs := append(seen.wrongs, texts.among(seen.said)...)
		if hold == nil {
			wrongs = append(wrongs, moving(b.window.Content())...)
		}
		if c.width > 2000 {
			wrongs = append(wrongs, sprawling(b.window.Content())...)
		}
		for _, wrong := range wrongs {
			t.Errorf("%s: %s", name, wrong)
		}
		if dir := os.Getenv("LAMINA_PICTURES"); dir != "" {
			b.keepPicture(filepath.Join(dir, strings.NewReplacer("/", "-", " ", "-", ",", "").Replace(t.Name()+"/"+name)+".png"))
		}
	})
	if hold != nil {
		m.note(func() { m.hold = nil })
		close(hold)
		b.held = false
		b.pump()
	}
}

func (b *bench) keepPicture(path string) {
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(png.Encode(f, b.window.Canvas().Capture()), f.Close())
	}
	if err != nil {
		b.t.Error(err)
	}
}

// moving returns what moves although nothing runs: an animation that nobody sees costs the processor all the same.
func moving(o fyne.CanvasObject) (wrongs []string) {
	walk(o, func(o fyne.CanvasObject) bool {
		switch o.(type) {
		case *widget.ProgressBarInfinite, *widget.Activity:
			wrongs = append(wrongs, fmt.Sprintf("%T is visible while nothing runs", o))
		}
		return true
	})
	return wrongs
}

// sprawling returns what is not as it should be in a large window: pages stand in the middle, and lines of prose stay short
// enough to be read.
func sprawling(o fyne.CanvasObject) (wrongs []string) {
	walk(o, func(o fyne.CanvasObject) bool {
		switch o := o.(type) {
		case *widget.Label:
			if o.Wrapping != fyne.TextWrapWord || o.TextStyle.Monospace || len(o.Text) < 80 {
				return false
			}
			if most := lineMost*o.Theme().Size(o.SizeName) + 2*inside; o.Size().Width > most {
				wrongs = append(wrongs, fmt.Sprintf("%.30q has lines of %.0f, want at most %.0f", o.Text, o.Size().Width, most))
			}
		case *fyne.Container:
			c, ok := o.Layout.(*column)
			if !ok || c.most == 0 || len(o.Objects) == 0 || o.Size().Width <= c.most {
				return true
			}
			if x, want := o.Objects[0].Position().X, (o.Size().Width-c.most)/2; x != want {
				wrongs = append(wrongs, fmt.Sprintf("the page begins %.0f from the left, want %.0f", x, want))
			}
		}
		return true
	})
	return wrongs
}

// untranslated knows the English texts that a language has others for.
type untranslated struct {
	whole map[string]bool
	long  []string // that are looked for within texts, too
}

func newUntranslated(t *testing.T, code string) *untranslated {
	t.Helper()
	src, err := translations.ReadFile("translations/" + code + ".json")
	texts := map[string]string{}
	if err = errors.Join(err, json.Unmarshal(src, &texts)); err != nil {
		t.Fatal(err)
	}
	u := &untranslated{whole: map[string]bool{}}
	engine := sentences(t) // quoted in English where they come without their sentence, as from the fakes
	for _, key := range keys(t) {
		if key == texts[key] || slices.Contains(engine, key) {
			continue
		}
		u.whole[key] = true
		if len(key) >= 20 && strings.Contains(key, " ") && !strings.Contains(key, "{{") {
			u.long = append(u.long, key)
		}
	}
	return u
}

// among returns which of the texts that are shown are not in the language.
func (u *untranslated) among(said []string) (wrongs []string) {
	for _, text := range said {
		if strings.Contains(text, "{{") || strings.Contains(text, "<no value>") || strings.Contains(text, "%!") {
			wrongs = append(wrongs, fmt.Sprintf("%q is a text with holes", text))
		}
		if u.whole[text] {
			wrongs = append(wrongs, fmt.Sprintf("%q is not translated", text))
			continue
		}
		if i := slices.IndexFunc(u.long, func(key string) bool { return strings.Contains(text, key) }); i >= 0 {
			wrongs = append(wrongs, fmt.Sprintf("%q is not translated: %q", text, u.long[i]))
		}
	}
	return wrongs
}
