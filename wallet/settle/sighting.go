package settle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/wallet"
)

// sighting is a transaction that concerns the Book. In a block it is kept for ever, in none for as long as stepUnheard says.
type sighting struct {
	Raw   []byte            `json:"tx"`
	Block *spv.Block        `json:"block,omitempty"` // of the best chain; nil: in none
	Proof *merkle.Inclusion `json:"proof,omitempty"` // of a transaction that pays a vault
	Heard int32             `json:"heard,omitempty"` // in no block: where its chain was when it was last heard of

	tx *wire.MsgTx
}

// ref is an input or output of a sighting.
type ref struct {
	*sighting
	id    spv.Hash
	index int
}

func (r ref) outpoint() wire.OutPoint { return wire.OutPoint{Hash: r.id, Index: uint32(r.index)} }
func (r ref) value() int64            { return r.tx.TxOut[r.index].Value }

// maxTx is the size of the largest transaction that is kept, in bytes: no block holds more.
const maxTx = 4_000_000

// Apply takes in a block of a chain's best chain with all its transactions in order. That they are in it was checked
// before. Blocks come in ascending order; the same one may come again. What concerns the Book is on disk when it returns.
func (b *Book) Apply(chain spv.Hash, block spv.Block, txs []*wire.MsgTx) error {
	c, err := b.chain(chain)
	if err != nil {
		return err
	}
	var records []wallet.Record
	found := map[place]*sighting{}
	made := map[wire.OutPoint]bool{} // outputs of this block that are looked for
	for i, tx := range txs {
		id := tx.TxHash()
		vault, concerned := b.concerns(c, tx, made)
		if !concerned {
			continue
		}
		for n, out := range tx.TxOut {
			made[wire.OutPoint{Hash: id, Index: uint32(n)}] = b.looksFor(chain, out.PkScript)
		}
		at := place{chain, id}
		if old := b.seen[at]; old != nil && old.Block != nil && *old.Block != block {
			return fmt.Errorf("%s: transaction %s in block %s is in %s already: rewind first", c.Params.Name, id, block, *old.Block)
		}
		s := &sighting{Raw: serialize(tx), Block: &block, tx: tx.Copy()}
		if vault && i > 0 {
			if s.Proof, err = prove(txs, i); err != nil {
				return fmt.Errorf("%s: block %s: %w", c.Params.Name, block, err)
			}
		}
		found[at] = s
		records = append(records, record(s, keySeen, chain[:], id[:]))
	}
	if len(records) == 0 {
		return nil
	}
	if err := b.log.Write(records); err != nil {
		return err
	}
	for at, s := range found {
		b.index(at, s)
	}
	return nil
}

// Rewind goes back to a block that stays in the best chain, durably: what was above it is in no block.
func (b *Book) Rewind(chain spv.Hash, to spv.Block) error {
	c, err := b.chain(chain)
	if err != nil {
		return err
	}
	var records []wallet.Record
	var gone []*sighting
	for at, s := range b.seen {
		if at.chain == chain && s.Block != nil && s.Block.Height > to.Height {
			gone = append(gone, s)
			records = append(records, record(&sighting{Raw: s.Raw, Heard: to.Height}, keySeen, chain[:], at.tx[:]))
		}
	}
	tip := c.tip
	if tip.Height > to.Height {
		tip = to
		records = append(records, record(tip, keyCursor, chain[:]))
	}
	if len(records) == 0 {
		return nil
	}
	if err := b.log.Write(records); err != nil {
		return err
	}
	for _, s := range gone {
		s.Block, s.Proof, s.Heard = nil, nil, to.Height
	}
	c.tip = tip
	return nil
}

// concerns says whether a transaction pays a script that is looked for, takes such an output, or claims a deposit; and
// whether it pays a vault.
func (b *Book) concerns(c *followed, tx *wire.MsgTx, made map[wire.OutPoint]bool) (vault, concerned bool) {
	chain := c.Params.NetID()
	for _, out := range tx.TxOut {
		on := scriptOn{chain, string(out.PkScript)}
		if _, ok := b.vaults[on]; ok {
			vault, concerned = true, true
		}
		concerned = concerned || b.legs[on]
	}
	for _, in := range tx.TxIn {
		prev := in.PreviousOutPoint
		if s := b.seen[place{chain, prev.Hash}]; s != nil && int64(prev.Index) < int64(len(s.tx.TxOut)) {
			concerned = concerned || b.looksFor(chain, s.tx.TxOut[prev.Index].PkScript)
		}
		concerned = concerned || made[prev]
	}
	concerned = concerned || b.claimsOurs(c, tx)
	if !concerned && len(b.burns) > 0 {
		_, concerned = b.burns[place{chain, tx.TxHash()}]
	}
	return vault, concerned
}

func (b *Book) looksFor(chain spv.Hash, script []byte) bool {
	on := scriptOn{chain, string(script)}
	_, vault := b.vaults[on]
	return vault || b.legs[on]
}

// claimsOurs says whether a transaction of a layer claims a deposit to a vault that is looked for.
func (b *Book) claimsOurs(c *followed, tx *wire.MsgTx) bool {
	if c.Params.Peg == nil || !peg.IsClaim(tx) {
		return false
	}
	claim, err := peg.Parse(tx)
	if err != nil {
		return false
	}
	vault, err := claim.Vault(c.Params)
	if err != nil {
		return false
	}
	w, ok := b.vaults[scriptOn{c.Clock.NetID(), string(vault.PkScript)}]
	return ok && w.layer == c.Params.NetID()
}

// index makes a sighting known, in the place of what was known of the transaction.
func (b *Book) index(at place, s *sighting) {
	if old := b.seen[at]; old != nil {
		*old = *s // the witness may be another one
		return
	}
	b.seen[at] = s
	for i, out := range s.tx.TxOut {
		on := scriptOn{at.chain, string(out.PkScript)}
		b.paid[on] = append(b.paid[on], ref{s, at.tx, i})
	}
	for i, in := range s.tx.TxIn {
		on := coinOn{at.chain, in.PreviousOutPoint}
		b.spent[on] = append(b.spent[on], ref{s, at.tx, i})
	}
	if !peg.IsClaim(s.tx) {
		return
	}
	// Whose deposit it claims does not matter here: Watch may come later.
	if claim, err := peg.Parse(s.tx); err == nil {
		on := coinOn{at.chain, claim.Outpoint()}
		b.spent[on] = append(b.spent[on], ref{s, at.tx, 0})
	}
}

// spending returns the input in a block of the best chain that takes an outpoint.
func (b *Book) spending(on coinOn) (ref, bool) {
	for _, r := range b.spent[on] {
		if r.Block != nil {
			return r, true
		}
	}
	return ref{}, false
}

// displaced says whether a transaction in no block takes what another one in a block took: for as long as that one is there, it
// can get into none. Of what settlers sign, a variant for each fee may have been seen.
func (b *Book) displaced(chain spv.Hash, r ref) bool {
	return r.Block == nil && slices.ContainsFunc(r.tx.TxIn, func(in *wire.TxIn) bool {
		_, taken := b.spending(coinOn{chain, in.PreviousOutPoint})
		return taken
	})
}

// Scripts returns the scripts to look for on a chain, sorted: in outputs, and in what inputs take. Calls that add to them
// say so.
func (b *Book) Scripts(chain spv.Hash) (out [][]byte) {
	all := map[string]bool{}
	for on := range b.vaults {
		if on.chain == chain {
			all[on.script] = true
		}
	}
	for on := range b.legs {
		if on.chain == chain {
			all[on.script] = true
		}
	}
	for _, s := range slices.Sorted(maps.Keys(all)) {
		out = append(out, []byte(s))
	}
	return out
}

// Coins returns the outputs that were seen on a chain and pay such a script, sorted: what spends them is to be handed to Apply,
// and to Unconfirmed, like what pays the scripts.
func (b *Book) Coins(chain spv.Hash) (out []wire.OutPoint) {
	for on, refs := range b.paid {
		if on.chain != chain || !b.looksFor(chain, []byte(on.script)) {
			continue
		}
		for _, r := range refs {
			out = append(out, r.outpoint())
		}
	}
	slices.SortFunc(out, func(x, y wire.OutPoint) int {
		return cmpOr(bytes.Compare(x.Hash[:], y.Hash[:]), int(x.Index)-int(y.Index))
	})
	return out
}

// prove makes the proof that a block's transaction is in it.
func prove(txs []*wire.MsgTx, index int) (*merkle.Inclusion, error) {
	ids := make([]spv.Hash, len(txs))
	for i, tx := range txs {
		ids[i] = tx.TxHash()
	}
	own, err := merkle.NewBranch(ids, uint32(index))
	if err != nil {
		return nil, err
	}
	first, err := merkle.NewBranch(ids, 0)
	if err != nil {
		return nil, err
	}
	return &merkle.Inclusion{Index: uint32(index), Branch: own, Coinbase: stripped(txs[0]), CoinbaseBranch: first}, nil
}

func (b *Book) readSeen(key, value []byte) error {
	if len(key) != 64 {
		return errKey
	}
	at := place{spv.Hash(key[:32]), spv.Hash(key[32:])}
	s := new(sighting)
	if err := decode(value, s); err != nil {
		return err
	}
	tx, err := parseTx(s.Raw)
	if err != nil {
		return err
	}
	if s.tx = tx; tx.TxHash() != at.tx {
		return fmt.Errorf("holds transaction %s", tx.TxHash())
	}
	if s.Block != nil && s.Block.Height < 0 || s.Heard < 0 {
		return fmt.Errorf("block %v, heard of at height %d", s.Block, s.Heard)
	}
	if c, ok := b.chains[at.chain]; ok && s.Block == nil && s.Heard == 0 { // of records that do not say
		s.Heard = max(c.tip.Height, 0)
	}
	b.index(at, s)
	return nil
}

func serialize(tx *wire.MsgTx) []byte {
	var w bytes.Buffer
	if err := tx.Serialize(&w); err != nil {
		panic("settle: transaction does not encode: " + err.Error())
	}
	return w.Bytes()
}

func stripped(tx *wire.MsgTx) []byte {
	var w bytes.Buffer
	if err := tx.SerializeNoWitness(&w); err != nil {
		panic("settle: transaction does not encode: " + err.Error())
	}
	return w.Bytes()
}

// parseTx reads one transaction strictly: nothing may follow, and it must encode to the same bytes.
func parseTx(b []byte) (*wire.MsgTx, error) {
	if len(b) > maxTx {
		return nil, fmt.Errorf("transaction of %d bytes: want at most %d", len(b), maxTx)
	}
	tx := new(wire.MsgTx)
	if err := tx.Deserialize(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("transaction of %d bytes: %w", len(b), err)
	}
	if len(tx.TxIn) == 0 || len(tx.TxOut) == 0 || len(tx.TxOut) > math.MaxInt32 {
		return nil, fmt.Errorf("transaction: %d inputs, %d outputs, want at least one of each", len(tx.TxIn), len(tx.TxOut))
	}
	if !bytes.Equal(serialize(tx), b) {
		return nil, fmt.Errorf("transaction of %d bytes: not encoded as it should be", len(b))
	}
	return tx, nil
}

// decode reads a JSON value: no field that is not known, nothing behind it.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("bytes behind the value")
	}
	return nil
}
