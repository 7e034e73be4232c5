package chain

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

// deposited builds an L1 block that pays a vault, and the claim of that deposit.
func deposited(s *stack, prev *made, from *wire.MsgTx, value, fee int64) (*made, *wire.MsgTx) {
	s.t.Helper()
	terms := peg.Terms{MaxFee: 5000, Script: anyone}
	vault, err := terms.Vault(s.p2)
	check(s.t, err)
	tx := spend(from.TxOut[0].Value, 1, wire.OutPoint{Hash: from.TxHash()})
	tx.TxOut[0].Value -= value
	tx.AddTxOut(&wire.TxOut{Value: value, PkScript: vault.PkScript})
	s.tag++
	b := block(s.p1, prev, s.tag, tx)
	ids := []spv.Hash{b.txs[0].TxHash(), tx.TxHash()}
	own, err := merkle.NewBranch(ids, 1)
	check(s.t, err)
	first, err := merkle.NewBranch(ids, 0)
	check(s.t, err)
	c, err := peg.Build(s.p2, terms, peg.Evidence{
		Deposit: plain(tx), Vout: 2, Block: b.id,
		Inclusion: merkle.Inclusion{Index: 1, Branch: own, Coinbase: plain(b.txs[0]), CoinbaseBranch: first},
	}, fee)
	check(s.t, err)
	return b, c.Tx()
}

func plain(tx *wire.MsgTx) []byte {
	var raw bytes.Buffer
	if err := tx.SerializeNoWitness(&raw); err != nil {
		panic(err)
	}
	return raw.Bytes()
}

// TestClaimAndBurn: a claim is pending before its L1 block is there, mints once, is undone
// with its block, and what is burned is on record; over kills.
func TestClaimAndBurn(t *testing.T) {
	s := newStack(t, Options{FlushBlocks: 2})
	a := s.grow1(s.g1, 12)
	pays, claim := deposited(s, a[11], a[0].txs[0], 100_000, 1000) // height 13
	over := run(s.p1, pays, 4, 50)                                 // 14 to 17
	op := wire.OutPoint{Hash: claim.TxIn[0].PreviousOutPoint.Hash, Index: 2}

	one := s.make2(s.g2, a[11], 2)
	s.take2(one, Connected)
	two := s.make2(one, over[3], 2, claim) // anchor 15, the deposit 2 below
	s.take2(two, Pending)
	s.take1(pays)
	s.take1(over...)
	s.m2.accept(two)
	supply := func(want consensus.Supply) {
		t.Helper()
		got, err := s.c.Supply()
		if err != nil || got != want {
			t.Fatalf("supply %+v, %v, want %+v", got, err, want)
		}
		if claimed, err := s.c.Claimed(op); err != nil || claimed != (want.Claimed > 0) {
			t.Fatalf("claimed: %v, %v", claimed, err)
		}
	}
	s.at(two)
	supply(consensus.Supply{Claimed: 100_000})
	s.reopen(true)
	supply(consensus.Supply{Claimed: 100_000})

	again := s.make2(two, over[3], 2, claim)
	_, err := s.c.Accept(again.raw, 0)
	var refused *spv.CheckError
	if !errors.As(err, &refused) || refused.Name != consensus.CheckClaimTwice {
		t.Fatalf("claimed again: %v", err)
	}

	burn := peg.Burn{Script: append([]byte{0, 20}, make([]byte, 20)...), MaxFee: 500, Amount: 30_000}
	out, err := burn.Output(s.p2, s.p1.NetID())
	check(t, err)
	spends := spend(99_000, 1, wire.OutPoint{Hash: claim.TxHash()})
	spends.TxOut[0].Value -= out.Value
	spends.TxOut[1] = out
	three := s.make2(two, over[3], 2, spends)
	s.take2(three, Connected)
	s.at(three)
	supply(consensus.Supply{Claimed: 100_000, Burned: 30_000})
	list, err := s.c.Burns(0, 3)
	if err != nil || len(list) != 1 || list[0].Amount != 30_000 || list[0].Height != 3 || list[0].Outpoint != (wire.OutPoint{Hash: spends.TxHash(), Index: 1}) {
		t.Fatalf("burns: %+v, %v", list, err)
	}

	// A longer branch without the claim: it is undone, and may be made anew.
	side := s.make2(one, over[3], 2)
	s.take2(side, Side)
	for range 2 {
		side = s.make2(side, over[3], 2)
		s.m2.accept(side)
		_, err := s.c.Accept(side.raw, 0)
		check(t, err)
	}
	s.at(side)
	supply(consensus.Supply{})
	s.reopen(true)
	supply(consensus.Supply{})
	s.take2(s.make2(side, over[3], 2, claim), Connected)
	supply(consensus.Supply{Claimed: 100_000})
}
