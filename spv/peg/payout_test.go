package peg_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
)

// TestVerifyPayout tampers with a batch as a thief would; the list or the inputs tell.
func TestVerifyPayout(t *testing.T) {
	p, l1 := mainlike(t)
	s := newState(5, 6)
	for _, c := range []struct {
		name  string
		want  string
		spoil func(tx *wire.MsgTx, list *[]peg.Payout, u *peg.Unpaid)
	}{
		{"extra payout", peg.CheckPayoutOutput, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) { tx.AddTxOut(wire.NewTxOut(1, payTo(1))) }},
		{"two extra payouts", peg.CheckPayoutOutput, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) {
			tx.AddTxOut(wire.NewTxOut(1, payTo(1)))
			tx.AddTxOut(wire.NewTxOut(1, payTo(1)))
		}},
		{"two payouts before the list", peg.CheckPayoutOutput, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) {
			tx.TxOut = slices.Insert(tx.TxOut, 2, wire.NewTxOut(1, payTo(1)), wire.NewTxOut(1, payTo(1)))
		}},
		{"a burn twice in the list", peg.CheckPayoutBurn, func(tx *wire.MsgTx, l *[]peg.Payout, _ *peg.Unpaid) {
			*l = append(*l, (*l)[1])
			tx.AddTxOut(tx.TxOut[len(tx.TxOut)-len(*l)+2])
			tx.TxOut[1].PkScript = (&peg.Marker{List: peg.PayoutHash(*l)}).Script()
		}},
		{"missing payout", peg.CheckPayoutOutput, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) { tx.TxOut = tx.TxOut[:len(tx.TxOut)-1] }},
		{"wrong order", peg.CheckPayoutOutput, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) {
			tx.TxOut[4], tx.TxOut[5] = tx.TxOut[5], tx.TxOut[4]
		}},
		{"wrong order in both", peg.CheckPayoutList, func(tx *wire.MsgTx, l *[]peg.Payout, _ *peg.Unpaid) {
			tx.TxOut[4], tx.TxOut[5] = tx.TxOut[5], tx.TxOut[4]
			(*l)[1], (*l)[2] = (*l)[2], (*l)[1]
		}},
		{"paid less", peg.CheckPayoutOutput, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) { tx.TxOut[4].Value-- }},
		{"paid to another", peg.CheckPayoutOutput, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) { tx.TxOut[4].PkScript = payTo(66) }},
		{"another list", peg.CheckPayoutList, func(_ *wire.MsgTx, l *[]peg.Payout, _ *peg.Unpaid) { (*l)[0].Value++ }},
		{"no list", peg.CheckPayoutList, func(_ *wire.MsgTx, l *[]peg.Payout, _ *peg.Unpaid) { *l = nil }},
		{"no marker", peg.CheckPayoutMarker, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) { tx.TxOut[1].PkScript[2]++ }},
		{"no outputs", peg.CheckPayoutMarker, func(tx *wire.MsgTx, _ *[]peg.Payout, _ *peg.Unpaid) { tx.TxOut = nil }},
		{"another burn", peg.CheckPayoutBurn, func(_ *wire.MsgTx, _ *[]peg.Payout, u *peg.Unpaid) { u.Outpoint.Index += 9 }},
		{"burn for another script", peg.CheckPayoutBurn, func(_ *wire.MsgTx, _ *[]peg.Payout, u *peg.Unpaid) { u.Script = payTo(66) }},
		{"charged too much", peg.CheckPayoutAmount, func(_ *wire.MsgTx, _ *[]peg.Payout, u *peg.Unpaid) { u.MaxFee = 3 }},
		{"paid more than burned", peg.CheckPayoutAmount, func(_ *wire.MsgTx, _ *[]peg.Payout, u *peg.Unpaid) { u.Amount = 100_000 }},
	} {
		b, _ := derive(t, p, l1, s)
		u, list := s.Burns[1], slices.Clone(b.Payouts)
		if err := peg.VerifyPayout(b.Tx, list, &u); err != nil {
			t.Fatal(err)
		}
		c.spoil(b.Tx, &list, &u)
		err := peg.VerifyPayout(b.Tx, list, &u)
		var bad *spv.CheckError
		if !errors.As(err, &bad) || bad.Name != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}
