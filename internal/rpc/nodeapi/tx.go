package nodeapi

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// lookedAt is how many outputs of a transaction are looked for in the coins, to find its block.
const lookedAt = 64

// txJSON is a transaction; the block's fields are there only where it is in one.
type txJSON struct {
	ID            string  `json:"txid"`
	WitnessID     string  `json:"hash"`
	Version       uint32  `json:"version"`
	Size          int     `json:"size"`
	VSize         int64   `json:"vsize"`
	Weight        int64   `json:"weight"`
	LockTime      uint32  `json:"locktime"`
	In            []vin   `json:"vin"`
	Out           []vout  `json:"vout"`
	Hex           string  `json:"hex,omitempty"`
	InBest        *bool   `json:"in_active_chain,omitempty"`
	Block         string  `json:"blockhash,omitempty"`
	Confirmations *int32  `json:"confirmations,omitempty"`
	Time          *uint32 `json:"time,omitempty"`
	BlockTime     *uint32 `json:"blocktime,omitempty"`
}

type vin struct {
	Coinbase string     `json:"coinbase,omitempty"`
	ID       string     `json:"txid,omitempty"`
	Out      *uint32    `json:"vout,omitempty"`
	Script   *signature `json:"scriptSig,omitempty"`
	Witness  []string   `json:"txinwitness,omitempty"`
	Sequence uint32     `json:"sequence"`
}

type signature struct {
	Asm string `json:"asm"`
	Hex string `json:"hex"`
}

type vout struct {
	Value  json.Number `json:"value"`
	N      int         `json:"n"`
	Script scriptJSON  `json:"scriptPubKey"`
}

// describeTx returns a transaction, without what depends on a block.
func describeTx(p *chains.Params, tx *wire.MsgTx, raw bool) txJSON {
	weight := consensus.TxWeight(tx)
	t := txJSON{
		ID: tx.TxHash().String(), WitnessID: tx.WitnessHash().String(), Version: uint32(tx.Version), Size: tx.SerializeSize(),
		VSize: consensus.VirtualSize(weight), Weight: weight, LockTime: tx.LockTime,
	}
	for _, in := range tx.TxIn {
		v := vin{Sequence: in.Sequence}
		for _, item := range in.Witness {
			v.Witness = append(v.Witness, hex.EncodeToString(item))
		}
		if isCoinbase(tx) {
			v.Coinbase = hex.EncodeToString(in.SignatureScript)
		} else {
			v.ID, v.Out = in.PreviousOutPoint.Hash.String(), &in.PreviousOutPoint.Index
			v.Script = &signature{asm(in.SignatureScript), hex.EncodeToString(in.SignatureScript)}
		}
		t.In = append(t.In, v)
	}
	for i, out := range tx.TxOut {
		t.Out = append(t.Out, vout{coins(p, out.Value), i, describeScript(p, out.PkScript)})
	}
	if raw {
		t.Hex = hex.EncodeToString(serialized(tx))
	}
	return t
}

// isCoinbase tells whether a transaction has one input that spends nothing.
func isCoinbase(tx *wire.MsgTx) bool {
	return len(tx.TxIn) == 1 && tx.TxIn[0].PreviousOutPoint == wire.OutPoint{Index: math.MaxUint32}
}

func serialized(tx *wire.MsgTx) []byte {
	var b bytes.Buffer
	_ = tx.Serialize(&b) // memory takes all
	return b.Bytes()
}

// txParam reads a transaction in hex.
func txParam(p *chains.Params, args *rpc.Args, i int) (*wire.MsgTx, error) {
	raw, err := args.Hex(i, int(p.BlockWeight))
	if err != nil {
		return nil, err
	}
	tx, err := consensus.ParseTx(p, raw)
	if err != nil {
		return nil, rpc.Errorf(rpc.Undecodable, "%v", err)
	}
	return tx, nil
}

func txMethods(find Find) []rpc.Method {
	id := rpc.Param{Name: "txid", Text: "the transaction's id"}
	return []rpc.Method{{
		Name: "getrawtransaction", Category: "transactions", Call: find.on(getRawTransaction),
		Text: "Returns a transaction of the mempool, of the block that is named, or of any block while one of its first 64 outputs is " +
			"unspent: in hex, or with verbosity 1 as an object.",
		Params: []rpc.Param{id, {Name: "verbosity", Text: "0 or false: hex; 1, 2 or true: an object", Optional: true},
			{Name: "blockhash", Text: "block to look into", Optional: true}},
		Example: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b 1",
	}, {
		Name: "decoderawtransaction", Category: "transactions", Text: "Returns a transaction in hex as an object.", Call: find.on(decodeRawTransaction),
		Params: []rpc.Param{{Name: "hexstring", Text: "the transaction in hex"}}, Example: "0200000001...",
	}, {
		Name: "gettxout", Category: "transactions", Call: find.on(getTxOut),
		Text: "Returns an unspent output, or null where there is none.",
		Params: []rpc.Param{id, {Name: "n", Text: "number of the output, from 0"},
			{Name: "include_mempool", Text: "take the mempool into account (default true)", Optional: true}},
		Example: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b 0",
	}}
}

func getRawTransaction(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	id, err := c.Args.Hash(0)
	if err != nil {
		return nil, err
	}
	verbose, err := verbosity(&c.Args, 1, 0, 2)
	if err != nil {
		return nil, err
	}
	at, named := spv.Block{}, c.Args.Has(2)
	if named {
		if at, err = blockParam(n, &c.Args, 2); err != nil {
			return nil, err
		}
	}
	if tx, _, ok := inPool(n, id); ok && !named {
		if verbose == 0 {
			return hex.EncodeToString(serialized(tx)), nil
		}
		return describeTx(n.Chain.Params(), tx, true), nil
	}
	if !named {
		var found bool
		if at, found, err = blockOfCoins(n, id); err != nil {
			return nil, err
		} else if !found {
			return nil, rpc.Errorf(rpc.NotFound, "transaction %s: not in the mempool, and no output of it is unspent: name its block", id)
		}
	}
	block, err := fullBlock(n, at)
	if err != nil {
		return nil, err
	}
	for _, tx := range block.Txs {
		if tx.TxHash() != id {
			continue
		}
		if verbose == 0 {
			return hex.EncodeToString(serialized(tx)), nil
		}
		t := describeTx(n.Chain.Params(), tx, true)
		best, confirmations, time := n.Chain.OnBest(at), confirmations(n, at), block.Header.Time()
		t.Block, t.Confirmations, t.Time, t.BlockTime = at.Hash.String(), &confirmations, &time, &time
		if named {
			t.InBest = &best
		}
		return t, nil
	}
	return nil, rpc.Errorf(rpc.NotFound, "transaction %s: not in block %s", id, at.Hash)
}

// inPool returns a transaction of the mempool by its id.
func inPool(n *Node, id spv.Hash) (*wire.MsgTx, time.Time, bool) {
	if n.Pool == nil {
		return nil, time.Time{}, false
	}
	tx, facts, ok := n.Pool.Get(id)
	return tx, facts.Time, ok && facts.ID == id
}

// blockOfCoins finds a transaction's block by its unspent outputs.
func blockOfCoins(n *Node, id spv.Hash) (spv.Block, bool, error) {
	for i := range uint32(lookedAt) {
		coin, err := n.Chain.Coin(wire.OutPoint{Hash: id, Index: i})
		if err != nil {
			return spv.Block{}, false, err
		}
		if coin != nil {
			b, ok := n.Chain.BlockAt(coin.Height)
			return b, ok, nil
		}
	}
	return spv.Block{}, false, nil
}

// fullBlock returns a block's content.
func fullBlock(n *Node, at spv.Block) (*consensus.Block, error) {
	raw, err := n.Chain.Block(at.Hash)
	if errors.Is(err, chain.ErrUnknown) {
		return nil, rpc.Errorf(rpc.Misc, "block %s: only its header is held", at.Hash)
	}
	if err != nil {
		return nil, err
	}
	b, err := consensus.ParseBlock(n.Chain.Params(), raw)
	if err != nil {
		return nil, err
	}
	b.Height = at.Height
	return b, nil
}

func decodeRawTransaction(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	tx, err := txParam(n.Chain.Params(), &c.Args, 0)
	if err != nil {
		return nil, err
	}
	return describeTx(n.Chain.Params(), tx, false), nil
}

func getTxOut(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	id, err := c.Args.Hash(0)
	if err != nil {
		return nil, err
	}
	index, err := c.Args.Int(1, 0, 1<<31-1)
	if err != nil {
		return nil, err
	}
	pool, err := c.Args.Bool(2, true)
	if err != nil {
		return nil, err
	}
	op, tip, p := wire.OutPoint{Hash: id, Index: uint32(index)}, n.Chain.Tip(), n.Chain.Params()
	answer := func(value int64, script []byte, confirmations int32, coinbase bool) any {
		return struct {
			Best          spv.Hash    `json:"bestblock"`
			Confirmations int32       `json:"confirmations"`
			Value         json.Number `json:"value"`
			Script        scriptJSON  `json:"scriptPubKey"`
			Coinbase      bool        `json:"coinbase"`
		}{tip.Hash, confirmations, coins(p, value), describeScript(p, script), coinbase}
	}
	if pool && n.Pool != nil {
		if _, spent := n.Pool.SpentBy(op); spent {
			return nil, nil
		}
		if tx, _, ok := inPool(n, id); ok {
			if int(op.Index) >= len(tx.TxOut) {
				return nil, nil
			}
			return answer(tx.TxOut[index].Value, tx.TxOut[index].PkScript, 0, false), nil
		}
	}
	coin, err := n.Chain.Coin(op)
	if err != nil || coin == nil {
		return nil, err
	}
	return answer(coin.Value, coin.Script, tip.Height-coin.Height+1, coin.Coinbase), nil
}
