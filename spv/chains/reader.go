package chains

import (
	"encoding"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holiman/uint256"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/layeredpow/lamina/spv"
)

// reader takes values out of a document's tables by name and range and keeps a list of
// what is wrong. Every key that is asked for is known; the others are problems.
type reader struct {
	doc   *document
	known []string // names of tables that were asked for
}

// table returns the one table of a name. Without it an empty one is returned, and there is
// a problem unless it may be missing.
func (r *reader) table(name string, optional bool) *section {
	found, wrong := r.named(name, false)
	if len(found) > 0 {
		return &section{table: found[0], r: r}
	}
	if !optional && !wrong {
		r.doc.problems = append(r.doc.problems, Problem{r.doc.file, 1, "[" + name + "]", "", "missing"})
	}
	return &section{table: &table{name: name}, r: r, silent: true}
}

// rows returns the rows of a name in the file's order; least 1 if they must not be missing.
func (r *reader) rows(name string, least int) []*section {
	var rows []*section
	found, wrong := r.named(name, true)
	for _, t := range found {
		rows = append(rows, &section{table: t, r: r})
	}
	if len(rows) < least && !wrong {
		r.doc.problems = append(r.doc.problems, Problem{r.doc.file, 1, "[[" + name + "]]", "", "missing, want at least one row"})
	}
	return rows
}

// named returns the tables of a name, and whether there are some of the wrong form.
func (r *reader) named(name string, row bool) (found []*table, wrong bool) {
	r.known = append(r.known, name)
	for _, t := range r.doc.tables {
		if t.name != name {
			continue
		}
		if t.row != row {
			want := "[" + name + "]"
			if row {
				want = "[" + want + "]"
			}
			r.doc.problems = append(r.doc.problems, Problem{r.doc.file, t.line, "[" + name + "]", "", "want " + want})
			wrong = true
			t.asked = t.keys
			continue
		}
		found = append(found, t)
	}
	return found, wrong
}

// unknown reports the tables that nobody asked for, and the keys in the others.
func (r *reader) unknown() {
	for _, t := range r.doc.tables {
		if !slices.Contains(r.known, t.name) {
			r.doc.problems = append(r.doc.problems, Problem{r.doc.file, t.line, "[" + t.name + "]", "",
				"unknown table here, want one of " + strings.Join(r.known, ", ")})
			continue
		}
		for _, key := range t.keys {
			if !slices.Contains(t.asked, key) {
				e := t.entries[key]
				r.doc.problems = append(r.doc.problems, Problem{r.doc.file, e.line, t.name + "." + key, e.text,
					"unknown key here, want one of " + strings.Join(t.asked, ", ")})
			}
		}
	}
}

// faulty tells whether something is wrong with a table already, so that checks of one key
// against another would only repeat it.
func (r *reader) faulty(table string) bool {
	return slices.ContainsFunc(r.doc.problems, func(p Problem) bool { return strings.HasPrefix(p.Key, table+".") })
}

// section is a table that is being read.
type section struct {
	*table
	r      *reader
	silent bool // the table is missing, and that has been said
}

// ask returns a key's entry.
func (s *section) ask(key string) (entry, bool) {
	if !slices.Contains(s.asked, key) {
		s.asked = append(s.asked, key)
	}
	e, ok := s.entries[key]
	return e, ok
}

// has tells whether a key stands in the file, without making it known.
func (s *section) has(key string) bool {
	_, ok := s.entries[key]
	return ok
}

// problem says what is wrong with a key, or with the table where the key is missing.
func (s *section) problem(key, text string) {
	if s.silent {
		return
	}
	e, ok := s.entries[key]
	if !ok {
		e.line, text = s.line, "missing, "+text
	}
	s.r.doc.problems = append(s.r.doc.problems, Problem{s.r.doc.file, e.line, s.name + "." + key, e.text, text})
}

// number is any integer type that parameters come in.
type number interface {
	~int | ~uint8 | ~uint16 | ~int32 | ~uint32 | ~int64
}

// integer reads an integer within [least, most]. A default stands in for a missing key.
func integer[T number](s *section, key string, least, most T, def ...T) T {
	e, ok := s.ask(key)
	if !ok && len(def) > 0 {
		return def[0]
	}
	v, good := parseInteger(e, least, most)
	if !good {
		s.problem(key, fmt.Sprintf("want an integer from %d to %d", least, most))
	}
	return v
}

func parseInteger[T number](e entry, least, most T) (T, bool) {
	if e.kind != unstable.Integer {
		return 0, false
	}
	v, err := strconv.ParseInt(e.data, 0, 64)
	if err != nil || v < int64(least) || v > int64(most) {
		return 0, false
	}
	return T(v), true
}

// word reads an integer within [least, most], or one word that stands for a number.
func word[T number](s *section, key string, least, most T, words map[string]T) T {
	e, _ := s.ask(key)
	if v, ok := words[e.data]; ok && e.kind == unstable.String {
		return v
	}
	v, ok := parseInteger(e, least, most)
	if !ok {
		var names []string
		for w := range words {
			names = append(names, strconv.Quote(w))
		}
		slices.Sort(names)
		s.problem(key, fmt.Sprintf("want an integer from %d to %d, or %s", least, most, strings.Join(names, " or ")))
	}
	return v
}

// integers reads an array of 1 to most different integers within [0, limit].
func integers[T number](s *section, key string, most int, limit T) []T {
	e, _ := s.ask(key)
	var list []T
	for _, data := range e.list {
		v, ok := parseInteger(entry{kind: e.of, data: data}, 0, limit)
		if !ok || slices.Contains(list, v) {
			list = nil
			break
		}
		list = append(list, v)
	}
	if len(list) == 0 || len(list) > most {
		s.problem(key, fmt.Sprintf("want an array of 1 to %d different integers from 0 to %d", most, limit))
		return nil
	}
	return list
}

// flag reads a boolean, false where the key is missing.
func (s *section) flag(key string) bool {
	e, ok := s.ask(key)
	if ok && e.kind != unstable.Bool {
		s.problem(key, "want true or false")
	}
	return e.data == "true"
}

// text reads a string that passes a test; the empty string stands for a missing key where
// it is optional.
func (s *section) text(key, want string, optional bool, good func(string) bool) string {
	e, ok := s.ask(key)
	if !ok && optional {
		return ""
	}
	if e.kind != unstable.String || !good(e.data) {
		s.problem(key, "want "+want)
		return ""
	}
	return e.data
}

// texts reads an array of least to most strings that pass a test.
func (s *section) texts(key, want string, least, most int, good func(string) bool) []string {
	e, _ := s.ask(key)
	bad := func(v string) bool { return !good(v) }
	if e.kind != unstable.Array || e.of != unstable.String || len(e.list) < least || len(e.list) > most || slices.ContainsFunc(e.list, bad) {
		s.problem(key, fmt.Sprintf("want an array of %d to %d %s", least, most, want))
		return nil
	}
	return e.list
}

// enum reads a member of a closed set.
func (s *section) enum(key string, into encoding.TextUnmarshaler) {
	e, _ := s.ask(key)
	err := into.UnmarshalText([]byte(e.data))
	if err != nil {
		s.problem(key, err.Error())
	} else if e.kind != unstable.String {
		s.problem(key, "want a string")
	}
}

// hex reads hex digits for least to most bytes. A missing key gives nil where it is optional.
func (s *section) hex(key string, least, most int, optional bool) []byte {
	e, ok := s.ask(key)
	if !ok && optional {
		return nil
	}
	b, err := hex.DecodeString(e.data)
	if e.kind == unstable.String && err == nil && len(b) >= least && len(b) <= most {
		return b
	}
	if least == most {
		s.problem(key, fmt.Sprintf("want %d hex digits in a string", 2*least))
	} else {
		s.problem(key, fmt.Sprintf("want %d to %d hex digits in a string, two for each byte", 2*least, 2*most))
	}
	return nil
}

// four reads 4 bytes in the order in which they travel.
func (s *section) four(key string) (b [4]byte) {
	copy(b[:], s.hex(key, 4, 4, false))
	return b
}

// hash reads a hash in display order.
func (s *section) hash(key string, optional bool) (h spv.Hash) {
	b := s.hex(key, len(h), len(h), optional)
	slices.Reverse(b)
	copy(h[:], b)
	return h
}

// big reads a 256-bit number above 0, most significant digit first. Least is the number of
// bytes that must be written out.
func (s *section) big(key string, least int, optional bool) (v uint256.Int) {
	b := s.hex(key, least, 32, optional)
	if v.SetBytes(b); b != nil && v.IsZero() {
		s.problem(key, "want a number above 0")
	}
	return v
}

// ascending reports the first row whose number is not above that of the row before it, or
// a first row that does not start where it must. A negative start allows any.
func ascending(rows []*section, key string, numbers []int32, start int32) {
	for i, n := range numbers {
		switch {
		case i == 0 && start >= 0 && n != start:
			rows[i].problem(key, fmt.Sprintf("want %d in the first row", start))
			return
		case i > 0 && n <= numbers[i-1]:
			rows[i].problem(key, fmt.Sprintf("want more than %d, as in the row before", numbers[i-1]))
			return
		}
	}
}
