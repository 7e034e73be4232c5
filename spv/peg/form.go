package peg

import (
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/spv/chains"
)

// Standard tells whether an output script is one of the five forms that a burn may pay to:
// P2PKH, P2SH, P2WPKH, P2WSH, P2TR.
func Standard(script []byte) bool {
	return txscript.IsPayToPubKeyHash(script) || txscript.IsPayToScriptHash(script) ||
		txscript.IsPayToWitnessPubKeyHash(script) || txscript.IsPayToWitnessScriptHash(script) ||
		txscript.IsPayToTaproot(script)
}

// What it takes to spend an output (GetDustThreshold of Bitcoin Core), in bytes.
const (
	spendLegacy  = 32 + 4 + 1 + 107 + 4
	spendWitness = 32 + 4 + 1 + 107/4 + 4
)

// Dust returns the least amount, in base units of the chain, that its peers relay in an
// output with this script: what spending it would cost at the chain's dust rate, or the
// chain's plain limit where it has one.
func Dust(p *chains.Params, script []byte) int64 {
	if p.Policy.DustLimit > 0 {
		return p.Policy.DustLimit
	}
	size := 8 + len(appendCompactSize(nil, uint64(len(script)))) + len(script)
	if txscript.IsWitnessProgram(script) {
		size += spendWitness
	} else {
		size += spendLegacy
	}
	return (int64(size)*p.Policy.DustRate + 999) / 1000
}
