package keystore

import (
	"encoding/binary"
	"sync"
)

// maxBranches is how many branches are remembered: receiving and change addresses of a few accounts. More are derived anew.
const maxBranches = 16

// branches remembers nodes that many keys are derived from, with their public keys, which deriving needs every time: a
// transaction's inputs nearly all come from one or two.
type branches struct {
	mu    sync.Mutex
	known map[string]*node
}

// name is a short text for each path.
func (p Path) name() string {
	b := make([]byte, 0, 32)
	for _, index := range p {
		b = binary.LittleEndian.AppendUint32(b, index)
	}
	return string(b)
}

// at returns the node at path below root. It stays the branches' to wipe.
func (b *branches) at(root *node, path Path) (*node, error) {
	name := path.name()
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.known[name]; n != nil {
		return n, nil
	}
	n, err := root.derive(path)
	if err != nil {
		return nil, err
	}
	n.serial = n.serialPublic()
	if b.known == nil {
		b.known = map[string]*node{}
	}
	if len(b.known) == maxBranches {
		// The one that goes may be in use: it is left for the collector, as its bytes cannot be wiped under its user.
		for old := range b.known {
			delete(b.known, old)
			break
		}
	}
	b.known[name] = n
	return n, nil
}

// wipe forgets all nodes. Nobody may be using one.
func (b *branches) wipe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.known {
		n.wipe()
	}
	b.known = nil
}
