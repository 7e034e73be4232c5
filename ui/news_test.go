package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/app"
)

// TestActivityAnswersBetweenNews: news that come faster than the history is read do not keep it from being shown.
func TestActivityAnswersBetweenNews(t *testing.T) {
	m := newMoney()
	m.rows = 50
	b := newWalletBench(t, desk, m)
	b.frame.open(activityAt)
	for range 20 {
		answer := <-b.queue
		b.activity.refresh(moneyChanged) // before the answer is there
		answer()
	}
	if b.activity.total != 50 {
		t.Errorf("%d payments are shown after 20 news, want 50", b.activity.total)
	}
	b.pump()
	if asked := b.money.count("History"); asked < 2 {
		t.Errorf("the history was read %d times: what is shown is old", asked)
	}
}

// TestNewsBeforeListening: what happens while a data folder is opened is shown, though no news of it reach the window.
func TestNewsBeforeListening(t *testing.T) {
	m := newMoney()
	later := m.chains
	m.chains = slices.Clone(later)
	for i := range m.chains {
		m.chains[i].Trust.Peers, m.chains[i].Trust.Synced, m.chains[i].Stage = 0, false, "connecting"
	}
	m.listed = func() { m.chains = later } // the peer is there once the chains are listed
	b := newWalletBench(t, desk, m)
	if all := shown(b.window.Content()); !strings.Contains(all, "Peers: 8") || strings.Contains(all, "Peers: 0") {
		t.Errorf("it shows\n%s", all)
	}
}

// TestNewsFasterThanAnswers: on a fast chain there is news before the last question is answered. Every page is filled all the same.
func TestNewsFasterThanAnswers(t *testing.T) {
	const between, answer, patience = 10 * time.Millisecond, 50 * time.Millisecond, 10 * time.Second
	m := newMoney()
	m.journeys, m.node = 3, runningNode()
	b := newWalletBench(t, desk, m)
	b.gather = between
	b.open(m.config, func(error) {})
	b.pump()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for kinds := []app.EventKind{app.EventSettle, app.EventSync, app.EventWallet}; ; kinds = append(kinds[1:], kinds[0]) {
			select {
			case m.events <- app.Event{Kind: kinds[0]}:
			case <-stop:
				return
			}
			select {
			case <-time.After(between):
			case <-stop:
				return
			}
		}
	}()
	pages := []struct {
		name string
		open func()
		want []string
	}{
		{"overview", func() { b.frame.open(overviewAt) }, []string{"rent", "3 of 14 blocks deep"}},
		{"receive", func() { b.frame.open(receiveAt) }, []string{"bcrt 1q8z"}},
		{"send", func() {
			b.frame.open(sendAt)
			b.send.to.SetText(payee)
			b.send.amount.SetText("0.3")
		}, []string{"10\u202fsat/vB, usual", "141 virtual bytes"}},
		{"activity", func() { b.frame.open(activityAt) }, []string{"6 payments", "rent"}},
		{"payment", func() { b.activity.open(idOf(1)) }, []string{"Checked up to block", "of 24 recommended"}},
		{"coins", func() { b.activity.closeDetail(); b.frame.open(coinsAt) }, []string{"5 coins", "savings"}},
		{"settle", func() { b.frame.open(settleAt) }, []string{"Deep enough. The claim is being made."}},
		{"layers", func() { b.frame.open(layersAt); b.layers.open("dev-native") }, []string{"At least 51\u202f% of Dev's work"}},
		{"node", func() { b.frame.open(nodeAt) }, []string{"12 blocks found"}},
	}
	m.note(func() { m.slow = answer })
	b.take(app.Purse{Wallet: "main", Chain: "dev-native"}) // of which nothing is known yet
	for _, page := range pages {
		page.open()
		for end := time.Now().Add(patience); ; (<-b.queue)() {
			all := shown(b.window.Content())
			missing := slices.IndexFunc(page.want, func(text string) bool { return !strings.Contains(all, text) })
			if missing < 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %q is not shown while there is news; there is\n%s", page.name, page.want[missing], all)
			}
		}
	}
	m.note(func() { m.slow = 0 })
}
