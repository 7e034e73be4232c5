// Package uri reads and writes payment requests: BIP21 URIs, of BIP321 the parts that
// name on-chain addresses, and batches of payments in a table. It is strict: what it does not understand and is marked
// as required makes the whole request unusable, and text that could not be shown safely
// is refused.
//
// It pays nothing and opens nothing; whether an address was asked for by the one who
// shall be paid, it cannot know.
package uri

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/address"
)

// MaxText is the length of the longest URI that is read, in bytes.
const MaxText = 8 << 10

// Request is what a URI asks for.
type Request struct {
	Script    []byte // to pay to
	Address   string // the same as it stands in the URI
	Amount    int64  // base units, if HasAmount
	HasAmount bool
	Label     string  // of the one who is paid
	Message   string  // what it is for
	Other     []Param // parameters that mean nothing here, in order
}

// Param is one parameter of a URI, decoded.
type Param struct{ Key, Value string }

// Scheme returns what a chain's URIs begin with, without the colon: the chain's name up
// to the first hyphen, so that test networks share it with their main network; a layer's
// whole name.
func Scheme(p *chains.Params) string {
	if p.Kind.Layered() {
		return p.Name
	}
	name, _, _ := strings.Cut(p.Name, "-")
	return name
}

// Parse reads a URI of a chain. The scheme and the keys may be in any case. Parameters
// that begin with req- must be understood. Known chains help to say which one an address
// is of, see address.Decode.
func Parse(p *chains.Params, text string, known ...*chains.Params) (*Request, error) {
	if len(text) > MaxText {
		return nil, said.Errorf("URI of %d bytes: want at most %d", len(text), MaxText)
	}
	scheme, rest, ok := strings.Cut(text, ":")
	if want := Scheme(p); !ok || !strings.EqualFold(scheme, want) {
		return nil, said.Errorf("URI %.100q: want the scheme %s", text, want)
	}
	body, query, asks := strings.Cut(rest, "?")
	r := &Request{}
	if body != "" {
		if err := r.setAddress(p, body, known); err != nil {
			return nil, said.Errorf("URI: %w", err)
		}
	}
	seen := map[string]bool{}
	if asks && query != "" {
		for _, part := range strings.Split(query, "&") {
			if err := r.param(p, part, seen, known); err != nil {
				return nil, said.Errorf("URI parameter %.100q: %w", part, err)
			}
		}
	}
	if r.Script == nil {
		return nil, said.Errorf("URI %.100q: no address of %s", text, p.Name)
	}
	return r, nil
}

func (r *Request) setAddress(p *chains.Params, text string, known []*chains.Params) error {
	script, err := address.Decode(p, text, known...)
	if err == nil && r.Script == nil {
		r.Script, r.Address = script, text
	}
	return err
}

// param takes in one parameter.
func (r *Request) param(p *chains.Params, part string, seen map[string]bool, known []*chains.Params) error {
	rawKey, rawValue, _ := strings.Cut(part, "=")
	key, err := decode(rawKey)
	if err != nil {
		return err
	}
	value, err := decode(rawValue)
	if err != nil {
		return err
	}
	name := strings.ToLower(key)
	bare := strings.TrimPrefix(name, "req-")
	hrp := p.Address.HRP
	if once := []string{"amount", "label", "message"}; slices.Contains(once, bare) {
		if seen[bare] {
			return said.Errorf("stands there twice")
		}
		seen[bare] = true
	}
	switch {
	case bare == "amount":
		r.Amount, err = ParseAmount(p, value)
		r.HasAmount = err == nil
	case bare == "label":
		r.Label = value
	case bare == "message":
		r.Message = value
	case hrp != "" && bare == hrp: // BIP321: another address to choose from; the first one counts
		err = r.setAddress(p, value, known)
	case bare != name:
		err = said.Errorf("is required by the URI, but not understood here")
	default:
		r.Other = append(r.Other, Param{key, value})
	}
	return err
}

// ParseAmount reads an amount in whole coins, as BIP21 writes them: digits with at most
// one point, no sign, exponent or separators.
func ParseAmount(p *chains.Params, text string) (int64, error) {
	whole, part, _ := strings.Cut(text, ".")
	if whole+part == "" || len(whole) > 20 || len(part) > p.Unit.Decimals || strings.Trim(whole+part, "0123456789") != "" {
		return 0, said.Errorf("amount %.40q: want digits with at most %d after one point", text, p.Unit.Decimals)
	}
	var n int64
	for _, d := range whole + part + strings.Repeat("0", p.Unit.Decimals-len(part)) {
		if n = n*10 + int64(d-'0'); n > p.Unit.MaxMoney {
			return 0, said.Errorf("amount %.40q: more than there is of %s", text, p.Unit.Symbol)
		}
	}
	return n, nil
}

// FormatAmount writes an amount in whole coins without needless zeros. It is not
// negative.
func FormatAmount(p *chains.Params, n int64) string {
	s := fmt.Sprintf("%0*d", p.Unit.Decimals+1, n)
	whole, part := s[:len(s)-p.Unit.Decimals], strings.TrimRight(s[len(s)-p.Unit.Decimals:], "0")
	if part == "" {
		return whole
	}
	return whole + "." + part
}

// Format writes a URI (BIP21) that Parse reads again. Address must be one of the chain.
func (r *Request) Format(p *chains.Params) string {
	var params []string
	add := func(key, value string) { params = append(params, encode(key)+"="+encode(value)) }
	if r.HasAmount {
		add("amount", FormatAmount(p, r.Amount))
	}
	if r.Label != "" {
		add("label", r.Label)
	}
	if r.Message != "" {
		add("message", r.Message)
	}
	for _, o := range r.Other {
		add(o.Key, o.Value)
	}
	out := Scheme(p) + ":" + r.Address
	if len(params) > 0 {
		out += "?" + strings.Join(params, "&")
	}
	return out
}

const hex = "0123456789ABCDEF"

// plain says of the bytes that stand for themselves in a URI (RFC 3986, unreserved, and
// what BIP21 leaves unescaped).
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:/@!$'()*,;", c) >= 0
}

func encode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// decode undoes percent-encoding. A plus sign is a plus sign.
func decode(s string) (string, error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("ends within an escape")
		}
		high, low := strings.IndexByte(hex, upper(s[i+1])), strings.IndexByte(hex, upper(s[i+2]))
		if high < 0 || low < 0 {
			return "", fmt.Errorf("escape %q: want two hex digits", s[i:i+3])
		}
		b = append(b, byte(high<<4|low))
		i += 2
	}
	out := string(b)
	if !shown(out) {
		return "", errors.New("want text without control characters")
	}
	return out, nil
}

// shown says whether text can be shown in one line as what it is: no control characters,
// none that turn the direction of writing.
func shown(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control)
	})
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'f' {
		return c - 32
	}
	return c
}
