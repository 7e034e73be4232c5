package main

import (
	"os"
	"path/filepath"
	"strings"
)

// nobody is BIP341's point that nobody has the key of.
const nobody = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"

// shared keeps money that two of three wallets must spend, each in a folder of its own, and has the node judge what they sign.
func (r *resident) shared() {
	var owners []*household
	keys := []string{accountKey(r.household)}
	for _, name := range []string{"ann", "bob"} {
		h := &household{t: r.t, dir: filepath.Join(r.t.TempDir(), name), pw: r.pw}
		h.must("wallet", "create", name, "--chain", r.town.chain, "--password-file", h.pw, "--words-to", filepath.Join(r.t.TempDir(), name))
		owners, keys = append(owners, h), append(keys, accountKey(h))
	}
	forms := []string{"wsh(sortedmulti(2,KEYS))", "sh(wsh(multi(2,KEYS)))"}
	if r.p.Name != "litecoin-regtest" {
		// There no block enforces taproot yet, and the node relays no spend of it.
		forms = append(forms, "tr("+nobody+",sortedmulti_a(2,KEYS))")
	}
	for _, form := range forms {
		r.club(strings.Replace(form, "KEYS", strings.Join(keys, ","), 1), append([]*household{r.household}, owners...))
	}
}

// accountKey returns the key of a wallet's first P2WPKH account, with its origin, as its descriptor has it.
func accountKey(h *household) string {
	h.t.Helper()
	for _, d := range h.must("wallet", "descriptor")["descriptors"].([]any) {
		if inner, ok := strings.CutPrefix(d.(string), "wpkh("); ok {
			key, _, _ := strings.Cut(inner, ")")
			return key
		}
	}
	h.t.Fatal("no P2WPKH account")
	return ""
}

// club lives with one form of a shared wallet: it receives, is restored of its descriptor, spends with two signatures and with three.
func (r *resident) club(form string, owners []*household) {
	t := r.t
	kind, _, _ := strings.Cut(form, "(2")
	h := &household{t: t, dir: filepath.Join(t.TempDir(), "club"), pw: r.pw}
	h.must("wallet", "watch", "club", file(t, "club.txt", []byte(form+"\n")), "--chain", r.town.chain, "--password-file", h.pw, "--birthday", "2010-01-01")
	to := h.must("receive", "--new", "--offline")["address"].(string)
	r.do("send", to, "0.05", "--account", "0")
	r.do("send", h.must("receive", "--new", "--offline")["address"].(string), "0.04", "--account", "0")
	r.mine()
	if got := h.lamina("wallet", "backup", "--password-file", h.pw, "--words-to", filepath.Join(h.dir, "kept")); got.code != exitOK {
		t.Fatalf("%s: backup: %+v", kind, got)
	}
	kept, err := os.ReadFile(filepath.Join(h.dir, "kept"))
	must(t, err)
	again := &household{t: t, dir: filepath.Join(t.TempDir(), "again"), pw: r.pw}
	_, line, _ := strings.Cut(string(kept), "descriptor: ")
	line, _, _ = strings.Cut(line, "\n")
	if !strings.HasPrefix(line, form+"#") {
		t.Fatalf("%s: the backup says %q", kind, kept)
	}
	again.must("wallet", "watch", "club", file(t, "again.txt", []byte(line)), "--chain", r.town.chain, "--password-file", h.pw, "--birthday", "2010-01-01")
	again.run(r.town.connect...)
	until(t, kind+": money", func() bool { return again.must("balance")["watch_only"] == 9_000_000.0 })
	for _, who := range [][]int{{1, 2}, {2, 1, 0}} {
		before := again.must("balance")["watch_only"].(float64)
		made := again.must("psbt", "create", r.payee(), "0.02", "--rate", "3")
		text := made["psbt"].(string)
		var parts []string
		for _, n := range who {
			args := []string{"psbt", "sign", file(t, "made", []byte(text)), "--yes"}
			if n > 0 { // the resident's daemon is unlocked
				args = append(args, "--password-file", r.pw, "--offline")
			}
			signed := owners[n].must(args...)
			if signed["complete"] != false || signed["added"] == 0.0 {
				t.Fatalf("%s: owner %d: %v", kind, n, signed)
			}
			parts = append(parts, file(t, "signed", []byte(signed["psbt"].(string))))
		}
		all := again.must(append([]string{"psbt", "combine"}, parts...)...)["psbt"].(string)
		if shown := again.must("psbt", "show", file(t, "all", []byte(all))); shown["complete"] != true {
			t.Fatalf("%s: %v", kind, shown)
		}
		sent := again.must("psbt", "finalize", file(t, "all", []byte(all)), "--send", "--yes")["txid"].(string)
		until(t, kind+": the node has it", func() bool { return strings.Contains(strings.Join(r.town.pool(), " "), sent) })
		r.mine()
		fee := made["draft"].(map[string]any)["fee"].(float64)
		until(t, kind+": confirmed", func() bool { return again.must("tx", "show", sent)["status"] == "confirmed" })
		if after := again.must("balance")["watch_only"].(float64); after != before-2_000_000-fee {
			t.Errorf("%s: %v, before %v, the fee was %v", kind, after, before, fee)
		}
	}
}
