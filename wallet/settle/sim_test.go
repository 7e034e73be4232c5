package settle

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet"
)

// script is an output script of ours, told apart by a number.
func script(n byte) []byte { return append([]byte{0x00, 0x14}, slices.Repeat([]byte{n}, 20)...) }

// force makes the next block with a transaction in it, whatever it spends.
func (s *sim) force(tx *wire.MsgTx) {
	s.mine(true)
	b := s.tip()
	s.best = s.best[:len(s.best)-1]
	s.connect(tx, b.Height)
	b.txs = append(b.txs, tx)
	h := s.headers[b.Hash]
	h[79]++ // the root is not looked at here
	b.Hash = h.ID()
	s.headers[b.Hash], s.heights[b.Hash] = h, b.Height
	s.best = append(s.best, b)
}

// private returns the private key with a small number.
func private(n int) *btcec.PrivateKey {
	var b [32]byte
	binary.BigEndian.PutUint32(b[28:], uint32(n))
	key, _ := btcec.PrivKeyFromBytes(b[:])
	return key
}
