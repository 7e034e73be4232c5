package consensus

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"os"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/blockchain/fullblocktests"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// tree keeps the state behind every block, so that any block can be judged where it stands.
type tree struct {
	t       *testing.T
	p       *chains.Params
	at      map[spv.Hash]*world
	bad     map[spv.Hash]error    // blocks that were refused, and all above them
	orphans map[spv.Hash][]*Block // by the block that they wait for
}

func newTree(t *testing.T) *tree {
	w := newWorld(t, "bitcoin-regtest")
	return &tree{t, w.p, map[spv.Hash]*world{w.tip().Hash: w}, map[spv.Hash]error{}, map[spv.Hash][]*Block{}}
}

// judge connects a block to the one it builds on, and then those that have waited for it.
// Known is false if it has to wait itself. The error is that of the first that is refused.
func (tr *tree) judge(m *wire.MsgBlock) (known bool, err error) {
	var raw bytes.Buffer
	if err := m.Serialize(&raw); err != nil {
		tr.t.Fatal(err)
	}
	b, err := ParseBlock(tr.p, raw.Bytes())
	if err != nil {
		return true, err
	}
	if !bytes.Equal(b.Append(nil), raw.Bytes()) {
		tr.t.Fatalf("block %s reads and writes differently", b.Header.ID())
	}
	return tr.connect(b)
}

func (tr *tree) connect(b *Block) (known bool, err error) {
	id, prev := b.Header.ID(), b.Header.Prev()
	if err := tr.bad[prev]; err != nil {
		return true, err
	}
	w, ok := tr.at[prev]
	if !ok {
		tr.orphans[prev] = append(tr.orphans[prev], b)
		return false, nil
	}
	b.Height = w.tip().Height + 1
	d, err := Connect(w.context(), b, w, nil)
	var refused *spv.CheckError
	if errors.As(err, &refused) && refused.Name == CheckCoinbaseHeight { // a rule that their chain does not have yet
		d, err = connectBody(w.context(), newBody(b), w, nil)
	}
	if err != nil {
		if Permanent(err) {
			tr.bad[id] = err
		}
		return true, err
	}
	next := w.clone()
	next.apply(b, d)
	tr.at[id] = next
	waiting := tr.orphans[id]
	delete(tr.orphans, id)
	for _, o := range waiting {
		if _, refused := tr.connect(o); err == nil {
			err = refused
		}
	}
	return true, err
}

// foreignChecks says by which check what the peer library refuses is to be refused here;
// codes that are about headers are not in it.
var foreignChecks = map[blockchain.ErrorCode][]string{
	blockchain.ErrBadMerkleRoot:         {spv.CheckBlockRoot},
	blockchain.ErrBlockTooBig:           {CheckWeight},
	blockchain.ErrBlockWeightTooHigh:    {CheckWeight},
	blockchain.ErrNoTransactions:        {spv.CheckBlockCoinbase},
	blockchain.ErrFirstTxNotCoinbase:    {spv.CheckBlockCoinbase},
	blockchain.ErrMultipleCoinbases:     {spv.CheckBlockCoinbase},
	blockchain.ErrNoTxInputs:            {CheckTxEmpty},
	blockchain.ErrNoTxOutputs:           {CheckTxEmpty},
	blockchain.ErrTxTooBig:              {CheckTxSize},
	blockchain.ErrBadTxOutValue:         {CheckTxAmount},
	blockchain.ErrDuplicateTxInputs:     {CheckTxTwice},
	blockchain.ErrBadTxInput:            {CheckTxNull},
	blockchain.ErrBadCoinbaseScriptLen:  {CheckCoinbaseScript},
	blockchain.ErrMissingCoinbaseHeight: {CheckCoinbaseHeight},
	blockchain.ErrBadCoinbaseHeight:     {CheckCoinbaseHeight},
	blockchain.ErrBadCoinbaseValue:      {CheckCoinbaseValue},
	blockchain.ErrMissingTxOut:          {CheckCoin},
	blockchain.ErrImmatureSpend:         {CheckMaturity},
	blockchain.ErrSpendTooHigh:          {CheckFee},
	blockchain.ErrTooManySigOps:         {CheckSigOps},
	blockchain.ErrUnfinalizedTx:         {CheckFinal},
	blockchain.ErrDuplicateTx:           {spv.CheckBlockMutated, CheckCoin}, // CheckCoin where the tree does not hide the copy

	blockchain.ErrOverwriteTx:      {CheckCoinbaseUnique},
	blockchain.ErrScriptMalformed:  {CheckScript},
	blockchain.ErrScriptValidation: {CheckScript},
}

// TestForeignBlocks judges the peer library's full block tests (Bitcoin Core's comparison
// tests), block by block.
func TestForeignBlocks(t *testing.T) {
	groups, err := fullblocktests.Generate(false)
	if err != nil {
		t.Fatal(err)
	}
	// Their coinbases take 64 bytes, which other chains allow.
	all := txForms
	defer func() { txForms = all }()
	txForms = slices.DeleteFunc(slices.Clone(all), func(f txForm) bool { return f.name == spv.CheckBlockTx64 })
	tr := newTree(t)
	accepted, refused := 0, 0
	var headers []string
	for _, group := range groups {
		for _, one := range group {
			switch one := one.(type) {
			case fullblocktests.AcceptedBlock:
				// What lies on a side branch was not judged in full.
				known, err := tr.judge(one.Block)
				if one.IsMainChain && err != nil || known == one.IsOrphan {
					t.Errorf("%s: %v, want it accepted (known %v)", one.Name, err, known)
				}
				accepted++
			case fullblocktests.RejectedBlock:
				want, ours := foreignChecks[one.RejectCode]
				known, err := tr.judge(one.Block)
				if !ours {
					headers = append(headers, one.Name)
					continue
				}
				var got *spv.CheckError
				if !known || !errors.As(err, &got) || !slices.Contains(want, got.Name) {
					t.Errorf("%s: %v, want %v for %v", one.Name, err, want, one.RejectCode)
				}
				refused++
			case fullblocktests.RejectedNonCanonicalBlock:
				if _, err := ParseBlock(tr.p, one.RawBlock); err == nil {
					t.Errorf("%s: accepted", one.Name)
				}
				refused++
			}
		}
	}
	if accepted < 143 || refused < 38 {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
	t.Logf("%d accepted, %d refused; refused for their headers and not judged: %v", accepted, refused, headers)
}

// TestRealBlock connects mainnet block 277,647 of January 2014: 430 transactions with all
// the coins that they spend.
func TestRealBlock(t *testing.T) {
	b, w := realBlock(t)
	d, err := Connect(w.context(), b, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	subsidy, _ := w.p.Subsidy(b.Height)
	if paid := outputSum(b.Txs[0]); subsidy != 25e8 || paid != subsidy+d.Fees-d.Lost {
		t.Errorf("coinbase of %d for a subsidy of %d, fees of %d and %d lost", paid, subsidy, d.Fees, d.Lost)
	}
	t.Logf("%d transactions, %d coins spent, fees %d, lost %d", len(b.Txs), len(d.Prevouts), d.Fees, d.Lost)
	for i, tx := range b.Txs[1:] { // any signature that changes is noticed
		if i%50 == 0 && len(tx.TxIn[0].SignatureScript) > 20 {
			spoiled := copyBlock(b)
			spoiled.Txs[i+1].TxIn[0].SignatureScript[15] ^= 1
			seal(spoiled)
			_, err := Connect(w.context(), spoiled, w, nil)
			wantCheck(t, "spoiled signature", err, CheckScript)
		}
	}
}

func readBzip2(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(btcdFile(t, path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(bzip2.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func realBlock(t testing.TB) (*Block, *world) {
	t.Helper()
	raw := readBzip2(t, "blockchain/testdata/277647.dat.bz2")
	b, err := ParseBlock(testchain.Params(t, "bitcoin"), raw[8:]) // magic and length come first
	if err != nil {
		t.Fatal(err)
	}
	b.Height = 277647
	w := &world{t: t, p: testchain.Params(t, "bitcoin"), coins: map[wire.OutPoint]Coin{}}
	store := readBzip2(t, "blockchain/testdata/277647.utxostore.bz2")
	for len(store) > 0 {
		size := binary.LittleEndian.Uint32(store[36:])
		w.coins[parseOutpoint(store)] = unpackCoin(t, store[40:40+size])
		store = store[40+size:]
	}
	prev := b.Header.Prev()
	w.real = &Context{Params: w.p, Prev: spv.Block{Height: b.Height - 1, Hash: prev}, MedianTime: b.Header.Time() - 3000,
		MedianTimeAt: func(int32) uint32 { return 0 }}
	return b, w
}

// unpackCoin reads the peer library's compressed form of a coin.
func unpackCoin(t testing.TB, b []byte) Coin {
	t.Helper()
	vlq := func() (n uint64) {
		for {
			c := b[0]
			b = b[1:]
			n = n<<7 | uint64(c&0x7f)
			if c&0x80 == 0 {
				return n
			}
			n++
		}
	}
	place := vlq()
	c := Coin{Height: int32(place >> 1), Coinbase: place&1 != 0, Value: unpackAmount(vlq())}
	kind := b[0]
	rest := b[1:]
	switch kind {
	case 0:
		c.Script = append(append([]byte{txscript.OP_DUP, txscript.OP_HASH160, 20}, rest...), txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG)
	case 1:
		c.Script = append(append([]byte{txscript.OP_HASH160, 20}, rest...), txscript.OP_EQUAL)
	case 2, 3:
		c.Script = append(append([]byte{33, kind}, rest...), txscript.OP_CHECKSIG)
	case 4, 5:
		key, err := btcec.ParsePubKey(append([]byte{kind - 2}, rest...))
		if err != nil {
			t.Fatal(err)
		}
		c.Script = append(append([]byte{65}, key.SerializeUncompressed()...), txscript.OP_CHECKSIG)
	default:
		vlq() // the script's length and 6
		c.Script = b
	}
	return c
}

func unpackAmount(n uint64) int64 {
	if n == 0 {
		return 0
	}
	n--
	power := n % 10
	n /= 10
	if power < 9 {
		n = n/9*10 + n%9 + 1
	} else {
		n++
	}
	return new(big.Int).Mul(new(big.Int).SetUint64(n), new(big.Int).Exp(big.NewInt(10), new(big.Int).SetUint64(power), nil)).Int64()
}
