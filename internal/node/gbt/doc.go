// Package gbt mines with a foreign full node of the L1: it takes block templates from the node's JSON-RPC interface
// (getblocktemplate, BIP22, BIP23 and BIP145), follows them by long polling or by asking again, and hands in blocks
// (submitblock).
//
// It believes a node about what the next block may hold, but not about bytes: ids, the merkle branch and the witness
// commitment are recomputed from the transactions themselves. It speaks to the one address that it was given, follows
// no redirection, and never shows the password.
package gbt
