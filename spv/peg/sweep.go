package peg

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// SweepAsk is what a depositor tells the settlers about a refundable deposit (section 4.2), for its scripts show neither
// the claim nor his key: sweep it to V(claim), for this fee. He signs it with the key of the refund: so nobody else can
// burn his money in fees.
type SweepAsk struct {
	NetID     spv.Hash      // of the layer
	Outpoint  wire.OutPoint // on L1
	Set       uint16        // number of the settlers
	Mark      spv.Hash      // claim hash
	User      [32]byte      // x-only key of the refund
	Fee       int64         // satoshis that the deposit leaves to L1's miners
	Signature [64]byte      // BIP340, of Hash
}

// SweepAskSize is the length of every serialised SweepAsk, bytes.
const SweepAskSize = 32 + 36 + 2 + 32 + 32 + 8 + 64

var sweepTag = []byte("LPOW/sweep")

// ParseSweepAsk reads network id 32 || txid 32 || vout u32 || set u16 || claim hash 32 || user key 32 || fee u64 ||
// signature 64; hashes in internal order. It refuses any other length, and a fee that no amount can be.
func ParseSweepAsk(b []byte) (*SweepAsk, error) {
	if len(b) != SweepAskSize {
		return nil, fmt.Errorf("sweep ask: %d bytes, want %d", len(b), SweepAskSize)
	}
	a := &SweepAsk{NetID: spv.Hash(b), Outpoint: wire.OutPoint{Hash: spv.Hash(b[32:]), Index: binary.LittleEndian.Uint32(b[64:])},
		Set: binary.LittleEndian.Uint16(b[68:]), Mark: spv.Hash(b[70:]), User: [32]byte(b[102:]),
		Fee: int64(binary.LittleEndian.Uint64(b[134:])), Signature: [64]byte(b[142:])}
	if a.Fee < 0 {
		return nil, fmt.Errorf("sweep ask: fee of %d sat", uint64(a.Fee))
	}
	return a, nil
}

// Append appends the serialised ask.
func (a *SweepAsk) Append(dst []byte) []byte { return append(a.terms(dst), a.Signature[:]...) }

// terms appends all but the signature.
func (a *SweepAsk) terms(dst []byte) []byte {
	dst = append(append(dst, a.NetID[:]...), a.Outpoint.Hash[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, a.Outpoint.Index)
	dst = binary.LittleEndian.AppendUint16(dst, a.Set)
	dst = append(append(dst, a.Mark[:]...), a.User[:]...)
	return binary.LittleEndian.AppendUint64(dst, uint64(a.Fee))
}

// Hash returns what the depositor signs: TH("LPOW/sweep", all that stands before the signature).
func (a *SweepAsk) Hash() spv.Hash { return *chainhash.TaggedHash(sweepTag, a.terms(nil)) }

// CheckSignature verifies that whoever can take the deposit back has asked.
func (a *SweepAsk) CheckSignature() error {
	key, err := schnorr.ParsePubKey(a.User[:])
	if err != nil {
		return fmt.Errorf("sweep of %s: user key: %w", a.Outpoint, err)
	}
	sig, err := schnorr.ParseSignature(a.Signature[:])
	if err != nil {
		return fmt.Errorf("sweep of %s: signature: %w", a.Outpoint, err)
	}
	hash := a.Hash()
	if !sig.Verify(hash[:], key) {
		return fmt.Errorf("sweep of %s: signature is not of the ask, by its key", a.Outpoint)
	}
	return nil
}

// Sweep returns the transaction that an ask wants, as a batch with the number 0, which no batch has: so it is signed,
// gossiped and put together as batches are. It spends the deposit of value satoshis alone, and pays V(claim) alone. That
// the deposit is on L1 with this value and the returned Spends' script is for the caller to see. An error says that
// nobody should have asked.
func (a *SweepAsk) Sweep(p, l1 *chains.Params, value int64) (*Batch, error) {
	if p.Peg == nil || int(a.Set) >= len(p.Settlers) {
		return nil, fmt.Errorf("sweep of %s: settlers %d: %s has %d sets", a.Outpoint, a.Set, p.Name, len(p.Settlers))
	}
	if a.NetID != p.NetID() {
		return nil, fmt.Errorf("sweep of %s: for network %s, want %s", a.Outpoint, a.NetID, p.NetID())
	}
	set := &p.Settlers[a.Set]
	from, err := NewRefundable(set, p.Peg.Refund, a.Mark, a.User)
	if err != nil {
		return nil, fmt.Errorf("sweep of %s: %w", a.Outpoint, err)
	}
	if value < 0 || value > l1.Unit.MaxMoney || a.Fee < 0 || a.Fee > value || value-a.Fee < p.Peg.MinDeposit {
		return nil, fmt.Errorf("sweep of %s: %d sat less a fee of %d: want at least %d, the least deposit", a.Outpoint, value, a.Fee,
			p.Peg.MinDeposit)
	}
	b := &Batch{Tx: wire.NewMsgTx(batchVersion),
		Spends: []Spend{{value, set, Vault{PkScript: from.PkScript, Settle: from.Settle}}}}
	b.Tx.AddTxIn(&wire.TxIn{PreviousOutPoint: a.Outpoint, Sequence: batchSequence})
	b.Tx.AddTxOut(wire.NewTxOut(value-a.Fee, NewVault(set, p.Peg.Recovery, &a.Mark).PkScript))
	b.VSize = b.vsize()
	if least := (b.VSize*l1.Policy.MinRelay + 999) / 1000; a.Fee < least {
		return nil, fmt.Errorf("sweep of %s: fee %d sat: below the %d that %s relays %d vbytes for", a.Outpoint, a.Fee, least, l1.Name,
			b.VSize)
	}
	return b, nil
}

// CheckSweepable refuses to sweep a deposit that is in the L1 block at a height, once the L1 has the tip's: from half the
// refund age on, so that sweep and refund do not race; and one whose settlers leave office before its refund age, because
// a sweep that confirms later could never be claimed.
func CheckSweepable(p *chains.Params, set uint16, height, tip int32) error {
	if int(set) >= len(p.Settlers) {
		return fmt.Errorf("settlers %d: %s has %d sets", set, p.Name, len(p.Settlers))
	}
	if s := &p.Settlers[set]; height < s.From || int64(height)+int64(p.Peg.Refund) > int64(s.To) {
		return fmt.Errorf("deposit at L1 height %d: its settlers are in office from %d to %d, want them until its refund age of %d", height,
			s.From, s.To, p.Peg.Refund)
	}
	if int64(tip)+1-int64(height) > int64(p.Peg.Refund/2) {
		return fmt.Errorf("deposit at L1 height %d: at %d it is older than half its refund age of %d", height, tip, p.Peg.Refund)
	}
	return nil
}
