package settle

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv/swap"
)

// swapWorld is a dev L1 with an issued layer, and two wallets that swap.
type swapWorld struct {
	t         testing.TB
	seed      uint64
	l1, layer *sim
	rng       *rand.Rand
	parties   [2]*party // maker, taker
	scripts   [2]Scripts
	offer     string
	answer    string
	pending   map[*sim][]*wire.MsgTx // funding that its wallet sends again
	often     int                    // blocks of the second chain to one of the first, less one
	noisy     bool                   // much is told of that is never mined
}

const giveL1, giveLayer = 200_000, 700_000

func newSwapWorld(t testing.TB, seed uint64, odds int) *swapWorld {
	w := &swapWorld{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), pending: map[*sim][]*wire.MsgTx{}}
	w.l1 = newSim(t, testchain.Params(t, "dev"), nil)
	w.layer = newSim(t, testchain.Params(t, "dev-issued"), w.l1)
	for range 30 {
		w.l1.mine(true)
		w.layer.mine(true)
	}
	for i := range w.parties {
		w.parties[i] = newParty(t, seed*2+uint64(i), w.rng, odds, w.l1, w.layer)
		w.scripts[i] = Scripts{Refund: script(byte(10 + i)), Redeem: script(byte(20 + i))}
		w.parties[i].sync()
	}
	return w
}

// newTwoClocks is a world of two L1s that share no clock: where one makes a block the other makes four.
func newTwoClocks(t testing.TB, seed uint64) *swapWorld {
	w := &swapWorld{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), pending: map[*sim][]*wire.MsgTx{}, often: 3}
	w.l1 = newSim(t, testchain.Params(t, "bitcoin-regtest"), nil)
	w.layer = newSim(t, testchain.Params(t, "litecoin-regtest"), nil)
	for range 30 {
		w.l1.mine(true)
		w.layer.mine(true)
	}
	for i := range w.parties {
		w.parties[i] = newParty(t, seed*2+uint64(i), w.rng, 0, w.l1, w.layer)
		w.scripts[i] = Scripts{Refund: script(byte(10 + i)), Redeem: script(byte(20 + i))}
		w.parties[i].sync()
	}
	return w
}

// request is an offer of the maker: onL1 says on which chain he pays.
func (w *swapWorld) request(first, onL1 bool, form swap.Form) SwapRequest {
	l1 := swap.Asset{Chain: w.l1.p.NetID(), Form: form, Amount: giveL1}
	layer := swap.Asset{Chain: w.layer.p.NetID(), Form: form, Amount: giveLayer}
	h := uint32(w.l1.tip().Height)
	r := SwapRequest{First: first, Give: l1, Get: layer, T1: h + 60 + 144, T2: h + 60, Scripts: w.scripts[0]}
	if !onL1 {
		r.Give, r.Get = layer, l1
	}
	return r
}

// agree makes offer and answer, both killed now and then.
func (w *swapWorld) agree(r SwapRequest) {
	w.t.Helper()
	a, b := w.parties[0], w.parties[1]
	a.try(func() (err error) { _, w.offer, err = a.b.Offer(r, a.keys); return err })
	w.settle(a)
	b.try(func() (err error) {
		if all := b.b.Swaps(); len(all) > 0 { // it was written down before the end
			w.answer = all[len(all)-1].Answer
			return nil
		}
		_, w.answer, err = b.b.Take(w.offer, nil, w.scripts[1], b.keys)
		return err
	})
	w.settle(b)
	a.try(func() error { return a.b.Accept(w.number(a), w.answer, a.keys) })
}

// settle cancels what a crash left behind: the newest counts.
func (w *swapWorld) settle(p *party) {
	for _, s := range p.b.Swaps() {
		if s.Number != w.number(p) {
			p.try(func() error { return p.b.Cancel(s.Number) })
		}
	}
}

func (w *swapWorld) number(p *party) uint32 {
	all := p.b.Swaps()
	return all[len(all)-1].Number
}

func (w *swapWorld) state(p *party) SwapState {
	all := p.b.Swaps()
	return all[len(all)-1]
}

func (w *swapWorld) simOf(side *swap.Side) *sim {
	if side.Chain == w.l1.p.NetID() {
		return w.l1
	}
	return w.layer
}

// act lets a party do what its book says, its user funding when that is asked of him.
func (w *swapWorld) act(p *party) {
	p.sync()
	s := w.state(p)
	if s.Move == Fund && len(s.Refunds) == 0 {
		side := s.Terms.Pays(s.Role)
		to, err := p.b.Leg(s.Number)
		if err != nil {
			w.t.Fatal(err)
		}
		on := w.simOf(side)
		tx := on.pay(wire.NewTxOut(5, script(77)), wire.NewTxOut(to.Amount, to.Script))
		crashed := false
		p.try(func() error {
			_, err := p.b.Fund(s.Number, tx, p.keys)
			if crashed && err != nil && strings.Contains(err.Error(), "another transaction") {
				return nil
			}
			crashed = true
			if err != nil && strings.Contains(err.Error(), "from its texts") {
				tx = nil // it was lost with all else
				return nil
			}
			return err
		})
		if tx != nil && w.rng.IntN(3) > 0 { // else it is killed before its wallet hears of it: the book sends it
			w.pending[on] = append(w.pending[on], tx)
		}
	}
	p.step()
}

// turn makes a block on each chain, after a reorganisation now and then.
func (w *swapWorld) turn(wild bool) {
	for _, s := range []*sim{w.l1, w.layer} {
		if wild && w.rng.IntN(8) == 0 {
			n := 1 + w.rng.IntN(3)
			s.drop(n)
			for range n {
				s.mine(w.rng.IntN(2) == 0)
			}
			w.layer.follow()
		}
		s.mine(true)
		for _, tx := range w.pending[s] {
			s.send(tx)
		}
	}
	if wild && w.noisy {
		w.rumour()
	}
	for range w.often {
		w.layer.mine(true)
	}
}

// rumour tells both parties of what is never mined: rivals of what is in the pools, and payments to the legs.
func (w *swapWorld) rumour() {
	for _, s := range []*sim{w.l1, w.layer} {
		var txs []*wire.MsgTx
		for _, tx := range s.pool {
			if rival := tx.Copy(); w.rng.IntN(4) == 0 {
				rival.TxOut[len(rival.TxOut)-1].Value--
				txs = append(txs, rival)
			}
		}
		terms := w.state(w.parties[0]).Terms
		if terms == nil || w.rng.IntN(8) > 0 {
			terms = &swap.Terms{}
		}
		for _, side := range []swap.Side{terms.First, terms.Second} {
			if side.Chain == s.p.NetID() {
				leg := terms.Leg(&side)
				txs = append(txs, madeUp(w.rng.IntN(100), wire.NewTxOut(side.Amount, leg.PkScript())))
			}
		}
		for _, tx := range txs {
			for _, p := range w.parties {
				p.try(func() error { return p.b.Unconfirmed(s.p.NetID(), tx) })
			}
		}
	}
}

// got returns what a script holds on both chains.
func (w *swapWorld) got(script []byte) (l1, layer int64) {
	for _, c := range w.l1.coins {
		if string(c.out.PkScript) == string(script) {
			l1 += c.out.Value
		}
	}
	for _, c := range w.layer.coins {
		if string(c.out.PkScript) == string(script) {
			layer += c.out.Value
		}
	}
	return l1, layer
}

// outcome says what became of a party: it has what it wanted, has back what it paid, or never paid.
func (w *swapWorld) outcome(i int) string {
	s := w.state(w.parties[i])
	a, b := w.got(w.scripts[i].Redeem)
	c, d := w.got(w.scripts[i].Refund)
	if a+b > 0 {
		return "redeemed"
	}
	if c+d > 0 {
		return "refunded"
	}
	side := s.Terms.Pays(s.Role)
	leg := s.Terms.Leg(side)
	on := w.simOf(side)
	for _, block := range on.best {
		for _, tx := range block.txs {
			for _, out := range tx.TxOut {
				if string(out.PkScript) == string(leg.PkScript()) {
					return "lost"
				}
			}
		}
	}
	return "never paid"
}
