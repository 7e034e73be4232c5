package p2p

import (
	"bufio"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/p2p/bip324"
)

// spoken is a connection that something comes from, and nothing else.
type spoken struct {
	net.Conn
	in []byte
}

func (c *spoken) Read(b []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, net.ErrClosed
	}
	n := copy(b, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (*spoken) SetReadDeadline(time.Time) error { return nil }

// FuzzReader: whatever a connection brings, encrypted or not, ends in messages or an error,
// and all that was held is given back.
func FuzzReader(f *testing.F) {
	f.Add(frame("ping", 8, make([]byte, 8)), "ping", []byte{1, 2, 3, 4, 5, 6, 7, 8}, false)
	f.Add([]byte{1, 2, 3}, "headers", []byte{0}, true)
	f.Add([]byte{}, "addrv2", []byte{1, 0, 0, 0, 0, 0, 1, 4, 1, 2, 3, 4, 0, 80}, true)
	f.Fuzz(func(t *testing.T, raw []byte, command string, payload []byte, encrypted bool) {
		c := &spoken{in: raw}
		h := &host{cfg: Config{Codec: codec}, memory: room{most: maxIncoming}}
		r := newReader(h, c, true)
		if encrypted {
			ours, theirs := session(t)
			r.session = ours
			packet, err := theirs.Seal(command[:min(len(command), 12)], payload)
			if err != nil {
				return
			}
			c.in = append(packet, raw...)
		}
		for range 100 {
			m, n, err := r.next()
			r.release()
			if h.memory.held.Load() != 0 {
				t.Fatalf("%d bytes are held", h.memory.held.Load())
			}
			if err != nil {
				return
			}
			if m == nil || n < bip324.LengthSize+bip324.Overhead {
				t.Fatalf("%v of %d bytes", m, n)
			}
		}
	})
}

// session returns the two ends of an encrypted connection.
func session(t *testing.T) (ours, theirs *bip324.Session) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	var wait sync.WaitGroup
	wait.Go(func() { ours, _ = bip324.Respond(bufio.NewReader(a), a, codec.Magic, nil) })
	wait.Go(func() { theirs, _ = bip324.Initiate(bufio.NewReader(b), b, codec.Magic, nil) })
	wait.Wait()
	if ours == nil || theirs == nil {
		t.Fatal("no handshake")
	}
	return ours, theirs
}
