package settle

import (
	"crypto/sha256"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/swap"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/fee"
)

// outputOf finds the one output that pays a leg.
func outputOf(tx *wire.MsgTx, leg swap.Leg, amount int64) (wire.OutPoint, error) {
	found, script := -1, leg.PkScript()
	for i, out := range tx.TxOut {
		if string(out.PkScript) != string(script) {
			continue
		}
		if out.Value != amount || found >= 0 {
			return wire.OutPoint{}, fmt.Errorf("output %d pays the leg %d, want one output of %d", i, out.Value, amount)
		}
		found = i
	}
	if found < 0 {
		return wire.OutPoint{}, fmt.Errorf("transaction %s: does not pay the leg", tx.TxHash())
	}
	return wire.OutPoint{Hash: tx.TxHash(), Index: uint32(found)}, nil
}

// refunds signs what takes our leg back.
func (b *Book) refunds(s *session, at wire.OutPoint, value int64, keys Keys) (out []Rated, err error) {
	side := s.terms.Pays(s.role())
	c, err := b.chain(side.Chain)
	if err != nil {
		return nil, err
	}
	for _, rate := range rates(c) {
		tx, err := b.spend(s, side, swap.Refund, at, value, rate, nil, keys)
		if err != nil {
			return nil, err
		}
		out = append(out, Rated{rate, serialize(tx)})
	}
	return out, nil
}

// rehearse shows that our key redeems the other leg at the stressed rate, as far as that can be shown without the secret:
// on a leg that is alike but for a hash whose secret everybody knows.
func (b *Book) rehearse(s *session, keys Keys) error {
	known := [32]byte{}
	alike := *s.terms
	alike.Hash = sha256.Sum256(known[:])
	trial := *s
	trial.terms = &alike
	side := alike.Gets(s.role())
	c, err := b.chain(side.Chain)
	if err != nil {
		return err
	}
	_, err = b.spend(&trial, side, swap.Redeem, wire.OutPoint{Hash: spv.Hash{1}}, side.Amount, c.Stress, known[:], keys)
	return err
}

// spend makes, signs and runs the transaction that takes a leg.
func (b *Book) spend(s *session, side *swap.Side, path swap.Path, at wire.OutPoint, value int64, rate fee.Rate, secret []byte, keys Keys) (
	*wire.MsgTx, error) {
	c, err := b.chain(side.Chain)
	if err != nil {
		return nil, err
	}
	leg := s.terms.Leg(side)
	pay, key := s.Scripts.Redeem, uint32(keyOfRedeem)
	tx := wire.NewMsgTx(2)
	if path == swap.Refund {
		pay, key, tx.LockTime = s.Scripts.Refund, keyOfRefund, leg.Expiry
	}
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: at, Sequence: swap.RefundSequence - 1}) // may be replaced (BIP125)
	rest := value - rate.OfVirtual(leg.VSize(path, pay))
	tx.AddTxOut(wire.NewTxOut(rest, pay))
	if least := wallet.Dust(c.Params, pay); rest < least {
		return nil, said.Errorf("swap %d: %s leaves %d of %d, below dust of %d", s.Number, path, rest, value, least)
	}
	prevouts := txscript.NewCannedPrevOutputFetcher(leg.PkScript(), value)
	hash, err := leg.SigHash(tx, 0, path, prevouts)
	if err != nil {
		return nil, err
	}
	sign := keys.SignECDSA
	if leg.Form == swap.P2TR {
		sign = keys.SignSchnorrUntweaked
	}
	sig, err := sign(swapPath(s.Index, key), [32]byte(hash))
	if err != nil {
		return nil, err
	}
	if err := leg.Sign(tx, 0, path, prevouts, sig, secret); err != nil {
		return nil, err
	}
	if err := run(tx, prevouts); err != nil {
		return nil, fmt.Errorf("swap %d: %s: %w", s.Number, path, err)
	}
	return tx, nil
}

// errKeys says that something can be done once the keys are there.
var errKeys = said.Errorf("to be done with the keys: unlock the wallet")

// hurry is how many blocks before t2 the stressed fee rate is paid at once.
const hurry = 2 * swap.RevealMargin

// redeem returns the transaction that takes the other leg. It is written down before it is returned: from then on the
// secret counts as known to everybody.
func (b *Book) redeem(s *session, keys Keys) (*wire.MsgTx, error) {
	side := s.terms.Gets(s.role())
	c, err := b.chain(side.Chain)
	if err != nil {
		return nil, err
	}
	_, output, err := b.held(s, side)
	if err != nil {
		return nil, err
	}
	rate := max(c.Rate, fee.Rate(c.Params.Policy.MinRelay))
	if int64(side.Expiry)-int64(b.clock(c)) <= hurry {
		rate = max(rate, c.Stress)
	}
	same := false
	if s.Redeem != nil {
		old, err := parseTx(s.Redeem.Raw)
		if err != nil {
			return nil, err
		}
		same = old.TxIn[0].PreviousOutPoint == output.outpoint()
		if same && (rate <= s.Redeem.Rate+s.Redeem.Rate/4 || keys == nil) {
			return old, nil
		}
	}
	if keys == nil {
		return nil, errKeys
	}
	secret, err := b.secretOf(s, keys)
	if err != nil {
		return nil, err
	}
	tx, err := b.spend(s, side, swap.Redeem, output.outpoint(), output.value(), rate, secret[:], keys)
	if err != nil && same {
		return parseTx(s.Redeem.Raw) // too small to pay more
	}
	if err != nil {
		return nil, err
	}
	changed := *s
	changed.Redeem = &Rated{rate, serialize(tx)}
	return tx, b.keepSwap(&changed)
}

// refund returns the transaction that takes our leg back: one that was signed beforehand, where it is of the output that
// is there; else one that is signed now.
func (b *Book) refund(s *session, keys Keys) (*wire.MsgTx, error) {
	side := s.terms.Pays(s.role())
	c, err := b.chain(side.Chain)
	if err != nil {
		return nil, err
	}
	h, output, err := b.held(s, side)
	if err != nil {
		return nil, err
	}
	if len(s.Refunds) > 0 {
		tx, err := pick(s.Refunds, c.Rate)
		if err != nil || h.Depth == 0 || tx.TxIn[0].PreviousOutPoint == output.outpoint() {
			return tx, err
		}
	}
	if keys == nil {
		return nil, errKeys
	}
	changed := *s
	if changed.Refunds, err = b.refunds(s, output.outpoint(), output.value(), keys); err != nil {
		return nil, err
	}
	if err := b.keepSwap(&changed); err != nil {
		return nil, err
	}
	return pick(changed.Refunds, c.Rate)
}
