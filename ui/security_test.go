package ui

import (
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/risk"
)

// TestAlarms: every alarm is shown once with what was seen and what to do, on the overview and at the foot of the window, and
// is gone when it is over.
func TestAlarms(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	happens := func(kinds ...risk.Kind) {
		t.Helper()
		m.setAlarms(kinds...)
		e := alarmOf(risk.Eclipse)
		m.events <- app.Event{Kind: app.EventAlarm, Alarm: &app.AlarmEvent{ChainAlarm: e, Cleared: len(kinds) == 0}}
		(<-b.queue)()
		b.pump()
	}
	for _, k := range risk.Kinds() {
		a := alarmOf(k)
		b.wantHidden(a.Title)
		happens(k)
		b.wantShown("Dev native: "+a.Title, a.What, a.Do)
		if got := b.frame.alarm.Text; got != "Dev native: "+a.Title {
			t.Errorf("at the foot: %q", got)
		}
		if len(b.overview.alarms.content.Objects) != 1 {
			t.Errorf("%s: shown %d times", k, len(b.overview.alarms.content.Objects))
		}
		b.wantWhole()
		happens()
		b.wantHidden(a.Title)
	}
	happens(risk.Kinds()...)
	b.wantShown(alarmOf(risk.Eclipse).What, alarmOf(risk.FilterConflict).Do)
	b.window.Resize(phone)
	b.wantWhole()
}

// TestSafetyOfPayment: how many confirmations of how many, the risk for the share that the user chose, the reasons, and a proof.
func TestSafetyOfPayment(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, phone, m)
	b.frame.open(activityAt)
	b.activity.open(idOf(1))
	b.pump()
	b.wantShown("2 of 24 recommended (2 for a small payment, no number suffices for a large one)", "1 in 81", "1 in 1\u202f000", "less than 1 in a million million")
	b.wantHidden("not checked", "overtaken")
	b.activity.detail.safety.attacker.SetSelected(b.texts.Attacker(0.4))
	b.pump()
	if got := m.attackers[len(m.attackers)-1]; got != 0.4 || m.attackers[0] != risk.DefaultAttacker {
		t.Errorf("counted with %v", m.attackers)
	}
	b.tap("Why is it believed?")
	b.pump()
	b.wantShown("on the best chain", "header, checked", "one peer alone", "filter, missing", "overtaken", "anchor, broken", "Not every reason could be checked")
	b.wantWhole()
	b.tap("Save a proof of it\u2026")
	b.pump()
	b.wantShown("It shows 2 confirmations")
	if b.dialog == nil || m.count("Prove") != 1 {
		t.Error("nobody asks where to write the proof")
	}
	b.back() // the dialog
	b.activity.open(idOf(0))
	b.pump()
	b.wantHidden("overtaken", "It shows 2 confirmations", "Why is it believed?") // it is in no block
	m.note(func() { m.err = app.Coded(app.CodeOffline, "block 7: offline") })
	b.activity.open(idOf(2))
	b.pump()
	b.wantShown("block 7: offline")
	b.wantWhole()
}
