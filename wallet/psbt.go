package wallet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/wallet/address"
)

// MaxPacket is the size of the largest PSBT that is read, in bytes.
const MaxPacket = 16 << 20

// Packet is a partially signed transaction, version 0 (BIP174, BIP371). What others
// wrote into it is theirs to claim: only Extract checks it, by running every script.
type Packet struct{ p *psbt.Packet }

// Packet returns the draft as a PSBT for others to sign: with the transactions that
// make its coins, and where the keys are found.
func (d *Draft) Packet() (*Packet, error) {
	p, err := psbt.NewFromUnsignedTx(d.tx.Copy())
	if err != nil {
		return nil, err
	}
	for i := range d.inputs {
		in, to := &d.inputs[i], &p.Inputs[i]
		k := &in.Coin
		if a := in.place.chain.account; a.Shared != nil {
			out, err := a.Shared.At(int(in.place.chain.change), in.place.index)
			if err != nil {
				return nil, err
			}
			to.WitnessUtxo, to.NonWitnessUtxo = &wire.TxOut{Value: k.Value, PkScript: k.Script}, in.from.Copy()
			shareInput(to, out)
			continue
		}
		if k.Kind != address.P2PKH {
			to.WitnessUtxo = &wire.TxOut{Value: k.Value, PkScript: k.Script}
		}
		if k.Kind != address.P2TR {
			to.NonWitnessUtxo = in.from.Copy() // amounts are not committed to by every signer's check
		} else {
			to.TaprootInternalKey = in.pub[1:]
		}
		if k.Kind == address.Nested {
			to.RedeemScript = witnessKeyHash(in.pub)
		}
		to.Bip32Derivation, to.TaprootBip32Derivation = origin(k.Kind, in.pub, in.place.chain.account.Master, k.Path)
	}
	for i, out := range d.outputs {
		to := &p.Outputs[i]
		if !out.Ours {
			continue
		}
		if a := out.place.chain.account; a.Shared != nil {
			made, err := a.Shared.At(int(out.place.chain.change), out.place.index)
			if err != nil {
				return nil, err
			}
			shareOutput(to, made)
			continue
		}
		to.Bip32Derivation, to.TaprootBip32Derivation = origin(out.Kind, out.pub, out.place.chain.account.Master, out.place.path())
	}
	return &Packet{p}, nil
}

// origin says where a key is found below the master key; nothing if that is not known.
func origin(kind address.Kind, pub []byte, root [4]byte, path []uint32) ([]*psbt.Bip32Derivation, []*psbt.TaprootBip32Derivation) {
	mark := binary.LittleEndian.Uint32(root[:]) // as it is written in the packet
	switch {
	case root == [4]byte{} || len(path) < 3:
		return nil, nil
	case kind == address.P2TR:
		return nil, []*psbt.TaprootBip32Derivation{{XOnlyPubKey: pub[1:], MasterKeyFingerprint: mark, Bip32Path: path}}
	}
	return []*psbt.Bip32Derivation{{PubKey: pub, MasterKeyFingerprint: mark, Bip32Path: path}}, nil
}

// ParsePacket reads a PSBT of at most MaxPacket bytes, as bytes or in base64. It refuses
// other versions than 0, what follows the end, a field that stands twice, fields of
// version 2, and previous transactions that are not those that the inputs name.
func ParsePacket(b []byte) (*Packet, error) {
	if len(b) > MaxPacket*4/3+4 {
		return nil, fmt.Errorf("PSBT of %d bytes: want at most %d", len(b), MaxPacket)
	}
	if !bytes.HasPrefix(b, packetMagic) {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
		if err != nil {
			return nil, fmt.Errorf("PSBT of %d bytes: begins neither with psbt nor in base64: %w", len(b), err)
		}
		b = raw
	}
	if len(b) > MaxPacket {
		return nil, fmt.Errorf("PSBT of %d bytes: want at most %d", len(b), MaxPacket)
	}
	b, err := globalFirst(b)
	if err != nil {
		return nil, fmt.Errorf("PSBT: %w", err)
	}
	r := bytes.NewReader(b)
	var p *psbt.Packet
	err = guarded(func() (err error) {
		p, err = psbt.NewFromRawBytes(r, false)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("PSBT of %d bytes: %w", len(b), err)
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("PSBT of %d bytes: %d follow its end", len(b), r.Len())
	}
	return &Packet{p}, checkPacket(p)
}

// guarded turns a panic of the PSBT library into an error: its parser reads what
// strangers write, and version 1.1.8 runs out of bounds on an empty key origin.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed: %v", r)
		}
	}()
	return f()
}

var packetMagic = []byte("psbt\xff")

// field is one key and value of a PSBT, and both as they travel.
type field struct{ key, value, raw []byte }

// globalFirst puts the unsigned transaction at the front of the global fields, where the
// library wants it, and refuses other versions by name.
func globalFirst(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, packetMagic) {
		return nil, fmt.Errorf("of %d bytes: does not begin with psbt", len(b))
	}
	fields, rest, err := readMap(b[len(packetMagic):])
	if err != nil {
		return nil, fmt.Errorf("global: %w", err)
	}
	for _, f := range fields {
		if f.key[0] == 0xfb && (len(f.key) != 1 || !bytes.Equal(f.value, make([]byte, 4))) {
			return nil, fmt.Errorf("version %x in little endian, want 0", f.value[:min(len(f.value), 8)])
		}
	}
	for n, maps := 1, rest; len(maps) > 0; n++ { // of inputs and outputs: the library lets doubles of some kinds through
		if _, maps, err = readMap(maps); err != nil {
			return nil, fmt.Errorf("map %d: %w", n, err)
		}
	}
	slices.SortStableFunc(fields, func(x, y field) int {
		return boolCompare(len(x.key) != 1 || x.key[0] != 0, len(y.key) != 1 || y.key[0] != 0)
	})
	out := slices.Clone(packetMagic)
	for _, f := range fields {
		out = append(out, f.raw...)
	}
	return append(append(out, 0), rest...), nil
}

// readMap reads one map of a PSBT, in which every key stands once, and returns what follows.
func readMap(b []byte) (fields []field, rest []byte, err error) {
	seen := map[string]bool{}
	for {
		key, n, err := varBytes(b)
		if err != nil {
			return nil, nil, err
		}
		if len(key) == 0 {
			return fields, b[n:], nil
		}
		value, m, err := varBytes(b[n:])
		if err != nil {
			return nil, nil, err
		}
		if seen[string(key)] {
			return nil, nil, fmt.Errorf("field %x stands twice", key[:min(len(key), 40)])
		}
		seen[string(key)] = true
		fields = append(fields, field{key, value, b[:n+m]})
		b = b[n+m:]
	}
}

func boolCompare(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// varBytes reads a length and so many bytes; n is what both take.
func varBytes(b []byte) (value []byte, n int, err error) {
	r := bytes.NewReader(b)
	size, err := wire.ReadVarInt(r, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("ends within a length: %w", err)
	}
	if size > uint64(r.Len()) {
		return nil, 0, fmt.Errorf("a field of %d bytes where %d are left", size, r.Len())
	}
	at := len(b) - r.Len()
	return b[at : at+int(size)], at + int(size), nil
}

// checkPacket looks at what the library lets through.
func checkPacket(p *psbt.Packet) error {
	if len(p.UnsignedTx.TxIn) == 0 && len(p.UnsignedTx.TxOut) == 0 {
		return nil // a packet to be filled in
	}
	if err := ofVersion2("global", p.Unknowns, 0x02, 0x06); err != nil {
		return err
	}
	for i := range p.Inputs {
		in := &p.Inputs[i]
		if err := ofVersion2(fmt.Sprintf("input %d", i), in.Unknowns, 0x0e, 0x12); err != nil {
			return err
		}
		prev := p.UnsignedTx.TxIn[i].PreviousOutPoint
		if from := in.NonWitnessUtxo; from != nil {
			if from.TxHash() != prev.Hash || int64(prev.Index) >= int64(len(from.TxOut)) {
				return fmt.Errorf("PSBT: input %d takes %s, but the transaction with it is %s of %d outputs",
					i, prev, from.TxHash(), len(from.TxOut))
			}
			if out := from.TxOut[prev.Index]; in.WitnessUtxo != nil && !psbt.TxOutsEqual(out, in.WitnessUtxo) {
				return fmt.Errorf("PSBT: input %d states another output than the transaction with it", i)
			}
		}
	}
	for i := range p.Outputs {
		if err := ofVersion2(fmt.Sprintf("output %d", i), p.Outputs[i].Unknowns, 0x03, 0x04); err != nil {
			return err
		}
	}
	return nil
}

func ofVersion2(where string, unknowns []*psbt.Unknown, from, to byte) error {
	for _, u := range unknowns {
		if len(u.Key) > 0 && u.Key[0] >= from && u.Key[0] <= to {
			return fmt.Errorf("PSBT: %s field %02x belongs to version 2 (BIP370), want version 0", where, u.Key[0])
		}
	}
	return nil
}

// Bytes returns the packet as it is kept in files.
func (p *Packet) Bytes() []byte {
	var w bytes.Buffer
	if err := p.p.Serialize(&w); err != nil {
		panic("wallet: PSBT does not encode: " + err.Error())
	}
	return w.Bytes()
}

// Base64 returns the packet as text.
func (p *Packet) Base64() string { return base64.StdEncoding.EncodeToString(p.Bytes()) }

// Tx returns a copy of the unsigned transaction.
func (p *Packet) Tx() *wire.MsgTx { return p.p.UnsignedTx.Copy() }

// ID returns the unsigned transaction's id, by which packets of one transaction are known.
func (p *Packet) ID() chainhash.Hash { return p.p.UnsignedTx.TxHash() }

// PacketSigner adds the signatures that it can make to a PSBT and returns how many.
// *keystore.Keyring is one.
type PacketSigner interface {
	SignPSBT(*psbt.Packet) (added int, err error)
}

// Sign returns the packet with the signatures that a signer adds, and how many they are.
// The packet itself stays as it is.
func (p *Packet) Sign(s PacketSigner) (signed *Packet, added int, err error) {
	if signed, err = ParsePacket(p.Bytes()); err != nil {
		return nil, 0, err
	}
	if added, err = s.SignPSBT(signed.p); err != nil {
		return nil, 0, err
	}
	return signed, added, nil
}

// PacketInput is what a packet claims of one input.
type PacketInput struct {
	Outpoint   wire.OutPoint
	Value      int64  // if Known
	Script     []byte // if Known
	Known      bool   // the output that it takes is stated
	Signatures int
	Final      bool
}

// Inputs returns what the packet claims of its inputs.
func (p *Packet) Inputs() (out []PacketInput) {
	for i := range p.p.Inputs {
		in := &p.p.Inputs[i]
		v := PacketInput{Outpoint: p.p.UnsignedTx.TxIn[i].PreviousOutPoint,
			Signatures: len(in.PartialSigs) + len(in.TaprootScriptSpendSig),
			Final:      in.FinalScriptSig != nil || in.FinalScriptWitness != nil}
		if in.TaprootKeySpendSig != nil {
			v.Signatures++
		}
		if o := p.prev(i); o != nil {
			v.Known, v.Value, v.Script = true, o.Value, o.PkScript
		}
		out = append(out, v)
	}
	return out
}

// prev returns the output that an input takes, as the packet states it; nil if not.
func (p *Packet) prev(i int) *wire.TxOut {
	in := &p.p.Inputs[i]
	switch {
	case in.NonWitnessUtxo != nil:
		return in.NonWitnessUtxo.TxOut[p.p.UnsignedTx.TxIn[i].PreviousOutPoint.Index]
	case in.WitnessUtxo != nil:
		return in.WitnessUtxo
	}
	return nil
}

// Outputs returns the outputs as the wallet sees them: which are its own is found by
// their scripts, not by what the packet claims.
func (c *Chain) Outputs(p *Packet) (out []Output) {
	for _, o := range p.p.UnsignedTx.TxOut {
		out = append(out, c.describe(o))
	}
	return out
}

// Extract finishes the inputs that have their signatures, runs every script, and returns
// the transaction. The packet stays as it is.
func (p *Packet) Extract() (*Signed, error) {
	q, err := ParsePacket(p.Bytes())
	if err != nil {
		return nil, err
	}
	f := txscript.NewMultiPrevOutFetcher(nil)
	sum := int64(0)
	for i := range q.p.Inputs {
		out := q.prev(i)
		if out == nil {
			return nil, fmt.Errorf("PSBT: input %d: the output that it takes is not stated", i)
		}
		err := guarded(func() error {
			if finishShared(&q.p.Inputs[i], out) {
				return nil
			}
			_, err := psbt.MaybeFinalize(q.p, i)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("PSBT: input %d: %w", i, err)
		}
		in := &q.p.Inputs[i]
		if in.FinalScriptWitness == nil && in.NonWitnessUtxo == nil {
			return nil, fmt.Errorf("PSBT: input %d: its signature does not cover the amount, want the transaction it takes from", i)
		}
		f.AddPrevOut(q.p.UnsignedTx.TxIn[i].PreviousOutPoint, out)
		sum += out.Value
	}
	var tx *wire.MsgTx
	if err := guarded(func() (err error) { tx, err = psbt.Extract(q.p); return err }); err != nil {
		return nil, fmt.Errorf("PSBT: %w", err)
	}
	if err := verifyAll(tx, f); err != nil {
		return nil, fmt.Errorf("PSBT: %w", err)
	}
	for _, o := range tx.TxOut {
		sum -= o.Value
	}
	if sum < 0 {
		return nil, fmt.Errorf("PSBT: pays out %d more than it takes", -sum)
	}
	return &Signed{tx: tx, fee: sum}, nil
}

// Complete makes a Signed of the draft with the signatures of a packet, which must be of
// the same transaction.
func (d *Draft) Complete(p *Packet) (*Signed, error) {
	s, err := p.Extract()
	if err != nil {
		return nil, err
	}
	return d.seal(s.tx)
}
