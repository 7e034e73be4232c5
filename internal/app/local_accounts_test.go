package app

import (
	"testing"
	"time"

	"github.com/layeredpow/lamina/wallet"
)

// TestAccountsFollow restores a wallet whose accounts were used one after the other, more of them than are looked for at
// first: each time it is unlocked the next is found.
func TestAccountsFollow(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	owner := newHome(t, n)
	_, err := owner.RestoreWallet(t.Context(), NewWallet{Name: "test", Chains: []string{testChain}, Password: Secret(password), Accounts: 6},
		Secret(testWords), nil)
	owner.must(err)
	rows, err := owner.Accounts(t.Context(), owner.in)
	owner.must(err)
	kinds := len(rows) / 6
	paid := int64(0)
	for account := range 5 {
		row := account*kinds + account%kinds
		a, err := owner.Receive(t.Context(), owner.in, ReceiveRequest{Account: &row})
		owner.must(err)
		script, err := owner.script(n.params, a.Address)
		owner.must(err)
		n.mine(1, n.pay(int64(account+1)*1e7, script))
		paid += int64(account+1) * 1e7
	}
	owner.close() // it would follow along with all its accounts

	h := newHome(t, n)
	_, err = h.RestoreWallet(t.Context(), NewWallet{Name: "test", Chains: []string{testChain}, Password: Secret(password)}, Secret(testWords), nil)
	h.must(err)
	h.current()
	if b := h.balance(); b.Confirmed != 6e7 {
		t.Fatalf("three accounts: %+v, want 6e7", b)
	}
	for _, want := range []int64{10e7, 15e7, 15e7, 15e7} {
		_, err := h.Unlock(t.Context(), h.in.Wallet, Secret(password), time.Minute)
		h.must(err)
		h.until("the next account", func() bool { b := h.balance(); return b.Confirmed == want && b.Trust.Verified })
	}
	if rows, err := h.Accounts(t.Context(), h.in); err != nil || len(rows) != 6*kinds {
		t.Fatalf("%d rows, want %d: %v", len(rows), 6*kinds, err)
	}
	if h.balance().Confirmed != paid {
		t.Errorf("%+v, paid %d", h.balance(), paid)
	}
	// Asked for: any number, up to the most.
	if _, err := h.AddAccounts(t.Context(), h.in.Wallet, Secret(password), 14); err != nil {
		t.Fatal(err)
	}
	for _, count := range []uint32{1, 1 << 31, 1<<32 - 1} {
		if _, err := h.AddAccounts(t.Context(), h.in.Wallet, Secret(password), count); CodeOf(err) != CodeInvalid {
			t.Errorf("%d beyond the most: %v", count, err)
		}
	}
	if _, err := h.AddAccounts(t.Context(), h.in.Wallet, Secret("wrong"), 1); CodeOf(err) != CodePassword {
		t.Errorf("a wrong password: %v", err)
	}
	h.close()
	h.open()
	h.current()
	if rows, err := h.Accounts(t.Context(), h.in); err != nil || len(rows) != 20*kinds || h.balance().Confirmed != paid {
		t.Fatalf("after a restart: %d rows, want %d, %+v: %v", len(rows), 20*kinds, h.balance(), err)
	}
}

// TestAccountsAfterCrash opens a purse with an account more than before, as after a crash between the key file's change and
// the scan: the scan begins again, once.
func TestAccountsAfterCrash(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	h := newHome(t, n)
	h.restore()
	var accounts []wallet.Account
	h.must(change(t.Context(), h.Local, h.in, func(_ *ledger, p *purse) error { accounts = p.chain.Accounts(); return nil }))
	log := &wallet.Memory{}
	few := accounts[:len(accounts)-1]
	p, err := openPurse(log, n.params, "test", 0, few)
	h.must(err)
	h.must(p.put(n.tip()))
	first := p.book.place.first
	for i, c := range []struct {
		accounts []wallet.Account
		redo     int32
	}{{few, 0}, {accounts, first}, {accounts, first}} {
		again, err := openPurse(log, n.params, "test", 0, c.accounts)
		if err != nil || again.book.redo != c.redo || again.next() != first {
			t.Fatalf("opening %d: again from %d on, want %d, next %d: %v", i, again.book.redo, c.redo, again.next(), err)
		}
	}
}
