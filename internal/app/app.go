// Package app is the facade that the programs use: it loads the chains, forwards what the
// user asks to the packages that know, and runs what takes long so that it can be given
// up. Backend is all that can be asked of wallets; Local answers it in this process, with
// one loop per chain that alone uses the chain's machine, tree, store and wallets.
// It decides nothing about validity, it draws nothing, and it does not mine.
package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv/chains"
)

// Options says where an App takes its chains from. The zero value is useful.
type Options struct {
	// Chains are files, or folders whose *.toml files are meant, with chains of the
	// user's own. They are added to the built-in ones.
	Chains []string
	// Clock gives the time by which headers are too far in the future; nil: time.Now.
	Clock func() time.Time
}

// App holds the chains that are known. It does not change after Open and is safe for
// concurrent use.
type App struct {
	set   *chains.Set
	clock func() time.Time
}

// Open loads the built-in chains and those of the options. The error joins the problems of
// all files, each with its path and line.
func Open(o Options) (*App, error) {
	set, err := chains.Load(assets.Chains)
	if err != nil {
		return nil, err
	}
	own, err := readChains(o.Chains)
	if err != nil {
		return nil, err
	}
	if err := addChains(set, own); err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &App{set: set, clock: o.Clock}, nil
}

// AddChain reads a chain file and adds its chain, for as long as the App lives. The error
// names file, line, key and value, or says that the file cannot be read.
func (a *App) AddChain(path string) (*chains.Params, error) {
	p, err := readChain(path)
	if err != nil {
		return nil, err
	}
	return p, a.set.Add(p)
}

// Chains returns every chain, sorted by name.
func (a *App) Chains() []*chains.Params { return a.set.All() }

// Chain returns the chain with a name. The error lists the names there are.
func (a *App) Chain(name string) (*chains.Params, error) { return a.set.Get(name) }

// Stacks returns every L1 with its layers, sorted by name.
func (a *App) Stacks() []chains.Stack { return a.set.Stacks() }

// readChains parses the chain files at the given paths and in the given folders.
func readChains(paths []string) (own []*chains.Params, err error) {
	var bad []error
	for _, path := range paths {
		files, err := chainFiles(path)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		for _, file := range files {
			p, err := readChain(file)
			if err != nil {
				bad = append(bad, err)
				continue
			}
			own = append(own, p)
		}
	}
	return own, errors.Join(bad...)
}

// chainFiles returns the path itself or, for a folder, its chain files in order of name.
func chainFiles(path string) ([]string, error) {
	at, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !at.IsDir() {
		return []string{path}, nil
	}
	names, err := fs.Glob(os.DirFS(path), "*.toml")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no *.toml file in this folder", path)
	}
	for i, name := range names {
		names[i] = filepath.Join(path, name)
	}
	return names, nil
}

// readChain reads no more of a file than a chain file may have, so that a wrong path costs
// no memory.
func readChain(path string) (*chains.Params, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, chains.MaxFile+1))
	if err != nil {
		return nil, err
	}
	return chains.Parse(path, src)
}

// addChains adds parents before their children, in whatever order they were given.
func addChains(set *chains.Set, own []*chains.Params) error {
	for len(own) > 0 {
		var later []*chains.Params
		for _, p := range own {
			if _, err := set.Get(p.Parent); p.Parent != "" && err != nil {
				later = append(later, p)
			} else if err := set.Add(p); err != nil {
				return err
			}
		}
		if len(later) == len(own) {
			return set.Add(later[0]) // its parent does not exist, which Add says with the line
		}
		own = later
	}
	return nil
}
