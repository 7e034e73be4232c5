package nodeapi

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
)

// payments are two transactions, the child spends an output of the parent, and their bytes.
type payments struct {
	*world
	parent, child *wire.MsgTx
	hexes         []string
}

// TestTransactions follows payments through mempool, block and proof.
func TestTransactions(t *testing.T) {
	w := start(t)
	call[[]string](w, "generatetoaddress", 15, w.address(w.l1))
	p := &payments{world: w, parent: spend(w.first(1), 1_000_000_000, 3_999_990_000)}
	p.child = spend(wire.OutPoint{Hash: p.parent.TxHash()}, 999_900_000)
	p.hexes = []string{hex.EncodeToString(serialized(p.parent)), hex.EncodeToString(serialized(p.child))}
	p.judged()
	p.sentPrivately()
	p.sent()
	p.inMempool()
	block := call[[]string](w, "generatetoaddress", 1, w.address(w.l1))[0]
	p.inBlock(block)
	proof, theirs := p.proved(block)
	p.innerNodes(proof, theirs)
	proof[90] ^= 1
	if ids := call[[]string](w, "verifytxoutproof", hex.EncodeToString(proof)); len(ids) != 0 {
		t.Error("a spoiled proof is taken")
	}
}

// judged asks what the mempool would say, and sends what it would not take.
func (p *payments) judged() {
	p.t.Helper()
	tests := call[[]btcjson.TestMempoolAcceptResult](p.world, "testmempoolaccept", p.hexes)
	if !tests[0].Allowed || !tests[1].Allowed || tests[1].Fees.Base != 0.001 || tests[0].Txid != p.parent.TxHash().String() {
		p.t.Errorf("%+v", tests)
	}
	if alone := call[[]btcjson.TestMempoolAcceptResult](p.world, "testmempoolaccept", p.hexes[1:]); alone[0].Allowed || !strings.HasPrefix(alone[0].RejectReason, "bad-txns-inputs-missingorspent") {
		p.t.Errorf("%+v", alone)
	}
	if dear := call[[]btcjson.TestMempoolAcceptResult](p.world, "testmempoolaccept", p.hexes[:1], "0.00000001"); dear[0].Allowed || dear[0].RejectReason != "max-fee-exceeded" {
		p.t.Errorf("%+v", dear)
	}
	var e *rpc.Error
	if err := p.client.Call(p.t.Context(), nil, "sendrawtransaction", p.hexes[1]); !errors.As(err, &e) || e.Code != rpc.Unverified {
		p.t.Error(err)
	}
	if err := p.client.Call(p.t.Context(), nil, "sendrawtransaction", p.hexes[0], 0.00000001); !errors.As(err, &e) || e.Code != rpc.Unverified {
		p.t.Error(err)
	}
}

// sentPrivately: what is wrong is said, and what is right goes to a peer and not into the mempool.
func (p *payments) sentPrivately() {
	p.t.Helper()
	var e *rpc.Error
	for _, c := range []struct {
		params []any
		code   rpc.Code
	}{
		{[]any{p.hexes[0]}, rpc.NotConnected}, // nobody is known
		{[]any{p.hexes[0], "127.0.0.1"}, rpc.InvalidParameter},
		{[]any{p.hexes[0], "127.0.0.1:7", 0.00000001}, rpc.Unverified},
		{[]any{p.hexes[1], "127.0.0.1:7"}, rpc.Unverified},
		{[]any{"00"}, rpc.Undecodable},
	} {
		if err := p.client.Call(p.t.Context(), nil, "sendprivately", c.params...); !errors.As(err, &e) || e.Code != c.code {
			p.t.Errorf("sendprivately %v: %v, want code %d", c.params[1:], err, c.code)
		}
	}
	if told := call[map[string]string](p.world, "sendprivately", p.hexes[0], "127.0.0.1:7"); told["txid"] != p.parent.TxHash().String() || told["addr"] != "127.0.0.1:7" {
		p.t.Errorf("%v", told)
	}
	if ids := call[[]string](p.world, "getrawmempool"); len(ids) != 0 {
		p.t.Errorf("what is sent privately is in the mempool: %v", ids)
	}
}

// sent: one that makes money is refused, the two are taken, and once more is no error.
func (p *payments) sent() {
	p.t.Helper()
	var e *rpc.Error
	greedy := spend(p.first(2), 5_000_000_001)
	if err := p.client.Call(p.t.Context(), nil, "sendrawtransaction", hex.EncodeToString(serialized(greedy)), 0); !errors.As(err, &e) || e.Code != rpc.Rejected {
		p.t.Error(err)
	}
	for _, x := range append(slices.Clone(p.hexes), p.hexes[0]) {
		call[string](p.world, "sendrawtransaction", x)
	}
	if ids := call[[]string](p.world, "getrawmempool"); len(ids) != 2 || ids[0] != p.parent.TxHash().String() {
		p.t.Error(ids)
	}
}

// inMempool asks for both, and for the outputs that they make and spend, before they are in a block.
func (p *payments) inMempool() {
	p.t.Helper()
	entry := call[map[string]btcjson.GetMempoolEntryResult](p.world, "getrawmempool", true)[p.child.TxHash().String()]
	if entry.AncestorCount != 2 || entry.Fees.Base != 0.001 || entry.Fees.Ancestor != 0.0011 || entry.Depends[0] != p.parent.TxHash().String() || entry.Height != 15 {
		p.t.Errorf("%+v", entry)
	}
	if full := call[btcjson.GetMempoolInfoResult](p.world, "getmempoolinfo"); full.Size != 2 || full.Bytes == 0 {
		p.t.Errorf("%+v", full)
	}
	if out := call[*btcjson.GetTxOutResult](p.world, "gettxout", p.parent.TxHash().String(), 0); out != nil {
		p.t.Errorf("an output that is spent in the mempool: %+v", out)
	}
	if out := call[*btcjson.GetTxOutResult](p.world, "gettxout", p.parent.TxHash().String(), 1); out == nil || out.Confirmations != 0 || out.Value != 39.9999 {
		p.t.Errorf("%+v", out)
	}
	if out := call[*btcjson.GetTxOutResult](p.world, "gettxout", p.first(1).Hash.String(), 0, false); out == nil || !out.Coinbase || out.Confirmations != 15 {
		p.t.Errorf("%+v", out)
	}
}

// inBlock asks for the child where it is now.
func (p *payments) inBlock(block string) {
	p.t.Helper()
	tx := call[btcjson.TxRawResult](p.world, "getrawtransaction", p.child.TxHash().String(), 1)
	if tx.BlockHash != block || tx.Confirmations != 1 || tx.Hex != p.hexes[1] || tx.Vin[0].Txid != p.parent.TxHash().String() || tx.Vin[0].Witness[0] != "51" {
		p.t.Errorf("%+v", tx)
	}
	var e *rpc.Error
	if err := p.client.Call(p.t.Context(), nil, "sendrawtransaction", p.hexes[1]); !errors.As(err, &e) || e.Code != rpc.AlreadyInChain {
		p.t.Error(err)
	}
}

// proved returns the bytes of a proof that the child is in its block, and what btcd reads in them.
func (p *payments) proved(block string) ([]byte, *wire.MsgMerkleBlock) {
	p.t.Helper()
	proof := call[string](p.world, "gettxoutproof", []string{p.child.TxHash().String()}, block)
	if ids := call[[]string](p.world, "verifytxoutproof", proof); len(ids) != 1 || ids[0] != p.child.TxHash().String() {
		p.t.Error(ids)
	}
	var theirs wire.MsgMerkleBlock
	raw, _ := hex.DecodeString(proof)
	check(p.t, theirs.BtcDecode(bytes.NewReader(raw), wire.ProtocolVersion, wire.BaseEncoding))
	if theirs.Transactions != 3 || theirs.Header.BlockHash().String() != block {
		p.t.Errorf("%+v", theirs)
	}
	return raw, &theirs
}

// innerNodes: two inner nodes in place of the leaves lead to the same root (CVE-2017-12842),
// and pass for no transactions.
func (p *payments) innerNodes(proof []byte, theirs *wire.MsgMerkleBlock) {
	p.t.Helper()
	var ids [3]spv.Hash
	for i, text := range call[btcjson.GetBlockVerboseResult](p.world, "getblock", theirs.Header.BlockHash().String()).Tx {
		ids[i], _ = hashOf(text)
	}
	inner := func(a, b spv.Hash) spv.Hash { return spv.Hash(pow256(pow256(append(a[:], b[:]...)))) }
	lie, err := merkle.NewPartial([]spv.Hash{inner(ids[0], ids[1]), inner(ids[2], ids[2])}, 0)
	check(p.t, err)
	if root, _, err := lie.Extract(); err != nil || root != theirs.Header.MerkleRoot {
		p.t.Fatal("the lie is a bad one", err)
	}
	if ids := call[[]string](p.world, "verifytxoutproof", hex.EncodeToString(lie.Append(bytes.Clone(proof[:80])))); len(ids) != 0 {
		p.t.Errorf("an inner node passes for a transaction: %s", ids)
	}
}
