package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/pow"
)

const verifyAuxPoWHelp = `Verify a merged-mining proof: of a header or a whole block, or one that comes without its header.

  lamina verify auxpow --chain NAME --from-height 19200 block.hex
  lamina verify auxpow --chain-id 4096 --work sha256d block.hex          a chain without a file
  lamina verify auxpow --chain NAME --hash HASH --bits 1b00b269 aux.hex  what submitauxblock takes

HASH is the child block's hash and --bits its target, both as createauxblock gives them. When a proof
is refuted, the likely cause is named and how to mend it. A header without a proof is verified by its
own work.`

// auxFlags are the flags of verify auxpow.
type auxFlags struct {
	judgedBy
	id   int32
	work string
	hash string
	bits string
}

func (s *session) verifyAuxPoW() *cobra.Command {
	var f auxFlags
	c := oneInput("auxpow", "verify a merged-mining proof", verifyAuxPoWHelp, func(file string) error {
		r, err := f.request()
		if err != nil {
			return err
		}
		return s.judge(file, r)
	})
	f.add(c)
	flags := c.Flags()
	flags.Int32Var(&f.id, "chain-id", -1, "merged-mining id, for a chain without a file")
	flags.StringVar(&f.work, "work", "", "its work hash: sha256d or scrypt")
	flags.StringVar(&f.hash, "hash", "", "child block's hash, for a proof without its header")
	flags.StringVar(&f.bits, "bits", "", "child block's bits, for a proof without its header")
	c.MarkFlagsOneRequired("chain", "chain-id")
	c.MarkFlagsMutuallyExclusive("chain", "chain-id")
	c.MarkFlagsRequiredTogether("chain-id", "work")
	c.MarkFlagsRequiredTogether("hash", "bits")
	return c
}

func (f *auxFlags) request() (*app.Request, error) {
	r := f.judgedBy.request(app.AuxPoW)
	if f.chain == "" {
		work, err := pow.Parse(f.work)
		if err != nil {
			return nil, unreadable(err, "")
		}
		r.ChainID, r.Work = f.id, work
	}
	if f.hash == "" {
		return r, nil
	}
	hash, err := parseHash("--hash", f.hash)
	if err != nil {
		return nil, err
	}
	bits, err := strconv.ParseUint(f.bits, 16, 32)
	if err != nil {
		return nil, unreadable(fmt.Errorf("--bits: %q is not 8 hex digits", f.bits), "give the bits as getblockheader shows them")
	}
	r.ChildHash, r.Bits = hash, uint32(bits)
	return r, nil
}

// parseHash reads a hash in display order, all of its 64 digits.
func parseHash(flag, text string) (*chainhash.Hash, error) {
	hash, err := chainhash.NewHashFromStr(text)
	if err == nil && len(text) != 2*chainhash.HashSize {
		err = errors.New("too short")
	}
	if err != nil {
		return nil, unreadable(fmt.Errorf("%s: %q is not 64 hex digits", flag, text), "give the hash as block explorers show it")
	}
	return hash, nil
}
