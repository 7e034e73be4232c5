package settler

import (
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv/peg"
)

// Why a settler signs nothing (protocol.md 4.3).
const (
	RefuseBehind  = "behind"         // a chain is not synced, or moves right now
	RefuseParked  = "parked-reorg"   // policy holds back a branch with more work; the operator must agree
	RefuseSupply  = peg.CheckSupply  // the audit is off
	RefuseVault   = "vault-coin"     // a vault output is gone from L1 and no batch has spent it
	RefuseBatch   = "unknown-batch"  // what spends the connector on L1 follows from no state
	RefuseShare   = "measured-share" // the lower bound of the measured share is below LeastShare
	RefuseNoLink  = "no-connector"   // nobody has made the first connector yet, or it is too young
	RefuseSigned  = "signed-other"   // another transaction was signed for this batch and attempt
	RefuseRecord  = "record"         // the Log does not take the record
	RefuseSigner  = "signer"         // the signer gave none, or what is no signature of the batch
	RefuseReading = "reading"        // a chain's data cannot be read
)

// LeastShare is the measured share's lower bound below which settlers sign nothing.
const LeastShare = 0.2

// Refusal is a reason to sign nothing.
type Refusal struct {
	Name string // one of the names above
	Why  string
}

// Error returns name and reason.
func (r *Refusal) Error() string { return r.Name + ": " + r.Why }

func refuse(name, format string, args ...any) *Refusal {
	return &Refusal{Name: name, Why: fmt.Sprintf(format, args...)}
}

var errMoved = refuse(RefuseBehind, "the chains have moved while they were read")

// asRefusal returns the refusal that an error is, or one that holds its text.
func asRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return refuse(RefuseReading, "%v", err)
}
