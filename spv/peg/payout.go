package peg

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// The names of the checks on a payout.
const (
	CheckPayoutMarker = "payout-marker" // the batch carries the one marker there is
	CheckPayoutList   = "payout-list"   // the list is the one that it commits to
	CheckPayoutOutput = "payout-output" // and is what the batch pays
	CheckPayoutBurn   = "payout-burn"   // the burn is in the list, with its script
	CheckPayoutAmount = "payout-amount" // and gets its amount less a fee within its limit
)

// Payout is one payment of a batch.
type Payout struct {
	Burn   wire.OutPoint // the burn output on the layer
	Value  int64         // L1 satoshis
	Script []byte        // output script on L1
}

// PayoutHash returns SHA-256d of CompactSize number of payouts, and of each the burn's
// outpoint (txid 32, vout u32), the value u64 and the script behind its CompactSize length.
func PayoutHash(list []Payout) spv.Hash {
	b := appendCompactSize(nil, uint64(len(list)))
	for i := range list {
		b = append(b, list[i].Burn.Hash[:]...)
		b = binary.LittleEndian.AppendUint32(b, list[i].Burn.Index)
		b = binary.LittleEndian.AppendUint64(b, uint64(list[i].Value))
		b = append(appendCompactSize(b, uint64(len(list[i].Script))), list[i].Script...)
	}
	return pow.DoubleSHA256(b)
}

// Marker is what a batch says about itself: `RETURN "LPOX" || b u32 || cut hash ||
// H(payout list)` in one direct push of 72 bytes.
type Marker struct {
	Number uint32
	Cut    spv.Hash // block of the layer up to which it pays
	List   spv.Hash // PayoutHash
}

const (
	markerSize = 4 + 4 + 32 + 32
	markerText = "LPOX"
)

// ParseMarker reads the marker from an output script in its only form.
func ParseMarker(script []byte) (Marker, error) {
	if len(script) != 2+markerSize || script[0] != txscript.OP_RETURN || script[1] != markerSize ||
		string(script[2:6]) != markerText {
		return Marker{}, refuse(CheckPayoutMarker, fmt.Sprintf("script %x", clip(script)), fmt.Sprintf("6a48%x...", markerText))
	}
	b := script[6:]
	return Marker{Number: binary.LittleEndian.Uint32(b), Cut: spv.Hash(b[4:36]), List: spv.Hash(b[36:68])}, nil
}

// Script returns the output script that carries the marker.
func (m *Marker) Script() []byte {
	s := append([]byte{txscript.OP_RETURN, markerSize}, markerText...)
	s = binary.LittleEndian.AppendUint32(s, m.Number)
	return append(append(s, m.Cut[:]...), m.List[:]...)
}

// VerifyPayout checks, with a *spv.CheckError for a refusal, that a batch transaction pays
// the list and that the list pays a burn what it is owed. Whether the batch is in L1 is the
// caller's to know, and whether its outputs before the list are the settlers' does not
// matter to who is paid.
func VerifyPayout(tx *wire.MsgTx, list []Payout, burn *Unpaid) error {
	if len(tx.TxOut) < 2 {
		return refuse(CheckPayoutMarker, fmt.Sprintf("%d outputs", len(tx.TxOut)), "connector and marker")
	}
	marker, err := ParseMarker(tx.TxOut[1].PkScript)
	if err != nil {
		return err
	}
	if got := PayoutHash(list); got != marker.List {
		return refuse(CheckPayoutList, fmt.Sprintf("hash %x", got), fmt.Sprintf("%x", marker.List))
	}
	// Connector, marker, perhaps change, then the list. The number of payouts tells which.
	first := len(tx.TxOut) - len(list)
	if len(list) == 0 || (first != 2 && first != 3) {
		return refuse(CheckPayoutOutput, fmt.Sprintf("%d payouts in %d outputs", len(list), len(tx.TxOut)),
			"2 or 3 outputs more than payouts")
	}
	for i, out := range tx.TxOut[first:] {
		if out.Value != list[i].Value || !bytes.Equal(out.PkScript, list[i].Script) {
			return refuse(CheckPayoutOutput, fmt.Sprintf("output %d: %d sat to %x", first+i, out.Value, clip(out.PkScript)),
				fmt.Sprintf("%d sat to %x", list[i].Value, clip(list[i].Script)))
		}
	}
	return checkPaid(list, burn)
}

func checkPaid(list []Payout, burn *Unpaid) error {
	found := -1
	for i := range list {
		if list[i].Burn == burn.Outpoint {
			if found >= 0 {
				return refuse(CheckPayoutBurn, "burn "+burn.Outpoint.String()+" twice", "once")
			}
			found = i
		}
	}
	if found < 0 {
		return refuse(CheckPayoutBurn, fmt.Sprintf("%d other burns", len(list)), burn.Outpoint.String())
	}
	paid := &list[found]
	if !bytes.Equal(paid.Script, burn.Script) {
		return refuse(CheckPayoutBurn, fmt.Sprintf("script %x", clip(paid.Script)), fmt.Sprintf("%x", burn.Script))
	}
	if least := burn.Amount - int64(burn.MaxFee); paid.Value < least || paid.Value > burn.Amount {
		return refuse(CheckPayoutAmount, fmt.Sprintf("%d sat", paid.Value), fmt.Sprintf("%d to %d sat", least, burn.Amount))
	}
	return nil
}
