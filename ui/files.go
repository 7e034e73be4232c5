package ui

import (
	"context"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
)

// openFile asks for a file to read.
func (u *UI) openFile(chosen func(fyne.URIReadCloser)) {
	if u.dialog != nil {
		return
	}
	d := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil {
			fyne.LogError("file", err)
		} else if r != nil {
			chosen(r)
		}
	}, u.window)
	u.showDialog(d)
}

// saveFile asks where to write, and writes off the UI goroutine.
func (u *UI) saveFile(name string, p *progress, doing string, write func(context.Context, io.Writer) error) {
	if u.dialog != nil {
		return
	}
	d := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if err != nil {
			p.fail(err)
			return
		}
		if w == nil {
			return
		}
		attempt(p, doing, func(ctx context.Context) (string, error) {
			if err := write(ctx, w); err != nil {
				_ = w.Close() // the first error says more
				return "", err
			}
			return w.URI().Path(), w.Close()
		}, func(path string) { p.done(u.t("Written to {{.Path}}.", map[string]any{"Path": path})) })
	}, u.window)
	d.SetFileName(name)
	u.showDialog(d)
}

func (u *UI) showDialog(d *dialog.FileDialog) {
	d.SetOnClosed(func() { u.dialog = nil })
	u.dialog = d
	d.Show()
	d.Resize(u.window.Canvas().Size()) // after Show, which builds the dialog
}
