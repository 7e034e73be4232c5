package descriptor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/layeredpow/lamina/keystore"
)

// place is where an expression stands; what may stand there differs.
type place int

const (
	atTop  place = 1 << iota
	inSh         // P2SH
	inWsh        // P2WSH, also within P2SH
	inLeaf       // of a tree of scripts
	inKey        // the one key of wpkh or tr: no place of an expression, but of a key
)

// allowed says where each function may stand.
var allowed = map[string]place{
	"pk": atTop | inSh | inWsh | inLeaf, "pkh": atTop | inSh | inWsh, "wpkh": atTop | inSh,
	"sh": atTop, "wsh": atTop | inSh, "tr": atTop,
	"multi": atTop | inSh | inWsh, "sortedmulti": atTop | inSh | inWsh,
	"multi_a": inLeaf, "sortedmulti_a": inLeaf,
}

// mostKeys is the limit of a multisig by its place (BIP383, BIP387).
var mostKeys = map[place]int{atTop: 3, inSh: 15, inWsh: 20, inLeaf: 999}

// parser reads one descriptor.
type parser struct {
	text     string
	at       int
	net      keystore.Net
	branches int // 0 before the first multipath
	ranged   bool
}

func (p *parser) fault(format string, args ...any) error {
	return &SyntaxError{p.at, fmt.Sprintf(format, args...)}
}

// take moves over c if it is next.
func (p *parser) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) want(c byte) error {
	if !p.take(c) {
		return p.fault("want %q", c)
	}
	return nil
}

// until returns what precedes the next of the characters in stops, or the rest, and moves behind it.
func (p *parser) until(stops string) string {
	rest := p.text[p.at:]
	if n := strings.IndexAny(rest, stops); n >= 0 {
		rest = rest[:n]
	}
	p.at += len(rest)
	return rest
}

// expression reads a function that stands at where.
func (p *parser) expression(where place) (*expression, error) {
	start := p.at
	e := &expression{name: p.until("(),{}#")}
	places, known := allowed[e.name]
	if !known || places&where == 0 {
		p.at = start
		if !known {
			return nil, p.fault("want a script function")
		}
		return nil, p.fault("%s cannot stand here", e.name)
	}
	if err := p.want('('); err != nil {
		return nil, err
	}
	if err := p.arguments(e, where); err != nil {
		return nil, err
	}
	return e, p.want(')')
}

func (p *parser) arguments(e *expression, where place) (err error) {
	switch e.name {
	case "sh":
		e.inner, err = p.expression(inSh)
	case "wsh":
		e.inner, err = p.expression(inWsh)
	case "pk", "pkh":
		err = p.keys(e, where, 1)
	case "wpkh":
		err = p.keys(e, inWsh, 1)
	case "tr":
		if err = p.keys(e, inLeaf, 1); err == nil && p.take(',') {
			e.tree, err = p.tree(0)
		}
	default:
		err = p.multisig(e, where)
	}
	return err
}

func (p *parser) multisig(e *expression, where place) error {
	start := p.at
	text := p.until(",)")
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		p.at = start
		return p.fault("want a threshold of 1 or more")
	}
	e.threshold = int(n)
	if err := p.want(','); err != nil {
		return err
	}
	if err := p.keys(e, where, mostKeys[where]); err != nil {
		return err
	}
	if e.threshold > len(e.keys) {
		p.at = start
		return p.fault("threshold %d: more than the %d keys", e.threshold, len(e.keys))
	}
	return nil
}

// keys reads one key or, up to most, several parted by commas.
func (p *parser) keys(e *expression, where place, most int) error {
	for {
		k, err := p.key(where)
		if err != nil {
			return err
		}
		e.keys = append(e.keys, k)
		if most == 1 || !p.take(',') {
			return nil
		}
		if len(e.keys) == most {
			return p.fault("more than %d keys", most)
		}
	}
}

func (p *parser) tree(depth int) (*tree, error) {
	if depth > maxTree {
		return nil, p.fault("tree deeper than %d", maxTree)
	}
	if !p.take('{') {
		leaf, err := p.expression(inLeaf)
		return &tree{leaf: leaf}, err
	}
	left, err := p.tree(depth + 1)
	if err != nil {
		return nil, err
	}
	if err := p.want(','); err != nil {
		return nil, err
	}
	right, err := p.tree(depth + 1)
	if err != nil {
		return nil, err
	}
	return &tree{left: left, right: right}, p.want('}')
}
