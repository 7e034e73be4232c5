package present

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

var tst = app.Unit{Symbol: "TST", Decimals: 8}

func TestParseAmount(t *testing.T) {
	tests := []struct {
		text        string
		thousandths bool
		want        int64
		err         string
	}{
		{"1", false, 1e8, ""}, {"0.3", false, 3e7, ""}, {"0,3", false, 3e7, ""}, {".5", false, 5e7, ""}, {"5.", false, 5e8, ""},
		{"0.012 345 67", false, 1234567, ""}, {"1\u202f204.318\u202f5", false, 120431850000, ""}, {"0.10000000000", false, 1e7, ""},
		{"300", true, 3e7, ""}, {"0.00001", true, 1, ""}, {"92233720368.54775807", false, math.MaxInt64, ""},
		{"", false, 0, "not given yet"}, {"  ", false, 0, "not given yet"}, {"0", false, 0,
			"zero cannot be paid"}, {"0.000", false, 0, "zero"},
		{"-1", false, 0, "no amount of TST"}, {"+1", false, 0, "no amount"}, {"1e3", false, 0, "no amount"}, {"1.2.3",
			false, 0, "no amount"},
		{"1,000.5", false, 0, "no amount"}, {".", false, 0, "no amount"}, {"0x10", false, 0, "no amount"}, {"١",
			false, 0, "no amount"},
		{"0.000000001", false, 0, "has 8 decimals"}, {"0.000001", true, 0,
			"mTST has 5 decimals"}, {"92233720368.54775808", false, 0, "no amount"},
		{strings.Repeat("9", 50), false, 0, "no amount"},
	}
	for _, test := range tests {
		x := New(nil)
		x.SetStyle(Style{Thousandths: test.thousandths})
		got, err := x.ParseAmount(test.text, tst)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q, thousandths %v: got %d, %v; want %d, %q", test.text, test.thousandths, got, err, test.want, test.err)
		}
	}
}

// TestAmountsReadBack writes amounts in every style and reads them again.
func TestAmountsReadBack(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		u := app.Unit{Symbol: "X", Decimals: r.IntN(12)}
		x := New(nil)
		x.SetStyle(Style{Thousandths: r.IntN(2) == 0})
		units := 1 + r.Int64N(int64(1)<<uint(1+r.IntN(62)))
		for _, text := range []string{x.Plain(units, u), strings.TrimSuffix(x.Amount(units, u), x.Symbol(u))} {
			if got, err := x.ParseAmount(text, u); err != nil || got != units {
				t.Fatalf("seed %d: %d of %d decimals is written %q and read as %d (%v)", seed, units, u.Decimals, text, got, err)
			}
		}
	}
}

func FuzzParseAmount(f *testing.F) {
	f.Add("0.3")
	f.Add("1 000,5")
	f.Fuzz(func(t *testing.T, text string) {
		x := New(nil)
		units, err := x.ParseAmount(text, tst)
		if err != nil {
			return
		}
		if units <= 0 {
			t.Fatalf("%q: %d", text, units)
		}
		if again, err := x.ParseAmount(x.Plain(units, tst), tst); err != nil || again != units {
			t.Fatalf("%q: %d, then %d (%v)", text, units, again, err)
		}
	})
}

func TestShort(t *testing.T) {
	for text, want := range map[string]string{"": "", "short": "short",
		"bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7": "bcrt1q8ze8…wxz4m2q7"} {
		if got := Short(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := Fours("abcdefghij"); got != "abcd efgh ij" {
		t.Errorf("got %q", got)
	}
}

// TestEveryCodeHasItsStep: no error leaves its reader without something to do.
func TestEveryCodeHasItsStep(t *testing.T) {
	x, seen := New(nil), map[string]app.Code{}
	for _, c := range []app.Code{app.CodeInvalid, app.CodeMissing, app.CodeExists, app.CodeLocked, app.CodePassword,
		app.CodeWords, app.CodeDamaged,
		app.CodeFunds, app.CodeConsent, app.CodeConflict, app.CodeWatch, app.CodeOffline, app.CodeInUse, app.CodeStopped, app.CodeInternal} {
		p := x.Problem(app.Coded(c, "coin 1: spent"))
		all := c == app.CodeLocked || c == app.CodePassword || c == app.CodeWords || c == app.CodeInUse // the code says it all
		if other, twice := seen[p.Next]; twice || p.Next == "" || p.What == "" || (p.What == "coin 1: spent") == all {
			t.Errorf("%s: %+v, as %s", c, p, other)
		}
		seen[p.Next] = c
	}
}

func state(set func(*app.ChainState)) app.ChainState {
	s := app.ChainState{Name: "a", Title: "A", Kind: "l1", Unit: tst, Stage: "following", Share: 1,
		Trust: app.Trust{Synced: true, Peers: 8, Scanned: spv.Block{Height: 7}}}
	set(&s)
	return s
}

func TestStatus(t *testing.T) {
	eta := int64(190)
	synced := state(func(*app.ChainState) {})
	slow := state(func(s *app.ChainState) { s.Title, s.Stage, s.Share, s.Trust.Synced = "B", "filters", 0.999, false })
	tests := []struct {
		states      []app.ChainState
		line, alarm string
	}{
		{nil, "No chain is followed.", ""},
		{[]app.ChainState{synced}, "A is synced. Peers: 8.", ""},
		{[]app.ChainState{synced, slow}, "Fetching filters of B, 99_%. Peers: 8.", ""}, // cut off: 100 % would be a lie
		{[]app.ChainState{slow, state(func(s *app.ChainState) {
			s.Stage, s.Share, s.Trust.Synced, s.ETA = "headers",
				0.62, false, &eta
		})},
			"Checking headers of A, 62_%, 3 min left. Peers: 8.", ""},
		{[]app.ChainState{state(func(s *app.ChainState) {
			s.Stage, s.Share, s.Trust.Synced,
				s.Trust.Peers = "connecting", 0, false, 0
		})},
			"Looking for peers of A. Peers: 0.", "A: no peer."},
		{[]app.ChainState{state(func(s *app.ChainState) {
			s.Stage, s.Trust.Synced, s.Trust.Peers = "offline", false,
				0
		})}, "Offline: A as of the last run.", ""},
		{[]app.ChainState{synced, state(func(s *app.ChainState) { s.Title, s.Disputed = "C", 2 })}, "A is synced. Peers: 8.",
			"C: peers dispute 2 blocks; the balance may lack something."},
	}
	for _, test := range tests {
		got := New(nil).Status(test.states)
		if plain(got.Line) != test.line || got.Alarm != test.alarm {
			t.Errorf("got %q, %q; want %q, %q", plain(got.Line), got.Alarm, test.line, test.alarm)
		}
	}
}

func TestOverviewCountsOnlyTheL1sMoney(t *testing.T) {
	states := []app.ChainState{
		state(func(*app.ChainState) {}),
		state(func(s *app.ChainState) { s.Name, s.Kind = "native", "native" }),
		state(func(s *app.ChainState) { s.Name, s.Kind, s.Unit.Decimals = "fractional", "fractional", 11 }),
		state(func(s *app.ChainState) { s.Name, s.Kind = "aux", "auxpow" }), // the same symbol, and yet other money
		state(func(s *app.ChainState) { s.Name, s.Kind, s.Unit.Symbol = "issued", "issued", "ISS" }),
	}
	var balances []app.Balance
	for i, s := range states {
		balances = append(balances, app.Balance{Purse: app.Purse{Chain: s.Name}, Confirmed: []int64{1e8, 2e8, 500,
			9e8, 9e8}[i], Unit: s.Unit, Trust: s.Trust})
	}
	o := New(nil).Overview(balances, states)
	if plain(o.Total) != "3.000_000_005 TST" {
		t.Errorf("total %q", plain(o.Total))
	}
	for i, h := range o.Holds {
		if counted := h.Counted == "" && h.Share >= 0; counted != (i < 3) {
			t.Errorf("%s: %+v", h.Chain, h)
		}
	}
	balances[2].Trust.Scanned.Height = -1 // one part is not known
	if o = New(nil).Overview(balances, states); o.Total != "not known yet" || o.Holds[2].Amount != "not known yet" {
		t.Errorf("total %q, part %q", o.Total, o.Holds[2].Amount)
	}
	balances[2].Trust.Scanned.Height = 1
	balances[0].Confirmed, balances[1].Confirmed = math.MaxInt64, math.MaxInt64 // more than fits is no number
	if o = New(nil).Overview(balances, states); o.Total != "not known yet" {
		t.Errorf("total %q", o.Total)
	}
}

func TestPaymentLine(t *testing.T) {
	base := app.Row{Status: "confirmed", Depth: 6, Time: time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC), Amount: 5,
		Addresses: []string{"addr"}}
	tests := []struct {
		set                func(*app.Row)
		who, amount, state string
	}{
		{func(*app.Row) {}, "at addr", "+0.000_000_05 TST", "6 blocks deep"},
		{func(r *app.Row) { r.Amount, r.Addresses = -5, []string{"one", "two", "three"} }, "to one +2",
			"-0.000_000_05 TST", "6 blocks deep"},
		{func(r *app.Row) { r.Amount, r.Addresses = -5, nil }, "to ourselves", "-0.000_000_05 TST", "6 blocks deep"},
		{func(r *app.Row) { r.Label, r.Depth = "rent", 1 }, "“rent”", "+0.000_000_05 TST", "1 block deep"},
		{func(r *app.Row) { r.Coinbase = true }, "new money from mining", "+0.000_000_05 TST", "6 blocks deep"},
		{func(r *app.Row) { r.Status = "pending" }, "at addr", "+0.000_000_05 TST", "pending, in no block yet"},
		{func(r *app.Row) { r.Status, r.DoubleSpend = "pending", true }, "at addr", "+0.000_000_05 TST",
			"pending, and disputed by another payment"},
		{func(r *app.Row) { r.Status = "void" }, "at addr", "+0.000_000_05 TST", "void: another took its coins"},
		{func(r *app.Row) { r.Status = "abandoned" }, "at addr", "+0.000_000_05 TST", "given up"},
		{func(r *app.Row) { r.Status = "replaced" }, "at addr", "+0.000_000_05 TST", "replaced by another"},
	}
	x := New(nil)
	x.SetStyle(Style{Zone: time.FixedZone("", 3600)})
	for _, test := range tests {
		r := base
		test.set(&r)
		got := x.PaymentLine(&r, nil, tst)
		if got.Who != test.who || plain(got.Amount) != test.amount || got.State != test.state || got.When != "2026-11-22 00:30" || got.In != (r.Amount > 0) {
			t.Errorf("got %+v, want %q %q %q", got, test.who, test.amount, test.state)
		}
	}
}

// TestPaymentInventsNothing: what the Backend does not know is said to be unknown.
func TestPaymentInventsNothing(t *testing.T) {
	tx := app.Transaction{Row: app.Row{Status: "pending", Amount: 5}, Unit: tst, Trust: app.Trust{Scanned: spv.Block{Height: -1}}}
	all := fmt.Sprint(New(nil).Payment(&tx))
	for _, want := range []string{"not known: the inputs are not ours", "0 peers that did not have it from us",
		"what is there is not known", "not known yet"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in %s", want, all)
		}
	}
	for _, never := range []string{"In block", "Fee rate", "Replaced by"} {
		if strings.Contains(all, never) {
			t.Errorf("%q is in %s", never, all)
		}
	}
}

func TestFlow(t *testing.T) {
	value := func(v int64) *int64 { return &v }
	d := app.Draft{Unit: tst, Fee: 10}
	for i := range 20 {
		d.Inputs = append(d.Inputs, app.DraftLine{Outpoint: fmt.Sprint(i), Value: value(int64(i + 1))})
	}
	d.Outputs = []app.DraftLine{{Value: value(150), Address: "payee"}, {Value: value(50), Change: true, Ours: true,
		Address: "a"}, {Value: value(0)}, {Value: nil, Ours: true, Address: "b"}}
	f := New(nil).Flow(&d)
	sum := int64(0)
	for _, s := range f.In {
		sum += s.Weight
	}
	if len(f.In) != maxStreams || sum != 210 || f.In[maxStreams-1].Under != "14 more" {
		t.Errorf("%d streams with %d: %+v", len(f.In), sum, f.In)
	}
	want := []struct {
		under string
		kind  StreamKind
	}{{"payee", Theirs}, {"back to you", Back}, {"a note in the chain", Theirs}, {"to you: b", Back}, {"fee", Toll}}
	for i, w := range want {
		if f.Out[i].Under != w.under || f.Out[i].Kind != w.kind {
			t.Errorf("output %d: %+v, want %+v", i, f.Out[i], w)
		}
	}
	if f.Out[3].Text != "not known" {
		t.Errorf("unknown value: %q", f.Out[3].Text)
	}
}

func TestShare(t *testing.T) {
	for _, test := range []struct {
		part, whole int64
		want        string
	}{{1, 1e8, "< 0.1_%"}, {1, 100, "1.0_%"}, {15, 100, "15_%"}, {5, 1000, "0.5_%"}, {12_000_000, 1e8, "12_%"}, {3, 1,
		"300_%"}, {math.MaxInt64, math.MaxInt64, "100_%"}} {
		if got := plain(share(test.part, test.whole)); got != test.want {
			t.Errorf("%d of %d: got %q, want %q", test.part, test.whole, got, test.want)
		}
	}
}

func TestConcerns(t *testing.T) {
	x, seen := New(nil), map[string]bool{}
	for _, c := range append([]string{"unheard of"}, concerns...) {
		text := x.Concern(&app.Warning{Concern: c})
		if seen[text] {
			t.Errorf("%s: %q says nothing of its own", c, text)
		}
		seen[text] = true
		want := c
		if c == "unheard of" {
			want = ""
		}
		if got := ConcernIn(fmt.Errorf("fee 1: wants consent (%s)", c)); got != want {
			t.Errorf("%s: read back as %q", c, got)
		}
	}
	if got := ConcernIn(errors.New("(reuse) and more")); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestStrength(t *testing.T) {
	tests := map[string]Strength{"": 0, "aaaaaaaaaaaaaaaaaaaaaaaa": 0, "abcdefghijklmnop": 0, "123456789": 0,
		"hunter2": 0, "correct horse": 1,
		"correct horse battery staple": 3, "Tr0ub4dor&3": 2}
	for password, want := range tests {
		if got, _ := New(nil).Strength(password); got != want {
			t.Errorf("%q: got %d (%.0f bits), want %d", password, got, guessBits(password), want)
		}
	}
}

func TestBirthday(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	tests := map[string]string{"": "0001-01-01", "2024": "2024-01-01", " 2024-03 ": "2024-03-01", "2024-03-31": "2024-03-31",
		"2027": "yet to come", "2008": "no chain in 2008", "31.3.2024": "no date", "2024-13": "no date", strings.Repeat("9", 99): "no date"}
	for text, want := range tests {
		at, err := New(nil).Birthday(text, now)
		got := at.Format("2006-01-02")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestPlanWords(t *testing.T) {
	x := New(nil)
	p := app.Plan{Unit: tst, Coins: 5, Cost: 5, Saving: -7, Steps: []app.PlanStep{{Group: 1, Sum: 60}, {Group: 1,
		Sum: 40}, {Group: 1, Join: true, Sum: 97}, {Group: 2, Sum: 100}}}
	f := x.PlanFlow(&p)
	if f.In[0].Weight != 200 || f.Out[0].Weight != 195 || f.Out[0].Under != "2 coins" {
		t.Errorf("%+v", f)
	}
	if rows := fmt.Sprint(x.PlanCost(&p)); !strings.Contains(rows, "Lost in the end") || strings.Contains(rows, "Saved") {
		t.Errorf("a plan that costs: %s", rows)
	}
	for want, s := range map[string]app.PlanState{"All 3 transactions are sent.": {Done: 3, Steps: 3},
		"1 of 3 transactions are sent. The rest goes on": {Done: 1, Steps: 3, Waiting: true},
		"1 of 3 transactions are sent.":                  {Done: 1, Steps: 3}} {
		if got := x.PlanState(&s); !strings.HasPrefix(got, want) {
			t.Errorf("%+v: got %q", s, got)
		}
	}
}

func TestBackupWords(t *testing.T) {
	x := New(nil)
	for _, test := range []struct {
		c    app.BackupCheck
		good bool
		want string
	}{{app.BackupCheck{Words: true}, true, "These are the words"}, {app.BackupCheck{}, false, "not the words of this wallet"},
		{app.BackupCheck{Words: true, File: "gone"}, false, "The copy of the key file: gone."}} {
		if good, text := x.Backup(&test.c); good != test.good || !strings.Contains(text, test.want) {
			t.Errorf("%+v: got %v, %q", test.c, good, text)
		}
	}
	if got := Numbered([]string{"a", "b", "c"}); got != " 1 a           2 b        \n 3 c" {
		t.Errorf("got %q", got)
	}
	if got := fmt.Sprint(SplitTags(" #a, b ,,")); got != "[a b]" {
		t.Errorf("got %s", got)
	}
}

func TestPlanAdvice(t *testing.T) {
	x := New(nil)
	for advice, want := range map[string]string{app.AdviseNow: "Combine now", app.AdviseWait: "Wait for lower fees", "": ""} {
		rows := x.PlanCost(&app.Plan{Advice: advice})
		got := ""
		if rows[0].Label == "Advice" {
			got = rows[0].Value
		}
		if (want == "") != (got == "") || !strings.HasPrefix(got, want) {
			t.Errorf("advice %q: %q, want %q", advice, got, want)
		}
	}
	s := app.PlanState{Warnings: []app.Warning{{Text: "the fee is high"}, {Text: "so is the rate"}}}
	if got := x.PlanWarnings(&s); got != "Before it goes on: the fee is high\nBefore it goes on: so is the rate" {
		t.Errorf("warnings: %q", got)
	}
	if got := x.PlanState(&app.PlanState{Done: 1, Steps: 1}); got != "The one transaction is sent." {
		t.Errorf("one of one: %q", got)
	}
}

func TestNoReplacementIsSaid(t *testing.T) {
	for _, why := range []string{"", "its miners take the first"} {
		said := false
		for _, row := range New(nil).Payment(&app.Transaction{NoBump: why}) {
			said = said || row.Label == "Cannot be replaced" && row.Value == why
		}
		if said != (why != "") {
			t.Errorf("reason %q: said %v", why, said)
		}
	}
}

func TestNoBlockYet(t *testing.T) {
	s := app.ChainState{Trust: app.Trust{TipTime: time.Unix(1_700_000_000, 0)}}
	value := func() string {
		for _, row := range New(nil).Sync(&s).Rows {
			if row.Label == "Highest checked header" {
				return row.Value
			}
		}
		return ""
	}
	if got := value(); got != "no block known yet" {
		t.Errorf("before the first header: %q", got)
	}
	s.Trust.Synced = true // a chain that has just begun
	if got := value(); !strings.HasPrefix(got, "0, ") {
		t.Errorf("at block 0: %q", got)
	}
}

// TestSpentChangeIsNoChange: a coin that was change once does not come back to anybody when it is spent.
func TestSpentChangeIsNoChange(t *testing.T) {
	v := int64(5)
	line := app.DraftLine{Value: &v, Address: "ldev1qaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Change: true, Ours: true}
	f := New(nil).Flow(&app.Draft{Inputs: []app.DraftLine{line}, Outputs: []app.DraftLine{line}, Unit: tst})
	if f.In[0].Under == "back to you" || f.Out[0].Under != "back to you" {
		t.Errorf("spent %q, made %q", f.In[0].Under, f.Out[0].Under)
	}
}

func TestASwapThatIsOverWantsNothing(t *testing.T) {
	for phase, over := range map[string]bool{"funded first": false, "redeemed": true, "refunded": true} {
		j := New(nil).Swap(&app.Swap{Phase: phase, Move: "wait"}, func(string) app.Unit { return tst }, func(c string) string { return c })
		if j.Over != over || (j.Next == "") != over {
			t.Errorf("%s: over %v, next %q", phase, j.Over, j.Next)
		}
	}
}

// TestOverdueWithdrawal: what the settlers let pass is said, in place of a time that nobody knows.
func TestOverdueWithdrawal(t *testing.T) {
	w := app.Withdrawal{Layer: "native", L1: "dev", Phase: "released", Amount: 5, Expected: 60}
	title := func(chain string) string { return chain }
	if j := New(nil).Withdrawal(&w, tst, title); !strings.Contains(j.State, "next batch") || !strings.Contains(j.State, "About 60 s more") {
		t.Error(j.State)
	}
	w.Expected, w.Overdue = 0, 7
	if j := New(nil).Withdrawal(&w, tst, title); !strings.Contains(j.State, "did not pay it: 7.") || strings.Contains(j.State, "About") {
		t.Error(j.State)
	}
}
