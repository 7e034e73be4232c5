package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

const (
	soakPayoutFee = 6_0000          // that a withdrawal is charged at most, base units of the L1
	soakPatience  = 6 * time.Second // for what faults may be in the way of
)

func (w *soakWorld) anyLayer() string { return w.pegged[w.rng.IntN(len(w.pegged))] }

func (w *soakWorld) depositSome() {
	w.deposit(w.rng.IntN(2), w.anyLayer(), 10_0000+w.rng.Int64N(5000_0000))
}

func (w *soakWorld) deposit(from int, layer string, sat int64) *soakErrand {
	return w.errand(&soakErrand{from: from, chain: w.l1, layer: layer, amount: sat}, "settle", "deposit", layer)
}

// withdraw burns money of somebody's for a new address of anybody's.
func (w *soakWorld) withdraw() {
	from, layer := w.rng.IntN(2), w.anyLayer()
	payee, err := w.tryAddress(w.rng.IntN(2), w.l1)
	if err != nil {
		w.note("no address: %v", err)
		return
	}
	e := &soakErrand{from: from, chain: layer, layer: layer, payee: payee, amount: 20_0000 + w.rng.Int64N(200_0000)}
	w.errand(e, "settle", "withdraw", "--max-fee", coins(soakPayoutFee), layer, payee)
}

// soakStatus is what a wallet says of its deposits and withdrawals.
type soakStatus struct {
	Deposits    []app.Deposit
	Withdrawals []app.Withdrawal
}

func (w *soakWorld) settled(i int, layer string) (s soakStatus, err error) {
	err = w.of(i, &s, "settle", "status", layer)
	return s, err
}

// depositOf finds a deposit by the id of its transaction.
func (s *soakStatus) depositOf(id string) (app.Deposit, error) {
	i := slices.IndexFunc(s.Deposits, func(d app.Deposit) bool { return strings.HasPrefix(d.Outpoint, id+":") })
	if i < 0 {
		return app.Deposit{}, fmt.Errorf("deposit %s: unknown", id)
	}
	return s.Deposits[i], nil
}

// claimForOther deposits for somebody who then sees nothing of the layer; whoever has the ticket claims.
func (w *soakWorld) claimForOther() {
	from, layer := w.rng.IntN(2), w.anyLayer()
	for _, l := range w.homes[w.wallets[from].name+" "+layer] {
		l.set(cut)
		defer l.set(whole)
	}
	e := w.deposit(from, layer, 10_0000+w.rng.Int64N(100_0000))
	if e.id == "" {
		return
	}
	err := errors.New("no time")
	taken := false
	for limit := time.Now().Add(soakPatience); err != nil && time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		if !taken {
			var ticket struct{ Ticket string }
			var s soakStatus
			var d app.Deposit
			if s, err = w.settled(from, layer); err != nil {
				continue
			}
			if d, err = s.depositOf(e.id); err != nil {
				continue
			}
			if err = w.of(from, &ticket, "settle", "ticket", d.Outpoint); err != nil {
				continue
			}
			if err = w.of(1-from, nil, "settle", "claim", ticket.Ticket); err != nil {
				continue
			}
			taken = true
		}
		err = w.claimed(1-from, layer, e.id)
	}
	w.note("%s, claimed by somebody else: %v", e.key, err)
}

// claimed tells whether a wallet sees a deposit's claim in a block.
func (w *soakWorld) claimed(i int, layer, id string) error {
	s, err := w.settled(i, layer)
	if err != nil {
		return err
	}
	d, err := s.depositOf(id)
	if err == nil && d.Phase != "claimed" {
		err = fmt.Errorf("deposit %s is %s: %s%s", id, d.Phase, d.Why, d.Trouble)
	}
	return err
}

// compareSettled waits until every deposit is claimed and every withdrawal is paid, and compares what all nodes count with what was
// asked for, and that with what is in the blocks of the L1.
func (w *soakWorld) compareSettled() {
	claimed, burned := w.endRefundables(), map[string]int64{}
	paid := map[string]int64{}
	for i := range w.errands {
		e := &w.errands[i]
		switch {
		case e.layer == "":
		case e.payee == "":
			claimed[e.layer] += e.amount
			w.until(e.key+" is claimed", func() error { return w.claimed(e.from, e.layer, e.id) })
		default:
			burned[e.layer] += e.amount
			w.until(e.key+" is paid", func() (err error) { paid[e.payee], err = w.payout(e); return err })
		}
	}
	for _, layer := range w.pegged {
		for _, node := range w.nodes {
			w.until("the audit of "+layer+" by "+node.name, func() error {
				var audit struct{ Supplies []supply }
				if err := w.ask(&audit, "settle", "audit", layer, "--node", node.dir); err != nil {
					return err
				}
				a := audit.Supplies[0]
				if a.Claimed != claimed[layer] || a.Burned != burned[layer] || a.Unpaid != 0 || a.Vault != a.Claimed-a.Burned || a.Difference != 0 || !a.OK {
					return fmt.Errorf("%+v, want %d claimed and %d burned", a, claimed[layer], burned[layer])
				}
				return nil
			})
		}
	}
	w.comparePaid(paid)
}

// payout returns what a withdrawal's wallet says was paid.
func (w *soakWorld) payout(e *soakErrand) (int64, error) {
	s, err := w.settled(e.from, e.layer)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(s.Withdrawals, func(x app.Withdrawal) bool { return strings.HasPrefix(x.Burn, e.id+":") })
	if i < 0 {
		return 0, fmt.Errorf("withdrawal %s: unknown", e.id)
	}
	x := s.Withdrawals[i]
	if x.Phase != "paid" || x.Paid == nil {
		return 0, fmt.Errorf("withdrawal %s is %s", e.id, x.Phase)
	}
	if *x.Paid > e.amount || *x.Paid < e.amount-soakPayoutFee || x.Address != e.payee {
		w.fail("%s of %d to %s: %+v", e.key, e.amount, e.payee, x)
	}
	return *x.Paid, nil
}

// comparePaid looks in the blocks of the L1: each address of a withdrawal was paid once, what was said.
func (w *soakWorld) comparePaid(paid map[string]int64) {
	set, err := chains.Load(os.DirFS(w.path("stack")))
	must(w.t, err)
	l1, err := set.Get(w.l1)
	must(w.t, err)
	byScript := map[string][]int64{}
	w.until("the blocks of the L1", func() (err error) { byScript, err = w.outputs(); return err })
	for payee, amount := range paid {
		script, err := address.Decode(l1, payee)
		must(w.t, err)
		// An address that was handed out and not paid yet may be a swap's, too: those are far larger.
		got := slices.DeleteFunc(byScript[string(script)], func(sat int64) bool { return sat > 3*amount })
		if len(got) != 1 || got[0] != amount {
			w.fail("%s was paid %d, want once %d", payee, got, amount)
		}
	}
}

// outputs returns the values of all outputs of the L1 by their scripts.
func (w *soakWorld) outputs() (map[string][]int64, error) {
	access, err := rpc.Discover(w.nodes[1].dir)
	if err != nil {
		return nil, err
	}
	access.Chain = w.l1
	client, err := rpc.NewClient(access)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx := w.t.Context()
	var tip int32
	if err := client.Call(ctx, &tip, "getblockcount"); err != nil {
		return nil, err
	}
	all := map[string][]int64{}
	var last wire.BlockHeader
	for height := range tip + 1 {
		var id, text string
		if err := errors.Join(client.Call(ctx, &id, "getblockhash", height), client.Call(ctx, &text, "getblock", id, 0)); err != nil {
			return nil, err
		}
		raw, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		var block wire.MsgBlock
		if err := block.Deserialize(bytes.NewReader(raw)); err != nil {
			return nil, err
		}
		if height > 0 && block.Header.PrevBlock != last.BlockHash() {
			return nil, fmt.Errorf("block %d: the chain moved meanwhile", height)
		}
		last = block.Header
		for _, tx := range block.Transactions {
			for _, out := range tx.TxOut {
				all[string(out.PkScript)] = append(all[string(out.PkScript)], out.Value)
			}
		}
	}
	return all, nil
}
