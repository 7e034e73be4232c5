package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/peg"
)

// cashier makes deposits, claims and burns by RPC alone, with money that anybody may spend: a
// node that mines pays its blocks to anybody.
type cashier struct {
	t      *testing.T
	l1, l2 *rpc.Client // of the node that mines
	p1, p2 *chains.Params
	blocks []*wire.MsgBlock // of the L1, by height
	spent  int32            // height of the last reward that was used
	tag    uint32
}

func newCashier(c *settlerNode) *cashier {
	m := &cashier{t: c.t, l1: c.l1, l2: c.l2}
	for _, p := range devStack(c.t) {
		switch p.Name {
		case "dev":
			m.p1 = p
		case peggedLayer:
			m.p2 = p
		}
	}
	return m
}

// follow reads the L1's new blocks. Nothing here reorganises: one node mines.
func (m *cashier) follow() {
	m.t.Helper()
	var tip int32
	must(m.t, m.l1.Call(m.t.Context(), &tip, "getblockcount"))
	for h := int32(len(m.blocks)); h <= tip; h++ {
		var id, raw string
		must(m.t, m.l1.Call(m.t.Context(), &id, "getblockhash", h))
		must(m.t, m.l1.Call(m.t.Context(), &raw, "getblock", id, 0))
		b, err := hex.DecodeString(raw)
		must(m.t, err)
		var block wire.MsgBlock
		must(m.t, block.Deserialize(bytes.NewReader(b)))
		m.blocks = append(m.blocks, &block)
	}
}

// anybodys returns a script that whoever knows the number can spend, and how.
func anybodys(n uint32) ([]byte, wire.TxWitness) {
	script := binary.LittleEndian.AppendUint32([]byte{txscript.OP_DATA_4}, n)
	script = append(script, txscript.OP_DROP, txscript.OP_TRUE)
	sum := sha256.Sum256(script)
	return append([]byte{0, 32}, sum[:]...), wire.TxWitness{script}
}

func (m *cashier) send(to *rpc.Client, tx *wire.MsgTx) error {
	var raw bytes.Buffer
	must(m.t, tx.Serialize(&raw))
	return to.Call(m.t.Context(), nil, "sendrawtransaction", hex.EncodeToString(raw.Bytes()), 0)
}

// paidIn is a deposit.
type paidIn struct {
	tx     *wire.MsgTx
	terms  peg.Terms
	key    wire.TxWitness
	mint   wire.OutPoint
	script []byte // that its burn pays to
	burned int64
}

// depositFees are left to miners: of the deposit, of the claim, and of the burn.
const depositFees = 2000

func (m *cashier) deposit(sat int64) *paidIn {
	m.t.Helper()
	m.tag++
	script, key := anybodys(m.tag)
	d := &paidIn{terms: peg.Terms{MaxFee: depositFees, Script: script}, key: key, burned: sat - 2*depositFees}
	vault, err := d.terms.Vault(m.p2)
	must(m.t, err)
	m.spent++
	m.follow()
	reward := m.blocks[m.spent].Transactions[0]
	d.tx = wire.NewMsgTx(2)
	d.tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: reward.TxHash()}, Witness: wire.TxWitness{{txscript.OP_TRUE}}})
	d.tx.AddTxOut(wire.NewTxOut(sat, vault.PkScript))
	d.tx.AddTxOut(wire.NewTxOut(reward.TxOut[0].Value-sat-depositFees, reward.TxOut[0].PkScript))
	must(m.t, m.send(m.l1, d.tx))
	return d
}

// claim builds a deposit's claim; nil as long as it is in no block.
func (m *cashier) claim(d *paidIn) *wire.MsgTx {
	m.t.Helper()
	m.follow()
	id := d.tx.TxHash()
	for _, block := range m.blocks {
		ids, index := []spv.Hash{}, 0
		for i, tx := range block.Transactions {
			if ids = append(ids, tx.TxHash()); ids[i] == id {
				index = i
			}
		}
		if index == 0 {
			continue
		}
		own, err := merkle.NewBranch(ids, uint32(index))
		must(m.t, err)
		first, err := merkle.NewBranch(ids, 0)
		must(m.t, err)
		c, err := peg.Build(m.p2, d.terms, peg.Evidence{Deposit: bare(m.t, d.tx), Block: block.BlockHash(),
			Inclusion: merkle.Inclusion{Index: uint32(index), Branch: own, Coinbase: bare(m.t, block.Transactions[0]), CoinbaseBranch: first}}, depositFees)
		must(m.t, err)
		d.mint = wire.OutPoint{Hash: c.Tx().TxHash()}
		return c.Tx()
	}
	return nil
}

func bare(t *testing.T, tx *wire.MsgTx) []byte {
	t.Helper()
	var raw bytes.Buffer
	must(t, tx.SerializeNoWitness(&raw))
	return raw.Bytes()
}

// minted tells whether a deposit's claim is in a block of the layer.
func (m *cashier) minted(d *paidIn) bool {
	m.t.Helper()
	var out *struct{ Confirmations int }
	must(m.t, m.l2.Call(m.t.Context(), &out, "gettxout", d.mint.Hash.String(), 0, false))
	return out != nil
}

// burn burns what a deposit has minted.
func (m *cashier) burn(d *paidIn, limit uint32) {
	m.t.Helper()
	m.tag++
	d.script, _ = anybodys(m.tag)
	out, err := (&peg.Burn{Script: d.script, MaxFee: limit, Amount: d.burned}).Output(m.p2, m.p1.NetID())
	must(m.t, err)
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: d.mint, Witness: d.key})
	tx.AddTxOut(out)
	must(m.t, m.send(m.l2, tx))
}

// paid returns what the L1 has paid to a script, by output.
func (m *cashier) paid(script []byte) (values []int64) {
	m.t.Helper()
	for _, b := range m.blocks {
		for _, tx := range b.Transactions {
			for _, out := range tx.TxOut {
				if bytes.Equal(out.PkScript, script) {
					values = append(values, out.Value)
				}
			}
		}
	}
	return values
}
