package gbt

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// answer is the result of getblocktemplate (BIP22, BIP23, BIP145; mweb is LIP-3's).
type answer struct {
	Version       int32             `json:"version"`
	Rules         []string          `json:"rules"`
	Previous      string            `json:"previousblockhash"`
	Transactions  []transaction     `json:"transactions"`
	CoinbaseAux   map[string]string `json:"coinbaseaux"`
	CoinbaseValue *int64            `json:"coinbasevalue"`
	CoinbaseTxn   *transaction      `json:"coinbasetxn"`
	LongPollID    string            `json:"longpollid"`
	Mutable       []string          `json:"mutable"`
	MinTime       uint32            `json:"mintime"`
	CurTime       uint32            `json:"curtime"`
	Bits          string            `json:"bits"`
	Height        int32             `json:"height"`
	Commitment    string            `json:"default_witness_commitment"`
	Extension     string            `json:"mweb"`
}

type transaction struct {
	Data string `json:"data"`
	TxID string `json:"txid"`
}

// Offer is a template that a node has given.
type Offer struct {
	*template.Template
	LongPoll string // id to ask for the next one with; empty where the node does not offer that
}

// knownRules are the rules that a template may insist on ("!rule").
func knownRules(chain *chains.Params) []string {
	rules := []string{"segwit"}
	if chain.Extensions {
		rules = []string{"mweb", "segwit"}
	}
	return rules
}

// parseOffer makes a template out of a node's answer. Payout is paid what the coinbase may take, unless the node gives
// a coinbase of its own.
func parseOffer(chain *chains.Params, raw []byte, payout, extra []byte) (*Offer, error) {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, err
	}
	for _, rule := range a.Rules {
		if must, ok := strings.CutPrefix(rule, "!"); ok && !slices.Contains(knownRules(chain), must) {
			return nil, fmt.Errorf("rule %.40q is demanded and not known", must)
		}
	}
	p := template.Parts{Version: a.Version, Height: a.Height, Time: a.CurTime, MinTime: a.MinTime, Extra: extra}
	prev, err := chainhash.NewHashFromStr(a.Previous)
	if err != nil || len(a.Previous) != 2*chainhash.HashSize {
		return nil, fmt.Errorf("previousblockhash %.80q: want 64 hex digits", a.Previous)
	}
	p.Prev = *prev
	bits, err := strconv.ParseUint(a.Bits, 16, 32)
	if err != nil || len(a.Bits) != 8 {
		return nil, fmt.Errorf("bits %.80q: want 8 hex digits", a.Bits)
	}
	p.Bits = uint32(bits)
	if a.MinTime > a.CurTime {
		return nil, fmt.Errorf("curtime %d: before mintime %d", a.CurTime, a.MinTime)
	}
	if err := a.coinbase(&p, chain, payout); err != nil {
		return nil, err
	}
	if err := a.body(&p, chain); err != nil {
		return nil, err
	}
	if err := a.commitment(&p); err != nil {
		return nil, err
	}
	t, err := template.Assemble(p)
	if err != nil {
		return nil, err
	}
	return &Offer{Template: t, LongPoll: a.LongPollID}, nil
}

// coinbase fills in who is paid: us, or those whom the node says.
func (a *answer) coinbase(p *template.Parts, chain *chains.Params, payout []byte) error {
	if a.CoinbaseValue != nil {
		if v := *a.CoinbaseValue; v < 0 || v > chain.Unit.MaxMoney {
			return fmt.Errorf("coinbasevalue %d: want 0 to %d", v, chain.Unit.MaxMoney)
		}
		p.Outputs = []template.Output{{Value: *a.CoinbaseValue, Script: payout}}
		p.Form = template.CoinbaseForm{Version: 2, Sequence: 0xffffffff}
		return a.flags(p)
	}
	if a.CoinbaseTxn == nil {
		return errors.New("neither coinbasevalue nor coinbasetxn")
	}
	if !slices.Contains(a.Mutable, "coinbase/append") && !slices.Contains(a.Mutable, "coinbase") {
		return fmt.Errorf("coinbasetxn: nothing may be added to it (mutable: %.200q)", a.Mutable)
	}
	raw, err := hex.DecodeString(a.CoinbaseTxn.Data)
	if err != nil {
		return fmt.Errorf("coinbasetxn: %w", err)
	}
	var tx wire.MsgTx
	r := bytes.NewReader(raw)
	if err := tx.Deserialize(r); err != nil {
		return fmt.Errorf("coinbasetxn: %w", err)
	}
	if r.Len() != 0 || len(tx.TxIn) != 1 || tx.TxIn[0].PreviousOutPoint != (wire.OutPoint{Index: 0xffffffff}) {
		return errors.New("coinbasetxn: no coinbase")
	}
	p.Lead = tx.TxIn[0].SignatureScript
	p.Form = template.CoinbaseForm{Version: tx.Version, Sequence: tx.TxIn[0].Sequence, LockTime: tx.LockTime}
	for _, out := range tx.TxOut {
		p.Outputs = append(p.Outputs, template.Output{Value: out.Value, Script: out.PkScript})
	}
	return nil
}

// flags puts the data that the node would like to see behind the height, if there is room: it is a wish.
func (a *answer) flags(p *template.Parts) error {
	for _, name := range slices.Sorted(maps.Keys(a.CoinbaseAux)) {
		data, err := hex.DecodeString(a.CoinbaseAux[name])
		if err != nil {
			return fmt.Errorf("coinbaseaux %.40q: %w", name, err)
		}
		if len(p.Extra)+len(data) <= template.MaxExtra {
			p.Extra = append(slices.Clip(p.Extra), data...)
		}
	}
	return nil
}

// standIn is a transaction where the coinbase will be, to parse a block before there is one.
var standIn = slices.Concat([]byte{1, 0, 0, 0, 1}, make([]byte, 36), []byte{0, 0, 0, 0, 0, 1}, make([]byte, 8+1+4))

// body parses the block as it would be, so that every id is our own sum, and adds transactions and extension block.
func (a *answer) body(p *template.Parts, chain *chains.Params) error {
	block := make([]byte, spv.HeaderSize) // a version of 0 announces no proof
	block = append(appendCount(block, 1+len(a.Transactions)), standIn...)
	for i, tx := range a.Transactions {
		raw, err := hex.DecodeString(tx.Data)
		if err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
		block = append(block, raw...)
	}
	parsed, n, err := chain.ParseBlock(block)
	if err != nil {
		return err
	}
	if n != len(block) {
		return fmt.Errorf("transactions: %d bytes behind the last", len(block)-n)
	}
	for i, tx := range a.Transactions {
		in := template.Include(&parsed.Txs[i+1])
		if tx.TxID != "" && tx.TxID != in.ID.String() {
			return fmt.Errorf("transaction %d: txid %.80q, its bytes give %s", i, tx.TxID, in.ID)
		}
		p.Txs = append(p.Txs, in)
	}
	return a.tail(p, parsed.HasExtension())
}

// tail appends the extension block, which is there exactly if the last transaction says so.
func (a *answer) tail(p *template.Parts, wanted bool) error {
	if wanted != (a.Extension != "") {
		return fmt.Errorf("mweb: extension block given: %v, wanted by the last transaction: %v", a.Extension != "", wanted)
	}
	raw, err := hex.DecodeString(a.Extension)
	if err != nil {
		return fmt.Errorf("mweb: %w", err)
	}
	if wanted {
		p.Tail = append([]byte{1}, raw...) // the byte says that there is one
	}
	return nil
}

// commitment compares the node's witness commitment with our own sum, and takes it over.
func (a *answer) commitment(p *template.Parts) error {
	if a.Commitment == "" || a.CoinbaseValue == nil {
		return nil
	}
	if want := hex.EncodeToString(template.WitnessCommitment(p.Txs)); a.Commitment != want {
		return fmt.Errorf("default_witness_commitment %.100q: the transactions give %s", a.Commitment, want)
	}
	p.Outputs = append(p.Outputs, template.Output{Script: template.WitnessCommitment(p.Txs)})
	return nil
}

func appendCount(dst []byte, n int) []byte {
	if n < 0xfd {
		return append(dst, byte(n))
	}
	if n <= 0xffff {
		return binary.LittleEndian.AppendUint16(append(dst, 0xfd), uint16(n))
	}
	return binary.LittleEndian.AppendUint32(append(dst, 0xfe), uint32(n))
}
