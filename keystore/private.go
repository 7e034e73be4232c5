package keystore

import (
	"crypto/hmac"
	"crypto/sha512"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
)

// masterKey is the HMAC key that BIP32 prescribes, twelve ASCII characters: the name of the first chain and " seed".
var masterKey = []byte{0x42, 0x69, 0x74, 0x63, 0x6f, 0x69, 0x6e, 0x20, 0x73, 0x65, 0x65, 0x64}

// Seed is what a key tree grows from.
type Seed struct{ secret[seed] }

type seed struct{ bytes []byte }

// NewSeed takes a copy of 16 to 64 bytes (BIP32), for seeds that do not come from words.
func NewSeed(b []byte) (*Seed, error) {
	if len(b) < 16 || len(b) > seedSize {
		return nil, fmt.Errorf("seed: %d bytes: want 16 to %d", len(b), seedSize)
	}
	return &Seed{hide(&seed{append(make([]byte, 0, len(b)), b...)})}, nil
}

// Wipe overwrites the seed. It is unusable from then on.
func (s *Seed) Wipe() {
	seed := s.reveal()
	clear(seed.bytes)
	seed.bytes = nil
}

// node is an extended private key.
type node struct {
	key    btcec.ModNScalar
	chain  [32]byte
	parent [4]byte
	index  uint32
	depth  byte
	serial []byte // public key, compressed; nil: not worked out yet
}

func (n *node) wipe() { n.key.Zero(); clear(n.chain[:]) }

// master returns the root of the seed's tree.
func master(s *Seed) (*node, error) {
	bytes := s.reveal().bytes
	if len(bytes) == 0 {
		return nil, fmt.Errorf("seed: was wiped")
	}
	mac := hmac.New(sha512.New, masterKey)
	mac.Write(bytes)
	sum := mac.Sum(nil)
	defer clear(sum)
	n := new(node)
	if n.key.SetByteSlice(sum[:32]) || n.key.IsZero() {
		n.wipe()
		return nil, fmt.Errorf("seed: gives no master key (chance 2^-127): make another")
	}
	copy(n.chain[:], sum[32:])
	return n, nil
}

// child derives the extended key with index, hardened or not (BIP32, CKDpriv).
func (n *node) child(index uint32) (*node, error) {
	if n.depth == maxDepth {
		return nil, fmt.Errorf("key: depth %d: has no children", maxDepth)
	}
	serial := n.serial
	if serial == nil {
		serial = n.serialPublic()
	}
	data := serial
	if index >= Hardened {
		own := n.key.Bytes()
		data = append(make([]byte, 1, 33), own[:]...)
		clear(own[:])
		defer clear(data)
	}
	tweak, chain, err := split(n.chain, data, index)
	if err != nil {
		return nil, err
	}
	defer tweak.Zero()
	c := &node{chain: chain, index: index, depth: n.depth + 1}
	copy(c.parent[:], btcutil.Hash160(serial))
	if c.key.Add2(&tweak, &n.key); c.key.IsZero() {
		return nil, errNoChild(index)
	}
	return c, nil
}

// derive follows path and wipes the nodes on the way. It never returns n itself: the caller wipes the result.
func (n *node) derive(path Path) (*node, error) {
	at := *n
	for _, index := range path {
		next, err := at.child(index)
		at.wipe()
		if err != nil {
			return nil, err
		}
		at = *next
		next.wipe()
	}
	return &at, nil
}

func (n *node) point() *btcec.PublicKey {
	var p btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(&n.key, &p)
	p.ToAffine()
	return btcec.NewPublicKey(&p.X, &p.Y)
}

func (n *node) serialPublic() []byte { return n.point().SerializeCompressed() }

// public returns the node without its private key.
func (n *node) public() *Public {
	return &Public{key: n.point(), chain: n.chain, parent: n.parent, index: n.index, depth: n.depth}
}
