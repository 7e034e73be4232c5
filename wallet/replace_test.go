package wallet

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/realnode"
)

// mineTo gives the node a block whose coinbase pays the wallet's accounts.
func (p *peer) mineTo(scripts [][]byte) {
	p.t.Helper()
	var best string
	var height int32
	p.node.Call(p.t, &best, "getbestblockhash")
	p.node.Call(p.t, &height, "getblockcount")
	prev, err := chainhash.NewHashFromStr(best)
	if err != nil {
		p.t.Fatal(err)
	}
	cb := wire.NewMsgTx(1)
	cb.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 1<<32 - 1}, []byte{0x50 + byte(height+1), 0x51}, nil))
	for _, s := range scripts {
		cb.AddTxOut(wire.NewTxOut(50e8/int64(len(scripts)), s))
	}
	root := cb.TxHash()
	b := wire.NewMsgBlock(wire.NewBlockHeader(0x20000000, prev, &root, 0x207fffff, 0))
	b.Header.Timestamp = time.Unix(1_700_000_000, 0)
	_ = b.AddTransaction(cb)
	for h := b.BlockHash(); h[31] > 0x7f; h = b.BlockHash() {
		b.Header.Nonce++
	}
	var w bytes.Buffer
	_ = b.Serialize(&w)
	p.node.Call(p.t, nil, "submitblock", hex.EncodeToString(w.Bytes()))
}

// TestReplacementsWithRealNode lets btcd judge replacements (BIP125) and every kind of
// signature, taproot's among them.
func TestReplacementsWithRealNode(t *testing.T) {
	p := &peer{newWorld(t, "bitcoin-regtest", 2), realnode.Btcd(t)}
	var scripts [][]byte
	for i := range p.c.accounts {
		scripts = append(scripts, p.receive(i), p.receive(i))
	}
	p.mineTo(scripts)
	p.node.Generate(t, 450) // segregated witness and taproot become active
	p.follow()
	if b := p.c.Balance(); b.Coins != 8 || b.Confirmed != 50e8 {
		t.Fatalf("%+v", b)
	}
	tip := p.c.Tip().Height
	for i := range p.c.accounts {
		r := Request{Recipients: []Recipient{{Script: p.stranger(), Amount: 100_000_000}}, Rate: 1000, LockHeight: tip,
			Accounts: []int{i}, Change: i, Data: []byte("x")}
		first := p.send(p.c.Draft(r, p.rng))
		child := p.send(p.c.Raise(first.ID(), 3000, tip, p.rng))
		d, err := p.c.Bump(first.ID(), 1100, tip, p.rng)
		if err != nil {
			t.Fatal(err)
		}
		second := p.send(d, nil)
		if second.Fee() < first.Fee()+child.Fee() {
			t.Errorf("account %d: fee %d, replaced %d and %d", i, second.Fee(), first.Fee(), child.Fee())
		}
		third := p.send(p.c.Cancel(second.ID(), 40_000, tip, p.rng))
		var pool []string
		p.node.Call(t, &pool, "getrawmempool")
		if len(pool) != i+1 || len(p.c.Pending()) != i+1 || p.c.Pending()[i].TxHash() != third.ID() {
			t.Errorf("account %d: the node holds %v, the wallet %d", i, pool, len(p.c.Pending()))
		}
	}
	p.node.Generate(t, 1)
	p.follow()
	if b := p.c.Balance(); b.OwnUnconfirmed != 0 || len(p.c.Pending()) != 0 {
		t.Errorf("%+v", b)
	}
}
