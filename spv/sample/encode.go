package sample

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
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

var errShort = errors.New("ends early")

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
	writeSize(&b, len(p.Coinbase))
	b.Write(p.Coinbase)
	b.Write(p.Branch.Append(nil))
	b.Write(p.Below[:])
	writeSize(&b, len(p.Tail))
	for i := range p.Tail {
		b.Write(p.Tail[i].Append(nil))
	}
	writeSize(&b, len(p.Start))
	for i := range p.Start {
		b.Write(p.Start[i][:])
	}
	writeSize(&b, len(nodes.nodes))
	for _, n := range nodes.nodes {
		b.Write(merkle.Proof{n}.Append(nil)[1:]) // behind the length
	}
	b.Write(paths.Bytes())
	writeSize(&b, len(p.Samples))
	b.Write(samples.Bytes())
	if b.Len() > MaxProof || len(p.Samples) > maxSamples {
		return nil, fmt.Errorf("sampled proof: %d bytes, %d samples: %w", b.Len(), len(p.Samples), ErrTooLarge)
	}
	if _, err := Parse(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeSize(b *bytes.Buffer, n int) { _ = wire.WriteVarInt(b, 0, uint64(n)) } // a buffer takes everything

// Parse reads a proof. The form is strict; what it says is not judged. The result shares memory with b.
func Parse(b []byte) (*Proof, error) {
	if len(b) > MaxProof {
		return nil, fmt.Errorf("sampled proof: %d bytes, want at most %d", len(b), MaxProof)
	}
	if len(b) < len(magic)+1 || !bytes.Equal(b[:len(magic)], magic) || b[len(magic)] != version {
		return nil, fmt.Errorf("sampled proof: does not begin with %q and version %d", magic, version)
	}
	r := reader{b: b, at: len(magic) + 1}
	p := &Proof{Chain: spv.Hash(r.take(32)), Height: r.height()}
	p.Tip = r.sealed()
	p.Coinbase = r.take(r.size(spv.MaxTx))
	if r.err == nil {
		var rest []byte
		p.Branch, rest, r.err = merkle.ParseBranch(r.b[r.at:], merkle.MaxDepth)
		r.at = len(r.b) - len(rest)
	}
	p.Below = spv.Header(r.take(spv.HeaderSize))
	for n := r.size(maxTail); n > 0 && r.err == nil; n-- {
		p.Tail = append(p.Tail, r.sealed())
	}
	for n := r.size(maxStart); n > 0 && r.err == nil; n-- {
		p.Start = append(p.Start, spv.Header(r.take(spv.HeaderSize)))
	}
	nodes := r.nodes()
	r.seen = make(map[merkle.Node]bool, len(nodes))
	for _, path := range []*merkle.Proof{&p.GenesisPath, &p.BelowPath, &p.LastPath, &p.StartPath} {
		*path = r.path(nodes)
	}
	for n := r.size(maxSamples); n > 0 && r.err == nil; n-- {
		p.Samples = append(p.Samples, Sample{Height: r.height(), Before: spv.Header(r.take(spv.HeaderSize)), Block: r.sealed(),
			BeforePath: r.path(nodes), Path: r.path(nodes)})
	}
	if r.err == nil && len(r.seen) != len(nodes) {
		r.err = fmt.Errorf("%d range nodes, of which %d are different and used", len(nodes), len(r.seen))
	}
	if r.err == nil && r.at != len(b) {
		r.err = fmt.Errorf("%d bytes too many", len(b)-r.at)
	}
	if r.err != nil {
		return nil, fmt.Errorf("sampled proof: %w", r.err)
	}
	return p, nil
}

// reader walks bytes; after the first error everything it returns is empty.
type reader struct {
	b    []byte
	at   int
	err  error
	seen map[merkle.Node]bool // nodes that a path has used, in their order
}

var zeros [spv.HeaderSize]byte

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

func (r *reader) height() int32 {
	v := binary.LittleEndian.Uint32(r.take(4))
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

// sealed reads a header with its proof: every block of a layer but genesis has one.
func (r *reader) sealed() spv.Sealed {
	if r.err != nil {
		return spv.Sealed{}
	}
	s, n, err := spv.ParseSealed(r.b[r.at:], true)
	if err == nil && s.Aux == nil {
		err = fmt.Errorf("header %s: no merged-mining proof", s.Header.ID())
	}
	r.err = err
	r.at += n
	return s
}

func (r *reader) nodes() (nodes []merkle.Node) {
	n := r.size(min(maxNodes, (len(r.b)-r.at)/64))
	for range n {
		one, _, err := merkle.ParseProof(append([]byte{1}, r.take(64)...))
		if r.err = err; r.err != nil {
			return nil
		}
		nodes = append(nodes, one[0])
	}
	return nodes
}

// path reads a path. Nodes come in the order in which paths use them first, so that there is one form.
func (r *reader) path(nodes []merkle.Node) (p merkle.Proof) {
	n := int(r.take(1)[0])
	if n > maxPath && r.err == nil {
		r.err = fmt.Errorf("a path of %d nodes, want at most %d", n, maxPath)
	}
	for ; n > 0 && r.err == nil; n-- {
		at := int(binary.LittleEndian.Uint16(r.take(2)))
		switch next := len(r.seen); {
		case r.err != nil:
		case at >= len(nodes) || at > next || (at == next && r.seen[nodes[at]]):
			r.err = fmt.Errorf("a path over node %d, of %d in the order of their first use", at, len(nodes))
		default:
			r.seen[nodes[at]] = true
			p = append(p, nodes[at])
		}
	}
	return p
}
