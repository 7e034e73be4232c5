package main

import (
	"fmt"
	"slices"
	"strings"
)

// kinds receives on an address of every kind that the wallet has on the chain, and has the node judge the spend of each.
func (r *resident) kinds() {
	t := r.t
	seen := []string{}
	for _, d := range r.household.must("wallet", "descriptor")["descriptors"].([]any) {
		form, _, _ := strings.Cut(d.(string), "[")
		kind := map[string]string{"pkh(": "p2pkh", "sh(wpkh(": "p2sh-p2wpkh", "wpkh(": "p2wpkh", "tr(": "p2tr"}[form]
		if kind == "" {
			t.Fatalf("descriptor %s: of no known kind", d)
		}
		if slices.Contains(seen, kind) {
			continue // of the second account
		}
		seen = append(seen, kind)
	}
	if len(seen) < 3 {
		t.Fatalf("accounts of kinds %v, want more", seen)
	}
	at := map[string]string{}
	var rows strings.Builder
	for _, kind := range seen {
		at[kind] = r.must("receive", "--kind", kind, "--new")["address"].(string)
		fmt.Fprintf(&rows, "%s,0.2,\n", at[kind])
	}
	r.do("sendmany", file(t, "kinds.csv", []byte(rows.String())), "--account", "0")
	r.mine()
	var spent []string
	for _, coin := range r.must("coins", "list")["coins"].([]any) {
		coin := coin.(map[string]any)
		kind := coin["kind"].(string)
		if coin["address"] == at[kind] {
			spent = append(spent, r.do("send", r.payee(), "0.1", "--coin", coin["outpoint"].(string))["txid"].(string))
			delete(at, kind)
		}
	}
	r.mine()
	for _, id := range spent {
		if got := r.status(id); got != "confirmed" {
			t.Errorf("%s: %s", id, got)
		}
	}
	if len(at) > 0 {
		t.Errorf("no coin of %v was spent", at)
	}
}

// private pays without a word on the connections that the daemon keeps: the node has it from elsewhere.
func (r *resident) private() {
	sent := r.do("send", r.payee(), "0.1", "--private", "--account", "0")["txid"].(string)
	until(r.t, "somebody took it", func() bool { return r.must("tx", "show", sent)["took"].(float64) > 0 })
	if tx := r.must("tx", "show", sent); tx["private"] != true || tx["told"] != tx["took"] {
		r.t.Errorf("private %v, told %v, taken by %v", tx["private"], tx["told"], tx["took"])
	}
	r.mine() // lest what spends its change is as private
	open := r.do("send", r.payee(), "0.1", "--account", "0")["txid"].(string)
	until(r.t, "somebody fetched it", func() bool { return r.must("tx", "show", open)["took"].(float64) > 0 })
	if tx := r.must("tx", "show", open); tx["private"] == true || tx["told"] != 1.0 {
		r.t.Errorf("not private: %v, told %v", tx["private"], tx["told"])
	}
	r.mine()
}

// reorganised: a reorganisation takes a block's reward back for good, and a payment until another block has it.
func (r *resident) reorganised() {
	t := r.t
	before := r.must("balance")["immature"].(float64)
	sent := r.do("send", r.payee(), "0.1", "--account", "0")["txid"].(string)
	r.mine()
	old := r.must("tx", "show", sent)["block"].(map[string]any)["hash"]
	r.town.reward(r.must("receive", "--kind", "p2wpkh", "--new")["address"].(string))
	until(t, "a reward", func() bool { return r.must("balance")["immature"].(float64) > before })
	newest := r.must("history", "--only", "confirmed", "--count", "1")["rows"].([]any)[0].(map[string]any)
	if newest["coinbase"] != true || newest["status"] != "confirmed" {
		t.Fatalf("the newest row is no reward: %v", newest)
	}
	reward := newest["txid"].(string)
	r.town.undo(2)
	until(t, "the reward is void", func() bool { return r.status(reward) == "void" })
	if got := r.must("balance")["immature"].(float64); got != before {
		t.Errorf("immature %v after the reorganisation, before it %v", got, before)
	}
	void := r.must("history", "--only", "void")
	if rows := void["rows"].([]any); len(rows) != 1 || rows[0].(map[string]any)["txid"] != reward || rows[0].(map[string]any)["block"] != nil {
		t.Errorf("void: %v", void)
	}
	if got := r.lamina("history"); !strings.Contains(got.out, "void") || got.code != exitOK {
		t.Errorf("the history does not say so: %+v", got)
	}
	until(t, "the payment has left its block", func() bool {
		block, _ := r.must("tx", "show", sent)["block"].(map[string]any)
		return block == nil || block["hash"] != old
	})
	until(t, "the node has it", func() bool {
		return r.status(sent) == "confirmed" || strings.Contains(strings.Join(r.town.pool(), " "), sent)
	})
	r.mine()
	if tx := r.must("tx", "show", sent); tx["status"] != "confirmed" || tx["block"].(map[string]any)["hash"] == old {
		t.Errorf("the payment: %v in block %v, was in %v", tx["status"], tx["block"], old)
	}
}
