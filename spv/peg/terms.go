package peg

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// MaxScript is the longest script that a claim may pay to, in bytes: what is longer can
// never be spent (Bitcoin's MAX_SCRIPT_SIZE).
const MaxScript = 10_000

// Terms are what a deposit commits to: who may be paid on the layer, and what a claim may
// cost him.
type Terms struct {
	Set    uint16 // number of the settler set, see chains.Params.Settlers
	MaxFee uint64 // most that a claim may leave to the layer's miners, in the layer's base units
	Script []byte // output script on the layer, 1 to MaxScript bytes
}

// claimBare is what a claim takes besides its script, without witness, in bytes: version, one input, value, lock time.
const claimBare = 4 + 1 + 36 + 1 + 4 + 1 + 8 + 1 + 4

var claimTag = []byte("LPOW/claim")

// ClaimHash returns TH("LPOW/claim", netid || maxfee u64 || CompactSize len(spk) || spk) of
// section 4.1. The network id is in internal byte order, maxfee in base units of the layer.
func ClaimHash(netID spv.Hash, maxFee uint64, script []byte) spv.Hash {
	m := make([]byte, 0, 32+8+9+len(script))
	m = append(m, netID[:]...)
	m = binary.LittleEndian.AppendUint64(m, maxFee)
	m = appendCompactSize(m, uint64(len(script)))
	m = append(m, script...)
	return *chainhash.TaggedHash(claimTag, m)
}

// Hash returns the claim hash of the terms on a layer.
func (t *Terms) Hash(p *chains.Params) spv.Hash { return ClaimHash(p.NetID(), t.MaxFee, t.Script) }

// Vault returns V(claim), the output that a deposit under these terms pays to on L1. It
// fails if the layer has no such set of settlers.
func (t *Terms) Vault(p *chains.Params) (Vault, error) {
	if p.Peg == nil || int(t.Set) >= len(p.Settlers) {
		return Vault{}, fmt.Errorf("settlers %d: %s has %d sets", t.Set, p.Name, len(p.Settlers))
	}
	mark := t.Hash(p)
	return NewVault(&p.Settlers[t.Set], p.Peg.Recovery, &mark), nil
}

// Check refuses terms that nobody should deposit under, though a claim may have them: a
// script or a fee that no wallet means.
func (t *Terms) Check(p *chains.Params) error {
	if _, err := t.Vault(p); err != nil {
		return err
	}
	if n := len(t.Script); n < 1 || n > MaxScript {
		return fmt.Errorf("claim script: %d bytes, want 1 to %d", n, MaxScript)
	}
	if n := claimBare + len(t.Script); n == 64 {
		return fmt.Errorf("claim script: %d bytes make a claim of 64, which no block may hold", len(t.Script))
	}
	if t.MaxFee > uint64(p.Unit.MaxMoney) {
		return fmt.Errorf("claim fee limit %d: above all money there is, %d", t.MaxFee, p.Unit.MaxMoney)
	}
	return nil
}

const (
	termsVersion = 1
	termsHead    = 1 + 2 + 8 // version, set, maxfee
)

// append is item 0 of a claim's witness: 01 || set u16 || maxfee u64 || script.
func (t *Terms) append(dst []byte) []byte {
	dst = append(dst, termsVersion)
	dst = binary.LittleEndian.AppendUint16(dst, t.Set)
	dst = binary.LittleEndian.AppendUint64(dst, t.MaxFee)
	return append(dst, t.Script...)
}

func parseTerms(b []byte) (Terms, error) {
	if len(b) <= termsHead || len(b) > termsHead+MaxScript {
		return Terms{}, refuse(CheckClaimTerms, fmt.Sprintf("%d bytes", len(b)),
			fmt.Sprintf("%d to %d", termsHead+1, termsHead+MaxScript))
	}
	if b[0] != termsVersion {
		return Terms{}, refuse(CheckClaimTerms, fmt.Sprintf("version %d", b[0]), fmt.Sprint(termsVersion))
	}
	return Terms{
		Set:    binary.LittleEndian.Uint16(b[1:]),
		MaxFee: binary.LittleEndian.Uint64(b[3:]),
		Script: b[termsHead:],
	}, nil
}

func appendCompactSize(dst []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(dst, byte(n))
	case n <= math.MaxUint16:
		return binary.LittleEndian.AppendUint16(append(dst, 0xfd), uint16(n))
	default: // scripts are far shorter than 4 GiB
		return binary.LittleEndian.AppendUint32(append(dst, 0xfe), uint32(n))
	}
}

func refuse(name, got, want string) error {
	return &spv.CheckError{Name: name, Want: want, Got: got}
}
