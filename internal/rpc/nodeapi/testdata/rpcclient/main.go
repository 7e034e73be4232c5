// Command rpcclient asks a node with btcd's client library, which expects Bitcoin's interface, and compares what it understands.
// A test builds it with the module file of the tools, as the library's own dependencies are not among ours.
package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log"
	"os"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/rpcclient"
	"github.com/btcsuite/btcd/wire"
)

func main() {
	log.SetFlags(log.Lshortfile)
	c, err := rpcclient.New(&rpcclient.ConnConfig{Host: os.Args[1], User: os.Getenv("RPC_USER"), Pass: os.Getenv("RPC_PASSWORD"),
		HTTPPostMode: true, DisableTLS: true}, nil)
	must(err)
	defer c.Shutdown()
	blocks(c)
	payments(c, os.Args[2], os.Args[3])
	batch(c)
	fmt.Println("all well")
}

func must(err error) {
	if err != nil {
		_ = log.Output(2, err.Error())
		os.Exit(1)
	}
}

func want(ok bool, what ...any) {
	if !ok {
		_ = log.Output(2, fmt.Sprint(what...))
		os.Exit(1)
	}
}

func blocks(c *rpcclient.Client) {
	height, err := c.GetBlockCount()
	must(err)
	chain, err := c.GetBlockChainInfo()
	must(err)
	best, err := c.GetBestBlockHash()
	must(err)
	want(int64(chain.Blocks) == height && chain.BestBlockHash == best.String(), chain)
	id, err := c.GetBlockHash(height)
	must(err)
	want(*id == *best, id)
	block, err := c.GetBlock(id)
	must(err)
	want(block.BlockHash() == *id, "block")
	verbose, err := c.GetBlockVerbose(id)
	must(err)
	want(verbose.Tx[0] == block.Transactions[0].TxHash().String(), verbose)
	txs, err := c.GetBlockVerboseTx(id)
	must(err)
	want(txs.Tx[0].Txid == verbose.Tx[0], txs)
	header, err := c.GetBlockHeader(id)
	must(err)
	want(header.BlockHash() == *id, "header")
	_, err = c.GetBlockHeaderVerbose(id)
	must(err)
	_, err = c.GetChainTips()
	must(err)
	_, err = c.GetDifficulty()
	must(err)
	_, err = c.GetBlockFilter(*id, nil)
	must(err)
	mining, err := c.GetMiningInfo()
	must(err)
	want(mining.Blocks == height, mining)
	template, err := c.GetBlockTemplate(&btcjson.TemplateRequest{Mode: "template", Rules: []string{"segwit"}})
	must(err)
	want(template.Height == height+1 && template.PreviousHash == best.String() && *template.CoinbaseValue > 0, template)
	peers, err := c.GetPeerInfo()
	must(err)
	want(len(peers) == 2, peers)
	_, err = c.GetNetTotals()
	must(err)
	must(c.AddNode("127.0.0.1:9", rpcclient.ANAdd))
	_, err = c.GetBlock(&chainhash.Hash{})
	failed, ok := err.(*btcjson.RPCError)
	want(ok && failed.Code == btcjson.ErrRPCBlockNotFound, err)
}

func payments(c *rpcclient.Client, text, coinbase string) {
	raw, err := hex.DecodeString(text)
	must(err)
	tx := new(wire.MsgTx)
	must(tx.Deserialize(bytes.NewReader(raw)))
	tests, err := c.TestMempoolAccept([]*wire.MsgTx{tx}, 0.1)
	must(err)
	want(tests[0].Allowed, tests[0])
	id, err := c.SendRawTransaction(tx, false)
	must(err)
	want(*id == tx.TxHash(), id)
	pool, err := c.GetRawMempool()
	must(err)
	want(len(pool) == 1 && *pool[0] == *id, pool)
	_, err = c.GetRawMempoolVerbose()
	must(err)
	entry, err := c.GetMempoolEntry(id.String())
	must(err)
	want(entry.Fees.Base == 0.0001, entry)
	back, err := c.GetRawTransaction(id)
	must(err)
	want(back.MsgTx().WitnessHash() == tx.WitnessHash(), "transaction")
	_, err = c.GetRawTransactionVerbose(id)
	must(err)
	_, err = c.DecodeRawTransaction(raw)
	must(err)
	old, err := chainhash.NewHashFromStr(coinbase)
	must(err)
	out, err := c.GetTxOut(old, 0, true)
	must(err)
	want(out.Coinbase && out.Value == 50, out)
	fee, err := c.EstimateSmartFee(6, nil)
	must(err)
	want(*fee.FeeRate > 0, fee)
}

func batch(c *rpcclient.Client) {
	b, err := rpcclient.NewBatch(&rpcclient.ConnConfig{Host: os.Args[1], User: os.Getenv("RPC_USER"), Pass: os.Getenv("RPC_PASSWORD"),
		HTTPPostMode: true, DisableTLS: true})
	must(err)
	var waiting []rpcclient.FutureGetBlockHashResult
	for height := range int64(10) {
		waiting = append(waiting, b.GetBlockHashAsync(height))
	}
	must(b.Send())
	for height, f := range waiting {
		id, err := f.Receive()
		must(err)
		alone, err := c.GetBlockHash(int64(height))
		must(err)
		want(*id == *alone, height)
	}
}
