package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
)

// Limits of a file.
const (
	MaxFile    = 8 << 20 // bytes
	MaxHeaders = 2048    // on the payment's chain
	MaxL1      = 8192    // L1 headers
	maxBelow   = 255
	version    = 1
)

var magic = []byte("LPAY")

// Payment is the content of a file, unverified.
type Payment struct {
	Chain     spv.Hash     // genesis hash of the payment's chain
	Height    int32        // of the first header
	Below     int          // headers below the payment's block
	Headers   []spv.Sealed // consecutive, upwards
	L1Height  int32        // of the first L1 header
	L1        []spv.Header // consecutive, upwards; none on an L1 and where the chain has rules of its own
	Tx        []byte       // the transaction without witness
	Inclusion merkle.Inclusion
}

var errShort = errors.New("ends early")

// Encode returns the file. It refuses what Parse would.
func (p *Payment) Encode() ([]byte, error) {
	if p.Height < 0 || p.L1Height < 0 || p.Below < 0 || p.Below > maxBelow || p.Below >= len(p.Headers) {
		return nil, fmt.Errorf("payment proof: height %d, L1 height %d, %d of %d headers below the payment's, want at most %d below it",
			p.Height, p.L1Height, p.Below, len(p.Headers), maxBelow)
	}
	var b bytes.Buffer
	b.Write(magic)
	b.WriteByte(version)
	b.Write(p.Chain[:])
	writeUint32(&b, uint32(p.Height))
	b.WriteByte(byte(p.Below))
	writeSize(&b, len(p.Headers))
	for i := range p.Headers {
		s := &p.Headers[i]
		b.Write(s.Header[:])
		if s.Aux == nil {
			b.WriteByte(0)
			continue
		}
		b.WriteByte(1)
		b.Write(s.Aux.Append(nil))
	}
	writeUint32(&b, uint32(p.L1Height))
	writeSize(&b, len(p.L1))
	for i := range p.L1 {
		b.Write(p.L1[i][:])
	}
	writeSize(&b, len(p.Tx))
	b.Write(p.Tx)
	b.Write(p.Inclusion.Branch.AppendIndexed(nil, p.Inclusion.Index))
	writeSize(&b, len(p.Inclusion.Coinbase))
	b.Write(p.Inclusion.Coinbase)
	b.Write(p.Inclusion.CoinbaseBranch.Append(nil))
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	if _, err := Parse(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeUint32(b *bytes.Buffer, v uint32) { b.Write(binary.LittleEndian.AppendUint32(nil, v)) }

func writeSize(b *bytes.Buffer, n int) { _ = wire.WriteVarInt(b, 0, uint64(n)) } // a buffer takes everything

// Parse reads a file. The form is strict: nothing behind it, lengths in their shortest form, the sum right. What it says is
// not judged. The result shares memory with b.
func Parse(b []byte) (*Payment, error) {
	if len(b) > MaxFile {
		return nil, fmt.Errorf("payment proof: %d bytes, want at most %d", len(b), MaxFile)
	}
	if len(b) < len(magic)+1 || !bytes.Equal(b[:len(magic)], magic) {
		return nil, fmt.Errorf("payment proof: does not begin with %q", magic)
	}
	if v := b[len(magic)]; v != version {
		return nil, fmt.Errorf("payment proof: version %d, want %d", v, version)
	}
	if len(b) < sha256.Size {
		return nil, fmt.Errorf("payment proof: %w", errShort)
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("payment proof: its bytes sum to %x, but it says %x: damaged or cut off", got[:4], sum[:4])
	}
	r := reader{b: body, at: len(magic) + 1}
	p := &Payment{Chain: spv.Hash(r.take(32))}
	r.headers(p)
	r.l1(p)
	p.Tx = r.take(r.size(spv.MaxTx))
	r.inclusion(&p.Inclusion)
	if r.err == nil && r.at != len(body) {
		r.err = fmt.Errorf("%d bytes too many", len(body)-r.at)
	}
	if r.err != nil {
		return nil, fmt.Errorf("payment proof: %w", r.err)
	}
	return p, nil
}

// reader walks bytes; after the first error everything it returns is empty.
type reader struct {
	b   []byte
	at  int
	err error
}

var zeros [80]byte

func (r *reader) take(n int) []byte {
	if r.err == nil && n > len(r.b)-r.at {
		r.err = errShort
	}
	if r.err != nil {
		return zeros[:min(n, len(zeros))]
	}
	r.at += n
	return r.b[r.at-n : r.at : r.at]
}

func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

func (r *reader) height() int32 {
	v := r.uint32()
	if int32(v) < 0 && r.err == nil {
		r.err = fmt.Errorf("height %d, want at most %d", v, int32(1<<31-1))
	}
	return int32(v)
}

// size reads a length of at most limit.
func (r *reader) size(limit int) int {
	if r.err != nil {
		return 0
	}
	s := bytes.NewReader(r.b[r.at:])
	n, err := wire.ReadVarInt(s, 0) // refuses longer forms than needed
	switch {
	case err != nil:
		r.err = fmt.Errorf("a length at byte %d: %w", r.at, err)
	case n > uint64(limit):
		r.err = fmt.Errorf("a length of %d at byte %d, want at most %d", n, r.at, limit)
	}
	if r.err != nil {
		return 0
	}
	r.at = len(r.b) - s.Len()
	return int(n)
}

func (r *reader) headers(p *Payment) {
	p.Height, p.Below = r.height(), int(r.take(1)[0])
	n := r.size(min(MaxHeaders, (len(r.b)-r.at)/(spv.HeaderSize+1)))
	if r.err == nil && p.Below >= n {
		r.err = fmt.Errorf("%d headers, of which %d below the payment's block", n, p.Below)
	}
	for i := 0; i < n && r.err == nil; i++ {
		s := spv.Sealed{Header: spv.Header(r.take(spv.HeaderSize))}
		switch flag := r.take(1)[0]; {
		case r.err != nil || flag == 0:
		case flag > 1 || i < p.Below:
			r.err = fmt.Errorf("header %d: flag %d, want 0 or, not below the payment's block, 1", i, flag)
		default:
			s.Aux = r.aux(i)
		}
		p.Headers = append(p.Headers, s)
	}
}

// aux reads a merged-mining proof with nothing in it that no rule covers.
func (r *reader) aux(i int) *spv.AuxPoW {
	a, n, err := spv.ParseAuxPoW(r.b[r.at:])
	switch {
	case err != nil:
		r.err = fmt.Errorf("header %d: %w", i, err)
	case a.BlockHash != spv.Hash{} || a.CoinbaseIndex != 0:
		r.err = fmt.Errorf("header %d: auxpow: block hash and coinbase index are used, want zero", i)
	case a.Coinbase.HasWitness():
		r.err = fmt.Errorf("header %d: auxpow: a coinbase with witness, want one without", i)
	}
	r.at += n
	return a
}

func (r *reader) l1(p *Payment) {
	p.L1Height = r.height()
	n := r.size(min(MaxL1, (len(r.b)-r.at)/spv.HeaderSize))
	if n == 0 && p.L1Height != 0 && r.err == nil {
		r.err = fmt.Errorf("L1 height %d without L1 headers, want 0", p.L1Height)
	}
	for i := 0; i < n && r.err == nil; i++ {
		p.L1 = append(p.L1, spv.Header(r.take(spv.HeaderSize)))
	}
}

func (r *reader) inclusion(in *merkle.Inclusion) {
	if r.err != nil {
		return
	}
	var rest []byte
	if in.Index, in.Branch, rest, r.err = merkle.ParseIndexed(r.b[r.at:]); r.err != nil {
		return
	}
	r.at = len(r.b) - len(rest)
	in.Coinbase = r.take(r.size(spv.MaxTx))
	if r.err != nil {
		return
	}
	if in.CoinbaseBranch, rest, r.err = merkle.ParseBranch(r.b[r.at:], merkle.MaxDepth); r.err == nil {
		r.at = len(r.b) - len(rest)
	}
}
