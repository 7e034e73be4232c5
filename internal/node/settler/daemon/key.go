package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/spv/peg"
)

// Signer signs batches with the keys that it names.
type Signer interface {
	// Keys returns its public keys, x-only.
	Keys() [][32]byte
	// Sign returns signatures with these keys, by input and place in the input's set.
	Sign(ctx context.Context, s *settler.Sign) ([]peg.Signatures, error)
}

// Key is a settler's private key in memory. It prints as a fixed placeholder.
type Key struct{ private *btcec.PrivateKey }

const hidden = "[settler key]"

// maxKeyFile is more than 64 digits and a line end of whatever kind.
const maxKeyFile = 128

// ReadKey reads a key file: 64 hexadecimal digits and white space. It refuses one that others
// than its owner may read. This is for development networks: the key lies there in clear.
func ReadKey(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("settler key: %w", err)
	}
	defer f.Close()
	at, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("settler key: %w", err)
	}
	if mode := at.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("settler key %s: mode %04o: want 0600, nobody else may read it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("settler key: %w", err)
	}
	defer clear(text)
	k, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("settler key %s: %w", path, err)
	}
	return k, nil
}

// parseKey reads a key. Its errors say nothing about what is in the text.
func parseKey(text []byte) (*Key, error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("more than %d bytes, want 64 hexadecimal digits", maxKeyFile)
	}
	var b [32]byte
	defer clear(b[:])
	digits := bytes.TrimSpace(text)
	if len(digits) != 2*len(b) {
		return nil, fmt.Errorf("%d characters, want 64 hexadecimal digits", len(digits))
	}
	if _, err := hex.Decode(b[:], digits); err != nil {
		return nil, errors.New("want 64 hexadecimal digits")
	}
	var scalar btcec.ModNScalar
	if overflow := scalar.SetBytes(&b); overflow != 0 || scalar.IsZero() {
		return nil, errors.New("want a number from 1 to the order of the curve less 1")
	}
	return &Key{btcec.PrivKeyFromScalar(&scalar)}, nil
}

// Keys returns the public key.
func (k *Key) Keys() [][32]byte {
	return [][32]byte{[32]byte(schnorr.SerializePubKey(k.private.PubKey()))}
}

// Sign signs every input whose set has the key.
func (k *Key) Sign(_ context.Context, s *settler.Sign) ([]peg.Signatures, error) {
	return signAll(s, k.Keys()[0], func(hash [32]byte) ([]byte, error) {
		sig, err := schnorr.Sign(k.private, hash[:])
		if err != nil {
			return nil, err
		}
		return sig.Serialize(), nil
	})
}

// Wipe overwrites the key.
func (k *Key) Wipe() { k.private.Zero() }

// Format writes the placeholder for every verb.
func (*Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns the placeholder.
func (*Key) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Remote is a signer elsewhere: a PSBT goes out, the same with signatures comes back.
type Remote struct {
	Public [][32]byte // what it signs with, x-only
	// Ask carries a PSBT there and back (BIP174, serialised).
	Ask func(ctx context.Context, packet []byte) ([]byte, error)
}

// Keys returns Public.
func (r *Remote) Keys() [][32]byte { return r.Public }

// Sign asks. What comes back is verified.
func (r *Remote) Sign(ctx context.Context, s *settler.Sign) ([]peg.Signatures, error) {
	packet, err := s.Packet()
	if err != nil {
		return nil, err
	}
	signed, err := r.Ask(ctx, packet)
	if err != nil {
		return nil, fmt.Errorf("remote signer: %w", err)
	}
	return s.Read(signed)
}
