package pow

import (
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// Algorithm is one of the closed set of work hashes. The zero value is none of them.
type Algorithm uint8

const (
	// SHA256d is SHA-256 applied twice (Bitcoin, Namecoin); it is also the block id on every chain.
	SHA256d Algorithm = iota + 1
	// Scrypt is scrypt with N=1024, r=1, p=1 and 32 bytes of output, the 80-byte header being both
	// password and salt (Litecoin, Dogecoin; RFC 7914).
	Scrypt
)

var names = [...]string{SHA256d: "sha256d", Scrypt: "scrypt"}

// Parse returns the algorithm with the given name, "sha256d" or "scrypt". Any other name is an error.
func Parse(name string) (Algorithm, error) {
	for a := SHA256d; int(a) < len(names); a++ {
		if names[a] == name {
			return a, nil
		}
	}
	return 0, fmt.Errorf("work hash %q is unknown, want %q or %q", name, names[SHA256d], names[Scrypt])
}

// String returns the name that Parse accepts, or Algorithm(n) for a value outside the set.
func (a Algorithm) String() string {
	if !a.valid() {
		return fmt.Sprintf("Algorithm(%d)", uint8(a))
	}
	return names[a]
}

func (a Algorithm) valid() bool { return a != 0 && int(a) < len(names) }

// MarshalText returns the algorithm's name. A value outside the set is an error.
func (a Algorithm) MarshalText() ([]byte, error) {
	if !a.valid() {
		return nil, fmt.Errorf("work hash %d is outside the set", uint8(a))
	}
	return []byte(names[a]), nil
}

// UnmarshalText sets the algorithm from its name, as Parse does.
func (a *Algorithm) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// Sum returns the work hash of an 80-byte header in internal (little-endian) byte order.
// It panics if the algorithm is outside the set, which is a broken invariant of the caller and never a peer's doing.
func (a Algorithm) Sum(header *[80]byte) chainhash.Hash {
	switch a {
	case SHA256d:
		return DoubleSHA256(header[:])
	case Scrypt:
		return scryptOne(header)
	}
	panic("pow: " + a.String() + " has no work hash")
}

// SumMany sets out[i] to the work hash of headers[i], in internal (little-endian) byte order. Scrypt is spread over all
// cores (GOMAXPROCS) when there is enough work; SHA-256d stays on the calling goroutine.
// It panics if out is shorter than headers or the algorithm is outside the set.
func (a Algorithm) SumMany(out []chainhash.Hash, headers []*[80]byte) {
	checkRoom(out, headers)
	switch a {
	case SHA256d:
		HashHeaders(out, headers)
	case Scrypt:
		scryptMany(out, headers)
	default:
		panic("pow: " + a.String() + " has no work hash")
	}
}

func checkRoom(out []chainhash.Hash, headers []*[80]byte) {
	if len(out) < len(headers) {
		panic(fmt.Sprintf("pow: %d hashes of output for %d headers", len(out), len(headers)))
	}
}
