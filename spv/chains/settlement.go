package chains

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/layeredpow/lamina/spv"
)

const (
	maxBlocks   = 65_535 // most blocks that a script can wait for (BIP68), and more than any depth
	maxSettlers = 16     // keys, so that every count is a one-byte script number
)

// readLayer reads a layer's place over its L1 and, for pegged ones, its settlement constants.
func (r *reader) readLayer(p *Params) {
	if !p.Kind.Layered() {
		return
	}
	s := r.table("layer", false)
	p.Layer = &spv.LayerRules{
		AnchorDepth:  integer[int32](s, "anchor_depth", 0, maxBlocks),
		AnchorWindow: integer[int32](s, "anchor_window", 1, maxBlocks),
		ClaimDepth:   integer[int32](s, "claim_depth", 0, maxBlocks),
		ParentDepth:  integer[int32](s, "parent_depth", 1, maxBlocks),
	}
	p.Escrow = &Escrow{
		QuorumPercent: integer(s, "escrow_quorum", 1, 100),
		Window:        integer[int32](s, "escrow_window", 1, maxBlocks),
		Delay:         integer[int32](s, "escrow_delay", 1, maxBlocks),
	}
	if p.Kind.Pegged() {
		r.readPeg(p)
	}
}

// readPeg reads the peg to an L1. A pegged layer of a layer has none, which only Set.Add can
// tell: the parent layer holds the value itself (protocol.md section 7).
func (r *reader) readPeg(p *Params) {
	s := r.table("peg", true)
	if s.silent {
		return
	}
	g := &Peg{
		ReleaseSeals:  integer[int32](s, "release_seals", 1, maxBlocks),
		ReleaseBlocks: integer[int32](s, "release_blocks", 1, maxBlocks),
		Epoch:         integer[int32](s, "epoch", 1, maxBlocks),
		SignDelay:     integer[int32](s, "sign_delay", 0, maxBlocks),
		Recovery:      integer[int32](s, "recovery", 1, maxBlocks),
		Refresh:       integer[int32](s, "refresh", 1, maxBlocks),
		Refund:        integer[int32](s, "refund", 2, maxBlocks),
		MinDeposit:    integer[int64](s, "min_deposit", 1, maxMoney),
		MinBurn:       integer[int64](s, "min_burn", 1, maxMoney),
		Cap:           word[int64](s, "cap", 0, maxMoney, map[string]int64{"none": NoCap}),
	}
	if g.SignDelay >= g.Epoch && g.Epoch > 0 {
		s.problem("sign_delay", fmt.Sprintf("want less than the epoch of %d blocks", g.Epoch))
	}
	if g.Refresh >= g.Recovery && g.Recovery > 0 {
		s.problem("refresh", fmt.Sprintf("want less than the recovery age of %d blocks", g.Recovery))
	}
	p.Peg = g
	r.readSettlers(p)
}

func (r *reader) readSettlers(p *Params) {
	rows := r.rows("settlers", 1)
	var from []int32
	for _, s := range rows {
		set := Settlers{
			From: integer[int32](s, "from", 0, maxHeight),
			To:   word[int32](s, "to", 0, maxHeight, map[string]int32{"open": maxHeight}),
			Keys: readSettlerKeys(s),
		}
		n := cmp.Or(len(set.Keys), maxSettlers)
		set.K = integer(s, "k", 1, n)
		set.KR = integer(s, "kr", 1, cmp.Or(set.K, n))
		if set.To < set.From {
			s.problem("to", fmt.Sprintf("want at least from, %d", set.From))
		}
		p.Settlers = append(p.Settlers, set)
		from = append(from, set.From)
	}
	ascending(rows, "from", from, -1)
}

// readSettlerKeys refuses numbers that are no point of the curve: money sent to a vault
// with such a key would be lost.
func readSettlerKeys(s *section) (keys [][32]byte) {
	list := s.texts("keys", "x-only public keys of 64 hex digits", 1, maxSettlers, func(v string) bool {
		b, err := hex.DecodeString(v)
		if err != nil {
			return false
		}
		_, err = schnorr.ParsePubKey(b)
		return err == nil
	})
	for _, v := range list {
		b, _ := hex.DecodeString(v)
		if key := [32]byte(b); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) < len(list) {
		s.problem("keys", "want no key twice")
	}
	return keys
}
