package address

import (
	"fmt"

	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/spv/chains"
)

// Kind is the kind of an output script.
type Kind uint8

// The kinds of scripts. The set is closed.
const (
	Other  Kind = iota // anything else
	P2PKH              // pay to a public key hash
	P2SH               // pay to a script hash, whatever the script
	P2WPKH             // BIP141, version 0, 20 bytes
	P2WSH              // BIP141, version 0, 32 bytes
	P2TR               // BIP341, on a chain that has it
	Nested             // P2WPKH inside P2SH; a wallet knows it of its own scripts, KindOf cannot tell
	Future             // a witness program without rules on the chain: anybody can spend it
	Data               // OP_RETURN: nobody can spend it
)

var kindNames = [...]string{"other", "p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr", "p2sh-p2wpkh", "future", "data"}

// String returns the kind's name, such as "p2wpkh".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// MarshalText returns the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// KindOf tells of what kind a script is on a chain. It never returns Nested.
func KindOf(p *chains.Params, script []byte) Kind {
	if len(script) > 0 && script[0] == txscript.OP_RETURN {
		return Data
	}
	switch {
	case txscript.IsPayToPubKeyHash(script):
		return P2PKH
	case txscript.IsPayToScriptHash(script):
		return P2SH
	}
	version, program, ok := witnessProgram(script)
	switch {
	case !ok:
		return Other
	case p.Address.HRP == "":
		return Future
	case version == 0 && len(program) == 20:
		return P2WPKH
	case version == 0 && len(program) == 32:
		return P2WSH
	case version == 0:
		return Other // invalid to spend
	case version == 1 && len(program) == 32 && p.Address.Taproot:
		return P2TR
	}
	return Future
}

// witnessProgram splits a witness script (BIP141): one small number and one push of 2
// to 40 bytes.
func witnessProgram(script []byte) (version byte, program []byte, ok bool) {
	if len(script) < 4 || len(script) > 42 || int(script[1]) != len(script)-2 {
		return 0, nil, false
	}
	switch v := script[0]; {
	case v == txscript.OP_0:
		return 0, script[2:], true
	case v >= txscript.OP_1 && v <= txscript.OP_16:
		return v - txscript.OP_1 + 1, script[2:], true
	}
	return 0, nil, false
}

// InputWeight returns the most weight units (BIP141) that an input of a kind takes: its
// outpoint, sequence, script with length, and witness, with a signature of 72 bytes
// (DER, low S, hash type) or 64 bytes (Schnorr). False for kinds that a single key does
// not spend. The two units for marker and flag are not of it, see TxWeight.
func InputWeight(k Kind) (weight int64, ok bool) {
	const bare = 32 + 4 + 4 // outpoint, sequence
	switch k {
	case P2PKH:
		return 4*(bare+1+1+72+1+33) + 1, true
	case P2WPKH:
		return 4*(bare+1) + 1 + 1 + 72 + 1 + 33, true
	case Nested:
		return 4*(bare+1+23) + 1 + 1 + 72 + 1 + 33, true
	case P2TR:
		return 4*(bare+1) + 1 + 1 + 64, true
	}
	return 0, false
}

// OutputWeight returns the weight units of an output with a script.
func OutputWeight(script []byte) int64 {
	return 4 * int64(8+compactSize(len(script))+len(script))
}

// TxWeight returns the weight units of a transaction around its inputs and outputs:
// version, lock time, the two counts, marker and flag. A P2PKH input's weight counts its
// empty witness, so that the sum is exact where one input has a witness, and too large
// by 2 and one for each input where none has.
func TxWeight(inputs, outputs int) int64 {
	return 4*int64(4+4+compactSize(inputs)+compactSize(outputs)) + 2
}

func compactSize(n int) int {
	switch {
	case n < 0xfd:
		return 1
	case n <= 0xffff:
		return 3
	}
	return 5
}
