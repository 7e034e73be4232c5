package ui

import "testing"

// TestActivityAnswersBetweenNews: news that come faster than the history is read do not keep it from being shown.
func TestActivityAnswersBetweenNews(t *testing.T) {
	b := newWalletBench(t, desk, &money{asked: map[string]int{}, rows: 50})
	b.frame.open(activityAt)
	for range 20 { // each time the answer to the question before is on its way
		b.activity.refresh(moneyChanged)
		(<-b.queue)()
	}
	if b.activity.total != 50 {
		t.Errorf("%d payments are shown after 20 news, want 50", b.activity.total)
	}
	b.pump()
	if asked := b.money.asked["History"]; asked < 2 {
		t.Errorf("the history was read %d times: what is shown is old", asked)
	}
}
