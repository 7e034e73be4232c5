package keystore

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// The file, integers big-endian:
//
//	magic 8 | version 1 | flags 1 | memory 4 | passes 4 | lanes 1 | salt 32
//	nonce of the profile 24 | nonce of the secrets 24
//	length 4 | profile (JSON; sealed if private)
//	length 4 | secrets, sealed
//	SHA-256 of all that
//
// Sealed means XChaCha20-Poly1305. The additional data of either part is all that precedes it, so the password vouches
// for the header and for a profile in clear as well. The SHA-256 is no protection: it tells a damaged file from a wrong
// password.
const (
	fileMagic   = "LAMINAKS"
	fileVersion = 1

	flagPrivate   = 1 << 0 // the profile is sealed
	flagWatchOnly = 1 << 1 // there is no seed

	saltSize   = 32
	nonceSize  = chacha20poly1305.NonceSizeX
	headerSize = len(fileMagic) + 1 + 1 + 4 + 4 + 1 + saltSize + 2*nonceSize
	maxFile    = 4 << 20 // bytes

	// kind, language, length, entropy, length, seed: always as many, so that the size tells nothing
	secretsSize = 1 + 1 + 1 + 32 + 1 + seedSize
)

var (
	// ErrDamaged means that a key file is not whole. The backup beside it may be: see Restore.
	ErrDamaged = errors.New("key file: damaged")
	// ErrPassword means that the file is whole but the password does not open it.
	ErrPassword = errors.New("key file: wrong password (or altered on purpose)")
)

// envelope is a file's content.
type envelope struct {
	flags                     byte
	cost                      Cost
	salt                      [saltSize]byte
	profileNonce, secretNonce [nonceSize]byte
	profile                   []byte // as stored
	sealed                    []byte
}

// parseEnvelope checks form, checksum and limits; every error that a fault of the disk can cause is ErrDamaged.
func parseEnvelope(raw []byte) (*envelope, error) {
	if len(raw) > maxFile {
		return nil, fmt.Errorf("key file: %d bytes: more than %d", len(raw), maxFile)
	}
	if len(raw) < headerSize+8+sha256.Size {
		return nil, fmt.Errorf("%w: %d bytes: want at least %d", ErrDamaged, len(raw), headerSize+8+sha256.Size)
	}
	body, sum := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("%w: checksum does not match", ErrDamaged)
	}
	// From here on the file is as somebody wrote it.
	if string(body[:8]) != fileMagic {
		return nil, fmt.Errorf("key file: begins with %x: want %q", body[:8], fileMagic)
	}
	if body[8] != fileVersion {
		return nil, fmt.Errorf("key file: version %d: want %d", body[8], fileVersion)
	}
	e := &envelope{flags: body[9]}
	if e.flags&^(flagPrivate|flagWatchOnly) != 0 {
		return nil, fmt.Errorf("key file: unknown flags %08b", e.flags)
	}
	e.cost = Cost{Memory: binary.BigEndian.Uint32(body[10:]), Passes: binary.BigEndian.Uint32(body[14:]), Lanes: body[18]}
	if err := e.cost.check(); err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	rest := body[19:]
	for _, field := range [][]byte{e.salt[:], e.profileNonce[:], e.secretNonce[:]} {
		rest = rest[copy(field, rest):]
	}
	var ok bool
	if e.profile, rest, ok = cutPart(rest); !ok {
		return nil, fmt.Errorf("key file: profile is longer than the file")
	}
	if e.sealed, rest, ok = cutPart(rest); !ok || len(rest) != 0 {
		return nil, fmt.Errorf("key file: %d bytes follow the secrets, or they are longer than the file", len(rest))
	}
	if want := secretsSize + chacha20poly1305.Overhead; len(e.sealed) != want {
		return nil, fmt.Errorf("key file: sealed secrets of %d bytes: want %d", len(e.sealed), want)
	}
	return e, nil
}

func cutPart(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, b, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, b, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// header returns what precedes the profile.
func (e *envelope) header() []byte {
	b := append(make([]byte, 0, headerSize), fileMagic...)
	b = append(b, fileVersion, e.flags)
	b = binary.BigEndian.AppendUint32(b, e.cost.Memory)
	b = binary.BigEndian.AppendUint32(b, e.cost.Passes)
	b = append(b, e.cost.Lanes)
	b = append(b, e.salt[:]...)
	b = append(b, e.profileNonce[:]...)
	return append(b, e.secretNonce[:]...)
}

// beforeSecrets returns what precedes the sealed secrets.
func (e *envelope) beforeSecrets() []byte {
	b := binary.BigEndian.AppendUint32(e.header(), uint32(len(e.profile)))
	return append(b, e.profile...)
}

// encode returns the file's bytes.
func (e *envelope) encode() []byte {
	b := binary.BigEndian.AppendUint32(e.beforeSecrets(), uint32(len(e.sealed)))
	b = append(b, e.sealed...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// seal makes the envelope of contents under keys; cost and salt are those that gave the keys.
func seal(c Contents, private bool, keys *fileKeys, cost Cost, salt [saltSize]byte) (*envelope, error) {
	e := &envelope{cost: cost, salt: salt}
	_, _ = rand.Read(e.profileNonce[:]) // never fails
	_, _ = rand.Read(e.secretNonce[:])
	if c.Seed == nil {
		e.flags |= flagWatchOnly
	}
	if err := c.Profile.check(); err != nil {
		return nil, err
	}
	var err error
	if e.profile, err = json.Marshal(c.Profile); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if private {
		e.flags |= flagPrivate
		e.profile = newSealer(keys.profile).Seal(nil, e.profileNonce[:], e.profile, e.header())
	}
	plain := packSecrets(c)
	defer clear(plain)
	e.sealed = newSealer(keys.secrets).Seal(nil, e.secretNonce[:], plain, e.beforeSecrets())
	if size := len(e.encode()); size > maxFile {
		return nil, fmt.Errorf("key file: %d bytes: more than %d", size, maxFile)
	}
	return e, nil
}

// openProfile returns the profile: the one in clear as it stands, a sealed one only with keys.
func (e *envelope) openProfile(keys *fileKeys) (Profile, error) {
	raw := e.profile
	if e.flags&flagPrivate != 0 {
		var err error
		if raw, err = newSealer(keys.profile).Open(nil, e.profileNonce[:], raw, e.header()); err != nil {
			return Profile{}, ErrPassword
		}
	}
	return parseProfile(raw)
}

// open returns all that is in the file, checked against each other. The caller wipes the secrets.
func (e *envelope) open(keys *fileKeys) (Contents, error) {
	plain, err := newSealer(keys.secrets).Open(nil, e.secretNonce[:], e.sealed, e.beforeSecrets())
	if err != nil {
		return Contents{}, ErrPassword
	}
	defer clear(plain)
	c, err := unpackSecrets(plain)
	if err != nil {
		return Contents{}, err
	}
	if c.Profile, err = e.openProfile(keys); err == nil {
		err = c.check(e.flags&flagWatchOnly != 0)
	}
	if err != nil {
		c.Wipe()
		return Contents{}, err
	}
	return c, nil
}

func newSealer(key [32]byte) interface {
	Seal(dst, nonce, plain, extra []byte) []byte
	Open(dst, nonce, sealed, extra []byte) ([]byte, error)
} {
	sealer, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("keystore: XChaCha20-Poly1305 refuses 32 bytes: " + err.Error())
	}
	return sealer
}
