package ui

import (
	"context"
	"errors"
	"fmt"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"

	"github.com/layeredpow/lamina/spv/doctor"
)

// chooseFile asks for a file and takes it as the input.
func (s *verifyScreen) chooseFile() {
	s.ui.openFile(func(r fyne.URIReadCloser) {
		s.readFile(r.URI(), func() (io.ReadCloser, error) { return r, nil })
	})
}

// openURI takes a file that was dropped on the window as the input.
func (s *verifyScreen) openURI(u fyne.URI) {
	s.readFile(u, func() (io.ReadCloser, error) { return storage.Reader(u) })
}

// readFile reads a file off the UI goroutine, no more of it than can be verified.
func (s *verifyScreen) readFile(u fyne.URI, open func() (io.ReadCloser, error)) {
	run(s.ui, func(context.Context) ([]byte, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		input, err := io.ReadAll(io.LimitReader(r, doctor.MaxInput+1))
		if err == nil && len(input) > doctor.MaxInput {
			err = fmt.Errorf("more than %d bytes", doctor.MaxInput)
		}
		if err == nil && len(input) == 0 {
			err = errors.New("empty")
		}
		return input, err
	}, func(input []byte, err error) { s.hold(u.Name(), input, err) })
}
