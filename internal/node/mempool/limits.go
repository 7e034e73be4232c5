package mempool

import (
	"fmt"
)

// The most that transactions may hang together (Bitcoin Core's defaults).
const (
	maxChain     = 25      // transactions that one depends on, or that depend on it, itself included
	maxChainSize = 101_000 // their virtual bytes
	maxTRUC      = 10_000  // virtual bytes of a transaction of version 3 (BIP431)
	maxTRUCChild = 1_000   // and of one that depends on another
	maxEvicted   = 100     // transactions that one replaces (BIP125, rule 5)
)

// judgePlace holds the chains of transactions that the offer makes against the limits.
func (o *offer) judgePlace() error {
	below := map[*entry]*sums{} // what the offer adds below its ancestors in the pool
	for _, e := range o.fresh {
		above := sums{}
		above.add(e, 1)
		all := ancestors(group{e: {}})
		for a := range all {
			above.add(a, 1)
			if below[a] == nil {
				below[a] = &sums{}
			}
			below[a].add(e, 1)
		}
		// One alone is no chain: a claim may be larger than a chain may.
		if above.count > maxChain || above.count > 1 && above.size > maxChainSize {
			return fmt.Errorf("transaction %s: %w", e.id, refuse(CheckChain,
				fmt.Sprintf("%d transactions of %d vbytes with those it depends on", above.count, above.size), chainWant()))
		}
		if err := o.judgeTRUC(e, all); err != nil {
			return fmt.Errorf("transaction %s: %w", e.id, err)
		}
	}
	for a, s := range below {
		if a.below.count+s.count > maxChain || a.below.size+s.size > maxChainSize {
			return fmt.Errorf("transaction %s: %w", o.fresh[len(o.fresh)-1].id, refuse(CheckChain,
				fmt.Sprintf("%d transactions of %d vbytes with those that depend on %s", a.below.count+s.count,
					a.below.size+s.size, a.id), chainWant()))
		}
	}
	return nil
}

func chainWant() string { return fmt.Sprintf("at most %d of %d vbytes", maxChain, maxChainSize) }

// judgeTRUC applies BIP431: a transaction of version 3 has one unconfirmed parent or one
// child at most, of version 3 as well, and both are small.
func (o *offer) judgeTRUC(e *entry, above group) error {
	for parent := range e.parents {
		if (parent.tx.Version == truc) != (e.tx.Version == truc) {
			return refuse(CheckTRUC,
				fmt.Sprintf("version %d over unconfirmed %s of version %d", e.tx.Version, parent.id, parent.tx.Version),
				"version 3 over version 3 only, and under it")
		}
	}
	if e.tx.Version != truc {
		return nil
	}
	most := int64(maxTRUC)
	if len(above) > 0 {
		most = maxTRUCChild
	}
	if e.size > most {
		return refuse(CheckTRUC, fmt.Sprintf("%d vbytes", e.size), fmt.Sprintf("at most %d in version 3", most))
	}
	if len(above) > 1 {
		return refuse(CheckTRUC, fmt.Sprintf("%d unconfirmed ancestors", len(above)), "at most one in version 3")
	}
	for parent := range e.parents {
		for child := range parent.children {
			if _, replaced := o.direct[child]; !replaced {
				return refuse(CheckTRUC, fmt.Sprintf("a second child of %s", parent.id), "one child in version 3")
			}
		}
	}
	return nil
}

// judgeReplacement applies BIP125's rules 2 to 6 as Bitcoin Core does for every
// transaction, whether it signals or not.
func (o *offer) judgeReplacement() error {
	p, last := o.pool, o.fresh[len(o.fresh)-1]
	fail := func(got, want string) error {
		return fmt.Errorf("transaction %s: %w", last.id, refuse(CheckReplace, got, want))
	}
	if len(o.evict) > maxEvicted {
		return fail(fmt.Sprintf("%d transactions to replace", len(o.evict)), fmt.Sprintf("at most %d", maxEvicted))
	}
	kept := group{} // parents of what is replaced
	for e := range o.direct {
		for parent := range e.parents {
			kept[parent] = struct{}{}
		}
		if compareRates(o.sums.fee, o.sums.size, e.fee, e.size) <= 0 {
			return fail(fmt.Sprintf("fee %d for %d vbytes", o.sums.fee, o.sums.size),
				fmt.Sprintf("a higher rate than %d for %d, which %s pays", e.fee, e.size, e.id))
		}
	}
	fresh := group{}
	for _, e := range o.fresh {
		fresh[e] = struct{}{}
		for parent := range e.parents {
			_, known := kept[parent]
			_, own := fresh[parent]
			if !known && !own {
				return fail(fmt.Sprintf("unconfirmed input of %s", parent.id), "no unconfirmed inputs but those of what it replaces")
			}
		}
	}
	for a := range ancestors(fresh) {
		if _, out := o.evict[a]; out {
			return fail("an output of "+a.id.String(), "not to spend what it replaces")
		}
	}
	var old sums
	for e := range o.evict {
		old.add(e, 1)
	}
	if o.sums.fee < old.fee {
		return fail(fmt.Sprintf("fee %d", o.sums.fee), fmt.Sprintf("at least %d, which %d replaced ones pay", old.fee, old.count))
	}
	if more, least := o.sums.fee-old.fee, feeFor(p.params.Policy.Incremental, o.sums.size); more < least {
		return fail(fmt.Sprintf("%d more", more), fmt.Sprintf("at least %d more for %d vbytes", least, o.sums.size))
	}
	return nil
}
