package keystore

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/base58"
)

const (
	extendedSize = 78  // version, depth, parent, index, chain code, key (BIP32)
	maxExtended  = 112 // base58 characters; 78 bytes and their checksum take at most 112
)

// neutralID is the version that BIP32 itself defines. MarshalText writes it: what is stored belongs to no chain.
var neutralID = [4]byte{0x04, 0x88, 0xb2, 0x1e}

// Public is an extended public key (BIP32): it derives the public keys of its unhardened descendants, all the addresses
// of an account. No secret, but whoever has it sees the account's whole history; and together with one private key
// below it, it gives away all of them.
type Public struct {
	key    *btcec.PublicKey
	chain  [32]byte
	parent [4]byte
	index  uint32
	depth  byte
}

// ParsePublic reads an extended public key with the net's version bytes. It refuses a private key without repeating it.
func ParsePublic(text string, net Net) (*Public, error) {
	version, p, err := DecodePublic(text)
	switch {
	case version == net.BIP32Prv && version != [4]byte{}:
		return nil, fmt.Errorf("extended key: is private: want a public one")
	case err != nil:
		return nil, err
	case version != net.BIP32Pub:
		return nil, fmt.Errorf("extended key: version %x: want %x", version, net.BIP32Pub)
	}
	return p, nil
}

// DecodePublic reads an extended public key with any version bytes and returns them, for the caller to judge: wallets
// in use write the kind of account into them (SLIP-132).
func DecodePublic(text string) (version [4]byte, p *Public, err error) {
	if len(text) > maxExtended {
		return version, nil, fmt.Errorf("extended key: %d characters: more than %d", len(text), maxExtended)
	}
	raw := base58.Decode(text)
	defer clear(raw) // it may be a private key by mistake
	if len(raw) != extendedSize+4 {
		return version, nil, fmt.Errorf("extended key: not %d bytes in base58", extendedSize+4)
	}
	body, sum := raw[:extendedSize], raw[extendedSize:]
	once := sha256.Sum256(body)
	if twice := sha256.Sum256(once[:]); !bytes.Equal(twice[:4], sum) {
		return version, nil, fmt.Errorf("extended key: checksum does not match")
	}
	copy(version[:], body)
	p = &Public{depth: body[4], index: binary.BigEndian.Uint32(body[9:13])}
	copy(p.parent[:], body[5:9])
	copy(p.chain[:], body[13:45])
	if p.depth == 0 && (p.parent != [4]byte{} || p.index != 0) {
		return version, nil, fmt.Errorf("extended key: depth 0, but parent %x and index %d", p.parent, p.index)
	}
	if body[45] != 2 && body[45] != 3 {
		return version, nil, fmt.Errorf("extended key: holds no compressed public key")
	}
	if p.key, err = btcec.ParsePubKey(body[45:]); err != nil {
		return version, nil, fmt.Errorf("extended key: not a point of the curve")
	}
	return version, p, nil
}

// Encode writes the key with the net's version bytes.
func (p *Public) Encode(net Net) string { return p.EncodeAs(net.BIP32Pub) }

// EncodeAs writes the key with any version bytes (SLIP-132).
func (p *Public) EncodeAs(version [4]byte) string {
	return encodeExtended(version, p.depth, p.parent, p.index, p.chain, p.key.SerializeCompressed())
}

func encodeExtended(version [4]byte, depth byte, parent [4]byte, index uint32, chain [32]byte, key []byte) string {
	raw := append(make([]byte, 0, extendedSize+4), version[:]...)
	raw = append(raw, depth)
	raw = append(raw, parent[:]...)
	raw = binary.BigEndian.AppendUint32(raw, index)
	raw = append(raw, chain[:]...)
	raw = append(raw, key...)
	once := sha256.Sum256(raw)
	twice := sha256.Sum256(once[:])
	return base58.Encode(append(raw, twice[:4]...))
}

// Key returns the public key itself.
func (p *Public) Key() *btcec.PublicKey { return p.key }

// Depth returns how many steps the key is from its master.
func (p *Public) Depth() int { return int(p.depth) }

// Fingerprint returns the first four bytes of the key's HASH160, by which descriptors and PSBTs name a master key.
func (p *Public) Fingerprint() [4]byte {
	return [4]byte(btcutil.Hash160(p.key.SerializeCompressed())[:4])
}

// Equal says whether two extended keys are the same in every field.
func (p *Public) Equal(q *Public) bool {
	return p.key.IsEqual(q.key) && p.chain == q.chain && p.parent == q.parent && p.index == q.index && p.depth == q.depth
}

// Child derives the extended key with an unhardened index (BIP32, CKDpub).
func (p *Public) Child(index uint32) (*Public, error) {
	if index >= Hardened {
		return nil, fmt.Errorf("key: child %d': a public key has no hardened children", index&^Hardened)
	}
	if p.depth == maxDepth {
		return nil, fmt.Errorf("key: depth %d: has no children", maxDepth)
	}
	serial := p.key.SerializeCompressed()
	tweak, chain, err := split(p.chain, serial, index)
	if err != nil {
		return nil, err
	}
	var sum, parent, offset btcec.JacobianPoint
	p.key.AsJacobian(&parent)
	btcec.ScalarBaseMultNonConst(&tweak, &offset)
	btcec.AddNonConst(&parent, &offset, &sum)
	if sum.Z.IsZero() {
		return nil, errNoChild(index)
	}
	sum.ToAffine()
	child := &Public{key: btcec.NewPublicKey(&sum.X, &sum.Y), chain: chain, index: index, depth: p.depth + 1}
	copy(child.parent[:], btcutil.Hash160(serial))
	return child, nil
}

// Derive returns the key of an account at .../change/index: change is 0 for addresses given out and 1 for change.
func (p *Public) Derive(change, index uint32) (*btcec.PublicKey, error) {
	branch, err := p.Child(change)
	if err != nil {
		return nil, err
	}
	leaf, err := branch.Child(index)
	if err != nil {
		return nil, err
	}
	return leaf.key, nil
}

// MarshalText writes the key with BIP32's own version bytes.
func (p *Public) MarshalText() ([]byte, error) { return []byte(p.EncodeAs(neutralID)), nil }

// UnmarshalText reads what MarshalText writes.
func (p *Public) UnmarshalText(text []byte) error {
	q, err := ParsePublic(string(text), Net{BIP32Pub: neutralID})
	if err != nil {
		return err
	}
	*p = *q
	return nil
}

// split does the hash of a derivation: HMAC-SHA512 of data || index under the chain code gives tweak and chain code.
func split(chain [32]byte, data []byte, index uint32) (tweak btcec.ModNScalar, next [32]byte, err error) {
	mac := hmac.New(sha512.New, chain[:])
	mac.Write(data)
	var number [4]byte
	binary.BigEndian.PutUint32(number[:], index)
	mac.Write(number[:])
	sum := mac.Sum(nil)
	defer clear(sum)
	if tweak.SetByteSlice(sum[:32]) {
		return tweak, next, errNoChild(index)
	}
	copy(next[:], sum[32:])
	return tweak, next, nil
}

// errNoChild is an accident of chance 2^-127 that BIP32 answers with the next index.
func errNoChild(index uint32) error {
	return fmt.Errorf("key: child %d does not exist: take the next", index)
}
