package wallet

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// Chain is one wallet on one chain.
type Chain struct {
	params   *chains.Params
	accounts []Account
	log      Log

	keychains []*keychain
	places    map[string]place // by script
	leastGap  uint32

	tip      spv.Block // scanned up to here
	txs      map[spv.Hash]*entry
	spenders map[wire.OutPoint][]*entry // transactions that take an output, ours or not
	blocks   map[int32]blockUse         // blocks with transactions of ours
	pending  map[*entry]bool            // not confirmed
	unspent  []*coin                    // that count, in no order
	history  []*entry                   // oldest first, see entry.before
	foreign  int                        // entries of it that are outside
	seq      uint64

	labels map[labelKey]label
	frozen map[wire.OutPoint]bool
	tags   map[string][]string // by reference, sorted
	rules  map[[2]string]bool  // tags that never meet, sorted
	plans  map[string][]byte

	tagMemo map[*coin][]string // what tagsOf found, until something changes
}

// blockUse counts the wallet's transactions in one block.
type blockUse struct {
	hash spv.Hash
	n    int
}

// Open reads the wallet's records from log and derives the scripts of its accounts.
// Accounts are added by opening with more of them; their records are found wherever
// they stand in the list. A record that is not whole is an error: nothing is guessed.
func Open(p *chains.Params, accounts []Account, log Log) (*Chain, error) {
	c := &Chain{params: p, accounts: slices.Clone(accounts), log: log, leastGap: DefaultGap, tip: spv.Block{Height: -1},
		places: map[string]place{}, txs: map[spv.Hash]*entry{},
		spenders: map[wire.OutPoint][]*entry{}, blocks: map[int32]blockUse{}, pending: map[*entry]bool{},
		labels: map[labelKey]label{}, frozen: map[wire.OutPoint]bool{}, tags: map[string][]string{},
		rules: map[[2]string]bool{}, plans: map[string][]byte{}, tagMemo: map[*coin][]string{}}
	ids := map[[8]byte][2]*keychain{}
	for i := range c.accounts {
		a := &c.accounts[i]
		if err := a.check(p); err != nil {
			return nil, err
		}
		if _, twice := ids[a.id()]; twice {
			return nil, fmt.Errorf("account %s: is in the list twice", a.Path)
		}
		pair := [2]*keychain{{account: a, number: i}, {account: a, number: i, change: 1}}
		for change, k := range pair {
			var err error
			if k.row, err = a.row(uint32(change)); err != nil {
				return nil, err
			}
		}
		ids[a.id()] = pair
		c.keychains = append(c.keychains, pair[0], pair[1])
	}
	var found rows
	if err := log.Load(func(key, value []byte) error { return c.load(ids, &found, key, value) }); err != nil {
		return nil, err
	}
	return c, c.rebuild(&found)
}

// load reads one record.
func (c *Chain) load(ids map[[8]byte][2]*keychain, found *rows, key, value []byte) error {
	if len(key) == 0 {
		return fmt.Errorf("record without a key")
	}
	le := binary.LittleEndian
	bad := func() error { return fmt.Errorf("record %x: %d bytes, not what is kept there", key, len(value)) }
	switch key[0] {
	case keyTx:
		e, err := parseEntry(key, value)
		if err == nil {
			found.add(e)
		}
		return err
	case keyCursor:
		if len(key) != 1 || len(value) != 36 {
			return bad()
		}
		c.tip = spv.Block{Height: int32(le.Uint32(value)), Hash: spv.Hash(value[4:])}
	case keyGap:
		if len(key) != 1 || len(value) != 4 || le.Uint32(value) < 1 || le.Uint32(value) > MaxGap {
			return bad()
		}
		c.leastGap = le.Uint32(value)
	case keyKeychain:
		if len(key) != 10 || key[9] > 1 || len(value) != 4 || le.Uint32(value) >= 1<<31 {
			return bad()
		}
		if pair, ok := ids[[8]byte(key[1:9])]; ok { // else an account that is not opened now
			pair[key[9]].issued = le.Uint32(value)
		}
	case keyLabel, keyFrozen, keyTag, keyRule:
		return c.loadNote(key, value)
	case keyPlan:
		if _, err := parsePlan(string(key[1:]), value); err != nil {
			return err
		}
		c.plans[string(key[1:])] = slices.Clone(value)
	default:
		return fmt.Errorf("record %x: unknown kind %q", key, key[:1])
	}
	return nil
}

// countHoles finds how far each keychain is used, and the longest runs of unused
// addresses before used ones. While a block is looked through the counts run ahead of
// the transactions that are kept; this puts them right.
func (c *Chain) countHoles() {
	for _, k := range c.keychains {
		k.used, k.hole = 0, 0
		for i := range k.slots {
			if k.slots[i].uses > 0 {
				k.use(uint32(i))
			}
		}
	}
}

// Params returns the chain's parameters.
func (c *Chain) Params() *chains.Params { return c.params }

// Accounts returns the wallet's accounts.
func (c *Chain) Accounts() []Account { return slices.Clone(c.accounts) }

// Tip returns the block up to which the chain was scanned; height -1 before the first.
func (c *Chain) Tip() spv.Block { return c.tip }

// Scanned notes, durably, that the chain was scanned up to a block: everything of ours
// up to there was handed to Apply. A lower block than before is refused: see Rewind.
func (c *Chain) Scanned(to spv.Block) error {
	if to.Height < c.tip.Height || to.Height == c.tip.Height && to != c.tip {
		return fmt.Errorf("scanned to %s: below or beside %s, rewind instead", to, c.tip)
	}
	if err := c.log.Write([]Record{cursorRecord(to)}); err != nil {
		return err
	}
	c.tip = to
	return nil
}

func cursorRecord(to spv.Block) Record {
	b := binary.LittleEndian.AppendUint32(nil, uint32(to.Height))
	return Record{[]byte{keyCursor}, append(b, to.Hash[:]...)}
}
