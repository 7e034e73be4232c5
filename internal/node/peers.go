package node

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/layeredpow/lamina/spv/syncer"
)

// Peer is one connection of a chain's loop, as it was when it began.
type Peer struct {
	syncer.Connected
	Since time.Time
}

// roll is who is connected.
type roll struct {
	mu    sync.Mutex
	peers map[syncer.Peer]Peer
}

// note follows connections as they come and go.
func (r *roll) note(now time.Time, in syncer.Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch in := in.(type) {
	case syncer.Connected:
		r.peers[in.Peer] = Peer{in, now}
	case syncer.Disconnected:
		delete(r.peers, in.Peer)
	}
}

// dropped notes that we end a connection: the machine hears no more of it.
func (r *roll) dropped(p syncer.Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.peers, p)
}

func (r *roll) all() []Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Peer, 0, len(r.peers))
	for _, p := range r.peers {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Peer) int { return cmp.Compare(a.Peer, b.Peer) })
	return list
}
