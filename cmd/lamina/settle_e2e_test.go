package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
)

// dealWorld is a node that mines the development stack, three settlers, and the daemons of alice and bob: all processes.
type dealWorld struct {
	*soakWorld
	settlers [3]*soakProcess
	connect  []string // for a node
	wallet   []string // for a daemon: its wallets are on three chains
}

const (
	dealPace = "150ms" // between two L1 blocks
	calmPace = "600ms" // where something has to be done in ten blocks, half a refund age
	dealCoin = 1_0000_0000
)

func newDealWorld(t *testing.T) *dealWorld {
	t.Helper()
	w := &dealWorld{soakWorld: &soakWorld{t: t, dir: t.TempDir(), program: os.Args[0]}}
	w.hidden = w.path("password")
	must(t, os.WriteFile(w.hidden, []byte("only for a test\n"), 0o600))
	w.endWithTest()
	free := ownHost() + ":0"
	args := func(name string, more ...string) []string {
		all := append([]string{"node", "--stack", "dev", "--data-dir", w.path(name)}, more...)
		for _, chain := range soakChains {
			all = append(all, "--listen", chain+"="+free)
		}
		return all
	}
	w.nodes[0] = &soakProcess{name: "node", dir: w.path("node"), args: args("node", "--mine", "--mine-every", dealPace)}
	w.up(w.nodes[0])
	var ready nodePorts
	must(t, json.Unmarshal(w.nodes[0].ready, &ready))
	for chain, at := range ready.Chains {
		w.nodes[0].args[slices.Index(w.nodes[0].args, chain+"="+free)] = chain + "=" + at // where it is found in its next life
		w.connect = append(w.connect, "--connect", chain+"="+at)
		if chain != "dev-fractional" {
			w.wallet = append(w.wallet, "--connect", chain+"="+at)
		}
	}
	for i := range w.settlers {
		name := "settler" + strconv.Itoa(i+1)
		key := w.path(name + ".key")
		must(t, os.WriteFile(key, fmt.Appendf(nil, "%064x\n", i+1), 0o600))
		w.settlers[i] = &soakProcess{name: name, dir: w.path(name), args: args(name, append([]string{"--settle", "--settler-key", key}, w.connect...)...)}
		w.others = append(w.others, w.settlers[i])
		w.up(w.settlers[i])
	}
	for i, name := range []string{"alice", "bob"} {
		w.must(nil, "wallet", "create", name, "--data-dir", w.path(name), "--chain", "dev", "--chain", "dev-native", "--chain", "dev-issued",
			"--password-file", w.hidden, "--words-to", w.path(name+".words"))
		w.wallets[i] = &soakProcess{name: name, dir: w.path(name), args: append([]string{"daemon", "--data-dir", w.path(name)}, w.wallet...)}
		w.up(w.wallets[i])
	}
	return w
}

// kill kills processes without a warning, all of them before the first is started anew.
func (w *dealWorld) kill(all ...*soakProcess) {
	w.t.Helper()
	for _, p := range all {
		if err := p.signal(syscall.SIGKILL); err != nil {
			w.fail("%v", err)
		}
	}
	for _, p := range all {
		w.up(p)
	}
}

// of runs a command of somebody's who has a password.
func (w *dealWorld) of(who string, answer any, args ...string) {
	w.t.Helper()
	w.must(answer, append(args, "--data-dir", w.path(who), "--password-file", w.hidden)...)
}

// show runs a command of somebody's that wants none.
func (w *dealWorld) show(who string, answer any, args ...string) {
	w.t.Helper()
	w.must(answer, append(args, "--data-dir", w.path(who))...)
}

// spendable returns what somebody can spend on a chain. Its daemon may still be looking for it.
func (w *dealWorld) spendable(who, chain string) (sum int64) {
	w.t.Helper()
	var b struct{ Spendable int64 }
	w.show(who, &b, "balance", "--chain", chain)
	return b.Spendable
}

func (w *dealWorld) address(who, chain string) string {
	w.t.Helper()
	var a struct{ Address string }
	w.show(who, &a, "receive", "--chain", chain, "--new")
	return a.Address
}

func (w *dealWorld) reward(who, chain string) {
	w.t.Helper()
	to := w.address(who, chain)
	w.until("blocks of ours", func() error { // the node's own miner may be faster than one of them
		return w.ask(nil, "rpc", "--data-dir", w.path("node"), "--chain", chain, "generatetoaddress", "2", to)
	})
	w.until(who+"'s coins on "+chain, func() error {
		if n := w.spendable(who, chain); n < soakReward {
			return fmt.Errorf("spendable %d", n)
		}
		return nil
	})
}

// stands waits until somebody's deposit or withdrawal is as far as that.
func (w *dealWorld) stands(who, kind string, phases ...string) map[string]any {
	w.t.Helper()
	var found map[string]any
	w.until(fmt.Sprint(kind, phases), func() error {
		var all map[string]json.RawMessage
		w.show(who, &all, "settle", "status", "dev-native")
		var list []map[string]any
		if err := json.Unmarshal(all[kind], &list); err != nil {
			return err
		}
		for _, one := range list {
			if phase, ok := one["phase"].(string); ok && slices.Contains(phases, phase) {
				found = one
				return nil
			}
		}
		return fmt.Errorf("%s", all[kind])
	})
	return found
}

// TestSettleEndToEnd: alice deposits, the claim comes by itself, she pays on the layer and withdraws, and is paid on the L1; then
// she makes two refundable deposits, of which the settlers sweep one. All that she has, the node and the settlers are killed on
// the way.
func TestSettleEndToEnd(t *testing.T) {
	w := newDealWorld(t)
	w.reward("alice", "dev")
	w.firstConnector()
	w.deposits()
	w.of("alice", nil, "send", w.address("bob", "dev-native"), "0.5", "--chain", "dev-native", "--yes")
	w.until("bob's money on the layer", func() error {
		if n := w.spendable("bob", "dev-native"); n != dealCoin/2 {
			return fmt.Errorf("spendable %d", n)
		}
		return nil
	})
	w.withdraws()
	w.provesWithdrawal()
	w.audited()
	w.refundables()
}

// firstConnector makes the connector that the first batch spends, and waits for its block: a node that is killed forgets what is
// in none.
func (w *dealWorld) firstConnector() {
	w.t.Helper()
	var link string
	w.until("the first connector", func() error {
		return w.ask(&link, "rpc", "--data-dir", w.path("node"), "--chain", "dev-native", "makefirstlink")
	})
	w.until("its block", func() error {
		var now settled
		if err := w.ask(&now, "rpc", "--data-dir", w.path("node"), "--chain", "dev-native", "getsettlement"); err != nil {
			return err
		}
		if now.Last == nil || now.Last.TxID != link {
			return fmt.Errorf("%s is in no block: %+v", link, now)
		}
		return nil
	})
}

// deposits: alice deposits two coins. Her daemon and the node are killed right after, and the node once more while the claim is on
// its way; the same key pays nothing twice, and the money comes to the layer.
func (w *dealWorld) deposits() {
	w.t.Helper()
	args := []string{"settle", "deposit", "dev-native", "2", "--yes", "--key", "one"}
	var sent, again struct {
		TxID     string
		Repeated bool
	}
	w.of("alice", &sent, args...)
	w.kill(w.wallets[0])
	w.kill(w.nodes[0])             // and with it what it had in no block
	w.of("alice", &again, args...) // nobody knows whether it was sent: asked once more, nothing is paid twice
	if again.TxID != sent.TxID || !again.Repeated {
		w.t.Errorf("with the same key: %+v, want %+v", again, sent)
	}
	w.stands("alice", "deposits", "buried", "claimable", "claiming", "claimed")
	w.kill(w.nodes[0])
	d := w.stands("alice", "deposits", "claimed")
	if d["amount"] != float64(2*dealCoin) || d["ours"] != true {
		w.t.Errorf("deposit: %+v", d)
	}
	w.until("the money on the layer", func() error {
		if n := w.spendable("alice", "dev-native"); n < 2*dealCoin-20_000 {
			return fmt.Errorf("spendable %d", n)
		}
		return nil
	})
}

// withdraws: alice withdraws to bob's address on the L1. All is killed on the way, one settler for good; bob has the payout once.
func (w *dealWorld) withdraws() {
	w.t.Helper()
	to := w.address("bob", "dev")
	w.of("alice", nil, "settle", "withdraw", "dev-native", to, "0.75", "--max-fee", "0.0006", "--yes")
	w.kill(w.wallets[0])
	if err := w.settlers[2].signal(syscall.SIGKILL); err != nil { // for good: two of three are enough
		w.t.Error(err)
	}
	way := []string{"sent", "burned", "sealed", "released", "batched", "paid"}
	for i := range way { // wherever the burn and the batch are by then: in the pool, in a block, counted as sealed
		w.stands("alice", "withdrawals", way[i:]...)
		w.kill(w.nodes[0])
	}
	w.kill(w.settlers[1])
	paid := w.stands("alice", "withdrawals", "paid")
	got, ok := paid["paid"].(float64)
	if !ok || got > 0.75*dealCoin || got < 0.75*dealCoin-60_000 || paid["address"] != to {
		w.t.Errorf("withdrawal: %+v", paid)
	}
	w.until("bob's payout", func() error {
		if n := w.spendable("bob", "dev"); n != int64(got) {
			return fmt.Errorf("spendable %d, want %v", n, got)
		}
		return nil
	})
}

// provesWithdrawal: the node proves that the withdrawal was paid, and alice's wallet remembers it.
func (w *dealWorld) provesWithdrawal() {
	w.t.Helper()
	var proof struct {
		Proved []string
		Open   []string `json:"not_proved"`
	}
	w.until("the proof", func() error { // the node was just started, and may be reading still
		return w.ask(&proof, "settle", "prove", "--node", w.path("node"), "--data-dir", w.path("alice"))
	})
	if len(proof.Proved) != 1 || len(proof.Open) != 0 {
		w.t.Errorf("proved: %+v", proof)
	}
	if paid := w.stands("alice", "withdrawals", "paid"); paid["proved"] != true {
		w.t.Errorf("not remembered: %+v", paid)
	}
}

// audited: the layer's supply is what was claimed and burned, to the last unit.
func (w *dealWorld) audited() {
	w.t.Helper()
	var audit struct{ Supplies []supply }
	w.until("the audit", func() error {
		w.must(&audit, "settle", "audit", "dev-native", "--node", w.path("node"))
		if a := audit.Supplies[0]; a.Claimed != 2*dealCoin || a.Burned != 0.75*dealCoin || a.Unpaid != 0 {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
	if a := audit.Supplies[0]; !a.OK || a.Difference != 0 {
		w.t.Errorf("audit: %+v", a)
	}
}

// abreast waits until nodes have what the first node has: the more often that was killed, the later they call again.
func (w *dealWorld) abreast(nodes []*soakProcess) {
	w.t.Helper()
	height := func(p *soakProcess, chain string) (n int, err error) {
		err = w.ask(&n, "rpc", "--data-dir", p.dir, "--chain", chain, "getblockcount")
		return n, err
	}
	for _, chain := range []string{"dev", "dev-native"} {
		for _, p := range nodes {
			w.until(p.name+" is abreast on "+chain, func() error {
				want, err := height(w.nodes[0], chain)
				if err != nil {
					return err
				}
				if got, err := height(p, chain); err != nil || got < want {
					return fmt.Errorf("block %d of %d: %w", got, want, err)
				}
				return nil
			})
		}
	}
}

// refundables: of two refundable deposits the settlers sweep the first, and its money is claimed; then they end, and the second
// is taken back. The refunds of both were in a file before anything was sent.
func (w *dealWorld) refundables() {
	w.t.Helper()
	node := w.nodes[0]
	node.args[slices.Index(node.args, dealPace)] = calmPace
	w.kill(node)
	w.abreast(w.settlers[:2])
	for _, swept := range []bool{true, false} {
		file := w.path(fmt.Sprintf("refund %t", swept))
		amount, ends := int64(dealCoin), "swept"
		if !swept {
			amount, ends = dealCoin/2, "refunded"
			for _, p := range w.settlers[:2] {
				if err := p.signal(syscall.SIGKILL); err != nil {
					w.fail("%v", err)
				}
			}
		}
		w.of("alice", nil, "settle", "deposit", "dev-native", fmt.Sprint(float64(amount)/dealCoin), "--refundable", "--refund-to", file, "--yes")
		raw, err := os.ReadFile(file)
		var kept keptRefunds
		if err = errors.Join(err, json.Unmarshal(raw, &kept)); err != nil || len(kept.Refunds) == 0 || kept.Refunds[0].Raw == "" {
			w.fail("%s: %v: %s", file, err, raw)
		}
		w.kill(w.wallets[0])
		var all struct{ Deposits []app.Deposit }
		w.until("a refundable deposit that is "+ends, func() error {
			w.show("alice", &all, "settle", "status", "dev-native")
			if !slices.ContainsFunc(all.Deposits, func(d app.Deposit) bool { return d.Phase == ends && d.Amount == amount }) {
				return fmt.Errorf("%+v", all)
			}
			if swept && !slices.ContainsFunc(all.Deposits, func(d app.Deposit) bool {
				return d.Phase == "claimed" && d.Amount < amount && d.Amount > amount-dealCoin/100
			}) {
				return fmt.Errorf("swept, and not claimed: %+v", all)
			}
			return nil
		})
	}
}
