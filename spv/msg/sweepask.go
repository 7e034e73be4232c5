package msg

import (
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/peg"
)

// CmdSweepAsk is the command of SweepAsk.
const CmdSweepAsk = "sweepask"

// SweepAsk is a `sweepask` message: a depositor asks the settlers to sweep his refundable deposit (protocol.md 4.2). On
// the wire it is what peg.ParseSweepAsk reads, and nothing else.
type SweepAsk struct{ peg.SweepAsk }

// Command returns "sweepask".
func (*SweepAsk) Command() string { return CmdSweepAsk }

// MaxPayloadLength returns the one length that there is; for wire.Message.
func (*SweepAsk) MaxPayloadLength(uint32) uint32 { return peg.SweepAskSize }

// BtcDecode reads a payload; for wire.Message.
func (m *SweepAsk) BtcDecode(r io.Reader, _ uint32, _ wire.MessageEncoding) error {
	b := make([]byte, peg.SweepAskSize+1) // one more, to see what is too long
	n, err := io.ReadFull(r, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	got, err := peg.ParseSweepAsk(b[:n])
	if err != nil {
		return fmt.Errorf("message %s: %w", CmdSweepAsk, err)
	}
	m.SweepAsk = *got
	return nil
}

// BtcEncode writes the payload; for wire.Message.
func (m *SweepAsk) BtcEncode(w io.Writer, _ uint32, _ wire.MessageEncoding) error {
	_, err := w.Write(m.Append(nil))
	return err
}
