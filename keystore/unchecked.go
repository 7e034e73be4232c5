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

// SignECDSAAll gives the signatures that SignECDSA would, of each hash with the key at the path beside it, and takes less
// time for each than that.
func (u Unchecked) SignECDSAAll(paths []Path, hashes [][32]byte) (ders [][]byte, err error) {
	if len(paths) != len(hashes) {
		return nil, fmt.Errorf("signatures: %d paths for %d hashes", len(paths), len(hashes))
	}
	nodes := make([]*node, 0, len(paths))
	defer func() {
		for _, n := range nodes {
			n.wipe()
		}
	}()
	err = u.keys.lend(func(open *keyring) error {
		keys := make([]*btcec.ModNScalar, len(paths))
		for i, path := range paths {
			n, err := open.derive(path)
			if err != nil {
				return fmt.Errorf("path %s: %w", path, err)
			}
			nodes, keys[i] = append(nodes, n), &n.key
		}
		for _, sig := range ecdsaSignatures(keys, hashes) {
			ders = append(ders, sig.Serialize())
		}
		return nil
	})
	return ders, err
}

// SignSchnorr is Keyring.SignSchnorr without the check.
func (u Unchecked) SignSchnorr(path Path, hash [32]byte, root []byte) (sig []byte, err error) {
	if err := checkRoot(root); err != nil {
		return nil, err
	}
	err = u.keys.with(path, func(n *node) error { sig, err = signTaproot(&n.key, hash, root, schnorr.FastSign()); return err })
	return sig, err
}
