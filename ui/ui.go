// Package ui is the desktop app: a frame with one file for each screen. It shows what its
// backends tell and passes on what the user asks; it judges nothing, opens no connection,
// and keeps nothing but choices of looks and language. It runs on any Fyne driver and
// starts none.
package ui

import (
	"context"
	"embed"
	"runtime/debug"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

// Rules is what the screens ask of chains and verification. *app.App satisfies it.
type Rules interface {
	Stacks() []chains.Stack
	Chains() []*chains.Params
	Chain(name string) (*chains.Params, error)
	Examples() ([]app.Example, error)
	Verify(ctx context.Context, r app.Request) (*doctor.Report, error)
}

var _ Rules = (*app.App)(nil)

// Program holds the data folder.
type Program interface {
	// Folder is the path of the data folder.
	Folder() string
	// Config is what the folder was opened with last; its zero value before the first time.
	Config() Config
	// Open opens the folder; what is open is closed first, and its calls end. If the folder
	// can be opened, the Config is kept for the next start.
	Open(ctx context.Context, c Config) (app.Backend, error)
	// Node tells how the bundled full node is.
	Node(ctx context.Context) (present.Node, error)
}

// Config says what is followed, and how.
type Config struct {
	Stack   string              `json:"stack"`           // name of the L1; empty: none was chosen yet
	Peers   map[string][]string `json:"peers,omitempty"` // by chain: host:port
	Proxy   string              `json:"proxy,omitempty"` // host:port of a SOCKS5 proxy
	Offline bool                `json:"offline,omitempty"`
	Verify  app.Verify          `json:"verify,omitempty"` // how much of layers' histories
	Bloom   []string            `json:"bloom,omitempty"`  // chains whose peers may be told Bloom filters, of the stack
	Node    *NodeOrder          `json:"node,omitempty"`   // the bundled full node runs so; nil: it does not
}

//go:embed translations
var translations embed.FS

// UI is the app's one window. Its methods are to be called on the UI goroutine.
type UI struct {
	app     fyne.App
	window  fyne.Window
	rules   Rules
	program Program
	texts   *present.Texts
	words   present.Translate

	frame    *frame
	first    *firstRun
	layers   *layersScreen
	verify   *verifyScreen
	settings *settingsScreen
	overview *overviewScreen
	receive  *receiveScreen
	send     *sendScreen
	activity *activityScreen
	coins    *coinsScreen
	settle   *settleScreen
	node     *nodeScreen

	session session
	wanted  string                 // payment request from outside that waits for a wallet; empty: none
	dialog  interface{ Dismiss() } // the one that is open; nil: none

	do      func(func())  // runs a function on the UI goroutine
	free    func()        // gives memory back that much was taken of for a moment
	pending int           // actions that have not reported yet
	delay   time.Duration // between the last key and what is worked out from the text
	gather  time.Duration // that events are gathered before the screens are told
	pause   time.Duration // between two looks at what does not tell by itself; 0: it is looked at once
	ctx     context.Context
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// Keys of the preferences.
const (
	themeKey       = "theme"
	languageKey    = "language"
	thousandthsKey = "thousandths"
	unlockKey      = "unlockMinutes"
)

// New builds the window and its screens once, and opens the data folder if a stack was
// chosen before. Show shows the window.
func New(a fyne.App, r Rules, p Program) *UI {
	u := &UI{app: a, rules: r, program: p, do: fyne.Do, free: debug.FreeOSMemory, delay: 250 * time.Millisecond, gather: 500 * time.Millisecond,
		pause: 2 * time.Second}
	u.words = translate(a.Preferences().String(languageKey))
	u.texts = present.New(u.words)
	u.texts.SetStyle(u.style())
	u.ctx, u.stop = context.WithCancel(context.Background())
	a.Settings().SetTheme(theme.New(theme.Mode(a.Preferences().String(themeKey))))
	u.window = a.NewWindow("Lamina")
	u.layers = newLayersScreen(u)
	u.verify = newVerifyScreen(u)
	u.settings = newSettingsScreen(u)
	u.overview = newOverviewScreen(u)
	u.receive = newReceiveScreen(u)
	u.send = newSendScreen(u)
	u.activity = newActivityScreen(u)
	u.coins = newCoinsScreen(u)
	u.settle = newSettleScreen(u)
	u.node = newNodeScreen(u)
	u.frame = newFrame(u)
	u.first = newFirstRun(u)
	u.window.SetContent(newFill(u.frame.content, u.first.content))
	u.window.SetPadded(false)
	u.window.Resize(fyne.NewSize(1100, 760))
	u.window.SetOnDropped(func(_ fyne.Position, uris []fyne.URI) {
		if len(uris) > 0 {
			u.dropped(uris[0])
		}
	})
	u.addKeys()
	a.Lifecycle().SetOnEnteredForeground(u.receive.compareClipboard)
	return u
}

func (u *UI) style() present.Style {
	return present.Style{Thousandths: u.app.Preferences().Bool(thousandthsKey), Zone: time.Local}
}

// t returns an English text in the user's language.
func (u *UI) t(english string, data ...any) string { return u.words(english, data...) }

// Show opens the window, and the data folder behind it.
func (u *UI) Show() {
	u.window.Show()
	u.begin()
}

// Close gives up what is running and waits for it. No method may be called afterwards.
func (u *UI) Close() {
	u.stop()
	u.work.Wait()
}

// dropped takes a file: a code to pay on Send, anything else to be verified.
func (u *UI) dropped(file fyne.URI) {
	if u.frame.at == sendAt && !u.first.content.Visible() {
		u.send.readImage(file)
		return
	}
	u.frame.open(verifyAt)
	u.verify.openURI(file)
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
		return key{&desktop.CustomShortcut{KeyName: name, Modifier: fyne.KeyModifierShortcutDefault}, func() {
			if !u.first.content.Visible() {
				act()
			}
		}}
	}
	var all []key
	for at, name := range []fyne.KeyName{fyne.Key1, fyne.Key2, fyne.Key3, fyne.Key4, fyne.Key5, fyne.Key6, fyne.Key7, fyne.Key8, fyne.Key9,
		fyne.Key0}[:moreAt] {
		all = append(all, control(name, func() { u.frame.open(at) }))
	}
	return append(all,
		control(fyne.KeyO, func() { u.frame.open(verifyAt); u.verify.chooseFile() }),
		control(fyne.KeyReturn, func() { u.frame.open(verifyAt); u.verify.start() }),
		control(fyne.KeyL, func() { u.lock() }),
		control(fyne.KeyF, func() { u.frame.open(activityAt); u.window.Canvas().Focus(u.activity.search) }),
	)
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
	case u.dialog != nil:
		u.dialog.Dismiss()
	case u.first.content.Visible():
		u.first.back()
	default:
		u.frame.screens[u.frame.at].back()
	}
}
