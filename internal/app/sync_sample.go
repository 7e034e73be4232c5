package app

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/layeredpow/lamina/internal/p2p"
	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Verify says how much of a layer's history is verified. An L1's, and that of a chain that is merge-mined under rules of its own, always is
// in full.
type Verify string

// What Follow.Verify may be.
const (
	VerifyAsBegun Verify = ""       // as the folder was begun; a new one: all
	VerifyAll     Verify = "all"    // every header and every proof; what was sampled before is fetched again from genesis
	VerifySample  Verify = "sample" // a layer that is begun anew starts by a sampled proof (protocol.md 10.1)
)

// SampleSecurity is how sure a sampled proof makes, in bits.
const SampleSecurity = 32

// Sampled says how much of a chain is known by a sampled proof only.
type Sampled = store.Sampled

// machine is what follows a chain.
type machine interface {
	p2p.Machine
	Status() syncer.Status
}

// check refuses what is none of them.
func (v Verify) check() error {
	switch v {
	case VerifyAsBegun, VerifyAll, VerifySample:
		return nil
	}
	return fmt.Errorf("verify %q: want %q or %q", string(v), VerifyAll, VerifySample)
}

// begin brings what is stored of a chain in line with how much is to be verified, and tells whether it is to begin by a sampled proof. A
// chain that a wallet has looked at from genesis on is verified in full: a sampled start would hide what the wallet knows.
func (v Verify) begin(disk *store.Store, chain *store.Chain, p *chains.Params, log *slog.Logger) (sampled bool, err error) {
	switch {
	case v == VerifyAll:
		target, _ := spv.ParseTarget(p.Genesis.Bits()) // openChain has seen to it that it is one
		return false, chain.Unplace(p.Genesis, spv.WorkOf(&target))
	case v != VerifySample || !p.Kind.Layered():
		return false, nil
	}
	if tip, _ := chain.Tip(); tip.Height > 0 {
		return false, nil
	}
	names, err := placedWallets(disk, chain, p.Name)
	if len(names) > 0 {
		log.Warn("not begun by a sampled proof: all is verified, because wallets have looked at the chain from genesis on", "wallets", names)
	}
	return err == nil && len(names) == 0, err
}

// placedWallets names the wallets that have begun to look at a chain. That others have records means nothing: they may have given out an
// address.
func placedWallets(disk *store.Store, chain *store.Chain, on string) (names []string, err error) {
	all, err := chain.Wallets()
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		records, err := disk.Wallet(on, name)
		if err != nil {
			return nil, err
		}
		book := &notebook{disk: records}
		if err := book.Load(func(_, _ []byte) error { return nil }); err != nil {
			return nil, fmt.Errorf("wallet %s on %s: %w", name, on, err)
		}
		if book.place.first > 0 {
			names = append(names, name)
		}
	}
	return names, nil
}

// newMachine returns what follows the chain from what is stored.
func (c *followed) newMachine() machine {
	var salt [32]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	if !c.sampling {
		return syncer.New(c.tree, [16]byte(salt[:16]))
	}
	return syncer.NewSampler(syncer.SampleConfig{Chain: c.params, Tree: c.tree, L1: c.l1, Ready: c.l1.Synced, Salt: salt,
		Security: SampleSecurity, Keep: store.KeptProofs})
}

// leaveSampler ends the run of a Sampler that is done with its beginning: what goes on from there looks for money, too.
func (l *ledger) leaveSampler() {
	if s, ok := l.machine.(*syncer.Sampler); ok && s.Begun() {
		l.sampling = false
		l.restart()
	}
}

// place makes a sampled start durable.
func (c *followed) place(p *syncer.Placed) error {
	if err := c.chain.Place(p.Start.Headers, p.Start.Height, p.Start.Work, p.Change, Sampled{To: p.Start.Last, Security: p.Security,
		Opened: p.Opened, Open: p.Open, When: time.Now().Unix()}); err != nil {
		return err
	}
	c.cfg.Log.Info("begun by a sampled proof", "from", p.Start.Last, "bytes", p.Bytes, "opened", p.Opened, "peer", p.Peer)
	return nil
}

// reaches tells whether what is held of the chain goes back to its genesis, and notes that a wallet is older if not: then nothing is said of
// its money before all was verified.
func (c *followed) reaches() bool {
	if c.chain.Sampled() == nil {
		return true
	}
	c.older = true
	return false
}
