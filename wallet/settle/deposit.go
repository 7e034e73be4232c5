package settle

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/fee"
)

// Deposit is money that goes from an L1 to a layer (section 4.2), under terms that the wallet can find again from its seed:
// see MaxFees.
type Deposit struct {
	Layer  spv.Hash  `json:"layer"`
	Terms  peg.Terms `json:"terms"`
	Amount int64     `json:"amount"` // L1 satoshis that were planned; 0: it was found, or is somebody else's
	Height int32     `json:"height"` // of L1 when it was planned

	Back *Back `json:"back,omitempty"` // of a refundable deposit
}

// watched is what a script on L1 stands for.
type watched struct {
	layer      spv.Hash
	terms      peg.Terms
	refundable bool
	derived    bool // Watch looks for it, with or without a record
}

// claimSize is about what a claim takes, in virtual bytes: small L1 transaction, small coinbase, branches of 12 hashes.
const claimSize = 500

// MaxFees returns the fee limits that deposits to a layer may have, in its base units, lowest first: what a claim costs at
// 1, 4, 16 and 64 times the layer's usual rate. They are a closed set so that the seed alone finds a deposit again.
func MaxFees(layer *chains.Params) [4]uint64 {
	least := uint64(fee.Rate(layer.Policy.WalletFee).OfVirtual(claimSize))
	return [4]uint64{least, 4 * least, 16 * least, 64 * least}
}

// TermSlack is how many L1 blocks a settler set must stay in office for a deposit to be made to it: one that confirms later
// could never be claimed.
const TermSlack = 144

// Watch looks for deposits to scripts of a layer's wallet, under every fee limit and set of settlers: so those that were
// open when the log was lost are found when L1 is read again. Refunds is the key of RefundPath; with it, refundable
// deposits are found too. It returns the scripts on L1 that join Scripts. Nothing is written: the wallet derives its
// scripts at every start, and so does this.
func (b *Book) Watch(layer spv.Hash, scripts [][]byte, refunds *keystore.Public) (fresh [][]byte, err error) {
	c, l1, err := b.pegged(layer)
	if err != nil {
		return nil, err
	}
	for _, script := range scripts {
		for set := range c.Params.Settlers {
			for _, limit := range MaxFees(c.Params) {
				t := peg.Terms{Set: uint16(set), MaxFee: limit, Script: bytes.Clone(script)}
				more, err := b.watch(c, l1, t, refunds)
				if err != nil {
					return nil, err
				}
				fresh = append(fresh, more...)
			}
		}
	}
	return fresh, nil
}

// watch looks for one deposit.
func (b *Book) watch(c, l1 *followed, t peg.Terms, refunds *keystore.Public) (fresh [][]byte, err error) {
	vault, err := t.Vault(c.Params)
	if err != nil {
		return nil, err
	}
	scripts := [][]byte{vault.PkScript}
	if refunds != nil {
		form, err := refundable(c.Params, &t, refunds)
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, form.PkScript)
	}
	for i, s := range scripts {
		if b.lookFor(scriptOn{l1.Params.NetID(), string(s)}, watched{c.Params.NetID(), t, i == 1, true}) {
			fresh = append(fresh, s)
		}
	}
	return fresh, nil
}

// lookFor looks for a script on L1, and tells whether it did not before.
func (b *Book) lookFor(on scriptOn, w watched) (fresh bool) {
	old, ok := b.vaults[on]
	w.derived = w.derived || old.derived
	b.vaults[on] = w
	return !ok
}

// NewDeposit plans a deposit of an amount in L1 satoshis to a layer, that pays a script of its wallet; maxFee is one of
// MaxFees. It is on disk when the output that makes it is returned, for a draft of the L1's wallet. The same plan made
// again changes nothing.
func (b *Book) NewDeposit(layer spv.Hash, script []byte, maxFee uint64, amount int64) (Deposit, wallet.Recipient, error) {
	d, err := b.plan(layer, script, maxFee, amount)
	if err != nil {
		return Deposit{}, wallet.Recipient{}, err
	}
	c, l1, err := b.pegged(layer)
	if err != nil {
		return Deposit{}, wallet.Recipient{}, err
	}
	vault, err := d.Terms.Vault(c.Params)
	if err != nil {
		return Deposit{}, wallet.Recipient{}, err
	}
	if err := b.keep(d, l1, vault.PkScript); err != nil {
		return Deposit{}, wallet.Recipient{}, err
	}
	return d, wallet.Recipient{Script: vault.PkScript, Amount: amount, MaxWeight: 4 * peg.MaxDeposit}, nil
}

// plan judges a deposit before any money moves.
func (b *Book) plan(layer spv.Hash, script []byte, maxFee uint64, amount int64) (Deposit, error) {
	c, l1, err := b.pegged(layer)
	if err != nil {
		return Deposit{}, err
	}
	p := c.Params
	set, ok := p.SettlersAt(l1.tip.Height + 1)
	if !ok || int64(p.Settlers[set].To)-int64(l1.tip.Height) < TermSlack {
		return Deposit{}, said.Errorf("deposit to %s: no settlers are in office from block %d of %s for %d more", p.Name,
			l1.tip.Height+1, l1.Params.Name, TermSlack)
	}
	t := peg.Terms{Set: uint16(set), MaxFee: maxFee, Script: bytes.Clone(script)}
	if err := t.Check(p); err != nil {
		return Deposit{}, err
	}
	if fees := MaxFees(p); !slices.Contains(fees[:], maxFee) {
		return Deposit{}, said.Errorf("deposit to %s: fee limit %d, want one of %s: others cannot be found from the seed", p.Name,
			maxFee, fmt.Sprint(fees))
	}
	if amount < p.Peg.MinDeposit {
		return Deposit{}, said.Errorf("deposit %d sat: below the least of %d", amount, p.Peg.MinDeposit)
	}
	if most := min(p.Peg.Cap, p.Unit.MaxMoney/p.UnitsPerSat()); amount > most {
		return Deposit{}, said.Errorf("deposit %d sat: above the most of %d", amount, most)
	}
	if rest, dust := amount*p.UnitsPerSat()-int64(maxFee), peg.Dust(p, script); rest < dust {
		return Deposit{}, said.Errorf("deposit %d sat: leaves %d units after a fee of %d, below dust of %d", amount, rest, maxFee, dust)
	}
	return Deposit{Layer: layer, Terms: t, Amount: amount, Height: l1.tip.Height}, nil
}

// keep writes a deposit down and looks for it.
func (b *Book) keep(d Deposit, l1 *followed, script []byte) error {
	if err := b.log.Write([]wallet.Record{record(d, keyDeposit, d.Layer[:], script)}); err != nil {
		return err
	}
	on := scriptOn{l1.Params.NetID(), string(script)}
	b.deposits[on] = &d
	b.lookFor(on, watched{layer: d.Layer, terms: d.Terms, refundable: d.Back != nil})
	return nil
}

// stepForget takes the records of deposits off the disk that were planned and never paid. What Watch does not find again is
// kept: so no money is ever out of sight, whenever it is sent.
func (b *Book) stepForget(Keys) ([]Broadcast, error) {
	var records []wallet.Record
	var gone []scriptOn
	for on, d := range b.deposits {
		l1, ok := b.chains[on.chain]
		if !ok || d.Amount == 0 || len(b.paid[on]) > 0 || !b.vaults[on].derived || !d.overdue(l1) {
			continue
		}
		r := record(d, keyDeposit, d.Layer[:], []byte(on.script))
		r.Value = nil
		records, gone = append(records, r), append(gone, on)
	}
	if len(gone) == 0 {
		return nil, nil
	}
	if err := b.log.Write(records); err != nil {
		return nil, err
	}
	for _, on := range gone {
		delete(b.deposits, on)
	}
	return nil, nil
}

// overdue tells that a deposit should have been seen long ago.
func (d *Deposit) overdue(l1 *followed) bool { return l1.tip.Height-d.Height > TermSlack }

func (b *Book) readDeposit(key, value []byte) error {
	if len(key) <= 32 {
		return errKey
	}
	d := new(Deposit)
	if err := decode(value, d); err != nil {
		return err
	}
	if d.Layer != spv.Hash(key[:32]) || d.Amount < 0 {
		return fmt.Errorf("layer %s, amount %d", d.Layer, d.Amount)
	}
	c, ok := b.chains[d.Layer]
	if !ok {
		return nil
	}
	if err := d.Terms.Check(c.Params); err != nil {
		return err
	}
	script, err := d.script(c.Params)
	if err != nil {
		return err
	}
	if !bytes.Equal(script, key[32:]) {
		return fmt.Errorf("pays script %x", script)
	}
	on := scriptOn{c.Clock.NetID(), string(script)}
	b.deposits[on] = d
	b.lookFor(on, watched{layer: d.Layer, terms: d.Terms, refundable: d.Back != nil})
	if d.Back == nil {
		return nil
	}
	for _, raw := range d.Back.Asks {
		if _, err := peg.ParseSweepAsk(raw); err != nil {
			return err
		}
	}
	return b.lookForSwept(c, d.Terms)
}

// lookForSwept looks for the vault that settlers move a refundable deposit to.
func (b *Book) lookForSwept(c *followed, t peg.Terms) error {
	vault, err := t.Vault(c.Params)
	if err == nil {
		b.lookFor(scriptOn{c.Clock.NetID(), string(vault.PkScript)}, watched{layer: c.Params.NetID(), terms: t})
	}
	return err
}

// DepositPhase is how far a deposit is.
type DepositPhase string

// The phases of a deposit. The set is closed.
const (
	Planned     DepositPhase = "planned"     // not seen on L1
	Sent        DepositPhase = "sent"        // seen, in no block
	Buried      DepositPhase = "buried"      // in L1, not deep enough yet
	Claimable   DepositPhase = "claimable"   // deep enough
	Claiming    DepositPhase = "claiming"    // its claim is in no block yet
	Claimed     DepositPhase = "claimed"     // the money is on the layer
	Unclaimable DepositPhase = "unclaimable" // no claim of it can be valid, or be made here: Why
	Waiting     DepositPhase = "waiting"     // refundable: for the settlers, or for its refund
	RefundDue   DepositPhase = "refund due"  // refundable: the settlers did not take it
	Swept       DepositPhase = "swept"       // refundable: taken, into a deposit of its own
	Refunded    DepositPhase = "refunded"    // refundable: taken back
)

// DepositState is where a deposit stands. A script that was paid more than once has a state for each payment.
type DepositState struct {
	Deposit
	Script        []byte        // on L1
	Outpoint      wire.OutPoint // on L1, unless Planned
	Value         int64         // L1 satoshis, unless Planned
	Phase         DepositPhase
	Block         *spv.Block // of L1
	Confirmations int32      // L1 blocks
	Needed        int32      // until it is claimable, or its refund due
	Expected      int64      // seconds until then, about; 0: now, or nobody knows
	Claim         *spv.Hash  // on the layer, if one is known
	Depth         int32      // confirmations of the claim
	Why           string
	Said          said.Sentence // Why, for a face that speaks another language
}

// Deposits returns where the deposits to a layer stand, those that were found included, in a fixed order. One that was
// planned and is not seen TermSlack blocks later is left out, and Step takes its record away; should it be paid after all,
// it is there again.
func (b *Book) Deposits(layer spv.Hash) (out []DepositState, err error) {
	c, l1, err := b.pegged(layer)
	if err != nil {
		return nil, err
	}
	for on, w := range b.vaults {
		if w.layer != layer || on.chain != l1.Params.NetID() {
			continue
		}
		d := Deposit{Layer: layer, Terms: w.terms}
		if known, ok := b.deposits[on]; ok {
			d = *known
		}
		n := len(out)
		for _, r := range b.paid[on] {
			if !b.displaced(on.chain, r) {
				out = append(out, b.stateOf(c, l1, d, r, w.refundable))
			}
		}
		if n == len(out) && d.Amount > 0 && !d.overdue(l1) {
			out = append(out, DepositState{Deposit: d, Script: []byte(on.script), Phase: Planned})
		}
	}
	slices.SortFunc(out, func(x, y DepositState) int {
		return cmpOr(bytes.Compare(x.Script, y.Script), bytes.Compare(x.Outpoint.Hash[:], y.Outpoint.Hash[:]),
			int(x.Outpoint.Index)-int(y.Outpoint.Index))
	})
	return out, nil
}

func cmpOr(of ...int) int {
	for _, n := range of {
		if n != 0 {
			return n
		}
	}
	return 0
}

func (b *Book) stateOf(c, l1 *followed, d Deposit, r ref, refundable bool) DepositState {
	s := DepositState{Deposit: d, Script: r.tx.TxOut[r.index].PkScript, Outpoint: r.outpoint(), Value: r.value(),
		Block: r.Block, Confirmations: l1.depth(r.Block), Phase: Sent}
	if refundable {
		b.waiting(c, l1, &s)
		return s
	}
	s.Needed = claimDepth(c.Params)
	spacing := int64(l1.Params.Spacing())
	s.Expected = int64(max(s.Needed-s.Confirmations, 0)) * spacing
	for _, claim := range b.spent[coinOn{d.Layer, s.Outpoint}] {
		id := claim.id
		s.Claim, s.Phase = &id, Claiming
		if claim.Block != nil {
			s.Phase, s.Depth, s.Expected = Claimed, c.depth(claim.Block), 0
			return s
		}
	}
	made := b.claims[coinOn{d.Layer, s.Outpoint}]
	switch {
	case s.Confirmations == 0:
		s.Phase, s.Claim = Sent, nil
	case s.Confirmations < s.Needed:
		s.Phase = Buried
	case made != nil:
		id := made.TxHash()
		s.Phase, s.Claim, s.Expected = Claiming, &id, int64(c.Params.Spacing())
	case s.Phase != Claiming:
		s.Phase = Claimable
	}
	if why := b.unclaimable(c, &s, r); why.Form != "" {
		s.Phase, s.Why, s.Said, s.Claim, s.Expected = Unclaimable, why.String(), why, nil, 0
	}
	return s
}

// claimDepth is the confirmations at which a claim may be in the layer's next block: C blocks below its anchor, which is A+1
// below the tip (section 9, latency).
func claimDepth(p *chains.Params) int32 { return 1 + p.Layer.AnchorDepth + 1 + p.Layer.ClaimDepth }

// unclaimable says why no claim can ever be made; nothing if one can, as far as is known.
func (b *Book) unclaimable(c *followed, s *DepositState, r ref) (none said.Sentence) {
	p := c.Params
	if s.Value < p.Peg.MinDeposit {
		return said.Of("deposit %d sat: below the least of %d", s.Value, p.Peg.MinDeposit)
	}
	if s.Block == nil {
		return none
	}
	if set := p.Settlers[s.Terms.Set]; s.Block.Height < set.From || s.Block.Height > set.To {
		return said.Of("deposit in L1 block %s: its settlers were in office from %d to %d", *s.Block, set.From, set.To)
	}
	if r.Proof == nil {
		return said.Of("deposit: a block reward cannot be claimed, or its block was not read whole")
	}
	if _, err := b.build(c, s, r, 0); err != nil {
		return said.FromError(err)
	}
	return none
}

// build makes the claim of a deposit that is in a block.
func (b *Book) build(c *followed, s *DepositState, r ref, fee int64) (*peg.Claim, error) {
	return peg.Build(c.Params, s.Terms, peg.Evidence{Deposit: stripped(r.tx), Vout: s.Outpoint.Index, Block: s.Block.Hash,
		Inclusion: *r.Proof}, fee)
}

// stepDeposits makes the claims that can be made.
func (b *Book) stepDeposits(Keys) (out []Broadcast, err error) {
	var errs []error
	err = b.eachDeposit(func(c *followed, s *DepositState) {
		if s.Phase != Claimable && s.Phase != Claiming {
			return
		}
		switch tx, err := b.claim(c, s); {
		case errors.Is(err, spv.ErrPending): // headers come
		case err != nil:
			errs = append(errs, fmt.Errorf("deposit %s: %w", s.Outpoint, err))
		default:
			out = append(out, Broadcast{c.Params.NetID(), tx, "claim of deposit " + s.Outpoint.String()})
		}
	})
	return out, errors.Join(append(errs, err)...)
}

// eachDeposit visits the deposits to every layer with a peg, in an order that is always the same.
func (b *Book) eachDeposit(visit func(c *followed, s *DepositState)) error {
	for _, id := range slices.SortedFunc(maps.Keys(b.chains), compareHashes) {
		c := b.chains[id]
		if c.Params.Peg == nil {
			continue
		}
		states, err := b.Deposits(id)
		if err != nil {
			return err
		}
		for i := range states {
			visit(c, &states[i])
		}
	}
	return nil
}

func compareHashes(a, b spv.Hash) int { return bytes.Compare(a[:], b[:]) }
