// Package stratum serves mining hardware by Stratum, version 1, with version rolling (BIP310): it hands out the job at
// hand, sets each miner's difficulty by how often it finds shares, and passes shares on.
//
// A Session is the protocol: lines in, lines out, no network and no clock. Server is the rim around it: connections,
// time-outs, limits. The package keeps no accounts and pays nobody: every coinbase pays whom the node says, whatever
// name a miner gives.
package stratum
