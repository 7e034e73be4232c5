package app

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// ServeHeaders serves a chain of headers above genesis to whoever connects to the address
// that it returns, a free port of this machine's loopback, until the context ends; ended
// is closed when all of it has.
func ServeHeaders(ctx context.Context, p *chains.Params, run []spv.Header) (address string, ended <-chan struct{}, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &headerServer{run: run, at: map[spv.Hash]int{p.Genesis.ID(): 0}}
	for i := range run {
		server.at[run[i].ID()] = i + 1
	}
	cfg := p2p.Config{Codec: codecOf(p), Agent: "/Lamina/", Log: slog.New(slog.DiscardHandler), Listen: l}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p2p.Run(ctx, cfg, server, nil) // without a Sink it has no error
	}()
	return l.Addr().String(), done, nil
}

// headerServer is a machine that answers getheaders, and nothing else.
type headerServer struct {
	run []spv.Header
	at  map[spv.Hash]int // height by id
}

// Step answers what a peer asks.
func (s *headerServer) Step(_ time.Time, in syncer.Input) []syncer.Output {
	received, _ := in.(syncer.Received)
	ask, ok := received.Message.(*wire.MsgGetHeaders)
	if !ok {
		return nil
	}
	from := 0
	for _, id := range ask.BlockLocatorHashes {
		if height, ok := s.at[*id]; ok {
			from = height
			break
		}
	}
	answer := &msg.Headers{}
	for _, h := range s.run[from:min(from+msg.MaxHeaders, len(s.run))] {
		answer.Headers = append(answer.Headers, spv.Sealed{Header: h})
	}
	return []syncer.Output{syncer.Send{Peer: received.Peer, Message: answer}}
}

// codecOf returns how messages are written on a chain's network.
func codecOf(p *chains.Params) msg.Codec {
	return msg.Codec{Magic: p.P2P.Magic, AuxPoW: p.AuxPoW != nil, MaxBlock: p.P2P.MaxMessage}
}
