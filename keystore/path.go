package keystore

import (
	"fmt"
	"strconv"
	"strings"
)

// Hardened is added to an index whose child only the private key can derive (BIP32).
const Hardened = 1 << 31

// Purposes of accounts: the first level of a path, by the kind of output they pay to.
const (
	PurposeLegacy  = 44 // P2PKH (BIP44)
	PurposeNested  = 49 // P2WPKH in P2SH (BIP49)
	PurposeSegwit  = 84 // P2WPKH (BIP84)
	PurposeTaproot = 86 // P2TR, key path (BIP86)
)

const maxDepth = 255 // BIP32 serialises the depth in one byte

// Net is what differs between chains in how keys are derived and written.
type Net struct {
	CoinType uint32  // SLIP-44
	BIP32Pub [4]byte // version bytes of an extended public key
	BIP32Prv [4]byte // version bytes of an extended private key: to recognise one, and refuse it
}

// Path leads from the master key to a descendant.
type Path []uint32

// AccountPath returns m / purpose' / coin type' / account' (BIP44, 49, 84, 86).
func AccountPath(purpose uint32, net Net, account uint32) (Path, error) {
	for _, n := range []uint32{purpose, net.CoinType, account} {
		if n >= Hardened {
			return nil, fmt.Errorf("account path: %d: not below 2^31", n)
		}
	}
	return Path{Hardened + purpose, Hardened + net.CoinType, Hardened + account}, nil
}

// ParsePath reads "m/84'/0'/0'/0/5"; h does for the apostrophe.
func ParsePath(text string) (Path, error) {
	if len(text) > maxDepth*len("/4294967295'")+1 {
		return nil, fmt.Errorf("path: %d bytes: too long", len(text))
	}
	if text == "m" {
		return Path{}, nil
	}
	rest, ok := strings.CutPrefix(text, "m/")
	if !ok {
		return nil, fmt.Errorf("path %q: does not begin with m/", text)
	}
	steps := strings.Split(rest, "/")
	if len(steps) > maxDepth {
		return nil, fmt.Errorf("path: %d steps: more than %d", len(steps), maxDepth)
	}
	path := make(Path, len(steps))
	for i, step := range steps {
		n, err := ParseStep(step)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", text, err)
		}
		path[i] = n
	}
	return path, nil
}

// ParseStep reads one step of a path: a number below 2^31 without leading zeros or sign, with ' or h if it is hardened.
func ParseStep(text string) (uint32, error) {
	digits, hardened := strings.CutSuffix(text, "'")
	if !hardened {
		digits, hardened = strings.CutSuffix(text, "h")
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, fmt.Errorf("step %q: want a number below 2^31, with ' or h if hardened", text)
	}
	if hardened {
		n += Hardened
	}
	return uint32(n), nil
}

// Child returns the path followed by steps. The receiver is not changed.
func (p Path) Child(steps ...uint32) Path {
	return append(append(make(Path, 0, len(p)+len(steps)), p...), steps...)
}

// String writes the path as ParsePath reads it, with apostrophes.
func (p Path) String() string {
	var b strings.Builder
	b.WriteByte('m')
	for _, n := range p {
		b.WriteByte('/')
		b.WriteString(strconv.FormatUint(uint64(n&^Hardened), 10))
		if n >= Hardened {
			b.WriteByte('\'')
		}
	}
	return b.String()
}

// MarshalText is String.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePath.
func (p *Path) UnmarshalText(text []byte) error {
	path, err := ParsePath(string(text))
	if err != nil {
		return err
	}
	*p = path
	return nil
}
