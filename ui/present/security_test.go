package present

import (
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// TestAlarmTexts: what is translated is what risk says, so that no alarm is told otherwise on the screen than elsewhere.
func TestAlarmTexts(t *testing.T) {
	x := New(nil)
	for _, k := range risk.Kinds() {
		if got := x.alarmText(k); got != k.Text() || got.Title == "" {
			t.Errorf("%s: got %+v, want %+v", k, got, k.Text())
		}
		a := app.ChainAlarm{Alarm: risk.Alarm{Kind: k, Seen: risk.Seen{Blocks: 3, Of: 4, Want: 0.5}}}
		got := x.Alarm(&a, "Dev")
		if text := got.Title + got.What + got.Do; strings.ContainsAny(text, "{}") || !strings.HasPrefix(got.Title, "Dev: ") {
			t.Errorf("%s: %+v", k, got)
		}
	}
	newer := app.ChainAlarm{Title: "t", What: "w", Do: "d"}
	if got := x.Alarm(&newer, "Dev"); got != (Alarm{"Dev: t", "w", "d"}) {
		t.Errorf("%+v", got)
	}
}

func TestChance(t *testing.T) {
	x := New(nil)
	for p, want := range map[float64]string{
		1: "almost certain, if somebody has that much work and tries", 0.5: "50\u202f%", 0.1: "10\u202f%", 0.0999: "1 in 10", 0.0123: "1 in 81", 1e-3: "1 in 1\u202f000", 5.91e-4: "1 in 1\u202f600",
		1e-6: "1 in 1\u202f000\u202f000", 1e-13: "less than 1 in a million million", 0: "less than 1 in a million million",
	} {
		if got := x.chance(p); got != want {
			t.Errorf("%g: got %q, want %q", p, got, want)
		}
	}
}

// TestSafety: what is not known is said to be so, and nothing is a sum of money.
func TestSafety(t *testing.T) {
	x := New(nil)
	six, p := 6, 0.001
	waits := []app.Wait{{Size: "small"}, {Size: "normal", Confirmations: &six}, {Size: "large", Never: true}}
	all := func(r app.PaymentRisk) string {
		var b strings.Builder
		for _, row := range x.Safety(&r) {
			b.WriteString(row.Label + ": " + row.Value + "\n")
		}
		return b.String()
	}
	for _, c := range []struct {
		r    app.PaymentRisk
		says []string
	}{
		{app.PaymentRisk{Depth: 2, Waits: waits, Risk: &p, Later: []app.Later{{More: 1, Risk: 1e-4}, {More: 2, Risk: 1}}},
			[]string{"Confirmations: 2 of 6 recommended (not known for a small payment, no number suffices for a large one)\n", "is undone: 1 in 1\u202f000\n", "After 1 more: 1 in 10\u202f000\n"}},
		{app.PaymentRisk{Depth: 2, Waits: []app.Wait{{Size: "normal"}}, Unknown: "no share"}, []string{"2; recommended: not known\n", "not known: no share\n"}},
		{app.PaymentRisk{Depth: 9, Waits: []app.Wait{{Size: "normal", Never: true}}, Risk: &p}, []string{"9; recommended: no number suffices\n"}},
		{app.PaymentRisk{Depth: 9, Waits: waits, Anchor: &p, AnchorDepth: 3, L1Waits: waits, Risk: &p, Honest: &p}, []string{"L1 blocks on its anchor: 3 of 6", "at least 0\u202f%"}},
	} {
		got := all(c.r)
		for _, text := range c.says {
			if !strings.Contains(got, text) {
				t.Errorf("%+v: want %q in\n%s", c.r, text, got)
			}
		}
		if strings.Contains(got, "After 2 more") {
			t.Errorf("too much is told:\n%s", got)
		}
	}
}

func TestLegs(t *testing.T) {
	x := New(nil)
	got := x.Legs(&app.Evidence{Legs: []app.Leg{{Name: "a", State: app.LegChecked, Text: "t"}, {State: app.LegMissing}, {State: app.LegBroken}}})
	if len(got) != 3 || got[0].Outcome != spv.Passed || got[0].Name != "a" || got[0].Word != "checked" || got[0].Rule != "t" ||
		got[1].Outcome != spv.NotChecked || got[2].Outcome != spv.Failed {
		t.Errorf("%+v", got)
	}
	alarm := risk.Alarm{Kind: risk.Fork, Seen: risk.Seen{Blocks: 3}}
	newer := risk.Alarm{Kind: 200}
	got = x.Legs(&app.Evidence{Legs: []app.Leg{{Name: "alarm", Text: "t", Alarm: &alarm}, {Name: "alarm", Text: "of a newer daemon", Alarm: &newer}}})
	if got[0].Rule != alarm.String() || got[1].Rule != "of a newer daemon" {
		t.Errorf("alarms: %+v", got)
	}
}

// TestSampledWords: what rests on a sampled proof is said to, wherever it is said how far something is known.
func TestSampledWords(t *testing.T) {
	x := New(nil)
	tip := spv.Block{Height: 9000}
	state := app.ChainState{Title: "Dev", Stage: "sampling", Trust: app.Trust{Tip: tip, Scanned: tip, Sampled: 6120, SampledBits: 32}}
	if got := x.SyncLine(&state); !strings.HasPrefix(got, "Checking a sampled proof of Dev") {
		t.Error(got)
	}
	state.Trust.Synced, state.Trust.Verified = true, true
	var row string
	for _, r := range x.Sync(&state).Rows {
		if r.Label == "History checked by sample" {
			row = r.Value
		}
	}
	if want := "up to block 6\u202f120; that one with less than half of its work passes: 1 in 4\u202f200\u202f000\u202f000"; row != want {
		t.Errorf("got %q, want %q", row, want)
	}
	const says = "The history up to block 6\u202f120 is sampled only."
	holding := x.holding(&app.Balance{Trust: state.Trust}, &state)
	if got := x.Trust(&state.Trust); !strings.HasSuffix(got, says) || !strings.Contains(holding.Note, says) {
		t.Errorf("%q, %q", got, holding.Note)
	}
	state.Trust.Sampled = 0
	if got := x.Trust(&state.Trust); strings.Contains(got, "sampled") {
		t.Error(got)
	}
}
