// Package chain is one chain's state of a full node, on disk: every header that passed
// the header rules, the blocks, the coins that can be spent after the best of them, and
// what undoing a block takes. It chooses the best chain among valid and eligible blocks
// (protocol.md 3.2) and follows it through reorganisations of any depth.
//
// It judges nothing itself: headers are judged by spv.Rules, blocks by package
// consensus. It opens no connection, keeps no mempool and starts no goroutine.
//
// # On disk
//
// Blocks are appended to block files, each with its length and a checksum; everything
// else is in one database. What blocks change is gathered in memory and written, for
// many blocks together, in one database transaction that also names the tip and how far
// the block files have been read: the database is always the complete state after some
// block. Blocks behind that point are read from the files when the chain is opened, and
// judged and connected again. So a kill at any moment loses nothing that was accepted,
// and a torn write at the end of a file costs the block that was being written.
//
// # The header index
//
// All headers are held in memory with their work and state, all branches of them. It is
// not spv.Tree: that holds a window, takes back only one branch of trusted headers when
// it is opened, and calls best what has the most work. A node must remember side
// branches without their proofs, tell valid from held, and follow the most work among
// blocks that are valid, at hand and eligible. The rules are spv's all the same.
package chain
