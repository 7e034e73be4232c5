package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Progress tells how far a synchronisation is.
type Progress = p2p.Report

// DataError says why a data folder cannot be opened, with a hint for the user.
type DataError = store.OpenError

// Sync says what to follow: one chain, its peers, and where its headers are kept.
type Sync struct {
	Chain   *chains.Params
	DataDir string
	Peers   []string // host:port, kept connected
	Agent   string   // user agent, such as "/Lamina:0.1.0/"
	Log     *slog.Logger
}

// Run follows the chain until the context ends. It continues from what the data folder
// holds; headers that damage has cost are fetched again. Notify is called often and
// must not block.
func (s *Sync) Run(ctx context.Context, notify func(Progress)) error {
	disk, err := store.Open(s.DataDir)
	if err != nil {
		return err
	}
	defer func() {
		if err := disk.Close(); err != nil {
			s.Log.Error("data folder", "error", err)
		}
	}()
	rules := &s.Chain.Rules
	target, ok := spv.ParseTarget(rules.Genesis.Bits())
	if !ok {
		return fmt.Errorf("%s: genesis bits %08x are no target", rules.Name, rules.Genesis.Bits())
	}
	chain, cut, err := disk.Chain(rules.Name, rules.Genesis, 0, spv.WorkOf(&target))
	if err != nil {
		return err
	}
	if cut > 0 {
		s.Log.Warn("headers file was damaged, the rest is fetched again", "chain", rules.Name, "lost", cut)
	}
	tree, err := chain.Tree(rules)
	if err != nil {
		return err
	}
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	return p2p.Run(ctx, p2p.Config{
		Codec: codecOf(s.Chain),
		Agent: s.Agent,
		Peers: s.Peers,
		Log:   s.Log.With("chain", rules.Name),
	}, syncer.New(tree, salt), chain, notify)
}
