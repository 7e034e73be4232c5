// Package proof makes and verifies payment proofs: one self-contained file that shows, to whoever has the same chain files and
// nothing else, that a transaction is in a block, that work lies on top of it, and how that work hangs together with the L1 (protocol.md
// section 10).
//
// A file is judged and then described: the Claim says what was shown, and which assumptions are left. The package runs
// no scripts, reads no clock, does no IO, and never calls a payment final: it cannot know of a better chain that the
// file's maker kept back.
//
// # Form
//
// Version 1, integers little-endian, lengths as CompactSize in the shortest form, hashes in internal order:
//
//	"LPAY" | version 01 | chain: its genesis hash, 32
//	height of the first header, uint32 | number of headers below the payment's block, uint8
//	headers: length, each: 80 bytes | 00 without or 01 with a merged-mining proof | the proof
//	height of the first L1 header, uint32 | L1 headers: length, 80 bytes each; both zero without
//	transaction: length, bytes without witness
//	index in the block, uint32 | branch: length, hashes
//	coinbase of the block: length, bytes without witness | its branch: length, hashes
//	SHA-256 of all before, 32
//
// A merged-mining proof is in the form of package spv, its coinbase without witness, and zero in what no rule covers (the 32
// bytes before the coinbase branch, the coinbase's index). So there is one file for one content, and no byte without meaning. Headers follow
// each other upwards; those below the payment's block give its difficulty and median time a context and carry no proofs.
package proof
