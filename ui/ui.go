// Package ui is the desktop app: a frame with one file for each screen. It shows what its
// Backend tells and passes on what the user asks; it judges nothing, opens no connection
// and keeps nothing but the choice of theme. It runs on any Fyne driver and starts none.
package ui

import (
	"context"
	"embed"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

// Backend is what the screens ask. *app.App satisfies it.
type Backend interface {
	Stacks() []chains.Stack
	Chains() []*chains.Params
	Chain(name string) (*chains.Params, error)
	Examples() ([]app.Example, error)
	Verify(ctx context.Context, r app.Request) (*doctor.Report, error)
}

var _ Backend = (*app.App)(nil)

//go:embed translations
var translations embed.FS

// UI is the app's one window. Its methods are to be called on the UI goroutine.
type UI struct {
	app     fyne.App
	window  fyne.Window
	backend Backend
	texts   *present.Texts

	frame    *frame
	layers   *layersScreen
	verify   *verifyScreen
	settings *settingsScreen

	do   func(func()) // runs a function on the UI goroutine
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
}

const themeKey = "theme" // of the preference

// New builds the window and its screens once; Show shows it.
func New(a fyne.App, b Backend) *UI {
	if err := lang.AddTranslationsFS(translations, "translations"); err != nil {
		fyne.LogError("translations", err) // English keys are shown instead
	}
	u := &UI{app: a, backend: b, texts: present.New(lang.L), do: fyne.Do}
	u.ctx, u.stop = context.WithCancel(context.Background())
	a.Settings().SetTheme(theme.New(theme.Mode(a.Preferences().String(themeKey))))
	u.window = a.NewWindow("Lamina")
	u.layers = newLayersScreen(u)
	u.verify = newVerifyScreen(u)
	u.settings = newSettingsScreen(u)
	u.frame = newFrame(u)
	u.window.SetContent(u.frame.content)
	u.window.SetPadded(false)
	u.window.Resize(fyne.NewSize(1100, 760))
	u.window.SetOnDropped(func(_ fyne.Position, uris []fyne.URI) {
		if len(uris) > 0 {
			u.frame.open(verifyAt)
			u.verify.openURI(uris[0])
		}
	})
	u.addKeys()
	return u
}

// t returns an English text in the user's language.
func (u *UI) t(english string, data ...any) string { return lang.L(english, data...) }

// Show opens the window.
func (u *UI) Show() { u.window.Show() }

// Close gives up what is running and waits for it. No method may be called afterwards.
func (u *UI) Close() {
	u.stop()
	u.work.Wait()
}

// addKeys sets the shortcuts that hold in the whole window.
func (u *UI) addKeys() {
	c := u.window.Canvas()
	for _, k := range u.keys() {
		c.AddShortcut(k.shortcut, func(fyne.Shortcut) { k.act() })
	}
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape {
			u.back()
		}
	})
}

type key struct {
	shortcut *desktop.CustomShortcut
	act      func()
}

func (u *UI) keys() []key {
	control := func(name fyne.KeyName, act func()) key {
		return key{&desktop.CustomShortcut{KeyName: name, Modifier: fyne.KeyModifierShortcutDefault}, act}
	}
	return []key{
		control(fyne.Key1, func() { u.frame.open(layersAt) }),
		control(fyne.Key2, func() { u.frame.open(verifyAt) }),
		control(fyne.Key3, func() { u.frame.open(settingsAt) }),
		control(fyne.KeyO, func() { u.frame.open(verifyAt); u.verify.chooseFile() }),
		control(fyne.KeyReturn, func() { u.frame.open(verifyAt); u.verify.start() }),
	}
}

// shortcut offers a shortcut that a focused entry did not want.
func (u *UI) shortcut(s fyne.Shortcut) {
	for _, k := range u.keys() {
		if k.shortcut.ShortcutName() == s.ShortcutName() {
			k.act()
			return
		}
	}
}

// back is what Escape does.
func (u *UI) back() {
	switch {
	case u.verify.files != nil:
		u.verify.files.Dismiss()
	case u.frame.at == layersAt:
		u.layers.back()
	case u.frame.at == verifyAt:
		u.verify.cancel()
	}
}

// run does work off the UI goroutine and hands what it returns to done on it. Every action
// that takes time goes through here. Once the returned function has been called, or the
// window closed, done is not called any more.
func run[T any](u *UI, work func(context.Context) (T, error), done func(T, error)) (cancel func()) {
	ctx, cancel := context.WithCancel(u.ctx)
	u.work.Add(1)
	go func() {
		defer u.work.Done()
		result, err := work(ctx)
		if ctx.Err() != nil {
			return
		}
		u.do(func() {
			if ctx.Err() == nil {
				cancel()
				done(result, err)
			}
		})
	}()
	return cancel
}
