// Package message signs messages with the key of an address and verifies what others
// signed, in the simple form of BIP322: for P2WPKH and P2TR, and verifying for P2WSH,
// too.
//
// A signature shows that whoever made it could spend from the address then. It does not
// show who that is, nor that there is money. The older form of signed messages, which
// commits to no script, is neither made nor accepted.
package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

// Limits.
const (
	MaxMessage   = 1 << 20 // bytes of a message
	MaxSignature = 16 << 10
	maxItems     = 100 // of a witness
)

// prefix marks signatures of the simple form (BIP322). Older ones come without.
const prefix = "smp"

// tag is that of the hash of a message (BIP322).
var tag = []byte("BIP0322-signed-message")

// Key signs for one address.
type Key interface {
	// PubKey returns the compressed public key, 33 bytes.
	PubKey() []byte
	// SignECDSA returns a DER signature with low S, without a byte for the hash type.
	SignECDSA(hash [32]byte) ([]byte, error)
	// SignSchnorr returns a signature with the key tweaked for an output without scripts (BIP86).
	SignSchnorr(hash [32]byte) ([]byte, error)
}

// Hash returns the hash of a message, in the order in which it is computed.
func Hash(text []byte) chainhash.Hash { return *chainhash.TaggedHash(tag, text) }

// toSpend returns the transaction whose output a signature spends: none that exists.
func toSpend(script, text []byte) *wire.MsgTx {
	hash := Hash(text)
	tx := wire.NewMsgTx(0)
	in := wire.NewTxIn(&wire.OutPoint{Index: math.MaxUint32}, append([]byte{txscript.OP_0, 32}, hash[:]...), nil)
	in.Sequence = 0
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(0, script))
	return tx
}

// toSign returns the transaction that a signature is of.
func toSign(spend *wire.MsgTx) *wire.MsgTx {
	tx := wire.NewMsgTx(0)
	in := wire.NewTxIn(&wire.OutPoint{Hash: spend.TxHash()}, nil, nil)
	in.Sequence = 0
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(0, []byte{txscript.OP_RETURN}))
	return tx
}

// Sign signs a message for an output script of kind P2WPKH or P2TR. The signature is
// verified before it is returned.
func Sign(p *chains.Params, script, text []byte, key Key) (string, error) {
	if len(text) > MaxMessage {
		return "", fmt.Errorf("message of %d bytes: want at most %d", len(text), MaxMessage)
	}
	tx := toSign(toSpend(script, text))
	f := txscript.NewCannedPrevOutputFetcher(script, 0)
	hashes := txscript.NewTxSigHashes(tx, f)
	var witness wire.TxWitness
	switch kind := address.KindOf(p, script); kind {
	case address.P2WPKH:
		hash, err := txscript.CalcWitnessSigHash(script, hashes, txscript.SigHashAll, tx, 0, 0)
		if err != nil {
			return "", err
		}
		sig, err := key.SignECDSA([32]byte(hash))
		if err != nil {
			return "", err
		}
		witness = wire.TxWitness{append(sig, byte(txscript.SigHashAll)), key.PubKey()}
	case address.P2TR:
		hash, err := txscript.CalcTaprootSignatureHash(hashes, txscript.SigHashDefault, tx, 0, f)
		if err != nil {
			return "", err
		}
		sig, err := key.SignSchnorr([32]byte(hash))
		if err != nil {
			return "", err
		}
		witness = wire.TxWitness{sig}
	default:
		return "", fmt.Errorf("message: an address of kind %s cannot sign, want p2wpkh or p2tr", kind)
	}
	if err := verify(p, script, text, witness); err != nil {
		return "", err
	}
	var w bytes.Buffer
	_ = wire.WriteVarInt(&w, 0, uint64(len(witness))) // a buffer takes everything
	for _, item := range witness {
		_ = wire.WriteVarBytes(&w, 0, item)
	}
	return prefix + base64.StdEncoding.EncodeToString(w.Bytes()), nil
}

// Verify returns nil if a signature of the simple form, with or without its prefix, is
// one of the message by the address.
func Verify(p *chains.Params, addr string, text []byte, signature string) error {
	script, err := address.Decode(p, addr)
	if err != nil {
		return err
	}
	if len(text) > MaxMessage {
		return fmt.Errorf("message of %d bytes: want at most %d", len(text), MaxMessage)
	}
	witness, err := parse(signature)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	return verify(p, script, text, witness)
}

// parse reads a witness: CompactSize count, then items with their lengths.
func parse(signature string) (wire.TxWitness, error) {
	if len(signature) > MaxSignature {
		return nil, fmt.Errorf("of %d bytes, want at most %d", len(signature), MaxSignature)
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, prefix))
	if err != nil {
		return nil, err
	}
	r := bytes.NewReader(b)
	n, err := wire.ReadVarInt(r, 0)
	if err != nil || n == 0 || n > maxItems {
		return nil, fmt.Errorf("a witness of %d items, want 1 to %d", n, maxItems)
	}
	witness := make(wire.TxWitness, n)
	for i := range witness {
		if witness[i], err = wire.ReadVarBytes(r, 0, uint32(len(b)), "witness item"); err != nil {
			return nil, fmt.Errorf("witness item %d: %w", i, err)
		}
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("%d bytes follow its witness", r.Len())
	}
	return witness, nil
}

var errWrong = errors.New("signature: not one of this message by this address")

func verify(p *chains.Params, script, text []byte, witness wire.TxWitness) error {
	switch kind := address.KindOf(p, script); kind {
	case address.P2WPKH, address.P2WSH, address.P2TR:
	default:
		return fmt.Errorf("signature: an address of kind %s has none of the simple form", kind)
	}
	if address.KindOf(p, script) != address.P2TR && !onlyAll(witness) {
		return fmt.Errorf("%w: a hash type other than ALL", errWrong)
	}
	tx := toSign(toSpend(script, text))
	tx.TxIn[0].Witness = witness
	f := txscript.NewCannedPrevOutputFetcher(script, 0)
	engine, err := txscript.NewEngine(script, tx, 0, txscript.StandardVerifyFlags, nil, txscript.NewTxSigHashes(tx, f), 0, f)
	if err == nil {
		err = engine.Execute()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	if address.KindOf(p, script) == address.P2TR && !keyPath(witness) {
		return fmt.Errorf("%w: want one signature of hash type ALL", errWrong)
	}
	return nil
}

// keyPath says whether a witness that was found to be right is one signature that
// commits to all of the transaction.
func keyPath(witness wire.TxWitness) bool {
	return len(witness) == 1 && (len(witness[0]) == 64 || witness[0][64] == byte(txscript.SigHashAll))
}

// onlyAll says whether every item that looks like an ECDSA signature commits to all of
// the transaction, as BIP322 demands.
func onlyAll(witness wire.TxWitness) bool {
	for _, item := range witness {
		signature := len(item) >= 9 && len(item) <= 73 && item[0] == 0x30 && int(item[1]) == len(item)-3
		if signature && item[len(item)-1] != byte(txscript.SigHashAll) {
			return false
		}
	}
	return true
}
