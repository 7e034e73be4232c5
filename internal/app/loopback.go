package app

import (
	"context"
	"log/slog"
	"net"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
)

// ServeHeaders serves a chain of headers above genesis to whoever connects to the address
// that it returns, a free port of this machine's loopback, until the context ends; ended
// is closed when all of it has.
func ServeHeaders(ctx context.Context, p *chains.Params, run []spv.Header) (address string, ended <-chan struct{}, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	at := map[spv.Hash]int{p.Genesis.ID(): 0}
	for i := range run {
		at[run[i].ID()] = i + 1
	}
	server := &p2p.Server{Codec: codecOf(p), Agent: "/Lamina/", Log: slog.New(slog.DiscardHandler)}
	server.Headers = func(locator []*spv.Hash) []spv.Sealed {
		from := 0
		for _, id := range locator {
			if height, ok := at[*id]; ok {
				from = height
				break
			}
		}
		var answer []spv.Sealed
		for _, h := range run[from:min(from+msg.MaxHeaders, len(run))] {
			answer = append(answer, spv.Sealed{Header: h})
		}
		return answer
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ctx, l) // ends with the context; nothing is lost with an earlier end
	}()
	return l.Addr().String(), done, nil
}

// codecOf returns how messages are written on a chain's network.
func codecOf(p *chains.Params) msg.Codec {
	return msg.Codec{Magic: p.P2P.Magic, AuxPoW: p.AuxPoW != nil, MaxBlock: p.P2P.MaxMessage}
}
