package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet/address"
)

const otherWords = "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"

// TestDepositAndWithdraw deposits to a layer: the claim comes by itself, and the money can be withdrawn.
func TestDepositAndWithdraw(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 1)
	pegs, err := s.Pegs(ctx)
	s.must(err)
	if len(pegs) != 1 || !pegs[0].Open || pegs[0].Custody.Release != 2 || pegs[0].ClaimBlocks != 5 {
		t.Fatalf("pegs: %+v", pegs)
	}
	d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: 1_000_000})
	s.must(err)
	if d.Paid != 1_000_000 || d.Arrives != 1_000_000-pegs[0].MaxFees[1] || d.Custody == nil {
		t.Fatalf("draft: %+v", d)
	}
	if p := s.deposit("dev-native", "planned"); p.Amount != 1_000_000 || p.Address != d.Address {
		t.Fatalf("planned: %+v", p)
	}
	s.send(d)
	if p := s.deposit("dev-native", "sent"); !p.Ours || p.Outpoint == "" {
		t.Fatalf("sent: %+v", p)
	}
	w.mine("dev", 1, nil)
	if p := s.deposit("dev-native", "buried"); p.Depth != 1 || p.Needed != 5 || !strings.HasPrefix(p.Ticket, "lpclaim1") {
		t.Fatalf("buried: %+v", p)
	}
	w.mine("dev", 4, nil)
	claimed := s.deposit("dev-native", "claiming")
	w.pooled("dev-native", *claimed.Claim)
	w.mine("dev-native", 1, nil)
	s.deposit("dev-native", "claimed")
	w.wait("the money on the layer", func() bool { return s.balance("dev-native").Confirmed >= d.Arrives })

	wd, err := s.DraftWithdrawal(ctx, WithdrawalRequest{Wallet: s.name, Layer: "dev-native", Amount: 500_000, MaxFee: 2000})
	s.must(err)
	if wd.Arrives != 498_000 || wd.Address == "" {
		t.Fatalf("withdrawal: %+v", wd)
	}
	id := s.send(wd)
	state := func(phase string) Withdrawal { return s.withdrawal("dev-native", phase) }
	state("sent")
	w.mine("dev-native", 1, nil)
	var burned Withdrawal
	w.wait("its seals", func() bool {
		burned = state("burned")
		return burned.Depth == 1 && burned.Seals != nil
	})
	if b := burned; !strings.HasPrefix(b.Burn, id.String()) || b.Amount != 500_000 || b.Expected <= 0 {
		t.Fatalf("burned: %+v", b)
	}
	w.payOut(burned, 499_000)
	state("batched")
	w.mine("dev", 1, nil)
	if p := state("paid"); *p.Paid != 499_000 || !p.Proved || p.Expected != 0 || p.Final != 1 {
		t.Fatalf("paid: %+v", p)
	}
	if _, err := s.Audit(ctx, "dev-native"); CodeOf(err) != CodeMissing || !strings.Contains(err.Error(), "a node of the layer") {
		t.Fatalf("audit: %v", err)
	}
}

// TestSettleReplaced raises the fee of a deposit and of a withdrawal, and cancels both: what was replaced is shown no more.
func TestSettleReplaced(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 1)
	draft := func(chain string, amount int64) SettleDraft {
		t.Helper()
		d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: amount})
		if chain != "dev" {
			d, err = s.DraftWithdrawal(ctx, WithdrawalRequest{Wallet: s.name, Layer: "dev-native", Amount: amount, MaxFee: 2000})
		}
		s.must(err)
		return d
	}
	shown := func(chain string) (ids []string) {
		t.Helper()
		deposits, err := s.Deposits(ctx, s.name, "dev-native")
		s.must(err)
		withdrawals, err := s.Withdrawals(ctx, s.name, "dev-native")
		s.must(err)
		for _, d := range deposits {
			if chain == "dev" && d.Phase == "sent" {
				ids = append(ids, d.Outpoint[:64])
			}
		}
		for _, w := range withdrawals {
			if chain != "dev" && w.Phase == "sent" {
				ids = append(ids, w.Burn[:64])
			}
		}
		return ids
	}
	for _, chain := range []string{"dev", "dev-native"} {
		id := s.send(draft(chain, 1_000_000))
		if got := shown(chain); len(got) != 1 || got[0] != id.String() {
			t.Fatalf("%s: sent %s, shown %q", chain, id, got)
		}
		raised, err := s.Bump(ctx, s.on(chain), id, 20_000)
		s.must(err)
		next := s.send(SettleDraft{Draft: raised})
		if got := shown(chain); len(got) != 1 || got[0] != next.String() {
			t.Errorf("%s: raised as %s, shown %q", chain, next, got)
		}
		canceled, err := s.Cancel(ctx, s.on(chain), next, 40_000)
		s.must(err)
		s.send(SettleDraft{Draft: canceled})
		if got := shown(chain); len(got) != 0 {
			t.Errorf("%s: canceled, shown %q", chain, got)
		}
		w.mine(chain, 1, nil)
		s.current()
		if got := shown(chain); len(got) != 0 {
			t.Errorf("%s: canceled in a block, shown %q", chain, got)
		}
		if chain == "dev" { // money for the withdrawal
			s.send(draft(chain, 5_000_000))
			w.mine("dev", 5, nil)
			s.deposit("dev-native", "claiming")
			w.wait("the claim", func() bool { return len(w.loop("dev-native").Pool().All()) > 0 })
			w.mine("dev-native", 1, nil)
			w.wait("the money on the layer", func() bool { return s.balance("dev-native").Confirmed > 4_000_000 })
		}
	}
	// One withdrawal that nobody ever pays does not hide where the others stand.
	layer, err := s.ledger("dev-native")
	s.must(err)
	run, err := call(ctx, layer, func() ([]peg.Sealing, error) { return layer.sealings(1, 2), nil })
	s.must(err)
	if tip := w.loop("dev-native").View().Tip(); len(run) != 2 || run[1].Block != tip || run[0].Block.Height != tip.Height-1 {
		t.Errorf("%+v, want the two blocks up to %s", run, tip)
	}
	// Two of one coin: the wallet does not take in the second, and nothing is waited for of it.
	one, two := draft("dev-native", 1_000_000), draft("dev-native", 1_100_000)
	id := s.send(one)
	if _, err := s.Send(ctx, SendRequest{Draft: two.ID, Password: Secret(password), Consent: consentOf(two)}); err == nil {
		t.Fatal("one coin was spent twice")
	}
	if got := shown("dev-native"); len(got) != 1 || got[0] != id.String() {
		t.Errorf("sent %s, shown %q", id, got)
	}
}

// TestSettleSend: what is not wanted any more is broadcast no more, whatever was undone in between; what a lost block had taken
// is broadcast again; and a claim with another proof takes the place of the one before.
func TestSettleSend(t *testing.T) {
	l := &ledger{deals: newSettlements(), settleOut: map[spv.Hash]spv.Hash{}}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{Witness: wire.TxWitness{{1}}})
	id := tx.TxHash()
	step := func(what string, want ...syncer.Input) {
		t.Helper()
		if fmt.Sprint(l.queue) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, l.queue, want)
		}
		l.queue = nil
	}
	wanted := map[spv.Hash]*wire.MsgTx{id: tx}
	cast := syncer.Broadcast{Txs: []*wire.MsgTx{tx}}
	l.settleSend(wanted)
	step("wanted", cast)
	l.settleSend(wanted)
	step("wanted still")
	if err := l.settleFound(syncer.Found{Txs: []*wire.MsgTx{tx}}); err != nil {
		t.Fatal(err)
	}
	l.settleSend(nil)
	step("mined")
	if err := l.settleRewind(spv.Block{}); err != nil {
		t.Fatal(err)
	}
	l.settleSend(wanted)
	step("its block is lost", cast)
	other := tx.Copy()
	other.TxIn[0].Witness = wire.TxWitness{{2}}
	l.settleSend(map[spv.Hash]*wire.MsgTx{id: other})
	step("another proof", syncer.Broadcast{Txs: []*wire.MsgTx{other}})
	if err := l.settleRewind(spv.Block{}); err != nil {
		t.Fatal(err)
	}
	l.settleSend(nil)
	step("not wanted after a reorganisation", syncer.Forget{TxID: id})
}

// TestDepositReorganised takes a deposit's L1 block away, while the program runs and while it does not: no claim is sent of
// what is not there, and the deposit is claimed once it is in the chain again.
func TestDepositReorganised(t *testing.T) {
	t.Parallel()
	w := newDevStack(t, "dev-native")
	s := w.wallet("ann", testWords)
	ctx := context.Background()
	s.fund("dev", 1)
	fork := w.loop("dev").View().Tip().Height
	d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: 1_000_000})
	s.must(err)
	id := s.send(d)
	w.mine("dev", 3, nil)
	s.deposit("dev-native", "buried")
	w.reorganise(fork, 7)
	s.deposit("dev-native", "sent")
	w.pooled("dev", id)
	w.mine("dev", 3, nil)
	if p := s.deposit("dev-native", "buried"); p.Block.Height != fork+8 {
		t.Fatalf("in the chain again: %+v", p)
	}
	s.must(s.Local.Close())
	w.reorganise(fork+7, 9)
	s.open()
	s.deposit("dev-native", "sent")
	if n := len(w.loop("dev-native").Pool().All()); n != 0 {
		t.Fatalf("%d claims of a deposit that is not there", n)
	}
	w.pooled("dev", id)
	w.mine("dev", 5, nil)
	claimed := s.deposit("dev-native", "claiming")
	w.pooled("dev-native", *claimed.Claim)
	w.mine("dev-native", 1, nil)
	s.deposit("dev-native", "claimed")
}

// payOut sends what looks like a batch that pays a withdrawal alone. It spends no vault: who signed a batch is no business of
// the wallet's, which asks whether it was paid.
func (w *devStack) payOut(of Withdrawal, value int64) {
	w.t.Helper()
	fail := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	sum := sha256.Sum256([]byte{txscript.OP_TRUE})
	anybody := append([]byte{0, 32}, sum[:]...)
	l1 := w.loop("dev")
	w.mine("dev", 1, anybody)
	raw, err := l1.View().Block(l1.View().Tip().Hash)
	fail(err)
	block, _, err := l1.Params().ParseBlock(raw)
	fail(err)
	w.mine("dev", 10, nil)
	script, err := address.Decode(l1.Params(), of.Address)
	fail(err)
	burn, err := wire.NewOutPointFromString(of.Burn)
	fail(err)
	marker := peg.Marker{Number: 1, List: peg.PayoutHash([]peg.Payout{{Burn: *burn, Value: value, Script: script}})}
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: block.Txs[0].ID()}, Sequence: wire.MaxTxInSequenceNum - 2,
		Witness: wire.TxWitness{{txscript.OP_TRUE}}})
	tx.AddTxOut(wire.NewTxOut(10_000, anybody))
	tx.AddTxOut(wire.NewTxOut(0, marker.Script()))
	tx.AddTxOut(wire.NewTxOut(value, script))
	result, err := l1.Tx(context.Background(), tx)
	if fail(err); result.Status.String() != "accepted" {
		w.t.Fatalf("batch: %s", result.Status)
	}
}
