package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

const proveHelp = `Write a file that shows a confirmed payment to anybody who has the same chain files.

  lamina prove TXID -o payment.proof
  lamina prove TXID -o payment.proof --confirmations 20

The file holds the transaction, its place in its block, the headers above it, their merged-mining
proofs and the L1's headers. lamina verify proof checks it, offline. It tells whoever gets it what the
transaction pays, and nothing of the wallet besides.`

func (s *session) prove() *cobra.Command {
	var f purseFlags
	var to string
	var confirmations int32
	c := s.onPurse("prove TXID -o FILE", "write a proof of a payment", proveHelp, cobra.ExactArgs(1), &f, wantMoney,
		func(ctx context.Context, d *desk, args []string) error {
			id, err := txID(args[0])
			if err != nil {
				return err
			}
			p, err := d.Prove(ctx, d.in, id, confirmations)
			if err != nil {
				return err
			}
			if err := writeNew(to, p.File); err != nil {
				return err
			}
			return d.answer(ctx, map[string]any{"file": to, "bytes": len(p.File), "claim": p.Claim}, func() {
				s.printf("%s: %d bytes, shows %d confirmations of %s\n", to, len(p.File), len(p.Claim.Confirmations), id)
				for _, a := range p.Claim.Assumptions {
					s.printf("assumed: %s\n", a)
				}
			})
		})
	c.Flags().StringVarP(&to, "output", "o", "", "file to write; it must not be there yet")
	c.Flags().Int32Var(&confirmations, "confirmations", 6, "headers to take along, from the payment's block upwards")
	_ = c.MarkFlagRequired("output")
	return c
}

// writeNew writes a file that is not there yet, whole or not at all.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return unreadable(fmt.Errorf("%s: it is there already", path), "name another file")
	}
	if err != nil {
		return unreadable(err, "")
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return unreadable(errors.Join(err, os.Remove(path)), "")
	}
	return nil
}
