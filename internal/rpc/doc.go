// Package rpc is JSON-RPC 1.0 and 2.0 over HTTP, server and client: who may ask, how a request is read, how methods are
// named, documented and called, the stream of events (server-sent events), webhooks, and the pages for monitoring
// (metrics, health).
//
// It listens on loopback, or with TLS; it answers nobody without credentials, no web page (requests that carry an Origin, or
// a Host that somebody else's DNS could have chosen, are refused), and nothing beyond its limits. It knows no chain, no
// wallet and no method but help, uptime and stop; it logs no parameter and no result, and it keeps nothing but the cookie
// file and the file with its address, both of which go when it stops.
package rpc
