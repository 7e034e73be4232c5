package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// internet is what can be dialled: peers written on btcd's messages alone, by address.
type internet struct {
	mu      sync.Mutex
	peers   map[string]*host24
	dialled []string
	asked   []string // names that were resolved
	answers map[string][]netip.Addr
}

// host24 is a peer on it.
type host24 struct {
	services wire.ServiceFlag
	tells    []book.Addr // to getaddr
	conns    []net.Conn
}

func (n *internet) dial(_ context.Context, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialled = append(n.dialled, address)
	h := n.peers[address]
	if h == nil {
		return nil, errors.New("nobody there")
	}
	ours, theirs := net.Pipe()
	h.conns = append(h.conns, theirs)
	go h.serve(theirs)
	return ours, nil
}

// calls returns who was dialled, and names who was looked up.
func (n *internet) calls() []string { n.mu.Lock(); defer n.mu.Unlock(); return slices.Clone(n.dialled) }
func (n *internet) names() []string { n.mu.Lock(); defer n.mu.Unlock(); return slices.Clone(n.asked) }

func (h *host24) serve(c net.Conn) {
	defer c.Close()
	out := make(chan wire.Message, 100)
	defer close(out)
	go func() {
		for m := range out {
			_ = wire.WriteMessage(c, m, msg.Version, regtest)
		}
	}()
	for {
		m, _, err := wire.ReadMessage(c, msg.Version, regtest)
		if err != nil && !errors.Is(err, wire.ErrUnknownMessage) {
			return
		}
		switch m := m.(type) {
		case *wire.MsgVersion:
			v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 99, 0)
			v.ProtocolVersion, v.Services = msg.Version, h.services
			out <- v
			out <- &wire.MsgVerAck{}
		case *wire.MsgPing:
			out <- wire.NewMsgPong(m.Nonce)
		case *wire.MsgGetAddr:
			list := &wire.MsgAddrV2{}
			for _, a := range h.tells {
				e := book.Entry{Addr: a, Services: wire.SFNodeNetwork | wire.SFNodeCF, Seen: uint32(time.Now().Unix())}
				list.AddrList = append(list.AddrList, e.Wire())
			}
			out <- list
		}
	}
}

func (n *internet) resolve(_ context.Context, name string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, name)
	return n.answers[name], nil
}

const wanted24 = wire.SFNodeNetwork | wire.SFNodeCF

// world24 has n peers: ten in each of some networks, of which each tenth serves no filters.
func world24(n int) (*internet, []netip.Addr) {
	net := &internet{peers: map[string]*host24{}, answers: map[string][]netip.Addr{}}
	var all []netip.Addr
	var tells []book.Addr
	for i := range n {
		ip := netip.AddrFrom4([4]byte{8, byte(i / 10), byte(i), 1})
		all = append(all, ip)
		tells = append(tells, book.Addr{IP: ip, Port: 18444})
	}
	for i, ip := range all {
		services := wanted24
		if i%10 == 0 {
			services = wire.SFNodeNetwork
		}
		net.peers[netip.AddrPortFrom(ip, 18444).String()] = &host24{services: services, tells: tells}
	}
	return net, all
}

func groups(peers []syncer.Connected) map[string]bool {
	all := map[string]bool{}
	for _, p := range peers {
		all[groupOf(p.Address)] = true
	}
	return all
}

// TestSeek: from one seed that answers with two addresses, eight peers of as many networks
// are found, all of which serve filters; lost ones are replaced.
func TestSeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, all := world24(200)
		world.answers["x41.seed.example"] = []netip.Addr{all[0], all[1]}
		m := &answerer{}
		running(t, Config{Dial: world.dial, Seek: &Seek{Want: wanted24, Seeds: []string{"seed.example"}, Port: 18444, Resolve: world.resolve}}, m)
		for _, name := range []string{"at first", "after a loss"} {
			for _, p := range m.peers()[:len(m.peers())/2] {
				for _, c := range world.peers[p.Address].conns {
					_ = c.Close()
				}
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			peers := m.peers()
			if len(peers) != DefaultOutbound || len(groups(peers)) != DefaultOutbound {
				t.Errorf("%s: %d peers of %d networks", name, len(peers), len(groups(peers)))
			}
			for _, p := range peers {
				if p.Services&wanted24 != wanted24 || p.Inbound {
					t.Errorf("%+v", p)
				}
			}
		}
		// Once, or twice where chance kept the first peers away for a minute.
		if asked := slices.Compact(slices.Clone(world.asked)); !slices.Equal(asked, []string{"x41.seed.example"}) || len(world.asked) > 2 {
			t.Errorf("asked %v", world.asked)
		}
	})
}

// TestSeekNobody: without Seek nothing is resolved and nobody dialled but who was named.
func TestSeekNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, all := world24(10)
		named := netip.AddrPortFrom(all[3], 18444).String()
		m := &answerer{}
		running(t, Config{Dial: world.dial, Peers: []string{named}, Book: t.TempDir() + "/peers"}, m)
		time.Sleep(time.Hour)
		synctest.Wait()
		if peers := m.peers(); len(peers) != 1 || !slices.Equal(world.calls(), []string{named}) {
			t.Errorf("%d peers, dialled %v", len(peers), world.calls())
		}
	})
}

// TestSeekBackOff: where nobody answers, dialling goes on, but not wildly.
func TestSeekBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, all := world24(50)
		world.peers = nil
		world.answers["seed.example"] = all
		running(t, Config{Dial: world.dial, Seek: &Seek{Seeds: []string{"seed.example"}, Port: 1, Resolve: world.resolve}}, &answerer{})
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(world.calls()); n < 50 || n > 1500 {
			t.Errorf("%d dials in an hour", n)
		}
	})
}

// TestAnchors: after a restart the peers that were there last are dialled first, seeds are
// not asked, and fixed seeds do.
func TestAnchors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, all := world24(200)
		path := t.TempDir() + "/peers"
		seek := &Seek{Want: wanted24, Fixed: []string{netip.AddrPortFrom(all[1], 18444).String(), "nonsense"},
			Seeds: []string{"seed.example"}, Port: 18444, Resolve: world.resolve}
		cfg := Config{Codec: codec, Dial: world.dial, Book: path, Seek: seek, Log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- Run(ctx, cfg, &answerer{}, nil) }()
		time.Sleep(20 * time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		b, err := book.Load(path, [16]byte{})
		if err != nil || len(b.Anchors()) != 2 {
			t.Fatalf("%v, anchors %v", err, b.Anchors())
		}
		world.mu.Lock()
		world.dialled, world.asked = nil, nil
		world.mu.Unlock()
		m := &answerer{}
		running(t, cfg, m)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		first := world.calls()[:DefaultOutbound]
		for _, a := range b.Anchors() {
			if !slices.Contains(first, a.String()) {
				t.Errorf("%s is not among the first %v", a, first)
			}
		}
		time.Sleep(10 * time.Minute)
		if asked := world.names(); len(asked) > 0 {
			t.Errorf("asked %v", asked)
		}
	})
}

// TestGossip: who asks for addresses is told some, once; a flood of addresses is not taken.
func TestGossip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := newPipes()
		path := t.TempDir() + "/peers"
		b := book.New([16]byte{1})
		for i := range 400 {
			b.Add(book.Addr{IP: netip.AddrFrom4([4]byte{byte(20 + i%100), byte(i), 1, 1}), Port: 1}, 0, time.Now(), fmt.Sprint(i), time.Now())
		}
		known, _ := b.Len()
		if err := book.Save(path, b.Encode()); err != nil {
			t.Fatal(err)
		}
		m := &answerer{}
		running(t, Config{Listen: door, Book: path}, m)
		c := meet(t, door.from("8.8.4.4:1"), 0)
		flood := &wire.MsgAddrV2{}
		for i := range 1000 {
			e := book.Entry{Addr: book.Addr{IP: netip.AddrFrom4([4]byte{150, byte(i >> 8), byte(i), 1}), Port: 1}, Seen: uint32(time.Now().Unix())}
			flood.AddrList = append(flood.AddrList, e.Wire())
		}
		for range 50 {
			c.write(flood)
		}
		c.write(&wire.MsgGetAddr{})
		got, _ := c.read()
		told, ok := got.(*wire.MsgAddrV2)
		if !ok || len(told.AddrList) < known/5 || len(told.AddrList) > known/4+1 {
			t.Fatalf("told %v of %d", got, known)
		}
		c.write(&wire.MsgGetAddr{})
		c.write(ask([32]byte{}))
		if next, _ := c.read(); next.Command() != "headers" {
			t.Errorf("asked again, told %s", next.Command())
		}
		if len(m.received) != 1 {
			t.Errorf("the machine was given %d messages", len(m.received))
		}
		time.Sleep(saveEvery + time.Minute)
		synctest.Wait()
		after, err := book.Load(path, [16]byte{})
		if err != nil {
			t.Fatal(err)
		}
		if now, _ := after.Len(); now > known+1 {
			t.Errorf("%d addresses were taken from a flood", now-known)
		}
	})
}

// TestDamagedBook: a damaged file is told of, and begun anew.
func TestDamagedBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir() + "/peers"
		if err := book.Save(path, []byte("no book")); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		ctx, stop := context.WithCancel(t.Context())
		stop()
		cfg := Config{Codec: codec, Book: path, Log: slog.New(slog.NewTextHandler(&log, nil))}
		if err := Run(ctx, cfg, &answerer{}, nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "begun anew") {
			t.Errorf("log: %s", log.String())
		}
		if _, err := book.Load(path, [16]byte{}); err != nil {
			t.Error(err)
		}
	})
}
