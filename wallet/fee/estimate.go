package fee

import (
	"fmt"
	"slices"
)

// Source says where a sample of fee rates comes from.
type Source uint8

// The sources of samples. The set is closed.
const (
	Peer   Source = iota + 1 // the least rate that a peer relays (BIP133)
	Block                    // mean of a block whose transactions are all known
	Parent                   // mean of a block template, if not more: from a merged-mining proof
)

var sourceNames = [...]string{"?", "peers' floor", "blocks", "merged-mining proofs"}

// String returns the source's name.
func (s Source) String() string { return sourceNames[min(int(s), len(sourceNames)-1)] }

// Sample is one observation.
type Sample struct {
	Source Source
	Rate   Rate
	Time   int64 // of the observation or the block, Unix seconds
}

// FromBlock returns the mean rate of a block: the fees in its coinbase over the weight of
// its other transactions. Subsidy is the block's new money. False if there is nothing to
// tell it from: a block without other transactions, or a coinbase that takes less than
// it may.
func FromBlock(outputs, subsidy, weight, time int64) (Sample, bool) {
	if outputs < subsidy || weight <= 0 {
		return Sample{}, false
	}
	return Sample{Block, RateOf(outputs-subsidy, weight), time}, true
}

// FromParent returns what the coinbase of a proof's parent block says of the fees on the
// parent chain (protocol.md section 10): the fees of the template over the most that a
// block weighs, thus at most its mean. Outputs is what the coinbase pays, -1 if that makes
// no sense. The caller knows the parent's predecessor, and from its height the exact
// subsidy. False for a coinbase that sums below the subsidy, which no block of that chain
// has.
func FromParent(outputs, subsidy, blockWeight, time int64) (Sample, bool) {
	if outputs < 0 || outputs < subsidy || blockWeight <= 0 {
		return Sample{}, false
	}
	return Sample{Parent, RateOf(outputs-subsidy, blockWeight), time}, true
}

// MaxAge is the age beyond which a sample says nothing, in seconds.
const MaxAge = 3 * 3600

// Enough is how many blocks or proofs it takes to say anything: with fewer, a single one
// whose payer slipped would be the median.
const Enough = 3

// Estimate is what samples say of the rate that is asked now.
type Estimate struct {
	Floor Rate // below this nothing is relayed: the greater of policy and the peers' median
	Peers int  // that told a floor; 0: Floor is the policy's alone

	Known     bool // there are samples enough of blocks or proofs; else what follows means nothing
	Low, High Rate // the middle half of them, not below Floor
	Median    Rate // of them, not below Floor
	Source    Source
	Samples   int
	Newest    int64 // time of the newest of them
}

// String says the range and where it comes from.
func (e Estimate) String() string {
	floor := fmt.Sprintf("at least %s by policy", e.Floor)
	if e.Peers > 0 {
		floor = fmt.Sprintf("at least %s (%d peers)", e.Floor, e.Peers)
	}
	if !e.Known {
		return floor + "; what blocks ask is not known"
	}
	return fmt.Sprintf("%s to %s, mean of %d %s; %s", e.Low, e.High, e.Samples, e.Source, floor)
}

// From puts samples together at a time (Unix seconds); policy is the least rate that the
// chain's nodes relay by default. Whole blocks go before proofs. Medians and quartiles
// keep single liars from moving it. The range is the mean demand of recent blocks, not a
// promise for the next one.
func From(samples []Sample, policy Rate, now int64) Estimate {
	rates := map[Source][]Rate{}
	newest := map[Source]int64{}
	for _, s := range samples {
		if s.Rate < 0 || s.Rate > MaxRate || s.Time > now+MaxAge || now-s.Time > MaxAge {
			continue
		}
		rates[s.Source] = append(rates[s.Source], s.Rate)
		newest[s.Source] = max(newest[s.Source], s.Time)
	}
	for _, r := range rates {
		slices.Sort(r)
	}
	e := Estimate{Floor: policy}
	if r := rates[Peer]; len(r) > 0 {
		e.Peers, e.Floor = len(r), max(policy, r[(len(r)-1)/2])
	}
	for _, source := range []Source{Block, Parent} {
		if r := rates[source]; len(r) >= Enough {
			e.Known, e.Source, e.Samples, e.Newest = true, source, len(r), newest[source]
			e.Low, e.High = max(e.Floor, r[len(r)/4]), max(e.Floor, r[len(r)-1-len(r)/4])
			e.Median = max(e.Floor, r[len(r)/2])
			break
		}
	}
	return e
}
