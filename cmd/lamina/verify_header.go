package main

import (
	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const verifyHeaderHelp = `Verify one header: 80 bytes, with its merged-mining proof behind it if the chain has them.

  lamina verify header --chain NAME --from-height 700000 header.hex
  getblockheader-output | lamina verify header --chain NAME -

Difficulty and median time need the headers below and are not checked, except right above genesis;
lamina verify headers checks them in a run. Without --from-height, rules that begin at a height are
not checked either.`

func (s *session) verifyHeader() *cobra.Command {
	var by judgedBy
	c := oneInput("header", "verify one header", verifyHeaderHelp, func(file string) error {
		return s.judge(file, by.request(app.Header))
	})
	by.add(c)
	c.MarkFlagRequired("chain")
	return c
}
