package chains

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Set holds chains that fit together. It is safe for concurrent use once nothing is added.
type Set struct {
	chains map[string]*Params
}

// Stack is an L1 with the chains that are merge-mined with it, by name.
type Stack struct {
	L1     *Params
	Layers []*Params
}

// Load reads every *.toml file in the root folder of fsys. The error joins the problems of
// all files.
func Load(fsys fs.FS) (*Set, error) {
	names, err := fs.Glob(fsys, "*.toml")
	if err != nil {
		return nil, err
	}
	var all []*Params
	var bad []error
	for _, name := range names {
		p, err := ParseFile(fsys, name)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		all = append(all, p)
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	s := &Set{chains: map[string]*Params{}}
	return s, s.addAll(all)
}

// ParseFile reads one chain from a file, of which it takes no more than MaxFile bytes into
// memory.
func ParseFile(fsys fs.FS, name string) (*Params, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, err
	}
	return Parse(name, src)
}

// addAll adds chains in an order that puts parents before their children.
func (s *Set) addAll(all []*Params) error {
	for len(all) > 0 {
		later := all[:0:0]
		for _, p := range all {
			if _, known := s.chains[p.Parent]; p.Parent != "" && !known {
				later = append(later, p)
			} else if err := s.Add(p); err != nil {
				return err
			}
		}
		if len(later) == len(all) {
			return s.Add(later[0]) // its parent does not exist: let Add say so
		}
		all = later
	}
	return nil
}

// Get returns the chain with a name. The error lists the names there are.
func (s *Set) Get(name string) (*Params, error) {
	if p, ok := s.chains[name]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("chain %q is unknown, want one of %s", name, strings.Join(s.Names(), ", "))
}

// Names returns the names of all chains, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.chains)) }

// All returns all chains, sorted by name.
func (s *Set) All() []*Params {
	return slices.SortedFunc(maps.Values(s.chains), func(a, b *Params) int { return cmp.Compare(a.Name, b.Name) })
}

// L1Of returns the L1 at the bottom of a chain's stack, itself for an L1. The chain must be
// of this set.
func (s *Set) L1Of(p *Params) *Params {
	for p.Parent != "" {
		p = s.chains[p.Parent] // Add has made sure that it exists
	}
	return p
}

// Stacks returns every L1 with its layers, sorted by name.
func (s *Set) Stacks() []Stack {
	var stacks []Stack
	for _, p := range s.All() {
		if p.Kind == L1 {
			stacks = append(stacks, s.stack(p))
		}
	}
	return stacks
}

// Stack returns the stack that the chain with a name belongs to, be it its L1 or one of its
// layers. The error lists the names there are.
func (s *Set) Stack(name string) (Stack, error) {
	p, err := s.Get(name)
	if err != nil {
		return Stack{}, err
	}
	return s.stack(s.L1Of(p)), nil
}

func (s *Set) stack(l1 *Params) Stack {
	st := Stack{L1: l1}
	for _, p := range s.All() {
		if p != l1 && s.L1Of(p) == l1 {
			st.Layers = append(st.Layers, p)
		}
	}
	return st
}
