package msg

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
)

// Version is the protocol version that we announce (BIP339's wtxidrelay included).
const Version = 70016

// maxUnknown bounds messages that we do not know, in bytes: they are read and dropped.
const maxUnknown = 64 << 10

// Message is one message of the peer protocol: a type of this package or of btcd/wire.
type Message interface {
	Command() string
}

// Codec reads and writes the messages of one network.
type Codec struct {
	Magic    [4]byte // in wire order
	AuxPoW   bool    // headers may carry merged-mining proofs
	MaxBlock uint32  // largest block, and largest message of all but headers, in bytes
}

// Block is a `block` message, still serialised.
type Block struct{ Raw []byte }

// Command returns "block".
func (*Block) Command() string { return wire.CmdBlock }

// Tx is a `tx` message, still serialised.
type Tx struct{ Raw []byte }

// Command returns "tx".
func (*Tx) Command() string { return wire.CmdTx }

// MerkleBlock is a `merkleblock` message (BIP37): a header, with its proof on
// merge-mined chains, and a partial tree of transaction ids.
type MerkleBlock struct {
	Header spv.Sealed
	Tree   *merkle.Partial
}

// Command returns "merkleblock".
func (*MerkleBlock) Command() string { return wire.CmdMerkleBlock }

// Unknown is a message that this package has no type for.
type Unknown struct{ Name string }

// Command returns the unknown command.
func (u *Unknown) Command() string { return u.Name }

// empty makes the wire.Message for a command, nil where this package has its own type or none.
func empty(command string) wire.Message {
	switch command {
	case wire.CmdVersion:
		return &wire.MsgVersion{}
	case wire.CmdVerAck:
		return &wire.MsgVerAck{}
	case wire.CmdSendAddrV2:
		return &wire.MsgSendAddrV2{}
	case wire.CmdWTxIdRelay:
		return &wire.MsgWTxIdRelay{}
	case wire.CmdSendHeaders:
		return &wire.MsgSendHeaders{}
	case wire.CmdFeeFilter:
		return &wire.MsgFeeFilter{}
	case wire.CmdGetAddr:
		return &wire.MsgGetAddr{}
	case wire.CmdAddr:
		return &wire.MsgAddr{}
	case wire.CmdAddrV2:
		return &wire.MsgAddrV2{}
	case wire.CmdPing:
		return &wire.MsgPing{}
	case wire.CmdPong:
		return &wire.MsgPong{}
	case wire.CmdInv:
		return &wire.MsgInv{}
	case wire.CmdGetData:
		return &wire.MsgGetData{}
	case wire.CmdNotFound:
		return &wire.MsgNotFound{}
	case wire.CmdGetHeaders:
		return &wire.MsgGetHeaders{}
	}
	return emptyFilter(command)
}

// emptyFilter is empty for compact filters (BIP157), bloom filters (BIP37), settlers and sampled proofs.
func emptyFilter(command string) wire.Message {
	switch command {
	case wire.CmdGetCFilters:
		return &wire.MsgGetCFilters{}
	case wire.CmdGetCFHeaders:
		return &wire.MsgGetCFHeaders{}
	case wire.CmdGetCFCheckpt:
		return &wire.MsgGetCFCheckpt{}
	case wire.CmdCFilter:
		return &wire.MsgCFilter{}
	case wire.CmdCFHeaders:
		return &wire.MsgCFHeaders{}
	case wire.CmdCFCheckpt:
		return &wire.MsgCFCheckpt{}
	case wire.CmdFilterLoad:
		return &wire.MsgFilterLoad{}
	case CmdSettleSig:
		return &SettleSig{}
	case CmdSweepAsk:
		return &SweepAsk{}
	case CmdGetSample:
		return &GetSample{}
	case CmdSample:
		return &Sample{}
	}
	return nil
}

// MaxPayload returns how long the payload of a command may be on this network, in bytes.
func (c *Codec) MaxPayload(command string) uint32 {
	switch command {
	case wire.CmdHeaders:
		if c.AuxPoW {
			return MaxAuxHeaders
		}
		return 3 + MaxHeaders*(spv.HeaderSize+1)
	case wire.CmdBlock, wire.CmdMerkleBlock:
		return c.MaxBlock
	case wire.CmdTx:
		return min(spv.MaxTx, c.MaxBlock)
	}
	if m := empty(command); m != nil {
		return min(m.MaxPayloadLength(Version), c.MaxBlock)
	}
	return maxUnknown
}

// Decode reads a payload. Bytes behind what a message needs are ignored in the messages
// that btcd reads, as nodes do, so that peers may extend them; elsewhere they are an
// error. The result may share memory with payload.
func (c *Codec) Decode(command string, payload []byte) (Message, error) {
	if most := c.MaxPayload(command); uint64(len(payload)) > uint64(most) {
		return nil, fmt.Errorf("message %s: %d bytes, want at most %d", command, len(payload), most)
	}
	switch command {
	case wire.CmdHeaders:
		return ParseHeaders(payload, c.AuxPoW)
	case wire.CmdBlock:
		return &Block{Raw: payload}, nil
	case wire.CmdTx:
		return &Tx{Raw: payload}, nil
	case wire.CmdMerkleBlock:
		return c.parseMerkleBlock(payload)
	}
	m := empty(command)
	if m == nil {
		return &Unknown{Name: command}, nil
	}
	if err := m.BtcDecode(bytes.NewBuffer(payload), Version, wire.WitnessEncoding); err != nil {
		return nil, fmt.Errorf("message %s: %w", command, err)
	}
	return m, nil
}

func (c *Codec) parseMerkleBlock(b []byte) (*MerkleBlock, error) {
	s, n, err := spv.ParseSealed(b, c.AuxPoW)
	if err != nil {
		return nil, fmt.Errorf("merkleblock: %w", err)
	}
	tree, rest, err := merkle.ParsePartial(b[n:])
	if err != nil {
		return nil, fmt.Errorf("merkleblock: %w", err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("merkleblock: %d bytes behind the tree", len(rest))
	}
	return &MerkleBlock{Header: s, Tree: tree}, nil
}

// Encode appends a whole message, frame and payload, to dst. It fails where Payload does.
func (c *Codec) Encode(dst []byte, m Message) ([]byte, error) {
	payload, err := c.Payload(m)
	if err != nil {
		return dst, err
	}
	return c.appendFrame(dst, m.Command(), payload), nil
}

// Payload returns a message without its frame. It fails for one that is longer than its
// command may be, and for types that are only ever received. The result may share memory
// with the message.
func (c *Codec) Payload(m Message) ([]byte, error) {
	var payload []byte
	switch m := m.(type) {
	case *Headers:
		payload = m.Append(nil)
	case *Block:
		payload = m.Raw
	case *Tx:
		payload = m.Raw
	case wire.Message:
		var b bytes.Buffer
		if err := m.BtcEncode(&b, Version, wire.WitnessEncoding); err != nil {
			return nil, fmt.Errorf("message %s: %w", m.Command(), err)
		}
		payload = b.Bytes()
	default:
		return nil, fmt.Errorf("message %s: cannot be sent", m.Command())
	}
	if most := c.MaxPayload(m.Command()); uint64(len(payload)) > uint64(most) {
		return nil, fmt.Errorf("message %s: %d bytes, want at most %d", m.Command(), len(payload), most)
	}
	return payload, nil
}

// MaxMessage returns how long the payload of any message may be on this network, in bytes.
func (c *Codec) MaxMessage() uint32 {
	return max(c.MaxBlock, c.MaxPayload(wire.CmdHeaders), maxUnknown)
}
