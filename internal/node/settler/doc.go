// Package settler is what a settler of a pegged layer does (protocol.md 4.3): it reads from
// the layer and from its L1 what is in the vault, what is owed and what has been paid,
// derives the batch that is due, says when it may be signed, collects the signatures of k
// settlers and puts the transaction together. Whoever holds no key can run it too: he
// signs nothing, but passes on signatures and broadcasts what they complete.
//
// The rules of batches are package peg's. Machine is a state machine: Step takes what
// happened and returns what to do. It opens no connection and no file, reads no clock, starts
// no goroutine and never sees a private key; what must be remembered goes to a Log before
// a key is used. The rim that carries out its outputs is package daemon.
//
// It never signs two transactions for one batch and attempt, and nothing at all while it
// has a reason to refuse.
package settler
