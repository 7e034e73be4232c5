package chains

import (
	"fmt"
	"strings"

	"github.com/layeredpow/lamina/spv"
)

// Kind says where a chain's work and money come from (protocol.md section 1).
type Kind uint8

// The kinds of chains. The set is closed.
const (
	L1         Kind = iota + 1 // carries its own work
	AuxPoW                     // an existing merge-mined chain under its own rules, own money
	Native                     // a layer whose money is its parent's, pegged
	Issued                     // a layer with money of its own
	Fractional                 // a pegged layer that counts in 1/1000 of its parent's unit
)

var kindNames = []string{L1: "l1", AuxPoW: "auxpow", Native: "native", Issued: "issued", Fractional: "fractional"}

// String returns the kind's name in chain files.
func (k Kind) String() string { return nameOf(kindNames, int(k)) }

// MarshalText returns the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the kind from its name; the error lists the names there are.
func (k *Kind) UnmarshalText(text []byte) error {
	i, err := find(kindNames, string(text))
	*k = Kind(i)
	return err
}

func (k Kind) valid() bool { return k >= L1 && k <= Fractional }

// Layered tells whether the chain follows the layer rules of protocol.md section 3.
func (k Kind) Layered() bool { return k == Native || k == Issued || k == Fractional }

// Pegged tells whether the chain's money is held on its parent chain.
func (k Kind) Pegged() bool { return k == Native || k == Fractional }

// Network says how serious a chain's money is.
type Network uint8

// The networks. The set is closed.
const (
	Main    Network = iota + 1 // real money
	Test                       // public, worthless
	Regtest                    // private, blocks at will
	Dev                        // private, mined at a pace
)

var networkNames = []string{Main: "main", Test: "test", Regtest: "regtest", Dev: "dev"}

// String returns the network's name in chain files.
func (n Network) String() string { return nameOf(networkNames, int(n)) }

// MarshalText returns the network's name.
func (n Network) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText sets the network from its name; the error lists the names there are.
func (n *Network) UnmarshalText(text []byte) error {
	i, err := find(networkNames, string(text))
	*n = Network(i)
	return err
}

// retarget reads and writes the name of a difficulty rule.
type retarget spv.Retarget

var retargetNames = []string{spv.Fixed: "fixed", spv.Interval: "interval", spv.Damped: "damped", spv.ASERT: "asert"}

// UnmarshalText sets the rule from its name; the error lists the names there are.
func (r *retarget) UnmarshalText(text []byte) error {
	i, err := find(retargetNames, string(text))
	*r = retarget(i)
	return err
}

// nameOf returns the i-th name. The first is empty: zero is no member of a set.
func nameOf(names []string, i int) string {
	if i <= 0 || i >= len(names) {
		return fmt.Sprintf("unknown(%d)", i)
	}
	return names[i]
}

func find(names []string, name string) (int, error) {
	for i, n := range names {
		if i > 0 && n == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("want one of %s", strings.Join(names[1:], ", "))
}
