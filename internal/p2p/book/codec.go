package book

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire"
)

// A book on disk, integers little-endian: magic 8, key 16; three counts uint32, of anchors,
// entries and bans; these; SHA-256 of all before. An address is its length in bytes (4, 16
// or 32), itself and its port uint16; an entry is a table (0 fresh, 1 proven), the bucket
// uint16, an address, services uint64, seen, worked, tried uint32 each, fails uint8; a ban
// is an address with port 0, until uint32, length of the cause uint8, the cause.
const (
	magic   = "peers\x00\x00\x01" // with the version of the form
	maxFile = 4 << 20
)

// Encode returns the book as bytes.
func (b *Book) Encode() []byte {
	le := binary.LittleEndian
	entries := b.inOrder()
	out := append([]byte(magic), b.key[:]...)
	out = le.AppendUint32(out, uint32(len(b.anchors)))
	out = le.AppendUint32(out, uint32(len(entries)))
	out = le.AppendUint32(out, uint32(len(b.bans)))
	for _, a := range b.anchors {
		out = a.append(out)
	}
	for _, k := range entries {
		table := byte(0)
		if k.at.tried {
			table = 1
		}
		out = k.Addr.append(le.AppendUint16(append(out, table), k.at.bucket))
		out = le.AppendUint64(out, uint64(k.Services))
		for _, t := range []uint32{k.Seen, k.Worked, k.Tried} {
			out = le.AppendUint32(out, t)
		}
		out = append(out, k.Fails)
	}
	for _, a := range b.banned() {
		ban := b.bans[a]
		out = le.AppendUint32(a.append(out), ban.Until)
		out = append(append(out, byte(len(ban.Cause))), ban.Cause...)
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

func (a Addr) append(out []byte) []byte {
	raw := a.bytes()
	out = append(append(out, byte(len(raw))), raw...)
	return binary.LittleEndian.AppendUint16(out, a.Port)
}

// Decode reads what Encode wrote, and nothing else.
func Decode(raw []byte) (*Book, error) {
	if len(raw) > maxFile {
		return nil, fmt.Errorf("address book: %d bytes, want at most %d", len(raw), maxFile)
	}
	if len(raw) < len(magic)+sha256.Size || !bytes.HasPrefix(raw, []byte(magic)) {
		return nil, errors.New("address book: no address book of this version")
	}
	body, sum := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, errors.New("address book: checksum is wrong")
	}
	p := &parser{rest: body[len(magic):]}
	b := New([16]byte(p.take(16)))
	anchors, entries, bans := p.uint32(), p.uint32(), p.uint32()
	if anchors > mostAnchors || entries > (newBuckets+triedBuckets)*places || bans > mostBans {
		return nil, fmt.Errorf("address book: %d anchors, %d entries, %d bans", anchors, entries, bans)
	}
	for i := uint32(0); i < anchors && p.err == nil; i++ {
		b.anchors = append(b.anchors, p.addr())
	}
	for i := uint32(0); i < entries && p.err == nil; i++ {
		b.restore(p)
	}
	for i := uint32(0); i < bans && p.err == nil; i++ {
		a := p.addr()
		b.bans[a] = Ban{Until: p.uint32(), Cause: string(p.take(int(p.byte())))}
	}
	// Whatever is not as Encode writes it is damage: order, double entries, more bytes.
	if p.err == nil && !bytes.Equal(b.Encode(), raw) {
		p.err = errors.New("address book: not in order")
	}
	if p.err != nil {
		return nil, p.err
	}
	return b, nil
}

// restore takes the next entry.
func (b *Book) restore(p *parser) {
	k := &kept{at: place{tried: p.byte() == 1, bucket: p.uint16()}}
	k.Addr = p.addr()
	k.Services = wire.ServiceFlag(p.uint64())
	k.Seen, k.Worked, k.Tried = p.uint32(), p.uint32(), p.uint32()
	k.Fails = p.byte()
	switch {
	case p.err != nil:
	case !k.Addr.Routable():
		p.err = fmt.Errorf("address book: %s cannot be reached", k.Addr)
	case k.at.tried && k.at.bucket != b.provenBucket(k.Addr), k.at.bucket >= newBuckets:
		p.err = fmt.Errorf("address book: %s in bucket %d", k.Addr, k.at.bucket)
	case k.at.tried:
		k.at.slot = b.slot("proven", k.at.bucket, k.Addr)
		b.proven[k.at.bucket][k.at.slot] = k
		b.entries[k.Addr] = k
	default:
		k.at.slot = b.slot("fresh", k.at.bucket, k.Addr)
		b.fresh[k.at.bucket][k.at.slot] = k
		b.entries[k.Addr] = k
	}
}

// parser takes bytes off a slice; after an error it gives zeros.
type parser struct {
	rest []byte
	err  error
}

func (p *parser) take(n int) []byte {
	if len(p.rest) < n {
		p.err = errors.New("address book: too short")
		p.rest = nil
		return make([]byte, n)
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *parser) byte() byte     { return p.take(1)[0] }
func (p *parser) uint16() uint16 { return binary.LittleEndian.Uint16(p.take(2)) }
func (p *parser) uint32() uint32 { return binary.LittleEndian.Uint32(p.take(4)) }
func (p *parser) uint64() uint64 { return binary.LittleEndian.Uint64(p.take(8)) }

func (p *parser) addr() Addr {
	raw := p.take(int(p.byte()))
	a, ok := fromBytes(raw, p.uint16())
	if !ok && p.err == nil {
		p.err = fmt.Errorf("address book: an address of %d bytes", len(raw))
	}
	return a
}
