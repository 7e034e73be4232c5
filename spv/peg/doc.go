// Package peg holds the settlement rules of pegged layers (protocol.md sections 4 and 6):
// the vault scripts on L1, claims that mint a deposit on the layer, burns that ask for it
// back, the batch transaction that pays burns out, and the arithmetic that audits them.
// Wallet, node and settler share this one parser; it is strict and fails closed.
//
// Everything is a function of values. The package keeps no set of claimed outpoints, no
// unpaid burns and no vault coins: whoever has them passes them in. It holds no key and
// signs nothing, and it never decides whether a settler should sign.
package peg
