package settle

import (
	"fmt"

	"github.com/layeredpow/lamina/spv/chains"
)

// Trust says who is trusted with the money of a pegged layer (section 4.4). All of it follows from the chain's parameters.
type Trust struct {
	Set          int   // number of the settlers
	Settlers     int   // n: how many there are
	Release      int   // k: so many together pay out, and could steal
	Stall        int   // n-k+1: so many together could stop all payouts
	Recover      int   // so many together can move a vault output that has the recovery age, and could steal it
	RecoverAge   int32 // L1 blocks
	RecoverAfter int64 // seconds, about
	From, To     int32 // L1 heights of deposits to them
}

// TrustIn returns who is trusted by a deposit to a set of a layer's settlers.
func TrustIn(layer, l1 *chains.Params, set int) (Trust, error) {
	if layer.Peg == nil || set < 0 || set >= len(layer.Settlers) {
		return Trust{}, fmt.Errorf("settlers %d: %s has %d sets", set, layer.Name, len(layer.Settlers))
	}
	s := layer.Settlers[set]
	return Trust{Set: set, Settlers: len(s.Keys), Release: s.K, Stall: len(s.Keys) - s.K + 1, Recover: s.KR, RecoverAge: layer.Peg.Recovery,
		RecoverAfter: int64(layer.Peg.Recovery) * int64(l1.Spacing()), From: s.From, To: s.To}, nil
}

// Words says it in sentences, to be shown before a deposit is signed.
func (t Trust) Words() []string {
	return []string{
		fmt.Sprintf("%d of %d settlers together release deposited money. If so many conspire they can steal it.", t.Release, t.Settlers),
		fmt.Sprintf("%d of %d settlers that sign nothing stop withdrawals for as long as they do.", t.Stall, t.Settlers),
		fmt.Sprintf("After %d blocks without being moved, %d of %d settlers can move deposited money: a way out if others lost "+
			"their keys, and a way to steal.", t.RecoverAge, t.Recover, t.Settlers),
		"Nobody can stop you from claiming a deposit on the layer, and a claim pays nobody but you.",
		"Miners who have more of the layer's work than the honest ones can undo payments on it.",
	}
}
