package app

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
)

// settleChain stands in the place of a chain's name over the records of a wallet's settlement: no chain has this name.
const settleChain = "*settle"

// The second byte of the facade's own records says what it is; ownRecord is the first.
const (
	settleRedo    = 'r' // by chain: height from which blocks are to be looked through again
	settleWatched = 'w' // by layer: how many scripts of its wallet deposits were looked for of
	settleForeign = 'f' // by layer and script: of somebody else's, for whom we claim
	settleRefunds = 'k' // extended public key above those of refundable deposits
)

// settleLog keeps the records of a wallet's settlement on disk and, among them, some of the facade's own. It satisfies
// wallet.Log.
type settleLog struct {
	disk    wallet.Log
	redo    map[spv.Hash]int32
	watched map[spv.Hash]uint32
	foreign map[spv.Hash]map[string]bool
	refunds *keystore.Public // nil: not known yet
	// broken is the first error of the disk: what it has of the last records is not known then, so nothing more is written.
	broken atomic.Pointer[Error]
}

// Load calls back for the settlement's records and takes its own.
func (b *settleLog) Load(f func(key, value []byte) error) error {
	b.redo, b.watched, b.foreign = map[spv.Hash]int32{}, map[spv.Hash]uint32{}, map[spv.Hash]map[string]bool{}
	return b.disk.Load(func(key, value []byte) error {
		if len(key) == 0 || key[0] != ownRecord {
			return f(key, value)
		}
		return b.read(key, value)
	})
}

func (b *settleLog) read(key, value []byte) error {
	bad := fmt.Errorf("settlement record %x: %d bytes, not what is kept there", key, len(value))
	if len(key) == 2 && key[1] == settleRefunds {
		b.refunds = new(keystore.Public)
		return b.refunds.UnmarshalText(value)
	}
	if len(key) < 34 {
		return bad
	}
	chain, rest, le := spv.Hash(key[2:34]), key[34:], binary.LittleEndian
	switch {
	case key[1] == settleRedo && len(rest) == 0 && len(value) == 4:
		b.redo[chain] = int32(le.Uint32(value))
	case key[1] == settleWatched && len(rest) == 0 && len(value) == 4:
		b.watched[chain] = le.Uint32(value)
	case key[1] == settleForeign && len(rest) > 0:
		b.addForeign(chain, rest)
	default:
		return bad
	}
	return nil
}

func (b *settleLog) addForeign(layer spv.Hash, script []byte) {
	if b.foreign[layer] == nil {
		b.foreign[layer] = map[string]bool{}
	}
	b.foreign[layer][string(script)] = true
}

// Write writes the settlement's records.
func (b *settleLog) Write(records []wallet.Record) error {
	if err := b.broken.Load(); err != nil {
		return err
	}
	if err := b.disk.Write(records); err != nil {
		b.broken.Store(&Error{CodeInternal, err})
		return b.broken.Load()
	}
	return nil
}

func (b *settleLog) put(kind byte, chain spv.Hash, rest, value []byte) error {
	key := append(append([]byte{ownRecord, kind}, chain[:]...), rest...)
	return b.Write([]wallet.Record{{Key: key, Value: value}})
}

// setRedo notes from where on a chain is to be looked through again; 0: no more.
func (b *settleLog) setRedo(chain spv.Hash, from int32) error {
	if b.redo[chain] == from {
		return nil
	}
	var value []byte
	if from > 0 {
		value = binary.LittleEndian.AppendUint32(nil, uint32(from))
	}
	if err := b.put(settleRedo, chain, nil, value); err != nil {
		return err
	}
	b.redo[chain] = from
	return nil
}

// setWatched notes how many scripts of a layer's wallet deposits are looked for of.
func (b *settleLog) setWatched(layer spv.Hash, n uint32) error {
	if err := b.put(settleWatched, layer, nil, binary.LittleEndian.AppendUint32(nil, n)); err != nil {
		return err
	}
	b.watched[layer] = n
	return nil
}

// setForeign notes a script of somebody else's.
func (b *settleLog) setForeign(layer spv.Hash, script []byte) error {
	if err := b.put(settleForeign, layer, script, []byte{1}); err != nil {
		return err
	}
	b.addForeign(layer, script)
	return nil
}

// setRefunds notes the key above those of refundable deposits.
func (b *settleLog) setRefunds(key *keystore.Public) error {
	text, err := key.MarshalText()
	if err != nil {
		return err
	}
	if err := b.Write([]wallet.Record{{Key: []byte{ownRecord, settleRefunds}, Value: text}}); err != nil {
		return err
	}
	b.refunds = key
	return nil
}
