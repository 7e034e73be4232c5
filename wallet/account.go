package wallet

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/keystore/descriptor"
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

	// Shared stands for the scripts of several keys, instead of all the above but WatchOnly, which
	// is set: its coins are spent by packets that each of the owners signs. See checkShared.
	Shared *descriptor.Descriptor
	shape  shape // of Shared
}

// Kind returns the kind of the account's scripts; of shared ones it is known once a Chain was
// opened with the account.
func (a *Account) Kind() address.Kind {
	if a.Shared != nil {
		return a.shape.kind
	}
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

// inputWeight returns the most that spending a coin of the account weighs.
func (a *Account) inputWeight() int64 {
	if a.Shared != nil {
		return a.shape.weight
	}
	weight, _ := address.InputWeight(a.Kind()) // check lets only kinds pass that have one
	return weight
}

// check refuses accounts that the chain has no addresses for.
func (a *Account) check(p *chains.Params) error {
	if a.Shared != nil {
		return a.checkShared(p)
	}
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
	if a.Shared != nil {
		sum := sha256.Sum256([]byte(a.Shared.String()))
		return [8]byte(sum[:8])
	}
	text, err := a.Key.MarshalText()
	if err != nil {
		panic("wallet: account key: " + err.Error())
	}
	sum := sha256.Sum256(fmt.Appendf(text, "/%d", a.Purpose))
	return [8]byte(sum[:8])
}

// slot is one derived key and its script.
type slot struct {
	pub    []byte // compressed, 33 bytes; nil where several keys share the script
	script []byte
	uses   int // outputs that ever paid to it, in transactions that count
}

// row returns the key above one of the account's rows: nil if several keys are.
func (a *Account) row(change uint32) (*keystore.Public, error) {
	if a.Shared != nil {
		return nil, nil
	}
	row, err := a.Key.Child(change)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", a.Path, err)
	}
	return row, nil
}

// derive returns the key and script at an index of one of the account's rows (BIP44, 49,
// 84, 86), below the key that row returns.
func (a *Account) derive(change uint32, row *keystore.Public, index uint32) (slot, error) {
	if a.Shared != nil {
		out, err := a.Shared.At(int(change), index)
		if err != nil {
			return slot{}, err
		}
		return slot{script: out.Script}, nil
	}
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
