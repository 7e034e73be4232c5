package main

import (
	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/doctor"
)

const verifyHelp = `Verify headers, merged-mining proofs, merkle proofs and blocks from a file, or from standard input (-).

  lamina verify header  --chain NAME header.hex
  lamina verify headers --chain NAME --from-height 158001 headers.bin
  lamina verify auxpow  --chain NAME block.hex
  lamina verify merkle  --chain NAME --txid TXID proof.hex
  lamina verify block   --chain NAME block.hex

Input is hex or binary; which is found out. Every check is printed with what it wanted and what it got.
What needs data that the input does not hold is "not checked", never passed.
Exit codes: 0 verified, 1 refuted, 2 input unreadable or wrong usage.`

func (s *session) verify() *cobra.Command {
	return group("verify", "verify headers, proofs and blocks", verifyHelp,
		s.verifyHeader(), s.verifyHeaders(), s.verifyAuxPoW(), s.verifyMerkle(), s.verifyBlock())
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

// options returns what the doctor is to judge by.
func (s *session) options(j *judgedBy) (doctor.Options, error) {
	p, set, err := s.getChain(j.chain)
	if err != nil {
		return doctor.Options{}, err
	}
	return doctor.Options{Rules: &p.Rules, Height: j.height, Now: s.clock(), Known: known(set)}, nil
}

// clock returns the time in seconds since 1970.
func (s *session) clock() uint32 { return uint32(s.now().Unix()) }

// known names the merged-mining ids of all chains. Networks of one coin share an id; the
// main network's name is the one that is given.
func known(set *chains.Set) map[int32]string {
	ids := map[int32]string{}
	for _, p := range set.All() {
		if id, ok := p.ChainID(); ok && (ids[id] == "" || p.Network == chains.Main) {
			ids[id] = p.Name
		}
	}
	return ids
}

// oneInput makes a verify command with one FILE argument.
func oneInput(use, short, long string, verify func(file string) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " FILE|-", Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return verify(args[0]) },
	}
}

// judge reads an input, has it verified and shows the report.
func (s *session) judge(file string, o doctor.Options, verify func(doctor.Options, []byte) (*doctor.Report, error)) error {
	input, err := s.read(file)
	if err != nil {
		return err
	}
	r, err := verify(o, input)
	if err != nil {
		return unreadable(err, "the help of this command says what it reads")
	}
	return s.showReport(r)
}
