package p2p

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestForeignGuests: nodes that we did not write dial us, and take us for a peer.
func TestForeignGuests(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *realnode.Node{"btcd": realnode.Btcd, "litecoind": realnode.Litecoind} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := start(t)
			door, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			came, said := make(chan syncer.Connected, 10), make(chan string, 1000)
			running(t, Config{Listen: door, Services: wire.SFNodeNetwork | wire.SFNodeWitness, Relay: true, Book: t.TempDir() + "/peers",
				Height: func() int32 { return 1 }},
				&answerer{onConnection: func(c syncer.Connected) []syncer.Output {
					came <- c
					return nil
				}, answer: func(in syncer.Received) []syncer.Output {
					said <- in.Message.Command()
					return nil
				}})
			node.Call(t, nil, "addnode", door.Addr().String(), "onetry")
			late := time.After(patience)
			select {
			case c := <-came:
				if !c.Inbound || c.Services&wire.SFNodeNetwork == 0 || !strings.HasPrefix(c.Agent, "/") || c.Version < oldestVersion {
					t.Errorf("%+v", c)
				}
			case <-late:
				t.Fatal("it never came")
			}
			for command := ""; command != "getheaders" && command != "getblocks"; {
				select {
				case command = <-said:
				case <-late:
					t.Fatal("it never asked for blocks")
				}
			}
		})
	}
}

// TestSeekOf: strangers are asked for peers of public networks only.
func TestSeekOf(t *testing.T) {
	p := &chains.Params{P2P: chains.P2P{Seeds: []string{"seed.example"}, Port: 5}}
	for network, want := range map[chains.Network]bool{chains.Main: true, chains.Test: true, chains.Regtest: false, chains.Dev: false} {
		p.Network = network
		if s := SeekOf(p, wire.SFNodeNetwork); (s != nil) != want || (want && (s.Port != 5 || s.Want != wire.SFNodeNetwork)) {
			t.Errorf("%s: %+v", network, s)
		}
	}
}
