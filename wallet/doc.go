// Package wallet keeps one wallet on one chain: its scripts and coins, its history,
// labels and rules, and the transactions it makes of them. A Draft is planned and
// visible and cannot be sent; only Draft.Sign makes a Signed of it, and only after every
// input has been run through the script engine.
//
// Everything follows from the transactions it was told of (Chain.Apply, Unconfirmed,
// Commit), in whatever order, and from the records in its Log; each call writes them
// first, all or nothing, and then changes what is in memory. It reads no clock, draws no
// random number of its own, opens no file and no connection, and holds no private key.
// What others send is never trusted: a proof or filter decides what is in a block
// before Apply is called, and an unconfirmed transaction that takes coins of ours
// without a right signature is refused. One Chain is for one goroutine.
//
// Amounts are int64 in the chain's base units.
package wallet
