package settle

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet"
)

// claim returns the claim to send: the one that was made, or a new one where there is none, where its L1 block is another
// now, or where it pays less than half of what is asked. It is judged by all rules of section 4.2 and then written down,
// before anybody sees it.
func (b *Book) claim(c *followed, s *DepositState) (*wire.MsgTx, error) {
	on := coinOn{s.Layer, s.Outpoint}
	l1 := b.chains[c.Clock.NetID()]
	r, ok := b.deposited(l1, s)
	if !ok || r.Proof == nil {
		return nil, fmt.Errorf("claim: its L1 block is not known")
	}
	free, err := b.build(c, s, r, 0)
	if err != nil {
		return nil, err
	}
	ask := c.Rate.Of(weight(free.Tx()))
	pay := min(ask, int64(min(s.Terms.MaxFee, uint64(c.Params.Unit.MaxMoney))))
	if old := b.claims[on]; old != nil {
		was, err := peg.Parse(old)
		if err == nil && was.Block == s.Block.Hash && was.Amounts(c.Params).Fee >= pay/2 {
			return old, b.judge(c, l1, was)
		}
	}
	made, err := b.build(c, s, r, pay)
	if err != nil {
		return nil, err
	}
	if err := b.judge(c, l1, made); err != nil {
		return nil, err
	}
	tx := made.Tx()
	if err := b.log.Write([]wallet.Record{record(serialize(tx), keyClaim, s.Layer[:], s.Outpoint.Hash[:],
		binary.BigEndian.AppendUint32(nil, s.Outpoint.Index))}); err != nil {
		return nil, err
	}
	b.claims[on] = tx
	return tx, nil
}

// judge checks a claim as a node would in the next block.
func (b *Book) judge(c, l1 *followed, claim *peg.Claim) error {
	if l1.Headers == nil {
		return fmt.Errorf("claim: %s has no headers to judge it by", l1.Params.Name)
	}
	at := l1.tip.Height - c.Params.Layer.AnchorDepth - 1
	anchor, ok := l1.Headers.Ancestor(l1.tip.Hash, at)
	if !ok {
		return fmt.Errorf("claim: anchor at %d below %s: %w", at, l1.tip, spv.ErrPending)
	}
	return claim.Check(c.Params, l1.Headers, anchor, nil)
}

func (b *Book) deposited(l1 *followed, s *DepositState) (ref, bool) {
	seen := b.seen[place{l1.Params.NetID(), s.Outpoint.Hash}]
	if seen == nil || seen.Block == nil {
		return ref{}, false
	}
	return ref{seen, s.Outpoint.Hash, int(s.Outpoint.Index)}, true
}

func weight(tx *wire.MsgTx) int64 { return int64(3*tx.SerializeSizeStripped() + tx.SerializeSize()) }

func (b *Book) readClaim(key, value []byte) error {
	if len(key) != 32+36 {
		return errKey
	}
	on := coinOn{spv.Hash(key[:32]), wire.OutPoint{Hash: spv.Hash(key[32:64]), Index: binary.BigEndian.Uint32(key[64:])}}
	var raw []byte
	if err := decode(value, &raw); err != nil {
		return err
	}
	tx, err := parseTx(raw)
	if err != nil {
		return err
	}
	claim, err := peg.Parse(tx)
	if err != nil {
		return err
	}
	if claim.Outpoint() != on.coin {
		return fmt.Errorf("claims %s", claim.Outpoint())
	}
	b.claims[on] = tx
	return nil
}

// Ticket is all that a stranger needs to claim a deposit for its owner: whoever claims, only the terms' script is paid.
type Ticket struct {
	Layer    spv.Hash // network id
	Terms    peg.Terms
	Outpoint wire.OutPoint // on L1
	Block    spv.Hash      // of L1, whose branches prove the deposit
}

// A ticket is a bech32m text: 01 || layer 32 || set u16 || maxfee u64 || txid 32 || vout u32 || L1 block 32 || script;
// numbers in little-endian, hashes in internal byte order.
const (
	ticketPrefix  = "lpclaim"
	ticketVersion = 1
	ticketHead    = 1 + 32 + 2 + 8 + 32 + 4 + 32
	ticketScript  = 42 // bytes of the longest script: any witness program
)

// Ticket returns the ticket of a deposit that is in L1.
func (s *DepositState) Ticket() (Ticket, error) {
	if s.Block == nil || s.Back != nil {
		return Ticket{}, said.Errorf("ticket: deposit %s cannot be claimed yet", s.Outpoint)
	}
	return Ticket{s.Layer, s.Terms, s.Outpoint, s.Block.Hash}, nil
}

// Encode returns the ticket as text.
func (t *Ticket) Encode() (string, error) {
	if n := len(t.Terms.Script); n < 1 || n > ticketScript {
		return "", fmt.Errorf("ticket: script of %d bytes, want 1 to %d", n, ticketScript)
	}
	le := binary.LittleEndian
	raw := le.AppendUint16(append([]byte{ticketVersion}, t.Layer[:]...), t.Terms.Set)
	raw = append(le.AppendUint64(raw, t.Terms.MaxFee), t.Outpoint.Hash[:]...)
	raw = append(le.AppendUint32(raw, t.Outpoint.Index), t.Block[:]...)
	groups, err := bech32.ConvertBits(append(raw, t.Terms.Script...), 8, 5, true)
	if err != nil {
		return "", said.Errorf("ticket: %w", err)
	}
	return bech32.EncodeM(ticketPrefix, groups)
}

// ParseTicket reads a ticket in its one form. It says nothing of whether the deposit is there.
func ParseTicket(text string) (Ticket, error) {
	if most := len(ticketPrefix) + 1 + ((ticketHead+ticketScript)*8+4)/5 + 6; len(text) > most {
		return Ticket{}, said.Errorf("ticket: %d characters, want at most %d", len(text), most)
	}
	prefix, groups, version, err := bech32.DecodeNoLimitWithVersion(text)
	if err != nil {
		return Ticket{}, said.Errorf("ticket: %w", err)
	}
	if prefix != ticketPrefix || version != bech32.VersionM {
		return Ticket{}, said.Errorf("ticket: prefix %q, want %q as bech32m", prefix, ticketPrefix)
	}
	raw, err := bech32.ConvertBits(groups, 5, 8, false)
	if err != nil {
		return Ticket{}, said.Errorf("ticket: %w", err)
	}
	if n := len(raw); n <= ticketHead || n > ticketHead+ticketScript || raw[0] != ticketVersion {
		return Ticket{}, said.Errorf("ticket: %d bytes, want version %d and %d to %d", n, ticketVersion, ticketHead+1,
			ticketHead+ticketScript)
	}
	le := binary.LittleEndian
	terms := peg.Terms{Set: le.Uint16(raw[33:]), MaxFee: le.Uint64(raw[35:]), Script: raw[ticketHead:]}
	t := Ticket{Layer: spv.Hash(raw[1:33]), Terms: terms,
		Outpoint: wire.OutPoint{Hash: spv.Hash(raw[43:75]), Index: le.Uint32(raw[75:])}, Block: spv.Hash(raw[79:111])}
	if again, err := t.Encode(); err != nil || again != text {
		return Ticket{}, said.Errorf("ticket: not in its one form")
	}
	return t, nil
}

// Adopt looks for the deposit of a ticket, durably, so that Step claims it for its owner. The caller then applies the
// ticket's L1 block, and reads L1 on from there.
func (b *Book) Adopt(t Ticket) error {
	c, l1, err := b.pegged(t.Layer)
	if err != nil {
		return err
	}
	if err := t.Terms.Check(c.Params); err != nil {
		return err
	}
	vault, err := t.Terms.Vault(c.Params)
	if err != nil {
		return err
	}
	if _, ok := b.deposits[scriptOn{l1.Params.NetID(), string(vault.PkScript)}]; ok {
		return nil
	}
	return b.keep(Deposit{Layer: t.Layer, Terms: t.Terms}, l1, vault.PkScript)
}
