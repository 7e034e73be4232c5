package doctor

import (
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/said"
)

// The names of the checks that this package adds to those of spv and spv/merkle.
const (
	CheckGenesis    = "genesis"          // block 0 is the chain's own
	CheckHeight     = "height"           // the height given fits what is known of the block
	CheckLink       = "link"             // a header builds on the one before it
	CheckTrailing   = "trailing-bytes"   // nothing follows the object
	CheckTxIncluded = "tx-included"      // the transaction asked for is among those proved
	CheckTxDepth    = "tx-depth"         // the coinbase is proved at the same depth
	CheckCommitment = "layer-commitment" // the coinbase states the layer's anchor
)

// Rule explains one check.
type Rule struct {
	Name string `json:"check"`
	Text string `json:"text"` // what it demands
}

// rules lists every check that a report of this package can contain, in the order in
// which they are usually made.
var rules = []Rule{
	{CheckGenesis, "block 0 is the chain's genesis block"},
	{CheckHeight, "the height given is the one that a known block has"},
	{CheckLink, "each header builds on the one before it"},
	{spv.CheckTarget, "the bits spell a positive target within the chain's limit"},
	{spv.CheckLegacyVersion, "no version from before chain ids at this height"},
	{spv.CheckChainID, "the version carries the chain's merged-mining id"},
	{spv.CheckAuxPoWStart, "merged mining has begun at this height"},
	{spv.CheckAuxPoWFlag, "version bit 0x100 announces the proof that is present"},
	{spv.CheckAuxPoWPresent, "a proof is present where one is due, and nowhere else"},
	{spv.CheckWork, "the header's work hash meets its target"},
	{spv.CheckParentWork, "the parent's work hash meets the child's target"},
	{spv.CheckParentPlain, "the parent header announces no proof of its own"},
	{spv.CheckParentChainID, "the parent's version does not carry our own chain id"},
	{spv.CheckCoinbasePlain, "the parent coinbase is serialised without witness"},
	{spv.CheckCoinbaseNull, "the parent coinbase has one input that spends nothing"},
	{spv.CheckCoinbaseScript, "the parent coinbase's script has 2 to 100 bytes"},
	{spv.CheckCoinbaseBranch, "the coinbase branch is short enough"},
	{spv.CheckCoinbaseIndex, "the coinbase is the parent's first transaction"},
	{spv.CheckCoinbaseRoot, "the coinbase and its branch lead to the parent's merkle root"},
	{spv.CheckCoinbaseInputs, "the parent coinbase has an input"},
	{spv.CheckChainBranch, "the chain branch is short enough"},
	{spv.CheckRootPresent, "the merged-mining root stands in the coinbase script"},
	{spv.CheckRootMagic, "fabe6d6d once, directly before the root"},
	{spv.CheckRootEarly, "without fabe6d6d, the root starts at offset 20 or less"},
	{spv.CheckRootTail, "tree size and nonce follow the root"},
	{spv.CheckTreeSize, "the tree size is 2 to the chain branch's length"},
	{spv.CheckSlot, "the block is in the slot of its chain id"},
	{spv.CheckDifficulty, "the bits are those that the difficulty rule gives"},
	{spv.CheckMedianTime, "the time is above the median of the 11 headers below"},
	{spv.CheckFutureTime, "the time is not far ahead of the clock"},
	{spv.CheckTimeWarp, "a difficulty period does not begin far before the last one ended"},
	{spv.CheckVersion, "the version is at least the one due at this height"},
	{spv.CheckCheckpoint, "a known block stands at its height"},
	{spv.CheckParentKnown, "the parent builds on a known L1 block"},
	{spv.CheckBlockRoot, "the transactions lead to the header's merkle root"},
	{spv.CheckBlockMutated, "no two equal neighbours in the tree (CVE-2012-2459)"},
	{spv.CheckBlockCoinbase, "a coinbase comes first, and only there"},
	{spv.CheckBlockTx64, "no transaction has 64 bytes (CVE-2017-12842)"},
	{spv.CheckBlockWitness, "the coinbase commits to the witnesses"},
	{spv.CheckSignet, "the block solves the network's challenge"},
	{CheckCommitment, "the coinbase carries one layer commitment"},
	{spv.CheckAnchorBranch, "the anchor lies under the parent's L1 block"},
	{merkle.CheckPartialCount, "the partial tree speaks of a possible number of transactions"},
	{merkle.CheckPartialHashes, "the partial tree holds as many hashes as it uses"},
	{merkle.CheckPartialFlags, "the partial tree holds as many flag bits as it uses"},
	{CheckTxIncluded, "the transaction is among those proved"},
	{CheckTxDepth, "the coinbase is proved at the same depth (CVE-2017-12842)"},
	{CheckTrailing, "nothing follows"},
}

// Rules returns every check that a report can contain, with a line on what it demands.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// demand is Explain as a sentence.
func demand(name string) said.Sentence { return said.Sentence{Form: Explain(name)} }

// Explain returns the line on a check, empty for a name that is not known.
func Explain(name string) string {
	for _, r := range rules {
		if r.Name == name {
			return r.Text
		}
	}
	return ""
}
