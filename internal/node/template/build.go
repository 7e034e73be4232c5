package template

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// weightPerSigOp is how much weight a block must be allowed for each signature operation: Bitcoin's limits are
// 4,000,000 and 80,000.
const weightPerSigOp = 50

// maxTxCount is the size of a transaction count that is not known yet, bytes.
const maxTxCount = 5

// Request says what a block is built from.
type Request struct {
	Chain      *chains.Params
	Prev       spv.Block // block to build on
	Bits       uint32    // what the chain requires of the next block, compact
	Median     uint32    // median time that its time must exceed, seconds since 1970
	Now        uint32    // the clock, the same
	Candidates []Candidate
	Payout     []byte          // output script for subsidy and fees
	Commitment *spv.Commitment // what a layer's coinbase states; nil on an L1
	Extra      []byte          // the miner's own bytes in the coinbase script, at most MaxExtra
	MaxWeight  int64           // most weight units of the block; 0: as many as the chain allows
}

// Build makes a block on top of a chain's tip. The block's time is Now, or the first above Median.
func Build(r *Request) (*Template, error) {
	height := r.Prev.Height + 1
	subsidy, exact := r.Chain.Subsidy(height)
	switch {
	case !exact:
		return nil, fmt.Errorf("template for %s: the subsidy at height %d is not known exactly", r.Chain.Name, height)
	case len(r.Payout) == 0:
		return nil, fmt.Errorf("template for %s: no script to pay to", r.Chain.Name)
	case r.Chain.Kind.Layered() != (r.Commitment != nil):
		return nil, fmt.Errorf("template for %s: layer commitment given: %v, wanted: %v", r.Chain.Name,
			r.Commitment != nil, r.Chain.Kind.Layered())
	}
	version, err := blockVersion(r.Chain)
	if err != nil {
		return nil, err
	}
	p := Parts{Prev: r.Prev.Hash, Height: height, Version: version, Bits: r.Bits,
		Time: max(r.Now, r.Median+1), MinTime: r.Median + 1, Extra: r.Extra, Outputs: []Output{{Value: subsidy, Script: r.Payout}}, Form: plainCoinbase}
	if r.Commitment != nil {
		p.Outputs = append(p.Outputs, Output{Script: r.Commitment.Script()})
	}
	room, err := r.room(p)
	if err != nil {
		return nil, err
	}
	chosen, err := Choose(r.Candidates, room)
	if err != nil {
		return nil, fmt.Errorf("template for %s: %w", r.Chain.Name, err)
	}
	for _, i := range chosen {
		c := &r.Candidates[i]
		p.Outputs[0].Value += c.Fee
		if p.Outputs[0].Value < 0 || p.Outputs[0].Value > r.Chain.Unit.MaxMoney {
			return nil, fmt.Errorf("template for %s: subsidy and fees of more than %d", r.Chain.Name, r.Chain.Unit.MaxMoney)
		}
		p.Txs = append(p.Txs, Include(&c.Tx))
	}
	return Assemble(p)
}

// Include returns a transaction as a block holds it.
func Include(tx *spv.Tx) Included {
	i := Included{Raw: tx.Bytes(), ID: tx.ID(), Witness: tx.HasWitness()}
	i.WitnessID = i.ID
	if i.Witness {
		i.WitnessID = tx.WitnessID()
	}
	return i
}

// blockVersion returns the version of new blocks.
func blockVersion(c *chains.Params) (int32, error) {
	switch {
	case c.Kind == chains.L1:
		return 0x20000000, nil
	case c.Kind.Layered():
		return c.AuxPoW.ChainID<<16 | spv.AuxPoWFlag | 4, nil
	}
	return 0, errors.New("template for " + c.Name + ": only L1 and layer chains are built here")
}

// room returns what is left for transactions beside the header and the largest coinbase that there may be.
func (r *Request) room(p Parts) (Room, error) {
	limit := r.Chain.BlockWeight
	if r.MaxWeight > 0 {
		limit = min(limit, r.MaxWeight)
	}
	p.Outputs = append(p.Outputs, Output{Script: WitnessCommitment(nil)})
	full, err := Assemble(p)
	if err != nil {
		return Room{}, fmt.Errorf("template for %s: %w", r.Chain.Name, err)
	}
	const witness = 2 + 2 + 32 // marker and flag, counts, reserved value
	coinbase := full.Coinbase(make([]byte, MarkSize), ExtraNonce{})
	// What is pushed onto the stack counts for nothing; the miner's own bytes are bare and may spell operations.
	own := txscript.GetSigOpCount(r.Payout) + txscript.GetSigOpCount(r.Extra)
	room := Room{
		Weight: limit - headerWeight - 4*maxTxCount - 4*int64(len(coinbase)) - witness,
		SigOps: r.Chain.BlockWeight/weightPerSigOp - 4*int64(own),
	}
	if room.Weight < 0 || room.SigOps < 0 {
		return Room{}, fmt.Errorf("template for %s: weight limit %d: the coinbase alone needs %d more", r.Chain.Name, limit,
			max(-room.Weight, -room.SigOps*weightPerSigOp))
	}
	return room, nil
}
