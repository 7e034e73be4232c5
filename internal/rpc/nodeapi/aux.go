package nodeapi

import (
	"context"
	"errors"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/internal/node/auxblock"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
)

const checkedInput = "the header with its proof, or a whole block, or with hash and bits a proof alone; in hex"

func auxMethods(find Find) []rpc.Method {
	hash := rpc.Param{Name: "hash", Text: "block's id, from createauxblock"}
	proof := rpc.Param{Name: "auxpow", Text: "the proof in hex, see docs/pools.md"}
	optional := func(p rpc.Param) rpc.Param { p.Optional = true; return p }
	return []rpc.Method{{
		Name: "createauxblock", Category: "mining", Call: find.on(createAuxBlock),
		Text: "Returns a block to be merge-mined: its id, which the parent's coinbase commits to, and its target, as target and as _target " +
			"(both in internal byte order).",
		Params: []rpc.Param{{Name: "address", Text: "payee of the block"}}, Example: "ldevn1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
	}, {
		Name: "submitauxblock", Category: "mining", Text: "Takes the proof for a block. Returns true, or says what is wrong with the proof.",
		Params: []rpc.Param{hash, proof}, Example: sampleID + " 01000000...", Call: find.on(submitAuxBlock),
	}, {
		Name: "getauxblock", Category: "mining", Call: find.on(getAuxBlock),
		Text:   "Without parameters createauxblock for the payee that the node was started with, with them submitauxblock.",
		Params: []rpc.Param{optional(hash), optional(proof)}, Example: sampleID + " 01000000...",
	}, {
		Name: "checkauxpow", Category: "mining", Call: find.on(checkAuxPoW),
		Text: "Makes every check on a merged-mining proof and says what each wants and what it found, and which mistake is the likely cause.",
		Params: []rpc.Param{{Name: "data", Text: checkedInput}, {Name: "hash", Text: "block's id that a proof alone is for", Optional: true},
			{Name: "bits", Text: "its compact target, 8 hex digits", Optional: true}, {Name: "height", Text: "of the block, where it is known", Optional: true}},
		Example: "04010104...",
	}}
}

func createAuxBlock(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	if n.Aux == nil {
		return nil, off("merged mining of this chain")
	}
	payout, err := payee(n.Chain.Params(), &c.Args, 0)
	if err != nil {
		return nil, err
	}
	return n.Aux.Create(payout, n.Clock())
}

func submitAuxBlock(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	if n.Aux == nil {
		return nil, off("merged mining of this chain")
	}
	hash, err := c.Args.String(0)
	if err != nil {
		return nil, err
	}
	proof, err := c.Args.String(1)
	if err != nil {
		return nil, err
	}
	err = n.Aux.Submit(hash, proof)
	var refused *auxblock.RefusedError
	switch {
	case errors.As(err, &refused):
		return nil, rpc.Errorf(rpc.Unverified, "%v", err)
	case err != nil:
		return nil, rpc.Errorf(rpc.InvalidParameter, "%v", err)
	}
	return true, nil
}

func getAuxBlock(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	switch {
	case c.Args.Has(0) && c.Args.Has(1):
		return submitAuxBlock(ctx, n, c)
	case c.Args.Has(0):
		return nil, c.Args.Bad(rpc.InvalidParameter, 1, "a proof, or no parameter at all")
	case n.Aux == nil:
		return nil, off("merged mining of this chain")
	case len(n.Payout) == 0:
		return nil, rpc.Errorf(rpc.InvalidParameter, "no payee is set: createauxblock takes an address")
	}
	return n.Aux.Create(n.Payout, n.Clock())
}

func checkAuxPoW(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	input, err := c.Args.Hex(0, spv.MaxAuxPoW+int(n.Chain.Params().BlockWeight))
	if err != nil {
		return nil, err
	}
	o := doctor.Options{Rules: &n.Chain.Params().Rules, Height: doctor.UnknownHeight, Now: uint32(n.Clock().Unix())}
	if c.Args.Has(1) {
		hash, err := c.Args.Hash(1)
		if err != nil {
			return nil, err
		}
		bits, err := c.Args.Hex(2, 4)
		if err != nil {
			return nil, err
		}
		if len(bits) != 4 {
			return nil, c.Args.Bad(rpc.InvalidParameter, 2, "8 hex digits")
		}
		o.ChildHash = (*chainhash.Hash)(&hash)
		o.Bits = uint32(bits[0])<<24 | uint32(bits[1])<<16 | uint32(bits[2])<<8 | uint32(bits[3])
	}
	if c.Args.Has(3) {
		height, err := c.Args.Int(3, 0, 1<<31-1)
		if err != nil {
			return nil, err
		}
		o.Height = int32(height)
	}
	report, err := doctor.AuxPoW(o, input)
	if err != nil {
		return nil, rpc.Errorf(rpc.Undecodable, "%v", err)
	}
	return report, nil
}
