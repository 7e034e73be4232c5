package pow

import (
	"fmt"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// HashMessages sets out[i] to DoubleSHA256(messages[i]), on the calling goroutine. Many messages of about the same length, such
// as coinbases, take a fraction of the time that they take one by one where the processor can do several at once.
// It panics if out is shorter than messages.
func HashMessages(out []chainhash.Hash, messages [][]byte) {
	if len(out) < len(messages) {
		panic(fmt.Sprintf("pow: %d hashes of output for %d messages", len(out), len(messages)))
	}
	if hashMessages16(out, messages) {
		return
	}
	for i, m := range messages {
		out[i] = DoubleSHA256(m)
	}
}
