package wallet

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/wallet/address"
)

// keychain is one row of addresses of an account: those given out, or those for change.
type keychain struct {
	account *Account
	number  int // of the account
	change  uint32
	row     *keystore.Public // above the keys; nil if several share the scripts
	slots   []slot
	issued  uint32 // addresses below this index were given out
	used    uint32 // addresses from this index on were never paid
	hole    uint32 // longest run of unused addresses before a used one
}

// place is where a script comes from.
type place struct {
	chain *keychain
	index uint32
}

func (p place) slot() *slot { return &p.chain.slots[p.index] }

func (p place) path() keystore.Path { return p.chain.account.Path.Child(p.chain.change, p.index) }

// Bounds of the gap limit.
const (
	DefaultGap = 20     // BIP44
	MaxGap     = 10_000 // more would be a denial of service by one's own settings
)

// gap is how many unused addresses are watched behind the last one that is used or was
// given out: at least the set limit, and twice the longest run of unused addresses seen
// so far, so that a wallet that once skipped many is trusted to do so again.
func (k *keychain) gap(least uint32) uint32 { return min(max(least, 2*k.hole), MaxGap) }

// use notes that the address at an index was paid.
func (k *keychain) use(index uint32) {
	if index >= k.used {
		k.hole = max(k.hole, index-k.used)
		k.used = index + 1
	}
}

// grow derives what is missing up to the gap, on all cores, and returns it.
func (k *keychain) grow(least uint32) ([]slot, error) {
	from := len(k.slots)
	n := int(max(k.used, k.issued)+k.gap(least)) - from
	if n <= 0 {
		return nil, nil
	}
	fresh := make([]slot, n)
	errs := make([]error, n)
	parallel(n, func(i int) { fresh[i], errs[i] = k.account.derive(k.change, k.row, uint32(from+i)) })
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	k.slots = append(k.slots, fresh...)
	return fresh, nil
}

// parallel calls f with 0 to n-1, spread over the cores, and returns when all are done.
func parallel(n int, f func(int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

func (k *keychain) record() Record {
	id := k.account.id()
	return Record{append(append([]byte{keyKeychain}, id[:]...), byte(k.change)), binary.LittleEndian.AppendUint32(nil, k.issued)}
}

// growAll extends every keychain and returns the scripts that are new.
func (c *Chain) growAll() (fresh [][]byte, err error) {
	for _, k := range c.keychains {
		from := len(k.slots)
		slots, err := k.grow(c.leastGap)
		if err != nil {
			return nil, err
		}
		for i := range slots {
			c.places[string(slots[i].script)] = place{k, uint32(from + i)}
			fresh = append(fresh, slots[i].script)
		}
	}
	return fresh, nil
}

// Scripts returns the scripts to look for: all that were derived. Apply, Unconfirmed,
// Issue and SetGap return those that join them.
func (c *Chain) Scripts() [][]byte {
	var out [][]byte
	for _, k := range c.keychains {
		for i := range k.slots {
			out = append(out, k.slots[i].script)
		}
	}
	return out
}

// SetGap sets the least gap limit of every keychain, durably, and returns the scripts
// that are to be looked for from now on, and behind: "scan deeper".
func (c *Chain) SetGap(least uint32) (fresh [][]byte, err error) {
	if least < 1 || least > MaxGap {
		return nil, fmt.Errorf("gap limit %d: want 1 to %d", least, MaxGap)
	}
	err = c.log.Write([]Record{{[]byte{keyGap}, binary.LittleEndian.AppendUint32(nil, least)}})
	if err != nil {
		return nil, err
	}
	c.leastGap = least
	return c.growAll()
}

// Keychain says how far one row of addresses is used.
type Keychain struct {
	Account int
	Change  bool
	Issued  uint32 // addresses given out
	Used    uint32 // index of the last that was paid, plus one
	Gap     uint32 // watched behind them
	Hole    uint32 // longest run of unused ones before a used one
}

// Keychains reports on all rows of addresses.
func (c *Chain) Keychains() (out []Keychain) {
	for _, k := range c.keychains {
		out = append(out, Keychain{k.number, k.change == 1, k.issued, k.used, k.gap(c.leastGap), k.hole})
	}
	return out
}

// Address is an address of the wallet.
type Address struct {
	Text    string
	Script  []byte
	Account int
	Change  bool
	Index   uint32
	Path    keystore.Path
	Uses    int  // payments to it; more than one links them for everybody to see
	Beyond  bool // restoring elsewhere with a gap limit of 20 may not find it
	Kind    address.Kind
	Watched bool // watch-only
}

func (c *Chain) addressAt(p place) Address {
	s := p.slot()
	text, err := address.Encode(c.params, s.script)
	if err != nil {
		panic("wallet: own script: " + err.Error())
	}
	k := p.chain
	return Address{Text: text, Script: s.script, Account: k.number, Change: k.change == 1, Index: p.index,
		Path: p.path(), Uses: s.uses, Beyond: p.index >= k.used+DefaultGap, Kind: k.account.Kind(),
		Watched: k.account.WatchOnly}
}

// AddressOf returns the wallet's address that a script belongs to. False for foreign
// scripts.
func (c *Chain) AddressOf(script []byte) (Address, bool) {
	p, ok := c.places[string(script)]
	if !ok {
		return Address{}, false
	}
	return c.addressAt(p), true
}

// Receive returns an account's address to give out: the last one given out as long as
// nobody paid to it, else the next. Fresh asks for the next in any case. That it was
// given out is on disk before the call returns. Scripts that join those to look for are
// returned, too.
func (c *Chain) Receive(account int, fresh bool) (a Address, scripts [][]byte, err error) {
	k, err := c.keychain(account, 0)
	if err != nil {
		return Address{}, nil, err
	}
	if !fresh && k.issued > k.used {
		return c.addressAt(place{k, k.issued - 1}), nil, nil
	}
	was := k.issued
	next := max(k.issued, k.used)
	if next >= 1<<31-MaxGap {
		return Address{}, nil, fmt.Errorf("account %d: all addresses are given out", account)
	}
	k.issued = next + 1
	if err := c.log.Write([]Record{k.record()}); err != nil {
		k.issued = was
		return Address{}, nil, err
	}
	if scripts, err = c.growAll(); err != nil {
		return Address{}, nil, err
	}
	return c.addressAt(place{k, next}), scripts, nil
}

// NextChange returns the address that takes an account's next change: the first behind
// all that were paid. Until a transaction with it is known it stays the same.
func (c *Chain) NextChange(account int) (Address, error) {
	k, err := c.keychain(account, 1)
	if err != nil {
		return Address{}, err
	}
	return c.addressAt(place{k, k.used}), nil
}

func (c *Chain) keychain(account int, change uint32) (*keychain, error) {
	for _, k := range c.keychains {
		if k.number == account && k.change == change {
			return k, nil
		}
	}
	return nil, fmt.Errorf("account %d: the wallet has %d", account, len(c.accounts))
}
