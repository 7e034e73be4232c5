package template

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
)

// pay makes a transaction with btcd's encoder; tag makes it differ.
func pay(t testing.TB, tag uint32, witness bool) Candidate {
	t.Helper()
	tx := wire.NewMsgTx(2)
	in := wire.NewTxIn(&wire.OutPoint{Index: tag, Hash: [32]byte{1}}, []byte{0x51}, nil)
	if witness {
		in.SignatureScript, in.Witness = nil, wire.TxWitness{make([]byte, 64), {byte(tag)}}
	}
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(int64(tag), make([]byte, 22)))
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	parsed, _, err := spv.ParseTx(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	weight := blockchain.GetTransactionWeight(btcutil.NewTx(tx))
	return Candidate{Tx: parsed, Fee: 1000 + int64(tag), Weight: weight, SigOps: 4}
}

var payout = append([]byte{0, 20}, make([]byte, 20)...)

func request(t testing.TB, name string, candidates ...Candidate) *Request {
	p := testchain.Params(t, name)
	r := &Request{Chain: p, Prev: spv.Block{Height: 99, Hash: spv.Hash{7}}, Bits: 0x207fffff, Median: 1_600_000_000,
		Now: 1_600_000_100, Candidates: candidates, Payout: payout}
	if p.Kind.Layered() {
		r.Commitment = &spv.Commitment{Anchor: spv.Block{Height: 5, Hash: spv.Hash{9}}, FeeVote: 3, FilterHeader: spv.Hash{4}, MMRRoot: spv.Hash{5}}
	}
	return r
}

// TestBuild has btcd judge the blocks: sanity, merkle root, witness commitment, height, weight.
func TestBuild(t *testing.T) {
	parent := pay(t, 1, true)
	child := pay(t, 2, true)
	child.Depends = []int{1}
	for _, c := range []struct {
		name, chain string
		mark        []byte
		candidates  []Candidate
	}{
		{"empty", "dev", nil, nil},
		{"marked", "dev", bytes.Repeat([]byte{0xab}, MarkSize), nil},
		{"plain transactions", "dev", nil, []Candidate{pay(t, 1, false), pay(t, 2, false), pay(t, 3, false)}},
		{"witnesses", "dev", bytes.Repeat([]byte{0xab}, MarkSize), []Candidate{child, parent, pay(t, 3, false)}},
		{"layer", "layer-regtest", nil, []Candidate{pay(t, 3, true)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(t, c.chain, c.candidates...)
			r.Extra = []byte("/lamina/")
			tpl, err := Build(r)
			if err != nil {
				t.Fatal(err)
			}
			coinbase := tpl.Coinbase(c.mark, ExtraNonce{1, 2, 3})
			h := tpl.Header(coinbase)
			for h[76] = 0; ; h[76]++ {
				if id := h.ID(); spv.Meets(&id, &tpl.Target) {
					break
				}
			}
			judge(t, r, tpl, tpl.Block(&spv.Sealed{Header: h}, coinbase), c.mark)
		})
	}
}

// judge parses a block with btcd and applies its rules.
func judge(t *testing.T, r *Request, tpl *Template, raw, mark []byte) {
	t.Helper()
	block, err := btcutil.NewBlockFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	if n := block.MsgBlock().SerializeSize(); n != len(raw) {
		t.Fatalf("block of %d bytes, btcd writes %d", len(raw), n)
	}
	if err := blockchain.CheckBlockSanity(block, chaincfg.RegressionNetParams.PowLimit, clock{}); err != nil {
		t.Fatal(err)
	}
	if err := blockchain.ValidateWitnessCommitment(block); err != nil {
		t.Fatal(err)
	}
	coinbase := block.Transactions()[0]
	if height, err := blockchain.ExtractCoinbaseHeight(coinbase); err != nil || height != 100 {
		t.Fatalf("height %d in the coinbase, %v", height, err)
	}
	script := coinbase.MsgTx().TxIn[0].SignatureScript
	if len(script) > 100 || !bytes.Contains(script, mark) || !bytes.Contains(script, []byte{ExtraNonceSize, 1, 2, 3}) ||
		!bytes.HasSuffix(script, r.Extra) {
		t.Fatalf("coinbase script %x", script)
	}
	want, _ := r.Chain.Subsidy(100)
	for _, c := range r.Candidates {
		want += c.Fee
	}
	if got := coinbase.MsgTx().TxOut[0].Value; got != want || tpl.Value != want {
		t.Fatalf("coinbase pays %d (%d), want %d", got, tpl.Value, want)
	}
	if len(block.Transactions()) != 1+len(r.Candidates) {
		t.Fatalf("%d transactions, want %d", len(block.Transactions()), 1+len(r.Candidates))
	}
	place := map[string]int{}
	for i, tx := range block.Transactions() {
		place[tx.Hash().String()] = i
	}
	for _, c := range r.Candidates {
		for _, parent := range c.Depends {
			if place[c.Tx.ID().String()] < place[r.Candidates[parent].Tx.ID().String()] {
				t.Fatal("a child stands before its parent")
			}
		}
	}
	full, n, err := r.Chain.ParseBlock(raw)
	if r.Chain.Kind.Layered() {
		// Its header announces a proof, which is not there yet.
		full, n, err = spv.ParseBlock(raw, false)
	}
	if err != nil || n != len(raw) {
		t.Fatalf("%d of %d bytes, %v", n, len(raw), err)
	}
	if err := full.CheckBody(nil); err != nil {
		t.Fatal(err)
	}
	if r.Commitment != nil {
		if got, err := spv.CoinbaseCommitment(&full.Txs[0]); err != nil || got.Anchor != r.Commitment.Anchor {
			t.Fatalf("commitment %+v, %v", got, err)
		}
		if full.Header.Version() != r.Chain.AuxPoW.ChainID<<16|0x0104 {
			t.Fatalf("version %08x", full.Header.Version())
		}
	}
}

// clock is btcd's view of the present.
type clock struct{ blockchain.MedianTimeSource }

func (clock) AdjustedTime() time.Time { return time.Unix(1_600_000_100, 0) }

// TestBuildFills makes blocks of more candidates than fit and weighs them with btcd.
func TestBuildFills(t *testing.T) {
	var pool []Candidate
	for i := range uint32(900) {
		pool = append(pool, pay(t, i, i%2 == 0))
	}
	for _, limit := range []int64{0, 4000, 50_000, 151_234} {
		r := request(t, "layer-regtest", pool...)
		r.MaxWeight = limit
		tpl, err := Build(r)
		if err != nil {
			t.Fatal(err)
		}
		h, coinbase := tpl.Bare()
		block, err := btcutil.NewBlockFromBytes(tpl.Block(&spv.Sealed{Header: h}, coinbase))
		if err != nil {
			t.Fatal(err)
		}
		weight := blockchain.GetBlockWeight(block)
		if limit > 0 && (weight > limit || weight < limit-1500) {
			t.Errorf("weight %d, want just below %d", weight, limit)
		}
		if limit == 0 && len(tpl.Txs) != len(pool) {
			t.Errorf("%d transactions, want %d", len(tpl.Txs), len(pool))
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct {
		name, chain string
		spoil       func(*Request)
		want        string
	}{
		{"extra", "dev", func(r *Request) { r.Extra = make([]byte, 33) }, "at most 42 and 32"},
		{"payout", "dev", func(r *Request) { r.Payout = nil }, "no script to pay to"},
		{"bits", "dev", func(r *Request) { r.Bits = 0 }, "bits 00000000 are no target"},
		{"commitment missing", "layer-regtest", func(r *Request) { r.Commitment = nil }, "layer commitment given: false, wanted: true"},
		{"commitment on L1", "dev", func(r *Request) { r.Commitment = &spv.Commitment{} }, "layer commitment given: true, wanted: false"},
		{"weight", "dev", func(r *Request) { r.MaxWeight = 500 }, "weight limit 500: the coinbase alone needs"},
		{"fees", "dev", func(r *Request) {
			r.Candidates = []Candidate{pay(t, 1, false)}
			r.Candidates[0].Fee = 1 << 62
		}, "subsidy and fees of more than"},
		{"existing merge-mined chain", "dogecoin-regtest", func(r *Request) { r.Prev.Height = 1_000_000 }, "only L1 and layer chains"},
		{"random subsidy", "dogecoin", func(*Request) {}, "the subsidy at height 100 is not known exactly"},
		{"candidate", "dev", func(r *Request) { r.Candidates = make([]Candidate, 1) }, "candidate 0: fee 0, weight 0"},
	} {
		r := request(t, c.chain)
		c.spoil(r)
		if _, err := Build(r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestHeightPush compares with the library's encoding at its edges.
func TestHeightPush(t *testing.T) {
	for _, height := range []int32{1, 16, 17, 127, 128, 255, 256, 32767, 32768, 8388607, 8388608, 1<<31 - 1} {
		tpl, err := Assemble(Parts{Height: height, Bits: 0x207fffff, Outputs: []Output{{Value: 1, Script: payout}}})
		if err != nil {
			t.Fatal(err)
		}
		var tx wire.MsgTx
		if err := tx.Deserialize(bytes.NewReader(tpl.Coinbase(make([]byte, MarkSize), ExtraNonce{}))); err != nil {
			t.Fatal(err)
		}
		script := tx.TxIn[0].SignatureScript
		tokens := txscript.MakeScriptTokenizer(0, script)
		if !tokens.Next() {
			t.Fatal(tokens.Err())
		}
		got := int32(0)
		if op := tokens.Opcode(); op >= txscript.OP_1 && op <= txscript.OP_16 {
			got = int32(op - txscript.OP_1 + 1)
		} else {
			var le [4]byte
			copy(le[:], tokens.Data())
			got = int32(binary.LittleEndian.Uint32(le[:]))
		}
		if got != height || len(script) > maxScript {
			t.Errorf("height %d read as %d, script of %d bytes", height, got, len(script))
		}
	}
}

func TestAnchor(t *testing.T) {
	rules := &spv.LayerRules{AnchorDepth: 6, AnchorWindow: 6}
	line := straight{}
	for _, c := range []struct {
		name      string
		tip, last int32
		want      int32
		err       string
	}{
		{"one deeper than asked for", 100, 90, 93, ""},
		{"not below the last", 100, 94, 94, ""},
		{"last too shallow", 100, 95, 0, "is 5 blocks deep: at least 6"},
		{"early", 6, 0, 0, ""},
		{"too early", 5, 0, 0, "is 5 blocks deep: at least 6"},
		{"above the tip", 100, 101, 0, "is not below it"},
	} {
		got, err := Anchor(line, line.at(c.tip), rules, line.at(c.last))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", c.name, err, c.err)
			}
			continue
		}
		if err != nil || got != line.at(c.want) {
			t.Errorf("%s: %v, %v, want height %d", c.name, got, err, c.want)
		}
		parent := tplParent(c.tip)
		if err := rules.CheckAnchor(got, ptr(line.at(c.last)), &parent, line, nil); err != nil {
			t.Errorf("%s: the rules refuse it: %v", c.name, err)
		}
	}
	if _, err := Anchor(line, line.at(100), rules, spv.Block{Height: 90, Hash: spv.Hash{1, 1}}); err == nil {
		t.Error("a last anchor on another branch is taken")
	}
}

func ptr(b spv.Block) *spv.Block { return &b }

func tplParent(tip int32) (h spv.Header) {
	prev := straight{}.at(tip).Hash
	copy(h[4:], prev[:])
	return h
}

// straight is an L1 without branches, 200 blocks long.
type straight struct{ spv.ParentView }

func (straight) at(height int32) spv.Block {
	b := spv.Block{Height: height}
	binary.LittleEndian.PutUint32(b.Hash[4:], uint32(height))
	return b
}

func (s straight) Lookup(id spv.Hash) (spv.Block, bool) {
	return s.Ancestor(id, int32(binary.LittleEndian.Uint32(id[4:])))
}

func (s straight) Ancestor(id spv.Hash, height int32) (spv.Block, bool) {
	return s.at(height), height >= 0 && height <= int32(binary.LittleEndian.Uint32(id[4:])) && height <= 200
}

func BenchmarkBuild(b *testing.B) {
	pool := make([]Candidate, 10_000)
	for i := range pool {
		pool[i] = pay(b, uint32(i), i%2 == 0)
		if i%25 != 0 && i%3 != 0 {
			pool[i].Depends = []int{i - 1}
		}
	}
	r := request(b, "dev", pool...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Build(r); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoCoinbaseOf64Bytes: a transaction of 64 bytes is invalid on layers, as it can be taken
// for two ids of a block tree. The room for the extranonce alone keeps every coinbase above.
func TestNoCoinbaseOf64Bytes(t *testing.T) {
	for lead := 1; lead <= 4; lead++ {
		for outputs := range 3 {
			for script := range 60 {
				p := Parts{Height: 1, Bits: 0x207fffff, Lead: make([]byte, lead), Form: plainCoinbase}
				for range outputs {
					p.Outputs = append(p.Outputs, Output{Script: make([]byte, script)})
				}
				made, err := Assemble(p)
				if err != nil {
					t.Fatal(err)
				}
				for _, mark := range [][]byte{nil, make([]byte, MarkSize)} {
					if n := len(made.Coinbase(mark, ExtraNonce{})); n <= 64 {
						t.Fatalf("lead %d, %d outputs of %d bytes: a coinbase of %d bytes", lead, outputs, script, n)
					}
				}
			}
		}
	}
}
