// Package spv holds the rules by which Lamina believes a proof-of-work chain: header
// validation with every retarget rule, the tree of validated headers, merged-mining
// proofs, the anchors of layer chains, and signet's block challenge.
//
// Everything here is a function of values. The package reads no clock, does no IO and
// starts no goroutine: time, randomness and the view of a parent chain are arguments.
// It never trusts a peer, and it never decides what to do about a bad one.
package spv
