//go:build !amd64

package pow

import "github.com/btcsuite/btcd/chaincfg/chainhash"

// midKeys has nothing to hold where the one-by-one code does all the work.
type midKeys struct{}

func hashHeaderPairs([]chainhash.Hash, []*[80]byte) int { return 0 }

func hashNodes(both *[64]byte) chainhash.Hash { return DoubleSHA256(both[:]) }

func hashNodePairs(_, _ []chainhash.Hash) int { return 0 }

func (s *scratch) expandPairs([]*[80]byte) int { return 0 }

func (s *scratch) extractPairs([]chainhash.Hash, int) {}
