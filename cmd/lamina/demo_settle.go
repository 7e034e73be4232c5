package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The layer that the demo deposits to, and what moves.
const (
	demoPegged     = "dev-native"
	demoSettlers   = 3 // of which two are enough
	demoDeposit    = "2"
	demoWithdrawal = "0.5"
	demoPayoutFee  = "0.0006"
	demoGive       = "1"   // of the L1, for
	demoGet        = "0.5" // of the issued layer
	demoTerm       = 2000  // L1 blocks until a side of the swap can be taken back: longer than the demo takes
)

// settlers starts the settlers and has the first connector made, which every batch follows on.
func (d *stackDemo) settlers() (int, string, error) {
	for i := range demoSettlers {
		name := "settler" + strconv.Itoa(i+1)
		key := d.path(name + ".key")
		// The development chains' settlers have the keys 1, 2 and 3, known to all: their money is worth nothing.
		if err := os.WriteFile(key, fmt.Appendf(nil, "%064x\n", i+1), 0o600); err != nil {
			return 0, "", err
		}
		args := []string{"node", "--stack", demoChain, "--data-dir", d.path(name), "--settle", "--settler-key", key}
		for chain, at := range d.ports {
			args = append(args, "--listen", chain+"=127.0.0.1:0", "--connect", chain+"="+at)
		}
		var ready struct{}
		if err := d.run(&ready, args...); err != nil {
			return 0, "", err
		}
	}
	var link string
	if err := d.ask(&link, "rpc", "--data-dir", d.path("node"), "--chain", demoPegged, "makefirstlink"); err != nil {
		return 0, "", err
	}
	return demoSettlers, "first connector " + link, nil
}

// deposit pays from the L1 to the layer; that it is claimed is up to alice's daemon.
func (d *stackDemo) deposit() (int, string, error) {
	var sent struct {
		ID string `json:"txid"`
	}
	if err := d.ask(&sent, "settle", "deposit", demoPegged, demoDeposit, "--data-dir", d.path("alice"), "--yes", "--password-file", d.hidden); err != nil {
		return 0, "", err
	}
	got, err := d.stands("deposits", "claimed")
	return 1, fmt.Sprintf("%s, claimed by %v", sent.ID, got["claim"]), err
}

func (d *stackDemo) payPegged() (int, string, error) { return d.pay(demoPegged) }

// withdraw burns money of alice's, for bob on the L1.
func (d *stackDemo) withdraw() (int, string, error) {
	before, err := d.until("bob", demoChain, func(*demoBalance) bool { return true })
	if err != nil {
		return 0, "", err
	}
	to, err := d.address("bob", demoChain)
	if err != nil {
		return 0, "", err
	}
	if err := d.ask(nil, "settle", "withdraw", demoPegged, to, demoWithdrawal, "--max-fee", demoPayoutFee, "--data-dir", d.path("alice"),
		"--yes", "--password-file", d.hidden); err != nil {
		return 0, "", err
	}
	got, err := d.stands("withdrawals", "paid")
	if err != nil {
		return 0, "", err
	}
	paid, _ := got["paid"].(float64)
	if _, err := d.until("bob", demoChain, func(b *demoBalance) bool { return b.Spendable == before.Spendable+int64(paid) }); err != nil {
		return 0, "", err
	}
	return 1, fmt.Sprintf("batch %v pays %d", got["batch"], int64(paid)), nil
}

// stands waits until alice's deposit or withdrawal is as far as that.
func (d *stackDemo) stands(kind, phase string) (map[string]any, error) {
	for limit := time.Now().Add(demoTime); ; time.Sleep(100 * time.Millisecond) {
		var all map[string]json.RawMessage
		if err := d.ask(&all, "settle", "status", demoPegged, "--data-dir", d.path("alice")); err != nil {
			return nil, err
		}
		var list []map[string]any
		if err := json.Unmarshal(all[kind], &list); err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(list, func(one map[string]any) bool { return one["phase"] == phase }); i >= 0 {
			return list[i], nil
		}
		if time.Now().After(limit) {
			return nil, fmt.Errorf("%s: ran out of time at %s", kind, all[kind])
		}
	}
}

// audit has the node count what the peg holds.
func (d *stackDemo) audit() (int, string, error) {
	for limit := time.Now().Add(demoTime); ; time.Sleep(100 * time.Millisecond) {
		var got struct {
			Supplies []supply `json:"supplies"`
		}
		if err := d.ask(&got, "settle", "audit", demoPegged, "--node", d.path("node")); err != nil {
			return 0, "", err
		}
		a := &got.Supplies[0]
		if a.Unpaid == 0 {
			return 1, fmt.Sprintf("claimed %d, burned %d, vault %d, unpaid 0", a.Claimed, a.Burned, a.Vault), nil
		}
		if time.Now().After(limit) {
			return 0, "", fmt.Errorf("audit: ran out of time at %+v", a)
		}
	}
}

// swap exchanges alice's money of the L1 for bob's of the layer, by an offer and an answer in files.
func (d *stackDemo) swap() (int, string, error) {
	var height int
	if err := d.ask(&height, "rpc", "--data-dir", d.path("node"), "--chain", demoChain, "getblockcount"); err != nil {
		return 0, "", err
	}
	offer, answer := d.path("offer.txt"), d.path("answer.txt")
	as := func(who string, args ...string) error {
		return d.ask(nil, append(args, "--data-dir", d.path(who), "--password-file", d.hidden)...)
	}
	for _, step := range []func() error{
		func() error {
			return as("alice", "swap", "offer", "--give", demoChain+"="+demoGive, "--get", demoLayer+"="+demoGet, "--t1", strconv.Itoa(height+demoTerm+200),
				"--t2", strconv.Itoa(height+demoTerm), "--yes", "-o", offer)
		},
		func() error { return as("bob", "swap", "take", "@"+offer, "--yes", "-o", answer) },
		func() error { return as("alice", "swap", "accept", "0", "@"+answer) },
		func() error { return as("alice", "swap", "fund", "0", "--yes", "-o", d.path("alice.refunds")) },
		func() error { return d.swapped("bob", "fund", "") },
		func() error { return as("bob", "swap", "fund", "0", "--yes", "-o", d.path("bob.refunds")) },
		func() error { return as("bob", "wallet", "unlock") },    // his daemon redeems as soon as
		func() error { return d.swapped("alice", "redeem", "") }, // hers has shown the secret
		func() error { return as("alice", "swap", "redeem", "0") },
		func() error { return d.swapped("alice", "", "redeemed") },
		func() error { return d.swapped("bob", "", "redeemed") },
	} {
		if err := step(); err != nil {
			return 0, "", err
		}
	}
	return 2, fmt.Sprintf("%s on %s for %s on %s, both redeemed", demoGive, demoChain, demoGet, demoLayer), nil
}

// swapped waits until somebody's swap wants a move, or is in a phase.
func (d *stackDemo) swapped(who, move, phase string) error {
	for limit := time.Now().Add(demoTime); ; time.Sleep(100 * time.Millisecond) {
		var now struct{ Move, Phase, Why, Trouble string }
		if err := d.ask(&now, "swap", "status", "0", "--data-dir", d.path(who)); err != nil {
			return err
		}
		if move != "" && now.Move == move || phase != "" && now.Phase == phase {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("swap: %s ran out of time at %+v", who, now)
		}
	}
}

// security shows what the layers' work is measured to be.
func (d *stackDemo) security() (int, string, error) {
	var texts []string
	for _, layer := range []string{demoPegged, demoLayer} {
		var got struct {
			Chains []struct {
				Unknown string
				Windows []struct{ Share, Low float64 }
			}
		}
		if err := d.ask(&got, "security", layer, "--data-dir", d.path("alice")); err != nil {
			return 0, "", err
		}
		if len(got.Chains) != 1 || len(got.Chains[0].Windows) == 0 {
			return 0, "", fmt.Errorf("%s: no share: %+v", layer, got)
		}
		share := got.Chains[0].Windows[0]
		texts = append(texts, fmt.Sprintf("%s %.0f%% of the L1's work, at least %.0f%%", layer, 100*share.Share, 100*share.Low))
	}
	return len(texts), strings.Join(texts, "; "), nil
}

// lookAround says how to look at what runs.
func (d *stackDemo) lookAround() *keptStack {
	k := &keptStack{Dir: d.dir}
	for _, args := range []string{
		"balance --chain " + demoPegged + " --data-dir " + d.path("alice"),
		"history --chain " + demoChain + " --data-dir " + d.path("bob"),
		"settle status --data-dir " + d.path("alice"),
		"settle trust " + demoPegged + " --data-dir " + d.path("alice"),
		"settle audit " + demoPegged + " --node " + d.path("node"),
		"settle deposit " + demoPegged + " 1 --data-dir " + d.path("alice") + " --password-file " + d.hidden,
		"swap list --data-dir " + d.path("bob"),
		"security " + demoPegged + " --data-dir " + d.path("alice"),
		"rpc --data-dir " + d.path("node") + " --chain " + demoPegged + " getsettlement",
	} {
		k.Commands = append(k.Commands, d.program+" "+args)
	}
	return k
}
