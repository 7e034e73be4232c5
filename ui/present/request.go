package present

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/pow"
)

// Option is one entry of a choice.
type Option struct {
	Value string
	Text  string
}

// Kinds returns what can be verified, in the order in which it is offered.
func (x *Texts) Kinds() []Option {
	var out []Option
	for _, k := range app.Kinds() {
		out = append(out, Option{Value: string(k), Text: x.inputKind(k)})
	}
	return out
}

func (x *Texts) inputKind(k app.Kind) string {
	switch k {
	case app.AuxPoW:
		return x.t("Merged-mining proof")
	case app.Header:
		return x.t("One header")
	case app.Headers:
		return x.t("Run of headers")
	case app.Merkle:
		return x.t("Proof of inclusion")
	case app.Block:
		return x.t("Whole block")
	}
	return string(k)
}

// KindHint says what bytes are expected.
func (x *Texts) KindHint(k app.Kind) string {
	switch k {
	case app.AuxPoW:
		return x.t("A header with its proof, a whole merge-mined block, or a proof alone with its block's id.")
	case app.Header:
		return x.t("80 bytes, with the merged-mining proof behind them if there is one.")
	case app.Headers:
		return x.t("Headers one after another, one per line of hex, or a headers message.")
	case app.Merkle:
		return x.t("What gettxoutproof gives: a header and a partial Merkle tree.")
	case app.Block:
		return x.t("Header, proof if there is one, and all transactions.")
	}
	return ""
}

// ByID and NoChain are the values of choices that are no chain's name.
const (
	ByID    = "#id"   // AuxPoW: a chain that is known by its id and work alone
	NoChain = "#none" // Merkle: the header's work is left unchecked
)

// Chains returns the chains by which a kind of input can be judged.
func (x *Texts) Chains(k app.Kind, all []*chains.Params) []Option {
	titles := map[string]int{}
	for _, p := range all {
		titles[p.Title]++
	}
	var out []Option
	for _, p := range all {
		if k == app.AuxPoW && p.AuxPoW == nil {
			continue
		}
		text := p.Title
		if titles[text] > 1 {
			text += " (" + p.Name + ")"
		}
		out = append(out, Option{Value: p.Name, Text: text})
	}
	switch k {
	case app.AuxPoW:
		out = append(out, Option{Value: ByID, Text: x.t("Another chain, by its id")})
	case app.Merkle:
		out = append(out, Option{Value: NoChain, Text: x.t("No chain: work unchecked")})
	}
	return out
}

// Fields are what the user has typed and chosen.
type Fields struct {
	Kind  app.Kind
	Chain string // a chain's name, ByID or NoChain
	Input []byte

	ChainID, Work   string // with ByID
	Height          string // may be empty
	TxID            string // Merkle, may be empty
	ChildHash, Bits string // AuxPoW, both or none
}

// Request reads the fields. The error says which one is wrong and what is allowed.
func (x *Texts) Request(f Fields) (app.Request, error) {
	r := app.Request{Kind: f.Kind, Input: f.Input, Height: doctor.UnknownHeight}
	if len(f.Input) == 0 {
		return r, errors.New(x.t("Nothing to verify yet: paste hex or open a file."))
	}
	if err := x.readChain(&r, &f); err != nil {
		return r, err
	}
	if s := clean(f.Height); s != "" {
		n, err := strconv.ParseUint(s, 10, 30)
		if err != nil {
			return r, errors.New(x.t("Height: {{.Got}} is no block height. Leave it empty if it is not known.", words{"Got": quote(f.Height)}))
		}
		r.Height = int32(n)
	}
	if f.Kind == app.Merkle && clean(f.TxID) != "" {
		id, err := x.id(x.t("Transaction id"), f.TxID)
		if err != nil {
			return r, err
		}
		r.TxID = id
	}
	if f.Kind == app.AuxPoW {
		return r, x.readChild(&r, &f)
	}
	return r, nil
}

func (x *Texts) readChain(r *app.Request, f *Fields) error {
	switch f.Chain {
	case "":
		return errors.New(x.t("Chain: choose the one to judge by."))
	case NoChain:
		return nil
	case ByID:
		id, err := strconv.ParseUint(clean(f.ChainID), 0, 16)
		if err != nil {
			return errors.New(x.t("Merged-mining id: {{.Got}} is none. It is a number from 0 to 65535.", words{"Got": quote(f.ChainID)}))
		}
		work, err := pow.Parse(f.Work)
		if err != nil {
			return errors.New(x.t("Work hash: choose the one that the chain uses."))
		}
		r.ChainID, r.Work = int32(id), work
	default:
		r.Chain = f.Chain
	}
	return nil
}

// readChild reads what a proof without its header needs.
func (x *Texts) readChild(r *app.Request, f *Fields) error {
	hash, bits := clean(f.ChildHash), clean(f.Bits)
	if hash == "" && bits == "" {
		return nil
	}
	if hash == "" || bits == "" {
		return errors.New(x.t("A proof alone needs both the block's id and its bits. Leave both empty if the header is part of the input."))
	}
	id, err := x.id(x.t("Block id"), f.ChildHash)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(bits, "0x"), 16, 32)
	if err != nil {
		return errors.New(x.t("Bits: {{.Got}} is no compact target. It has 8 hex digits.", words{"Got": quote(f.Bits)}))
	}
	r.ChildHash, r.Bits = id, uint32(n)
	return nil
}

// id reads an id as people see it, in display order.
func (x *Texts) id(label, text string) (*spv.Hash, error) {
	b, err := hex.DecodeString(clean(text))
	if err != nil || len(b) != len(spv.Hash{}) {
		return nil, errors.New(x.t("{{.Label}}: {{.Got}} is none. It has 64 hex digits.", words{"Label": label, "Got": quote(text)}))
	}
	var h spv.Hash
	for i := range b {
		h[len(h)-1-i] = b[i]
	}
	return &h, nil
}

// clean drops the white space that comes along when pasting.
func clean(s string) string { return strings.Join(strings.Fields(s), "") }

const maxQuoted = 24 // letters

// quote shows what was typed, however long it is.
func quote(s string) string {
	if letters := []rune(s); len(letters) > maxQuoted {
		s = string(letters[:maxQuoted]) + "\u2026"
	}
	return strconv.Quote(s)
}

// Failed explains why an input was not judged at all.
func (x *Texts) Failed(err error) string {
	return x.t("{{.Error}}. Nothing was verified: see whether the kind and the chain fit the input, and whether it is complete.", words{"Error": x.quoted(err.Error())})
}

// Input describes an input that is too long to be shown.
func (x *Texts) Input(name string, bytes int) string {
	return x.t("{{.Name}}, {{.Size}}", words{"Name": name, "Size": size(bytes)})
}
