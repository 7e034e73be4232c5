package app

import (
	"log/slog"
	"time"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet"
)

// LocalOptions say what a Local follows, and where it keeps what it knows.
type LocalOptions struct {
	// DataDir is one folder per installation: wallets/NAME.lamina are the key files, beside
	// the database and the chains' headers and filters. One process has it at a time: for
	// another OpenLocal's error has CodeInUse.
	DataDir string
	// Chains to follow, layers with their L1, as Stack.L1 and Stack.Layers give them.
	Chains []*chains.Params
	// Peers by chain: host:port, kept connected. For a chain without any, peers are sought; the
	// error is ErrNoPeers if it has no seeds to find any by.
	Peers map[string][]string
	Proxy string // host:port of a SOCKS5 proxy for all connections; empty: none
	Agent string // user agent, such as "/Lamina:0.1.0/"
	// AllowBloom names chains whose peers may be told Bloom filters, and so the wallets'
	// addresses, where none serves compact ones: the user has agreed.
	AllowBloom []string
	Offline    bool   // asks nothing of the network
	Verify     Verify // how much of layers' histories; what is not as begun wants the network
	Log        *slog.Logger
	// Cost of unlocking new key files; zero: what takes this machine about half a second.
	Cost keystore.Cost
	// Clock gives the time; nil: time.Now.
	Clock func() time.Time

	between func(wallet.Log) wallet.Log // for tests: faults of the disk below a purse's records
}
