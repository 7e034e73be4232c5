// Package doctor turns bytes of any origin into a report: every rule that was applied to
// them, in order, with what it demands and what was found, and a verdict. For a
// merged-mining proof that fails it looks for the mistake that most likely made it, by
// recomputing the proof with that mistake undone.
//
// It is pure: no IO, no clock (callers pass the time), no chain state. It never calls a
// rule passed that it could not apply, it never guesses a cause that it has not
// recomputed, and its verdict is about the bytes alone: whether a header is on the best
// chain is for a tree that has synchronised.
package doctor
