package keystore

import "github.com/btcsuite/btcd/btcec/v2/schnorr"

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

// SignSchnorr is Keyring.SignSchnorr without the check.
func (u Unchecked) SignSchnorr(path Path, hash [32]byte, root []byte) (sig []byte, err error) {
	if err := checkRoot(root); err != nil {
		return nil, err
	}
	err = u.keys.with(path, func(n *node) error { sig, err = signTaproot(&n.key, hash, root, schnorr.FastSign()); return err })
	return sig, err
}
