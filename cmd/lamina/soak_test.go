package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soakOps is how many operations a short run has; SOAK_OPS and SOAK_SEED say otherwise (make soak).
const soakOps = 25

// TestSoak runs three nodes that mine, serve and settle, and two wallets, each a process, and lets them pay, mine, deposit, claim,
// withdraw and swap while they are killed, cut off, slowed down, stopped, lied to, put out of time and kept from their disk. In the
// end all is well again: the chains are the same everywhere, every payment that was acknowledged is confirmed, every deposit is
// claimed once, every refundable one is swept and claimed or taken back, every withdrawal is paid once, every swap ended the same
// way on both sides, all nodes count the same money and it is what we moved, wallets restored from their words have what they had,
// and no log, file, stack dump or list of processes shows a secret.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts processes; the whole run does")
	}
	ops, seed := setting(t, "SOAK_OPS", soakOps), uint64(setting(t, "SOAK_SEED", 1))
	w := newSoakWorld(t, seed, ops <= soakOps)
	hidden := w.secrets()
	w.note("all is set up")
	var deck []func()
	for range ops {
		if len(deck) == 0 {
			deck = w.deck()
		}
		w.revive()
		deck[0]()
		deck = deck[1:]
		w.watchProcesses(hidden)
	}
	w.heal()
	for _, end := range []struct {
		what string
		wait func()
	}{
		{"errands are asked again", w.askAgain}, {"chains and errands are the same everywhere", w.converge},
		{"settlement is as it must be", w.compareSettled}, {"swaps have ended", w.finishSwaps}, {"wallets are restored", w.compareRestored},
	} {
		end.wait()
		w.note("%s", end.what)
	}
	w.addKept(hidden)
	w.searchSecrets(hidden)
	w.note("seed %d: %d operations, %d payments, deposits and withdrawals, %d refundable deposits, %d swaps", seed, ops, len(w.errands),
		len(w.refundables), len(w.swaps))
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s = %q: want a number", name, text)
	}
	return n
}

// deck returns what happens next, in an order of chance: of everything as much as it is worth.
func (w *soakWorld) deck() (deck []func()) {
	for _, card := range []struct {
		times int
		does  func()
	}{
		{5, w.pay}, {2, w.mine}, {2, w.depositSome}, {1, w.refundable}, {1, w.claimForOther}, {3, w.withdraw}, {4, w.swap},
		{2, w.kill}, {1, w.stop}, {1, w.part}, {1, w.spoil}, {1, w.skew}, {1, w.fill}, {1, w.heal},
	} {
		for range card.times {
			deck = append(deck, card.does)
		}
	}
	w.rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// soakErrand is a payment, a deposit or a withdrawal that was asked for.
type soakErrand struct {
	from, to int    // wallets; only a payment has somebody whom it is for
	chain    string // that it is sent on
	layer    string // of a deposit or a withdrawal
	amount   int64  // base units of the L1
	payee    string // of a withdrawal: a new address on the L1
	key      string
	args     []string
	id       string // empty: no answer yet
}

// pay asks for a payment. As all errands it may come to nothing for now: it has a key, by which it is asked for again in the end.
func (w *soakWorld) pay() {
	from, chain := w.rng.IntN(2), w.anyChain()
	most := int64(2000_0000)
	if slices.Contains(w.pegged, chain) {
		most /= 10
	}
	address, err := w.tryAddress(1-from, chain)
	if err != nil {
		w.note("no address: %v", err) // its disk is full
		return
	}
	w.errand(&soakErrand{from: from, to: 1 - from, chain: chain, amount: 1_0000 + w.rng.Int64N(most)}, "send", address)
}

func (w *soakWorld) anyChain() string {
	all := w.chains()
	return all[w.rng.IntN(len(all))]
}

// errand asks for an errand for the first time; its amount comes last.
func (w *soakWorld) errand(e *soakErrand, args ...string) *soakErrand {
	e.key = w.next("soak")
	e.args = append(args, coins(e.amount), "--yes", "--key", e.key)
	if e.layer == "" {
		e.args = append(e.args, "--chain", e.chain)
	}
	w.note("%s: %s asks for %s", e.key, w.wallets[e.from].name, strings.Join(e.args, " "))
	_ = w.send(e)
	w.errands = append(w.errands, *e)
	return e
}

func (w *soakWorld) send(e *soakErrand) error {
	var sent struct {
		ID string `json:"txid"`
	}
	if err := w.signed(e.from, &sent, e.args...); err != nil {
		w.note("%s: %v", e.key, err)
		return err
	}
	if e.id != "" && e.id != sent.ID {
		w.fail("%s was sent as %s and again as %s", e.key, e.id, sent.ID)
	}
	e.id = sent.ID
	return nil
}

func (w *soakWorld) mine() {
	w.mined(w.generate(w.rng.IntN(2), w.rng.IntN(2), w.anyChain(), 1))
}

// mined notes that nothing was mined, which faults may be the reason of.
func (w *soakWorld) mined(err error) {
	if err != nil {
		w.note("mining: %v", err)
	}
}

// askAgain asks once more for what got no answer, and for some that did: it must be the same answer.
func (w *soakWorld) askAgain() {
	for i := range w.errands {
		e := &w.errands[i]
		if e.id != "" && i%5 != 0 {
			continue
		}
		w.until(e.key+" is sent", func() error { return w.send(e) })
	}
}

// converge waits until all nodes have the same chains, both wallets follow them, and every errand is confirmed.
func (w *soakWorld) converge() {
	for _, chain := range w.chains() {
		var height int32
		for i := range w.nodes {
			var tip int32
			w.until("the height of "+w.nodes[i].name+" on "+chain, func() error { return w.rpc(i, chain, &tip, "getblockcount") })
			height = max(height, tip)
		}
		w.until(chain+" is the same on all nodes", func() error {
			var ids [3]string
			for i := range w.nodes {
				if err := w.rpc(i, chain, &ids[i], "getblockhash", fmt.Sprint(height)); err != nil {
					return err
				}
			}
			if ids[0] != ids[1] || ids[0] != ids[2] {
				return fmt.Errorf("block %d is %v", height, ids)
			}
			return nil
		})
	}
	for _, e := range w.errands {
		who := []int{e.from}
		if e.layer == "" {
			who = append(who, e.to)
		}
		for _, i := range who {
			w.until(fmt.Sprintf("%s is confirmed for %s", e.key, w.wallets[i].name), func() error {
				var tx struct {
					Status string `json:"status"`
				}
				if err := w.of(i, &tx, "tx", "show", e.id, "--chain", e.chain); err != nil {
					return err
				}
				if tx.Status != "confirmed" {
					return fmt.Errorf("%s is %s", e.id, tx.Status)
				}
				return nil
			})
		}
	}
}

// compareRestored restores both wallets from their words on an empty machine and compares the money.
func (w *soakWorld) compareRestored() {
	var again [2]*soakProcess
	for i, p := range w.wallets {
		again[i] = w.process("again-"+p.name, slices.Clone(p.args[2:len(p.args)-2])...)
		w.others = append(w.others, again[i])
		w.must(nil, append([]string{"wallet", "restore", "again", "--data-dir", again[i].dir, "--password-file", w.hidden,
			"--words-file", w.path(p.name + ".words")}, w.onChains()...)...)
		w.up(again[i])
	}
	for i, p := range again {
		for _, chain := range w.chains() {
			began := time.Now()
			w.untilStuck("the restored wallet has the money of "+w.wallets[i].name+" on "+chain, func() (int64, error) {
				old, err := w.balance(i, chain)
				if err != nil {
					return 0, err
				}
				var restored demoBalance
				if err := w.ask(&restored, "balance", "--data-dir", p.dir, "--chain", chain); err != nil {
					return 0, err
				}
				if !old.Trust.Verified || !restored.Trust.Verified || old.Spendable != restored.Spendable {
					found := restored.Spendable // it has many rewards to find
					if time.Since(began) > 2*patience {
						found = 0 // rewards that come meanwhile
					}
					return found, fmt.Errorf("has %+v, restored %+v", old, restored)
				}
				return 0, nil
			})
		}
		if err := p.signal(syscall.SIGTERM); err != nil {
			w.fail("%v", err)
		}
	}
}
