package settle

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet"
)

// burning is a transaction of ours on a layer that burns money to have it on L1.
type burning struct {
	Raw    []byte                   `json:"tx"`
	Proved map[uint32]wire.OutPoint `json:"proved,omitempty"` // by output: the output of a batch that its list pays it by

	tx    *wire.MsgTx
	burns []peg.Unpaid // its burns, without heights
}

// PlanWithdrawal returns the outputs that withdraw an amount, in base units of a layer, to a script on its L1: as few as
// the largest burn allows, and nearly equal, so that none is below the least. MaxFee is the most that each may be charged
// for its payout, in satoshis. The outputs go into one transaction, which Burn writes down once it is signed.
func (b *Book) PlanWithdrawal(layer spv.Hash, script []byte, amount int64, maxFee uint32) ([]wallet.Recipient, error) {
	c, l1, err := b.pegged(layer)
	if err != nil {
		return nil, err
	}
	p, u := c.Params, c.Params.UnitsPerSat()
	if amount%u != 0 {
		return nil, said.Errorf("withdrawal %d: not whole satoshis of %d units", amount, u)
	}
	sat := amount / u
	if sat < p.Peg.MinBurn {
		return nil, said.Errorf("withdrawal %d sat: below the least of %d", sat, p.Peg.MinBurn)
	}
	n := (sat-1)/peg.MaxBurn + 1
	if n > maxBurns {
		return nil, said.Errorf("withdrawal %d sat: takes %d outputs, at most %d go into one transaction", sat, n, maxBurns)
	}
	least := sat / n
	if rest, dust := least-int64(maxFee), peg.Dust(l1.Params, script); rest < dust {
		return nil, said.Errorf("withdrawal %d sat: leaves %d after a fee of %d, below dust of %d", least, rest, maxFee, dust)
	}
	out := make([]wallet.Recipient, n)
	for i := range out {
		burn := peg.Burn{Script: script, MaxFee: maxFee, Amount: least}
		if int64(i) < sat%n {
			burn.Amount++
		}
		o, err := burn.Output(p, l1.Params.NetID())
		if err != nil {
			return nil, err
		}
		out[i] = wallet.Recipient{Script: o.PkScript, Amount: o.Value}
	}
	return out, nil
}

// maxBurns is how many burns one transaction may have: as many as a batch pays.
const maxBurns = peg.MaxPayouts

// Burn writes a withdrawal down before its transaction is committed. To find again what was open when the log was lost,
// pass every transaction that the layer's wallet made and that burns, then read the chains again. What is known stays.
func (b *Book) Burn(layer spv.Hash, tx *wire.MsgTx) error {
	c, l1, err := b.pegged(layer)
	if err != nil {
		return err
	}
	w := &burning{Raw: serialize(tx), tx: tx.Copy()}
	if w.burns, err = burnsOf(c.Params, l1.Params.NetID(), w.tx); err != nil {
		return err
	}
	at := place{layer, tx.TxHash()}
	if b.burns[at] != nil {
		return nil
	}
	if err := b.log.Write([]wallet.Record{record(w, keyBurn, layer[:], at.tx[:])}); err != nil {
		return err
	}
	b.expect(at, w, l1.Params.NetID())
	return nil
}

// DropUnsent forgets, durably, withdrawals whose transactions nobody was ever told of: the program ended after Burn and before
// its wallet kept them. The caller has passed all transactions that its wallet sends to Unconfirmed. One that is in the layer
// after all is found there as one that was lost.
func (b *Book) DropUnsent(layer spv.Hash) error {
	var records []wallet.Record
	var gone []place
	for at := range b.burns {
		if at.chain == layer && b.seen[at] == nil {
			gone = append(gone, at)
			records = append(records, wallet.Record{Key: slices.Concat([]byte{keyBurn}, layer[:], at.tx[:])})
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := b.log.Write(records); err != nil {
		return err
	}
	for _, at := range gone {
		delete(b.burns, at)
	}
	return nil
}

// Burned tells whether a transaction of a layer was written down by Burn.
func (b *Book) Burned(layer, id spv.Hash) bool { return b.burns[place{layer, id}] != nil }

func burnsOf(p *chains.Params, payer spv.Hash, tx *wire.MsgTx) (out []peg.Unpaid, err error) {
	for i, o := range tx.TxOut {
		if !peg.IsBurn(o.PkScript, payer) {
			continue
		}
		burn, err := peg.ParseBurn(p, payer, o)
		if err != nil {
			return nil, fmt.Errorf("output %d: %w", i, err)
		}
		out = append(out, peg.Unpaid{Burn: burn, Outpoint: wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("transaction %s: burns nothing", tx.TxHash())
	}
	return out, nil
}

// expect makes a withdrawal known and looks for its payouts.
func (b *Book) expect(at place, w *burning, l1 spv.Hash) {
	b.burns[at] = w
	for i := range w.burns {
		b.legs[scriptOn{l1, string(w.burns[i].Script)}] = true
	}
}

func (b *Book) readBurn(key, value []byte) error {
	if len(key) != 64 {
		return errKey
	}
	at := place{spv.Hash(key[:32]), spv.Hash(key[32:])}
	w := new(burning)
	if err := decode(value, w); err != nil {
		return err
	}
	var err error
	if w.tx, err = parseTx(w.Raw); err != nil {
		return err
	}
	if w.tx.TxHash() != at.tx {
		return fmt.Errorf("holds transaction %s", w.tx.TxHash())
	}
	c, ok := b.chains[at.chain]
	if !ok {
		return nil
	}
	if c.Params.Peg == nil {
		return fmt.Errorf("%s has no peg", c.Params.Name)
	}
	if w.burns, err = burnsOf(c.Params, c.Clock.NetID(), w.tx); err != nil {
		return err
	}
	b.expect(at, w, c.Clock.NetID())
	return nil
}

// BurnPhase is how far a withdrawal is. The set is closed.
type BurnPhase string

// The phases of a withdrawal.
const (
	BurnSent BurnPhase = "sent"     // in no block of the layer
	Burned   BurnPhase = "burned"   // in the layer, without seals over it
	Sealed   BurnPhase = "sealed"   // seals over it, not enough or not deep enough
	Released BurnPhase = "released" // for the next batch to pay
	Batched  BurnPhase = "batched"  // its batch is in no L1 block yet
	Paid     BurnPhase = "paid"     // in L1
)

// BurnState is where one burn stands.
type BurnState struct {
	peg.Unpaid
	Phase     BurnPhase
	Depth     int32         // confirmations on the layer
	Seals     int32         // over it, if the layer's were given
	Expected  int64         // seconds until it is paid, about; 0: paid, or nobody knows
	Overdue   int32         // epochs that ended since it was released, without a batch that pays it
	Batch     spv.Hash      // L1 transaction, if there is one
	Payout    wire.OutPoint // its output that pays
	Value     int64         // satoshis that it pays
	Confirmed int32         // confirmations of the batch
	Proved    bool          // the batch's payout list pays this burn; else only script and amount fit, see Prove
}

// Withdrawals returns where the burns of a layer stand, oldest first. Run is the layer's best chain as peg.Cut has it, or
// nil if it is not known; share is the part of L1's work that seals the layer, above 0 to 1, or 0 if it was not measured.
func (b *Book) Withdrawals(layer spv.Hash, run []peg.Sealing, share float64) (out []BurnState, err error) {
	c, l1, err := b.pegged(layer)
	if err != nil {
		return nil, err
	}
	if share < 0 || share > 1 || math.IsNaN(share) {
		return nil, fmt.Errorf("share %v: want 0 to 1", share)
	}
	for at, w := range b.burns {
		if at.chain != layer {
			continue
		}
		for _, u := range w.burns {
			s := BurnState{Unpaid: u, Phase: BurnSent}
			s.Height = -1
			if seen := b.seen[at]; seen != nil && seen.Block != nil {
				s.Height, s.Depth, s.Phase = seen.Block.Height, c.depth(seen.Block), Burned
			}
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(x, y BurnState) int {
		return cmp.Or(cmp.Compare(uint32(x.Height), uint32(y.Height)), bytes.Compare(x.Outpoint.Hash[:], y.Outpoint.Hash[:]),
			cmp.Compare(x.Outpoint.Index, y.Outpoint.Index))
	})
	b.assign(c.Params, l1, out)
	for i := range out {
		if s := &out[i]; s.Phase == Burned {
			s.release(c.Params, run, l1.tip.Height)
		}
		out[i].expect(c.Params, l1.Params, run, l1.tip.Height, share)
	}
	return out, nil
}

// assign finds the payouts: those that are proved, then each output of a batch for one burn that it fits. What is in a block
// comes first: a batch may have been seen in variants, of which one got there. What is in none counts while it may get there.
func (b *Book) assign(p *chains.Params, l1 *followed, burns []BurnState) {
	taken := map[wire.OutPoint]bool{}
	for _, want := range []struct{ mined, proved bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		for i := range burns {
			s := &burns[i]
			if s.Phase != Burned || s.Batch != (spv.Hash{}) {
				continue
			}
			for _, r := range b.paid[scriptOn{l1.Params.NetID(), string(s.Script)}] {
				fits := r.value() <= s.Amount && r.value() >= s.Amount-int64(s.MaxFee) && isBatch(r.tx)
				if !fits || taken[r.outpoint()] || l1.depth(r.Block) > 0 != want.mined || b.provedBy(p.NetID(), s, r) != want.proved {
					continue
				}
				if !want.mined && (b.displaced(l1.Params.NetID(), r) || !inTime(p, r.tx, l1.tip.Height)) {
					continue
				}
				taken[r.outpoint()] = true
				s.Batch, s.Payout, s.Value, s.Proved, s.Phase = r.id, r.outpoint(), r.value(), want.proved, Batched
				if s.Confirmed = l1.depth(r.Block); s.Confirmed > 0 {
					s.Phase = Paid
				}
				break
			}
		}
	}
}

// inTime says whether settlers may still be signing a batch: its lock time is where it is judged, and after its last attempt they
// turn to the next one. It spends nothing that this Book looks for, so that nobody says here when another takes its place.
func inTime(p *chains.Params, batch *wire.MsgTx, tip int32) bool {
	last := int64(batch.LockTime) + int64(p.Peg.SignDelay) + (peg.MaxAttempt+1)*peg.AttemptBlocks
	return int64(batch.LockTime) <= int64(tip) && int64(tip) < last
}

// isBatch says whether a transaction carries a batch's marker.
func isBatch(tx *wire.MsgTx) bool {
	for _, out := range tx.TxOut {
		if _, err := peg.ParseMarker(out.PkScript); err == nil {
			return true
		}
	}
	return false
}

// provedBy says whether an output is proved to pay a burn: by a list that was checked before, or because it is all that
// its batch pays.
func (b *Book) provedBy(layer spv.Hash, s *BurnState, r ref) bool {
	w := b.burns[place{layer, s.Outpoint.Hash}]
	if by, ok := w.Proved[s.Outpoint.Index]; ok && by == r.outpoint() {
		return true
	}
	list := []peg.Payout{{Burn: s.Outpoint, Value: r.value(), Script: s.Script}}
	return r.index == len(r.tx.TxOut)-1 && peg.VerifyPayout(r.tx, list, &s.Unpaid) == nil
}

// Prove checks that a batch that was seen on L1 pays a burn of ours, from the batch's payout list, and remembers it.
func (b *Book) Prove(layer spv.Hash, burn wire.OutPoint, batch spv.Hash, list []peg.Payout) error {
	_, l1, err := b.pegged(layer)
	if err != nil {
		return err
	}
	w := b.burns[place{layer, burn.Hash}]
	seen := b.seen[place{l1.Params.NetID(), batch}]
	if w == nil || seen == nil {
		return fmt.Errorf("payout of burn %s by %s: burn or batch not known", burn, batch)
	}
	for i := range w.burns {
		if w.burns[i].Outpoint != burn {
			continue
		}
		if err := peg.VerifyPayout(seen.tx, list, &w.burns[i]); err != nil {
			return err
		}
		first := len(seen.tx.TxOut) - len(list)
		at := slices.IndexFunc(list, func(p peg.Payout) bool { return p.Burn == burn })
		changed := *w
		if changed.Proved = maps.Clone(w.Proved); changed.Proved == nil {
			changed.Proved = map[uint32]wire.OutPoint{}
		}
		changed.Proved[burn.Index] = wire.OutPoint{Hash: batch, Index: uint32(first + at)}
		if err := b.log.Write([]wallet.Record{record(&changed, keyBurn, layer[:], burn.Hash[:])}); err != nil {
			return err
		}
		b.burns[place{layer, burn.Hash}] = &changed
		return nil
	}
	return errors.New("output " + burn.String() + ": no burn")
}

// release sees how far a burn's release is.
func (s *BurnState) release(p *chains.Params, run []peg.Sealing, tip int32) {
	for _, r := range run {
		if r.Block.Height >= s.Height && r.Seal >= 0 && r.Seal <= tip {
			s.Seals++
			s.Phase = Sealed
		}
	}
	if cut, ok := peg.Cut(p, run, tip); ok && cut.Height >= s.Height {
		s.Phase = Released
	}
	if s.Phase != Released {
		return
	}
	// An epoch's batch pays what is released at its first block. It has until the next epoch to be seen.
	for at := tip - tip%p.Peg.Epoch - p.Peg.Epoch; at > 0 && s.Overdue < MostOverdue; at -= p.Peg.Epoch {
		if cut, ok := peg.Cut(p, run, at); !ok || cut.Height < s.Height {
			return
		}
		s.Overdue++
	}
}

// MostOverdue is how many epochs without a batch are counted.
const MostOverdue = 100

// expect reckons how long it takes yet (section 9): first seal, release depth, mean wait for an epoch, confirmation.
func (s *BurnState) expect(p, l1 *chains.Params, run []peg.Sealing, tip int32, share float64) {
	if share == 0 {
		share = 1
	}
	blocks := 0.0
	switch s.Phase {
	case Paid:
		return
	case Batched:
		blocks = 1
	case Released:
		if s.Overdue > 0 { // who did not sign until now may never do so
			return
		}
		next := (int64(tip)/int64(p.Peg.Epoch) + 1) * int64(p.Peg.Epoch)
		blocks = float64(next-int64(tip)) + float64(p.Peg.SignDelay) + 1
	default:
		first, lowest := 1/share, tip
		if s.Seals > 0 {
			first = 0
		}
		for _, r := range run {
			if s.Height >= 0 && r.Block.Height >= s.Height && r.Seal >= 0 {
				lowest = min(lowest, r.Seal)
			}
		}
		seals := float64(p.Peg.ReleaseSeals-s.Seals) / share
		blocks = first + max(float64(p.Peg.ReleaseBlocks-(tip-lowest)), seals, 0) + float64(p.Peg.Epoch)/2 + float64(p.Peg.SignDelay) + 1
	}
	s.Expected = int64(math.Ceil(blocks * float64(l1.Spacing())))
}
