// Package node runs a stack in one process: a full node for every layer and for the
// development L1, each with its chain, its mempool and its peers in a loop of its own,
// the miner that searches for blocks of all of them at once, and the Stratum server. Of a
// foreign L1 it follows the headers; templates come from, and blocks go to, a full node of
// that chain.
//
// It judges nothing: chains and mempools do. It keeps no key. What it does not do is
// speak JSON-RPC: whoever runs it serves the chains, pools and loops that it shows.
package node
