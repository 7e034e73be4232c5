package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"
)

func TestSecretsDoNotPrint(t *testing.T) {
	s := Secret("hunter2")
	b, err := json.Marshal(NewWallet{Name: "a", Password: s})
	if err != nil {
		t.Fatal(err)
	}
	all := string(b) + fmt.Sprintf("%s %v %+v %#v %q %x", s, s, NewWallet{Password: s}, &SendRequest{Password: s}, s, s)
	if strings.Contains(all, "hunter2") || strings.Contains(all, "68756e74") || strings.Contains(all, "104") {
		t.Fatalf("a secret is printed: %s", all)
	}
	var back Secret
	if err := json.Unmarshal([]byte(`"hunter2"`), &back); err != nil || string(back) != "hunter2" {
		t.Fatalf("a secret that comes in: %q, %v", string(back), err)
	}
}

// TestWalletFiles makes wallets in every way, and spoils requests and files.
func TestWalletFiles(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	h := newHome(t, n)
	h.close()
	h.o.Offline = true
	h.open()
	made, err := h.CreateWallet(t.Context(), NewWallet{Name: "a", Chains: []string{testChain}, Password: Secret(password), WordCount: 24, Passphrase: Secret("more")})
	h.must(err)
	h.refusesWallets()
	h.checksWords(made.Backup.Words)
	h.changesPassword(made)
	w, err := h.AddChains(t.Context(), "a", Secret("next"), []string{"litecoin-regtest"})
	if err != nil || len(w.Chains) != 2 {
		t.Fatalf("another chain: %+v, %v", w, err)
	}
	a, err := Open(Options{})
	h.must(err)
	if _, err := a.OpenLocal(h.o); CodeOf(err) != CodeInUse {
		t.Fatalf("a second program: %v", err)
	}
	h.restoresDamagedFile(Purse{"a", testChain})
	if b, err := h.Balance(t.Context(), Purse{"a", testChain}); err != nil || !b.Trust.Offline || b.Trust.Synced || b.Trust.Verified {
		t.Fatalf("offline: %+v, %v", b.Trust, err)
	}
}

// refusesWallets asks for wallets that cannot be, and sees that none but "a" is there.
func (h *home) refusesWallets() {
	h.t.Helper()
	ctx := h.t.Context()
	for _, test := range []struct {
		name string
		n    NewWallet
		want Code
	}{
		{"no name", NewWallet{Chains: []string{testChain}, Password: Secret(password)}, CodeInvalid},
		{"a path", NewWallet{Name: "../a", Chains: []string{testChain}, Password: Secret(password)}, CodeInvalid},
		{"hidden", NewWallet{Name: ".a", Chains: []string{testChain}, Password: Secret(password)}, CodeInvalid},
		{"taken", NewWallet{Name: "a", Chains: []string{testChain}, Password: Secret(password)}, CodeExists},
		{"no chain", NewWallet{Name: "b", Password: Secret(password)}, CodeInvalid},
		{"unknown chain", NewWallet{Name: "b", Chains: []string{"nowhere"}, Password: Secret(password)}, CodeMissing},
		{"no password", NewWallet{Name: "b", Chains: []string{testChain}}, CodeInvalid},
		{"words", NewWallet{Name: "b", Chains: []string{testChain}, Password: Secret(password), WordCount: 13}, CodeInvalid},
	} {
		if _, err := h.CreateWallet(ctx, test.n); CodeOf(err) != test.want {
			h.t.Errorf("%s: %v (%s), want %s", test.name, err, CodeOf(err), test.want)
		}
	}
	if list, _ := h.ListWallets(ctx); len(list) != 1 {
		h.t.Fatalf("wallets after bad requests: %+v", list)
	}
}

// checksWords holds what was written down of wallet "a" to its file, and finds a mistyped word without repeating it.
func (h *home) checksWords(words Secret) {
	h.t.Helper()
	ctx := h.t.Context()
	check, err := h.CheckBackup(ctx, "a", words, Secret("more"))
	if err != nil || !check.Words || check.File != "" {
		h.t.Fatalf("backup: %+v, %v", check, err)
	}
	if check, _ := h.CheckBackup(ctx, "a", words, Secret("less")); check.Words {
		h.t.Fatal("a wrong passphrase passes")
	}
	list := strings.Fields(string(words))
	list[3] = "zzzz"
	typed, _ := h.CheckWords(ctx, Secret(strings.Join(list, " ")))
	if typed.OK || typed.Index != 3 || typed.Count != 24 || strings.Contains(typed.Problem, "zzzz") {
		h.t.Fatalf("mistyped words: %+v", typed)
	}
	if ok, _ := h.CheckWords(ctx, words); !ok.OK || ok.Index != -1 {
		h.t.Fatalf("right words: %+v", ok)
	}
}

// changesPassword: the next password opens wallet "a" and gives its backup, the one before it does not.
func (h *home) changesPassword(made Created) {
	h.t.Helper()
	ctx := h.t.Context()
	h.must(h.ChangePassword(ctx, "a", Secret(password), Secret("next")))
	if _, err := h.Unlock(ctx, "a", Secret(password), time.Minute); CodeOf(err) != CodePassword {
		h.t.Fatalf("the old password: %v", err)
	}
	w, err := h.Unlock(ctx, "a", Secret("next"), time.Minute)
	if err != nil || !w.Unlocked {
		h.t.Fatalf("the new password: %+v, %v", w, err)
	}
	h.must(h.Lock(ctx, "a"))
	backup, err := h.Backup(ctx, "a", Secret("next"))
	if err != nil || string(backup.Words) != string(made.Backup.Words) || !strings.Contains(string(backup.Text), made.Wallet.Fingerprint) {
		h.t.Fatalf("backup: %v", err)
	}
}

// restoresDamagedFile flips a bit of a wallet's key file while the program is away: it is told of, and the file's copy has the
// same keys.
func (h *home) restoresDamagedFile(in Purse) {
	h.t.Helper()
	ctx := h.t.Context()
	first, err := h.Receive(ctx, in, ReceiveRequest{})
	h.must(err)
	h.close()
	path := filepath.Join(h.o.DataDir, walletFolder, in.Wallet+fileSuffix)
	raw, err := os.ReadFile(path)
	h.must(err)
	raw[len(raw)/2] ^= 1
	h.must(os.WriteFile(path, raw, 0o600))
	h.open()
	if _, err := h.Receive(ctx, in, ReceiveRequest{}); CodeOf(err) != CodeDamaged {
		h.t.Fatalf("a damaged key file: %v", err)
	}
	_, err = h.RestoreFile(ctx, in.Wallet)
	h.must(err)
	if again, err := h.Receive(ctx, in, ReceiveRequest{}); err != nil || again.Address != first.Address || again.Verified {
		h.t.Fatalf("after it was restored: %+v, want %s; %v", again, first.Address, err)
	}
}

// TestSessionEnds sees that an idle wallet locks itself without anybody asking.
func TestSessionEnds(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	h := newHome(t, n)
	h.close()
	h.o.Offline = true
	h.open()
	_, err := h.CreateWallet(t.Context(), NewWallet{Name: "a", Chains: []string{testChain}, Password: Secret(password)})
	h.must(err)
	_, err = h.Unlock(t.Context(), "a", Secret(password), time.Millisecond)
	h.must(err)
	h.until("locked", func() bool {
		w, err := h.ListWallets(t.Context())
		h.must(err)
		return !w[0].Unlocked
	})
	if _, err := h.Unlock(t.Context(), "a", Secret(password), 25*time.Hour); CodeOf(err) != CodeInvalid {
		t.Fatalf("more than a day: %v", err)
	}
}

// TestWatchOnly has a wallet that cannot sign plan a payment, and the one that can sign it,
// over a PSBT.
func TestWatchOnly(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	h := newHome(t, n)
	h.restore()
	descriptors, err := h.Descriptors(t.Context(), h.in)
	h.must(err)
	if len(descriptors) != 4 {
		t.Fatalf("descriptors: %q, want four", descriptors)
	}
	_, err = h.WatchWallet(t.Context(), NewWallet{Name: "watch", Chains: []string{testChain}, Password: Secret(password)}, descriptors)
	h.must(err)
	watch := Purse{"watch", testChain}
	h.current()
	ours, err := h.Receive(t.Context(), h.in, ReceiveRequest{})
	h.must(err)
	theirs, err := h.Receive(t.Context(), watch, ReceiveRequest{})
	if err != nil || theirs.Address != ours.Address || !theirs.WatchOnly {
		t.Fatalf("watch-only address: %+v, want %s; %v", theirs, ours.Address, err)
	}
	h.fund(1e8)
	h.until("both know", func() bool {
		b, err := h.Balance(t.Context(), watch)
		h.must(err)
		return b.WatchOnly == 1e8
	})
	coins, err := h.ListCoins(t.Context(), watch, CoinFilter{})
	h.must(err)
	d, err := h.Draft(t.Context(), h.in, Payment{To: []Recipient{{Address: h.somebody(1), Amount: 1e7}}, Coins: []string{coins.Coins[0].Outpoint}})
	h.must(err)
	packet, err := h.DraftPacket(t.Context(), d.ID)
	h.must(err)
	shown, err := h.ShowPacket(t.Context(), watch, packet)
	if err != nil || shown.Complete || *shown.Fee != d.Fee || len(shown.Outputs) != 2 || !shown.Inputs[0].Ours {
		t.Fatalf("packet: %+v, %v", shown, err)
	}
	if _, err := h.SignPacket(t.Context(), watch, packet, Secret(password)); CodeOf(err) != CodeWatch {
		t.Fatalf("a watch-only wallet signs: %v", err)
	}
	signed, err := h.SignPacket(t.Context(), h.in, packet, Secret(password))
	if err != nil || !signed.Complete || signed.Added != 1 {
		t.Fatalf("signed packet: %+v, %v", signed, err)
	}
	both, err := h.CombinePackets(t.Context(), []string{packet, signed.Text})
	h.must(err)
	if raw, err := h.FinishPacket(t.Context(), both); err != nil || len(raw) < 200 {
		t.Fatalf("finished: %q, %v", raw, err)
	}
	sent, err := h.SendPacket(t.Context(), watch, both)
	h.must(err)
	h.arrived(sent.ID)
	if _, err := h.SendPacket(t.Context(), h.in, packet); err == nil {
		t.Fatal("an unsigned packet is sent")
	}
	for _, text := range []string{"", "nonsense", "tpubnonsense", "wpkh(nonsense)", "wsh(multi(1," + strings.Repeat("02", 33) + "))", "[", "tr(<"} {
		if _, err := h.WatchWallet(t.Context(), NewWallet{Name: "x", Chains: []string{testChain}, Password: Secret(password)}, []string{text}); err == nil {
			t.Errorf("key %q is taken", text)
		}
	}
}

// TestNotes: labels, tags, rules and frozen coins bind what is planned, and survive.
func TestNotes(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	h := newHome(t, n)
	h.restore()
	h.fund(1e8, 2e8)
	ctx := t.Context()
	list, err := h.ListCoins(ctx, h.in, CoinFilter{})
	if err != nil || len(list.Coins) != 2 || list.Sum != 3e8 {
		t.Fatalf("coins: %+v, %v", list, err)
	}
	one, two := list.Coins[0], list.Coins[1]
	h.must(h.TagCoins(ctx, h.in, []string{one.Outpoint}, []string{"work"}))
	h.must(h.TagCoins(ctx, h.in, []string{two.Outpoint}, []string{"home"}))
	h.must(h.NeverMerge(ctx, h.in, "work", "home", true))
	pay := Payment{To: []Recipient{{Address: h.somebody(1), Amount: 25e7}}}
	if _, err := h.Draft(ctx, h.in, pay); CodeOf(err) != CodeFunds {
		t.Fatalf("coins that must never meet: %v", err)
	}
	h.must(h.NeverMerge(ctx, h.in, "work", "home", false))
	h.must(h.Freeze(ctx, h.in, []string{one.Outpoint}, true))
	if _, err := h.Draft(ctx, h.in, pay); CodeOf(err) != CodeFunds {
		t.Fatalf("a frozen coin: %v", err)
	}
	h.must(h.SetLabel(ctx, h.in, "output", two.Outpoint, "=salary"))
	var labels bytes.Buffer
	h.must(h.ExportLabels(ctx, h.in, &labels))
	h.must(h.Freeze(ctx, h.in, []string{one.Outpoint}, false))
	h.must(h.SetLabel(ctx, h.in, "output", two.Outpoint, ""))
	done, err := h.ImportLabels(ctx, h.in, bytes.NewReader(labels.Bytes()))
	if err != nil || done.Labels != 1 || done.Frozen != 1 {
		t.Fatalf("labels: %+v, %v of %s", done, err, labels.String())
	}
	h.close()
	h.open()
	list, err = h.ListCoins(ctx, h.in, CoinFilter{Tag: "home"})
	if err != nil || len(list.Coins) != 1 || list.Coins[0].Label != "=salary" {
		t.Fatalf("after a restart: %+v, %v", list, err)
	}
	a, err := h.Receive(ctx, h.in, ReceiveRequest{})
	h.must(err)
	signature, err := h.SignMessage(ctx, h.in, a.Address, []byte("it is me"), Secret(password))
	h.must(err)
	h.must(h.VerifyMessage(ctx, testChain, a.Address, []byte("it is me"), signature))
	if h.VerifyMessage(ctx, testChain, a.Address, []byte("it is you"), signature) == nil {
		t.Fatal("a signature of another text passes")
	}
	csv, err := h.ExportHistory(ctx, h.in, HistoryQuery{Only: "in"})
	if err != nil || strings.Count(string(csv), "\n") != 3 {
		t.Fatalf("CSV: %s, %v", csv, err)
	}
	if _, err := h.History(ctx, h.in, HistoryQuery{Only: "all"}); CodeOf(err) != CodeInvalid {
		t.Fatalf("history: %v", err)
	}
	found, err := h.History(ctx, h.in, HistoryQuery{Search: one.Address[5:20]})
	if err != nil || found.Total != 1 {
		t.Fatalf("search: %+v, %v", found, err)
	}
}

// TestDeeper finds a payment beyond the gap limit once it is asked to, and again.
func TestDeeper(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(3)
	far := newHome(t, n)
	far.restore()
	script := far.scripts(60, "p2wpkh")[59]
	var in *wire.MsgTx
	n.do(func() { in = n.pay(1e8, script) })
	n.mine(1, in)
	n.mine(5)
	h := newHome(t, n)
	h.restore()
	if b := h.balance(); b.Confirmed != 0 {
		t.Fatalf("beyond the gap: %+v", b)
	}
	h.must(h.SetGap(t.Context(), h.in, 100))
	h.until("deeper", func() bool { b := h.balance(); return b.Confirmed == 1e8 && b.Trust.Verified })
	h.must(h.Rescan(t.Context(), h.in, 1))
	h.until("again", func() bool { b := h.balance(); return b.Confirmed == 1e8 && b.Trust.Scanned == n.tip() })
	h.close()
	h.open()
	h.current()
	if b := h.balance(); b.Confirmed != 1e8 {
		t.Fatalf("after a restart: %+v", b)
	}
}
