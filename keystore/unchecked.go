package keystore

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// Unchecked signs as its keyring does but does not verify its own signatures, which takes longer than making them. It is
// for callers that run the script of all that they signed before any of it leaves: a wrong signature may give the key away.
type Unchecked struct{ keys *Keyring }

// Unchecked returns a signer for a caller that verifies. It locks with the keyring.
func (k *Keyring) Unchecked() Unchecked { return Unchecked{k} }

// SignECDSA is Keyring.SignECDSA without the check.
func (u Unchecked) SignECDSA(path Path, hash [32]byte) (der []byte, err error) {
	err = u.keys.with(path, func(n *node) error { der = ecdsaSignature(&n.key, hash).Serialize(); return nil })
	return der, err
}

// SignECDSAAll signs each hash with the key at the path beside it, and takes half the time for each that SignECDSA does.
// The signatures are as short, and equal arguments give equal ones, but not the same as SignECDSA gives.
func (u Unchecked) SignECDSAAll(paths []Path, hashes [][32]byte) (ders [][]byte, err error) {
	err = u.withAll(paths, hashes, func(keys []*btcec.ModNScalar) error {
		for _, sig := range threefold.signatures(keys, hashes) {
			ders = append(ders, sig.Serialize())
		}
		return nil
	})
	return ders, err
}

// SignSchnorrAll does so for the signatures that SignSchnorr gives where there are no scripts (BIP86).
func (u Unchecked) SignSchnorrAll(paths []Path, hashes [][32]byte) (out [][]byte, err error) {
	err = u.withAll(paths, hashes, func(keys []*btcec.ModNScalar) error {
		sigs, err := taprootSignatures(keys, hashes)
		for _, sig := range sigs {
			out = append(out, sig.Serialize())
		}
		return err
	})
	return out, err
}

// withAll lends use the keys at all paths, one for each hash, and wipes them afterwards.
func (u Unchecked) withAll(paths []Path, hashes [][32]byte, use func(keys []*btcec.ModNScalar) error) error {
	if len(paths) != len(hashes) {
		return fmt.Errorf("signatures: %d paths for %d hashes", len(paths), len(hashes))
	}
	nodes := make([]*node, 0, len(paths))
	defer func() {
		for _, n := range nodes {
			n.wipe()
		}
	}()
	return u.keys.lend(func(open *keyring) error {
		keys := make([]*btcec.ModNScalar, len(paths))
		for i, path := range paths {
			n, err := open.derive(path)
			if err != nil {
				return fmt.Errorf("path %s: %w", path, err)
			}
			nodes, keys[i] = append(nodes, n), &n.key
		}
		return use(keys)
	})
}

// SignSchnorr is Keyring.SignSchnorr without the check.
func (u Unchecked) SignSchnorr(path Path, hash [32]byte, root []byte) (sig []byte, err error) {
	if err := checkRoot(root); err != nil {
		return nil, err
	}
	err = u.keys.with(path, func(n *node) error { sig, err = signTaproot(&n.key, hash, root, schnorr.FastSign()); return err })
	return sig, err
}
