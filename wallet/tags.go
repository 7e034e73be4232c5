package wallet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/wire"
)

// Tags say who knows about a coin. A coin has its own tags, those of its address, and,
// as change, those of the coins that it came from. A rule says of two tags that coins
// which carry one must never meet coins which carry the other in one transaction.

// AnyOther stands in a rule for every coin that does not carry the first tag.
const AnyOther = "*"

// TagCoin sets the tags of one coin, durably; none removes them.
func (c *Chain) TagCoin(op wire.OutPoint, tags ...string) error { return c.setTags(op.String(), tags) }

// TagAddress sets the tags of every coin that is paid to an address of ours, durably.
func (c *Chain) TagAddress(script []byte, tags ...string) error {
	if _, ok := c.places[string(script)]; !ok {
		return fmt.Errorf("script %x: not of this wallet", script[:min(len(script), 80)])
	}
	return c.setTags(fmt.Sprintf("%x", script), tags)
}

func (c *Chain) setTags(ref string, tags []string) error {
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	if len(tags) > maxTags {
		return fmt.Errorf("tags: %d, want at most %d", len(tags), maxTags)
	}
	for _, t := range tags {
		if err := checkTag(t); err != nil {
			return err
		}
	}
	if len(c.tags) >= maxNotes && len(tags) > 0 {
		return fmt.Errorf("tags of %d coins and addresses: no more are kept", len(c.tags))
	}
	r := Record{Key: noteKey(keyTag, ref)}
	if len(tags) > 0 {
		r.Value = []byte(strings.Join(tags, "\x00"))
	}
	if err := c.log.Write([]Record{r}); err != nil {
		return err
	}
	clear(c.tagMemo)
	if len(tags) > 0 {
		c.tags[ref] = tags
	} else {
		delete(c.tags, ref)
	}
	return nil
}

func checkTag(t string) error {
	if t == "" || t == AnyOther {
		return fmt.Errorf("tag %q: want a word other than %q", t, AnyOther)
	}
	return plain("tag", t, MaxTag)
}

// NeverMerge makes or lifts the rule, durably, that coins with tag a never meet coins
// with tag b; with AnyOther for b, that they meet none but their like.
func (c *Chain) NeverMerge(a, b string, never bool) error {
	if b != AnyOther {
		if err := checkTag(b); err != nil {
			return err
		}
		if a > b {
			a, b = b, a
		}
	}
	if err := checkTag(a); err != nil {
		return err
	}
	if a == b {
		return errors.New("rule: a tag cannot be kept apart from itself")
	}
	if len(c.rules) >= 1000 && never {
		return fmt.Errorf("rules: %d, no more are kept", len(c.rules))
	}
	r := Record{Key: noteKey(keyRule, a, b)}
	if never {
		r.Value = []byte{1}
	}
	if err := c.log.Write([]Record{r}); err != nil {
		return err
	}
	if never {
		c.rules[[2]string{a, b}] = true
	} else {
		delete(c.rules, [2]string{a, b})
	}
	return nil
}

// Rules returns the pairs of tags that never meet, sorted.
func (c *Chain) Rules() (out [][2]string) {
	for r := range c.rules {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return out
}

// tagsOf returns a coin's tags, sorted. Change inherits: it goes back from coin to coin
// as far as transactions of ours alone lead.
func (c *Chain) tagsOf(k *coin) []string {
	if len(c.tags) == 0 {
		return nil
	}
	if tags, ok := c.tagMemo[k]; ok {
		return tags
	}
	out := append(slices.Clone(c.tags[k.op.String()]), c.tags[fmt.Sprintf("%x", k.place.slot().script)]...)
	if k.place.chain.change == 1 {
		for _, in := range k.entry.tx.TxIn {
			if from := c.coin(in.PreviousOutPoint); from != nil {
				out = append(out, c.tagsOf(from)...)
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	c.tagMemo[k] = out
	return out
}

// apart says whether coins with two sets of tags must not meet.
func (c *Chain) apart(a, b []string) bool {
	for r := range c.rules {
		if r[1] == AnyOther {
			if slices.Contains(a, r[0]) != slices.Contains(b, r[0]) {
				return true
			}
			continue
		}
		if slices.Contains(a, r[0]) && slices.Contains(b, r[1]) || slices.Contains(a, r[1]) && slices.Contains(b, r[0]) {
			return true
		}
	}
	return false
}
