package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
)

// scrollable returns what the wheel turns where an object's middle is, as Fyne's window finds it.
func (b *bench) scrollable(of fyne.CanvasObject) (found fyne.Scrollable) {
	b.t.Helper()
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(of).AddXY(of.Size().Width/2, of.Size().Height/2)
	walk(b.window.Content(), func(o fyne.CanvasObject) bool {
		from := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
		if s, ok := o.(fyne.Scrollable); ok && rectOf(from, o.Size()).has(at) {
			found = s // the last one lies above the others
		}
		return true
	})
	if found == nil {
		b.t.Fatal("nothing scrolls there")
	}
	return found
}

// TestWheelOverFields: with the pointer on a field the page moves, unless there is more of the field's own text to see.
func TestWheelOverFields(t *testing.T) {
	b := newWalletBench(t, fyne.NewSize(360, 420), newMoney())
	down := &fyne.ScrollEvent{Scrolled: fyne.Delta{DY: -20}}
	up := &fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 20}}
	for _, of := range []struct {
		name   string
		screen int
		field  fyne.CanvasObject
	}{{"one line", sendAt, b.send.amount}, {"several", sendAt, b.send.to}, {"hex", verifyAt, b.verify.form.entry}} {
		name, f := of.name, of.field
		b.frame.open(of.screen)
		b.pump()
		page := around(b.window.Content(), f, nil)
		if page == nil {
			t.Fatalf("%s: no page scrolls around it", name)
		}
		page.ScrollToTop()
		b.scrollable(f).Scrolled(down)
		if page.Offset.Y != 20 {
			t.Errorf("%s: the page stands at %.0f, want 20", name, page.Offset.Y)
		}
		b.scrollable(f).Scrolled(up)
		if page.Offset.Y != 0 {
			t.Errorf("%s: the page stands at %.0f, want 0", name, page.Offset.Y)
		}
	}
	// A field with more text than it shows turns first, to its end.
	b.frame.open(verifyAt)
	e := b.verify.form.entry
	e.SetText(strings.Repeat("00", 1000))
	page := around(b.window.Content(), e, nil)
	page.ScrollToTop()
	var own *container.Scroll
	for _, o := range test.WidgetRenderer(e).Objects() {
		if s, ok := o.(*container.Scroll); ok {
			own = s
		}
	}
	own.ScrollToTop()
	b.scrollable(e).Scrolled(down)
	if own.Offset.Y != 20 || page.Offset.Y != 0 {
		t.Errorf("with more text the field stands at %.0f and the page at %.0f, want 20 and 0", own.Offset.Y, page.Offset.Y)
	}
	own.ScrollToBottom()
	b.scrollable(e).Scrolled(down)
	if page.Offset.Y != 20 {
		t.Errorf("at the end of the text the page stands at %.0f, want 20", page.Offset.Y)
	}
	test.Type(e, "1")
	if !strings.HasSuffix(e.Text, "1") && !strings.HasPrefix(e.Text, "1") {
		t.Error("the field takes no letters any more")
	}
}
