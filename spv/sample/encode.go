package sample

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/internal/cursor"
	"github.com/layeredpow/lamina/spv/merkle"
)

// Limits of a proof.
const (
	MaxProof   = 4 << 20 // bytes
	maxTail    = 4096
	maxStart   = 64
	maxSamples = 4096
	maxNodes   = 1 << 16
	maxPath    = 32
	version    = 1
)

var magic = []byte("LSMP")

// Proof is a sampled proof of a layer's history, unverified.
//
// Its form, integers little-endian, lengths as CompactSize: "LSMP" | 01 | genesis hash, 32 | height of the tip, uint32 | the tip
// with its merged-mining proof | its coinbase without witness: length, bytes | its branch | the header below the tail, 80 | tail: length,
// headers with proofs | start: length, headers of 80 | range nodes: length, 64 bytes each (hash, work) | four paths | samples: length, each:
// height uint32 | the header before, 80 | the header with its proof | two paths. A path is a number of nodes, uint8, and for each its place
// among the range nodes, uint16: paths share most of them.
type Proof struct {
	Chain    spv.Hash // genesis hash
	Height   int32    // of the tip
	Tip      spv.Sealed
	Coinbase []byte // of the tip's block, without witness
	Branch   merkle.Branch
	Below    spv.Header   // the header below the tail
	Tail     []spv.Sealed // up to the block below the tip
	// Start ends below the newest blocks that the verifier takes elsewhere, and has as many headers as its rules look back at.
	Start []spv.Header

	// Places in the range over all blocks below the tip; StartPath is that of the start's last.
	GenesisPath, BelowPath, LastPath, StartPath merkle.Proof

	Samples []Sample // by height, upwards
}

// Sample is one opened block.
type Sample struct {
	Height     int32
	Before     spv.Header // the block's previous one
	Block      spv.Sealed
	BeforePath merkle.Proof
	Path       merkle.Proof
}

// ErrTooLarge: a chain's proof has more of something than the form allows, as with parents' proofs of an odd size.
var ErrTooLarge = errors.New("larger than a sampled proof may be")

// table numbers the nodes of all paths.
type table struct {
	index map[merkle.Node]uint16
	nodes []merkle.Node
	full  bool
}

func (t *table) add(p merkle.Proof) (path []byte) {
	path = []byte{byte(len(p))}
	for _, n := range p {
		at, ok := t.index[n]
		if !ok {
			t.full = t.full || len(t.nodes) >= maxNodes
			at = uint16(len(t.nodes))
			t.index[n] = at
			t.nodes = append(t.nodes, n)
		}
		path = binary.LittleEndian.AppendUint16(path, at)
	}
	return path
}

// Encode returns the proof as it travels. It refuses what Parse would.
func (p *Proof) Encode() ([]byte, error) {
	nodes := table{index: make(map[merkle.Node]uint16)}
	var paths, samples bytes.Buffer
	for _, path := range []merkle.Proof{p.GenesisPath, p.BelowPath, p.LastPath, p.StartPath} {
		paths.Write(nodes.add(path))
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		samples.Write(binary.LittleEndian.AppendUint32(nil, uint32(s.Height)))
		samples.Write(s.Before[:])
		samples.Write(s.Block.Append(nil))
		samples.Write(nodes.add(s.BeforePath))
		samples.Write(nodes.add(s.Path))
	}
	if nodes.full {
		return nil, fmt.Errorf("sampled proof: more than %d range nodes: %w", maxNodes, ErrTooLarge)
	}
	var b bytes.Buffer
	b.Write(magic)
	b.WriteByte(version)
	b.Write(p.Chain[:])
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(p.Height)))
	b.Write(p.Tip.Append(nil))
	b.Write(cursor.AppendSize(nil, len(p.Coinbase)))
	b.Write(p.Coinbase)
	b.Write(p.Branch.Append(nil))
	b.Write(p.Below[:])
	b.Write(cursor.AppendSize(nil, len(p.Tail)))
	for i := range p.Tail {
		b.Write(p.Tail[i].Append(nil))
	}
	b.Write(cursor.AppendSize(nil, len(p.Start)))
	for i := range p.Start {
		b.Write(p.Start[i][:])
	}
	b.Write(cursor.AppendSize(nil, len(nodes.nodes)))
	for _, n := range nodes.nodes {
		b.Write(merkle.Proof{n}.Append(nil)[1:]) // behind the length
	}
	b.Write(paths.Bytes())
	b.Write(cursor.AppendSize(nil, len(p.Samples)))
	b.Write(samples.Bytes())
	if b.Len() > MaxProof || len(p.Samples) > maxSamples {
		return nil, fmt.Errorf("sampled proof: %d bytes, %d samples: %w", b.Len(), len(p.Samples), ErrTooLarge)
	}
	if _, err := Parse(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Parse reads a proof. The form is strict; what it says is not judged. The result shares memory with b.
func Parse(b []byte) (*Proof, error) {
	if len(b) > MaxProof {
		return nil, fmt.Errorf("sampled proof: %d bytes, want at most %d", len(b), MaxProof)
	}
	if len(b) < len(magic)+1 || !bytes.Equal(b[:len(magic)], magic) || b[len(magic)] != version {
		return nil, fmt.Errorf("sampled proof: does not begin with %q and version %d", magic, version)
	}
	r := reader{Cursor: cursor.New(b, len(magic)+1)}
	p := &Proof{Chain: spv.Hash(r.Take(32)), Height: r.Height()}
	p.Tip = r.sealed()
	p.Coinbase = r.Take(r.Size(spv.MaxTx))
	p.Branch = r.branch()
	p.Below = spv.Header(r.Take(spv.HeaderSize))
	for n := r.Size(maxTail); n > 0 && r.Err() == nil; n-- {
		p.Tail = append(p.Tail, r.sealed())
	}
	for n := r.Size(maxStart); n > 0 && r.Err() == nil; n-- {
		p.Start = append(p.Start, spv.Header(r.Take(spv.HeaderSize)))
	}
	nodes := r.nodes()
	r.seen = make(map[merkle.Node]bool, len(nodes))
	for _, path := range []*merkle.Proof{&p.GenesisPath, &p.BelowPath, &p.LastPath, &p.StartPath} {
		*path = r.path(nodes)
	}
	for n := r.Size(maxSamples); n > 0 && r.Err() == nil; n-- {
		p.Samples = append(p.Samples, Sample{Height: r.Height(), Before: spv.Header(r.Take(spv.HeaderSize)), Block: r.sealed(),
			BeforePath: r.path(nodes), Path: r.path(nodes)})
	}
	if len(r.seen) != len(nodes) {
		r.Fail(fmt.Errorf("%d range nodes, of which %d are different and used", len(nodes), len(r.seen)))
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("sampled proof: %w", err)
	}
	return p, nil
}

// reader reads the parts of a proof.
type reader struct {
	cursor.Cursor
	seen map[merkle.Node]bool // nodes that a path has used, in their order
}

func (r *reader) branch() (branch merkle.Branch) {
	r.Parse(func(b []byte) (rest []byte, err error) {
		branch, rest, err = merkle.ParseBranch(b, merkle.MaxDepth)
		return rest, err
	})
	return branch
}

// sealed reads a header with its proof: every block of a layer but genesis has one.
func (r *reader) sealed() spv.Sealed {
	if r.Err() != nil {
		return spv.Sealed{}
	}
	s, n, err := spv.ParseSealed(r.Rest(), true)
	if err == nil && s.Aux == nil {
		err = fmt.Errorf("header %s: no merged-mining proof", s.Header.ID())
	}
	r.Skip(n, err)
	return s
}

func (r *reader) nodes() (nodes []merkle.Node) {
	n := r.Size(min(maxNodes, len(r.Rest())/64))
	for range n {
		one, _, err := merkle.ParseProof(append([]byte{1}, r.Take(64)...))
		if r.Fail(err); r.Err() != nil {
			return nil
		}
		nodes = append(nodes, one[0])
	}
	return nodes
}

// path reads a path. Nodes come in the order in which paths use them first, so that there is one form.
func (r *reader) path(nodes []merkle.Node) (p merkle.Proof) {
	n := int(r.Byte())
	if n > maxPath {
		r.Fail(fmt.Errorf("a path of %d nodes, want at most %d", n, maxPath))
	}
	for ; n > 0 && r.Err() == nil; n-- {
		at := int(r.Uint16())
		switch next := len(r.seen); {
		case r.Err() != nil:
		case at >= len(nodes) || at > next || (at == next && r.seen[nodes[at]]):
			r.Fail(fmt.Errorf("a path over node %d, of %d in the order of their first use", at, len(nodes)))
		default:
			r.seen[nodes[at]] = true
			p = append(p, nodes[at])
		}
	}
	return p
}
