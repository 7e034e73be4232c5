// Package walletapi puts app.Backend on JSON-RPC and takes it off again: Methods serve one, and a Client is one, so that
// nobody who asks needs to know whether the wallets are open in this process or in a daemon. Besides, it serves the wallet
// methods by the names, parameters and fields that programs written for other nodes know.
//
// It holds no keys and decides nothing about money: each method asks the Backend. Secrets pass through it as text in a
// request's or an answer's body, and through nothing else; no error, log line or event holds one.
package walletapi
