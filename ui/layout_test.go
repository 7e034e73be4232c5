package ui

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// TestLargeWindow: on a large screen pages stand in the middle, and lines of prose stay short enough to be read.
func TestLargeWindow(t *testing.T) {
	m := newMoney()
	m.journeys, m.node = 3, runningNode()
	b := newWalletBench(t, fyne.NewSize(3840, 2160), m)
	columns, lines := 0, 0
	everyScreen(b, func(name string) {
		b.wantWhole()
		walk(b.window.Content(), func(o fyne.CanvasObject) bool {
			switch o := o.(type) {
			case *widget.Label:
				if o.Wrapping != fyne.TextWrapWord || o.TextStyle.Monospace || len(o.Text) < 80 {
					return false
				}
				lines++
				if most := lineMost*o.Theme().Size(o.SizeName) + 2*inside; o.Size().Width > most {
					t.Errorf("%s: %.30q has lines of %.0f, want at most %.0f", name, o.Text, o.Size().Width, most)
				}
			case *fyne.Container:
				c, ok := o.Layout.(*column)
				if !ok || c.most == 0 || len(o.Objects) == 0 || o.Size().Width <= c.most {
					return true
				}
				columns++
				if x, want := o.Objects[0].Position().X, (o.Size().Width-c.most)/2; x != want {
					t.Errorf("%s: the page begins %.0f from the left, want %.0f", name, x, want)
				}
			}
			return true
		})
	})
	if columns < 10 || lines < 10 {
		t.Errorf("%d pages and %d lines were looked at: the search looks in the wrong place", columns, lines)
	}
}
