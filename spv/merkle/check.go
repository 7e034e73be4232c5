package merkle

import (
	"fmt"

	"github.com/layeredpow/lamina/spv/said"
)

// The names of the checks in this package, stable for scripts and documents.
const (
	CheckDepth         = "merkle-depth"     // branch lengths
	CheckIndex         = "merkle-index"     // position of the leaf
	CheckTxSize        = "tx-64-bytes"      // CVE-2017-12842
	CheckCoinbase      = "coinbase-form"    // one input, null prevout
	CheckRoot          = "merkle-root"      // the branch leads elsewhere
	CheckDuplicate     = "merkle-duplicate" // CVE-2012-2459
	CheckPartialCount  = "partial-transactions"
	CheckPartialHashes = "partial-hashes"
	CheckPartialFlags  = "partial-flags"
	CheckRangeIndex    = "mmr-index"
	CheckRangeLength   = "mmr-length"
	CheckRangeWork     = "mmr-work"
	CheckRangeRoot     = "mmr-root"
)

// CheckError says which check refuted a proof.
type CheckError struct {
	Name string // the check's stable name, such as "merkle-root"
	Want string // what the rule demands
	Got  string // what was found

	WantSaid, GotSaid said.Sentence // the same, where a face may say it in another language
}

// Error returns "name: got X, want Y".
func (e *CheckError) Error() string {
	return fmt.Sprintf("%s: got %s, want %s", e.Name, e.Got, e.Want)
}

func refuse(name, got, want string) error {
	return &CheckError{Name: name, Want: want, Got: got}
}

func refuseSaid(name string, got, want said.Sentence) error {
	return &CheckError{Name: name, Want: want.String(), Got: got.String(), WantSaid: want, GotSaid: got}
}
