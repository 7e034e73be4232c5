package app

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet/settle"
)

// settleEvery is how often it is looked what is to be done, besides whenever a chain moves.
const settleEvery = 30 * time.Second

// settleLoop does what deposits, withdrawals and swaps want done, until the program closes.
func (l *Local) settleLoop() {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		case <-l.deals.poked:
		}
		l.settleAll()
	}
}

func (l *Local) settleAll() {
	want := map[*ledger]map[spv.Hash]*wire.MsgTx{}
	for _, c := range l.ledgers {
		want[c] = map[spv.Hash]*wire.MsgTx{}
	}
	for _, s := range l.deals.all() {
		l.settleTakeUp(s)
		sends, changed := l.settleStep(s, nil)
		for _, b := range sends {
			want[b.ledger][b.tx.TxHash()] = b.tx
		}
		if changed {
			l.feed.send(Event{Kind: EventSettle, Time: l.options.Clock(), Purse: Purse{Wallet: s.wallet}})
		}
	}
	for c, txs := range want {
		c.post(func() { c.settleSend(txs) })
	}
	l.settleAsk()
}

// settleAsk asks the settlers of layers to sweep refundable deposits.
func (l *Local) settleAsk() {
	for _, s := range l.deals.all() {
		s.mu.Lock()
		asks, err := s.book.Asks()
		for _, ask := range asks {
			if side := s.on[ask.NetID]; side != nil {
				side.ledger.post(func() {
					side.ledger.queue = append(side.ledger.queue, syncer.Tell{Message: &msg.SweepAsk{SweepAsk: *ask}})
				})
			}
		}
		s.mu.Unlock()
		if err != nil {
			l.options.Log.Warn("settlers are not asked", "wallet", s.wallet, "error", err)
		}
	}
}

// settleTakeUp has the keys of a session, if there is one, sign what a refundable deposit lacks that was found from the words:
// its refunds, and what its settlers are asked with. Each is tried once in a life: a session must be able to end.
func (l *Local) settleTakeUp(s *settlement) {
	for _, d := range s.bare() {
		if _, _, err := l.keys(s.wallet, nil); err != nil {
			return // locked: TakeBack does it with a password
		}
		s.mu.Lock()
		s.tried[d.Outpoint] = true
		layer := s.on[d.Layer].ledger.params.Name
		s.mu.Unlock()
		if _, err := l.TakeBack(l.ctx, s.wallet, layer, d.Outpoint.String(), nil); err != nil {
			l.options.Log.Warn("a refundable deposit is not taken up", "wallet", s.wallet, "deposit", d.Outpoint, "error", err)
		}
	}
}

// bare returns refundable deposits of ours that have no refund, and that nobody tried to sign one for.
func (s *settlement) bare() (out []settle.DepositState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range sortedIDs(s.on) {
		if s.on[id].ledger.params.Peg == nil {
			continue
		}
		states, _ := s.book.Deposits(id) // of a pegged layer it cannot fail
		for _, d := range states {
			if len(d.Refunds()) == 0 && (d.Phase == settle.Waiting || d.Phase == settle.RefundDue) && !s.tried[d.Outpoint] {
				out = append(out, d)
			}
		}
	}
	return out
}

// settleOutgoing is a transaction for a chain's network.
type settleOutgoing struct {
	ledger *ledger
	tx     *wire.MsgTx
}

// settleStep has a settlement do what is to be done. Without keys it takes those of the session, and only if a swap wants
// them: the session counts that as use. It tells whether anything stands elsewhere than before.
func (l *Local) settleStep(s *settlement, keys *keystore.Keyring) (out []settleOutgoing, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if keys == nil && s.wantsKeysLocked() {
		keys, _, _ = l.keys(s.wallet, nil)
	}
	var with settle.Keys
	if keys != nil {
		with = keys
	}
	sends, err := s.book.Step(with)
	was := s.failed.String()
	if s.failed = (said.Sentence{}); err != nil {
		s.failed = said.FromError(err)
	}
	if now := s.failed.String(); now != "" && now != was {
		l.options.Log.Warn("settlement", "wallet", s.wallet, "trouble", now)
	}
	for _, b := range sends {
		side := s.on[b.Chain]
		if side == nil || s.fundsLocked(b.Tx, b.Chain) {
			continue
		}
		out = append(out, settleOutgoing{side.ledger, b.Tx})
	}
	now := s.standLocked(sends)
	changed, s.shown = now != s.shown, now
	return out, changed
}

// wantsKeysLocked says whether a swap is to be redeemed or refunded.
func (s *settlement) wantsKeysLocked() bool {
	return slices.ContainsFunc(s.book.Swaps(), func(w settle.SwapState) bool { return w.Move == settle.Redeem || w.Move == settle.Refund })
}

// fundsLocked says whether a transaction funds a swap of ours. Those are the purse's to send, once SendFunding has kept them.
func (s *settlement) fundsLocked(tx *wire.MsgTx, chain spv.Hash) bool {
	for _, w := range s.book.Swaps() {
		if w.Move != settle.Fund || w.Terms.Pays(w.Role).Chain != chain {
			continue
		}
		if leg, err := s.book.Leg(w.Number); err == nil && pays(tx, leg.Script) {
			return true
		}
	}
	return false
}

// standLocked puts into a text where everything stands, to see whether it has changed.
func (s *settlement) standLocked(sends []settle.Broadcast) string {
	var b bytes.Buffer
	for _, id := range sortedIDs(s.on) {
		if s.on[id].ledger.params.Peg == nil {
			continue
		}
		deposits, _ := s.book.Deposits(id)
		for i := range deposits {
			d := &deposits[i]
			fmt.Fprint(&b, d.Outpoint, d.Phase, min(d.Confirmations, d.Needed), d.Claim, ";")
		}
		burns, _ := s.book.Withdrawals(id, nil, 0)
		for i := range burns {
			fmt.Fprint(&b, burns[i].Outpoint, burns[i].Phase, burns[i].Batch, ";")
		}
	}
	for _, w := range s.book.Swaps() {
		fmt.Fprint(&b, w.Number, w.Phase, w.Move, w.Why, w.Trouble, len(w.Refunds), ";")
	}
	for i := range sends {
		fmt.Fprint(&b, sends[i].Tx.TxHash())
	}
	return b.String() + s.failed.String()
}

// learnKeys keeps what the settlement of a wallet wants to know while it is locked.
func (l *Local) learnKeys(name string, keys *keystore.Keyring) {
	s := l.deals.of(name)
	if s == nil {
		return
	}
	fresh, err := s.learn(keys)
	if err != nil {
		l.options.Log.Warn("refundable deposits are not looked for", "wallet", name, "error", err)
		return
	}
	if !fresh {
		return
	}
	for _, c := range l.ledgers {
		if c.params.Peg == nil {
			continue
		}
		c.post(func() {
			if p, err := c.purse(name); err == nil {
				if err := c.settleGrown(p); err != nil {
					c.cfg.Log.Warn("refundable deposits are not looked for", "wallet", name, "error", err)
				}
			}
		})
	}
}
