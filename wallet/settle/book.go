package settle

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/fee"
)

// Book keeps the deposits, withdrawals and swaps of one wallet, over all its chains.
type Book struct {
	log    wallet.Log
	chains map[spv.Hash]*followed

	seen   map[place]*sighting
	paid   map[scriptOn][]ref // outputs to a script that is looked for
	spent  map[coinOn][]ref   // inputs that take such an output; for claims, by the deposit that they claim
	vaults map[scriptOn]watched
	legs   map[scriptOn]bool // scripts that are looked for besides

	deposits map[scriptOn]*Deposit // by the script that is paid on L1
	claims   map[coinOn]*wire.MsgTx
	burns    map[place]*burning
	swaps    map[uint32]*session
	hashes   map[[32]byte]uint32 // swap hashes that were ever used
}

// place is a transaction on a chain.
type place struct {
	chain spv.Hash
	tx    spv.Hash
}

// scriptOn is an output script on a chain.
type scriptOn struct {
	chain  spv.Hash
	script string
}

// coinOn is an outpoint, and the chain that its spending is looked for on.
type coinOn struct {
	chain spv.Hash
	coin  wire.OutPoint
}

// Open reads the records of a log that is the Book's own. Every L1 of a layer in follow must be followed itself. A record
// that is not whole is an error: nothing is guessed.
func Open(follow []Chain, log wallet.Log) (*Book, error) {
	b := &Book{log: log, chains: map[spv.Hash]*followed{}, seen: map[place]*sighting{}, paid: map[scriptOn][]ref{},
		spent: map[coinOn][]ref{}, vaults: map[scriptOn]watched{}, legs: map[scriptOn]bool{}, deposits: map[scriptOn]*Deposit{},
		claims: map[coinOn]*wire.MsgTx{}, burns: map[place]*burning{}, swaps: map[uint32]*session{}, hashes: map[[32]byte]uint32{}}
	for _, c := range follow {
		if err := c.check(); err != nil {
			return nil, err
		}
		b.chains[c.Params.NetID()] = &followed{Chain: c, tip: spv.Block{Height: -1}}
	}
	for _, c := range b.chains {
		if _, ok := b.chains[c.Clock.NetID()]; !ok {
			return nil, fmt.Errorf("%s: its L1 %s is not followed", c.Params.Name, c.Clock.Name)
		}
	}
	records, err := readAll(log)
	if err != nil {
		return nil, err
	}
	// What is looked for first, what was found last.
	for _, kind := range []byte{keyCursor, keyDeposit, keySwap, keyHash, keyBurn, keyClaim, keySeen} {
		for _, r := range records[kind] {
			if err := b.read(kind, r.Key[1:], r.Value); err != nil {
				return nil, fmt.Errorf("settlement record %c %x: %w", kind, r.Key[1:], err)
			}
		}
	}
	return b, nil
}

// The first byte of a record's key says what it is.
const (
	keyCursor  = 'c' // block up to which a chain was read, by network id
	keySeen    = 's' // transaction, by network id and txid
	keyDeposit = 'd' // by layer and script on L1
	keyClaim   = 'x' // claim made here, by layer and outpoint on L1
	keyBurn    = 'b' // by layer and txid
	keySwap    = 'w' // by number, big-endian
	keyHash    = 'h' // hash that was used, to the number of its swap
)

// maxRecord is the size of the largest record, in bytes: a coinbase in hexadecimal and a transaction beside it.
const maxRecord = 24 << 20

func readAll(log wallet.Log) (map[byte][]wallet.Record, error) {
	out := map[byte][]wallet.Record{}
	err := log.Load(func(key, value []byte) error {
		if len(key) == 0 || len(value) > maxRecord {
			return fmt.Errorf("settlement record %x: %d bytes, want a key and at most %d", key, len(value), maxRecord)
		}
		switch key[0] {
		case keyCursor, keySeen, keyDeposit, keyClaim, keyBurn, keySwap, keyHash:
		default:
			return fmt.Errorf("settlement record %x: of no known kind", key)
		}
		out[key[0]] = append(out[key[0]], wallet.Record{Key: append([]byte(nil), key...), Value: append([]byte(nil), value...)})
		return nil
	})
	return out, err
}

// read takes in one record. Records of chains that are not followed now stay on disk, unread.
func (b *Book) read(kind byte, key, value []byte) error {
	switch kind {
	case keyCursor:
		return b.readCursor(key, value)
	case keySeen:
		return b.readSeen(key, value)
	case keyDeposit:
		return b.readDeposit(key, value)
	case keyClaim:
		return b.readClaim(key, value)
	case keyBurn:
		return b.readBurn(key, value)
	case keySwap:
		return b.readSwap(key, value)
	}
	return b.readHash(key, value)
}

func (b *Book) readCursor(key, value []byte) error {
	var tip spv.Block
	if len(key) != 32 {
		return errKey
	}
	if err := decode(value, &tip); err != nil {
		return err
	}
	if c, ok := b.chains[spv.Hash(key)]; ok {
		c.tip = tip
	}
	return nil
}

var errKey = errors.New("its key has the wrong length")

// Tip returns the block up to which a chain was read; height -1 before the first.
func (b *Book) Tip(chain spv.Hash) (spv.Block, error) {
	c, err := b.chain(chain)
	if err != nil {
		return spv.Block{}, err
	}
	return c.tip, nil
}

// Scanned notes, durably, that a chain was read up to a block: every block up to there with something that Scripts asked
// for was handed to Apply.
func (b *Book) Scanned(chain spv.Hash, to spv.Block) error {
	c, err := b.chain(chain)
	if err != nil {
		return err
	}
	if to.Height < c.tip.Height || (to.Height == c.tip.Height && to.Hash != c.tip.Hash) {
		return fmt.Errorf("%s: read up to block %s, which is not above %s: rewind first", c.Params.Name, to, c.tip)
	}
	if err := b.log.Write([]wallet.Record{record(to, keyCursor, chain[:])}); err != nil {
		return err
	}
	c.tip = to
	return nil
}

// SetRates sets what a chain's fees are now, base units per 1000 vB: to pay, and to reckon with in a crowded time.
func (b *Book) SetRates(chain spv.Hash, rate, stress fee.Rate) error {
	c, err := b.chain(chain)
	if err != nil {
		return err
	}
	if err := checkRates(c.Params.Name, rate, stress); err != nil {
		return err
	}
	c.Rate, c.Stress = rate, stress
	return nil
}

// Broadcast is a transaction that the network of a chain should know. To send it again does no harm.
type Broadcast struct {
	Chain spv.Hash
	Tx    *wire.MsgTx
	Why   string
}

// Step returns what is to be sent now, all of it on disk already, and forgets plans that came to nothing and what is in no block
// and was not heard of for long. Keys may be nil: what is left undone for want of them says so in its state. The error joins what
// went wrong with single deposits or swaps; the others go on.
func (b *Book) Step(keys Keys) (out []Broadcast, err error) {
	var errs []error
	for _, step := range []func(Keys) ([]Broadcast, error){b.stepDeposits, b.stepRefundables, b.stepSwaps, b.stepUnheard, b.stepForget} {
		some, err := step(keys)
		out, errs = append(out, some...), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// record encodes a value under a key; its parts are joined.
func record(value any, kind byte, key ...[]byte) wallet.Record {
	text, err := json.Marshal(value)
	if err != nil {
		panic("settle: record does not encode: " + err.Error())
	}
	r := wallet.Record{Key: []byte{kind}, Value: text}
	for _, k := range key {
		r.Key = append(r.Key, k...)
	}
	return r
}
