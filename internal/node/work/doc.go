// Package work joins a parent chain's template and the blocks of any number of layers into one search for a header: it
// builds the merged-mining tree, compares every share with all targets at once, and makes the parent's block and each
// layer's proof out of a share that solves them.
//
// It does no hashing beyond one share at a time, speaks to no network and reads no clock. It never says whether a
// layer's block is good: its id and its target are all that is known of it here.
package work
