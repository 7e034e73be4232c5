// Package daemon is a settler's rim: the file that remembers what was signed, the key
// files, the way to a signer elsewhere, and the loop that drives settler.Machine and carries out its outputs. It decides
// nothing; peers, chains and the clock are its caller's.
package daemon
