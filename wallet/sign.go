package wallet

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/message"
)

// Signer makes signatures with the private keys below a master key. It may be called
// from several goroutines. keystore.Unchecked is one that need not verify what it signs:
// the wallet runs every script before anything leaves.
type Signer interface {
	// SignECDSA returns a signature in DER with low S, without the byte for the hash type.
	SignECDSA(path keystore.Path, hash [32]byte) ([]byte, error)
	// SignSchnorr returns the 64 bytes of a signature (BIP340) with the key tweaked by root
	// (BIP341); nil where there are no scripts (BIP86).
	SignSchnorr(path keystore.Path, hash [32]byte, root []byte) ([]byte, error)
}

// BatchSigner is a signer that makes many signatures with less work than one by one, each for a path and the hash beside it.
type BatchSigner interface {
	// SignECDSAAll returns such signatures as SignECDSA does.
	SignECDSAAll(paths []keystore.Path, hashes [][32]byte) ([][]byte, error)
	// SignSchnorrAll gives what SignSchnorr would without scripts.
	SignSchnorrAll(paths []keystore.Path, hashes [][32]byte) ([][]byte, error)
}

// Signed is a transaction whose every input was run through the script engine. It is
// made by Draft.Sign and Packet.Extract alone.
type Signed struct {
	tx       *wire.MsgTx
	fee      int64
	replaces []spv.Hash
}

// Tx returns a copy of the transaction.
func (s *Signed) Tx() *wire.MsgTx { return s.tx.Copy() }

// ID returns the transaction's id.
func (s *Signed) ID() spv.Hash { return s.tx.TxHash() }

// Fee returns its fee in base units.
func (s *Signed) Fee() int64 { return s.fee }

// Raw returns the transaction as it travels.
func (s *Signed) Raw() []byte {
	var w bytes.Buffer
	if err := s.tx.Serialize(&w); err != nil {
		panic("wallet: signed transaction does not encode: " + err.Error())
	}
	return w.Bytes()
}

// Sign signs every input, on all cores, and runs each through the script engine. Every
// warning needs consent to its kind. The draft stays as it is and may be signed again.
func (d *Draft) Sign(s Signer, consent ...Concern) (*Signed, error) {
	for _, w := range d.warnings {
		if !slices.Contains(consent, w.Concern) {
			return nil, said.Errorf("%s: wants consent (%s)", w.Text, w.Concern)
		}
	}
	tx := d.tx.Copy()
	fetcher := d.fetcher()
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	all := make([]solution, len(d.inputs))
	// With 128 what a batch shares is as good as free; fewer inputs are spread over the cores.
	each := max(1, min(128, (len(all)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0)))
	parallel((len(all)+each-1)/each, func(i int) {
		d.solve(all[i*each:min((i+1)*each, len(all))], i*each, s, func(i int) ([32]byte, error) {
			return d.inputs[i].hash(tx, i, hashes, fetcher)
		})
	})
	for i, r := range all {
		if r.err != nil {
			return nil, fmt.Errorf("input %d, coin %s: %w", i, d.inputs[i].Coin.Outpoint, r.err)
		}
		if tx.TxIn[i].SignatureScript, tx.TxIn[i].Witness, r.err = d.inputs[i].unlock(r.sig); r.err != nil {
			return nil, r.err
		}
	}
	return d.seal(tx)
}

func (d *Draft) fetcher() *txscript.MultiPrevOutFetcher {
	f := txscript.NewMultiPrevOutFetcher(nil)
	for _, in := range d.inputs {
		f.AddPrevOut(in.Coin.Outpoint, &wire.TxOut{Value: in.Coin.Value, PkScript: in.Coin.Script})
	}
	return f
}

// seal checks that a transaction is the draft, signed, and makes a Signed of it.
func (d *Draft) seal(tx *wire.MsgTx) (*Signed, error) {
	bare := tx.Copy()
	for _, in := range bare.TxIn {
		in.SignatureScript, in.Witness = nil, nil
	}
	if bare.TxHash() != d.tx.TxHash() {
		return nil, fmt.Errorf("transaction %s: not the draft that was to be signed", tx.TxHash())
	}
	if err := verifyAll(tx, d.fetcher()); err != nil {
		return nil, err
	}
	return &Signed{tx: tx, fee: d.fee, replaces: slices.Clone(d.replaces)}, nil
}

// verifyAll runs every input through the script engine, on all cores.
func verifyAll(tx *wire.MsgTx, f txscript.PrevOutputFetcher) error {
	hashes := txscript.NewTxSigHashes(tx, f)
	errs := make([]error, len(tx.TxIn))
	parallel(len(tx.TxIn), func(i int) {
		errs[i] = verifyInput(tx, i, f.FetchPrevOutput(tx.TxIn[i].PreviousOutPoint), hashes, f)
	})
	return errors.Join(errs...)
}

// solution is the signature of one input.
type solution struct {
	hash [32]byte
	sig  []byte
	err  error
}

// solve signs the inputs from one on, in batches if the signer makes such.
func (d *Draft) solve(out []solution, from int, s Signer, hash func(int) ([32]byte, error)) {
	var ecdsa, schnorr batch
	many, ok := s.(BatchSigner)
	for i := range out {
		o, k := &out[i], &d.inputs[from+i].Coin
		if o.hash, o.err = hash(from + i); o.err != nil {
			continue
		}
		switch taproot := k.Kind == address.P2TR; {
		case ok && taproot:
			schnorr.add(k.Path, o)
		case ok:
			ecdsa.add(k.Path, o)
		case taproot:
			o.sig, o.err = s.SignSchnorr(k.Path, o.hash, nil)
		default:
			o.sig, o.err = s.SignECDSA(k.Path, o.hash)
		}
	}
	if ok {
		ecdsa.sign(many.SignECDSAAll)
		schnorr.sign(many.SignSchnorrAll)
	}
}

// batch is signatures of one kind that are made together.
type batch struct {
	paths  []keystore.Path
	hashes [][32]byte
	out    []*solution
}

func (b *batch) add(path keystore.Path, o *solution) {
	b.paths, b.hashes, b.out = append(b.paths, path), append(b.hashes, o.hash), append(b.out, o)
}

func (b *batch) sign(all func([]keystore.Path, [][32]byte) ([][]byte, error)) {
	if len(b.out) == 0 {
		return
	}
	sigs, err := all(b.paths, b.hashes)
	if err == nil && len(sigs) != len(b.out) {
		err = fmt.Errorf("%d signatures, want %d", len(sigs), len(b.out))
	}
	for i, o := range b.out {
		if o.err = err; err == nil {
			o.sig = sigs[i]
		}
	}
}

// hash returns what the signature of one input signs.
func (in *Input) hash(tx *wire.MsgTx, i int, hashes *txscript.TxSigHashes, f txscript.PrevOutputFetcher) ([32]byte, error) {
	k := &in.Coin
	var hash []byte
	var err error
	switch {
	case k.WatchOnly:
		return [32]byte{}, errors.New("watch-only: nobody here can sign for it")
	case k.Kind == address.P2TR:
		hash, err = txscript.CalcTaprootSignatureHash(hashes, txscript.SigHashDefault, tx, i, f)
	case k.Kind == address.P2PKH:
		hash, err = txscript.CalcSignatureHash(k.Script, txscript.SigHashAll, tx, i)
	default:
		hash, err = txscript.CalcWitnessSigHash(witnessKeyHash(in.pub), hashes, txscript.SigHashAll, tx, i, k.Value)
	}
	if err != nil {
		return [32]byte{}, err
	}
	return [32]byte(hash), nil
}

// unlock returns what unlocks one input, with its signature.
func (in *Input) unlock(sig []byte) (script []byte, witness wire.TxWitness, err error) {
	switch in.Coin.Kind {
	case address.P2TR:
		return nil, wire.TxWitness{sig}, nil
	case address.P2PKH:
		script, err = txscript.NewScriptBuilder().AddData(append(sig, byte(txscript.SigHashAll))).AddData(in.pub).Script()
		return script, nil, err
	case address.Nested:
		program := witnessKeyHash(in.pub)
		script = append([]byte{byte(len(program))}, program...)
	}
	return script, wire.TxWitness{append(sig, byte(txscript.SigHashAll)), in.pub}, nil
}

// Commit keeps a signed transaction, durably, before anybody hears of it; then it may be
// broadcast, see Pending. Committing it again changes nothing. It is refused if a coin
// of it was spent otherwise in the meantime.
func (c *Chain) Commit(s *Signed, now int64) (Applied, error) {
	id := s.tx.TxHash()
	if e, ok := c.txs[id]; ok && e.ours && !e.abandoned {
		return Applied{}, nil
	}
	for _, in := range s.tx.TxIn {
		k := c.coin(in.PreviousOutPoint)
		switch {
		case k == nil:
			continue // a foreign input of a transaction made by several
		case k.spent != nil && k.spent.id != id && !slices.Contains(s.replaces, k.spent.id):
			return Applied{}, fmt.Errorf("transaction %s: coin %s was spent by %s", id, k.op, k.spent.id)
		case !k.entry.active:
			return Applied{}, fmt.Errorf("transaction %s: coin %s is of a transaction that counts no more", id, k.op)
		}
	}
	return c.takeIn(s.tx.Copy(), now, true)
}

// SignMessage signs a message with the key of an address of ours (BIP322, simple form).
func (c *Chain) SignMessage(script, text []byte, s Signer) (string, error) {
	p, ok := c.places[string(script)]
	if !ok {
		return "", fmt.Errorf("script %x: not of this wallet", script[:min(len(script), 80)])
	}
	if p.chain.account.Shared != nil {
		return "", fmt.Errorf("account %d: several keys share its scripts, no one of them signs for it", p.chain.number)
	}
	return message.Sign(c.params, script, text, ownKey{s, p})
}

// ownKey is the key of one address of ours.
type ownKey struct {
	s Signer
	p place
}

func (k ownKey) PubKey() []byte { return k.p.slot().pub }

func (k ownKey) SignECDSA(hash [32]byte) ([]byte, error) { return k.s.SignECDSA(k.p.path(), hash) }

func (k ownKey) SignSchnorr(hash [32]byte) ([]byte, error) {
	return k.s.SignSchnorr(k.p.path(), hash, nil)
}
