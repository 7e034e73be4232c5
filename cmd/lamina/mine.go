package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
)

// mineStatus is what a node has mined since it started.
type mineStatus struct {
	Mining   bool        `json:"mining"`
	HashRate float64     `json:"hashespersec"` // of the processor
	Seconds  int64       `json:"uptime"`
	Stratum  string      `json:"stratum,omitempty"`
	Chains   []mineYield `json:"chains"`
}

// mineYield is what one chain has brought. Revenue is base units.
type mineYield struct {
	Chain    string `json:"chain"`
	Symbol   string `json:"symbol"`
	Mined    bool   `json:"mined"`
	Waiting  string `json:"waiting,omitempty"`
	Blocks   int    `json:"blocks"`
	Stale    int    `json:"stale"`
	Refused  int    `json:"refused"`
	Revenue  int64  `json:"revenue"`
	Decimals int    `json:"decimals"`
}

// mineStatusMethod is the RPC method behind `lamina mine status`.
func (n *nodeServer) mineStatusMethod() rpc.Method {
	return rpc.Method{Name: "getminestatus", Category: "mining",
		Text: "Returns hash rate, and by chain blocks and revenue (base units) since the start, so that it shows what merged mining adds.",
		Call: func(context.Context, *rpc.Call) (any, error) { return n.mineStatus(), nil }}
}

func (n *nodeServer) mineStatus() mineStatus {
	m := n.node.Mining()
	status := mineStatus{Mining: n.cfg.Mine || n.cfg.Stratum != "", HashRate: m.HashRate(), Stratum: m.Stratum(),
		Seconds: int64(time.Since(n.begun).Seconds())}
	for _, y := range m.Yields() {
		unit := n.apis[y.Chain].Chain.Params().Unit
		status.Chains = append(status.Chains, mineYield{y.Chain, unit.Symbol, y.Mined, y.Waiting, y.Blocks, y.Stale, y.Refused,
			y.Revenue, unit.Decimals})
	}
	return status
}

// metrics are the node's numbers.
func (n *nodeServer) metrics() []rpc.Metric {
	m := []rpc.Metric{
		{Name: "lamina_blocks", Text: "Height of the best block.", Kind: rpc.Gauge},
		{Name: "lamina_headers", Text: "Height of the best header.", Kind: rpc.Gauge},
		{Name: "lamina_tip_age_seconds", Text: "Seconds since the best block's time.", Kind: rpc.Gauge},
		{Name: "lamina_peers", Text: "Peers connected.", Kind: rpc.Gauge},
		{Name: "lamina_synced", Text: "1 if no better chain is known of.", Kind: rpc.Gauge},
		{Name: "lamina_received_bytes_total", Text: "Bytes received from peers.", Kind: rpc.Counter},
		{Name: "lamina_sent_bytes_total", Text: "Bytes sent to peers.", Kind: rpc.Counter},
		{Name: "lamina_mempool_transactions", Text: "Transactions that wait for a block.", Kind: rpc.Gauge},
		{Name: "lamina_mined_blocks", Text: "Blocks found here that are on the best chain.", Kind: rpc.Gauge},
	}
	yields := n.node.Mining().Yields()
	for at, l := range n.node.Loops() {
		name := l.Params().Name
		s, t := n.apis[name].Stand(), l.Traffic()
		synced, waiting := 0.0, 0
		if s.Synced {
			synced = 1
		}
		if l.Pool() != nil {
			waiting = l.Pool().Stats(time.Now()).Count
		}
		for i, number := range []float64{float64(s.Height), float64(s.Best), float64(s.Age), float64(s.Peers), synced,
			float64(t.Received), float64(t.Sent), float64(waiting), float64(yields[at].Blocks)} {
			m[i].Values = append(m[i].Values, rpc.Value{Labels: []string{"chain", name}, Number: number})
		}
	}
	m = append(m, n.settleMetrics()...)
	return append(m, rpc.Metric{Name: "lamina_hashes_per_second", Text: "Hashes per second of the processor.", Kind: rpc.Gauge,
		Values: []rpc.Value{{Number: n.node.Mining().HashRate()}}})
}

const mineHelp = `Show what a running node mines.

  lamina mine status
  lamina mine status --stack dev --json

It tells the processor's hash rate, and for every chain the blocks found since the start that are on
the best chain, those that are not, and the revenue: what merged mining adds to the L1's.`

func (s *session) mine() *cobra.Command {
	var dir, stack string
	status := &cobra.Command{Use: "status", Short: "hash rate, blocks and revenue by chain", Long: mineHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return s.runMineStatus(c.Context(), dir, stack) }}
	status.Flags().StringVar(&stack, "stack", "dev", "the node's stack, by the name of any of its chains")
	status.Flags().StringVar(&dir, "data-dir", "", "the node's data folder (default: node/STACK in the data folder)")
	return group("mine", "look at mining", mineHelp, status)
}

func (s *session) runMineStatus(ctx context.Context, dir, name string) error {
	if dir == "" {
		a, err := s.open()
		if err != nil {
			return err
		}
		stack, err := nodeStack(a, name)
		if err != nil {
			return unreadable(err, "lamina chains lists them; --chains-dir adds your own")
		}
		dir = filepath.Join(defaultDataDir(), "node", stack.L1.Name)
	}
	access, err := rpc.Discover(dir)
	if err != nil {
		return unreadable(err, "lamina node starts one")
	}
	client, err := rpc.NewClient(access)
	if err != nil {
		return unreadable(err, "")
	}
	var status mineStatus
	if err := client.Call(ctx, &status, "getminestatus"); err != nil {
		var answered *rpc.Error
		if errors.As(err, &answered) {
			return &failure{code: exitRefuted, err: err, hint: "is it a node that runs there?"}
		}
		return unreadable(err, "lamina node starts one")
	}
	if s.json {
		return s.printJSON(status)
	}
	s.showMineStatus(&status)
	return nil
}

func (s *session) showMineStatus(m *mineStatus) {
	s.printf("hash rate  %.0f H/s, up %s\n", m.HashRate, time.Duration(m.Seconds)*time.Second)
	if m.Stratum != "" {
		s.printf("stratum    %s\n", m.Stratum)
	}
	for _, c := range m.Chains {
		s.printf("%-16s %5d blocks  %3d stale  %3d refused  %s %s", c.Chain, c.Blocks, c.Stale, c.Refused,
			walletapi.FormatAmount(app.Unit{Decimals: c.Decimals}, c.Revenue), c.Symbol)
		if c.Waiting != "" {
			s.printf("  not mined: %s", c.Waiting)
		}
		s.printf("\n")
	}
}
