package ui

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/layeredpow/lamina/internal/app"
)

// TestLoading shows what stands there until the first answer comes.
func TestLoading(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	m.hold = make(chan struct{})
	want := map[int]string{overviewAt: "Reading the history", receiveAt: "Receive",
		sendAt: "Recipient and amount are not given yet", settleAt: "Reading what is under way", activityAt: "Reading the history", coinsAt: "Reading the coins"}
	b.take(app.Purse{Wallet: "main", Chain: "dev-native"}) // nothing was asked of it yet
	for at, text := range want {
		b.frame.open(at)
		b.wantShown(text)
	}
	b.frame.open(overviewAt)
	b.wantHidden("Pending", "rent")
	close(m.hold)
	b.pump()
	b.frame.open(coinsAt)
	b.wantShown("5 coins")
	b.wantHidden("Reading the coins")
}

func TestErrorsNameAStep(t *testing.T) {
	m := newMoney()
	m.err = app.Coded(app.CodeInternal, "block 7: 79 bytes, want 80")
	b := newWalletBench(t, desk, m)
	for _, at := range []int{overviewAt, receiveAt, activityAt, coinsAt} {
		b.frame.open(at)
		b.pump()
		b.wantShown("block 7: 79 bytes, want 80", "See whether the disk is full")
	}
}

func TestOverview(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	if got := strings.ReplaceAll(b.overview.total.Text, "\u202f", " "); got != "6.8 TST" { // 4.53 on the L1, 2.27 on the native layer
		t.Errorf("total: %q", got)
	}
	b.wantShown("in total, counted in units of Dev", "not counted", "Pending", "Dev is synced. Peers: 8.")
	b.take(app.Purse{Wallet: "main", Chain: "dev-issued"})
	b.pump()
	test.Tap(b.overview.holds[1])
	if b.frame.at != activityAt || b.session.purse.Chain != "dev-native" {
		t.Errorf("pressing a layer: at %d, %v", b.frame.at, b.session.purse)
	}
	// Money that was not looked for is not zero.
	m.chains[1].Trust.Scanned.Height = -1
	b.frame.open(overviewAt)
	b.pump()
	if got := b.overview.total.Text; got != "not known yet" {
		t.Errorf("total with an unknown part: %q", got)
	}
}

func TestManyPayments(t *testing.T) {
	m := newMoney()
	m.rows = 100_000
	b := newWalletBench(t, desk, m)
	b.frame.open(activityAt)
	b.pump()
	b.wantShown("100\u202f000 payments")
	before := m.count("History")
	for _, at := range []int{0, 50_000, 99_999, 3} {
		b.activity.list.ScrollTo(at)
		b.pump()
	}
	row := b.activity.row(99_999)
	if b.activity.list.ScrollTo(99_999); row == nil {
		b.pump()
		row = b.activity.row(99_999)
	}
	if row == nil || row.ID != idOf(99_999) {
		t.Fatalf("the last row: %v", row)
	}
	if asked := m.count("History") - before; asked > 16 {
		t.Errorf("%d questions for four looks at the list", asked)
	}
	for page := range 200 {
		b.activity.fetch(page)
		b.pump()
	}
	if kept := len(b.activity.rows); kept > keptPages {
		t.Errorf("%d pages are kept, want at most %d", kept, keptPages)
	}
}

func TestManyCoins(t *testing.T) {
	m := newMoney()
	m.coins = 100_000
	b := newWalletBench(t, phone, m)
	b.frame.open(coinsAt)
	b.pump()
	b.coins.chooseAll(true)
	b.wantShown("Chosen: 100\u202f000 of 100\u202f000 coins")
	b.coins.list.ScrollToBottom()
	b.wantWhole()
	if got := len(b.coins.outpoints()); got != 100_000 {
		t.Errorf("%d chosen", got)
	}
}

func TestActivity(t *testing.T) {
	m := newMoney()
	m.actions = []string{"bump", "abandon"}
	b := newWalletBench(t, desk, m)
	b.frame.open(activityAt)
	b.pump()
	b.wantShown("6 payments", "pending, in no block yet", "rent")
	b.activity.only.SetSelected("Sent")
	b.pump()
	b.wantShown("3 payments")
	b.activity.search.SetText("nothing like it")
	b.pump()
	b.wantShown("No payment is like that")
	b.activity.search.SetText("")
	b.activity.only.SetSelected("All")
	b.pump()
	b.activity.list.Select(1)
	b.pump()
	b.wantShown("Pay a higher fee", idOf(1).String(), "Checked up to block")
	b.wantHidden("Call it back")
	b.activity.detail.label.SetText("flat")
	b.tap("Keep the label")
	b.pump()
	if m.labels[idOf(1).String()] != "flat" {
		t.Errorf("labels: %v", m.labels)
	}
	b.tap("Pay a higher fee")
	b.pump()
	b.wantShown("Look at it before it goes", "Send 0.05 TST")
	b.back() // to the payment
	b.pump()
	b.tap("Give it up")
	b.pump()
	if m.count("Abandon") != 1 {
		t.Error("not given up")
	}
	b.back() // to the list
	b.wantShown("6 payments")
}

func TestCoins(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(coinsAt)
	b.pump()
	if !b.coins.freeze.Disabled() {
		t.Error("freezing is offered with nothing chosen")
	}
	b.coins.choose(0, true)
	b.coins.list.Select(1) // by keyboard
	b.wantShown("Chosen: 2 of 5 coins")
	b.tap("Freeze")
	b.pump()
	b.coins.tags.SetText(" #cold, 2024 ,")
	b.tap("Tag")
	b.pump()
	if fmt.Sprint(m.frozen, m.tagged) != "[true 2] [2 [cold 2024]]" {
		t.Errorf("frozen %v, tagged %v", m.frozen, m.tagged)
	}
	b.tap("Spend these")
	if b.frame.at != sendAt || len(b.send.coins) != 2 {
		t.Errorf("at %d with coins %v", b.frame.at, b.send.coins)
	}
	b.wantShown("From the 2 coins that you chose")
}

func TestCombineAndSplit(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(coinsAt)
	b.pump()
	b.tap("Combine")
	b.pump()
	b.wantShown("Saved in the end", "4.519\u202f95 TST", "2 coins with")
	b.coins.combine.below.SetText("0.5")
	b.pump()
	b.coins.combine.tag.SetText("cold")
	b.pump()
	if last := m.combines[len(m.combines)-1]; last.MaxValue != 50_000_000 || last.Tag != "cold" || !last.Spendable {
		t.Errorf("asked for %+v", last)
	}
	m.warnings = []app.Warning{{Concern: "high share", Text: "the fee is 12 % of it"}}
	for range 2 {
		b.coins.combine.password.entry.SetText("right")
		b.tap("Combine now")
		b.pump()
		for len(b.queue) > 0 {
			(<-b.queue)()
		}
		b.coins.combine.agree.SetChecked(true)
	}
	b.wantShown("The one transaction is sent.")
	if fmt.Sprint(m.ran) != "[plan-1high share]" {
		t.Errorf("ran %v", m.ran)
	}
	b.back()
	b.tap("Split")
	b.pump()
	b.wantShown("to you: bcrt1q")
	b.coins.split.count.SetText("1")
	b.wantShown("a number from 2 to")
	b.coins.split.amounts.SetText("0.1; 0,25")
	b.pump()
	if last := m.splits[len(m.splits)-1]; fmt.Sprint(last.Amounts) != "[10000000 25000000]" || last.Count != 0 || last.Account != -1 {
		t.Errorf("asked for %+v", last)
	}
}

// TestCombineWaitsForCoins: a plan that could not be made is made when there are coins for it.
func TestCombineWaitsForCoins(t *testing.T) {
	m := newMoney()
	m.coins = 1
	b := newWalletBench(t, desk, m)
	b.frame.open(coinsAt)
	b.pump()
	b.tap("Combine")
	b.pump()
	b.wantShown("There is nothing to combine")
	m.note(func() { m.coins = 5 })
	b.changed(moneyChanged)
	b.pump()
	b.wantShown("Saved in the end")
	plans := len(m.combines)
	b.changed(moneyChanged) // it is being read
	b.pump()
	if len(m.combines) != plans {
		t.Error("the plan changed under the reader's eyes")
	}
}

// TestEvents tells the visible screen alone, and of each batch once.
func TestEvents(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(activityAt)
	b.pump()
	overview, history := m.count("Balances"), m.count("History")
	row := m.row(0)
	for range 20 {
		m.events <- app.Event{Kind: app.EventSeen, Purse: b.session.purse, Row: &row}
	}
	(<-b.queue)() // the batch
	b.pump()
	if got := m.count("Balances"); got != overview {
		t.Errorf("the hidden overview asked %d times", got-overview)
	}
	if got := m.count("History") - history; got != 1 {
		t.Errorf("the visible list asked %d times for 20 events", got)
	}
	m.mu.Lock()
	m.chains[0].Trust.Synced, m.chains[0].Stage, m.chains[0].Share = false, "headers", 0.62
	eta := int64(190)
	m.chains[0].ETA = &eta
	m.mu.Unlock()
	m.events <- app.Event{Kind: app.EventSync}
	(<-b.queue)()
	b.pump()
	if got := strings.ReplaceAll(b.frame.line.Text, "\u202f", " "); got != "Checking headers of Dev, 62 %, 3 min left. Peers: 8." {
		t.Errorf("status: %q", got)
	}
	m.setUnlocked(true)
	m.events <- app.Event{Kind: app.EventWallet}
	(<-b.queue)()
	b.pump()
	b.press(fyne.KeyL)
	b.pump()
	if b.session.wallets[0].Unlocked || m.count("Lock") != 1 {
		t.Error("Ctrl+L leaves the wallet unlocked")
	}
}

func TestStoppedBackend(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.stopped(m)
	b.wantShown("The chains are no longer followed.", "start the program again")
}

func TestFolderInUse(t *testing.T) {
	m := newMoney()
	m.wallets, m.err = nil, app.Coded(app.CodeInUse, "data folder /x: another process has it open")
	b := newWalletBench(t, desk, m)
	b.wantShown("The data folder is in use.", "Another Lamina has this data folder open")
	b.wantHidden("Set up a wallet")
}
