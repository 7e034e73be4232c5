package descriptor

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil"

	"github.com/layeredpow/lamina/keystore"
)

const maxBranches = 64

// origin says which master key a key comes from, and how.
type origin struct {
	fingerprint keystore.Fingerprint
	path        keystore.Path
}

// String writes "[d34db33f/84h/0h]".
func (o origin) String() string {
	path := strings.ReplaceAll(strings.TrimPrefix(o.path.String(), "m"), "'", "h")
	return fmt.Sprintf("[%x%s]", o.fingerprint[:], path)
}

// key is a key expression: a fixed key, or an extended one with the steps below it.
type key struct {
	origin   *origin
	fixed    []byte // 32 (x only), 33 or 65 bytes; nil if extended
	extended *keystore.Public
	net      keystore.Net
	steps    keystore.Path // that of the first branch, without the range
	multi    int           // which step has a value for each branch; -1: none
	values   []uint32      // of that step
	ranged   bool
	heads    []*keystore.Public // at the end of the steps, for each branch that differs
}

// String writes the key as it is parsed.
func (k *key) String() string {
	var b strings.Builder
	if k.origin != nil {
		b.WriteString(k.origin.String())
	}
	if k.fixed != nil {
		return b.String() + hex.EncodeToString(k.fixed)
	}
	b.WriteString(k.extended.Encode(k.net))
	for i, n := range k.steps {
		if i != k.multi {
			fmt.Fprintf(&b, "/%d", n)
			continue
		}
		values := make([]string, len(k.values))
		for j, v := range k.values {
			values[j] = strconv.FormatUint(uint64(v), 10)
		}
		b.WriteString("/<" + strings.Join(values, ";") + ">")
	}
	if k.ranged {
		b.WriteString("/*")
	}
	return b.String()
}

// at returns the key of a branch and index as it stands in a script (without regard to x-only), and where it comes
// from.
func (k *key) at(branch int, index uint32) (serial []byte, from Key, err error) {
	if k.origin != nil {
		from = Key{Fingerprint: k.origin.fingerprint, Path: slices.Clone(k.origin.path)}
	}
	if k.fixed != nil {
		if len(k.fixed) == schnorr.PubKeyBytesLen {
			from.Public, err = schnorr.ParsePubKey(k.fixed)
		} else {
			from.Public, err = btcec.ParsePubKey(k.fixed)
		}
		if k.origin == nil && err == nil {
			from.Fingerprint = [4]byte(btcutil.Hash160(from.Public.SerializeCompressed())[:4])
		}
		return k.fixed, from, err
	}
	if k.origin == nil {
		from.Fingerprint = k.extended.Fingerprint()
	}
	from.Path = from.Path.Child(k.branch(branch)...)
	child := k.heads[min(branch, len(k.heads)-1)]
	if k.ranged {
		from.Path = append(from.Path, index)
		if child, err = child.Child(index); err != nil {
			return nil, from, err
		}
	}
	from.Public = child.Key()
	return from.Public.SerializeCompressed(), from, nil
}

// branch returns the steps of one branch, without the range.
func (k *key) branch(n int) keystore.Path {
	steps := slices.Clone(k.steps)
	if k.multi >= 0 {
		steps[k.multi] = k.values[n]
	}
	return steps
}

// derive follows the steps once for all that is asked later.
func (k *key) derive() error {
	for n := range max(len(k.values), 1) {
		head := k.extended
		for _, step := range k.branch(n) {
			var err error
			if head, err = head.Child(step); err != nil {
				return err
			}
		}
		k.heads = append(k.heads, head)
	}
	return nil
}

// key reads a key expression that stands at where.
func (p *parser) key(where place) (k *key, err error) {
	k = &key{net: p.net, multi: -1}
	if p.take('[') {
		if k.origin, err = p.origin(); err != nil {
			return nil, err
		}
	}
	start := p.at
	text := p.until("/,(){}[]#")
	if raw, bad := hex.DecodeString(text); bad == nil && len(raw) > 0 {
		k.fixed = raw
		if what := checkFixed(raw, where); what != "" {
			p.at = start
			return nil, p.fault("%s", what)
		}
		return k, nil
	}
	if wif, bad := btcutil.DecodeWIF(text); bad == nil {
		wif.PrivKey.Zero()
		p.at = start
		return nil, p.fault("private key: want a public one")
	}
	if k.extended, err = keystore.ParsePublic(text, p.net); err != nil {
		p.at = start
		return nil, p.fault("want a public key in hexadecimal, or an extended one: %v", err)
	}
	if err := p.steps(k); err != nil {
		return nil, err
	}
	if err := k.derive(); err != nil {
		return nil, p.fault("%v", err)
	}
	return k, nil
}

// checkFixed returns what is wrong with a key at its place.
func checkFixed(raw []byte, where place) string {
	var err error
	switch {
	case len(raw) == 32 && where == inLeaf:
		_, err = schnorr.ParsePubKey(raw)
	case len(raw) == 33 && (raw[0] == 2 || raw[0] == 3):
		_, err = btcec.ParsePubKey(raw)
	case len(raw) == 65 && raw[0] == 4:
		if where == inWsh || where == inLeaf {
			return "uncompressed key: want a compressed one here"
		}
		_, err = btcec.ParsePubKey(raw)
	default:
		return fmt.Sprintf("key of %d bytes: cannot stand here", len(raw))
	}
	if err != nil {
		return "key is not a point of the curve"
	}
	return ""
}

// origin reads what follows the bracket.
func (p *parser) origin() (*origin, error) {
	o := new(origin)
	start := p.at
	if err := o.fingerprint.UnmarshalText([]byte(p.until("/]"))); err != nil {
		p.at = start
		return nil, p.fault("key origin: %v", err)
	}
	for p.take('/') {
		n, err := p.step("/]")
		if err != nil {
			return nil, err
		}
		o.path = append(o.path, n)
	}
	return o, p.want(']')
}

func (p *parser) step(stops string) (uint32, error) {
	start := p.at
	n, err := keystore.ParseStep(p.until(stops))
	if err != nil {
		p.at = start
		return 0, p.fault("want a number below 2^31")
	}
	return n, nil
}

// steps reads what follows an extended key.
func (p *parser) steps(k *key) error {
	for p.take('/') {
		start := p.at
		switch {
		case p.take('*'):
			k.ranged, p.ranged = true, true
			return nil
		case p.take('<'):
			if k.multi >= 0 {
				return p.fault("a second multipath in one key")
			}
			k.multi = len(k.steps)
			if err := p.multipath(k); err != nil {
				return err
			}
			k.steps = append(k.steps, k.values[0])
		default:
			n, err := p.step("/,(){}[]<>;#")
			if err != nil {
				return err
			}
			k.steps = append(k.steps, n)
		}
		if slices.ContainsFunc(append(k.values, k.steps...), func(n uint32) bool { return n >= keystore.Hardened }) {
			p.at = start
			return p.fault("hardened step below a public key")
		}
	}
	return nil
}

// multipath reads the values of "<0;1>" behind the first character.
func (p *parser) multipath(k *key) error {
	for {
		n, err := p.step(";>/,(){}[]#")
		if err != nil {
			return err
		}
		if slices.Contains(k.values, n) {
			return p.fault("multipath has a value twice")
		}
		k.values = append(k.values, n)
		if !p.take(';') {
			break
		}
	}
	if err := p.want('>'); err != nil {
		return err
	}
	switch n := len(k.values); {
	case n < 2 || n > maxBranches:
		return p.fault("multipath of %d: want 2 to %d", n, maxBranches)
	case p.branches != 0 && p.branches != n:
		return p.fault("multipath of %d: another has %d", n, p.branches)
	default:
		p.branches = n
	}
	return nil
}
