package main

import (
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/risk"
)

// TestAlarmMetric: every alarm of every chain has a number, 1 while it is on and 0 else.
func TestAlarmMetric(t *testing.T) {
	chains := []app.ChainState{{Name: "low"}, {Name: "high"}}
	for _, kind := range risk.Kinds() {
		m := alarmMetric(chains, []app.ChainAlarm{{Chain: "high", Alarm: risk.Alarm{Kind: kind}}})
		if len(m.Values) != 2*len(risk.Kinds()) {
			t.Fatalf("%d values", len(m.Values))
		}
		for _, v := range m.Values {
			want := 0.0
			if v.Labels[1] == "high" && v.Labels[3] == kind.String() {
				want = 1
			}
			if v.Number != want {
				t.Errorf("%s: %v is %g, want %g", kind, v.Labels, v.Number, want)
			}
		}
	}
}
