// Package filter builds, chains and matches the basic compact block filters of BIP157 and
// BIP158.
//
// Everything is a function of values. The package does no IO, trusts no peer and never says
// that a filter is the right one for a block: callers compare HeaderOf with a filter
// header that they believe. A match is a reason to look at the block, nothing more.
package filter
