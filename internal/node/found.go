package node

import (
	"context"
	"errors"
	"time"

	"github.com/layeredpow/lamina/internal/node/auxblock"
	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/spv"
)

// keptFound is how many blocks that were found are looked at again: a reorganisation may
// take them.
const keptFound = 1000

// Yield is what mining a chain has brought since the start.
type Yield struct {
	Chain   string
	Blocks  int    // on the best chain
	Stale   int    // not on it any more, or never
	Refused int    // by the chain or its node
	Revenue int64  // of the blocks on the best chain, base units: subsidy and fees
	Mined   bool   // a job for it is up
	Waiting string // why not
}

// found is one block.
type found struct {
	block spv.Block
	value int64
}

// take hands what a share solves to the chains. It is called on a miner's goroutine.
func (m *Mining) take(s *work.Solution) {
	if s.Parent {
		m.takeParent(s)
	}
	for _, i := range s.Layers {
		m.takeLayer(s, i)
	}
	m.renew()
}

func (m *Mining) takeParent(s *work.Solution) {
	l1, value := m.node.l1, s.Job.Parent.Value
	place := spv.Block{Height: s.Job.Parent.Height, Hash: s.Header.ID()}
	if m.foreign == nil {
		result, err := l1.Block(m.ctx, s.Block())
		m.note(l1, place, value, result.Status, err)
		return
	}
	// The miner goes on meanwhile: layers do not wait for the foreign node.
	m.sending.Go(func() {
		// A block is worth more than a quick end: it is handed in even while the node stops.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), submitTime)
		defer cancel()
		err := m.foreign.Submit(ctx, s.Block())
		if err == nil {
			m.used(s.Job.Parent)
			if err := l1.header(m.ctx, s.Header); err != nil && m.ctx.Err() == nil {
				m.log.Debug("header of our block", "block", place, "error", err) // its peers will tell
			}
		}
		m.note(l1, place, value, chain.Connected, err)
	})
}

// used drops the foreign L1's template once it has become a block: the next one is on its way,
// and a second block of the same height is worth nothing.
func (m *Mining) used(t *template.Template) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.offer != nil && m.offer.Prev == t.Prev {
		m.offer = nil
	}
}

// submitTime is how long a foreign node may take to take a block.
const submitTime = 4 * time.Second

func (m *Mining) takeLayer(s *work.Solution, i int) {
	at := s.Job.Layers[i]
	l, err := m.node.Loop(at.Chain)
	if err != nil {
		panic(err) // the job was made of our own layers
	}
	m.mu.Lock()
	b := m.sheets[at.Chain].open[at.Hash]
	m.mu.Unlock()
	if b == nil {
		return // a share of a job of long ago
	}
	sealed := spv.Sealed{Header: b.header, Aux: s.Proof(i)}
	result, err := l.Block(m.ctx, b.Block(&sealed, b.coinbase))
	m.note(l, spv.Block{Height: b.Height, Hash: at.Hash}, b.Value, result.Status, err)
}

// note keeps account of a block that was found.
func (m *Mining) note(l *Loop, b spv.Block, value int64, status chain.Status, err error) {
	if errors.Is(err, errStopped) || errors.Is(err, context.Canceled) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sheets[l.params.Name]
	if err != nil {
		s.yield.Refused++
		l.log.Warn("block found and refused", "block", b, "error", err)
		return
	}
	if status == chain.Duplicate {
		return
	}
	l.log.Info("block found", "block", b, "status", status.String(), "value", value)
	s.found = append(s.found, found{b, value})
	if len(s.found) > keptFound {
		s.yield.add(l.view, s.found[0])
		s.found = append(s.found[:0], s.found[1:]...)
	}
}

func (y *Yield) add(view View, f found) {
	if view.OnBest(f.block) {
		y.Blocks++
		y.Revenue += f.value
	} else {
		y.Stale++
	}
}

// Yields returns what mining has brought, by chain, the L1 first.
func (m *Mining) Yields() []Yield {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Yield
	for _, l := range m.node.Loops() {
		s := m.sheets[l.params.Name]
		y := s.yield
		y.Chain, y.Waiting, y.Mined = l.params.Name, s.state, m.node.cfg.mines() && s.state == ""
		for _, f := range s.found {
			y.add(l.view, f)
		}
		list = append(list, y)
	}
	return list
}

// HashRate returns the processor's hashes per second of the last seconds, 0 if it does not
// mine.
func (m *Mining) HashRate() float64 {
	if m.cpu == nil {
		return 0
	}
	return m.cpu.HashRate()
}

// Stratum returns where mining hardware connects, empty if nowhere.
func (m *Mining) Stratum() string {
	if m.listen == nil {
		return ""
	}
	return m.listen.Addr().String()
}

// Aux returns a layer's blocks for pools; nil for an L1.
func (m *Mining) Aux(chain string) *auxblock.Registry { return m.aux[chain] }

// auxChain is a layer as pools mine it.
type auxChain struct {
	m *Mining
	l *Loop
}

func (a auxChain) Tip() spv.Block { return a.l.view.Tip() }

func (a auxChain) Template(payout []byte) (*template.Template, error) {
	return a.m.node.template(a.m.ctx, a.l, payout)
}

func (a auxChain) Accept(_ *spv.Sealed, block []byte) error {
	result, err := a.l.Block(a.m.ctx, block)
	if err == nil {
		a.l.log.Info("block from a pool", "block", result.Block, "status", result.Status.String())
	}
	return err
}
