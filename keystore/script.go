package keystore

import (
	"bytes"
	"crypto/sha256"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"
)

// commits says whether an output (P2SH if head is OP_HASH160, else P2WSH) is that of script.
func commits(output []byte, head byte, script []byte) bool {
	if head == txscript.OP_HASH160 {
		return bytes.Equal(output[2:22], btcutil.Hash160(script))
	}
	hash := sha256.Sum256(script)
	return bytes.Equal(output[2:], hash[:])
}

// keyHashScript returns the P2PKH script of a HASH160, which stands for P2WPKH in a signature (BIP143).
func keyHashScript(hash []byte) []byte {
	head := []byte{txscript.OP_DUP, txscript.OP_HASH160, txscript.OP_DATA_20}
	return append(append(head, hash...), txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG)
}

// holds says whether a script pushes the key or its HASH160.
func holds(script, key []byte) bool {
	hash := btcutil.Hash160(key)
	for tokens := txscript.MakeScriptTokenizer(0, script); tokens.Next(); {
		if data := tokens.Data(); bytes.Equal(data, key) || bytes.Equal(data, hash) {
			return true
		}
	}
	return false
}
