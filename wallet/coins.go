package wallet

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet/address"
)

// coin is one output of ours, spent or not.
type coin struct {
	op     wire.OutPoint
	value  int64
	script []byte
	place  place
	entry  *entry // that makes it
	spent  *entry // that takes it and counts
	at     int    // place in Chain.unspent, -1 if it is not there

	name      bool // it holds a name: no money to spend
	confirmed bool // what makes it is
	coinbase  bool // what makes it is one
	frozen    bool
	watched   bool // of a watch-only account
}

func (k *coin) out() *wire.TxOut { return &wire.TxOut{Value: k.value, PkScript: k.script} }

// coin returns the output of ours at an outpoint, nil if there never was one.
func (c *Chain) coin(op wire.OutPoint) *coin {
	if e := c.txs[op.Hash]; e != nil {
		return e.coin(op.Index)
	}
	return nil
}

// coin returns the output of ours at an index, nil if that one is not.
func (e *entry) coin(index uint32) *coin {
	at := sort.Search(len(e.coins), func(i int) bool { return e.coins[i].op.Index >= index })
	if at == len(e.coins) || e.coins[at].op.Index != index {
		return nil
	}
	return &e.coins[at]
}

// ownScript finds the address that a script pays to, also behind the operations that
// bind a name to it.
func (c *Chain) ownScript(script []byte) (p place, name, ok bool) {
	if p, ok = c.places[string(script)]; ok {
		return p, false, true
	}
	if rest, is := behindName(script); is {
		p, ok = c.places[string(rest)]
	}
	return p, true, ok
}

// behindName returns what follows the operations that bind a name in name-carrying
// chains: OP_1, OP_2 or OP_3, pushes, and as many drops as it takes to clear them. Such
// outputs are spent to change or hand on the name, never as money.
func behindName(script []byte) (rest []byte, ok bool) {
	if len(script) < 3 || script[0] < txscript.OP_1 || script[0] > txscript.OP_3 {
		return nil, false
	}
	depth := 1
	t := txscript.MakeScriptTokenizer(0, script[1:])
	for dropping := false; t.Next(); {
		switch op := t.Opcode(); {
		case op == txscript.OP_DROP:
			depth, dropping = depth-1, true
		case op == txscript.OP_2DROP:
			depth, dropping = depth-2, true
		case op <= txscript.OP_16 && op != txscript.OP_RESERVED && !dropping:
			depth++
		default:
			return nil, false
		}
		if dropping && depth <= 0 {
			return script[1+t.ByteIndex():], depth == 0
		}
	}
	return nil, false
}

// State says how far a coin can be relied on.
type State uint8

// The states of an unspent coin. The set is closed.
const (
	Confirmed      State = iota + 1
	Immature             // of a coinbase that is too young to spend
	OwnUnconfirmed       // change of a transaction of ours, whose inputs can be relied on
	Unconfirmed          // of a transaction of somebody else, who may still take it back
	NameHeld             // holds a name: not money
)

var stateNames = [...]string{"?", "confirmed", "immature", "own unconfirmed", "unconfirmed", "name"}

// String returns the state's name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MarshalText returns the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Coin is an unspent output of ours.
type Coin struct {
	Outpoint  wire.OutPoint
	Value     int64
	Script    []byte
	Kind      address.Kind
	Path      keystore.Path
	Account   int
	Change    bool      // paid to an address of ours for change
	Block     spv.Block // if confirmed
	Depth     int32     // confirmations, the block itself included
	State     State
	Matures   int32    // if immature: height of the first block that may spend it
	Frozen    bool     // not spent unless it is thawed
	WatchOnly bool     // cannot be signed for here
	Reused    bool     // its address was paid more than once
	Tags      []string // its own, its address's, and those it inherits as change
	Label     string
}

// Spendable says whether the wallet may choose the coin of its own accord.
func (k Coin) Spendable() bool {
	return (k.State == Confirmed || k.State == OwnUnconfirmed) && !k.Frozen && !k.WatchOnly
}

// state tells how far a coin can be relied on.
func (c *Chain) state(k *coin) State {
	switch {
	case k.name:
		return NameHeld
	case !k.confirmed && k.entry.trusted:
		return OwnUnconfirmed
	case !k.confirmed:
		return Unconfirmed
	case k.coinbase && c.tip.Height+1 < c.matures(k.entry):
		return Immature
	}
	return Confirmed
}

// matures returns the height of the first block that may spend a coinbase's outputs.
func (c *Chain) matures(e *entry) int32 { return e.block.Height + c.params.Maturity(e.block.Height) }

func (c *Chain) view(k *coin) Coin {
	e, s := k.entry, k.place.slot()
	a := k.place.chain.account
	v := Coin{Outpoint: k.op, Value: k.value, Script: k.script, Kind: a.Kind(), Path: k.place.path(),
		Account: k.place.chain.number, Change: k.place.chain.change == 1, State: c.state(k), Frozen: k.frozen,
		WatchOnly: k.watched, Reused: s.uses > 1, Tags: c.tagsOf(k), Label: c.coinLabel(k)}
	if e.confirmed {
		v.Block, v.Depth = e.block, max(1, c.tip.Height-e.block.Height+1)
	}
	if v.State == Immature {
		v.Matures = c.matures(e)
	}
	return v
}

// Coins returns the unspent coins, oldest first, then the unconfirmed.
func (c *Chain) Coins() []Coin {
	list := slices.Clone(c.unspent)
	slices.SortFunc(list, func(a, b *coin) int {
		if n := a.entry.before(b.entry); n != 0 {
			return n
		}
		return int(a.op.Index) - int(b.op.Index)
	})
	out := make([]Coin, len(list))
	for i, k := range list {
		out[i] = c.view(k)
	}
	return out
}

// Coin returns one unspent coin; false if it is not there, not ours or spent.
func (c *Chain) Coin(op wire.OutPoint) (Coin, bool) {
	k := c.coin(op)
	if k == nil || k.at < 0 {
		return Coin{}, false
	}
	return c.view(k), true
}

// Balance is the wallet's money by how far it can be relied on. Every coin is in exactly
// one class; frozen ones are counted as frozen alone, names nowhere but in Names.
type Balance struct {
	Confirmed      int64
	OwnUnconfirmed int64
	Unconfirmed    int64 // coming in
	Immature       int64
	Frozen         int64
	WatchOnly      int64 // in any state but frozen
	Names          int64 // bound to names
	Coins          int   // that can be spent: confirmed or change of our own, and worth more than nothing
}

// Spendable is what a payment can draw on.
func (b Balance) Spendable() int64 { return b.Confirmed + b.OwnUnconfirmed }

// Balance adds up the unspent coins.
func (c *Chain) Balance() (b Balance) {
	for _, k := range c.unspent {
		state := c.state(k)
		class := &b.Confirmed
		switch {
		case state == NameHeld:
			class = &b.Names
		case k.frozen:
			class = &b.Frozen
		case k.watched:
			class = &b.WatchOnly
		case state == Immature:
			class = &b.Immature
		case state == Unconfirmed:
			class = &b.Unconfirmed
		case state == OwnUnconfirmed:
			class = &b.OwnUnconfirmed
		}
		if k.value > 0 && (class == &b.Confirmed || class == &b.OwnUnconfirmed) {
			b.Coins++
		}
		if *class += k.value; *class < 0 {
			*class = math.MaxInt64 // more than there can be: a stranger's fantasy, not wealth
		}
	}
	return b
}
