package wallet

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

// Account is the public side of one account: enough to find its coins.
type Account struct {
	Purpose   uint32           // kind of its addresses, a purpose of package keystore
	Path      keystore.Path    // from the master key; nil if not known
	Key       *keystore.Public // at Path
	Master    [4]byte          // fingerprint of the master key; zero if not known
	WatchOnly bool             // nobody here can sign for it
}

// kind returns the kind of the account's scripts.
func (a *Account) kind() address.Kind {
	switch a.Purpose {
	case keystore.PurposeLegacy:
		return address.P2PKH
	case keystore.PurposeNested:
		return address.Nested
	case keystore.PurposeSegwit:
		return address.P2WPKH
	case keystore.PurposeTaproot:
		return address.P2TR
	}
	return address.Other
}

// check refuses accounts that the chain has no addresses for.
func (a *Account) check(p *chains.Params) error {
	if a.Key == nil {
		return fmt.Errorf("account %s: no key", a.Path)
	}
	if !slices.Contains(p.Keys.Purposes, a.Purpose) {
		return fmt.Errorf("account %s: purpose %d, %s has %d", a.Path, a.Purpose, p.Name, p.Keys.Purposes)
	}
	return nil
}

// id names the account in records, wherever it stands in the list of accounts.
func (a *Account) id() [8]byte {
	text, err := a.Key.MarshalText()
	if err != nil {
		panic("wallet: account key: " + err.Error())
	}
	sum := sha256.Sum256(fmt.Appendf(text, "/%d", a.Purpose))
	return [8]byte(sum[:8])
}

// slot is one derived key and its script.
type slot struct {
	pub    []byte // compressed, 33 bytes
	script []byte
	uses   int // outputs that ever paid to it, in transactions that count
}

// derive returns the key and script at an index below one of the account's rows (BIP44,
// 49, 84, 86).
func (a *Account) derive(row *keystore.Public, index uint32) (slot, error) {
	child, err := row.Child(index)
	if err != nil {
		return slot{}, fmt.Errorf("account %s: key %d: %w", a.Path, index, err)
	}
	key := child.Key()
	s := slot{pub: key.SerializeCompressed()}
	witness := witnessKeyHash(s.pub)
	switch a.Purpose {
	case keystore.PurposeLegacy:
		s.script = slices.Concat([]byte{txscript.OP_DUP, txscript.OP_HASH160, 20}, witness[2:],
			[]byte{txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG})
	case keystore.PurposeNested:
		s.script = slices.Concat([]byte{txscript.OP_HASH160, 20}, btcutil.Hash160(witness), []byte{txscript.OP_EQUAL})
	case keystore.PurposeSegwit:
		s.script = witness
	case keystore.PurposeTaproot:
		output := txscript.ComputeTaprootKeyNoScript(key)
		s.script = append([]byte{txscript.OP_1, 32}, schnorr.SerializePubKey(output)...)
	}
	return s, nil
}

// witnessKeyHash returns the P2WPKH program of a compressed key.
func witnessKeyHash(pub []byte) []byte {
	return append([]byte{txscript.OP_0, 20}, btcutil.Hash160(pub)...)
}
