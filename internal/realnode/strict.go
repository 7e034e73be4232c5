package realnode

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
)

// regtestBits is the target of every block on Bitcoin's regtest, and regtestSubsidy what its
// first blocks bring.
const (
	regtestBits    = 0x207fffff
	regtestSubsidy = 50e8
)

// BtcdStrict starts btcd with its standardness rules, which regtest leaves off otherwise.
func BtcdStrict(t testing.TB) *Node {
	t.Helper()
	return btcd(t, "--rejectnonstd")
}

// MineTo gives btcd one of its first 16 blocks, whose reward is shared by some scripts, and
// returns its coinbase.
func (n *Node) MineTo(t testing.TB, scripts ...[]byte) *wire.MsgTx {
	t.Helper()
	var best string
	n.Call(t, &best, "getbestblockhash")
	height, err := n.height()
	if err != nil || height >= 16 {
		t.Fatalf("block %d: want one of the first 16, whose height is one opcode (%v)", height+1, err)
	}
	prev, err := chainhash.NewHashFromStr(best)
	if err != nil {
		t.Fatal(err)
	}
	coinbase := wire.NewMsgTx(1)
	coinbase.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 1<<32 - 1}, []byte{0x50 + byte(height+1), 0x51}, nil))
	for _, script := range scripts {
		coinbase.AddTxOut(wire.NewTxOut(regtestSubsidy/int64(len(scripts)), script))
	}
	root := coinbase.TxHash()
	b := wire.NewMsgBlock(wire.NewBlockHeader(0x20000000, prev, &root, regtestBits, 0))
	b.Header.Timestamp = time.Unix(1_700_000_000+int64(height), 0)
	if err := b.AddTransaction(coinbase); err != nil {
		t.Fatal(err)
	}
	for h := b.BlockHash(); h[31] > 0x7f; h = b.BlockHash() {
		b.Header.Nonce++
	}
	var raw bytes.Buffer
	if err := b.Serialize(&raw); err != nil {
		t.Fatal(err)
	}
	n.Call(t, nil, "submitblock", hex.EncodeToString(raw.Bytes()))
	if now, err := n.height(); err != nil || now != height+1 {
		t.Fatalf("block %d was not taken: height %d, %v", height+1, now, err)
	}
	return coinbase
}
