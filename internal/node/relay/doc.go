// Package relay decides what a full node says to its peers about one chain: it fetches
// headers and blocks and hands them to the chain, spreads blocks and transactions, and
// answers what peers and light clients ask for.
//
// Machine is a state machine over the light client's own inputs and outputs, so that the
// same driver runs both: Step takes what happened and returns what to send. It reads no
// clock, opens no connection and starts no goroutine; time is an argument, chance comes
// from a salt. It judges nothing about blocks and transactions: the chain and the mempool
// do. Addresses, pings and the number of connections are the driver's.
package relay
