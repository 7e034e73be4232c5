package ui

import "testing"

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
