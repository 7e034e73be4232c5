package descriptor

import (
	"fmt"
	"strings"

	"github.com/layeredpow/lamina/keystore"
)

const (
	maxText = 16 << 10 // bytes
	maxTree = 128      // depth of a tree of scripts (BIP341)
)

// SyntaxError says where a descriptor is wrong. It repeats nothing of the text, which may hold a private key by
// mistake.
type SyntaxError struct {
	Pos  int // byte, from 0
	What string
}

// Error gives the position and the fault.
func (e *SyntaxError) Error() string { return fmt.Sprintf("descriptor: at %d: %s", e.Pos, e.What) }

// Descriptor stands for the scripts of one branch or, with a multipath, several; each has one script or, with a range
// (/*), 2^31 of them.
type Descriptor struct {
	root     *expression
	branches int
	ranged   bool
}

// expression is one function with its arguments.
type expression struct {
	name      string
	keys      []*key
	threshold int
	inner     *expression // of sh, wsh
	tree      *tree       // of tr; nil if it has none
}

// tree is a leaf or two trees.
type tree struct {
	leaf        *expression
	left, right *tree
}

// Parse reads a descriptor with keys of the net. A checksum is optional but, if there, must be right. It derives the
// first script of every branch, so what parses has scripts.
func Parse(text string, net keystore.Net) (*Descriptor, error) {
	if len(text) > maxText {
		return nil, &SyntaxError{maxText, fmt.Sprintf("%d bytes: more than %d", len(text), maxText)}
	}
	body, sum, summed := strings.Cut(text, "#")
	want, bad := checksum(body)
	if bad >= 0 {
		return nil, &SyntaxError{bad, "a character that no descriptor has"}
	}
	if summed && sum != want {
		return nil, &SyntaxError{len(body) + 1, "checksum does not match"}
	}
	p := &parser{text: body, net: net}
	root, err := p.expression(atTop)
	if err != nil {
		return nil, err
	}
	if p.at != len(body) {
		return nil, p.fault("something follows the descriptor")
	}
	d := &Descriptor{root: root, branches: max(p.branches, 1), ranged: p.ranged}
	for branch := range d.branches {
		if _, err := d.At(branch, 0); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// ForAccount returns the descriptor of a single-key account: pkh, sh(wpkh), wpkh or tr by the purpose at the head of
// its path, branch 0 for addresses given out and branch 1 for change.
func ForAccount(a keystore.Account, master keystore.Fingerprint, net keystore.Net) (*Descriptor, error) {
	if len(a.Path) == 0 || a.Key == nil {
		return nil, fmt.Errorf("descriptor: account without path or key")
	}
	var around string
	switch a.Path[0] {
	case keystore.Hardened + keystore.PurposeLegacy:
		around = "pkh(%s)"
	case keystore.Hardened + keystore.PurposeNested:
		around = "sh(wpkh(%s))"
	case keystore.Hardened + keystore.PurposeSegwit:
		around = "wpkh(%s)"
	case keystore.Hardened + keystore.PurposeTaproot:
		around = "tr(%s)"
	default:
		return nil, fmt.Errorf("descriptor: account at %s: its purpose says no script", a.Path)
	}
	o := origin{fingerprint: master, path: a.Path}
	return Parse(fmt.Sprintf(around, o.String()+a.Key.Encode(net)+"/<0;1>/*"), net)
}

// Branches returns how many branches there are: 1, or the number of values in the multipath.
func (d *Descriptor) Branches() int { return d.branches }

// Ranged says whether a branch has more than one script.
func (d *Descriptor) Ranged() bool { return d.ranged }

// String writes the descriptor with its checksum and with h for hardened steps.
func (d *Descriptor) String() string {
	var b strings.Builder
	d.root.write(&b)
	sum, _ := checksum(b.String())
	return b.String() + "#" + sum
}

func (e *expression) write(b *strings.Builder) {
	b.WriteString(e.name + "(")
	if e.threshold > 0 {
		fmt.Fprintf(b, "%d,", e.threshold)
	}
	for i, k := range e.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k.String())
	}
	if e.inner != nil {
		e.inner.write(b)
	}
	if e.tree != nil {
		b.WriteByte(',')
		e.tree.write(b)
	}
	b.WriteByte(')')
}

func (t *tree) write(b *strings.Builder) {
	if t.leaf != nil {
		t.leaf.write(b)
		return
	}
	b.WriteByte('{')
	t.left.write(b)
	b.WriteByte(',')
	t.right.write(b)
	b.WriteByte('}')
}
