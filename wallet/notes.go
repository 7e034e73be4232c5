package wallet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// labelKey says what a label is of: a type of BIP329 and its reference.
type labelKey struct{ kind, ref string }

// label is what somebody wrote there.
type label struct{ text, origin string }

// Limits of what is kept.
const (
	MaxLabel  = 255 // bytes of a label (BIP329)
	maxRef    = 160 // bytes of a reference; an extended public key has 111
	maxOrigin = 255 // bytes of an origin
	MaxTag    = 64  // bytes of a tag
	maxTags   = 16  // tags of one coin or address
	maxNotes  = 500_000
)

// labelKinds are the types of BIP329.
var labelKinds = []string{"tx", "addr", "pubkey", "input", "output", "xpub"}

// plain refuses text that could not be shown in one line.
func plain(what, s string, most int) error {
	if len(s) > most {
		return fmt.Errorf("%s of %d bytes: want at most %d", what, len(s), most)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s %q: want text without control characters", what, s)
	}
	return nil
}

func noteKey(kind byte, parts ...string) []byte {
	return append([]byte{kind}, strings.Join(parts, "\x00")...)
}

// SetLabel writes a label, durably; an empty one removes it. Kind is a type of BIP329:
// tx, addr, pubkey, input, output or xpub; ref is written as there.
func (c *Chain) SetLabel(kind, ref, text string) error {
	return c.setLabel(labelKey{kind, ref}, label{text: text, origin: c.labels[labelKey{kind, ref}].origin})
}

func (c *Chain) setLabel(key labelKey, l label) error {
	if err := c.checkLabel(key, l); err != nil {
		return err
	}
	if err := c.log.Write([]Record{labelRecord(key, l)}); err != nil {
		return err
	}
	c.keepLabel(key, l)
	return nil
}

func (c *Chain) checkLabel(key labelKey, l label) error {
	if !slices.Contains(labelKinds, key.kind) {
		return fmt.Errorf("label of type %.20q: want one of %v", key.kind, labelKinds)
	}
	if key.ref == "" {
		return fmt.Errorf("label of type %s: no reference", key.kind)
	}
	if _, have := c.labels[key]; !have && l.text != "" && len(c.labels) >= maxNotes {
		return fmt.Errorf("labels: %d, no more are kept", len(c.labels))
	}
	return errors.Join(plain("reference", key.ref, maxRef), plain("label", l.text, MaxLabel), plain("origin", l.origin, maxOrigin))
}

func labelRecord(key labelKey, l label) Record {
	r := Record{Key: noteKey(keyLabel, key.kind, key.ref)}
	if l.text != "" {
		r.Value = noteKey('1', l.text, l.origin)
	}
	return r
}

func (c *Chain) keepLabel(key labelKey, l label) {
	if l.text == "" {
		delete(c.labels, key)
	} else {
		c.labels[key] = l
	}
}

// Label returns a label; empty if there is none.
func (c *Chain) Label(kind, ref string) string { return c.labels[labelKey{kind, ref}].text }

func (c *Chain) txLabel(id spv.Hash) string {
	if len(c.labels) == 0 {
		return ""
	}
	return c.Label("tx", id.String())
}

// coinLabel returns a coin's own label, else its address's, else its transaction's.
func (c *Chain) coinLabel(k *coin) string {
	if len(c.labels) == 0 {
		return ""
	}
	if l := c.Label("output", k.op.String()); l != "" {
		return l
	}
	if l := c.Label("addr", c.addressAt(k.place).Text); l != "" {
		return l
	}
	return c.txLabel(k.op.Hash)
}

// Freeze keeps a coin from being chosen, durably, until it is thawed. Any outpoint may
// be frozen, also before its coin is known.
func (c *Chain) Freeze(op wire.OutPoint, frozen bool) error {
	if err := c.log.Write([]Record{frozenRecord(op, frozen)}); err != nil {
		return err
	}
	c.keepFrozen(op, frozen)
	return nil
}

func (c *Chain) keepFrozen(op wire.OutPoint, frozen bool) {
	if frozen {
		c.frozen[op] = true
	} else {
		delete(c.frozen, op)
	}
	if k := c.coin(op); k != nil {
		k.frozen = frozen
	}
}

func frozenRecord(op wire.OutPoint, frozen bool) Record {
	key := binary.LittleEndian.AppendUint32(append([]byte{keyFrozen}, op.Hash[:]...), op.Index)
	if !frozen {
		return Record{Key: key}
	}
	return Record{key, []byte{1}}
}

// loadNote reads a record of this file or of tags.go.
func (c *Chain) loadNote(key, value []byte) error {
	parts := strings.Split(string(key[1:]), "\x00")
	switch {
	case key[0] == keyFrozen && len(key) == 37:
		c.frozen[wire.OutPoint{Hash: spv.Hash(key[1:33]), Index: binary.LittleEndian.Uint32(key[33:])}] = true
		return nil
	case key[0] == keyLabel && len(parts) == 2 && len(value) > 0 && value[0] == '1':
		text, origin, _ := strings.Cut(string(value[1:]), "\x00")
		k, l := labelKey{parts[0], parts[1]}, label{text, origin}
		if err := c.checkLabel(k, l); err != nil {
			return err
		}
		c.labels[k] = l
		return nil
	case key[0] == keyTag && len(parts) == 1 && len(value) > 0:
		c.tags[parts[0]] = strings.Split(string(value), "\x00")
		return nil
	case key[0] == keyRule && len(parts) == 2:
		c.rules[[2]string{parts[0], parts[1]}] = true
		return nil
	}
	return fmt.Errorf("record %x: %d bytes, not what is kept there", key, len(value))
}
