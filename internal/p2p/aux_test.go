package p2p

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestRealProofs: what a real node sent, 2,000 headers with 393 merged-mining proofs, goes
// over a connection, encrypted and not, through the machine and onto the disk, every proof
// byte for byte.
func TestRealProofs(t *testing.T) {
	const height, trusted = 158001, 11 // as many as median time looks back
	p := testchain.Params(t, "dogecoin-testnet")
	rules := p.Rules
	rules.MinimumWork = uint256.Int{} // the run is not the whole chain
	c := msg.Codec{Magic: p.P2P.Magic, AuxPoW: true, MaxBlock: p.P2P.MaxMessage}
	m, err := msg.ParseHeaders(testdata.Read(t, "headers/dogecoin-testnet-158001-160000.headersmsg.bin"), true)
	if err != nil {
		t.Fatal(err)
	}
	for name, encrypted := range map[string]int{"plain": 0, "encrypted": 1} {
		t.Run(name, func(t *testing.T) {
			disk, err := store.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer disk.Close()
			kept, _, err := disk.Chain("real", m.Headers[0].Header, height, *uint256.NewInt(1))
			if err != nil {
				t.Fatal(err)
			}
			var start []spv.Header
			for _, s := range m.Headers[1:trusted] {
				start = append(start, s.Header)
			}
			if err := kept.Apply(spv.Change{Headers: start}); err != nil {
				t.Fatal(err)
			}
			tree, err := kept.Tree(&rules)
			if err != nil {
				t.Fatal(err)
			}
			followReal(t, c, syncer.New(tree, [16]byte{}), kept, m.Headers[trusted:], encrypted)
			if tip, _ := kept.Tip(); tip.Height != height+1999 || tip.Hash != m.Headers[1999].Header.ID() {
				t.Fatalf("tip %s", tip)
			}
			for i, s := range m.Headers[trusted:] {
				got, err := kept.Proof(height + trusted + int32(i))
				if err != nil || (got == nil) != (s.Aux == nil) || (got != nil && !bytes.Equal(got.Append(nil), s.Aux.Append(nil))) {
					t.Fatalf("proof of %d: %v, want %v, %v", height+trusted+i, got, s.Aux, err)
				}
			}
		})
	}
}

// followReal serves a run on loopback and follows it to its end.
func followReal(t *testing.T, c msg.Codec, m *syncer.Machine, kept *store.Chain, run []spv.Sealed, encrypted int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	base := Config{Codec: c, Agent: "/test/", V2: encrypted > 0, Log: slog.New(slog.DiscardHandler)}
	served, first := base, m.Tree().Tip().Hash
	served.Listen = l
	ended := make(chan error)
	go func() {
		ended <- Run(ctx, served, &answerer{answer: func(in syncer.Received) []syncer.Output {
			ask, ok := in.Message.(*wire.MsgGetHeaders)
			switch {
			case !ok:
				return nil
			case *ask.BlockLocatorHashes[0] == first:
				return []syncer.Output{syncer.Send{Peer: in.Peer, Message: &msg.Headers{Headers: run}}}
			default:
				return []syncer.Output{syncer.Send{Peer: in.Peer, Message: &msg.Headers{}}}
			}
		}}, nil)
	}()
	base.Peers = []string{l.Addr().String()}
	base.Sink = func(out syncer.Output) ([]syncer.Input, error) {
		if out, ok := out.(syncer.Store); ok {
			return nil, kept.Apply(out.Change)
		}
		return nil, nil
	}
	var last Report
	err = Run(ctx, base, m, func(r Report) {
		if s := m.Status(); s.Synced && s.Tip.Hash == run[len(run)-1].Header.ID() && ctx.Err() == nil {
			last = r
			stop()
		}
	})
	if other := <-ended; err != nil || other != nil || last.Encrypted != encrypted || last.Outbound != 1 {
		t.Fatalf("%v, %v, %+v", err, other, last)
	}
}
