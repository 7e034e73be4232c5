package nodeapi

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/btcjson"

	"github.com/layeredpow/lamina/internal/node/gbt"
	"github.com/layeredpow/lamina/internal/node/miner"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/wallet/address"
)

// TestTemplate mines with what getblocktemplate gives through the client that was tested against btcd and litecoind, which
// recomputes ids and commitments from the transactions.
func TestTemplate(t *testing.T) {
	w := start(t)
	call[[]string](w, "generatetoaddress", 15, w.address(w.l1))
	parent := spend(w.first(1), 4_999_990_000)
	child := spend(struct {
		Hash  spv.Hash
		Index uint32
	}{parent.TxHash(), 0}, 4_999_900_000)
	for _, tx := range []string{hex.EncodeToString(serialized(parent)), hex.EncodeToString(serialized(child))} {
		call[string](w, "sendrawtransaction", tx)
	}
	plain := call[btcjson.GetBlockTemplateResult](w, "getblocktemplate", map[string]any{"rules": []string{"segwit"}})
	if plain.Height != 16 || *plain.CoinbaseValue != 5_000_100_000 || len(plain.Transactions) != 2 || plain.Transactions[1].Depends[0] != 1 ||
		plain.Transactions[0].Fee != 10_000 || plain.Transactions[1].TxID != child.TxHash().String() || plain.Target != "7fffff"+strings.Repeat("0", 58) {
		t.Fatalf("%+v", plain)
	}
	node, err := gbt.NewNode(w.l1.p, gbt.Access{URL: w.url, User: w.login.User, Password: gbt.Password(w.login.Password)})
	check(t, err)
	offer, err := node.Template(t.Context(), anyonePay, []byte("pool"), "")
	check(t, err)
	next := make(chan *gbt.Offer, 1)
	go func() {
		later, err := node.Template(t.Context(), anyonePay, nil, offer.LongPoll)
		if err != nil {
			t.Error(err)
		}
		next <- later
	}()
	h, coinbase := offer.Bare()
	unmined := offer.Block(&spv.Sealed{Header: h}, coinbase)
	if got := call[any](w, "getblocktemplate", map[string]any{"mode": "proposal", "data": hex.EncodeToString(unmined)}); got != nil {
		t.Errorf("proposal: %v", got)
	}
	if !miner.Solve(t.Context(), pow.SHA256d, &h) {
		t.Fatal("no nonce")
	}
	block := offer.Block(&spv.Sealed{Header: h}, coinbase)
	if len(w.l1.pool.All()) != 2 {
		t.Fatal("the mempool moved too early")
	}
	check(t, node.Submit(t.Context(), block))
	if tip := w.l1.chain.Tip(); tip.Height != 16 || tip.Hash != h.ID() {
		t.Fatal(tip)
	}
	if later := <-next; later == nil || later.Prev != h.ID() || len(later.Txs) != 0 {
		t.Errorf("long poll: %+v", later)
	}
	if got := call[string](w, "submitblock", hex.EncodeToString(block)); got != "duplicate" {
		t.Error(got)
	}
}

// TestRefusedBlocks spoils one thing of a block.
func TestRefusedBlocks(t *testing.T) {
	w := start(t)
	call[[]string](w, "generatetoaddress", 3, w.address(w.l1))
	for _, c := range []struct {
		name  string
		spoil func(block []byte)
		mine  bool
		want  string // prefix of the answer
	}{
		{"nothing", func([]byte) {}, true, ""},
		{"work", func(b []byte) { unsolve(b) }, false, "high-hash"},
		{"previous block", func(b []byte) { b[4] ^= 1 }, true, "prev-blk-not-found"},
		{"bits", func(b []byte) { b[72] ^= 1 }, true, "bad-diffbits"},
		{"time", func(b []byte) { binary.LittleEndian.PutUint32(b[68:], 1_700_000_000) }, true, "time-too-old"},
		{"merkle root", func(b []byte) { b[40] ^= 1 }, true, "bad-txnmrklroot"},
	} {
		block := w.l1.solved(anyonePay)
		c.spoil(block)
		if c.mine {
			h := spv.Header(block[:80])
			miner.Solve(t.Context(), pow.SHA256d, &h)
			copy(block, h[:])
		}
		var got *string
		check(t, w.client.Call(t.Context(), &got, "submitblock", hex.EncodeToString(block)))
		if (got == nil) != (c.want == "") || got != nil && !strings.HasPrefix(*got, c.want) {
			t.Errorf("%s: %v, want %q", c.name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		spoil func([]byte)
		want  string
	}{
		"bits": {func(b []byte) { b[72] ^= 1 }, "bad-diffbits"}, "time": {func(b []byte) { b[71] = 0 }, "time-too-old"},
		"future": {func(b []byte) { b[71] = 0xff }, "time-too-new"}, "root": {func(b []byte) { b[40] ^= 1 }, "bad-txnmrklroot"},
		"previous block": {func(b []byte) { b[4] ^= 1 }, "inconclusive-not-best-prevblk"},
	} {
		block := w.l1.solved(anyonePay)
		c.spoil(block)
		if got := call[string](w, "getblocktemplate", map[string]any{"mode": "proposal", "data": hex.EncodeToString(block)}); !strings.HasPrefix(got, c.want) {
			t.Errorf("proposal, %s: %q, want %q", name, got, c.want)
		}
	}
	// A proposal whose coinbase takes too much is refused by what Connect checks.
	w.l1.tag++
	other, err := w.l1.Template(anyonePay)
	check(t, err)
	h, coinbase := other.Bare()
	coinbase = bytes.Clone(coinbase)
	at := bytes.Index(coinbase, binary.LittleEndian.AppendUint64(nil, 5_000_000_000))
	coinbase[at]++
	root := pow.DoubleSHA256(coinbase)
	copy(h[36:], root[:])
	got := call[string](w, "getblocktemplate", map[string]any{"mode": "proposal", "data": hex.EncodeToString(other.Block(&spv.Sealed{Header: h}, coinbase))})
	if !strings.HasPrefix(got, "bad-cb-amount") {
		t.Error(got)
	}
}

// unsolve sets a nonce that does not meet the target.
func unsolve(block []byte) {
	target, _ := spv.ParseTarget(testchain.EasyBits)
	for n := uint32(0); ; n++ {
		binary.LittleEndian.PutUint32(block[76:], n)
		id := pow.DoubleSHA256(block[:80])
		if !spv.Meets(&id, &target) {
			return
		}
	}
}

// poolProof builds a proof from docs/pools.md alone: one chain in the tree, the coinbase the parent's only transaction.
func poolProof(prev spv.Hash, bits uint32, time uint32, height byte, id string, target string, reverse bool) string {
	leaf, _ := hex.DecodeString(id) // as displayed
	if !reverse {
		slices.Reverse(leaf)
	}
	script := append([]byte{1, height, 0xfa, 0xbe, 'm', 'm'}, leaf...)
	script = append(script, 1, 0, 0, 0, 0, 0, 0, 0)
	coinbase := append([]byte{2, 0, 0, 0, 1}, make([]byte, 32)...)
	coinbase = append(coinbase, 0xff, 0xff, 0xff, 0xff, byte(len(script)))
	coinbase = append(coinbase, script...)
	coinbase = append(coinbase, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x51, 0, 0, 0, 0)
	header := make([]byte, 80)
	header[3] = 0x20
	copy(header[4:], prev[:])
	copy(header[36:], pow256(pow256(coinbase)))
	binary.LittleEndian.PutUint32(header[68:], time)
	binary.LittleEndian.PutUint32(header[72:], bits)
	raw, _ := hex.DecodeString(target)
	slices.Reverse(raw) // internal order, both families' pools reverse it
	want := new(big.Int).SetBytes(raw)
	for n := uint32(0); ; n++ {
		binary.LittleEndian.PutUint32(header[76:], n)
		work := pow256(pow256(header))
		slices.Reverse(work)
		if new(big.Int).SetBytes(work).Cmp(want) <= 0 {
			break
		}
	}
	proof := append(coinbase, make([]byte, 32)...)
	proof = append(proof, make([]byte, 1+4+1+4)...) // no branches, index 0, slot 0
	return hex.EncodeToString(append(proof, header...))
}

// candidate is what createauxblock gives a pool.
type candidate struct {
	Hash, Previousblockhash, Bits, Target string
	Old                                   string `json:"_target"`
	Chainid, Height                       int
	Coinbasevalue                         int64
}

// TestAuxBlocks merge-mines a layer as a pool does: createauxblock, a proof that was built without our code, submitauxblock.
func TestAuxBlocks(t *testing.T) {
	w := start(t)
	call[[]string](w, "generatetoaddress", 30, w.address(w.l1))
	tip := w.l1.chain.Tip()
	parent, _ := w.l1.chain.Header(tip.Hash)
	payee, err := address.Encode(w.layer.p, anyonePay)
	check(t, err)
	w.client = w.to("dev-native")
	c := call[candidate](w, "createauxblock", payee)
	if c.Height != 1 || c.Target != c.Old || !strings.HasSuffix(c.Target, "ffff7f") || c.Bits != "207fffff" || c.Previousblockhash != w.layer.p.NetID().String() {
		t.Fatalf("%+v", c)
	}
	time := w.l1.at - 50_000 + 400
	prove := func(reverse bool) string {
		return poolProof(parent.ID(), testchain.EasyBits, time, 31, c.Hash, c.Target, reverse)
	}
	w.refusesProof(c, prove(false))
	right := prove(true)
	if report := call[map[string]any](w, "checkauxpow", right, c.Hash, c.Bits, 1); report["verdict"] != "verified" {
		t.Errorf("%v", report)
	}
	if ok := call[bool](w, "submitauxblock", c.Hash, right); !ok || w.layer.chain.Tip().Hash.String() != c.Hash {
		t.Fatal(w.layer.chain.Tip())
	}
	w.showsProof(c, right, tip)
	if again := call[candidate](w, "getauxblock"); again.Height != 2 {
		t.Errorf("%+v", again)
	}
	if supply := call[map[string]any](w, "getsupply"); supply["claimed"] != 0.0 || supply["burned"] != 0.0 {
		t.Error(supply)
	}
	for _, method := range []string{"getblocktemplate", "generatetoaddress"} {
		if err := w.client.Call(t.Context(), nil, method, map[string]any{"args": 1}); err == nil {
			t.Errorf("%s on a layer", method)
		}
	}
}

// refusesProof: a proof that commits to the candidate's hash without reversing it is refused and the cause is told, and none is
// taken for a hash that was not given out.
func (w *world) refusesProof(c candidate, wrong string) {
	w.t.Helper()
	var e *rpc.Error
	if err := w.client.Call(w.t.Context(), nil, "submitauxblock", c.Hash, wrong); !errors.As(err, &e) || e.Code != rpc.Unverified || !strings.Contains(e.Message, "commitment-root") {
		w.t.Error(err)
	}
	if err := w.client.Call(w.t.Context(), nil, "submitauxblock", strings.Repeat("00", 32), wrong); !errors.As(err, &e) || e.Code != rpc.InvalidParameter {
		w.t.Error(err)
	}
	report := call[map[string]any](w, "checkauxpow", wrong, c.Hash, c.Bits, 1)
	if cause, _ := report["cause"].(map[string]any); report["verdict"] != "refuted" || cause["name"] != "root-not-reversed" {
		w.t.Errorf("%v", report)
	}
}

// showsProof: the mined block is shown with its parent and an anchor below the L1's tip; its header comes with its proof, as the
// layer's peers send it, and so does the proof of a transaction.
func (w *world) showsProof(c candidate, proof string, tip spv.Block) {
	w.t.Helper()
	b := call[struct {
		Hash   string
		Height int
		Anchor spv.Block
		Aux    struct {
			Parent string `json:"parentblock"`
		} `json:"auxpow"`
	}](w, "getblock", c.Hash)
	if b.Height != 1 || !strings.HasSuffix(proof, b.Aux.Parent) || b.Anchor.Height <= 0 || b.Anchor.Height >= tip.Height {
		w.t.Errorf("%+v", b)
	}
	sealed, _ := hex.DecodeString(call[string](w, "getblockheader", c.Hash, false))
	s, n, err := spv.ParseSealed(sealed, true)
	if err != nil || n != len(sealed) || s.Aux == nil || s.Header.ID().String() != c.Hash {
		w.t.Errorf("%v, %d of %d bytes", err, n, len(sealed))
	}
	coinbase := call[btcjson.GetBlockVerboseResult](w, "getblock", c.Hash).Tx[0]
	path := call[string](w, "gettxoutproof", []string{coinbase}, c.Hash)
	if ids := call[[]string](w, "verifytxoutproof", path); len(ids) != 1 || ids[0] != coinbase {
		w.t.Error(ids)
	}
}

// TestLongPollEnds: a client that waits is let go when it or the server leaves.
func TestLongPollEnds(t *testing.T) {
	w := start(t)
	id := call[btcjson.GetBlockTemplateResult](w, "getblocktemplate").LongPollID
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := w.l1.node.await(ctx, id); err == nil {
		t.Error("no error for a client that left")
	}
	check(t, w.l1.node.await(t.Context(), fmt.Sprintf("%064d", 1)+"x")) // another tip's
	check(t, w.l1.node.await(t.Context(), "short"))
	// New transactions alone are worth an answer only after a minute.
	call[[]string](w, "generatetoaddress", 15, w.address(w.l1))
	id = call[btcjson.GetBlockTemplateResult](w, "getblocktemplate").LongPollID
	call[string](w, "sendrawtransaction", hex.EncodeToString(serialized(spend(w.first(1), 4_999_990_000))))
	synctest.Test(t, func(t *testing.T) {
		n := *w.l1.node
		never := make(chan struct{})
		n.News = func() <-chan struct{} { return never }
		begun := time.Now()
		check(t, n.await(t.Context(), id))
		if took := time.Since(begun); took != longPollRefresh {
			t.Errorf("answered after %v", took)
		}
	})
}

// TestTemplateOfOneMoment: a template that is asked for while a block comes never goes on top of the block with what is in it.
func TestTemplateOfOneMoment(t *testing.T) {
	w := start(t)
	call[[]string](w, "generatetoaddress", 15, w.address(w.l1))
	op, value := w.first(1), int64(5_000_000_000)
	for range 20 {
		value -= 10_000
		tx := spend(op, value)
		op.Hash = tx.TxHash()
		call[string](w, "sendrawtransaction", hex.EncodeToString(serialized(tx)))
		block, before := w.l1.solved(anyonePay), w.l1.chain.Tip()
		taken := make(chan error, 1)
		go func() {
			_, err := w.l1.Block(t.Context(), block)
			taken <- err
		}()
		for done := false; !done; {
			select {
			case err := <-taken:
				check(t, err)
				done = true
			default:
			}
			got, err := buildTemplate(t.Context(), w.l1.node)
			check(t, err)
			fields := got.(map[string]any)
			if fields["previousblockhash"] != before.Hash && len(fields["transactions"].([]entry)) > 0 {
				t.Fatalf("on block %s: a transaction that is in it", fields["previousblockhash"])
			}
		}
	}
}
