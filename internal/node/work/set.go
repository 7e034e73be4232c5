package work

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv/pow"
)

// Set is what is to be mined together: a parent's template and, for every layer, a block. Whenever one of them is
// replaced, because its chain's tip moved or there are better transactions, it puts a new job up. It is safe for
// concurrent use, so that every chain's loop can tell it of its own news.
type Set struct {
	algorithm pow.Algorithm
	board     *Board

	mu     sync.Mutex
	parent *template.Template
	layers []Layer // by chain
}

// NewSet returns a set without a parent; until it has one, there is no job.
func NewSet(algorithm pow.Algorithm, board *Board) *Set {
	return &Set{algorithm: algorithm, board: board}
}

// Parent replaces the parent's template; nil, when the node does not know its chain's tip, stops all mining. After an
// error everything is as before.
func (s *Set) Parent(t *template.Template) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replace(t, s.layers)
}

// Layer replaces the block of a layer, by the name of its chain, or adds it. After an error, which may be that its chain
// id and another's do not fit into one tree, everything is as before.
func (s *Set) Layer(l Layer) error {
	if l.Chain == "" || l.Target.IsZero() {
		return fmt.Errorf("layer %q with target %s: want a name and a target", l.Chain, l.Target.Hex())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	layers := slices.Clone(s.layers)
	at, known := slices.BinarySearchFunc(layers, l.Chain, byChain)
	if known {
		layers[at] = l
	} else {
		layers = slices.Insert(layers, at, l)
	}
	return s.replace(s.parent, layers)
}

// Drop takes a layer out, if it is there: nobody is to mine a block that its chain would refuse.
func (s *Set) Drop(chain string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	layers := slices.DeleteFunc(slices.Clone(s.layers), func(l Layer) bool { return l.Chain == chain })
	return s.replace(s.parent, layers)
}

func byChain(l Layer, name string) int { return strings.Compare(l.Chain, name) }

// replace puts up the job of a parent and layers.
func (s *Set) replace(parent *template.Template, layers []Layer) error {
	var job *Job
	var err error
	if parent != nil {
		job, err = NewJob(s.algorithm, parent, layers)
	} else {
		_, err = treeHeight(layers)
	}
	if err != nil {
		return err
	}
	s.parent, s.layers = parent, layers
	s.board.Post(job)
	return nil
}
