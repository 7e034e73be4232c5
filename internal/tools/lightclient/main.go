// Command lightclient follows one chain's headers from one peer until it has all that the peer knows, and ends. It is the
// header sync as a library, with nothing linked that this does not need, so that make bench can hold it against another
// library; users have lamina sync. It keeps the chain in a folder as that does, and looks for nothing but headers.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

func main() {
	debug.SetGCPercent(75) // as lamina sync does
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: lightclient CHAINFILE HOST:PORT FOLDER")
		os.Exit(2)
	}
	if err := follow(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "lightclient:", err)
		os.Exit(1)
	}
}

// follow syncs the chain of a file from a peer into a folder.
func follow(file, peer, folder string) (err error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	params, err := chains.Parse(file, src)
	if err != nil {
		return err
	}
	disk, err := store.Open(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	target, _ := spv.ParseTarget(params.Genesis.Bits()) // chains.Parse has seen to it
	chain, _, err := disk.Chain(params.Name, params.Genesis, 0, spv.WorkOf(&target))
	if err != nil {
		return err
	}
	tree, err := chain.Tree(&params.Rules)
	if err != nil {
		return err
	}
	return run(params, peer, chain, tree)
}

// run steps the machine until it is synced.
func run(params *chains.Params, peer string, chain *store.Chain, tree *spv.Tree) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	machine := syncer.New(tree, [16]byte{}) // the peer is the caller's own: nobody has to be kept from foreseeing choices
	cfg := p2p.Config{
		Codec: msg.Codec{Magic: params.P2P.Magic, AuxPoW: params.AuxPoW != nil, MaxBlock: params.P2P.MaxMessage},
		Agent: "/Lamina/", Protocol: params.P2P.Protocol, V2: params.P2P.V2, Peers: []string{peer},
		Log: slog.New(slog.DiscardHandler), Clock: time.Now,
		Sink: func(out syncer.Output) ([]syncer.Input, error) {
			if s, ok := out.(syncer.Store); ok {
				chain.ExpectHeight(s.Claimed)
				return nil, chain.Begin(s.Change)
			}
			return nil, nil
		},
	}
	err := p2p.Run(ctx, cfg, machine, func(p2p.Report) {
		if machine.Status().Synced {
			stop()
		}
	})
	return errors.Join(err, chain.Settle())
}
