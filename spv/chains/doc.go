// Package chains holds what differs between chains, as data: consensus parameters, merged
// mining, settlement, addresses, peers and policy of one chain in one TOML file, which a
// user may write too. It loads such files, strictly, and puts L1 chains and their layers
// together into stacks.
//
// It judges no header and no transaction, opens no file of its own accord (callers hand it
// an fs.FS), and never guesses: a key that is missing, unknown or out of range is a Problem
// that names file, line, key and value and says what is allowed.
package chains
