package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/internal/cursor"
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
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(p.Height)))
	b.WriteByte(byte(p.Below))
	b.Write(cursor.AppendSize(nil, len(p.Headers)))
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
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(p.L1Height)))
	b.Write(cursor.AppendSize(nil, len(p.L1)))
	for i := range p.L1 {
		b.Write(p.L1[i][:])
	}
	b.Write(cursor.AppendSize(nil, len(p.Tx)))
	b.Write(p.Tx)
	b.Write(p.Inclusion.Branch.AppendIndexed(nil, p.Inclusion.Index))
	b.Write(cursor.AppendSize(nil, len(p.Inclusion.Coinbase)))
	b.Write(p.Inclusion.Coinbase)
	b.Write(p.Inclusion.CoinbaseBranch.Append(nil))
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	if _, err := Parse(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

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
		return nil, errors.New("payment proof: ends early")
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("payment proof: its bytes sum to %x, but it says %x: damaged or cut off", got[:4], sum[:4])
	}
	r := reader{cursor.New(body, len(magic)+1)}
	p := &Payment{Chain: spv.Hash(r.Take(32))}
	r.headers(p)
	r.l1(p)
	p.Tx = r.Take(r.Size(spv.MaxTx))
	r.inclusion(&p.Inclusion)
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("payment proof: %w", err)
	}
	return p, nil
}

// reader reads the parts of a file.
type reader struct{ cursor.Cursor }

func (r *reader) headers(p *Payment) {
	p.Height, p.Below = r.Height(), int(r.Byte())
	n := r.Size(min(MaxHeaders, len(r.Rest())/(spv.HeaderSize+1)))
	if p.Below >= n {
		r.Fail(fmt.Errorf("%d headers, of which %d below the payment's block", n, p.Below))
	}
	for i := 0; i < n && r.Err() == nil; i++ {
		s := spv.Sealed{Header: spv.Header(r.Take(spv.HeaderSize))}
		switch flag := r.Byte(); {
		case r.Err() != nil || flag == 0:
		case flag > 1 || i < p.Below:
			r.Fail(fmt.Errorf("header %d: flag %d, want 0 or, not below the payment's block, 1", i, flag))
		default:
			s.Aux = r.aux(i)
		}
		p.Headers = append(p.Headers, s)
	}
}

// aux reads a merged-mining proof with nothing in it that no rule covers.
func (r *reader) aux(i int) *spv.AuxPoW {
	a, n, err := spv.ParseAuxPoW(r.Rest())
	switch {
	case err != nil:
		err = fmt.Errorf("header %d: %w", i, err)
	case a.BlockHash != spv.Hash{} || a.CoinbaseIndex != 0:
		err = fmt.Errorf("header %d: auxpow: block hash and coinbase index are used, want zero", i)
	case a.Coinbase.HasWitness():
		err = fmt.Errorf("header %d: auxpow: a coinbase with witness, want one without", i)
	}
	r.Skip(n, err)
	return a
}

func (r *reader) l1(p *Payment) {
	p.L1Height = r.Height()
	n := r.Size(min(MaxL1, len(r.Rest())/spv.HeaderSize))
	if n == 0 && p.L1Height != 0 {
		r.Fail(fmt.Errorf("L1 height %d without L1 headers, want 0", p.L1Height))
	}
	for i := 0; i < n && r.Err() == nil; i++ {
		p.L1 = append(p.L1, spv.Header(r.Take(spv.HeaderSize)))
	}
}

func (r *reader) inclusion(in *merkle.Inclusion) {
	r.Parse(func(b []byte) (rest []byte, err error) {
		in.Index, in.Branch, rest, err = merkle.ParseIndexed(b)
		return rest, err
	})
	in.Coinbase = r.Take(r.Size(spv.MaxTx))
	r.Parse(func(b []byte) (rest []byte, err error) {
		in.CoinbaseBranch, rest, err = merkle.ParseBranch(b, merkle.MaxDepth)
		return rest, err
	})
}
