package main

import (
	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const verifyHeadersHelp = `Verify a run of headers, each of which builds on the one before it.

  lamina verify headers --chain NAME headers.bin
  lamina verify headers --chain NAME --from-height 158001 message.hex

It reads headers of 80 bytes or with merged-mining proofs, one after another or one per line of hex,
and the payload of a P2P headers message. A run from genesis, or with a checkpoint in it, is recognised;
for any other say where it begins with --from-height, or only links, work and median time are checked.
What needs headers below the run is counted as not checked. The first refuted header ends the run.`

func (s *session) verifyHeaders() *cobra.Command {
	var by judgedBy
	c := oneInput("headers", "verify a run of headers", verifyHeadersHelp, func(file string) error {
		return s.judge(file, by.request(app.Headers))
	})
	by.add(c)
	c.MarkFlagRequired("chain")
	return c
}
