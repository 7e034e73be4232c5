package node

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/layeredpow/lamina/internal/node/gbt"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/spv/chains"
)

// Config says what to run.
type Config struct {
	Stack   chains.Stack
	DataDir string // a folder for each chain is made in it
	Agent   string // user agent, such as "/Lamina:0.1.0/"
	Log     *slog.Logger
	// Clock gives the time of blocks, made and judged; nil: time.Now.
	Clock func() time.Time

	// Peers are addresses host:port that are kept connected, by chain.
	Peers map[string][]string
	// Listen are addresses host:port to accept peers at, by chain; port 0 takes a free one,
	// "none" accepts nobody. Where a chain has none, it is its usual port, on loopback where
	// the network is private.
	Listen map[string]string
	// Proxy is the host:port of a SOCKS5 proxy for all connections to peers that we make.
	Proxy string
	// Upload is how many bytes a second all peers together are sent at most; 0: no bound.
	Upload int64

	// Mine searches for blocks with the processor: on so many threads, and with a least
	// time between two L1 blocks of our own; 0: none.
	Mine      bool
	Threads   int
	MineEvery time.Duration
	// Payouts are the output scripts that blocks pay to, by chain. A private network's blocks
	// pay anybody where there is none; elsewhere nothing is mined without.
	Payouts map[string][]byte
	// FeeVote is what layer blocks vote for, sat/vB (protocol.md 3.1); 0: 1.
	FeeVote uint16
	// L1 reaches a full node of a foreign L1, for its templates; nil: there is none.
	L1 *gbt.Access
	// Signers sign batches, by pegged layer. Where there is none, settlement is followed and
	// passed on.
	Signers map[string]daemon.Signer
	// Stratum is where mining hardware connects, host:port; empty: nowhere.
	Stratum string
}

// noListen as an address accepts nobody.
const noListen = "none"

// ours tells whether blocks of a chain are made and judged in full here: layers, and an L1
// that is of our own making. Any other L1 belongs to its own nodes.
func ours(p *chains.Params) bool {
	return p.Kind.Layered() || p.Kind == chains.L1 && p.Network == chains.Dev
}

// private tells whether a chain's network is for one's own machines.
func private(p *chains.Params) bool { return p.Network == chains.Dev || p.Network == chains.Regtest }

// check makes sure that a configuration can be run before anything is opened.
func (c *Config) check() error {
	l1 := c.Stack.L1
	known := func(name string) bool {
		return name == l1.Name || slices.ContainsFunc(c.Stack.Layers, func(p *chains.Params) bool { return p.Name == name })
	}
	for name := range c.Peers {
		if !known(name) {
			return fmt.Errorf("peers of %s: it is not in the stack of %s", name, l1.Name)
		}
	}
	for name := range c.Listen {
		if !known(name) {
			return fmt.Errorf("listening for %s: it is not in the stack of %s", name, l1.Name)
		}
	}
	for name := range c.Payouts {
		if !known(name) {
			return fmt.Errorf("payee on %s: it is not in the stack of %s", name, l1.Name)
		}
	}
	switch {
	case ours(l1) && c.L1 != nil:
		return fmt.Errorf("%s: its blocks are made here, no other node is asked for templates", l1.Name)
	case !ours(l1) && c.L1 == nil && (c.Mine || c.Stratum != ""):
		return fmt.Errorf("%s: mining wants the RPC address of a full node of it, for templates", l1.Name)
	case !ours(l1) && private(l1) && len(c.Peers[l1.Name]) == 0:
		return fmt.Errorf("%s: its headers want a peer to be named", l1.Name)
	case c.FeeVote > 1000:
		return fmt.Errorf("fee vote %d: want 1 to 1000 sat/vB", c.FeeVote)
	case c.MineEvery < 0 || c.Threads < 0 || c.Upload < 0:
		return fmt.Errorf("threads %d, pace %s, upload %d: want nothing negative", c.Threads, c.MineEvery, c.Upload)
	}
	return nil
}

// mines tells whether the node puts jobs up.
func (c *Config) mines() bool { return c.Mine || c.Stratum != "" }

// listen opens the port for a chain's peers; nil if there is to be none.
func (c *Config) listen(p *chains.Params) (net.Listener, error) {
	address, ok := c.Listen[p.Name]
	if !ok {
		if !ours(p) {
			return nil, nil
		}
		host := ""
		if private(p) {
			host = "127.0.0.1"
		}
		address = net.JoinHostPort(host, strconv.Itoa(int(p.P2P.Port)))
	}
	if address == noListen {
		return nil, nil
	}
	if !ours(p) {
		return nil, fmt.Errorf("%s: only its headers are followed, so that there is nothing to serve", p.Name)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	return l, nil
}

func (c *Config) folder(p *chains.Params) string { return filepath.Join(c.DataDir, p.Name) }
