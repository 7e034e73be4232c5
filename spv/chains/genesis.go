package chains

import (
	"encoding/binary"
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

const (
	maxCoinbase = 4096 // bytes of a genesis coinbase that a file may state
	maxMessage  = 75   // longest message that one opcode pushes, bytes
	plainBase   = 4    // block version of an L1 whose genesis is derived
	layerBase   = 4 | spv.AuxPoWFlag
	opReturn    = 0x6a
)

// readGenesis reads block 0, stated as header and coinbase or derived from time, bits and
// message. It needs kind, chain id and pow limit to have been read.
func (r *reader) readGenesis(p *Params) {
	s := r.table("genesis", false)
	stated := s.hash("hash", true)
	if s.has("header") {
		header := s.hex("header", spv.HeaderSize, spv.HeaderSize, false)
		p.GenesisCoinbase = s.hex("coinbase", 1, maxCoinbase, false)
		if header == nil || p.GenesisCoinbase == nil {
			return
		}
		p.Genesis = spv.Header(header)
	} else {
		time := integer[uint32](s, "time", 1, 1<<32-1)
		bits := s.hex("bits", 4, 4, false)
		message := s.text("message", fmt.Sprintf("1 to %d printable ASCII characters", maxMessage), false, printable(maxMessage))
		if time == 0 || bits == nil || message == "" || (p.Kind.Layered() && p.AuxPoW.ChainID == 0) {
			return
		}
		p.GenesisCoinbase = deriveCoinbase(message)
		p.Genesis = deriveGenesis(genesisVersion(p), pow.DoubleSHA256(p.GenesisCoinbase), time, binary.BigEndian.Uint32(bits))
	}
	checkGenesis(p, s, stated)
}

func checkGenesis(p *Params, s *section, stated spv.Hash) {
	tx, n, err := spv.ParseTx(p.GenesisCoinbase)
	switch {
	case err != nil:
		s.problem("coinbase", "want a transaction: "+err.Error())
		return
	case n != len(p.GenesisCoinbase):
		s.problem("coinbase", fmt.Sprintf("want one transaction, %d bytes follow it", len(p.GenesisCoinbase)-n))
		return
	}
	if id, root := tx.ID(), p.Genesis.MerkleRoot(); id != root {
		s.problem("coinbase", fmt.Sprintf("its id is %s, want the header's merkle root %s", id, root))
	}
	where := "header"
	if s.has("bits") {
		where = "bits"
	}
	target, ok := spv.ParseTarget(p.Genesis.Bits())
	if !ok || (!p.PowLimit.IsZero() && target.Gt(&p.PowLimit)) {
		s.problem(where, fmt.Sprintf("bits %08x, want a positive target of at most rules.pow_limit", p.Genesis.Bits()))
	}
	if s.r.faulty("genesis") {
		return // the hash could only be wrong, too
	}
	if id := p.Genesis.ID(); s.has("hash") && stated != id {
		s.problem("hash", "want the hash of the genesis header, "+id.String())
	}
}

// genesisVersion returns the block version of a derived genesis.
func genesisVersion(p *Params) uint32 {
	if p.Kind.Layered() {
		return uint32(p.AuxPoW.ChainID)<<16 | layerBase
	}
	return plainBase
}

// deriveCoinbase returns the only transaction of a derived genesis block: version 1, one
// input that spends nothing and pushes the message, one unspendable output of value 0.
func deriveCoinbase(message string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 1)
	b = append(b, 1)
	b = append(b, make([]byte, 32)...)
	b = append(b, 0xff, 0xff, 0xff, 0xff)
	b = append(b, byte(1+len(message)), byte(len(message)))
	b = append(b, message...)
	b = append(b, 0xff, 0xff, 0xff, 0xff)
	b = append(b, 1)
	b = append(b, make([]byte, 8)...)
	b = append(b, 1, opReturn)
	return append(b, 0, 0, 0, 0)
}

func deriveGenesis(version uint32, root spv.Hash, time, bits uint32) (h spv.Header) {
	binary.LittleEndian.PutUint32(h[0:], version)
	copy(h[36:68], root[:])
	binary.LittleEndian.PutUint32(h[68:], time)
	binary.LittleEndian.PutUint32(h[72:], bits)
	return h
}

func printable(most int) func(string) bool {
	return func(s string) bool {
		for i := range len(s) {
			if s[i] < ' ' || s[i] > '~' {
				return false
			}
		}
		return len(s) >= 1 && len(s) <= most
	}
}
