package wallet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/fee"
	"github.com/layeredpow/lamina/wallet/selection"
)

// builder makes one draft.
type builder struct {
	c   *Chain
	req Request
	rng *rand.Rand

	must     []*coin // spent in any case
	more     []*coin // to choose from; empty where the coins are given
	classes  [][]string
	change   Address
	fixed    []*wire.TxOut // the recipients' outputs, then the data's
	replaced map[spv.Hash]bool
	least    int64 // the fee must be at least this
	limit    int64 // the transaction may weigh so much, see check
}

// maxAncestors bounds chains of unconfirmed transactions, itself included: nodes relay
// no longer ones.
const maxAncestors = 25

func (b *builder) draft() (*Draft, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	change, err := b.c.NextChange(b.req.Change)
	if err != nil {
		return nil, err
	}
	b.change = change
	if b.must == nil && b.req.Coins != nil {
		if err := b.given(); err != nil {
			return nil, err
		}
	} else if !b.isMax() || b.must == nil {
		b.candidates()
	}
	if b.isMax() {
		return b.sweep()
	}
	return b.pay()
}

// check refuses requests that could not be met by any coins.
func (b *builder) check() error {
	p, r := b.c.params, &b.req
	if r.Rate < fee.Rate(p.Policy.MinRelay) || r.Rate > fee.MaxRate {
		return said.Errorf("fee rate %s: below the %s that peers relay, or beyond reason", r.Rate, fee.Rate(p.Policy.MinRelay))
	}
	if r.LongTerm <= 0 {
		r.LongTerm = r.Rate
	}
	r.LongTerm = min(r.LongTerm, fee.MaxRate)
	if n := len(r.Recipients); n > maxRecipients || n == 0 && r.Data == nil {
		return said.Errorf("recipients: %d, want 1 to %d", n, maxRecipients)
	}
	if len(r.Data) > MaxData {
		return said.Errorf("data of %d bytes: want at most %d", len(r.Data), MaxData)
	}
	if r.LockHeight < 0 || r.LockHeight >= 500_000_000 {
		return fmt.Errorf("lock height %d: want 0 to 499999999", r.LockHeight)
	}
	b.fixed = nil
	if b.limit == 0 {
		b.limit = MaxWeight
	}
	maxes, sum := 0, int64(0)
	for i, to := range r.Recipients {
		if to.MaxWeight > 0 {
			b.limit = min(b.limit, to.MaxWeight)
		}
		if to.Max {
			if maxes++; maxes > 1 || to.Amount != 0 || to.PaysFee {
				return said.Errorf("recipient %d: only one gets all that is left, and states no amount", i+1)
			}
			if address.KindOf(p, to.Script) == address.Data {
				return said.Errorf("recipient %d: all that is left would go where nobody can spend it", i+1)
			}
			to.Amount = max(Dust(p, to.Script), 1)
		}
		if err := checkOutput(p, i, to.Script, to.Amount); err != nil {
			return err
		}
		if sum > p.Unit.MaxMoney-to.Amount {
			return said.Errorf("recipients: %d and more, there is only %d", p.Money(sum), p.Money(p.Unit.MaxMoney))
		}
		sum += to.Amount
		b.fixed = append(b.fixed, wire.NewTxOut(r.Recipients[i].Amount, to.Script))
	}
	if r.Data != nil {
		script, err := txscript.NullDataScript(r.Data)
		if err != nil {
			return fmt.Errorf("data of %d bytes: %w", len(r.Data), err)
		}
		b.fixed = append(b.fixed, wire.NewTxOut(0, script))
	}
	return nil
}

func (b *builder) isMax() bool {
	return slices.ContainsFunc(b.req.Recipients, func(r Recipient) bool { return r.Max })
}

// given takes the coins that the request names.
func (b *builder) given() error {
	seen := map[wire.OutPoint]bool{}
	for _, op := range b.req.Coins {
		k := b.c.coin(op)
		switch {
		case k == nil:
			return said.Errorf("coin %s: not of this wallet", op)
		case k.spent != nil:
			return said.Errorf("coin %s: spent by %s", op, k.spent.id)
		case k.at < 0:
			return said.Errorf("coin %s: of a transaction that counts no more", op)
		case seen[op]:
			return fmt.Errorf("coin %s: named twice", op)
		case k.frozen:
			return said.Errorf("coin %s: frozen, thaw it first", op)
		case b.c.state(k) == NameHeld:
			return said.Errorf("coin %s: holds a name, which paying with it would destroy", op)
		case b.c.state(k) == Immature:
			return said.Errorf("coin %s: of a coinbase, cannot be spent before block %d", op, b.c.matures(k.entry))
		}
		seen[op] = true
		b.must = append(b.must, k)
	}
	if len(b.must) == 0 {
		return errors.New("coins: none named")
	}
	return nil
}

// candidates collects the coins that the wallet may choose.
func (b *builder) candidates() {
	depth := map[*entry]int{}
	b.more = make([]*coin, 0, len(b.c.unspent))
	for _, k := range b.c.unspent {
		if k.frozen || len(b.replaced) > 0 && b.replaced[k.op.Hash] || !b.from(k) {
			continue
		}
		switch b.c.state(k) {
		case Confirmed:
		case OwnUnconfirmed:
			// A replacement must not bring new unconfirmed inputs (BIP125, rule 2).
			if len(b.replaced) > 0 || b.c.ancestors(k.entry, depth) >= maxAncestors {
				continue
			}
		default:
			continue
		}
		b.more = append(b.more, k)
	}
}

// from says whether a coin's account may pay: one that the request names, or else one
// that can sign.
func (b *builder) from(k *coin) bool {
	if b.req.Accounts == nil {
		return !k.watched
	}
	return slices.Contains(b.req.Accounts, k.place.chain.number)
}

// ancestors counts an unconfirmed transaction with all unconfirmed ones that it descends
// from, up to maxAncestors.
func (c *Chain) ancestors(e *entry, memo map[*entry]int) int {
	if e.confirmed {
		return 0
	}
	if n, ok := memo[e]; ok {
		return n
	}
	seen := map[*entry]bool{e: true}
	for queue := []*entry{e}; len(queue) > 0 && len(seen) < maxAncestors; queue = queue[1:] {
		for _, in := range queue[0].tx.TxIn {
			if p, ok := c.txs[in.PreviousOutPoint.Hash]; ok && !p.confirmed && !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	memo[e] = len(seen)
	return len(seen)
}

// classOf numbers the coins' sets of tags.
func (b *builder) classOf(k *coin, known map[string]int) int {
	tags := b.c.tagsOf(k)
	key := strings.Join(tags, "\x00")
	n, ok := known[key]
	if !ok {
		n = len(b.classes)
		known[key] = n
		b.classes = append(b.classes, tags)
	}
	return n
}

// coins returns those that must be spent and those to choose from.
func (b *builder) coins() []*coin {
	if len(b.must) == 0 {
		return b.more
	}
	return slices.Concat(b.must, b.more)
}

// weigh turns coins into what the selection must know of them.
func (b *builder) weigh() ([]selection.Coin, error) {
	known := map[string]int{}
	b.classes = nil
	out := make([]selection.Coin, 0, len(b.must)+len(b.more))
	for i, k := range b.coins() {
		weight := k.place.chain.account.inputWeight()
		class := 0
		if len(b.c.rules) > 0 {
			class = b.classOf(k, known)
		}
		out = append(out, selection.Coin{Value: k.value, Weight: weight, Class: class, Must: i < len(b.must)})
	}
	return out, nil
}

// apart is nil where no rule keeps coins apart.
func (b *builder) apart() func(x, y int) bool {
	if len(b.c.rules) == 0 {
		return nil
	}
	return func(x, y int) bool { return b.c.apart(b.classes[x], b.classes[y]) }
}

// soft counts the fee that outputs below the chain's soft limit cost on top.
func (b *builder) soft(outs []*wire.TxOut) (extra int64) {
	for _, o := range outs {
		if o.Value < b.c.params.Policy.SoftDust && address.KindOf(b.c.params, o.PkScript) != address.Data {
			extra += b.c.params.Policy.SoftDust
		}
	}
	return extra
}

// outputWeight is the weight of everything but the inputs and the change.
func (b *builder) baseWeight(inputs, outputs int) int64 {
	w := address.TxWeight(inputs, outputs)
	for _, o := range b.fixed {
		w += address.OutputWeight(o.PkScript)
	}
	return w
}
