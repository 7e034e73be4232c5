// Package bip324 encrypts connections between peers (BIP324, "v2"): the handshake, and
// packets <-> messages. It hides what is said from whoever listens and notices every bit
// that is changed; it does not know who the other side is. The ciphers are btcd's.
//
// It dials nothing, sets no deadline and reads no more than it is told to.
package bip324

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/v2transport"
)

const (
	// LengthSize is how many bytes, encrypted, tell how long a packet is.
	LengthSize = 3
	// MaxContent is the most that the length of a packet can say, in bytes.
	MaxContent = 1<<24 - 1
	// Overhead is what a packet has besides its content and its length, in bytes: one of
	// flags and the tag that authenticates all.
	Overhead = 1 + 16

	decoyFlag = 1 << 7
)

// errForged: nobody but the two ends can have made a packet that opens.
var errForged = errors.New("packet was changed on its way, or is out of order")

// Session is one end of an encrypted connection after its handshake. One goroutine may
// seal while another opens; packets are opened in the order in which they were sealed.
type Session struct {
	sendLength, readLength *v2transport.FSChaCha20
	sendPacket, readPacket *v2transport.FSChaCha20Poly1305
}

// Format writes a fixed text: a session is made of keys.
func (Session) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("bip324.Session")) }

// Seal returns the packet of a message, its encrypted length in front. It fails for a
// message that is too long for a packet.
func (s *Session) Seal(command string, payload []byte) ([]byte, error) {
	plain := make([]byte, 1, 1+longName+len(payload))
	plain = append(appendCommand(plain, command), payload...)
	if len(plain)-1 > MaxContent {
		return nil, fmt.Errorf("message %s: a packet of %d bytes, want at most %d", command, len(plain)-1, MaxContent)
	}
	return s.seal(plain, nil)
}

// seal encrypts a packet: the byte of flags, and its content.
func (s *Session) seal(plain, aad []byte) ([]byte, error) {
	n := len(plain) - 1
	length, err := s.sendLength.Crypt([]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	if err != nil {
		return nil, err
	}
	packet, err := s.sendPacket.Encrypt(aad, plain)
	if err != nil {
		return nil, err
	}
	return append(length, packet...), nil
}

// Length decrypts a packet's length and returns how long its content is, in bytes: with
// Overhead more, that is how much is to be read. It is to be called once a packet. The
// result is anything up to MaxContent, and nobody's word until the packet opens.
func (s *Session) Length(encrypted [LengthSize]byte) (int, error) {
	b, err := s.readLength.Crypt(encrypted[:])
	if err != nil {
		return 0, err
	}
	return int(b[0]) | int(b[1])<<8 | int(b[2])<<16, nil
}

// Open decrypts a packet without its length and returns the message in it. A decoy is no
// message: it is there to be ignored.
func (s *Session) Open(packet []byte) (command string, payload []byte, decoy bool, err error) {
	content, decoy, err := s.open(packet, nil)
	if err != nil || decoy {
		return "", nil, decoy, err
	}
	command, payload, err = splitCommand(content)
	return command, payload, false, err
}

func (s *Session) open(packet, aad []byte) (content []byte, decoy bool, err error) {
	if len(packet) < Overhead {
		return nil, false, fmt.Errorf("packet of %d bytes, want at least %d", len(packet), Overhead)
	}
	plain, err := s.readPacket.Decrypt(aad, packet)
	if err != nil {
		return nil, false, errForged
	}
	return plain[1:], plain[0]&decoyFlag != 0, nil
}
