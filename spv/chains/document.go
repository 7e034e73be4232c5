package chains

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// MaxFile is the size of the largest chain file that Parse reads, in bytes.
const MaxFile = 64 << 10

// entry is one key of a file with its value and its place.
type entry struct {
	line int
	text string // the value as it stands in the file, shortened
	kind unstable.Kind
	data string        // scalars: decoded strings, others as they stand
	list []string      // arrays of scalars, element by element
	of   unstable.Kind // what all elements of the list are; Invalid if they differ or nest
}

// table is one [table] or one row [[table]].
type table struct {
	name    string
	line    int
	row     bool
	keys    []string // in the file's order
	entries map[string]entry
	asked   []string // keys that the reader knows, in its order
}

// document is a TOML file as a list of flat tables. The decoder of the TOML library tells
// positions only where it fails itself, but our checks need the line of every key, so the
// library's syntax tree is read instead.
type document struct {
	file     string
	tables   []*table
	problems Problems
}

// parseDocument splits a file into its tables. The library's decoder runs first: it finds
// everything that is no TOML, such as keys that stand twice.
func parseDocument(file string, src []byte) (*document, error) {
	d := &document{file: file}
	if len(src) > MaxFile {
		return nil, Problems{{File: file, Line: 1, Text: fmt.Sprintf("%d bytes, want at most %d", len(src), MaxFile)}}
	}
	var all map[string]any
	if err := toml.Unmarshal(src, &all); err != nil {
		return nil, d.syntax(err)
	}
	w := walker{doc: d, src: src, line: 1}
	w.parser.Reset(src)
	for w.parser.NextExpression() {
		w.expression(w.parser.Expression())
	}
	if err := w.parser.Error(); err != nil {
		return nil, d.syntax(err)
	}
	return d, nil
}

func (d *document) syntax(err error) error {
	line := 1
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, _ = at.Position()
	}
	return Problems{{File: d.file, Line: line, Text: strings.TrimPrefix(err.Error(), "toml: ")}}
}

// walker turns the library's expressions, which come in the file's order, into tables.
type walker struct {
	doc    *document
	parser unstable.Parser
	src    []byte
	at     int // offset up to which lines are counted
	line   int
}

func (w *walker) lineOf(offset int) int {
	w.line += bytes.Count(w.src[w.at:offset], []byte{'\n'})
	w.at = offset
	return w.line
}

func (w *walker) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		name, start, _ := dotted(n.Key())
		w.doc.tables = append(w.doc.tables, &table{
			name: name, line: w.lineOf(start), row: n.Kind == unstable.ArrayTable, entries: map[string]entry{},
		})
	case unstable.KeyValue:
		w.keyValue(n)
	}
}

func (w *walker) keyValue(n *unstable.Node) {
	name, start, end := dotted(n.Key())
	line := w.lineOf(start)
	raw := w.src[end : int(n.Raw.Offset)+int(n.Raw.Length)]
	e := entry{line: line, text: shorten(raw), kind: n.Value().Kind, data: string(n.Value().Data)}
	if e.kind == unstable.Array {
		e.list, e.of = elements(n.Value())
	}
	if len(w.doc.tables) == 0 {
		w.doc.problems = append(w.doc.problems, Problem{w.doc.file, line, name, e.text, "a key outside any [table]"})
		return
	}
	t := w.doc.tables[len(w.doc.tables)-1]
	t.keys = append(t.keys, name)
	t.entries[name] = e
}

// dotted joins the parts of a key and tells where it begins and ends.
func dotted(key unstable.Iterator) (name string, start, end int) {
	var parts []string
	for key.Next() {
		k := key.Node()
		if len(parts) == 0 {
			start = int(k.Raw.Offset)
		}
		end = int(k.Raw.Offset) + int(k.Raw.Length)
		parts = append(parts, string(k.Data))
	}
	return strings.Join(parts, "."), start, end
}

// elements lists the scalars of an array and says what they all are. An empty array is of
// strings.
func elements(array *unstable.Node) (list []string, of unstable.Kind) {
	of = unstable.String
	for it := array.Children(); it.Next(); {
		n := it.Node()
		if n.Kind == unstable.Comment {
			continue
		}
		if len(list) == 0 {
			of = n.Kind
		}
		if n.Kind != of || n.Child() != nil {
			return nil, unstable.Invalid
		}
		list = append(list, string(n.Data))
	}
	return list, of
}

// shorten makes one short line of "= value".
func shorten(raw []byte) string {
	const most = 72
	_, value, _ := strings.Cut(string(raw), "=")
	value = strings.Join(strings.Fields(value), " ")
	if len(value) > most {
		value = strings.ToValidUTF8(value[:most-3], "") + "..."
	}
	return value
}

// entries returns the keys of all tables but rows as "table.key".
func (d *document) entries() map[string]entry {
	all := map[string]entry{}
	for _, t := range d.tables {
		for key, e := range t.entries {
			if !t.row {
				all[t.name+"."+key] = e
			}
		}
	}
	return all
}
