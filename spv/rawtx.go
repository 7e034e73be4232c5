package spv

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/layeredpow/lamina/spv/pow"
)

// MaxTx is the largest transaction that ParseTx accepts, in bytes. No transaction of a
// chain that Lamina knows can be larger (Bitcoin's block weight limit).
const MaxTx = 4_000_000

// Tx is a read-only view of one serialised transaction. It shares memory with the bytes
// it was parsed from. The form is strict (canonical lengths, a witness only where there
// is one), the content may be anything.
type Tx struct {
	raw     []byte // the transaction exactly as it travels
	body    []byte // inputs and outputs, without witness marker and witness
	outputs []byte // the serialised outputs
	script  []byte // the first input's script; nil without inputs
	prev    []byte // the first input's previous outpoint, 36 bytes; nil without inputs
	ins     uint64
	outs    uint64
	witness bool
	hogEx   bool // the transaction that ties an extension block to its block
}

var errShort = errors.New("ends early")

// ParseTx reads one transaction from the start of b and returns the number of bytes it
// takes. The encoding is Bitcoin's, with or without witness (BIP144); a transaction
// without inputs or without outputs parses, because merge-mined chains accept such
// parent coinbases.
func ParseTx(b []byte) (Tx, int, error) { return parseTx(b, false) }

// extensionFlag marks, where a witness would be marked, a transaction of a chain with
// extension blocks (LIP-2). In a block only the last transaction has it, and nothing of
// its own behind it but a zero.
const extensionFlag = 8

// parseTx is ParseTx, with the extension flag allowed or not.
func parseTx(b []byte, extensions bool) (Tx, int, error) {
	r := reader{b: b}
	var t Tx
	r.take(4)
	bodyStart := r.at
	t.ins = r.compactSize()
	if t.ins == 0 && r.err == nil {
		flag := r.byte()
		if flag == 0 { // no inputs: the byte was the output count
			t.body = r.since(bodyStart)
			t.outputs = r.b[r.at-1 : r.at]
			r.take(4)
			return t.finish(&r)
		}
		t.witness, t.hogEx = flag == 1, flag == extensionFlag && extensions
		if !t.witness && !t.hogEx {
			r.fail(fmt.Errorf("witness flag %#02x, want 0x01", flag))
		}
		bodyStart = r.at
		t.ins = r.compactSize()
	}
	t.parseInputs(&r)
	outStart := r.at
	t.parseOutputs(&r)
	t.outputs = r.since(outStart)
	t.body = r.since(bodyStart)
	if t.witness {
		parseWitness(&r, t.ins)
	}
	if t.hogEx && r.byte() != 0 {
		r.fail(errors.New("extension data inside a transaction of a block"))
	}
	r.take(4)
	return t.finish(&r)
}

func (t Tx) finish(r *reader) (Tx, int, error) {
	if r.err == nil && r.at > MaxTx {
		r.err = fmt.Errorf("%d bytes, want at most %d", r.at, MaxTx)
	}
	if r.err != nil {
		return Tx{}, 0, fmt.Errorf("transaction: %w", r.err)
	}
	t.raw = r.b[:r.at:r.at]
	return t, r.at, nil
}

func (t *Tx) parseInputs(r *reader) {
	for i := uint64(0); i < t.ins && r.err == nil; i++ {
		prev := r.take(36)
		script := r.take(r.compactSize())
		r.take(4)
		if i == 0 {
			t.prev, t.script = prev, script
		}
	}
}

func (t *Tx) parseOutputs(r *reader) {
	t.outs = r.compactSize()
	for i := uint64(0); i < t.outs && r.err == nil; i++ {
		r.take(8)
		r.take(r.compactSize())
	}
}

// parseWitness walks one stack per input and refuses a witness that is empty throughout,
// as Bitcoin Core does.
func parseWitness(r *reader, inputs uint64) {
	any := false
	for i := uint64(0); i < inputs && r.err == nil; i++ {
		items := r.compactSize()
		any = any || items > 0
		for j := uint64(0); j < items && r.err == nil; j++ {
			r.take(r.compactSize())
		}
	}
	if !any && r.err == nil {
		r.fail(errors.New("witness marker without a witness"))
	}
}

// Bytes returns the transaction as it was parsed, witness included.
func (t *Tx) Bytes() []byte { return t.raw }

// HasWitness tells whether it was encoded with a witness.
func (t *Tx) HasWitness() bool { return t.witness }

// Inputs returns the number of inputs.
func (t *Tx) Inputs() uint64 { return t.ins }

// Outputs returns the number of outputs.
func (t *Tx) Outputs() uint64 { return t.outs }

// FirstScript returns the first input's script, nil if there is no input.
func (t *Tx) FirstScript() []byte { return t.script }

// IsCoinbase tells whether it has exactly one input, which spends nothing
// (previous output 0:ffffffff).
func (t *Tx) IsCoinbase() bool { return t.ins == 1 && nullOutpoint(t.prev) }

func nullOutpoint(p []byte) bool {
	for _, c := range p[:32] {
		if c != 0 {
			return false
		}
	}
	return binary.LittleEndian.Uint32(p[32:]) == 0xffffffff
}

// AppendStripped appends the transaction without its witness to dst.
func (t *Tx) AppendStripped(dst []byte) []byte {
	dst = append(dst, t.raw[:4]...)
	dst = append(dst, t.body...)
	return append(dst, t.raw[len(t.raw)-4:]...)
}

// StrippedSize returns the length of the transaction without its witness, in bytes.
func (t *Tx) StrippedSize() int { return 8 + len(t.body) }

// ID returns the transaction id: SHA-256d without the witness.
func (t *Tx) ID() Hash {
	if !t.witness && !t.hogEx {
		return pow.DoubleSHA256(t.raw)
	}
	var buf [2048]byte
	return pow.DoubleSHA256(t.AppendStripped(buf[:0]))
}

// stripped returns what ID is the hash of, sharing memory with the transaction where it can.
func (t *Tx) stripped() []byte {
	if !t.witness && !t.hogEx {
		return t.raw
	}
	return t.AppendStripped(nil)
}

// WitnessID returns SHA-256d with the witness (BIP141 wtxid).
func (t *Tx) WitnessID() Hash {
	if t.hogEx {
		return t.ID()
	}
	return pow.DoubleSHA256(t.raw)
}

// EachOutput calls f with every output's value in base units and its script until f
// returns false.
func (t *Tx) EachOutput(f func(value int64, script []byte) bool) {
	r := reader{b: t.outputs}
	n := r.compactSize()
	for range n {
		value := int64(binary.LittleEndian.Uint64(r.take(8)))
		if !f(value, r.take(r.compactSize())) {
			return
		}
	}
}

// reader walks bytes; after the first error everything it returns is empty.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) since(start int) []byte {
	if r.err != nil {
		return nil
	}
	return r.b[start:r.at]
}

// zeros stands in for what could not be read, so that callers need not look at err
// after every step.
var zeros [HeaderSize]byte

func (r *reader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.b)-r.at) {
		r.err = errShort
	}
	if r.err != nil {
		return zeros[:min(n, uint64(len(zeros)))]
	}
	r.at += int(n)
	return r.b[r.at-int(n) : r.at : r.at]
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

// compactSize reads Bitcoin's variable-length integer, in its shortest form only.
func (r *reader) compactSize() uint64 {
	var v, least uint64
	switch first := r.byte(); first {
	case 0xfd:
		v, least = uint64(binary.LittleEndian.Uint16(r.take(2))), 0xfd
	case 0xfe:
		v, least = uint64(binary.LittleEndian.Uint32(r.take(4))), 0x10000
	case 0xff:
		v, least = binary.LittleEndian.Uint64(r.take(8)), 0x100000000
	default:
		return uint64(first)
	}
	if v < least {
		r.fail(fmt.Errorf("length %d is not in its shortest form", v))
	}
	if r.err != nil {
		return 0
	}
	return v
}
