package app

import (
	"fmt"
	"slices"
	"sync"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/fee"
	"github.com/layeredpow/lamina/wallet/settle"
)

// settlement is what one wallet has under way between its chains. Unlike a purse it belongs to no loop: those of all its
// chains tell it of blocks, so mu guards it. Who holds mu waits for no loop.
type settlement struct {
	wallet string
	mu     sync.Mutex
	log    *settleLog
	book   *settle.Book
	on     map[spv.Hash]*settleSide // by network id
	tried  map[wire.OutPoint]bool   // deposits without refunds that the keys of a session were asked for
	shown  string                   // what was told of it last
	failed said.Sentence            // what went wrong with the last step
}

// settleSide is a settlement's side on one chain.
type settleSide struct {
	ledger  *ledger
	told    map[string]bool // scripts that the machine looks for
	asked   bool            // a look back was asked for, and the machine does not know yet
	caught  bool            // the chain was read to its tip since the start
	scripts int             // of the layer's wallet that deposits are looked for of

	refundable bool // refundable ones, too
}

// next returns the lowest block of a chain that is to be looked at; first is where the wallet began there.
func (s *settlement) next(chain spv.Hash, first int32) int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nextLocked(chain, first)
}

func (s *settlement) nextLocked(chain spv.Hash, first int32) int32 {
	tip, err := s.book.Tip(chain)
	if err != nil {
		return first
	}
	from := tip.Height + 1
	if redo := s.log.redo[chain]; redo > 0 {
		from = min(from, redo)
	}
	return max(from, first)
}

// all returns what a new machine is to look for.
func (s *settlement) all(chain spv.Hash) (scripts [][]byte, coins []wire.OutPoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := s.on[chain]
	if side == nil {
		return nil, nil
	}
	side.told, side.asked = map[string]bool{}, false
	return s.freshLocked(chain, side), s.book.Coins(chain)
}

// fresh returns scripts that the machine does not look for yet, and from where on it should.
func (s *settlement) fresh(chain spv.Hash, first int32) ([][]byte, int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := s.on[chain]
	if side == nil || side.told == nil {
		return nil, 0 // there is no machine yet
	}
	scripts, from := s.freshLocked(chain, side), s.nextLocked(chain, first)
	if len(scripts) > 0 {
		side.asked = false
	}
	return scripts, from
}

func (s *settlement) freshLocked(chain spv.Hash, side *settleSide) (out [][]byte) {
	add := func(script []byte) {
		if !side.told[string(script)] {
			side.told[string(script)] = true
			out = append(out, script)
		}
	}
	for _, script := range s.book.Scripts(chain) {
		add(script)
	}
	for script := range s.log.foreign[chain] {
		add([]byte(script))
	}
	return out
}

// interested says whether blocks of a chain may hold something for the book.
func (s *settlement) interested(chain spv.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := s.on[chain]
	return side != nil && (side.ledger.params.Peg != nil || len(side.told) > 0)
}

// burned takes in a transaction of the wallet's own on a layer that burns money and that the book knows nothing of: the wallet
// was restored from its words. Then the L1 is looked through again for payouts.
func (s *settlement) burned(layer spv.Hash, tx *wire.MsgTx) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := s.on[layer]
	if side == nil || side.ledger.params.Peg == nil || s.book.Burned(layer, tx.TxHash()) {
		return false, nil
	}
	apex := side.ledger.apex.NetID()
	if !slices.ContainsFunc(tx.TxOut, func(out *wire.TxOut) bool { return peg.IsBurn(out.PkScript, apex) }) {
		return false, nil
	}
	if err := s.book.Burn(layer, tx); err != nil {
		return false, err
	}
	return true, s.lookBackLocked(apex)
}

// dropUnsent forgets what was to be burned and never sent. All that the wallet sends was taken in before.
func (s *settlement) dropUnsent(chain spv.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on[chain] == nil {
		return nil
	}
	return s.book.DropUnsent(chain)
}

func (s *settlement) apply(chain spv.Hash, block spv.Block, txs []*wire.MsgTx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Apply(chain, block, txs)
}

// scanned takes in how far a machine is, and again what the wallet sends.
func (s *settlement) scanned(chain spv.Hash, to spv.Block, atTip bool, sends []*wire.MsgTx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := s.on[chain]
	if side == nil {
		return nil
	}
	tip, err := s.book.Tip(chain)
	if err != nil {
		return err
	}
	if to.Height < tip.Height {
		return s.log.setRedo(chain, to.Height+1)
	}
	if to != tip {
		if err := s.book.Scanned(chain, to); err != nil {
			return err
		}
	}
	for _, tx := range sends {
		if err := s.book.Sends(chain, tx); err != nil {
			return err
		}
	}
	side.caught = side.caught || atTip
	if side.asked {
		return nil
	}
	return s.log.setRedo(chain, 0)
}

func (s *settlement) rewind(chain spv.Hash, to spv.Block) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on[chain] == nil {
		return nil
	}
	return s.book.Rewind(chain, to)
}

func (s *settlement) tip(chain spv.Hash) (spv.Block, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Tip(chain)
}

func (s *settlement) unconfirmed(chain spv.Hash, tx *wire.MsgTx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on[chain] == nil {
		return nil
	}
	return s.book.Unconfirmed(chain, tx)
}

// sends takes in a transaction that the wallet sends.
func (s *settlement) sends(chain spv.Hash, tx *wire.MsgTx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on[chain] == nil {
		return nil
	}
	return s.book.Sends(chain, tx)
}

// setRates takes in what a chain's fees are.
func (s *settlement) setRates(chain spv.Hash, f *Fees) error {
	rate, stress := settleRates(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on[chain] == nil {
		return nil
	}
	return s.book.SetRates(chain, rate, stress)
}

// stressed is how many times the usual rate a crowded time costs, at least.
const stressed = 10

func settleRates(f *Fees) (rate, stress fee.Rate) {
	const most = fee.MaxRate / 16
	rate = min(max(fee.Rate(f.Normal), 0), most/stressed)
	return rate, min(max(fee.Rate(f.High), stressed*rate), most)
}

// look looks for deposits to the scripts of a layer's wallet. Scripts of a wallet that was just restored may have been
// deposited to long ago: then the L1 is looked through again, from where the wallet began.
func (s *settlement) look(layer spv.Hash, scripts [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookLocked(layer, scripts)
}

func (s *settlement) lookLocked(layer spv.Hash, scripts [][]byte) error {
	side := s.on[layer]
	if side == nil || side.ledger.params.Peg == nil {
		return nil
	}
	fresh, err := s.book.Watch(layer, scripts, s.log.refunds)
	if err != nil || len(fresh) == 0 && len(scripts) == side.scripts {
		return err
	}
	known := s.log.watched[layer]
	// Their keys came after the machine began: what it passed meanwhile is looked through again, together with what it is told now.
	late := s.log.refunds != nil && !side.refundable && side.scripts > 0
	side.refundable = s.log.refunds != nil
	if late || known > 0 && int(known) < len(scripts) && !side.caught {
		if err := s.lookBackLocked(side.ledger.apex.NetID()); err != nil {
			return err
		}
	}
	side.scripts = len(scripts)
	if int(known) == len(scripts) {
		return nil
	}
	return s.log.setWatched(layer, uint32(len(scripts)))
}

// lookBackLocked has a chain looked through again, durably, from where the wallet began.
func (s *settlement) lookBackLocked(chain spv.Hash) error {
	side := s.on[chain]
	if side == nil {
		return fmt.Errorf("wallet %s: chain %s is not among its own", s.wallet, chain)
	}
	if tip, err := s.book.Tip(chain); err != nil || tip.Height < 0 && side.told == nil {
		return err // the machine that is to come looks through all of it
	}
	side.asked = true
	return s.log.setRedo(chain, 1)
}

// learn keeps the public key above those of refundable deposits, once the keys are at hand, and tells whether it is new. That the L1 is
// to be looked through again is on disk before: the program may end before lookLocked says so together with the scripts.
func (s *settlement) learn(keys *keystore.Keyring) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pegged := false
	for _, side := range s.on {
		pegged = pegged || side.ledger.params.Peg != nil
	}
	if s.log.refunds != nil || !pegged {
		return false, nil
	}
	key, err := keys.Public(settle.RefundPath())
	if err != nil {
		return false, err
	}
	for _, side := range s.on {
		if side.ledger.params.Peg != nil {
			if err := s.lookBackLocked(side.ledger.apex.NetID()); err != nil {
				return false, err
			}
		}
	}
	return true, s.log.setRefunds(key)
}
