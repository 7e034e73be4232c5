package chains

import (
	"math"
	"slices"

	"github.com/layeredpow/lamina/spv"
)

// Params is everything that the program knows of one chain. It comes from Parse, which has
// validated it, and is read-only. Amounts are in the chain's base units (satoshis, or
// 1/1000 of them on a fractional layer).
type Params struct {
	spv.Rules // header validation; Rules.Name is the chain's id, such as "dev-native"

	Title           string  // for people
	Network         Network // how serious its money is
	Kind            Kind
	Parent          string // id of the chain that it is merge-mined with or pegged to; empty for an L1
	Unit            Unit
	GenesisCoinbase []byte // block 0's only transaction, as it travels
	BlockWeight     int64  // most weight units of a block (BIP141)
	Subsidies       []Subsidy
	Maturities      []Maturity
	P2P             P2P
	Address         Address
	Keys            Keys
	Policy          Policy

	Layer    *spv.LayerRules // layers only: place over the L1
	Escrow   *Escrow         // layers only: how it holds value for its child chains
	Peg      *Peg            // pegged layers of an L1 only
	Settlers []Settlers      // the same; a set's number is its index

	entries map[string]entry // where each key stood, for the checks that need other chains
	file    string
}

// Unit is a chain's money.
type Unit struct {
	Symbol   string
	Decimals int   // digits after the point of one whole coin
	MaxMoney int64 // an amount above this is an error, not wealth
}

// Subsidy is the new money of a block from one height on.
type Subsidy struct {
	From    int32
	Amount  int64 // base units
	Halving int32 // blocks, counted from From, after which the amount halves; 0: never
	Random  bool  // Amount is only the most there can be
}

// Maturity is how long the outputs of coinbases from one height on cannot be spent.
type Maturity struct {
	From   int32 // height of the coinbase
	Blocks int32
}

// P2P is how to find and speak to a chain's peers.
type P2P struct {
	Magic       [4]byte // first bytes of a message, in wire order
	Port        uint16  // default TCP port
	Seeds       []string
	Protocol    uint32 // protocol version to announce
	MaxMessage  uint32 // bytes of payload, at most
	HeadersSize uint32 // nodes cut headers messages at so many bytes; 0: only at 2000 headers
	Filters     bool   // nodes commonly serve BIP157 filters
	Bloom       bool   // nodes commonly serve BIP37 bloom filters
	V2          bool   // nodes commonly encrypt connections (BIP324)
}

// Address holds the version bytes of a chain's addresses and keys.
type Address struct {
	P2PKH    byte
	P2SH     []byte  // all decode, the first is what is encoded
	WIF      byte    // private keys
	HRP      string  // of bech32 and bech32m addresses; empty: no segregated witness
	Taproot  bool    // BIP341 outputs can be spent
	BIP32Pub [4]byte // of extended public keys
	BIP32Prv [4]byte // and private ones
}

// Keys says where in a seed's tree the chain's keys are.
type Keys struct {
	CoinType uint32   // SLIP-44, without the hardening bit
	Purposes []uint32 // BIP44 purposes that the chain's scripts allow: 44, 49, 84, 86
}

// Policy is what peers ask of a transaction beyond validity. Rates are base units per
// 1000 virtual bytes.
type Policy struct {
	MinRelay    int64 // least fee rate that is relayed
	Incremental int64 // least rise of the fee rate of a replacement
	WalletFee   int64 // least fee rate that wallets pay
	DustRate    int64 // an output is dust if spending it at this rate costs more than its value
	DustLimit   int64 // where the limit is a plain amount instead
	SoftDust    int64 // each output below this adds this much to the fee; 0: no such rule
	// NoReplacement: nodes keep the first of two transactions that spend a coin, whatever the other pays (no BIP125).
	NoReplacement bool
}

// Escrow is how a layer holds value for its child chains (protocol.md section 7).
type Escrow struct {
	QuorumPercent int   // Q: share of the window's L1 blocks that must be registered seals
	Window        int32 // N: L1 blocks
	Delay         int32 // Dv: further L1 blocks before a withdrawal pays
}

// NoCap is the Peg.Cap of a layer without one.
const NoCap = math.MaxInt64

// Peg holds the settlement constants of a pegged layer (protocol.md sections 4 and 8).
// Depths, delays and ages are in L1 blocks, amounts in L1 satoshis.
type Peg struct {
	ReleaseSeals  int32 // seals over the cut of a batch
	ReleaseBlocks int32 // L1 blocks over it
	Epoch         int32 // E: blocks between batches
	SignDelay     int32 // from the batch's height to its signatures
	Recovery      int32 // age at which the recovery script opens
	Refresh       int32 // age at which vault outputs are moved
	Refund        int32 // age at which a refundable deposit can be taken back
	MinDeposit    int64 // D_min
	MinBurn       int64 // W_min
	Cap           int64 // most that may have been claimed and not burned; NoCap: no limit
}

// Settlers is a set of vault keys and the L1 heights at which deposits to it can be made.
type Settlers struct {
	From, To int32      // both included; To is math.MaxInt32 where no end is set
	K        int        // signatures that settle
	KR       int        // signatures that recover
	Keys     [][32]byte // x-only public keys (BIP340), in script order
}

// NetID returns the network id, the hash of the genesis block in internal byte order
// (protocol.md, notation).
func (p *Params) NetID() spv.Hash { return p.Genesis.ID() }

// Spacing returns the target seconds between blocks under the newest difficulty rule.
func (p *Params) Spacing() uint32 { return p.Eras[len(p.Eras)-1].Spacing }

// ChainID returns the chain's id in merged-mining trees; false for an L1.
func (p *Params) ChainID() (int32, bool) {
	if p.AuxPoW == nil {
		return 0, false
	}
	return p.AuxPoW.ChainID, true
}

// UnitsPerSat returns U, the base units per base unit of the chain that the money comes
// from: 1000 on a fractional layer, else 1 (protocol.md section 6).
func (p *Params) UnitsPerSat() int64 {
	if p.Kind == Fractional {
		return fractions
	}
	return 1
}

// Subsidy returns the new money of the block at a height, in base units, and whether that
// is exact; else it is the most that there can be. Heights below 0 have none.
func (p *Params) Subsidy(height int32) (amount int64, exact bool) {
	for _, s := range slices.Backward(p.Subsidies) {
		if s.From > height {
			continue
		}
		amount = s.Amount
		if s.Halving > 0 {
			amount >>= min((height-s.From)/s.Halving, 63)
		}
		return amount, !s.Random
	}
	return 0, true
}

// Maturity returns how many blocks must lie between the coinbase at a height and the block
// that spends it, itself included (Bitcoin's COINBASE_MATURITY).
func (p *Params) Maturity(height int32) int32 {
	for _, m := range slices.Backward(p.Maturities) {
		if m.From <= height {
			return m.Blocks
		}
	}
	return 0
}

// SettlersAt returns the newest set of settlers for a deposit at an L1 height and its
// number; false if none is in office.
func (p *Params) SettlersAt(height int32) (set int, ok bool) {
	for i, s := range slices.Backward(p.Settlers) {
		if s.From <= height && height <= s.To {
			return i, true
		}
	}
	return 0, false
}
