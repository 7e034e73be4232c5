// Package merkle holds the hash trees that Lamina's proofs rest on: Bitcoin's block tree
// and branches of it, inclusion proofs that carry the coinbase, BIP37 partial trees, and
// the Merkle mountain range in which layer chains commit to their headers.
//
// Everything is a function of values. The package does no IO, keeps no chain state and
// never decides which root is the right one: callers bring the root from a header that
// they have checked. Hashes are in internal byte order throughout.
package merkle
