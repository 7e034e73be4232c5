package app

import (
	"context"
	"sync"
)

// feedQueue is how many events wait for a listener.
const feedQueue = 256

// feed hands events on to whoever listens. The zero value has no listeners.
type feed struct {
	mu        sync.Mutex
	listeners map[*listener]bool
}

type listener struct {
	events chan Event
	missed bool
}

// send never blocks: who does not read misses events, and is told.
func (f *feed) send(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.listeners {
		e.Missed = l.missed
		select {
		case l.events <- e:
			l.missed = false
		default:
			l.missed = true
		}
	}
}

// subscribe adds a listener until one of the contexts ends.
func (f *feed) subscribe(ctx, all context.Context) <-chan Event {
	l := &listener{events: make(chan Event, feedQueue)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners == nil {
		f.listeners = map[*listener]bool{}
	}
	f.listeners[l] = true
	var once sync.Once
	end := func() {
		once.Do(func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.listeners, l)
			close(l.events)
		})
	}
	context.AfterFunc(ctx, end)
	context.AfterFunc(all, end)
	return l.events
}
