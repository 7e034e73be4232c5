package msg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// The commands of sampled verification (protocol.md 10.1).
const (
	CmdGetSample = "getsample"
	CmdSample    = "sample"
)

// SFNodeSample is the service bit of nodes that answer GetSample. It is one of those that are left to experiments (BIP14's registry,
// bits 24 to 31), and speaks for a layer's network only.
const SFNodeSample wire.ServiceFlag = 1 << 24

// How a sampled proof travels: in parts, of which all but the last have SamplePart bytes.
const (
	SamplePart     = 256 << 10
	MaxSampleParts = 16
)

const (
	getSampleSize   = 32 + 32 + 32 + 1 + 4
	sampleFrontSize = 32 + 32 + 4 + 1 + 1
)

// GetSample is a `getsample` message: it asks for a sampled proof of a layer's history. On the wire: network id 32 (internal order), tip
// 32, salt 32, security u8, keep u32. A tip of zeros asks only which tip the peer would speak of; so the salt of the question after it
// is not known before the tip is chosen.
type GetSample struct {
	NetID    spv.Hash // of the layer
	Tip      spv.Hash // the block to speak of
	Salt     [32]byte
	Security uint8  // bits
	Keep     uint32 // newest blocks that whoever asks takes one by one elsewhere
}

// Sample is a `sample` message: a part of the answer. On the wire: network id 32, tip 32, height u32, part u8, parts u8, then the part's
// bytes. Without parts there is no proof of what was asked for, but tip and height name what the peer would speak of.
type Sample struct {
	NetID  spv.Hash
	Tip    spv.Hash
	Height uint32
	Part   uint8 // from 0
	Parts  uint8
	Bytes  []byte // at most SamplePart
}

// SampleParts cuts a sampled proof. Front says what all parts have in common. A proof without bytes, or with more than MaxSampleParts
// hold, gives none.
func SampleParts(front Sample, proof []byte) (list []*Sample) {
	parts := (len(proof) + SamplePart - 1) / SamplePart
	if parts > MaxSampleParts {
		return nil
	}
	for i := range parts {
		one := front
		one.Part, one.Parts = uint8(i), uint8(parts)
		one.Bytes = proof[i*SamplePart : min((i+1)*SamplePart, len(proof))]
		list = append(list, &one)
	}
	return list
}

// ParseGetSample reads the whole payload of a getsample message, which has one length.
func ParseGetSample(b []byte) (*GetSample, error) {
	if len(b) != getSampleSize {
		return nil, fmt.Errorf("message %s: %d bytes, want %d", CmdGetSample, len(b), getSampleSize)
	}
	return &GetSample{NetID: spv.Hash(b), Tip: spv.Hash(b[32:]), Salt: [32]byte(b[64:]), Security: b[96],
		Keep: binary.LittleEndian.Uint32(b[97:])}, nil
}

// Append appends the message's payload to dst.
func (m *GetSample) Append(dst []byte) []byte {
	dst = append(append(append(dst, m.NetID[:]...), m.Tip[:]...), m.Salt[:]...)
	return binary.LittleEndian.AppendUint32(append(dst, m.Security), m.Keep)
}

// ParseSample reads the whole payload of a sample message. The result shares memory with b.
func ParseSample(b []byte) (*Sample, error) {
	if len(b) < sampleFrontSize || len(b) > sampleFrontSize+SamplePart {
		return nil, fmt.Errorf("message %s: %d bytes, want %d to %d", CmdSample, len(b), sampleFrontSize, sampleFrontSize+SamplePart)
	}
	m := &Sample{NetID: spv.Hash(b), Tip: spv.Hash(b[32:]), Height: binary.LittleEndian.Uint32(b[64:]), Part: b[68], Parts: b[69],
		Bytes: b[sampleFrontSize:]}
	last := int(m.Part) == int(m.Parts)-1
	switch {
	case m.Height > 1<<31-1:
		return nil, fmt.Errorf("message %s: height %d, want at most %d", CmdSample, m.Height, 1<<31-1)
	case m.Parts == 0 && (m.Part != 0 || len(m.Bytes) > 0):
		return nil, fmt.Errorf("message %s: part %d with %d bytes, of no parts", CmdSample, m.Part, len(m.Bytes))
	case m.Parts == 0:
		return m, nil
	case m.Part >= m.Parts || m.Parts > MaxSampleParts:
		return nil, fmt.Errorf("message %s: part %d of %d, want one below the number of parts, and at most %d parts", CmdSample, m.Part, m.Parts,
			MaxSampleParts)
	case len(m.Bytes) == 0 || !last && len(m.Bytes) != SamplePart:
		return nil, fmt.Errorf("message %s: part %d of %d has %d bytes, want %d, or fewer in the last", CmdSample, m.Part, m.Parts, len(m.Bytes),
			SamplePart)
	}
	return m, nil
}

// Append appends the message's payload to dst.
func (m *Sample) Append(dst []byte) []byte {
	dst = append(append(dst, m.NetID[:]...), m.Tip[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, m.Height)
	return append(append(dst, m.Part, m.Parts), m.Bytes...)
}

// Command returns "getsample".
func (*GetSample) Command() string { return CmdGetSample }

// Command returns "sample".
func (*Sample) Command() string { return CmdSample }

// MaxPayloadLength returns the one length that there is; for wire.Message.
func (*GetSample) MaxPayloadLength(uint32) uint32 { return getSampleSize }

// MaxPayloadLength returns how long a part may be; for wire.Message.
func (*Sample) MaxPayloadLength(uint32) uint32 { return sampleFrontSize + SamplePart }

// BtcDecode reads a payload; for wire.Message.
func (m *GetSample) BtcDecode(r io.Reader, _ uint32, _ wire.MessageEncoding) error {
	b, err := upTo(r, getSampleSize)
	if err != nil {
		return err
	}
	got, err := ParseGetSample(b)
	if err == nil {
		*m = *got
	}
	return err
}

// BtcDecode reads a payload; for wire.Message.
func (m *Sample) BtcDecode(r io.Reader, _ uint32, _ wire.MessageEncoding) error {
	b, err := upTo(r, sampleFrontSize+SamplePart)
	if err != nil {
		return err
	}
	got, err := ParseSample(b)
	if err == nil {
		*m = *got
	}
	return err
}

// upTo reads a payload of at most so many bytes, and one byte more of one that is longer.
func upTo(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return b, nil
}

// BtcEncode writes the payload; for wire.Message.
func (m *GetSample) BtcEncode(w io.Writer, _ uint32, _ wire.MessageEncoding) error {
	_, err := w.Write(m.Append(nil))
	return err
}

// BtcEncode writes the payload; for wire.Message. It refuses what ParseSample would.
func (m *Sample) BtcEncode(w io.Writer, _ uint32, _ wire.MessageEncoding) error {
	b := m.Append(nil)
	if _, err := ParseSample(b); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}
