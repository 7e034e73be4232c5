// Package recent remembers the last hashes that it was given, in bounded memory. It
// keeps nothing else and forgets in two generations, not one by one.
package recent

import "github.com/layeredpow/lamina/spv"

// Set holds at least the last half and at most all of so many hashes. The zero value
// holds nothing and takes nothing.
type Set struct {
	half       int
	young, old map[spv.Hash]struct{}
}

// New returns a set of at most most hashes, two at least.
func New(most int) *Set {
	return &Set{half: max(most/2, 1), young: map[spv.Hash]struct{}{}}
}

// Add remembers a hash and tells whether it is new.
func (s *Set) Add(id spv.Hash) bool {
	if s.Has(id) {
		return false
	}
	if len(s.young) >= s.half {
		s.young, s.old = map[spv.Hash]struct{}{}, s.young
	}
	if s.half > 0 {
		s.young[id] = struct{}{}
	}
	return true
}

// Has tells whether a hash is remembered.
func (s *Set) Has(id spv.Hash) bool {
	if _, ok := s.young[id]; ok {
		return true
	}
	_, ok := s.old[id]
	return ok
}

// Remove forgets a hash.
func (s *Set) Remove(id spv.Hash) {
	delete(s.young, id)
	delete(s.old, id)
}

// Clear forgets all.
func (s *Set) Clear() { s.young, s.old = map[spv.Hash]struct{}{}, nil }

// Len returns how many hashes are remembered.
func (s *Set) Len() int { return len(s.young) + len(s.old) }
