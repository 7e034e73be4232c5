package template

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/txscript"
	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/pow"
)

const (
	// ExtraNonceSize is the room in every coinbase script for numbers that make work differ, bytes.
	ExtraNonceSize = 12
	// MarkSize is the size of a merged-mining commitment: magic, root, tree size and nonce.
	MarkSize = 44
	// MaxExtra is the most data of the miner's own that a coinbase script takes beside these, bytes.
	MaxExtra = 32

	maxScript    = 100 // consensus limit of a coinbase script
	headerWeight = 4 * spv.HeaderSize
)

// ExtraNonce makes the work of one coinbase differ from that of another.
type ExtraNonce [ExtraNonceSize]byte

// Output is one output of a coinbase.
type Output struct {
	Value  int64 // base units
	Script []byte
}

// Included is a transaction of a block.
type Included struct {
	Raw       []byte // as it travels in the block
	ID        spv.Hash
	WitnessID spv.Hash
	Witness   bool // the two ids differ, so that the block must commit to witnesses
}

// Parts are what a template is assembled from.
type Parts struct {
	Prev    spv.Hash // block that it builds on
	Height  int32    // of the new block
	Version int32
	Bits    uint32
	Time    uint32 // seconds since 1970
	MinTime uint32 // least time that the chain takes
	Lead    []byte // begins the coinbase script; empty: the height (BIP34)
	Extra   []byte // ends it, at most MaxExtra bytes
	Outputs []Output
	Txs     []Included
	Tail    []byte // follows the transactions (an extension block)
	Form    CoinbaseForm
}

// CoinbaseForm are the fields of a coinbase that mean little.
type CoinbaseForm struct {
	Version  int32
	Sequence uint32
	LockTime uint32
}

// plainCoinbase is what a coinbase of our own has in these fields.
var plainCoinbase = CoinbaseForm{Version: 2, Sequence: 0xffffffff}

// Template is a block without its nonce, and with the extranonce and the merged-mining commitment still open. It is
// read-only.
type Template struct {
	Parts
	Target uint256.Int   // of Bits
	Value  int64         // all that the coinbase pays, base units
	Branch merkle.Branch // from the coinbase to the merkle root

	witness bool // the coinbase has a witness
}

// Assemble makes a template. If a transaction carries a witness and no output commits to the witnesses, it appends the
// output that does (BIP141).
func Assemble(p Parts) (*Template, error) {
	target, ok := spv.ParseTarget(p.Bits)
	if !ok {
		return nil, fmt.Errorf("template at height %d: bits %08x are no target", p.Height, p.Bits)
	}
	if p.Height < 1 {
		return nil, fmt.Errorf("template at height %d: want at least 1", p.Height)
	}
	if len(p.Lead) == 0 {
		lead, err := txscript.NewScriptBuilder().AddInt64(int64(p.Height)).Script()
		if err != nil {
			return nil, fmt.Errorf("template at height %d: %w", p.Height, err)
		}
		p.Lead = lead
	}
	// Two pushes stand between lead and extra.
	if n, most := len(p.Lead)+len(p.Extra), maxScript-(1+MarkSize)-(1+ExtraNonceSize); n > most || len(p.Extra) > MaxExtra {
		return nil, fmt.Errorf("template at height %d: %d bytes of coinbase script, %d of them extra: at most %d and %d",
			p.Height, n, len(p.Extra), most, MaxExtra)
	}
	t := &Template{Parts: p, Target: target}
	t.commitWitnesses()
	for _, o := range t.Outputs {
		if o.Value < 0 || t.Value+o.Value < t.Value {
			return nil, fmt.Errorf("template at height %d: coinbase output of %d", p.Height, o.Value)
		}
		t.Value += o.Value
	}
	ids := make([]spv.Hash, 1, 1+len(p.Txs))
	for i := range p.Txs {
		ids = append(ids, p.Txs[i].ID)
	}
	branch, err := merkle.NewBranch(ids, 0)
	if err != nil {
		return nil, err
	}
	t.Branch = branch
	return t, nil
}

var witnessMagic = []byte{txscript.OP_RETURN, 0x24, 0xaa, 0x21, 0xa9, 0xed}

// commitWitnesses sees to it that a block with witnesses commits to them.
func (t *Template) commitWitnesses() {
	committed := slices.ContainsFunc(t.Outputs, func(o Output) bool { return isWitnessCommitment(o.Script) })
	carries := slices.ContainsFunc(t.Txs, func(tx Included) bool { return tx.Witness })
	t.witness = committed || carries
	if carries && !committed {
		t.Outputs = append(slices.Clip(t.Outputs), Output{Script: WitnessCommitment(t.Txs)})
	}
}

func isWitnessCommitment(script []byte) bool {
	return len(script) >= 38 && string(script[:len(witnessMagic)]) == string(witnessMagic)
}

// WitnessCommitment returns the output script that commits to the witnesses of a block's transactions, the coinbase
// left out, with a reserved value of zeros (BIP141).
func WitnessCommitment(txs []Included) []byte {
	ids := make([]spv.Hash, 1+len(txs))
	for i := range txs {
		ids[i+1] = txs[i].WitnessID
	}
	root, _ := merkle.Root(ids)
	commitment := pow.HashPair(&root, &spv.Hash{})
	return append(slices.Clone(witnessMagic), commitment[:]...)
}

// Halves returns what stands before and behind the extranonce in the coinbase, serialised without witness. Mark is the
// merged-mining commitment, empty for none. A mark of another size is a broken invariant of the caller.
func (t *Template) Halves(mark []byte) (left, right []byte) {
	if len(mark) != 0 && len(mark) != MarkSize {
		panic(fmt.Sprintf("template: merged-mining commitment of %d bytes", len(mark)))
	}
	size := len(t.Lead) + 1 + ExtraNonceSize + len(t.Extra)
	if len(mark) > 0 {
		size += 1 + len(mark)
	}
	left = binary.LittleEndian.AppendUint32(left, uint32(t.Form.Version))
	left = append(left, 1)
	left = append(left, make([]byte, 32)...)
	left = append(left, 0xff, 0xff, 0xff, 0xff, byte(size))
	left = append(left, t.Lead...)
	if len(mark) > 0 {
		left = append(append(left, MarkSize), mark...)
	}
	left = append(left, ExtraNonceSize)

	right = append(right, t.Extra...)
	right = binary.LittleEndian.AppendUint32(right, t.Form.Sequence)
	right = appendCompact(right, uint64(len(t.Outputs)))
	for _, o := range t.Outputs {
		right = binary.LittleEndian.AppendUint64(right, uint64(o.Value))
		right = append(appendCompact(right, uint64(len(o.Script))), o.Script...)
	}
	return left, binary.LittleEndian.AppendUint32(right, t.Form.LockTime)
}

// Coinbase returns the coinbase, serialised without witness.
func (t *Template) Coinbase(mark []byte, x ExtraNonce) []byte {
	left, right := t.Halves(mark)
	return append(append(left, x[:]...), right...)
}

// Header returns the block's header over a coinbase (without witness), at the template's version and time. The nonce
// is 0.
func (t *Template) Header(coinbase []byte) (h spv.Header) {
	root := t.Branch.Root(pow.DoubleSHA256(coinbase), 0)
	binary.LittleEndian.PutUint32(h[0:], uint32(t.Version))
	copy(h[4:], t.Prev[:])
	copy(h[36:], root[:])
	binary.LittleEndian.PutUint32(h[68:], t.Time)
	binary.LittleEndian.PutUint32(h[72:], t.Bits)
	return h
}

// Block returns the whole block as it travels: header, proof if there is one, transactions, tail. The coinbase is
// given without witness and gets one if the block has witnesses.
func (t *Template) Block(s *spv.Sealed, coinbase []byte) []byte {
	b := s.Append(nil)
	b = appendCompact(b, uint64(1+len(t.Txs)))
	if t.witness {
		body := coinbase[4 : len(coinbase)-4]
		b = append(append(b, coinbase[:4]...), 0, 1)
		b = append(append(b, body...), 1, 32)
		b = append(b, make([]byte, 32)...)
		b = append(b, coinbase[len(coinbase)-4:]...)
	} else {
		b = append(b, coinbase...)
	}
	for i := range t.Txs {
		b = append(b, t.Txs[i].Raw...)
	}
	return append(b, t.Tail...)
}

// Bare returns a block that nobody merge-mines with: its coinbase with an extranonce of zeros and no commitment. This is
// how a layer's block is made, whose work is another's.
func (t *Template) Bare() (spv.Header, []byte) {
	coinbase := t.Coinbase(nil, ExtraNonce{})
	return t.Header(coinbase), coinbase
}

func appendCompact(dst []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(dst, byte(n))
	case n <= 0xffff:
		return binary.LittleEndian.AppendUint16(append(dst, 0xfd), uint16(n))
	default:
		return binary.LittleEndian.AppendUint32(append(dst, 0xfe), uint32(n))
	}
}
