package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/ui/present"
)

// portsName is the file in a node's folder by which one that was left running, because this
// program was killed, is told from one that somebody else has started.
const portsName = "desktop-ports.json"

// nodeAnswer is how long a node may take to answer.
const nodeAnswer = 5 * time.Second

// nodeClient returns a client of the node that runs on a folder; chain empty: its first.
func nodeClient(dir, chain string) (*rpc.Client, error) {
	access, err := rpc.Discover(dir)
	if err != nil {
		return nil, err
	}
	access.Chain, access.Wait = chain, nodeAnswer
	return rpc.NewClient(access)
}

// askNode fills in what the node on a folder tells of itself. The error wraps
// rpc.ErrNoServer if there is none.
func askNode(ctx context.Context, dir string, n *present.Node) error {
	client, err := nodeClient(dir, "")
	if err != nil {
		return err
	}
	var status struct {
		Mining   bool
		HashRate float64 `json:"hashespersec"`
		Uptime   int64
		Stratum  string
		Chains   []struct {
			Chain, Symbol, Waiting string
			Mined                  bool
			Blocks, Stale, Refused int
			Revenue                int64
			Decimals               int
		}
	}
	if err := client.Call(ctx, &status, "getminestatus"); err != nil {
		return err
	}
	var all []present.NodeChain
	for _, y := range status.Chains {
		if y.Decimals < 0 || y.Decimals > 18 {
			return fmt.Errorf("chain %.64q: %d decimals, want 0 to 18", y.Chain, y.Decimals)
		}
		c := present.NodeChain{Name: y.Chain, Symbol: y.Symbol, Waiting: y.Waiting, Mined: y.Mined, Blocks: y.Blocks, Stale: y.Stale,
			Refused: y.Refused, Revenue: y.Revenue, Decimals: y.Decimals}
		if err := askChain(ctx, dir, &c); err != nil {
			return err
		}
		all = append(all, c)
	}
	n.Mining, n.HashRate, n.Uptime, n.Stratum, n.Chains = status.Mining, status.HashRate, status.Uptime, status.Stratum, all
	return nil
}

// askChain fills in where one chain of the node stands.
func askChain(ctx context.Context, dir string, c *present.NodeChain) error {
	client, err := nodeClient(dir, c.Name)
	if err != nil {
		return err
	}
	var stand struct {
		Blocks, Headers int32
		Behind          bool `json:"initialblockdownload"`
	}
	var total struct{ TotalBytesRecv, TotalBytesSent int64 }
	err = errors.Join(client.Call(ctx, &stand, "getblockchaininfo"), client.Call(ctx, &c.Peers, "getconnectioncount"),
		client.Call(ctx, &total, "getnettotals"))
	c.Height, c.Headers, c.Synced = stand.Blocks, stand.Headers, !stand.Behind
	c.Received, c.Sent = total.TotalBytesRecv, total.TotalBytesSent
	return err
}

// askToStop asks the node on a folder to end. Who it does not reach has ended or is killed.
func askToStop(dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), nodeAnswer)
	defer cancel()
	if client, err := nodeClient(dir, ""); err == nil {
		_ = client.Call(ctx, nil, "stop")
	}
}

// endLeftover ends a node that an earlier run of this program has left on a folder. Foreign
// says that one runs there which somebody else has started.
func endLeftover(ctx context.Context, dir string) (foreign bool, err error) {
	client, err := nodeClient(dir, "")
	if err != nil {
		return false, nil // there is none
	}
	if err := client.Call(ctx, nil, "uptime"); errors.Is(err, rpc.ErrNoServer) {
		return false, nil
	}
	if !leftHere(dir) {
		return true, nil
	}
	askToStop(dir)
	ctx, cancel := context.WithTimeout(ctx, nodeStop)
	defer cancel()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		if _, err := rpc.Discover(dir); errors.Is(err, rpc.ErrNoServer) {
			return false, nil // its cookie goes last
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("node on %s: it was left running and does not end", dir)
		case <-every.C:
		}
	}
}

// leftHere says whether the node that runs on a folder is one that this program started.
func leftHere(dir string) bool {
	in, err := os.Open(filepath.Join(dir, portsName))
	if err != nil {
		return false
	}
	defer in.Close()
	src, err := io.ReadAll(io.LimitReader(in, maxReady))
	if err != nil {
		return false
	}
	var ports nodePorts
	access, err := rpc.Discover(dir)
	return err == nil && json.Unmarshal(src, &ports) == nil && ports.RPC != "" && ports.RPC == access.URL
}
