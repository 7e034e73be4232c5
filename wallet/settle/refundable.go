package settle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/fee"
)

// Keys signs. *keystore.Keyring is one.
type Keys interface {
	Public(path keystore.Path) (*keystore.Public, error)
	SignECDSA(path keystore.Path, hash [32]byte) ([]byte, error)
	SignSchnorrUntweaked(path keystore.Path, hash [32]byte) ([]byte, error)
	Secret(purpose string, index uint32) ([32]byte, error)
}

// ownPurpose is the first step of the paths of this package's keys, "LPOW": no account uses it, and below it secrets have
// all indices but the two highest.
const ownPurpose = keystore.Hardened + 0x4c504f57

// RefundPath is the path above the keys of refundable deposits. Its public key, kept while the seed is locked, lets Watch
// find them.
func RefundPath() keystore.Path { return keystore.Path{ownPurpose, keystore.Hardened + 1<<31 - 2} }

// refundIndex is the place of a deposit's key below RefundPath: it follows from the terms, so that nothing must be counted.
func refundIndex(p *chains.Params, t *peg.Terms) uint32 {
	mark := t.Hash(p)
	return binary.LittleEndian.Uint32(mark[:]) &^ keystore.Hardened
}

func refundable(p *chains.Params, t *peg.Terms, keys *keystore.Public) (peg.Refundable, error) {
	key, err := keys.Child(refundIndex(p, t))
	if err != nil {
		return peg.Refundable{}, err
	}
	return peg.NewRefundable(&p.Settlers[t.Set], p.Peg.Refund, t.Hash(p), [32]byte(schnorr.SerializePubKey(key.Key())))
}

// Back is how a refundable deposit is taken back.
type Back struct {
	User    [32]byte `json:"user"`              // x-only key
	Script  []byte   `json:"script"`            // on L1, that a refund pays
	Refunds []Rated  `json:"refunds,omitempty"` // signed, from the lowest fee rate up
	Asks    [][]byte `json:"asks,omitempty"`    // signed peg.SweepAsk, from the lowest fee up
}

// Rated is a signed transaction of this package's own, with the rate that it pays.
type Rated struct {
	Rate fee.Rate `json:"rate"`
	Raw  []byte   `json:"tx"` // as it travels
}

// script returns what the deposit pays to on L1.
func (d *Deposit) script(p *chains.Params) ([]byte, error) {
	if d.Back == nil {
		vault, err := d.Terms.Vault(p)
		return vault.PkScript, err
	}
	form, err := d.form(p)
	return form.PkScript, err
}

func (d *Deposit) form(p *chains.Params) (peg.Refundable, error) {
	if int(d.Terms.Set) >= len(p.Settlers) {
		return peg.Refundable{}, fmt.Errorf("settlers %d: %s has %d sets", d.Terms.Set, p.Name, len(p.Settlers))
	}
	return peg.NewRefundable(&p.Settlers[d.Terms.Set], p.Peg.Refund, d.Terms.Hash(p), d.Back.User)
}

// NewRefundable plans a deposit that can be taken back, to back on L1, once the settlers have let its refund age pass. The
// output is to be put into a transaction that is signed, passed to FundRefundable, and only then committed.
func (b *Book) NewRefundable(layer spv.Hash, script []byte, maxFee uint64, amount int64, back []byte, keys Keys) (
	Deposit, wallet.Recipient, error) {
	fail := func(err error) (Deposit, wallet.Recipient, error) { return Deposit{}, wallet.Recipient{}, err }
	d, err := b.plan(layer, script, maxFee, amount)
	if err != nil {
		return fail(err)
	}
	if len(back) == 0 {
		return fail(said.Errorf("refundable deposit: no script to be refunded to"))
	}
	c, l1, err := b.pegged(layer)
	if err != nil {
		return fail(err)
	}
	if err := sweepable(c, l1, &d); err != nil {
		return fail(err)
	}
	above, err := keys.Public(RefundPath())
	if err != nil {
		return fail(err)
	}
	form, err := refundable(c.Params, &d.Terms, above)
	if err != nil {
		return fail(err)
	}
	if _, ok := b.deposits[scriptOn{l1.Params.NetID(), string(form.PkScript)}]; ok {
		return fail(said.Errorf("refundable deposit: this script and limit have one already: take a fresh script"))
	}
	key, err := above.Child(refundIndex(c.Params, &d.Terms))
	if err != nil {
		return fail(err)
	}
	d.Back = &Back{User: [32]byte(schnorr.SerializePubKey(key.Key())), Script: slices.Clone(back)}
	if err := b.keep(d, l1, form.PkScript); err != nil {
		return fail(err)
	}
	return d, wallet.Recipient{Script: form.PkScript, Amount: amount}, b.lookForSwept(c, d.Terms)
}

// FundRefundable takes the signed transaction that pays a refundable deposit and returns the refunds of it, signed and run,
// from the lowest fee rate up: to be kept elsewhere too. What the settlers are asked with (Asks) is signed with them. They are
// on disk when it returns; before that the transaction must not be committed.
func (b *Book) FundRefundable(layer spv.Hash, tx *wire.MsgTx, keys Keys) ([]Rated, error) {
	c, l1, err := b.pegged(layer)
	if err != nil {
		return nil, err
	}
	for i, out := range tx.TxOut {
		d := b.deposits[scriptOn{l1.Params.NetID(), string(out.PkScript)}]
		if d == nil || d.Back == nil || d.Layer != layer {
			continue
		}
		if out.Value != d.Amount {
			return nil, fmt.Errorf("refundable deposit: output %d pays %d sat, want %d", i, out.Value, d.Amount)
		}
		for _, in := range tx.TxIn {
			if len(in.Witness) == 0 || len(in.SignatureScript) > 0 && in.SignatureScript[0] != byte(len(in.SignatureScript)-1) {
				return nil, said.Errorf("refundable deposit: transaction %s may change its id: use segregated witness coins", tx.TxHash())
			}
		}
		changed := *d
		back := *d.Back
		changed.Back = &back
		if back.Refunds, err = b.signBack(c, l1, d, wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}, out.Value, keys); err != nil {
			return nil, err
		}
		if back.Asks, err = signAsks(c, l1, d, wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}, out.Value, keys); err != nil {
			return nil, err
		}
		return back.Refunds, b.keep(changed, l1, out.PkScript)
	}
	return nil, fmt.Errorf("transaction %s: pays no refundable deposit that was planned", tx.TxHash())
}

// signBack makes the refunds of a deposit at the rate of now, and at the stressed one.
func (b *Book) signBack(c, l1 *followed, d *Deposit, from wire.OutPoint, value int64, keys Keys) (out []Rated, err error) {
	form, err := d.form(c.Params)
	if err != nil {
		return nil, err
	}
	path := RefundPath().Child(refundIndex(c.Params, &d.Terms))
	for _, rate := range rates(l1) {
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: from, Sequence: uint32(c.Params.Peg.Refund),
			Witness: form.Refund.Witness(make([]byte, 64))})
		tx.AddTxOut(wire.NewTxOut(0, d.Back.Script))
		if err := payRest(l1.Params, tx, value, rate); err != nil {
			return nil, fmt.Errorf("refund of deposit %s: %w", from, err)
		}
		prevouts := txscript.NewCannedPrevOutputFetcher(form.PkScript, value)
		hash, err := form.Refund.SigHash(tx, 0, prevouts)
		if err != nil {
			return nil, err
		}
		sig, err := keys.SignSchnorrUntweaked(path, hash)
		if err != nil {
			return nil, err
		}
		tx.TxIn[0].Witness = form.Refund.Witness(sig)
		if err := run(tx, prevouts); err != nil {
			return nil, fmt.Errorf("refund of deposit %s: %w", from, err)
		}
		out = append(out, Rated{rate, serialize(tx)})
	}
	return out, nil
}

// rates are those that emergencies are signed for beforehand: that of now, four times each before it, the stressed one.
func rates(c *followed) (out []fee.Rate) {
	least := max(c.Rate, fee.Rate(c.Params.Policy.MinRelay), 1)
	for r := least; r < c.Stress; r *= 4 {
		out = append(out, r)
	}
	return append(out, max(least, c.Stress))
}

// payRest gives a transaction's only output the value of its only input, less the fee.
func payRest(p *chains.Params, tx *wire.MsgTx, value int64, rate fee.Rate) error {
	out := tx.TxOut[0]
	pay := rate.Of(weight(tx))
	if out.Value = value - pay; out.Value < peg.Dust(p, out.PkScript) {
		return said.Errorf("%d units leave %d after a fee of %d: below dust of %d", value, out.Value, pay, peg.Dust(p, out.PkScript))
	}
	return nil
}

// run executes a transaction's only input as nodes do.
func run(tx *wire.MsgTx, prevouts txscript.PrevOutputFetcher) error {
	from := prevouts.FetchPrevOutput(tx.TxIn[0].PreviousOutPoint)
	engine, err := txscript.NewEngine(from.PkScript, tx, 0, txscript.StandardVerifyFlags, nil, txscript.NewTxSigHashes(tx, prevouts),
		from.Value, prevouts)
	if err != nil {
		return err
	}
	return engine.Execute()
}

// pick returns the cheapest transaction that pays a rate, else the dearest there is.
func pick(of []Rated, rate fee.Rate) (*wire.MsgTx, error) {
	if len(of) == 0 {
		return nil, errors.New("no transaction was signed")
	}
	for _, r := range of {
		if r.Rate >= rate {
			return parseTx(r.Raw)
		}
	}
	return parseTx(of[len(of)-1].Raw)
}

// Refunds returns the signed refunds of refundable deposits, by the script on the L1 that they pay: of all such scripts that
// are looked for. Where there are none the script must not be paid.
func (b *Book) Refunds(l1 spv.Hash) map[string][]Rated {
	out := map[string][]Rated{}
	for on, w := range b.vaults {
		if on.chain != l1 || !w.refundable {
			continue
		}
		out[on.script] = nil
		if d := b.deposits[on]; d != nil && d.Back != nil {
			out[on.script] = d.Back.Refunds
		}
	}
	return out
}

// Refunds returns the signed refunds of this payment, from the lowest fee rate up. Its script may have been paid more than once.
func (s *DepositState) Refunds() (out []Rated) {
	if s.Back == nil {
		return nil
	}
	for _, r := range s.Back.Refunds {
		if tx, err := parseTx(r.Raw); err == nil && tx.TxIn[0].PreviousOutPoint == s.Outpoint {
			out = append(out, r)
		}
	}
	return out
}

// waiting says where a refundable deposit stands.
func (b *Book) waiting(c, l1 *followed, s *DepositState) {
	s.Needed = c.Params.Peg.Refund
	s.Expected = int64(max(s.Needed-s.Confirmations, 0)) * int64(l1.Params.Spacing())
	spend, taken := b.spending(coinOn{l1.Params.NetID(), s.Outpoint})
	switch {
	case s.Block == nil:
		s.Phase = Sent
	case taken:
		s.Phase, s.Expected = Refunded, 0
		for _, out := range spend.tx.TxOut {
			if w, ok := b.vaults[scriptOn{l1.Params.NetID(), string(out.PkScript)}]; ok && !w.refundable {
				s.Phase = Swept
			}
		}
	case s.Confirmations >= s.Needed:
		s.Phase = RefundDue
	default:
		s.Phase = Waiting
	}
	if len(s.Refunds()) == 0 && (s.Phase == Waiting || s.Phase == RefundDue) {
		s.Said = said.Of("found from the seed: its refund, and what its settlers are asked with, are to be signed with the keys")
		s.Why = s.Said.String()
	}
}

// stepRefundables takes back what the settlers left. One that was found from the seed alone has no refund signed: that
// takes keys, and pays the script that TakeBack names.
func (b *Book) stepRefundables(Keys) (out []Broadcast, err error) {
	var errs []error
	err = b.eachDeposit(func(c *followed, s *DepositState) {
		if s.Phase != RefundDue || s.Back == nil || len(s.Back.Refunds) == 0 {
			return
		}
		l1, refunds := b.chains[c.Clock.NetID()], s.Refunds()
		tx, err := pick(refunds, l1.Rate)
		if len(refunds) == 0 {
			err = said.Errorf("its refunds are of another payment: take it back with the keys")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("deposit %s: %w", s.Outpoint, err))
			return
		}
		out = append(out, Broadcast{l1.Params.NetID(), tx, "refund of deposit " + s.Outpoint.String()})
	})
	return out, errors.Join(append(errs, err)...)
}

// TakeBack signs, durably, the refunds of a refundable deposit that has none, to a script on L1: it was found from the seed, or
// its script was paid once more. It signs what the settlers are asked with, too, if enough is left of it for them to sweep.
func (b *Book) TakeBack(s DepositState, back []byte, keys Keys) error {
	c, l1, err := b.pegged(s.Layer)
	if err != nil {
		return err
	}
	key, err := keys.Public(RefundPath().Child(refundIndex(c.Params, &s.Terms)))
	if err != nil {
		return err
	}
	d := s.Deposit
	d.Back = &Back{User: [32]byte(schnorr.SerializePubKey(key.Key())), Script: slices.Clone(back)}
	if form, err := d.form(c.Params); err != nil || string(form.PkScript) != string(s.Script) {
		return errors.Join(err, fmt.Errorf("deposit %s: not refundable with these keys", s.Outpoint))
	}
	if d.Back.Refunds, err = b.signBack(c, l1, &d, s.Outpoint, s.Value, keys); err != nil {
		return err
	}
	if d.Back.Asks, err = signAsks(c, l1, &d, s.Outpoint, s.Value, keys); err != nil && !errors.Is(err, errSweepFee) {
		return err
	}
	if s.Back != nil { // another payment's
		d.Back.Refunds, d.Back.Asks = append(d.Back.Refunds, s.Back.Refunds...), append(d.Back.Asks, s.Back.Asks...)
	}
	if err := b.lookForSwept(c, d.Terms); err != nil {
		return err
	}
	return b.keep(d, l1, s.Script)
}
