package bip324

import (
	"bufio"
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ellswift"
	"github.com/btcsuite/btcd/v2transport"
)

const (
	// PrefixSize is how many of a connection's first bytes tell whether it is encrypted.
	PrefixSize = 16
	// MaxGarbage is the most that either side may send behind its key, in bytes.
	MaxGarbage = v2transport.MaxGarbageLen
	// maxEarly bounds what a peer may send before its side of the handshake is over, decoys
	// included, in bytes.
	maxEarly = 64 << 10

	keySize        = 64
	terminatorSize = 16
)

// salt is BIP324's, for every network: the network's magic comes behind it.
const salt = "bitcoin_v2_shared_secret"

// ErrMute: the peer ended the connection without a word, as those do that take a key for a
// broken message. They may speak unencrypted.
var ErrMute = errors.New("peer hung up at our key")

// Plain tells whether a connection that begins so is not encrypted: a version message of
// any network.
func Plain(prefix [PrefixSize]byte) bool {
	return bytes.Equal(prefix[4:], []byte("version\x00\x00\x00\x00\x00"))
}

// Initiate shakes hands as the one who dialled. Garbage is random bytes, at most
// MaxGarbage, of random length.
func Initiate(r *bufio.Reader, w io.Writer, magic [4]byte, garbage []byte) (*Session, error) {
	secret, ours, err := ellswift.EllswiftCreate()
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(ours[:], garbage...)); err != nil {
		return nil, err
	}
	var theirs [keySize]byte
	if n, err := io.ReadFull(r, theirs[:]); err != nil {
		if n == 0 {
			return nil, fmt.Errorf("%w: %w", ErrMute, err)
		}
		return nil, err
	}
	a, err := agree(secret, ours, theirs, true, magic)
	if err != nil {
		return nil, err
	}
	last, err := a.last(garbage)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(last); err != nil {
		return nil, err
	}
	return a.session, a.awaitLast(r)
}

// Respond shakes hands as the one who was dialled, once Plain has said no. It writes
// nothing before it has the peer's key.
func Respond(r *bufio.Reader, w io.Writer, magic [4]byte, garbage []byte) (*Session, error) {
	secret, ours, err := ellswift.EllswiftCreate()
	if err != nil {
		return nil, err
	}
	var theirs [keySize]byte
	if _, err := io.ReadFull(r, theirs[:]); err != nil {
		return nil, err
	}
	a, err := agree(secret, ours, theirs, false, magic)
	if err != nil {
		return nil, err
	}
	last, err := a.last(garbage)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(bytes.Join([][]byte{ours[:], garbage, last}, nil)); err != nil {
		return nil, err
	}
	return a.session, a.awaitLast(r)
}

// agreement is what both sides know once they have each other's key.
type agreement struct {
	session   *Session
	oursEnd   []byte // ends our garbage
	theirsEnd []byte
}

// agree derives all keys.
func agree(secret *btcec.PrivateKey, ours, theirs [keySize]byte, initiating bool, magic [4]byte) (*agreement, error) {
	shared, err := ellswift.V2Ecdh(secret, theirs, ours, initiating)
	if err != nil {
		return nil, err
	}
	root, err := hkdf.Extract(sha256.New, shared[:], append([]byte(salt), magic[:]...))
	if err != nil {
		return nil, err
	}
	var keys [5][]byte
	for i, name := range []string{"initiator_L", "initiator_P", "responder_L", "responder_P", "garbage_terminators"} {
		if keys[i], err = hkdf.Expand(sha256.New, root, name, 32); err != nil {
			return nil, err
		}
	}
	a := &agreement{session: &Session{}, oursEnd: keys[4][:terminatorSize], theirsEnd: keys[4][terminatorSize:]}
	if !initiating {
		keys[0], keys[1], keys[2], keys[3] = keys[2], keys[3], keys[0], keys[1]
		a.oursEnd, a.theirsEnd = a.theirsEnd, a.oursEnd
	}
	var errs [4]error
	a.session.sendLength, errs[0] = v2transport.NewFSChaCha20(keys[0])
	a.session.sendPacket, errs[1] = v2transport.NewFSChaCha20Poly1305(keys[1])
	a.session.readLength, errs[2] = v2transport.NewFSChaCha20(keys[2])
	a.session.readPacket, errs[3] = v2transport.NewFSChaCha20Poly1305(keys[3])
	return a, errors.Join(errs[:]...)
}

// last returns what ends our side: the end of our garbage, and a first packet that
// authenticates the garbage. The packet is empty; what peers say in theirs is for versions
// of the transport that there are not yet.
func (a *agreement) last(garbage []byte) ([]byte, error) {
	packet, err := a.session.seal([]byte{0}, garbage)
	return append(bytes.Clone(a.oursEnd), packet...), err
}

// awaitLast reads up to the end of the peer's side.
func (a *agreement) awaitLast(r *bufio.Reader) error {
	garbage := make([]byte, 0, 512)
	for !bytes.HasSuffix(garbage, a.theirsEnd) {
		if len(garbage) == MaxGarbage+terminatorSize {
			return fmt.Errorf("no end of garbage within %d bytes", len(garbage))
		}
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		garbage = append(garbage, b)
	}
	aad := garbage[:len(garbage)-terminatorSize]
	for early := 0; ; aad = nil {
		var length [LengthSize]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return err
		}
		n, err := a.session.Length(length)
		if err != nil {
			return err
		}
		if early += LengthSize + n + Overhead; early > maxEarly {
			return fmt.Errorf("%d bytes of packets before the handshake is done, want at most %d", early, maxEarly)
		}
		packet := make([]byte, n+Overhead)
		if _, err := io.ReadFull(r, packet); err != nil {
			return err
		}
		if _, decoy, err := a.session.open(packet, aad); err != nil || !decoy {
			return err
		}
	}
}
