package ui

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	base "fyne.io/fyne/v2/theme"

	"github.com/layeredpow/lamina/internal/app"
)

// TestEscapeReachesTheWindow: whatever has the focus, Escape goes to the window. Fyne gives keys to nothing else than what has
// the focus.
func TestEscapeReachesTheWindow(t *testing.T) {
	m := newMoney()
	m.journeys, m.node, m.actions = 3, runningNode(), []string{"bump", "abandon"}
	b := newWalletBench(t, desk, m)
	c := b.window.Canvas()
	escapes, seen := 0, map[string]bool{}
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape {
			escapes++
		}
	})
	look := func(name string) {
		c.Unfocus()
		var first fyne.Focusable
		for c.FocusNext(); c.Focused() != nil && c.Focused() != first; c.FocusNext() {
			f := c.Focused()
			if first == nil {
				first = f
			}
			kind := fmt.Sprintf("%T", f)
			if tabs, ok := f.(fyne.Tabbable); ok && tabs.AcceptsTab() {
				t.Errorf("%s: a %s keeps Tab to itself", name, kind)
			}
			if seen[kind] || kind == "*widget.focusSelectable" { // Fyne's own, inside a label, and not to be replaced
				continue
			}
			seen[kind] = true
			before := escapes
			f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
			_, entry := f.(interface{ SelectedText() string }) // these ask the UI itself
			if _, plain := f.(*button); !entry && !plain && escapes == before {
				t.Errorf("%s: %s keeps Escape to itself", name, kind)
			}
		}
	}
	everyScreen(b, look)
	for _, kind := range []string{"*ui.check", "*ui.choice", "*ui.slider", "*ui.list", "*ui.navItem", "*ui.holdRow", "*ui.segment"} {
		if !seen[kind] {
			t.Errorf("no %s had the focus", kind)
		}
	}
}

// TestEnterPresses: Fyne's own buttons and checks hear space alone.
func TestEnterPresses(t *testing.T) {
	b := newWalletBench(t, desk, newMoney())
	pressed, ticked := 0, newCheck("", nil)
	for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace} {
		newButton(b.UI, "", func() { pressed++ }).TypedKey(&fyne.KeyEvent{Name: key})
	}
	ticked.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if pressed != 3 || !ticked.Checked {
		t.Errorf("pressed %d times of 3; ticked: %v", pressed, ticked.Checked)
	}
}

// TestEscapeFromEveryFocus does what the user does: a page is open, something on it has the focus, Escape leads back.
func TestEscapeFromEveryFocus(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	c := b.window.Canvas()
	escape := func(f fyne.Focusable) {
		c.Focus(f)
		c.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
		b.pump()
	}
	b.frame.open(coinsAt)
	b.pump()
	b.tap("Split")
	b.pump()
	escape(b.coins.split.fee.slider)
	if b.coins.split.content.Visible() {
		t.Error("Escape on the fee of a split does not lead back")
	}
	b.frame.open(settleAt)
	b.pump()
	for _, f := range []fyne.Focusable{b.settle.deposit.all, b.settle.deposit.fees} {
		b.tap("Deposit to a layer")
		b.pump()
		if escape(f); b.settle.at != b.settle.home {
			t.Errorf("Escape on %T does not lead back", f)
		}
	}
	b.frame.open(activityAt)
	b.activity.open(idOf(1))
	b.pump()
	if escape(b.activity.detail.safety.attacker); b.activity.detail.content.Visible() {
		t.Error("Escape on a choice of the payment's page does not lead back")
	}
}

// TestShortcutsAreListed: Settings names every shortcut that the window has.
func TestShortcutsAreListed(t *testing.T) {
	b := newWalletBench(t, desk, newMoney())
	b.frame.open(settingsAt)
	all := shown(b.settings.content)
	for _, k := range b.keys() {
		name := string(k.shortcut.KeyName)
		switch {
		case name == string(fyne.KeyReturn):
			name = "Enter"
		case name > "1" && name < "9":
			continue // "1 to 9"
		}
		if !strings.Contains(all, "Ctrl+"+name) {
			t.Errorf("Ctrl+%s is not listed", name)
		}
	}
}

// TestNotices: the desktop is told of money that comes in, and of nothing else.
func TestNotices(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	in, out := m.row(0), m.row(1)
	mined := m.row(2)
	mined.Coinbase = true
	tell := func(kind app.EventKind, row *app.Row) func() {
		return func() { b.happened(m, []app.Event{{Kind: kind, Purse: b.session.purse, Row: row}}); b.pump() }
	}
	test.AssertNotificationSent(t, fyne.NewNotification("Payment on Dev", "+0.012 TST, at bcrt1q8ze8\u2026wxz4m2q7, pending, in no block yet"),
		tell(app.EventSeen, &in))
	for name, quiet := range map[string]func(){"sent": tell(app.EventSeen, &out), "mined": tell(app.EventConfirmed, &mined), "changed": tell(app.EventChanged, &in)} {
		t.Run(name, func(t *testing.T) { test.AssertNotificationSent(t, nil, quiet) })
	}
}

// TestFocusIsSeen: what has the focus has an edge in the theme's accent.
func TestFocusIsSeen(t *testing.T) {
	b := newWalletBench(t, desk, newMoney())
	edge := canvas.NewRectangle(nil)
	for _, p := range []*pressable{&b.frame.items[railWords][sendAt].pressable, &b.overview.holds[0].pressable, &b.settings.choice.all[1].pressable,
		&b.layers.rows["dev"].pressable} {
		p.FocusGained()
		p.paint(edge)
		if edge.StrokeWidth < 2 || edge.StrokeColor != themed(base.ColorNamePrimary) {
			t.Errorf("%s has the focus, and an edge of %g in %v", p.name, edge.StrokeWidth, edge.StrokeColor)
		}
		p.FocusLost()
		if p.paint(edge); edge.StrokeWidth != 0 {
			t.Errorf("%s has lost the focus, and keeps its edge", p.name)
		}
	}
}
