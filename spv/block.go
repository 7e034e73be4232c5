package spv

import (
	"bytes"
	"fmt"

	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/said"
)

// The names of the checks on a whole block.
const (
	CheckBlockRoot     = "merkle-root"
	CheckBlockMutated  = "merkle-duplicate"
	CheckBlockTx64     = "tx-64-bytes"
	CheckBlockCoinbase = "coinbase-first"
	CheckBlockWitness  = "witness-commitment"
)

// minTx is the size of the smallest transaction that can be valid, in bytes: one input and
// one output without scripts. So what a count makes us allocate is a few times what came.
const minTx = 4 + 1 + 41 + 1 + 9 + 4

// FullBlock is a block as it was received, unverified.
type FullBlock struct {
	Sealed
	Txs []Tx
}

// ParseBlock reads a block from the start of b: header, proof where aux is set and the
// version announces one, and transactions. It returns the number of bytes taken; some
// chains append data of their own.
func ParseBlock(b []byte, aux bool) (*FullBlock, int, error) { return parseBlock(b, aux, false) }

// ParseBlock is the function of that name for the chain's own form of blocks. Where the
// chain has extension blocks, the one behind the transactions is not read.
func (r *Rules) ParseBlock(b []byte) (*FullBlock, int, error) {
	return parseBlock(b, r.AuxPoW != nil, r.Extensions)
}

// HasExtension tells whether an extension block belongs to the block: its last
// transaction says so.
func (b *FullBlock) HasExtension() bool {
	return len(b.Txs) > 0 && b.Txs[len(b.Txs)-1].hogEx
}

func parseBlock(b []byte, aux, extensions bool) (*FullBlock, int, error) {
	s, n, err := ParseSealed(b, aux)
	if err != nil {
		return nil, 0, fmt.Errorf("block: %w", err)
	}
	r := reader{b: b, at: n}
	count := r.compactSize()
	if most := uint64(len(b)-r.at) / minTx; r.err == nil && count > most {
		r.fail(fmt.Errorf("%d in %d bytes, want at most %d", count, len(b)-r.at, most))
	}
	if r.err != nil {
		return nil, 0, fmt.Errorf("block: transaction count: %w", r.err)
	}
	block := &FullBlock{Sealed: s, Txs: make([]Tx, count)}
	for i := range block.Txs {
		tx, size, err := parseTx(b[r.at:], extensions && i > 0 && i == len(block.Txs)-1)
		if err != nil {
			return nil, 0, fmt.Errorf("block: transaction %d: %w", i, err)
		}
		block.Txs[i] = tx
		r.at += size
	}
	return block, r.at, nil
}

// TxIDs returns the ids of the block's transactions, in order.
func (b *FullBlock) TxIDs() []Hash {
	ids := make([]Hash, len(b.Txs))
	for i := range b.Txs {
		ids[i] = b.Txs[i].ID()
	}
	return ids
}

// CheckBody judges a block's transactions as a light client can: they are the ones that
// the header commits to, whole and in order, and so are their witnesses (BIP141). It
// does not run scripts. Returns *CheckError.
//
// It refuses a transaction of 64 bytes, too (CheckBlockTx64). That is a rule of layers
// alone: on other chains, where blocks with such transactions are valid, this one failure
// counts for nothing as long as the coinbase is in its place.
func (b *FullBlock) CheckBody(rep *Report) error {
	if err := b.checkRoot(rep); err != nil {
		return err
	}
	stray := -1
	short := -1
	for i := range b.Txs {
		if b.Txs[i].IsCoinbase() != (i == 0) {
			stray = i
		}
		if b.Txs[i].StrippedSize() == 64 {
			short = i
		}
	}
	if err := rep.CheckSaid(CheckBlockCoinbase, len(b.Txs) > 0 && stray < 0, func() (said.Sentence, said.Sentence) {
		want := said.Of("a coinbase first and nowhere else")
		if stray >= 0 {
			return want, said.Of("transaction %d", stray)
		}
		return want, said.Of("%d transactions, a coinbase first", len(b.Txs))
	}); err != nil {
		return err
	}
	if err := rep.CheckSaid(CheckBlockTx64, short < 0, func() (said.Sentence, said.Sentence) {
		want := said.Of("no transaction of 64 bytes, which could be an inner node of the tree")
		if short >= 0 {
			return want, said.Of("transaction %d", short)
		}
		return want, said.Of("none")
	}); err != nil {
		return err
	}
	if err := b.checkWitness(rep); err != nil {
		return err
	}
	return rep.Err()
}

func (b *FullBlock) checkRoot(rep *Report) error {
	root, mutated := merkle.Root(b.TxIDs())
	if err := rep.CheckSaid(CheckBlockRoot, root == b.Header.MerkleRoot(), func() (said.Sentence, said.Sentence) {
		return said.Just(b.Header.MerkleRoot()), said.Of("%s over %d transactions", root, len(b.Txs))
	}); err != nil {
		return err
	}
	return rep.CheckSaid(CheckBlockMutated, !mutated, func() (said.Sentence, said.Sentence) {
		want := said.Of("no two equal neighbours in the tree")
		if mutated {
			return want, said.Of("two equal neighbours (CVE-2012-2459)")
		}
		return want, said.Of("none")
	})
}

// checkWitness compares the witnesses with the coinbase's commitment. Without a witness
// there is nothing to commit to.
func (b *FullBlock) checkWitness(rep *Report) error {
	carries := false
	for i := range b.Txs {
		carries = carries || b.Txs[i].HasWitness()
	}
	if !carries || len(b.Txs) == 0 {
		rep.SkipSaid(CheckBlockWitness, said.Of("a commitment to the witnesses"), said.Of("no transaction carries a witness"))
		return nil
	}
	ids := make([]Hash, len(b.Txs))
	for i := 1; i < len(b.Txs); i++ {
		ids[i] = b.Txs[i].WitnessID()
	}
	root, _ := merkle.Root(ids)
	stated, err := witnessCommitment(&b.Txs[0])
	var got Hash
	if err == nil {
		nonce := b.Txs[0].witnessNonce()
		got = pow.DoubleSHA256(append(root[:], nonce...))
	}
	return rep.CheckSaid(CheckBlockWitness, err == nil && got == stated, func() (said.Sentence, said.Sentence) {
		if err != nil {
			return said.Of("a commitment to the witnesses in the coinbase"), said.FromError(err)
		}
		return said.Of("commitment %s", stated), said.Just(got)
	})
}

var witnessMagic = []byte{0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}

// witnessScript returns the script of the coinbase's last witness commitment output and
// its index (BIP141), -1 if there is none.
func witnessScript(coinbase *Tx) (script []byte, index int) {
	index = -1
	i := 0
	coinbase.EachOutput(func(_ int64, s []byte) bool {
		if len(s) >= 38 && bytes.HasPrefix(s, witnessMagic) {
			script, index = s, i
		}
		i++
		return true
	})
	return script, index
}

func witnessCommitment(coinbase *Tx) (Hash, error) {
	script, index := witnessScript(coinbase)
	if index < 0 {
		return Hash{}, said.Errorf("no commitment output")
	}
	if coinbase.witnessNonce() == nil {
		return Hash{}, said.Errorf("the coinbase's own witness is not one item of 32 bytes")
	}
	return Hash(script[6:38]), nil
}

// witnessNonce returns a coinbase's witness reserved value, nil if its witness is not
// exactly one item of 32 bytes.
func (t *Tx) witnessNonce() []byte {
	if !t.witness {
		return nil
	}
	w := t.raw[4+2+len(t.body) : len(t.raw)-4]
	if len(w) != 34 || w[0] != 1 || w[1] != 32 {
		return nil
	}
	return w[2:]
}
