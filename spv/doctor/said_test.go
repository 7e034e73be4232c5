package doctor_test

import (
	"regexp"
	"testing"

	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/said"
)

// names are the words that values may have: of chains and work hashes, of units, of programs.
var names = regexp.MustCompile(`^(?:(?:bitcoin|litecoin|dogecoin|namecoin|dev|layer|crown|other|forged|issued|native)(?:-\w+)*|sha256d|scrypt)$|0x|UTC|sat/vB`)

var letter = regexp.MustCompile(`[g-zG-Z]`) // that is no hex digit

// wantSaid makes sure that all of a report can be said in other languages: each text has its sentence, which says the same,
// and no value of a sentence has words of ours.
func wantSaid(t testing.TB, r *doctor.Report) {
	t.Helper()
	var values func(s said.Sentence)
	values = func(s said.Sentence) {
		for _, v := range s.Values {
			if v.Said != nil {
				values(*v.Said)
			}
			if letter.MatchString(names.ReplaceAllString(v.Text, "")) {
				t.Errorf("%q: the value %q is English", s.Form, v.Text)
			}
		}
	}
	same := func(english string, s said.Sentence) {
		if s.Form == "" || s.String() != english {
			t.Errorf("%q has the sentence %q", english, s)
		}
		values(s)
	}
	same(r.Title, r.TitleSaid)
	for _, c := range r.Checks {
		same(c.Want, c.WantSaid)
		same(c.Got, c.GotSaid)
	}
	for _, f := range r.Facts {
		same(f.Name, f.NameSaid)
		same(f.Value, f.ValueSaid)
	}
	for i, w := range r.Warnings {
		same(w, r.WarningsSaid[i])
	}
	if c := r.Cause; c != nil {
		same(c.Text, c.TextSaid)
		same(c.Mend, c.MendSaid)
	}
}
