// Package pow computes the work hashes of block headers: SHA-256d and scrypt (N=1024, r=1, p=1), one at a time or in bulk.
//
// The set of algorithms is closed; a chain names one of them. Every hash is returned in internal byte order: read as a
// little-endian 256-bit number it is the value that is compared with a target, and chainhash.Hash.String shows it in
// display order.
//
// On amd64 the bulk functions run in vector registers, chosen once at start from what the processor and the operating
// system support; elsewhere portable Go computes the same values.
//
// Scan searches nonces for a miner: it compares only the topmost 32 bits of a hash, for a caller who judges the rest. The
// package otherwise never decides whether a hash is good enough, never parses a header and never does input or output.
// Only SumMany starts goroutines, and they end before it returns.
package pow
