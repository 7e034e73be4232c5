package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// purseFlags say whose purse a command is about.
func (d *stackDemo) purseFlags(who, chain string) []string {
	return []string{"--data-dir", d.path(who), "--chain", chain}
}

func (d *stackDemo) address(who, chain string) (string, error) {
	var answer struct {
		Address string `json:"address"`
	}
	err := d.ask(&answer, "receive", "--data-dir", d.path(who), "--chain", chain)
	return answer.Address, err
}

// demoBalance is what the demo reads of a balance.
type demoBalance struct {
	Spendable int64 `json:"spendable"`
	Trust     struct {
		Verified bool `json:"verified"`
		Tip      struct {
			Height int32 `json:"height"`
		} `json:"tip"`
		FilterSource string `json:"filter_source"`
	} `json:"trust"`
}

// until asks for a purse's balance until it is as wanted.
func (d *stackDemo) until(who, chain string, done func(*demoBalance) bool) (b demoBalance, err error) {
	for limit := time.Now().Add(demoTime); ; time.Sleep(100 * time.Millisecond) {
		b = demoBalance{}
		if err := d.ask(&b, append([]string{"balance"}, d.purseFlags(who, chain)...)...); err != nil {
			return b, err
		}
		if done(&b) {
			return b, nil
		}
		if time.Now().After(limit) {
			return b, fmt.Errorf("%s on %s: ran out of time at %+v", who, chain, b)
		}
	}
}

func (d *stackDemo) mineL1() (int, string, error)    { return d.mineTo(demoChain) }
func (d *stackDemo) mineLayer() (int, string, error) { return d.mineTo(demoLayer) }

// mineTo has a few blocks pay to alice, and waits until she may spend them.
func (d *stackDemo) mineTo(chain string) (int, string, error) {
	const blocks = 4
	to, err := d.address("alice", chain)
	if err != nil {
		return 0, "", err
	}
	for limit := time.Now().Add(demoTime); ; {
		err := d.ask(nil, "rpc", "--data-dir", d.path("node"), "--chain", chain, "generatetoaddress", strconv.Itoa(blocks), to)
		if err == nil {
			break
		}
		// The node's own miner may have been faster than a block of ours: then there may be more of them in the end.
		if !strings.Contains(err.Error(), "the chain moved meanwhile") || time.Now().After(limit) {
			return 0, "", err
		}
	}
	// Between a block's arrival and its proof's check a balance is not verified: it is waited for.
	b, err := d.until("alice", chain, func(b *demoBalance) bool { return b.Spendable >= blocks*demoReward && b.Trust.Verified })
	return blocks, fmt.Sprintf("headers to %d, %s", b.Trust.Tip.Height, b.Trust.FilterSource), err
}

func (d *stackDemo) payL1() (int, string, error)    { return d.pay(demoChain) }
func (d *stackDemo) payLayer() (int, string, error) { return d.pay(demoLayer) }

// pay sends from alice to bob and waits until he may spend it.
func (d *stackDemo) pay(chain string) (int, string, error) {
	to, err := d.address("bob", chain)
	if err != nil {
		return 0, "", err
	}
	var sent struct {
		ID  string `json:"txid"`
		Fee int64  `json:"fee"`
	}
	args := append([]string{"send", to, "1.25"}, d.purseFlags("alice", chain)...)
	if err := d.ask(&sent, append(args, "--yes", "--password-file", d.hidden)...); err != nil {
		return 0, "", err
	}
	d.paid = sent.ID
	b, err := d.until("bob", chain, func(b *demoBalance) bool { return b.Spendable == demoPaid })
	return 1, fmt.Sprintf("%s, fee %d, confirmed by block %d", sent.ID, sent.Fee, b.Trust.Tip.Height), err
}

// split makes many coins of alice's, and one of them again.
func (d *stackDemo) split() (int, string, error) {
	before, err := d.coins("alice")
	if err != nil {
		return 0, "", err
	}
	args := d.purseFlags("alice", demoChain)
	for _, act := range []struct {
		do   []string
		done func(coins int) bool
	}{
		{[]string{"coins", "split", "--count", strconv.Itoa(demoSplit)}, func(n int) bool { return n >= demoSplit }},
		{[]string{"coins", "combine"}, func(n int) bool { return n <= before }},
	} {
		call := append(slices.Concat(act.do, args), "--yes", "--password-file", d.hidden)
		if err := d.ask(nil, call...); err != nil {
			return 0, "", err
		}
		for limit := time.Now().Add(demoTime); ; time.Sleep(100 * time.Millisecond) {
			n, err := d.coins("alice")
			if err != nil {
				return 0, "", err
			}
			if act.done(n) {
				break
			}
			if time.Now().After(limit) {
				return 0, "", fmt.Errorf("%s %s: ran out of time at %d coins", act.do[0], act.do[1], n)
			}
		}
	}
	return demoSplit, fmt.Sprintf("%d coins before", before), nil
}

// coins counts the confirmed coins of a purse on the L1.
func (d *stackDemo) coins(who string) (int, error) {
	var list struct {
		Coins []struct {
			Depth int32 `json:"depth"`
		} `json:"coins"`
	}
	if err := d.ask(&list, append([]string{"coins", "list"}, d.purseFlags(who, demoChain)...)...); err != nil {
		return 0, err
	}
	n := 0
	for _, c := range list.Coins {
		if c.Depth > 0 {
			n++
		}
	}
	return n, nil
}

// restore makes bob's wallet anew from his words and compares.
func (d *stackDemo) restore() (int, string, error) {
	if err := d.ask(nil, "wallet", "restore", "again", "--data-dir", d.path("again"), "--chain", demoChain, "--chain", demoLayer,
		"--chain", demoPegged, "--password-file", d.hidden, "--words-file", d.path("bob.words")); err != nil {
		return 0, "", err
	}
	if err := d.serve("again"); err != nil {
		return 0, "", err
	}
	for _, chain := range []string{demoChain, demoLayer} {
		if _, err := d.until("again", chain, func(b *demoBalance) bool { return b.Spendable == demoPaid }); err != nil {
			return 0, "", err
		}
	}
	return 2, "both payments are there", nil
}

// prove has the restored wallet, which no daemon keeps any more, write a proof of the
// payment on the layer, and verifies the file.
func (d *stackDemo) prove() (int, string, error) {
	if err := d.stopLast(); err != nil {
		return 0, "", err
	}
	file := d.path("payment.proof")
	args := append([]string{"prove", d.paid, "-o", file}, d.purseFlags("again", demoLayer)...)
	if err := d.ask(nil, append(args, d.peers(demoChain, demoLayer)...)...); err != nil {
		return 0, "", err
	}
	if err := d.ask(nil, "verify", "proof", file); err != nil {
		return 0, "", err
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, "", err
	}
	return 1, fmt.Sprintf("%d bytes: headers, merged-mining proofs, branches", info.Size()), nil
}
