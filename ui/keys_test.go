package ui

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
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
