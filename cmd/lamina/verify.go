package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/doctor"
)

const verifyHelp = `Verify headers, merged-mining proofs, merkle proofs and blocks from a file, or from standard input (-).

  lamina verify header  --chain NAME header.hex
  lamina verify headers --chain NAME --from-height 158001 headers.bin
  lamina verify auxpow  --chain NAME block.hex
  lamina verify merkle  --chain NAME --txid TXID proof.hex
  lamina verify block   --chain NAME block.hex
  lamina verify proof   payment.proof

Input is hex or binary; which is found out. Every check is printed with what it wanted and what it got.
What needs data that the input does not hold is "not checked", never passed.
Exit codes: 0 verified, 1 refuted, 2 input unreadable or wrong usage.`

func (s *session) verify() *cobra.Command {
	return group("verify", "verify headers, proofs and blocks", verifyHelp,
		s.verifyHeader(), s.verifyHeaders(), s.verifyAuxPoW(), s.verifyMerkle(), s.verifyBlock(), s.verifyProof())
}

// judgedBy are the flags that say what an input is judged by.
type judgedBy struct {
	chain  string
	height int32
}

func (j *judgedBy) add(c *cobra.Command) {
	c.Flags().StringVar(&j.chain, "chain", "", "chain whose rules apply (lamina chains lists them)")
	c.Flags().Int32Var(&j.height, "from-height", doctor.UnknownHeight, "height of the (first) header")
}

// request asks for a verification by a chain's rules.
func (j *judgedBy) request(kind app.Kind) *app.Request {
	return &app.Request{Kind: kind, Chain: j.chain, Height: j.height}
}

// oneInput makes a verify command with one FILE argument.
func oneInput(use, short, long string, verify func(file string) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " FILE|-", Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return verify(args[0]) },
	}
}

// judge reads an input, has it verified and shows the report.
func (s *session) judge(file string, r *app.Request) error {
	a, err := s.open()
	if err != nil {
		return err
	}
	if r.Chain != "" {
		if _, err := s.chain(r.Chain); err != nil {
			return err
		}
	}
	if r.Input, err = s.read(file); err != nil {
		return err
	}
	p := newProgress(s.err, s.now)
	r.Progress = p.show
	report, err := a.Verify(context.Background(), *r)
	p.clear()
	if err != nil {
		return unreadable(err, "the help of this command says what it reads")
	}
	return s.showReport(report)
}
