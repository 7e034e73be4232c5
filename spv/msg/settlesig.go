package msg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// CmdSettleSig is the command of SettleSig.
const CmdSettleSig = "settlesig"

// settleSigSize is the length of every SettleSig payload, bytes.
const settleSigSize = 32 + 4 + 1 + 32 + 2 + 1 + 64

// SettleSig is a `settlesig` message: one settler's signature of one input of a batch
// (protocol.md 4.3). On the wire: network id 32 (internal order), batch number u32,
// attempt u8, txid 32 (internal order), input u16, place in the set u8, signature 64.
type SettleSig struct {
	NetID     spv.Hash // of the layer
	Number    uint32   // b
	Attempt   uint8
	TxID      spv.Hash // of the batch transaction
	Input     uint16
	Settler   uint8 // place of the key in the input's set, from 0
	Signature [64]byte
}

// ParseSettleSig reads the whole payload of a settlesig message. It refuses any other
// length than the one there is.
func ParseSettleSig(b []byte) (*SettleSig, error) {
	if len(b) != settleSigSize {
		return nil, fmt.Errorf("message %s: %d bytes, want %d", CmdSettleSig, len(b), settleSigSize)
	}
	return &SettleSig{
		NetID: spv.Hash(b), Number: binary.LittleEndian.Uint32(b[32:]), Attempt: b[36], TxID: spv.Hash(b[37:]),
		Input: binary.LittleEndian.Uint16(b[69:]), Settler: b[71], Signature: [64]byte(b[72:]),
	}, nil
}

// Append appends the message's payload to dst.
func (m *SettleSig) Append(dst []byte) []byte {
	dst = append(dst, m.NetID[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, m.Number)
	dst = append(append(dst, m.Attempt), m.TxID[:]...)
	dst = binary.LittleEndian.AppendUint16(dst, m.Input)
	return append(append(dst, m.Settler), m.Signature[:]...)
}

// Command returns "settlesig".
func (*SettleSig) Command() string { return CmdSettleSig }

// MaxPayloadLength returns the one length that there is; for wire.Message.
func (*SettleSig) MaxPayloadLength(uint32) uint32 { return settleSigSize }

// BtcDecode reads a payload; for wire.Message.
func (m *SettleSig) BtcDecode(r io.Reader, _ uint32, _ wire.MessageEncoding) error {
	b := make([]byte, settleSigSize+1) // one more, to see what is too long
	n, err := io.ReadFull(r, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	got, err := ParseSettleSig(b[:n])
	if err != nil {
		return err
	}
	*m = *got
	return nil
}

// BtcEncode writes the payload; for wire.Message.
func (m *SettleSig) BtcEncode(w io.Writer, _ uint32, _ wire.MessageEncoding) error {
	_, err := w.Write(m.Append(nil))
	return err
}
