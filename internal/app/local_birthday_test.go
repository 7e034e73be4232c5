package app

import (
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv/chains"
)

// TestBirthday restores a wallet with a birthday: what is older is not looked at, and what
// is younger is found, also if the wallet was made before there were any headers.
func TestBirthday(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	h := newHome(t, n)
	h.restore()
	h.fund(1e8) // block 4
	n.mine(100)
	h.fund(2e8) // block 105
	var born time.Time
	n.do(func() { born = time.Unix(int64(n.ledger[99].Header.Time()), 0) })

	young := newHome(t, n)
	_, err := young.RestoreWallet(t.Context(), NewWallet{Name: "test", Chains: []string{testChain}, Password: Secret(password), Birthday: born},
		Secret(testWords), nil)
	young.must(err)
	young.current()
	if b := young.balance(); b.Confirmed != 2e8 {
		t.Fatalf("with a birthday: %+v, want 2e8", b)
	}
	// The slack is 24 blocks of 600 s: block 76 and what is above.
	c, err := young.ledger(testChain)
	young.must(err)
	if first, err := call(t.Context(), c, func() (int32, error) { return c.first, nil }); err != nil || first < 60 || first > 80 {
		t.Fatalf("looked at from block %d, want about 76; %v", first, err)
	}
	young.must(young.Rescan(t.Context(), young.in, 1))
	young.until("all of it", func() bool { b := young.balance(); return b.Confirmed == 3e8 && b.Trust.Verified })
	young.close()
	young.open()
	young.current()
	if b := young.balance(); b.Confirmed != 3e8 || b.Trust.Scanned != n.tip() {
		t.Fatalf("after a restart: %+v", b)
	}
}

// TestWalletOnStack has one wallet on an L1 and all its layers.
func TestWalletOnStack(t *testing.T) {
	a, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	l1, err := a.Chain("dev")
	if err != nil {
		t.Fatal(err)
	}
	list := []*chains.Params{l1}
	var names []string
	for _, s := range a.Stacks() {
		if s.L1 == l1 {
			list = append(list, s.Layers...)
		}
	}
	for _, p := range list {
		names = append(names, p.Name)
	}
	if len(list) < 3 {
		t.Fatalf("the dev stack has %d chains", len(list))
	}
	l, err := a.OpenLocal(LocalOptions{DataDir: t.TempDir(), Chains: list, Offline: true, Cost: leastCost})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.CreateWallet(t.Context(), NewWallet{Name: "a", Chains: names, Password: Secret(password)}); err != nil {
		t.Fatal(err)
	}
	all, err := l.Balances(t.Context(), "a")
	if err != nil || len(all) != len(list) {
		t.Fatalf("balances: %+v, %v", all, err)
	}
	seen := map[string]bool{}
	for i, b := range all {
		addr, err := l.Receive(t.Context(), b.Purse, ReceiveRequest{})
		if err != nil || seen[addr.Address] || b.Chain != names[i] || !b.Trust.Offline {
			t.Fatalf("%s: %+v, %v", b.Chain, addr, err)
		}
		seen[addr.Address] = true
	}
	states, err := l.ListChains(t.Context())
	if err != nil || len(states) != len(list) || states[0].Name != "dev" || states[0].Stage != "offline" {
		t.Fatalf("chains: %+v, %v", states, err)
	}
	fees, err := l.Fees(t.Context(), "dev")
	if err != nil || fees.Measured || fees.Normal < fees.Least || fees.High <= fees.Normal {
		t.Fatalf("fees: %+v, %v", fees, err)
	}
}

// TestSentOffline keeps what is sent while nobody hears it, and tells the network later.
func TestSentOffline(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	h := newHome(t, n)
	h.restore()
	h.fund(1e8)
	h.close()
	h.o.Offline = true
	h.open()
	d, err := h.Draft(t.Context(), h.in, Payment{To: []Recipient{{Address: h.somebody(1), Amount: 1e7}}})
	h.must(err)
	sent, err := h.Send(t.Context(), SendRequest{Draft: d.ID, Password: Secret(password)})
	h.must(err)
	if b := h.balance(); b.OwnUnconfirmed != 9e7-d.Fee || n.pooled() != 0 {
		t.Fatalf("sent while offline: %+v, %d in the network", b, n.pooled())
	}
	h.close()
	h.o.Offline = false
	h.open()
	h.arrived(sent.ID)
	n.mine(1)
	h.current()
	if tx := h.transaction(sent.ID); tx.Status != "confirmed" {
		t.Fatalf("sent later: %+v", tx)
	}
}
