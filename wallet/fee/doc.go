// Package fee counts what a transaction pays for its place in a block, and puts together
// what is known of the rates that are asked there: from peers, from blocks, from proofs
// that carry the parent chain's coinbase.
//
// It asks nobody and remembers nothing: samples and the time are arguments, what is not
// known stays unknown, and every figure says where it comes from.
package fee
