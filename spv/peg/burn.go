package peg

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// MaxBurn is the most that one burn output may ask for, in L1 satoshis. It is what every
// batch can pay whatever is in the vault, so that no burn can block those behind it; more
// money takes more outputs.
const MaxBurn = batchFloor

// The names of the checks on a burn output.
const (
	CheckBurnForm   = "burn-form"   // the one encoding there is
	CheckBurnScript = "burn-script" // pays one of the five standard forms
	CheckBurnWhole  = "burn-whole"  // whole satoshis
	CheckBurnLeast  = "burn-least"  // W_min
	CheckBurnMost   = "burn-most"   // MaxBurn
)

// Burn is an output that destroys money of the layer and asks for it on the chain below
// (section 4.3).
type Burn struct {
	Script []byte // output script on the chain that pays
	MaxFee uint32 // most that the payout may be charged, L1 satoshis
	Amount int64  // L1 satoshis
}

// burnHead is OP_RETURN and the push of the payer's genesis hash.
const burnHead = 1 + 1 + 32

// IsBurn tells whether an output script begins like a burn that is to be paid by the chain
// with the given genesis hash (its NetID). A transaction with such an output that ParseBurn
// refuses is invalid: so nobody loses money by a burn that is nearly right. Every other
// script that begins with OP_RETURN is no burn and its value is gone.
func IsBurn(script []byte, payer spv.Hash) bool {
	return len(script) >= burnHead && script[0] == txscript.OP_RETURN && script[1] == txscript.OP_DATA_32 &&
		bytes.Equal(script[2:burnHead], payer[:])
}

// ParseBurn reads a burn from an output of a layer that is paid by the chain with the given
// genesis hash. There is one encoding: OP_RETURN, and three direct pushes of the genesis
// hash (32 bytes, internal order), the script (22 to 34 bytes) and the fee limit (u32). It
// refuses with a *spv.CheckError.
func ParseBurn(p *chains.Params, payer spv.Hash, out *wire.TxOut) (Burn, error) {
	if p.Peg == nil {
		return Burn{}, fmt.Errorf("burn: %s has no peg", p.Name)
	}
	if !IsBurn(out.PkScript, payer) {
		return Burn{}, refuse(CheckBurnForm, fmt.Sprintf("script %x", clip(out.PkScript)), fmt.Sprintf("6a20%x...", payer))
	}
	rest := out.PkScript[burnHead:]
	direct := len(rest) > 0 && rest[0] <= txscript.OP_DATA_75
	if !direct || len(rest) != 1+int(rest[0])+1+4 || rest[1+rest[0]] != txscript.OP_DATA_4 {
		return Burn{}, refuse(CheckBurnForm, fmt.Sprintf("%x", clip(rest)), "direct pushes of a script and of 4 bytes")
	}
	n := 1 + int(rest[0])
	b := Burn{Script: rest[1:n], MaxFee: binary.LittleEndian.Uint32(rest[n+1:])}
	u := p.UnitsPerSat()
	b.Amount = out.Value / u
	if out.Value%u != 0 {
		return Burn{}, refuse(CheckBurnWhole, fmt.Sprintf("%d units", out.Value), fmt.Sprintf("a multiple of %d", u))
	}
	return b, b.check(p)
}

// clip keeps foreign bytes in messages short.
func clip(b []byte) []byte { return b[:min(len(b), 80)] }

func (b *Burn) check(p *chains.Params) error {
	if !Standard(b.Script) {
		return refuse(CheckBurnScript, fmt.Sprintf("%x", clip(b.Script)), "P2PKH, P2SH, P2WPKH, P2WSH or P2TR")
	}
	if b.Amount < p.Peg.MinBurn {
		return refuse(CheckBurnLeast, fmt.Sprintf("%d sat", b.Amount), fmt.Sprintf("at least %d sat", p.Peg.MinBurn))
	}
	if b.Amount > MaxBurn {
		return refuse(CheckBurnMost, fmt.Sprintf("%d sat", b.Amount), fmt.Sprintf("at most %d sat in one output", MaxBurn))
	}
	return nil
}

// Output returns the layer's output that asks for the burn. It refuses what ParseBurn
// would refuse.
func (b *Burn) Output(p *chains.Params, payer spv.Hash) (*wire.TxOut, error) {
	if p.Peg == nil {
		return nil, fmt.Errorf("burn: %s has no peg", p.Name)
	}
	if err := b.check(p); err != nil {
		return nil, err
	}
	return &wire.TxOut{Value: b.Amount * p.UnitsPerSat(), PkScript: b.script(payer)}, nil
}

func (b *Burn) script(payer spv.Hash) []byte {
	s := append([]byte{txscript.OP_RETURN, txscript.OP_DATA_32}, payer[:]...)
	s = append(append(s, byte(len(b.Script))), b.Script...)
	return binary.LittleEndian.AppendUint32(append(s, txscript.OP_DATA_4), b.MaxFee)
}
