package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/rpc/nodeapi"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

const settleAuditHelp = `Show what a layer's peg holds, as a node counts it from the blocks of both chains: claimed, burned, in the vault,
burned and not paid yet.

  lamina settle audit dev-native --node NODE-DIR
  lamina settle audit --node NODE-DIR --json

A light wallet cannot know it: it sees its own claims and burns alone. --node is the data folder of a node that runs. Exit code 1:
the sums do not fit.`

// supply is what a node counts.
type supply = nodeapi.Supply

func (s *session) settleAudit() *cobra.Command {
	var node string
	c := &cobra.Command{Use: "audit [LAYER] --node DIR", Short: "show what a peg holds, as a node counts it", Long: settleAuditHelp,
		Args: cobra.MaximumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			all, err := s.audit(ctx, node, args)
			if err != nil {
				return err
			}
			return s.showAudit(all)
		}}
	c.Flags().StringVar(&node, "node", "", "data folder of a node that runs")
	_ = c.MarkFlagRequired("node")
	return c
}

// audit asks a node about the layer that is named, else about all pegged layers that it runs.
func (s *session) audit(ctx context.Context, node string, args []string) ([]supply, error) {
	a, err := s.open()
	if err != nil {
		return nil, err
	}
	layers := a.Chains()
	if len(args) == 1 {
		one, err := s.chain(args[0])
		if err != nil {
			return nil, err
		}
		if one.Peg == nil {
			return nil, unreadable(fmt.Errorf("%s: takes no deposits, its money is its own", one.Name), "lamina chains lists the kinds")
		}
		layers = []*chains.Params{one}
	}
	all := []supply{}
	var missing error
	for _, p := range layers {
		if p.Peg == nil {
			continue
		}
		var one supply
		if err := askNode(ctx, node, p.Name, &one, "auditsupply"); err != nil {
			missing = err
			continue
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, missing
	}
	return all, nil
}

// askNode calls a method of a node that runs, about a chain.
func askNode(ctx context.Context, dir, chain string, answer any, method string, params ...any) error {
	access, err := rpc.Discover(dir)
	if err != nil {
		return unreadable(err, "--node is the data folder of a node that runs")
	}
	access.Chain = chain
	client, err := rpc.NewClient(access)
	if err != nil {
		return unreadable(err, "")
	}
	defer client.Close()
	err = client.Call(ctx, answer, method, params...)
	var told *rpc.Error
	switch {
	case errors.As(err, &told):
		return unreadable(fmt.Errorf("node: %s", told.Message), "lamina node runs a whole stack and counts")
	case err != nil:
		return unreadable(err, "--node is the data folder of a node that runs")
	}
	return nil
}

func (s *session) showAudit(all []supply) error {
	var result error
	if slices.ContainsFunc(all, func(a supply) bool { return !a.OK || a.Difference != 0 }) {
		result = refuted
	}
	if s.json {
		return errors.Join(s.printJSON(map[string]any{"supplies": all}), result)
	}
	for i := range all {
		a := &all[i]
		p, err := s.chain(a.Chain)
		if err != nil {
			return err
		}
		l1, err := s.chain(p.Parent)
		if err != nil {
			return err
		}
		unit := app.Unit{Symbol: l1.Unit.Symbol, Decimals: l1.Unit.Decimals}
		d := &desk{s: s, unit: unit}
		w := tabular(s.out)
		fmt.Fprintf(w, "%s\tat block %d, %s at %d\n", a.Chain, a.Layer.Height, p.Parent, a.L1.Height)
		for _, row := range []struct {
			name string
			n    int64
		}{{"claimed", a.Claimed}, {"burned", a.Burned}, {"vault", a.Vault}, {"unpaid", a.Unpaid}, {"difference", a.Difference}} {
			fmt.Fprintf(w, "%s\t%s\n", row.name, d.amount(row.n))
		}
		if a.Recovery != nil {
			fmt.Fprintf(w, "recovery\t%d blocks until fewer settlers can move the oldest output of the vault\n", *a.Recovery)
		}
		_ = w.Flush()
		if a.Difference != 0 || !a.OK {
			s.printf("ALARM: claimed - burned is not vault - unpaid\n")
		}
	}
	return result
}

const settleProveHelp = `Check by the payout lists of a node that the batches pay the wallet's withdrawals, and remember it. The list is checked
against what the batch on the L1 commits to: the node cannot lie.

  lamina settle prove --node NODE-DIR
  lamina settle prove dev-native --node NODE-DIR --json`

// batch is what a node says of a batch.
type batch struct {
	Number  uint32   `json:"number"`
	TxID    spv.Hash `json:"txid"`
	Payouts []struct {
		TxID   spv.Hash `json:"txid"`
		Vout   uint32   `json:"vout"`
		Value  int64    `json:"value"`
		Script string   `json:"script"`
	} `json:"payouts"`
}

func (s *session) settleProve() *cobra.Command {
	var f purseFlags
	var node string
	c := s.onCounter("prove [LAYER] --node DIR", "check payouts by the batches' lists", settleProveHelp, cobra.MaximumNArgs(1), &f,
		func(ctx context.Context, k *counter, args []string) error {
			_, withdrawals, err := k.standings(ctx, args)
			if err != nil {
				return err
			}
			proved, open := []string{}, []string{}
			for i := range withdrawals {
				w := &withdrawals[i]
				switch {
				case w.Batch == nil:
					continue
				case !w.Proved:
					if err := k.provePayout(ctx, node, w); err != nil {
						k.s.printErr("%s: %v", w.Burn, err)
						open = append(open, w.Burn)
						continue
					}
				}
				proved = append(proved, w.Burn)
			}
			if err := k.answer(ctx, map[string]any{"proved": proved, "not_proved": open}, func() {
				s.printf("%d payouts proved, %d not\n", len(proved), len(open))
			}); err != nil {
				return err
			}
			if len(open) > 0 {
				return refuted
			}
			return nil
		})
	c.Flags().StringVar(&node, "node", "", "data folder of a node that runs")
	_ = c.MarkFlagRequired("node")
	return c
}

func (s *session) printErr(format string, args ...any) { fmt.Fprintf(s.err, format+"\n", args...) }

// mostBatches is how many batches a node lists at once.
const mostBatches = 100

// provePayout looks for the payout list of a withdrawal's batch, and has it checked.
func (k *counter) provePayout(ctx context.Context, node string, w *app.Withdrawal) error {
	for from := int64(0); ; {
		var page []batch
		if err := askNode(ctx, node, w.Layer, &page, "listbatches", from, mostBatches); err != nil {
			return err
		}
		for i := range page {
			if b := &page[i]; b.TxID == *w.Batch {
				list, err := payouts(b)
				if err != nil {
					return err
				}
				return k.ProvePayout(ctx, app.PayoutProof{Wallet: w.Wallet, Layer: w.Layer, Burn: w.Burn, Batch: b.TxID, List: list})
			}
		}
		if len(page) < mostBatches {
			return fmt.Errorf("batch %s: the node knows none of this id", w.Batch)
		}
		from = int64(page[len(page)-1].Number) + 1
	}
}

func payouts(b *batch) (list []app.Payout, err error) {
	for _, p := range b.Payouts {
		if _, err := hex.DecodeString(p.Script); err != nil {
			return nil, fmt.Errorf("batch %s: payout script: %w", b.TxID, err)
		}
		list = append(list, app.Payout{Burn: fmt.Sprintf("%s:%d", p.TxID, p.Vout), Value: p.Value, Script: p.Script})
	}
	return list, nil
}
