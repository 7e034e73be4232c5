package doctor

import (
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/said"
)

// maxListed bounds how many proved transactions are listed as facts.
const maxListed = 20

// Merkle verifies a partial tree with its header: what gettxoutproof gives, which is the
// payload of BIP37's `merkleblock`. With txid, that transaction must be among those
// proved. Without Options.Rules the header's work is not checked, and a header with a
// merged-mining proof cannot be read. The error says that the input is no such tree.
func Merkle(o Options, txid *spv.Hash, input []byte) (*Report, error) {
	raw, err := Decode(input)
	if err != nil {
		return nil, err
	}
	s, n, err := spv.ParseSealed(raw, o.Rules != nil && o.Rules.AuxPoW != nil && !isGenesis(o.Rules, raw))
	if err != nil {
		return nil, err
	}
	tree, rest, err := merkle.ParsePartial(raw[n:])
	if err != nil {
		return nil, err
	}
	r := newReport(said.Of("merkle proof"))
	r.Subject.Hash = s.Header.ID()
	if o.Rules != nil {
		if o.Height > maxHeight {
			return nil, fmt.Errorf("height: got %d, want at most %d", o.Height, maxHeight)
		}
		r = newReport(said.Of("merkle proof of %s", o.name()))
		judgeOne(&o, &s, r)
	} else {
		r.checks.SkipSaid(spv.CheckWork, demand(spv.CheckWork), said.Of("no chain was given"))
		r.describe(&s.Header)
	}
	r.extract(tree, s.Header.MerkleRoot(), txid)
	r.trailing(&o, len(rest))
	r.conclude()
	if o.Rules != nil {
		r.diagnose(&o, &s)
	}
	return r, nil
}

func isGenesis(r *spv.Rules, raw []byte) bool {
	return len(raw) >= spv.HeaderSize && spv.Header(raw[:spv.HeaderSize]) == r.Genesis
}

// extract folds the tree and says what it proves.
func (r *Report) extract(tree *merkle.Partial, root spv.Hash, txid *spv.Hash) {
	got, matches, err := tree.Extract()
	var bad *spv.CheckError
	if errors.As(err, &bad) {
		r.checks.CheckSaid(bad.Name, false, func() (said.Sentence, said.Sentence) { return bad.WantSaid, bad.GotSaid })
		r.checks.SkipSaid(spv.CheckBlockRoot, demand(spv.CheckBlockRoot), said.Of("the tree is malformed"))
		return
	}
	r.checks.CheckSaid(spv.CheckBlockRoot, got == root, func() (said.Sentence, said.Sentence) { return said.Just(root), said.Just(got) })
	r.fact(said.Of("transactions"), said.Of("%d in the block, %d proved", tree.Transactions, len(matches)))
	for i, m := range matches {
		if i == maxListed {
			r.fact(said.Of("proved"), said.Of("... and %d more", len(matches)-i))
			break
		}
		r.fact(said.Of("proved"), said.Of("%s, transaction %d", m.TxID, m.Index))
	}
	r.included(matches, txid)
	r.depth(tree, matches)
}

func (r *Report) included(matches []merkle.Match, txid *spv.Hash) {
	if txid == nil {
		if len(matches) == 0 {
			r.warn(said.Of("the proof proves no transaction"))
		}
		return
	}
	at := -1
	for _, m := range matches {
		if m.TxID == *txid {
			at = int(m.Index)
		}
	}
	r.checks.CheckSaid(CheckTxIncluded, at >= 0, func() (said.Sentence, said.Sentence) {
		if at < 0 {
			return said.Just(txid), said.Of("%d other transactions", len(matches))
		}
		return said.Just(txid), said.Of("transaction %d", at)
	})
}

// depth says that the leaves are not known to be transactions. The depth of the tree is the sender's claim, and so is
// that the hash in the first place is the coinbase's: only the coinbase's bytes would fix it, and this form has none.
func (r *Report) depth(tree *merkle.Partial, matches []merkle.Match) {
	if len(matches) == 0 {
		return
	}
	r.checks.SkipSaid(CheckTxDepth, said.Of("the coinbase proved at the transactions' depth, %d", tree.Depth()),
		said.Of("the coinbase's bytes are not in the proof: a 64-byte transaction or an inner node could pass for a transaction "+
			"(CVE-2017-12842); a payment proof has them"))
}
