package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/auxblock"
	"github.com/layeredpow/lamina/internal/node/gbt"
	"github.com/layeredpow/lamina/internal/node/mempool"
	"github.com/layeredpow/lamina/internal/node/miner"
	"github.com/layeredpow/lamina/internal/node/stratum"
	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/spv"
)

const (
	// renewEvery is how old a template may become: its time, and its transactions.
	renewEvery = 30 * time.Second
	// lookEvery is how often the mempools are looked at for better transactions.
	lookEvery = time.Second
	// maxOpen is how many of a layer's templates are remembered for shares of older jobs.
	maxOpen = 64
	// The first byte of an extranonce keeps what miners try apart.
	processorTag = 'c'
	stratumTag   = 's'
)

// Mining keeps the jobs of the stack up to date, and hands what is found to the chains. It
// is safe for concurrent use.
type Mining struct {
	node    *Node
	log     *slog.Logger
	set     *work.Set
	board   *work.Board
	cpu     *miner.Miner // nil if the processor does not mine
	foreign *gbt.Node    // of a foreign L1; nil
	aux     map[string]*auxblock.Registry
	listen  net.Listener // of Stratum; nil
	wake    chan struct{}
	ctx     context.Context // of what is found
	stop    context.CancelFunc
	sending sync.WaitGroup // blocks on their way to a foreign node

	mu     sync.Mutex
	offer  *template.Template // the foreign L1's
	sheets map[string]*sheet  // by chain
}

// sheet is what is known of the mining of one chain.
type sheet struct {
	made  mark                 // what the job at hand was made of
	since time.Time            // when
	state string               // why there is none; empty if there is one
	open  map[spv.Hash]*layout // a layer's blocks that shares may still come for
	order []spv.Hash           // of them, oldest first
	yield Yield
	found []found
}

// mark is what a template is made of.
type mark struct {
	tip, l1 spv.Block
	pool    mempool.Stats
}

// layout is a layer's block without its proof.
type layout struct {
	*template.Template
	header   spv.Header
	coinbase []byte
}

func newMining(n *Node) (*Mining, error) {
	m := &Mining{node: n, log: n.cfg.Log.With("part", "mining"), wake: make(chan struct{}, 1), sheets: map[string]*sheet{},
		aux: map[string]*auxblock.Registry{}}
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.board = work.NewBoard(m.take)
	m.set = work.NewSet(n.l1.params.Work, m.board)
	for _, l := range n.Loops() {
		m.sheets[l.params.Name] = &sheet{open: map[spv.Hash]*layout{}}
		if _, err := n.payout(l.params); err != nil && n.cfg.mines() {
			return nil, err
		}
		l.moved = m.renew
	}
	for _, l := range n.layers {
		registry, err := auxblock.New(l.params, auxChain{m, l})
		if err != nil {
			return nil, err
		}
		m.aux[l.params.Name] = registry
	}
	return m, errors.Join(m.openForeign(), m.openMiner(), m.openStratum())
}

func (m *Mining) openForeign() (err error) {
	if access := m.node.cfg.L1; access != nil {
		m.foreign, err = gbt.NewNode(m.node.l1.params, *access)
	}
	return err
}

func (m *Mining) openMiner() (err error) {
	c := &m.node.cfg
	if !c.Mine {
		return nil
	}
	s := miner.Settings{Threads: max(1, c.Threads), Interval: c.MineEvery, Tag: newTag(processorTag),
		Failed: func(err error) { m.log.Error("our own miner", "error", err) }}
	m.cpu, err = miner.New(m.board, s)
	return err
}

// newTag returns how the extranonces of one search begin. Two nodes with the same payee try
// different work.
func newTag(first byte) (tag [4]byte) {
	_, _ = rand.Read(tag[1:]) // never fails (crypto/rand)
	tag[0] = first
	return tag
}

func (m *Mining) openStratum() (err error) {
	if address := m.node.cfg.Stratum; address != "" {
		if m.listen, err = net.Listen("tcp", address); err != nil {
			return fmt.Errorf("stratum: %w", err)
		}
	}
	return nil
}

func (m *Mining) close() error {
	m.stop()
	m.sending.Wait()
	return closeListener(m.listen)
}

// run starts what mining takes; all ends with the context.
func (m *Mining) run(ctx context.Context, all *sync.WaitGroup, stop context.CancelCauseFunc) {
	context.AfterFunc(ctx, m.stop)
	if !m.node.cfg.mines() {
		return
	}
	all.Go(func() { m.keep(ctx) })
	if m.cpu != nil {
		all.Go(func() { m.cpu.Run(ctx) })
	}
	if m.foreign != nil {
		payout, _ := m.node.payout(m.node.l1.params) // newMining has seen to it that there is one
		all.Go(func() {
			failed := func(err error) { m.log.Warn("no template from the L1's node", "error", err) }
			m.foreign.Follow(ctx, payout, []byte(tag), m.offered, failed)
		})
	}
	if m.listen != nil {
		s := &stratum.Server{Source: m.board, Tag: stratumTag, MaxConns: 1000, LetIn: 30 * time.Second, Idle: 10 * time.Minute,
			Pace: m.pace(), Gone: func(address string, err error) { m.log.Info("miner gone", "address", address, "reason", err) }}
		all.Go(func() {
			if err := s.Serve(ctx, m.listen); err != nil {
				stop(err)
			}
		})
	}
}

// pace returns how hard shares are at first: machines that mine for a living are fast.
func (m *Mining) pace() stratum.Pace {
	if private(m.node.l1.params) {
		return stratum.Pace{Start: 1.0 / 65536, Least: 1.0 / 65536, Every: 5 * time.Second}
	}
	return stratum.Pace{Start: 1024, Least: 1, Every: 10 * time.Second}
}

// offered takes a template of the foreign L1.
func (m *Mining) offered(o *gbt.Offer) {
	m.mu.Lock()
	m.offer = o.Template
	m.mu.Unlock()
	m.renew()
}

// renew makes the jobs be looked at.
func (m *Mining) renew() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// keep renews jobs when a tip has moved, when there are better transactions, and now and
// again.
func (m *Mining) keep(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		m.lookAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-tick.C:
		}
	}
}

// lookAll renews the jobs of chains whose job is out of date. When the L1 has moved, nothing
// is mined until every layer has an anchor below its new tip.
func (m *Mining) lookAll(ctx context.Context) {
	l1 := m.node.l1
	parent, fresh, err := m.parent(ctx)
	if err != nil || fresh && m.moved(parent) {
		_ = m.set.Parent(nil) // without a parent there is no tree to be too small
	}
	for _, l := range m.node.layers {
		m.check(l, m.look(ctx, l))
	}
	if err == nil && fresh {
		err = m.set.Parent(parent)
	}
	m.check(l1, err)
}

// moved tells whether a parent's template builds on another block than the job at hand.
func (m *Mining) moved(parent *template.Template) bool {
	job, _ := m.board.Job()
	return job != nil && job.Parent.Prev != parent.Prev
}

// parent returns the L1's template and whether it is another one than that at hand.
func (m *Mining) parent(ctx context.Context) (t *template.Template, fresh bool, err error) {
	l1 := m.node.l1
	if ours(l1.params) {
		if err := m.behind(l1); err != nil {
			return nil, false, m.making(l1, err)
		}
		if !m.stale(l1, m.markOf(l1)) {
			return nil, false, nil
		}
		payout, err := m.node.payout(l1.params)
		if err != nil {
			return nil, false, err
		}
		t, err = m.node.template(ctx, l1, payout)
		return t, err == nil, m.making(l1, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.offer == nil {
		return nil, false, errors.New("no template from its node yet")
	}
	if _, known := l1.view.Lookup(m.offer.Prev); !known {
		return nil, false, fmt.Errorf("block %s, which its node builds on, is not known from its peers yet", m.offer.Prev)
	}
	job, _ := m.board.Job()
	return m.offer, job == nil || job.Parent != m.offer, nil
}

// look renews a layer's block if it is out of date.
func (m *Mining) look(ctx context.Context, l *Loop) error {
	at := m.markOf(l)
	if !m.stale(l, at) {
		return nil
	}
	t, err := m.layerTemplate(ctx, l)
	if err = m.making(l, err); err != nil {
		return errors.Join(err, m.set.Drop(l.params.Name))
	}
	header, coinbase := t.Bare()
	id := header.ID()
	m.remember(l, id, &layout{t, header, coinbase})
	return m.set.Layer(work.Layer{Chain: l.params.Name, ID: l.params.AuxPoW.ChainID, Hash: id, Target: m.pacedTarget(l, t.Target)})
}

// pacedTarget returns what shares must meet to be a layer's block. Where the L1 is mined at a
// pace, its layers are, too: as many blocks for each of the L1's as their spacings ask for.
// Left to itself an easy layer would find dozens.
func (m *Mining) pacedTarget(l *Loop, own uint256.Int) uint256.Int {
	l1 := m.node.l1
	if m.node.cfg.MineEvery == 0 {
		return own
	}
	_, median, _ := l1.view.After(l1.view.Tip().Hash, 0)
	bits, _, _ := l1.view.After(l1.view.Tip().Hash, max(m.node.unix(), median+1))
	paced, ok := spv.ParseTarget(bits)
	if !ok {
		return own
	}
	paced.Div(&paced, uint256.NewInt(uint64(l.params.Spacing())))
	if _, over := paced.MulOverflow(&paced, uint256.NewInt(uint64(l1.params.Spacing()))); over || paced.Gt(&own) {
		return own
	}
	return paced
}

func (m *Mining) layerTemplate(ctx context.Context, l *Loop) (*template.Template, error) {
	if err := m.behind(l); err != nil {
		return nil, err
	}
	payout, err := m.node.payout(l.params)
	if err != nil {
		return nil, err
	}
	return m.node.template(ctx, l, payout)
}

// behind says that a chain has not caught up: work on an old tip is wasted.
func (m *Mining) behind(l *Loop) error {
	if l.Status().Initial {
		return errors.New("it has not caught up yet")
	}
	return nil
}

func (m *Mining) markOf(l *Loop) mark {
	s := l.pool.Stats(time.Now())
	return mark{tip: l.view.Tip(), l1: m.node.l1.view.Tip(), pool: mempool.Stats{Count: s.Count, Fees: s.Fees}}
}

// stale tells whether a chain's template is to be made anew, and notes what of.
func (m *Mining) stale(l *Loop, at mark) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sheets[l.params.Name]
	if s.made == at && time.Since(s.since) < renewEvery {
		return false
	}
	s.made, s.since = at, time.Now()
	return true
}

// making notes that a template could not be made, so that the next look tries again.
func (m *Mining) making(l *Loop, err error) error {
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sheets[l.params.Name].since = time.Time{}
	}
	return err
}

// check says once why a chain is not mined, and once that it is.
func (m *Mining) check(l *Loop, err error) {
	if m.ctx.Err() != nil {
		return
	}
	state := ""
	if err != nil {
		state = err.Error()
	}
	m.mu.Lock()
	s := m.sheets[l.params.Name]
	was := s.state
	s.state = state
	m.mu.Unlock()
	switch {
	case state == was:
	case err != nil:
		m.log.Info("not mined", "chain", l.params.Name, "reason", err)
	default:
		m.log.Info("mined again", "chain", l.params.Name)
	}
}

// remember keeps a layer's block for the shares that solve it.
func (m *Mining) remember(l *Loop, id spv.Hash, b *layout) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sheets[l.params.Name]
	if s.open[id] == nil {
		s.order = append(s.order, id)
	}
	s.open[id] = b
	if len(s.order) > maxOpen {
		delete(s.open, s.order[0])
		s.order = append(s.order[:0], s.order[1:]...)
	}
}
