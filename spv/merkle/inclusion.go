package merkle

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv/pow"
)

// Inclusion proves that a transaction is in a block, together with the block's coinbase at
// the same depth. A branch alone does not tell a transaction from an inner node whose 64
// bytes were made to look like one (CVE-2017-12842); the coinbase, which nobody can make
// up at a false depth, fixes the depth of the tree (protocol.md sections 4.2 and 10).
type Inclusion struct {
	Index          uint32 // position of the transaction in the block
	Branch         Branch // from the transaction to the root
	Coinbase       []byte // the block's first transaction, serialised without witness
	CoinbaseBranch Branch // from the coinbase to the root
}

// ambiguousTx is the size, in bytes, of two concatenated hashes, that is of an inner node.
const ambiguousTx = 2 * chainhash.HashSize

// Verify checks that tx, serialised without witness, stands at i.Index of the block whose
// header has the given root. Index 0 is refused: a claim never concerns a coinbase, and a
// coinbase is proved by VerifyCoinbase. A refusal is a *CheckError; the checks are
// merkle-depth, merkle-index, tx-64-bytes, coinbase-form, merkle-duplicate and
// merkle-root, in this order.
func (i *Inclusion) Verify(tx []byte, root chainhash.Hash) error {
	if err := i.checkDepth(); err != nil {
		return err
	}
	if leaves := uint64(1) << len(i.Branch); i.Index == 0 || uint64(i.Index) >= leaves {
		return refuse(CheckIndex, fmt.Sprint(i.Index), fmt.Sprintf("1..%d", leaves-1))
	}
	if len(tx) == ambiguousTx {
		return refuse(CheckTxSize, "transaction of 64 bytes", "another size")
	}
	if err := i.checkCoinbase(root); err != nil {
		return err
	}
	return foldChecked(i.Branch, pow.DoubleSHA256(tx), i.Index, root)
}

// VerifyCoinbase checks that tx, serialised without witness, is the coinbase of the block
// whose header has the given root: i.Index is 0, tx is i.Coinbase, and both branches are
// the same. The other checks and the errors are those of Verify.
func (i *Inclusion) VerifyCoinbase(tx []byte, root chainhash.Hash) error {
	if err := i.checkDepth(); err != nil {
		return err
	}
	if i.Index != 0 {
		return refuse(CheckIndex, fmt.Sprint(i.Index), "0")
	}
	if !bytes.Equal(tx, i.Coinbase) {
		return refuse(CheckCoinbase, "another transaction", "the transaction to prove")
	}
	if !slices.Equal(i.Branch, i.CoinbaseBranch) {
		return refuse(CheckRoot, "two branches for one leaf", "equal branches")
	}
	return i.checkCoinbase(root)
}

func (i *Inclusion) checkDepth() error {
	d := len(i.Branch)
	if d > MaxDepth {
		return refuse(CheckDepth, fmt.Sprint(d), fmt.Sprintf("at most %d", MaxDepth))
	}
	if c := len(i.CoinbaseBranch); c != d {
		return refuse(CheckDepth, fmt.Sprintf("coinbase at %d", c), fmt.Sprintf("%d as the transaction", d))
	}
	return nil
}

func (i *Inclusion) checkCoinbase(root chainhash.Hash) error {
	if len(i.Coinbase) == ambiguousTx {
		return refuse(CheckTxSize, "coinbase of 64 bytes", "another size")
	}
	if err := checkCoinbaseForm(i.Coinbase); err != nil {
		return err
	}
	return foldChecked(i.CoinbaseBranch, pow.DoubleSHA256(i.Coinbase), 0, root)
}

// foldChecked folds a branch like Branch.Root and refuses duplicate subtrees
// (CVE-2012-2459). A node may stand beside itself only as the last node of an odd level,
// hence only on the left; the first node of a level never does, and from an odd last node
// upwards every node is the last of its level.
func foldChecked(b Branch, h chainhash.Hash, index uint32, root chainhash.Hash) error {
	last := false
	for level := range b {
		right := index&1 != 0
		twin := b[level] == h
		if twin && (right || index == 0) || last && !right && !twin {
			return refuse(CheckDuplicate, fmt.Sprintf("%s at height %d", b[level], level), "a tree without repeated nodes")
		}
		last = last || twin
		if right {
			h = pow.HashPair(&b[level], &h)
		} else {
			h = pow.HashPair(&h, &b[level])
		}
		index >>= 1
	}
	if h != root {
		return refuse(CheckRoot, h.String(), root.String())
	}
	return nil
}
