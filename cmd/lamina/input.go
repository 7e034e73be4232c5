package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/layeredpow/lamina/assets"
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

// loadChains returns the built-in chains and those of --chains-dir.
func (s *session) loadChains() (*chains.Set, error) {
	set, err := chains.Load(assets.Chains)
	if err != nil {
		return nil, err
	}
	var own []*chains.Params
	for _, path := range s.chainDirs {
		found, err := chainFiles(path)
		if err != nil {
			return nil, unreadable(err, "lamina chains check FILE says what is wrong with a chain file")
		}
		own = append(own, found...)
	}
	if err := addAll(set, own); err != nil {
		return nil, unreadable(err, "lamina chains check FILE says what is wrong with a chain file")
	}
	return set, nil
}

// addAll adds chains in whatever order their parents allow.
func addAll(set *chains.Set, own []*chains.Params) error {
	for len(own) > 0 {
		var left []*chains.Params
		var errs []error
		for _, p := range own {
			if err := set.Add(p); err != nil {
				left, errs = append(left, p), append(errs, err)
			}
		}
		if len(left) == len(own) {
			return errors.Join(errs...)
		}
		own = left
	}
	return nil
}

// chainFiles parses one chain file, or all *.toml in a folder.
func chainFiles(path string) ([]*chains.Params, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		p, err := chains.ParseFile(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		return []*chains.Params{p}, err
	}
	names, err := filepath.Glob(filepath.Join(path, "*.toml"))
	if err != nil {
		return nil, err
	}
	var all []*chains.Params
	var errs []error
	for _, name := range names {
		p, err := chains.ParseFile(os.DirFS(path), filepath.Base(name))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

// getChain returns the chain with a name.
func (s *session) getChain(name string) (*chains.Params, *chains.Set, error) {
	set, err := s.loadChains()
	if err != nil {
		return nil, nil, err
	}
	p, err := set.Get(name)
	if err != nil {
		return nil, nil, unreadable(err, "lamina chains lists them; --chains-dir adds your own")
	}
	return p, set, nil
}
