package main

import (
	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const verifyMerkleHelp = `Verify a merkle proof: the output of gettxoutproof, which is the payload of a P2P merkleblock message.

  lamina verify merkle --chain NAME --txid TXID proof.hex
  lamina verify merkle proof.hex          without a chain the header's work is not checked

Unless the proof holds the block's coinbase too, its depth is the sender's claim (CVE-2017-12842): ask
for a proof of both transactions together.`

func (s *session) verifyMerkle() *cobra.Command {
	var by judgedBy
	var txid string
	c := oneInput("merkle", "verify a merkle proof", verifyMerkleHelp, func(file string) error {
		r := by.request(app.Merkle)
		if txid != "" {
			var err error
			if r.TxID, err = parseHash("--txid", txid); err != nil {
				return err
			}
		}
		return s.judge(file, r)
	})
	by.add(c)
	c.Flags().StringVar(&txid, "txid", "", "transaction that the proof must prove")
	return c
}
