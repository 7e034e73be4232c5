package chains

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/layeredpow/lamina/spv/pow"
)

const (
	maxMoney     = 4_000_000_000_000_000_000 // base units: sums of two amounts fit an int64
	maxRate      = 1_000_000_000_000         // base units per 1000 vbytes
	maxMessageIn = 64 << 20                  // bytes of a peer message
	fractions    = 1000                      // base units of a fractional layer per unit of its parent
)

// Parse reads one chain from a TOML file of at most MaxFile bytes. File is the name that
// error messages begin with. Unknown keys are refused. The error is of type Problems and
// lists everything that is wrong; what depends on other chains is checked by Set.Add.
func Parse(file string, src []byte) (*Params, error) {
	doc, err := parseDocument(file, src)
	if err != nil {
		return nil, err
	}
	p := &Params{file: file, entries: doc.entries()}
	r := &reader{doc: doc}
	r.read(p)
	if err := doc.problems.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// read fills in the chain, and the document's list of problems.
func (r *reader) read(p *Params) {
	r.readChain(p)
	if !p.Kind.valid() {
		return // which tables belong here depends on the kind
	}
	r.readUnit(p)
	r.readRules(p)
	r.readAuxPoW(p)
	r.readGenesis(p)
	r.readLayer(p)
	r.readMoney(p)
	r.readP2P(p)
	r.readAddress(p)
	r.readKeys(p)
	r.readPolicy(p)
	r.unknown()
}

func (r *reader) readChain(p *Params) {
	s := r.table("chain", false)
	p.Name = s.text("name", "1 to 32 of a-z, 0-9 and -, a letter first", false, isName)
	p.Title = s.text("title", "1 to 60 printable ASCII characters", false, printable(60))
	s.enum("network", &p.Network)
	s.enum("kind", &p.Kind)
	s.enum("work", workName{&p.Work})
	if p.Kind == L1 {
		return
	}
	p.Parent = s.text("parent", "the name of the chain that it is merge-mined with", false, isName)
	if p.Parent != "" && p.Parent == p.Name {
		s.problem("parent", "want another chain")
	}
}

// workName words the error of a work hash like that of the other names.
type workName struct{ into *pow.Algorithm }

// UnmarshalText sets the work hash from its name; the error lists the names there are.
func (w workName) UnmarshalText(text []byte) error {
	if w.into.UnmarshalText(text) != nil {
		return fmt.Errorf("want one of %s, %s", pow.SHA256d, pow.Scrypt)
	}
	return nil
}

func (r *reader) readUnit(p *Params) {
	s := r.table("unit", false)
	p.Unit = Unit{
		Symbol:   s.text("symbol", "1 to 8 letters or digits", false, isSymbol),
		Decimals: integer(s, "decimals", 0, 18),
		MaxMoney: integer[int64](s, "max_money", 1, maxMoney),
	}
}

// readMoney reads how new money comes to be. Pegged layers make none.
func (r *reader) readMoney(p *Params) {
	if !p.Kind.Pegged() {
		r.readSubsidies(p)
	}
	rows := r.rows("maturity", 1)
	var from []int32
	for _, s := range rows {
		m := Maturity{From: integer[int32](s, "from", 0, maxHeight), Blocks: integer[int32](s, "blocks", 1, maxBlocks)}
		p.Maturities = append(p.Maturities, m)
		from = append(from, m.From)
	}
	ascending(rows, "from", from, 0)
}

func (r *reader) readSubsidies(p *Params) {
	rows := r.rows("subsidy", 1)
	var from []int32
	for _, s := range rows {
		sub := Subsidy{
			From:    integer[int32](s, "from", 0, maxHeight),
			Amount:  integer[int64](s, "amount", 0, maxMoney),
			Halving: integer[int32](s, "halving", 1, maxHeight, 0),
			Random:  s.flag("random"),
		}
		if sub.Amount > p.Unit.MaxMoney && p.Unit.MaxMoney > 0 {
			s.problem("amount", fmt.Sprintf("want at most unit.max_money, %d", p.Unit.MaxMoney))
		}
		p.Subsidies = append(p.Subsidies, sub)
		from = append(from, sub.From)
	}
	ascending(rows, "from", from, 0)
}

func (r *reader) readP2P(p *Params) {
	s := r.table("p2p", false)
	p.P2P = P2P{
		Magic:       s.four("magic"),
		Port:        integer[uint16](s, "port", 1, math.MaxUint16),
		Seeds:       s.texts("seeds", "host names", 0, 32, isHost),
		Protocol:    integer[uint32](s, "protocol", 70001, math.MaxInt32),
		MaxMessage:  integer[uint32](s, "max_message", 1<<20, maxMessageIn),
		HeadersSize: integer[uint32](s, "headers_size", 1<<16, maxMessageIn, 0),
		Filters:     s.flag("filters"),
		Bloom:       s.flag("bloom"),
		V2:          s.flag("v2"),
	}
	if p.P2P.HeadersSize > p.P2P.MaxMessage && p.P2P.MaxMessage > 0 {
		s.problem("headers_size", fmt.Sprintf("want at most p2p.max_message, %d", p.P2P.MaxMessage))
	}
}

func (r *reader) readAddress(p *Params) {
	s := r.table("address", false)
	p.Address = Address{
		P2PKH:    integer[uint8](s, "p2pkh", 0, 255),
		P2SH:     integers[uint8](s, "p2sh", 4, 255),
		WIF:      integer[uint8](s, "wif", 0, 255),
		HRP:      s.text("hrp", "1 to 20 of a-z and 0-9", !p.Kind.Layered(), isHRP),
		Taproot:  s.flag("taproot"),
		BIP32Pub: s.four("bip32_pub"),
		BIP32Prv: s.four("bip32_prv"),
	}
	if r.faulty("address") {
		return
	}
	a := &p.Address
	if slices.Contains(a.P2SH, a.P2PKH) {
		s.problem("p2sh", fmt.Sprintf("want versions other than address.p2pkh, %d", a.P2PKH))
	}
	if a.Taproot && a.HRP == "" {
		s.problem("taproot", "want false without address.hrp")
	}
	if p.Kind.Layered() && !a.Taproot {
		s.problem("taproot", "want true on a layer")
	}
}

func (r *reader) readKeys(p *Params) {
	s := r.table("keys", false)
	p.Keys = Keys{
		CoinType: integer[uint32](s, "coin_type", 0, math.MaxInt32),
		Purposes: integers[uint32](s, "purposes", 4, 86),
	}
	if r.faulty("address") {
		return
	}
	allowed := []uint32{44}
	if p.Address.HRP != "" {
		allowed = append(allowed, 49, 84)
	}
	if p.Address.Taproot {
		allowed = append(allowed, 86)
	}
	for _, n := range p.Keys.Purposes {
		if !slices.Contains(allowed, n) {
			s.problem("purposes", fmt.Sprintf("want only %s, by the address kinds that the chain has",
				strings.Trim(fmt.Sprint(allowed), "[]")))
			return
		}
	}
}

func (r *reader) readPolicy(p *Params) {
	s := r.table("policy", false)
	p.Policy = Policy{
		MinRelay:    integer[int64](s, "min_relay", 0, maxRate),
		Incremental: integer[int64](s, "incremental", 0, maxRate),
		WalletFee:   integer[int64](s, "wallet_fee", 0, maxRate),
		SoftDust:    integer[int64](s, "soft_dust", 0, maxRate, 0),

		NoReplacement: s.flag("no_replacement"),
	}
	if s.has("dust_limit") {
		p.Policy.DustLimit = integer[int64](s, "dust_limit", 0, maxRate)
		return
	}
	p.Policy.DustRate = integer[int64](s, "dust_rate", 0, maxRate)
}

func isName(s string) bool {
	return len(s) >= 1 && len(s) <= 32 && s[0] >= 'a' && s[0] <= 'z' && only(s, "-")
}

func isHRP(s string) bool { return len(s) >= 1 && len(s) <= 20 && only(s, "") }

func isHost(s string) bool {
	return len(s) >= 1 && len(s) <= 253 && only(strings.ToLower(s), "-.")
}

func isSymbol(s string) bool { return len(s) >= 1 && len(s) <= 8 && only(strings.ToLower(s), "") }

// only tells whether s has lower-case ASCII letters, digits and the extra characters alone.
func only(s, extra string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789"+extra) == ""
}
