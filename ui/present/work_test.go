package present

import (
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/risk"
)

// measuredLayer is a layer that was measured over two stretches of three L1 blocks.
func measuredLayer() app.ChainSecurity {
	honest, majority, normal := 0.54, 0.5, 24
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	return app.ChainSecurity{Chain: "layer", L1: "l1", Honest: &honest, Majority: &majority, Half: 2,
		Windows: []risk.Share{{From: 1, To: 6, Share: 0.6, Low: 0.54, High: 0.66}},
		Points: []app.SharePoint{{Time: at, Share: risk.Share{From: 1, To: 3, Seals: 2, Blocks: 12, Share: 0.6, Low: 0.5, High: 0.7}},
			{Time: at.Add(24 * time.Hour), Share: risk.Share{From: 4, To: 6, Seals: 1, Blocks: 1, Share: 0.05, Low: 0, High: 0.1}}},
		Parent: app.ParentTally{Blocks: 13, Seals: 3, Near: 10},
		Pools:  []app.PoolShare{{Payee: "9f86d081884c7d65", Blocks: 7, Share: 0.0004}, {Blocks: 1, Share: 0.07}},
		Waits:  []app.Wait{{Size: "small"}, {Size: "normal", Confirmations: &normal}, {Size: "large", Never: true}}}
}

func TestWork(t *testing.T) {
	x := New(nil)
	all := func(w Work) string {
		lines := []string{w.Sentence, w.From, w.To, w.Note, w.Half}
		for _, r := range w.Rows {
			lines = append(lines, r.Label+": "+r.Value)
		}
		for _, p := range w.Payees {
			lines = append(lines, p.Name+": "+p.Text)
		}
		return plain(strings.Join(lines, "\n"))
	}
	measured := measuredLayer()
	blockwise := measuredLayer()
	blockwise.Points = []app.SharePoint{{Share: risk.Share{From: 9, To: 9, Seals: 1, Blocks: 3}}}
	alone := measuredLayer()
	alone.Half = 1
	own := app.ChainSecurity{Chain: "l1", Unknown: "it has work of its own", Majority: measured.Majority}
	unknown := app.ChainSecurity{Chain: "layer", L1: "l1", Unknown: "nothing was seen", Waits: []app.Wait{{Size: "normal"}}}
	tests := []struct {
		name           string
		in             app.ChainSecurity
		stretches      int
		want, wantNone []string
	}{
		{"measured", measured, 2, []string{"At least 54_% of L1's work protects Layer.", "2026-11-21\n2026-11-22", "in stretches of 3 blocks", "up to 3 near misses",
			"Over 6 L1 blocks: 60_%, surely 54_% to 66_%", "Wait, for a usual payment: 24 confirmations", "Wait, for a large payment: no number suffices",
			"13: 3 are L1 blocks too, 10 nearly", "payee 9f86d081…: 7 blocks, < 0.1_%", "paid to nobody: 1 blocks, 7.0_%", "It takes 2 payees"},
			[]string{"small payment", "unknown ones"}},
		{"block by block", blockwise, 1, []string{"A line is a seal"}, []string{"stretches"}},
		{"one payee", alone, 2, []string{"One payee alone mined more than half"}, nil},
		{"an L1", own, 0, []string{"L1 carries its own work", "an attacker with more than 50_% of the L1's work"}, []string{"own.", "At least"}},
		{"not measured", unknown, 0, []string{"is not known yet: nothing was seen."}, []string{"0_%", "Wait"}},
	}
	for _, test := range tests {
		title := "Layer"
		if test.in.L1 == "" {
			title = "L1"
		}
		w := x.Work(&test.in, title, "L1")
		got := all(w)
		for _, text := range test.want {
			if !strings.Contains(got, text) {
				t.Errorf("%s: no %q in\n%s", test.name, text, got)
			}
		}
		for _, text := range test.wantNone {
			if strings.Contains(got, text) {
				t.Errorf("%s: %q in\n%s", test.name, text, got)
			}
		}
		if len(w.Course) != test.stretches {
			t.Errorf("%s: %d stretches, want %d", test.name, len(w.Course), test.stretches)
		}
	}
	if first := x.Work(&measured, "", "").Course[0]; first.Blocks != 3 || first.Seals != 2 || first.Near != 10 {
		t.Errorf("the first stretch: %+v", first)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0_%", 0.0004: "< 0.1_%", 0.001: "0.1_%", 0.054: "5.4_%", 0.29: "29_%", 0.999: "99_%", 1: "100_%", 2: "100_%"} {
		if got := plain(Percent(share)); got != want {
			t.Errorf("%g: %q, want %q", share, got, want)
		}
	}
}

// TestFeeRange: one number where both ends are one, in the unit that people know.
func TestFeeRange(t *testing.T) {
	x := New(nil)
	sat, milli := app.Unit{Symbol: "TST", Decimals: 8}, app.Unit{Symbol: "TST", Decimals: 11}
	tests := []struct {
		name   string
		fees   app.Fees
		source string
	}{
		{"a range", app.Fees{Low: 1000, Normal: 2000, High: 5500, Unit: sat, Measured: true, Samples: 9, Peers: 3, Source: "what 9 blocks of the last 3 hours paid"},
			"From 1_sat/vB to 5.5_sat/vB, by what 9 blocks paid, what peers relay (3), the chain's policy."},
		{"one rate", app.Fees{Low: 1000, Normal: 1000, High: 1000, Unit: sat}, "1_sat/vB, by the chain's policy. The network's demand is not known."},
		{"another unit", app.Fees{Low: 1000, Normal: 1000, High: 1000, Unit: milli, Measured: true, Samples: 180,
			Source: "what 180 merged-mining proofs of the last 3 hours paid"}, "1 base units/vB, by what 180 merged-mining proofs tell, the chain's policy."},
	}
	for _, test := range tests {
		now, source := x.FeeRange(&test.fees, test.fees.Normal)
		if plain(source) != test.source || !strings.HasSuffix(now, ", usual") {
			t.Errorf("%s: %q, %q; want %q", test.name, now, plain(source), test.source)
		}
	}
}

// TestRecommended: a row says how many confirmations of how many, and no more than is known.
func TestRecommended(t *testing.T) {
	x, tst := New(nil), app.Unit{Symbol: "TST", Decimals: 8}
	six, none := 6, 0
	wait := func(w app.Wait) *app.PaymentRisk {
		w.Size = "normal"
		return &app.PaymentRisk{Waits: []app.Wait{{Size: "small", Confirmations: &none}, w}}
	}
	row := func(depth int32) app.Row { return app.Row{Status: "confirmed", Depth: depth, Amount: 1} }
	tests := []struct {
		name string
		row  app.Row
		risk *app.PaymentRisk
		want string
		sure float64
	}{
		{"on its way", row(2), wait(app.Wait{Confirmations: &six}), "2 of 6 recommended", 1.0 / 3},
		{"enough", row(7000), wait(app.Wait{Confirmations: &six}), "7_000 of 6 recommended", 1},
		{"never", row(2), wait(app.Wait{Never: true}), "2 blocks deep", -1},
		{"not known", row(2), wait(app.Wait{}), "2 blocks deep", -1},
		{"not asked", row(1), nil, "1 block deep", -1},
		{"pending", app.Row{Status: "pending", Amount: 1}, wait(app.Wait{Confirmations: &six}), "pending, in no block yet", -1},
		{"pending, of ours", app.Row{Status: "pending", Ours: true, Replaceable: true}, nil, "pending: no block took it yet, a higher fee may help", -1},
	}
	for _, test := range tests {
		got := x.PaymentLine(&test.row, test.risk, tst)
		if plain(got.State) != test.want || got.Sure != test.sure {
			t.Errorf("%s: %q, %g; want %q, %g", test.name, got.State, got.Sure, test.want, test.sure)
		}
	}
}

// TestPendingSaysWhoWasTold: whether peers took a pending payment of ours is said once any was told.
func TestPendingSaysWhoWasTold(t *testing.T) {
	x := New(nil)
	told := func(p app.Transaction) string {
		for _, r := range x.Payment(&p) {
			if r.Label == "Told to" {
				return r.Value
			}
		}
		return ""
	}
	if got := told(app.Transaction{Told: 8, Took: 5}); got != "8 peers, of whom 5 fetched it" {
		t.Errorf("pending: %q", got)
	}
	if got := told(app.Transaction{}); got != "" {
		t.Errorf("nobody was told: %q", got)
	}
	if got := told(app.Transaction{Row: app.Row{Block: &spv.Block{}}, Told: 8}); got != "" {
		t.Errorf("confirmed: %q", got)
	}
}
