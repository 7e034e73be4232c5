// Package nodeapi holds the JSON-RPC methods of a full node: chain, blocks, transactions, mempool, mining, merged mining,
// peers. Names, fields and forms of numbers are those that wallets, pools and explorers know from Bitcoin-like nodes; fields
// of our own stand beside them.
//
// It reads the node's parts through small interfaces and hands blocks and transactions to the loop that owns them. It judges
// nothing itself, keeps nothing, and holds no key. Amounts are decimals of whole coins, as that interface demands, written
// from integers without rounding.
package nodeapi
