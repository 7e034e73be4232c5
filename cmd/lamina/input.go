package main

import (
	"fmt"
	"io"
	"os"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/doctor"
)

// read returns the content of a file, or of standard input for "-". It takes no more than
// the doctor would.
func (s *session) read(name string) ([]byte, error) {
	from := s.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, unreadable(err, "give a file, or - for standard input")
		}
		defer f.Close()
		from = f
	}
	b, err := io.ReadAll(io.LimitReader(from, doctor.MaxInput+1))
	if err != nil {
		return nil, unreadable(err, "")
	}
	if len(b) > doctor.MaxInput {
		return nil, unreadable(fmt.Errorf("%s: more than %d bytes", name, doctor.MaxInput), "split a run of headers and give --from-height")
	}
	return b, nil
}

// open loads the built-in chains and those of --chains-dir.
func (s *session) open() (*app.App, error) {
	a, err := app.Open(app.Options{Chains: s.chainDirs, Clock: s.now})
	if err != nil {
		return nil, unreadable(err, "lamina chains check FILE says what is wrong with a chain file")
	}
	return a, nil
}

// chain returns the chain with a name.
func (s *session) chain(name string) (*chains.Params, error) {
	a, err := s.open()
	if err != nil {
		return nil, err
	}
	p, err := a.Chain(name)
	if err != nil {
		return nil, unreadable(err, "lamina chains lists them; --chains-dir adds your own")
	}
	return p, nil
}
