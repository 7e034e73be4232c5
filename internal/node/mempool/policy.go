package mempool

import (
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
)

// The names of the checks that are policy: what fails one may be valid in a block.
const (
	CheckVersion   = "policy-version"
	CheckSize      = "policy-size"
	CheckSignature = "policy-signature-script"
	CheckOutput    = "policy-output"
	CheckReturn    = "policy-op-return"
	CheckDust      = "policy-dust"
	CheckInput     = "policy-input"
	CheckWitness   = "policy-witness"
	CheckSigOps    = "policy-sigops"
	CheckFeeRate   = "policy-fee-rate"
	CheckReplace   = "policy-replace"
	CheckChain     = "policy-chain"
	CheckTRUC      = "policy-truc"
	CheckFull      = "policy-full"
	CheckPackage   = "policy-package"
	CheckSameTx    = "policy-same-tx"
	CheckUnspent   = "policy-outputs-unspent"
)

const (
	maxVersion     = 3
	truc           = 3 // version of transactions that BIP431 restricts
	maxWeight      = 400_000
	minStripped    = 65   // bytes without witness: those of 64 could be an inner node of the tree
	maxSignature   = 1650 // bytes: 15 of 15 signatures in P2SH
	maxReturn      = 83   // bytes of an OP_RETURN script: 80 of data
	maxMultiSig    = 3    // keys of a bare multisig output
	maxP2SHSigOps  = 15
	maxWitScript   = 3600 // bytes of a P2WSH script
	maxWitItems    = 100
	maxWitItem     = 80   // bytes
	sigOpsShare    = 5    // one transaction may take one part in so many of a block's operations
	weightPerSigOp = 20   // weight units that an operation counts for at least
	claimHeadroom  = 4000 // weight that a block needs besides a claim
	annexTag       = 0x50
	leafMask       = 0xfe
	tapscriptLeaf  = 0xc0
	controlLeast   = 33
	witnessVersion = 1 // of taproot
)

func refuse(name, got, want string) *spv.CheckError {
	return &spv.CheckError{Name: name, Got: got, Want: want}
}

// form judges what a transaction shows alone. Consensus rules are not repeated here.
func (p *Pool) form(tx *wire.MsgTx, weight int64, claim bool) error {
	if tx.Version < 1 || tx.Version > maxVersion {
		return refuse(CheckVersion, fmt.Sprint(tx.Version), "1 to 3")
	}
	most := int64(maxWeight)
	if claim {
		most = p.params.BlockWeight - claimHeadroom
	}
	if weight > most {
		return refuse(CheckSize, fmt.Sprintf("%d weight units", weight), fmt.Sprintf("at most %d", most))
	}
	if size := tx.SerializeSizeStripped(); size < minStripped {
		return refuse(CheckSize, fmt.Sprintf("%d bytes without witness", size), fmt.Sprintf("at least %d", minStripped))
	}
	for i, in := range tx.TxIn {
		if n := len(in.SignatureScript); n > maxSignature || !txscript.IsPushOnlyScript(in.SignatureScript) {
			return refuse(CheckSignature, fmt.Sprintf("input %d with %d bytes", i, n),
				fmt.Sprintf("at most %d bytes, all of them pushes", maxSignature))
		}
	}
	return p.formOutputs(tx, claim)
}

func (p *Pool) formOutputs(tx *wire.MsgTx, claim bool) error {
	returns := 0
	for i, out := range tx.TxOut {
		if isReturn(out.PkScript) {
			if p.params.Peg != nil && peg.IsBurn(out.PkScript, p.payer) {
				continue // its form is consensus
			}
			if returns++; returns > 1 || len(out.PkScript) > maxReturn || !txscript.IsPushOnlyScript(out.PkScript[1:]) {
				return refuse(CheckReturn, fmt.Sprintf("output %d with %d bytes, %d such outputs", i, len(out.PkScript), returns),
					fmt.Sprintf("one OP_RETURN of pushes, of at most %d bytes", maxReturn))
			}
			continue
		}
		if !standardOutput(out.PkScript) && !claim { // a claim pays what its deposit committed to
			return refuse(CheckOutput, fmt.Sprintf("output %d with script %x", i, clip(out.PkScript)), "a standard script")
		}
		if least := peg.Dust(p.params, out.PkScript); out.Value < least {
			return refuse(CheckDust, fmt.Sprintf("output %d of %d", i, out.Value), fmt.Sprintf("at least %d", least))
		}
	}
	return nil
}

// clip shortens what goes into a message.
func clip(b []byte) []byte { return b[:min(len(b), 64)] }

func isReturn(script []byte) bool { return len(script) > 0 && script[0] == txscript.OP_RETURN }

// standardOutput tells whether a script is one that peers pass on. Witness programs of
// later versions are: the sender need not know what they will mean.
func standardOutput(script []byte) bool {
	switch txscript.GetScriptClass(script) {
	case txscript.PubKeyTy, txscript.PubKeyHashTy, txscript.ScriptHashTy, txscript.WitnessV0PubKeyHashTy,
		txscript.WitnessV0ScriptHashTy, txscript.WitnessV1TaprootTy:
		return true
	case txscript.MultiSigTy:
		keys, _, err := txscript.CalcMultiSigStats(script)
		return err == nil && keys >= 1 && keys <= maxMultiSig
	}
	version, program, err := txscript.ExtractWitnessProgramInfo(script)
	return err == nil && version >= witnessVersion && len(program) >= 2
}

// inputs judges what the inputs spend and how.
func (p *Pool) inputs(tx *wire.MsgTx, coins []*consensus.Coin) error {
	for i, c := range coins {
		in := tx.TxIn[i]
		if !standardOutput(c.Script) {
			return refuse(CheckInput, fmt.Sprintf("input %d spends script %x", i, clip(c.Script)), "a standard script")
		}
		if txscript.IsPayToScriptHash(c.Script) {
			if n := txscript.GetPreciseSigOpCount(in.SignatureScript, c.Script, true); n > maxP2SHSigOps {
				return refuse(CheckInput, fmt.Sprintf("input %d with %d signature operations", i, n),
					fmt.Sprintf("at most %d", maxP2SHSigOps))
			}
		}
		if len(in.Witness) > 0 {
			if what := witnessFault(in, c.Script); what != "" {
				return refuse(CheckWitness, fmt.Sprintf("input %d: %s", i, what), "a standard witness")
			}
		}
	}
	return nil
}

// witnessFault tells what keeps a witness from being standard (Bitcoin Core's
// IsWitnessStandard); empty if nothing does.
func witnessFault(in *wire.TxIn, script []byte) string {
	nested := txscript.IsPayToScriptHash(script)
	if nested {
		script = lastPush(in.SignatureScript)
	}
	version, program, err := txscript.ExtractWitnessProgramInfo(script)
	switch {
	case err != nil:
		return "a witness and no witness program"
	case version == 0 && len(program) == 32:
		return p2wshFault(in.Witness)
	case version == witnessVersion && len(program) == 32 && !nested:
		return taprootFault(in.Witness)
	}
	return ""
}

func lastPush(script []byte) (last []byte) {
	for t := txscript.MakeScriptTokenizer(0, script); t.Next(); {
		last = t.Data()
	}
	return last
}

func p2wshFault(w wire.TxWitness) string {
	if n := len(w[len(w)-1]); n > maxWitScript {
		return fmt.Sprintf("a script of %d bytes, more than %d", n, maxWitScript)
	}
	if n := len(w) - 1; n > maxWitItems {
		return fmt.Sprintf("%d items, more than %d", n, maxWitItems)
	}
	return itemsFault(w[:len(w)-1])
}

func itemsFault(items [][]byte) string {
	for i, item := range items {
		if len(item) > maxWitItem {
			return fmt.Sprintf("item %d of %d bytes, more than %d", i, len(item), maxWitItem)
		}
	}
	return ""
}

func taprootFault(w wire.TxWitness) string {
	if last := w[len(w)-1]; len(w) >= 2 && len(last) > 0 && last[0] == annexTag {
		return "an annex"
	}
	if len(w) < 2 {
		return "" // key path
	}
	control := w[len(w)-1]
	if len(control) < controlLeast || control[0]&leafMask != tapscriptLeaf {
		return "" // for the script rules to refuse
	}
	return itemsFault(w[:len(w)-2])
}

// sigOps returns a transaction's signature operations by BIP141's cost.
func sigOps(tx *wire.MsgTx, coins []*consensus.Coin) int64 {
	legacy := 0
	for _, in := range tx.TxIn {
		legacy += txscript.GetSigOpCount(in.SignatureScript)
	}
	for _, out := range tx.TxOut {
		legacy += txscript.GetSigOpCount(out.PkScript)
	}
	witness := 0
	for i, c := range coins {
		in := tx.TxIn[i]
		witness += txscript.GetWitnessSigOpCount(in.SignatureScript, c.Script, in.Witness)
		if txscript.IsPayToScriptHash(c.Script) {
			legacy += txscript.GetPreciseSigOpCount(in.SignatureScript, c.Script, true)
		}
	}
	return int64(legacy)*4 + int64(witness)
}
