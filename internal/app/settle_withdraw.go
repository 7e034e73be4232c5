package app

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/settle"
)

// DraftWithdrawal plans a withdrawal.
func (l *Local) DraftWithdrawal(ctx context.Context, r WithdrawalRequest) (SettleDraft, error) {
	s, layer, l1, err := l.pegged(r.Wallet, r.Layer)
	if err != nil {
		return SettleDraft{}, err
	}
	if r.MaxFee == 0 {
		r.MaxFee = payoutFee(l1)
	}
	if r.MaxFee < 0 || r.MaxFee > math.MaxUint32 {
		return SettleDraft{}, Saying(CodeInvalid, "payout fee limit %d: want 1 to %d", r.MaxFee, int64(math.MaxUint32))
	}
	var script []byte
	if r.Address == "" {
		script, err = l.ownScript(ctx, Purse{r.Wallet, l1.params.Name}, false)
	} else {
		script, err = l.script(l1.params, r.Address)
	}
	if err != nil {
		return SettleDraft{}, err
	}
	if !peg.Standard(script) {
		return SettleDraft{}, Saying(CodeInvalid, "address %s: settlers do not pay to its kind", r.Address)
	}
	payouts := 0
	kept := &planned{in: Purse{r.Wallet, r.Layer}, payment: digest("withdrawal", Purse{r.Wallet, r.Layer}, r), label: r.Label}
	d, err := l.settleDraft(ctx, kept, r.Rate, r.Coins, func(*ledger, *purse) ([]wallet.Recipient, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		to, err := s.book.PlanWithdrawal(layer.params.NetID(), script, r.Amount, uint32(r.MaxFee))
		payouts = len(to)
		return to, err
	})
	if err != nil {
		return SettleDraft{}, err
	}
	out := SettleDraft{Draft: d, For: "withdrawal", Layer: r.Layer, Amount: r.Amount, MaxFee: r.MaxFee,
		Arrives: r.Amount/layer.params.UnitsPerSat() - int64(payouts)*r.MaxFee}
	out.Address, err = address.Encode(l1.params, script)
	return out, err
}

// mostSealings bounds the layer blocks that are looked at for seals over a withdrawal: of one that is older, and that nobody pays,
// fewer seals are counted than there are.
const mostSealings = 20_000

// Withdrawals returns where withdrawals stand.
func (l *Local) Withdrawals(ctx context.Context, name, chain string) ([]Withdrawal, error) {
	s, layer, l1, err := l.pegged(name, chain)
	if err != nil {
		return nil, err
	}
	id := layer.params.NetID()
	s.mu.Lock()
	states, err := s.book.Withdrawals(id, nil, 0)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	from := int32(math.MaxInt32)
	for i := range states {
		if states[i].Phase != settle.Paid && states[i].Height >= 0 {
			from = min(from, states[i].Height)
		}
	}
	type measured struct {
		run   []peg.Sealing
		share float64
	}
	m, err := call(ctx, layer, func() (measured, error) {
		run := layer.sealings(from, mostSealings)
		if run == nil {
			return measured{}, nil
		}
		return measured{run, layer.sealShare()}, nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	states, err = s.book.Withdrawals(id, m.run, m.share)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	states, err = inForce(ctx, l, Purse{name, chain}, states, func(b *settle.BurnState) (spv.Hash, bool) {
		return b.Outpoint.Hash, b.Phase == settle.BurnSent
	})
	if err != nil {
		return nil, err
	}
	out := []Withdrawal{}
	for i := range states {
		out = append(out, withdrawalOf(name, layer, l1, &states[i], m.run != nil))
	}
	return out, nil
}

// sealings says which blocks of the layer are seals, from a height to the tip, of so many at most; nil if that is not known.
func (l *ledger) sealings(from, most int32) (run []peg.Sealing) {
	tip := l.tree.Tip().Height
	if l.lender == nil || from > tip {
		return nil
	}
	from = max(from, tip-most+1)
	seen, ok := l.sightings(from, tip)
	if !ok || len(seen) != int(tip-from)+1 {
		return nil
	}
	for i := range seen {
		seal := int32(-1)
		if at, ok := l.lender.Lookup(seen[i].Parent.Hash); ok && l.lender.OnBest(at) {
			seal = at.Height
		}
		run = append(run, peg.Sealing{Block: seen[i].Block, Seal: seal})
	}
	return run
}

// sealShare returns the share of L1 blocks that seal the layer, 0 if it was not measured.
func (l *ledger) sealShare() float64 {
	m := l.measure()
	if m.unknown.Form != "" || len(m.windows) == 0 {
		return 0
	}
	return min(max(m.windows[0].Share, 0), 1)
}

func withdrawalOf(name string, layer, l1 *ledger, s *settle.BurnState, sealed bool) Withdrawal {
	w := Withdrawal{Wallet: name, Layer: layer.params.Name, L1: l1.params.Name, Burn: s.Outpoint.String(), Phase: string(s.Phase),
		Amount: s.Amount, MaxFee: int64(s.MaxFee), Depth: s.Depth, Expected: s.Expected, Overdue: s.Overdue, Final: s.Confirmed, Proved: s.Proved}
	w.Address, _ = address.Encode(l1.params, s.Script)
	if s.Height >= 0 {
		w.Height = &s.Height
		if sealed {
			w.Seals = &s.Seals
		}
	}
	if s.Batch != (spv.Hash{}) {
		w.Batch, w.Payout, w.Paid = &s.Batch, s.Payout.String(), &s.Value
	}
	return w
}

// mostPayouts bounds a payout list: a batch pays no more.
const mostPayouts = peg.MaxPayouts

// ProvePayout checks that a batch pays a withdrawal.
func (l *Local) ProvePayout(ctx context.Context, r PayoutProof) error {
	s, layer, _, err := l.pegged(r.Wallet, r.Layer)
	if err != nil {
		return err
	}
	if len(r.List) < 1 || len(r.List) > mostPayouts {
		return Coded(CodeInvalid, "payout list: %d payouts, want 1 to %d", len(r.List), mostPayouts)
	}
	burn, err := wire.NewOutPointFromString(r.Burn)
	if err != nil {
		return Coded(CodeInvalid, "burn %.80q: want txid:index", r.Burn)
	}
	list := make([]peg.Payout, len(r.List))
	for i, p := range r.List {
		op, err := wire.NewOutPointFromString(p.Burn)
		if err != nil {
			return Coded(CodeInvalid, "payout %d: burn %.80q: want txid:index", i, p.Burn)
		}
		script, err := hex.DecodeString(p.Script)
		if err != nil {
			return Coded(CodeInvalid, "payout %d: script: %w", i, err)
		}
		list[i] = peg.Payout{Burn: *op, Value: p.Value, Script: script}
	}
	_, err = with(l, s, func(book *settle.Book) (struct{}, error) {
		return struct{}{}, book.Prove(layer.params.NetID(), *burn, r.Batch, list)
	})
	if err != nil {
		return fmt.Errorf("payout of %s: %w", r.Burn, err)
	}
	return ctx.Err()
}

// Audit refuses: a light wallet sees its own claims and burns alone, and does not guess the others'.
func (l *Local) Audit(_ context.Context, chain string) (Supply, error) {
	if _, _, err := l.peg(chain); err != nil {
		return Supply{}, err
	}
	return Supply{}, Coded(CodeMissing, "supply of %s: a light wallet sees only its own claims and burns; a node of the layer "+
		"adds up all", chain)
}
