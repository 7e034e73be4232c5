package node

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/auxblock"
)

// solve finds a nonce with which a header's hash meets compact bits, by btcd's arithmetic.
func solve(t *testing.T, h *wire.BlockHeader, bits uint32) {
	t.Helper()
	target := blockchain.CompactToBig(bits)
	for {
		id := h.BlockHash()
		if blockchain.HashToBig(&id).Cmp(target) <= 0 {
			return
		}
		if h.Nonce++; h.Nonce == 0 {
			t.Fatal("no nonce")
		}
	}
}

// poolProof makes the proof for a block of a layer as a pool does that merge-mines it alone.
func poolProof(t *testing.T, a *running, c auxblock.Candidate) []byte {
	t.Helper()
	l1 := a.loop("dev").View()
	now := uint32(time.Now().Unix())
	bits, median, ok := l1.After(l1.Tip().Hash, now)
	now = max(now, median+1)
	if !ok {
		t.Fatal("no bits")
	}
	script := append([]byte{0x01, 0x51}, 0xfa, 0xbe, 'm', 'm')
	root := slices.Clone(c.Hash[:])
	slices.Reverse(root)
	script = append(append(script, root...), 1, 0, 0, 0, 0, 0, 0, 0)
	coinbase := wire.NewMsgTx(1)
	coinbase.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: script, Sequence: 0xffffffff})
	coinbase.AddTxOut(&wire.TxOut{Value: 1, PkScript: []byte{0x51}})
	header := &wire.BlockHeader{Version: 0x20000000, PrevBlock: chainhash.Hash(l1.Tip().Hash), MerkleRoot: coinbase.TxHash(), Bits: bits,
		Timestamp: time.Unix(int64(now), 0)}
	var layerBits uint32
	_, err := fmt.Sscanf(c.Bits, "%08x", &layerBits)
	check(t, err)
	solve(t, header, layerBits)
	proof := plain(t, coinbase)
	proof = append(proof, make([]byte, 32)...)          // the parent's id, which nobody reads
	proof = append(proof, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // no branch, index 0; no branch, slot 0
	var raw headerBytes
	check(t, header.Serialize(&raw))
	return append(proof, raw...)
}

type headerBytes []byte

func (b *headerBytes) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// TestPool: a pool merge-mines a layer by createauxblock and submitauxblock.
func TestPool(t *testing.T) {
	a := start(t, Config{})
	a.generate("dev", 4)
	l := a.loop("dev-issued")
	registry := a.Mining().Aux("dev-issued")
	if registry == nil || a.Mining().Aux("dev") != nil {
		t.Fatal("layers, and only they, are merge-mined")
	}
	c, err := registry.Create(a.pays, time.Now())
	check(t, err)
	proof := poolProof(t, a, c)
	bad := slices.Clone(proof)
	bad[44]++ // inside the magic
	var refused *auxblock.RefusedError
	if err := registry.Submit(c.Hash.String(), hex.EncodeToString(bad)); !errors.As(err, &refused) {
		t.Fatalf("a bad proof: %v", err)
	}
	check(t, registry.Submit(c.Hash.String(), hex.EncodeToString(proof)))
	if l.View().Tip().Hash != c.Hash {
		t.Errorf("tip %s, want %s", l.View().Tip(), c.Hash)
	}
}

// hardware is a Stratum miner that knows of the protocol what its specification says.
type hardware struct {
	t      *testing.T
	conn   net.Conn
	lines  *bufio.Scanner
	first  []byte // extranonce1
	second int    // size of extranonce2
	notify []json.RawMessage
}

func (h *hardware) say(format string, args ...any) {
	h.t.Helper()
	_, err := fmt.Fprintf(h.conn, format+"\n", args...)
	check(h.t, err)
}

// hear reads lines until the answer to a request, or a new job if id is 0.
func (h *hardware) hear(id int) json.RawMessage {
	h.t.Helper()
	for h.lines.Scan() {
		var line struct {
			ID     *int
			Method string
			Params []json.RawMessage
			Result json.RawMessage
			Error  json.RawMessage
		}
		check(h.t, json.Unmarshal(h.lines.Bytes(), &line))
		if line.Method == "mining.notify" {
			h.notify = line.Params
			if id == 0 {
				return nil
			}
		}
		if line.Method == "" && line.ID != nil && *line.ID == id {
			if len(line.Error) > 0 && string(line.Error) != "null" {
				h.t.Logf("answer: %s", h.lines.Bytes())
			}
			return line.Result
		}
	}
	h.t.Fatalf("the server ended it: %v", h.lines.Err())
	return nil
}

func (h *hardware) text(i int) (s string) {
	h.t.Helper()
	check(h.t, json.Unmarshal(h.notify[i], &s))
	return s
}

func (h *hardware) bytes(i int) []byte {
	h.t.Helper()
	b, err := hex.DecodeString(h.text(i))
	check(h.t, err)
	return b
}

// work solves the job at hand for compact bits and hands the share in.
func (h *hardware) work(id int, bits uint32) {
	h.t.Helper()
	second := make([]byte, h.second)
	binary.BigEndian.PutUint32(second[len(second)-4:], uint32(id))
	coinbase := slices.Concat(h.bytes(2), h.first, second, h.bytes(3))
	root := chainhash.DoubleHashH(coinbase)
	var branch []string
	check(h.t, json.Unmarshal(h.notify[4], &branch))
	for _, s := range branch {
		side, err := hex.DecodeString(s)
		check(h.t, err)
		root = chainhash.DoubleHashH(append(root[:], side...))
	}
	prev := h.bytes(1)
	for i := 0; i < 32; i += 4 {
		slices.Reverse(prev[i : i+4])
	}
	header := wire.BlockHeader{Version: int32(binary.BigEndian.Uint32(h.bytes(5))), PrevBlock: chainhash.Hash(prev), MerkleRoot: root,
		Bits: binary.BigEndian.Uint32(h.bytes(6)), Timestamp: time.Unix(int64(binary.BigEndian.Uint32(h.bytes(7))), 0)}
	solve(h.t, &header, bits)
	h.say(`{"id":%d,"method":"mining.submit","params":["w","%s","%x","%s","%08x"]}`, id, h.text(0), second, h.text(7), header.Nonce)
	h.hear(id)
}

// TestStratum: hardware finds blocks of the L1 and of the layers.
func TestStratum(t *testing.T) {
	a := start(t, Config{Stratum: "127.0.0.1:0"})
	a.generate("dev", 4)
	conn, err := net.Dial("tcp", a.Mining().Stratum())
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	h := &hardware{t: t, conn: conn, lines: bufio.NewScanner(conn)}
	h.say(`{"id":1,"method":"mining.subscribe","params":["test"]}`)
	var subscribed []json.RawMessage
	check(t, json.Unmarshal(h.hear(1), &subscribed))
	var first string
	check(t, json.Unmarshal(subscribed[1], &first))
	check(t, json.Unmarshal(subscribed[2], &h.second))
	h.first, err = hex.DecodeString(first)
	check(t, err)
	h.say(`{"id":2,"method":"mining.authorize","params":["w","x"]}`)
	h.hear(2)
	for h.notify == nil {
		h.hear(0)
	}
	native, dev := a.loop("dev-native"), a.loop("dev")
	for id := 3; native.View().Tip().Height < 2 || dev.View().Tip().Height < 6; id++ {
		if id > 200 {
			t.Fatalf("after %d shares: %s, %s", id, dev.View().Tip(), native.View().Tip())
		}
		h.work(id, 0x1f00ffff)
	}
	for _, y := range a.Mining().Yields() {
		if y.Refused > 0 || y.Chain == "dev" && y.Blocks == 0 {
			t.Errorf("%+v", y)
		}
	}
}
