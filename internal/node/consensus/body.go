package consensus

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

// weightPerSigOp is the weight that a block must leave room for, per signature operation:
// Bitcoin's 80,000 in 4,000,000 weight units. Smaller blocks hold as many fewer.
const weightPerSigOp = 50

// SigOpLimit returns the most signature operations, by BIP141's cost, that a block of the
// chain can have.
func SigOpLimit(p *chains.Params) int64 { return p.BlockWeight / weightPerSigOp }

// body is a block with what is computed of it once.
type body struct {
	*Block
	ids    []spv.Hash // transaction ids
	wids   []spv.Hash // witness ids, the coinbase's zero: the leaves of BIP141's tree
	legacy []int64    // signature operations outside P2SH and witness scripts, per transaction
}

func newBody(b *Block) *body {
	n := len(b.Txs)
	h := &body{Block: b, ids: make([]spv.Hash, n), wids: make([]spv.Hash, n), legacy: make([]int64, n)}
	for i, tx := range b.Txs {
		h.ids[i] = tx.TxHash()
		h.legacy[i] = legacySigOps(tx)
		switch {
		case i > 0 && tx.HasWitness():
			h.wids[i] = tx.WitnessHash()
		case i > 0:
			h.wids[i] = h.ids[i]
		}
	}
	return h
}

// CheckBlock judges what a block shows without its chain: that the transactions are those
// of its header, whole and in order, that each of them is well formed, and that the block
// keeps the limits. Height is not looked at. With a report every check is recorded. It
// returns *spv.CheckError, wrapped in ErrMutated where the bytes and not the block are bad.
func CheckBlock(p *chains.Params, b *Block, rep *spv.Report) error {
	return checkBlock(p, newBody(b), rep)
}

func checkBlock(p *chains.Params, h *body, rep *spv.Report) error {
	err := h.check(p, rep)
	if err == nil {
		err = rep.Err()
	}
	return h.blame(err)
}

// check runs the checks in Bitcoin Core's order: what can be spoiled without changing the
// block's id comes before what is judged by it.
func (h *body) check(p *chains.Params, rep *spv.Report) error {
	if err := h.checkTree(rep); err != nil {
		return err
	}
	if err := rep.Check(CheckWeight, h.strippedWeight() <= p.BlockWeight, func() (string, string) {
		return fmt.Sprintf("at most %d weight units", p.BlockWeight), fmt.Sprintf("%d without the witnesses", h.strippedWeight())
	}); err != nil {
		return err
	}
	if err := h.checkCoinbasePlace(rep); err != nil {
		return err
	}
	for i := range txForms {
		if err := h.checkForm(p, &txForms[i], rep); err != nil {
			return err
		}
	}
	if err := h.checkLegacySigOps(p, rep); err != nil {
		return err
	}
	if err := h.checkWitness(rep); err != nil {
		return err
	}
	return rep.Check(CheckWeight, h.Weight() <= p.BlockWeight, func() (string, string) {
		return fmt.Sprintf("at most %d weight units", p.BlockWeight), fmt.Sprint(h.Weight())
	})
}

// blame tells a body that is not the header's from one that makes the block bad.
func (h *body) blame(err error) error {
	var refused *spv.CheckError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Name {
	case spv.CheckBlockRoot, spv.CheckBlockMutated, spv.CheckBlockWitness:
	case spv.CheckBlockCoinbase, spv.CheckBlockTx64:
		// Inner nodes of the tree can pass for transactions of 64 bytes, but nobody can
		// make one that passes for a coinbase: a first transaction that is one shows that
		// the tree has its true depth.
		if !h.hasAmbiguous() || isCoinbase(h.Txs[0]) {
			return err
		}
	default:
		return err
	}
	return fmt.Errorf("%w: %w", ErrMutated, err)
}

func (h *body) hasAmbiguous() bool {
	for _, tx := range h.Txs {
		if tx.SerializeSizeStripped() == innerNode {
			return true
		}
	}
	return false
}

func (h *body) checkTree(rep *spv.Report) error {
	root, mutated := merkle.Root(h.ids)
	if err := rep.Check(spv.CheckBlockRoot, root == h.Header.MerkleRoot(), func() (string, string) {
		return h.Header.MerkleRoot().String(), fmt.Sprintf("%s over %d transactions", root, len(h.Txs))
	}); err != nil {
		return err
	}
	return rep.Check(spv.CheckBlockMutated, !mutated, func() (string, string) {
		if mutated {
			return "no two equal neighbours in the tree", "two equal neighbours (CVE-2012-2459)"
		}
		return "no two equal neighbours in the tree", "none"
	})
}

func (h *body) checkCoinbasePlace(rep *spv.Report) error {
	got := "a coinbase first and nowhere else"
	switch {
	case len(h.Txs) == 0:
		got = "no transactions"
	case !isCoinbase(h.Txs[0]):
		got = "another first transaction"
	}
	for i := 1; i < len(h.Txs); i++ {
		if isCoinbase(h.Txs[i]) {
			got = fmt.Sprintf("transaction %d is one", i)
			break
		}
	}
	want := "a coinbase first and nowhere else"
	return rep.Check(spv.CheckBlockCoinbase, got == want, func() (string, string) { return want, got })
}

// checkForm applies one rule to all transactions and names the first that breaks it.
func (h *body) checkForm(p *chains.Params, f *txForm, rep *spv.Report) error {
	got := ""
	for i, tx := range h.Txs {
		if fault := f.fault(p, tx); fault != "" {
			got = fmt.Sprintf("transaction %d %s: %s", i, h.ids[i], fault)
			break
		}
	}
	return rep.Check(f.name, got == "", func() (string, string) {
		if got == "" {
			return f.want, fmt.Sprintf("%d transactions", len(h.Txs))
		}
		return f.want, got
	})
}

func (h *body) checkLegacySigOps(p *chains.Params, rep *spv.Report) error {
	sum := int64(0)
	for _, n := range h.legacy {
		sum += n * weightUnits
	}
	return rep.Check(CheckSigOps, sum <= SigOpLimit(p), func() (string, string) {
		return fmt.Sprintf("a cost of at most %d", SigOpLimit(p)), fmt.Sprintf("%d outside P2SH and witnesses", sum)
	})
}

// checkWitness applies BIP141: a commitment demands the coinbase's 32 bytes and the right
// root, its absence demands that there is no witness at all.
func (h *body) checkWitness(rep *spv.Report) error {
	if len(h.Txs) == 0 {
		return nil
	}
	want, got := "no witness without a commitment", "none"
	ok := true
	if stated, found := witnessCommitment(h.Txs[0]); found {
		nonce := h.Txs[0].TxIn[0].Witness
		if ok = len(nonce) == 1 && len(nonce[0]) == 32; !ok {
			want, got = "a coinbase witness of one item of 32 bytes", fmt.Sprintf("%d items", len(nonce))
		} else {
			root, _ := merkle.Root(h.wids)
			sum := pow.DoubleSHA256(append(root[:], nonce[0]...))
			want, got = "commitment "+stated.String(), sum.String()
			ok = sum == stated
		}
	} else {
		for i, tx := range h.Txs {
			if tx.HasWitness() {
				ok, got = false, fmt.Sprintf("transaction %d has one", i)
				break
			}
		}
	}
	return rep.Check(spv.CheckBlockWitness, ok, func() (string, string) { return want, got })
}

var witnessMagic = []byte{txscript.OP_RETURN, txscript.OP_DATA_36, 0xaa, 0x21, 0xa9, 0xed}

// witnessCommitment returns what the coinbase's last commitment output states (BIP141).
func witnessCommitment(coinbase *wire.MsgTx) (stated spv.Hash, found bool) {
	if len(coinbase.TxIn) == 0 {
		return stated, false
	}
	for _, out := range coinbase.TxOut {
		if len(out.PkScript) >= len(witnessMagic)+32 && bytes.HasPrefix(out.PkScript, witnessMagic) {
			stated, found = spv.Hash(out.PkScript[len(witnessMagic):len(witnessMagic)+32]), true
		}
	}
	return stated, found
}

// legacySigOps counts the signature operations that a transaction shows without the coins
// that it spends (Bitcoin Core's GetLegacySigOpCount).
func legacySigOps(tx *wire.MsgTx) int64 {
	n := 0
	for _, in := range tx.TxIn {
		n += txscript.GetSigOpCount(in.SignatureScript)
	}
	for _, out := range tx.TxOut {
		n += txscript.GetSigOpCount(out.PkScript)
	}
	return int64(n)
}
