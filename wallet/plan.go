package wallet

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/wallet/address"
	"github.com/layeredpow/lamina/wallet/fee"
)

// Filter chooses coins to combine. Zero values choose all; only coins that the wallet
// could spend of its own accord are looked at, and only confirmed ones.
type Filter struct {
	MinDepth, MaxDepth int32 // confirmations; MaxDepth 0: any
	MinValue, MaxValue int64 // base units; MaxValue 0: any
	Kinds              []address.Kind
	Accounts           []int
	Label              string // is part of the coin's label
	Tag                string // is one of its tags
}

func (f *Filter) takes(k *Coin) bool {
	return k.Spendable() && k.State == Confirmed &&
		k.Depth >= f.MinDepth && (f.MaxDepth == 0 || k.Depth <= f.MaxDepth) &&
		k.Value >= f.MinValue && (f.MaxValue == 0 || k.Value <= f.MaxValue) &&
		(f.Kinds == nil || slices.Contains(f.Kinds, k.Kind)) &&
		(f.Accounts == nil || slices.Contains(f.Accounts, k.Account)) &&
		strings.Contains(k.Label, f.Label) && (f.Tag == "" || slices.Contains(k.Tags, f.Tag))
}

// Plan combines coins in as many transactions as it takes (protocol.md section 11). It
// is made without changing anything, kept by StartPlan, and carried out step by step.
type Plan struct {
	ID     string   `json:"-"`
	Rate   fee.Rate `json:"rate"`
	Future fee.Rate `json:"future"` // at which the coins would be spent later
	Groups []Group  `json:"groups"`

	Cost  int64 `json:"cost"`  // fees of all steps now
	Later int64 `json:"later"` // fees of spending all the coins later, one by one, at Future
	Rest  int64 `json:"rest"`  // fees of spending later what the plan leaves
	Left  int   `json:"left"`  // coins that cost more than they hold, and stay where they are
	Lost  int64 `json:"lost"`  // what they hold
}

// Saving is what the plan saves against spending the coins later; negative if it costs.
func (p *Plan) Saving() int64 { return p.Later - p.Cost - p.Rest }

// Group is what ends up in one coin: coins of one account that may meet.
type Group struct {
	Account int      `json:"account"`
	Tags    []string `json:"tags,omitempty"`
	Steps   []Step   `json:"steps"` // of at least two coins each
	Join    bool     `json:"join"`  // a last step combines what the others made
}

// Step is one transaction of a plan: all of its coins into one.
type Step struct {
	Coins  []wire.OutPoint `json:"coins"`
	Sum    int64           `json:"sum"`
	Fee    int64           `json:"fee"`
	Weight int64           `json:"weight"`
}

// PlanCombine plans to combine the coins that a filter takes, at a fee rate; future is
// the rate that is expected when they would be spent otherwise. Coins of different
// accounts stay apart, as do those that rules of tags keep apart. Nothing is changed.
func (c *Chain) PlanCombine(f Filter, rate, future fee.Rate) (*Plan, error) {
	least := fee.Rate(c.params.Policy.MinRelay)
	if rate < least || future < 0 || rate > fee.MaxRate || future > fee.MaxRate {
		return nil, fmt.Errorf("fee rate %s, later %s: want at least %s now", rate, future, least)
	}
	p := &Plan{Rate: rate, Future: future}
	groups := map[string][]*Coin{}
	coins := c.Coins()
	for i := range coins {
		k := &coins[i]
		if !f.takes(k) {
			continue
		}
		if rate.Of(c.accounts[k.Account].inputWeight()) >= k.Value {
			p.Left++
			p.Lost += k.Value
			continue
		}
		id := fmt.Sprintf("%d\x00%s", k.Account, strings.Join(k.Tags, "\x00"))
		groups[id] = append(groups[id], k)
	}
	for _, g := range c.together(groups) {
		c.pack(p, g)
	}
	if len(p.Groups) == 0 {
		return nil, said.Errorf("combine: no two coins that may meet and are worth it")
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	p.ID = planID(b)
	return p, nil
}

func planID(b []byte) string {
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%x", sum[:8])
}

// together joins groups of one account whose tags may meet: first come, first served.
func (c *Chain) together(groups map[string][]*Coin) (out [][]*Coin) {
	var ids []string
	for id := range groups {
		ids = append(ids, id)
	}
	slices.Sort(ids)
next:
	for _, id := range ids {
		g := groups[id]
		for i, have := range out {
			if have[0].Account == g[0].Account && !slices.ContainsFunc(have, func(k *Coin) bool { return c.apart(k.Tags, g[0].Tags) }) {
				out[i] = append(have, g...)
				continue next
			}
		}
		out = append(out, slices.Clone(g))
	}
	return out
}

// pack fills transactions with a group's coins, the largest first so that what a later
// rise of fees would leave behind comes last.
func (c *Chain) pack(p *Plan, coins []*Coin) {
	slices.SortStableFunc(coins, func(a, b *Coin) int { return cmp.Compare(b.Value, a.Value) })
	in := c.accounts[coins[0].Account].inputWeight()
	out := 4 * int64(8+1+len(coins[0].Script))
	base := address.TxWeight(0xfd, 1) + out
	most := int((MaxWeight - base) / in)
	g := Group{Account: coins[0].Account}
	later := p.Future.Of(in)
	dust := Dust(c.params, coins[0].Script)
	for len(coins) > 1 {
		n := min(most, len(coins))
		if n == len(coins)-1 {
			n-- // or the last one would be left alone
		}
		s := Step{Weight: address.TxWeight(n, 1) + out + int64(n)*in}
		for _, k := range coins[:n] {
			s.Coins = append(s.Coins, k.Outpoint)
			s.Sum += k.Value
			g.Tags = append(g.Tags, k.Tags...)
		}
		coins = coins[n:]
		s.Fee = p.Rate.Of(s.Weight)
		if s.Sum-s.Fee < max(dust, c.params.Policy.SoftDust) {
			break
		}
		g.Steps = append(g.Steps, s)
		p.Cost += s.Fee
		p.Later += later * int64(n)
	}
	if len(g.Steps) == 0 {
		return
	}
	slices.Sort(g.Tags)
	g.Tags = slices.Compact(g.Tags)
	if g.Join = len(g.Steps) > 1 && len(g.Steps) <= most; g.Join {
		p.Cost += p.Rate.Of(address.TxWeight(len(g.Steps), 1) + out + int64(len(g.Steps))*in)
		p.Rest += later
	} else {
		p.Rest += later * int64(len(g.Steps))
	}
	p.Groups = append(p.Groups, g)
}

// StartPlan keeps a plan, durably, so that it is carried out whatever happens in between.
func (c *Chain) StartPlan(p *Plan) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if id := planID(b); p.ID != id {
		return fmt.Errorf("plan %q: was changed since it was made, is %q now", p.ID, id)
	}
	if len(c.plans) >= 100 {
		return fmt.Errorf("plans: %d under way, no more are kept", len(c.plans))
	}
	if err := c.log.Write([]Record{{append([]byte{keyPlan}, p.ID...), b}}); err != nil {
		return err
	}
	c.plans[p.ID] = b
	return nil
}

// DropPlan forgets a plan, durably. What was sent of it stays sent.
func (c *Chain) DropPlan(id string) error {
	if err := c.log.Write([]Record{{Key: append([]byte{keyPlan}, id...)}}); err != nil {
		return err
	}
	delete(c.plans, id)
	return nil
}

// Plans returns the plans that are kept, by id.
func (c *Chain) Plans() (out []*Plan) {
	for id := range c.plans {
		p, err := c.plan(id)
		if err != nil {
			panic("wallet: " + err.Error()) // it was read before
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Plan) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (c *Chain) plan(id string) (*Plan, error) {
	b, ok := c.plans[id]
	if !ok {
		return nil, fmt.Errorf("plan %.40q: not kept", id)
	}
	return parsePlan(id, b)
}

func parsePlan(id string, b []byte) (*Plan, error) {
	p := &Plan{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("plan %s: %w", id, err)
	}
	if p.ID = id; planID(b) != id {
		return nil, fmt.Errorf("plan %s: the record is of %s", id, planID(b))
	}
	return p, nil
}

// Progress says how far a plan is.
type Progress struct {
	Done, Steps int  // steps that were sent, of all
	Waiting     bool // the next step needs others to confirm first
}

// NextStep returns the draft of a plan's next transaction, nil if it is done or waits.
// What was done is seen from the coins themselves: after a crash it goes on where it
// was, and nothing is sent twice. Coins that were spent otherwise are left out.
func (c *Chain) NextStep(id string, lockHeight int32, rng *rand.Rand) (*Draft, Progress, error) {
	p, err := c.plan(id)
	if err != nil {
		return nil, Progress{}, err
	}
	var at Progress
	var next []wire.OutPoint
	account := 0
	for i := range p.Groups {
		g := &p.Groups[i]
		all := g.coins()
		made := map[wire.OutPoint]bool{} // what the group's transactions made
		whole := true
		for _, s := range g.Steps {
			at.Steps++
			left := c.stillThere(s.Coins, all, made)
			if len(left) < 2 {
				at.Done++
				continue
			}
			if whole = false; next == nil {
				next, account = left, g.Account
			}
		}
		if !g.Join {
			continue
		}
		at.Steps++
		join, ready := c.joinable(made)
		switch {
		case !whole:
		case len(join) < 2 && ready:
			at.Done++
		case !ready:
			at.Waiting = true
		case next == nil:
			next, account = join, g.Account
		}
	}
	if next == nil {
		return nil, at, nil
	}
	at.Waiting = false
	change, err := c.NextChange(account)
	if err != nil {
		return nil, at, err
	}
	d, err := c.Draft(Request{Recipients: []Recipient{{Script: change.Script, Max: true}}, Rate: p.Rate, LongTerm: p.Future,
		Coins: next, Change: account, LockHeight: lockHeight}, rng)
	return d, at, err
}

// coins returns all coins of a group's steps.
func (g *Group) coins() map[wire.OutPoint]bool {
	all := map[wire.OutPoint]bool{}
	for _, s := range g.Steps {
		for _, op := range s.Coins {
			all[op] = true
		}
	}
	return all
}

// stillThere returns the coins that can be spent still, and notes what the others became:
// the change of transactions that took coins of the group alone.
func (c *Chain) stillThere(coins []wire.OutPoint, all, made map[wire.OutPoint]bool) (left []wire.OutPoint) {
	foreign := func(in *wire.TxIn) bool { return !all[in.PreviousOutPoint] }
	for _, op := range coins {
		k := c.coin(op)
		switch {
		case k == nil:
		case k.at >= 0 && !k.frozen && k.confirmed:
			left = append(left, op)
		case k.spent != nil && !slices.ContainsFunc(k.spent.tx.TxIn, foreign):
			for i := range k.spent.coins {
				if o := &k.spent.coins[i]; o.place.chain.change == 1 {
					made[o.op] = true
				}
			}
		}
	}
	return left
}

// joinable returns the coins that a last step combines. It waits until all are
// confirmed: chains of unconfirmed transactions may not get long.
func (c *Chain) joinable(made map[wire.OutPoint]bool) (coins []wire.OutPoint, ready bool) {
	ready = true
	for op := range made {
		switch k := c.coin(op); {
		case k.at < 0 || k.frozen:
		case !k.confirmed:
			ready = false
		default:
			coins = append(coins, op)
		}
	}
	slices.SortFunc(coins, func(a, b wire.OutPoint) int {
		return cmp.Or(slices.Compare(a.Hash[:], b.Hash[:]), cmp.Compare(a.Index, b.Index))
	})
	return coins, ready
}
