package present

import (
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/pow"
)

func sample(outcomes ...spv.Outcome) *doctor.Report {
	r := &doctor.Report{Title: "header of x", Verdict: doctor.Incomplete}
	for _, o := range outcomes {
		r.Checks = append(r.Checks, spv.Check{Name: spv.CheckWork, Outcome: o, Want: "below 5", Got: "7"})
		switch o {
		case spv.Failed:
			r.Verdict = doctor.Refuted
		case spv.Passed:
			r.Verdict = doctor.Verified
		case spv.NotChecked:
			r.NotChecked = append(r.NotChecked, spv.CheckDifficulty)
		}
	}
	return r
}

func TestVerdicts(t *testing.T) {
	tests := []struct {
		report               *doctor.Report
		word, sentence, left string
	}{
		{sample(spv.Passed, spv.Passed), "Verified", "2 of 2 checks passed, none failed.", ""},
		{sample(spv.Passed, spv.NotChecked), "Verified", "1 of 2 checks passed, none failed.", "Not checked, and not vouched for: difficulty."},
		{sample(spv.Failed), "Refuted", "The check work failed. Do not rely on this.", ""},
		{sample(spv.NotChecked), "Not decided", "None of the checks could be made with what is given.", "Not checked, and not vouched for: difficulty."},
	}
	for _, test := range tests {
		v := New(nil).Report(test.report).Verdict
		if v.Word != test.word || v.Sentence != test.sentence || v.Left != test.left {
			t.Errorf("got %q, %q, %q; want %q, %q, %q", v.Word, v.Sentence, v.Left, test.word, test.sentence, test.left)
		}
		if (v.Limit != "") != (v.Outcome == doctor.Verified) {
			t.Errorf("%s: what the verdict does not speak of: %q", v.Word, v.Limit)
		}
	}
}

func TestChecksShowWhatTheyCompared(t *testing.T) {
	r := New(nil).Report(sample(spv.Passed, spv.Failed, spv.NotChecked))
	want := []string{"passed found=7", "failed wanted=below 5 found=7", "not checked because=7"}
	for i, c := range r.Checks {
		got := c.Word
		for _, v := range c.Values {
			got += " " + v.Label + "=" + v.Value
		}
		if got != want[i] {
			t.Errorf("check %d: got %q, want %q", i, got, want[i])
		}
		if c.Rule != doctor.Explain(spv.CheckWork) || c.Rule == "" {
			t.Errorf("check %d: rule %q", i, c.Rule)
		}
	}
}

func TestPlainHoldsEverything(t *testing.T) {
	source, height := sample(spv.Passed, spv.Failed), int32(7)
	source.Subject.Height = &height
	source.Cause = &doctor.Cause{Name: "c", Text: "the root is reversed", Mend: "turn it round"}
	source.Warnings = []string{"mind the height"}
	source.Facts = []doctor.Fact{{Name: "bits", Value: "1d00ffff"}}
	r := New(nil).Report(source)
	text := r.Plain()
	for _, part := range []string{"header of x, height 7\n0000", "Refuted", "the root is reversed", "turn it round", "mind the height", "bits: 1d00ffff", "below 5", "work"} {
		if !strings.Contains(text, part) {
			t.Errorf("the text lacks %q:\n%s", part, text)
		}
	}
}

func TestRequest(t *testing.T) {
	id := strings.Repeat("0", 62) + "ab"
	good := Fields{Kind: app.AuxPoW, Chain: "some", Input: []byte("00")}
	tests := []struct {
		name  string
		spoil func(*Fields)
		want  string // part of the error; empty: none
	}{
		{"good", func(*Fields) {}, ""},
		{"no input", func(f *Fields) { f.Input = nil }, "Nothing to verify yet"},
		{"no chain", func(f *Fields) { f.Chain = "" }, "Chain: choose"},
		{"height", func(f *Fields) { f.Height = " 145 000 " }, ""},
		{"height is no number", func(f *Fields) { f.Height = "12a" }, `Height: "12a"`},
		{"height below 0", func(f *Fields) { f.Height = "-1" }, `Height: "-1"`},
		{"height too high", func(f *Fields) { f.Height = "1073741824" }, "Height:"},
		{"by id", func(f *Fields) { f.Chain, f.ChainID, f.Work = ByID, "0x62", "scrypt" }, ""},
		{"by id without", func(f *Fields) { f.Chain, f.Work = ByID, "scrypt" }, "Merged-mining id:"},
		{"by id too large", func(f *Fields) { f.Chain, f.ChainID, f.Work = ByID, "65536", "scrypt" }, `"65536"`},
		{"by id without work", func(f *Fields) { f.Chain, f.ChainID = ByID, "98" }, "Work hash:"},
		{"child", func(f *Fields) { f.ChildHash, f.Bits = id, "1d00ffff" }, ""},
		{"child without bits", func(f *Fields) { f.ChildHash = id }, "needs both"},
		{"child too short", func(f *Fields) { f.ChildHash, f.Bits = id[1:], "1d00ffff" }, "Block id:"},
		{"bits too long", func(f *Fields) { f.ChildHash, f.Bits = id, "1d00ffff0" }, "Bits:"},
		{"txid", func(f *Fields) { f.Kind, f.TxID = app.Merkle, id }, ""},
		{"txid is no hex", func(f *Fields) { f.Kind, f.TxID = app.Merkle, strings.Repeat("z", 64) }, "Transaction id:"},
		{"txid of another kind", func(f *Fields) { f.Kind, f.TxID = app.Header, "z" }, ""},
		{"long nonsense is cut", func(f *Fields) { f.Height = strings.Repeat("x", 5000) }, "xxxx\u2026\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := good
			test.spoil(&f)
			_, err := New(nil).Request(f)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRequestValues(t *testing.T) {
	id := strings.Repeat("0", 62) + "ab"
	r, err := New(nil).Request(Fields{
		Kind: app.AuxPoW, Chain: ByID, ChainID: "98", Work: "scrypt", Input: []byte("00"), Height: "7", ChildHash: id, Bits: "0x1d00ffff"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Chain != "" || r.ChainID != 98 || r.Work != pow.Scrypt || r.Height != 7 || r.Bits != 0x1d00ffff || r.ChildHash.String() != id {
		t.Errorf("got %+v with child %s", r, r.ChildHash)
	}
	r, err = New(nil).Request(Fields{Kind: app.Merkle, Chain: NoChain, Input: []byte("00")})
	if err != nil || r.Chain != "" || r.Height != doctor.UnknownHeight || r.TxID != nil {
		t.Errorf("without a chain: got %+v, %v", r, err)
	}
}

func TestChoices(t *testing.T) {
	all := builtin(t).All()
	for _, k := range app.Kinds() {
		x, mined := New(nil), 0
		if x.KindHint(k) == "" {
			t.Errorf("%s: no hint", k)
		}
		seen := map[string]bool{}
		for _, o := range x.Chains(k, all) {
			if seen[o.Text] {
				t.Errorf("%s: %q is offered twice", k, o.Text)
			}
			seen[o.Text] = true
			if o.Value == "litecoin" {
				mined++
			}
		}
		if want := map[bool]int{true: 0, false: 1}[k == app.AuxPoW]; mined != want {
			t.Errorf("%s: an L1 is offered %d times, want %d", k, mined, want)
		}
	}
}
