package main

import (
	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const verifyBlockHelp = `Verify a whole block: header and proof, that its transactions and witnesses are those that the header
commits to, and a signet block's solution. Scripts and amounts are not checked.

  lamina verify block --chain NAME --from-height 31500 block.hex
  getblock-output | lamina verify block --chain NAME -`

func (s *session) verifyBlock() *cobra.Command {
	var by judgedBy
	c := oneInput("block", "verify a whole block", verifyBlockHelp, func(file string) error {
		return s.judge(file, by.request(app.Block))
	})
	by.add(c)
	c.MarkFlagRequired("chain")
	return c
}
