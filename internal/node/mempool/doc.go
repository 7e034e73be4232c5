// Package mempool holds the transactions that wait for a block: those that a block on top
// of the tip could hold, that keep the policy of the chain, and that pay for their place.
//
// It judges policy itself (forms, dust, fees, replacement, limits on chains of
// transactions) and validity only through package consensus. It reads no clock and draws
// no chance: time is an argument. It never relays, never builds a block and keeps nothing
// on disk. What lacks a parent (orphans) and what speaks of L1 blocks that are not known
// yet (pending claims) is kept apart, in little memory.
//
// The policy is Bitcoin Core's, with -mempoolfullrbf: standard forms, BIP125's rules 2 to
// 6 for every transaction, BIP431 for version 3, 25 transactions and 101 kvB in a chain,
// one low-fee parent with one child as a package. A layer adds two forms: burns, and
// claims, which may be as large as a block allows (protocol.md 4.2, 4.3).
package mempool
