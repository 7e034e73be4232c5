package main

import (
	"context"
	"time"

	"github.com/layeredpow/lamina/internal/node"
	"github.com/layeredpow/lamina/internal/rpc/nodeapi"
	"github.com/layeredpow/lamina/spv/syncer"
)

// loopPeers are a chain's connections.
type loopPeers struct{ l *node.Loop }

func (p loopPeers) Add(ctx context.Context, address string, once bool) error {
	if once {
		return p.l.Switchboard().Try(ctx, address)
	}
	return p.l.Switchboard().Add(ctx, address)
}

func (p loopPeers) Remove(ctx context.Context, address string) error {
	return p.l.Switchboard().Remove(ctx, address)
}

func (p loopPeers) Disconnect(ctx context.Context, id int32) error {
	return p.l.Switchboard().Disconnect(ctx, syncer.Peer(id))
}

func (p loopPeers) Ban(ctx context.Context, host string, until time.Time) error {
	return p.l.Switchboard().Ban(ctx, host, until, "by the operator")
}

func (p loopPeers) Unban(ctx context.Context, host string) error {
	return p.l.Switchboard().Unban(ctx, host)
}

func (p loopPeers) Bans(ctx context.Context) (list []nodeapi.Ban, err error) {
	bans, err := p.l.Switchboard().Bans(ctx)
	for _, b := range bans {
		list = append(list, nodeapi.Ban{Host: b.Host, Until: b.Until, Cause: b.Cause})
	}
	return list, err
}

func (p loopPeers) Totals() (received, sent uint64) {
	t := p.l.Traffic()
	return uint64(t.Received), uint64(t.Sent)
}

func (p loopPeers) All() []nodeapi.Peer {
	var list []nodeapi.Peer
	for _, x := range p.l.Peers() {
		list = append(list, nodeapi.Peer{ID: int32(x.Peer), Address: x.Address, Inbound: x.Inbound, Services: uint64(x.Services),
			Version: x.Version, Agent: x.Agent, Height: x.Height, Relay: x.Wants, FeeFilter: x.FeeFilter, Since: x.Since,
			Received: uint64(x.Received), Sent: uint64(x.Sent), LastReceived: x.LastReceived, LastSent: x.LastSent,
			Ping: x.Ping, Quickest: x.Quickest, Unanswered: x.Unanswered, Named: x.Named, Encrypted: x.Encrypted})
	}
	return list
}
