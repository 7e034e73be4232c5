package node

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/chain"
	"github.com/layeredpow/lamina/internal/node/consensus"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// largeMark is set for the process whose memory is measured.
const largeMark = "LAMINA_NODE_LARGE"

// easyDev is the development stack with an L1 whose blocks take two hashes. Its layers are
// left out: they would be bound to the real one's genesis.
func easyDev(t testing.TB) chains.Stack {
	t.Helper()
	s := stack(t, "dev")
	p := *s.L1
	const bits = 0x207fffff
	binary.LittleEndian.PutUint32(p.Genesis[72:], bits)
	p.PowLimit, _ = spv.ParseTarget(bits)
	p.Eras = []spv.Era{{Retarget: spv.Fixed, Spacing: 10}}
	return chains.Stack{L1: &p}
}

// BenchmarkLargeNode builds chains of up to 100,000 blocks and 1,000,000 coins, named by their coins, and runs a node on
// each, in a process of its own, that mines a block and teaches a second node the first blocks.
// Run it with -benchtime 1x; the largest takes most of a minute.
func BenchmarkLargeNode(b *testing.B) {
	if dir := os.Getenv(largeMark); dir != "" {
		largeNode(b, dir)
		return
	}
	const outputs = 10
	p := easyDev(b).L1
	for _, blocks := range []int32{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(blocks*outputs), func(b *testing.B) {
			for b.Loop() {
				dir := b.TempDir()
				size := buildLarge(b, dir, p, blocks, outputs)
				measureNode(b, dir, min(2000, blocks))
				b.ReportMetric(float64(size)/(1<<20), "disk-MiB")
			}
		})
	}
}

// buildLarge makes a chain in a node's folder and returns its size in bytes.
func buildLarge(t testing.TB, dir string, p *chains.Params, blocks int32, outputs int) int64 {
	t.Helper()
	c, err := chain.Open(filepath.Join(dir, p.Name), p, nil, chain.Options{})
	check(t, err)
	prev := p.Genesis
	for height := int32(1); height <= blocks; height++ {
		raw, h := cheapBlock(p, prev, height, outputs)
		if r, err := c.Accept(raw, 0); err != nil || r.Status != chain.Connected {
			t.Fatalf("block %d: %s, %v", height, r.Status, err)
		}
		prev = h
	}
	size, err := c.Size()
	check(t, err)
	check(t, c.Close())
	return size
}

// TestManyBlocks: a peer that takes thousands of small blocks one by one, megabytes in all, is
// never made to wait for what it has taken already.
func TestManyBlocks(t *testing.T) {
	dir, s := t.TempDir(), easyDev(t)
	buildLarge(t, dir, s.L1, 1600, 200)
	a := start(t, Config{Stack: s, DataDir: dir})
	b := start(t, Config{Stack: s, Peers: a.addresses()})
	agree(t, a, b)
}

// measureNode runs a node on a folder in a process of its own and lets another one sync so many blocks from it.
func measureNode(b *testing.B, dir string, taught int32) {
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkLargeNode$", "-test.benchtime=1x")
	cmd.Env, cmd.Stderr = append(os.Environ(), largeMark+"="+dir), os.Stderr
	in, err := cmd.StdinPipe()
	check(b, err)
	out, err := cmd.StdoutPipe()
	check(b, err)
	check(b, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	after := func(word string) string {
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), word); ok {
				return rest
			}
			b.Log(lines.Text())
		}
		b.Fatalf("the node ended without a word of %q", word)
		return ""
	}
	s := easyDev(b)
	other := start(b, Config{Stack: s, Peers: map[string][]string{s.L1.Name: {after("address: ")}}})
	l := other.loop(s.L1.Name)
	await(b, "blocks taught", func() bool { return l.View().Tip().Height >= taught }, l)
	other.halt()
	check(b, in.Close())
	var opened, rss, peak, anon int64
	_, err = fmt.Sscanf(after("memory: "), "%d %d %d %d", &opened, &rss, &peak, &anon)
	check(b, err)
	if rss > 300<<10 {
		b.Errorf("RSS %d KiB, want at most 300 MiB", rss)
	}
	b.ReportMetric(float64(opened), "open-ms")
	b.ReportMetric(float64(rss)/1024, "RSS-MiB")
	b.ReportMetric(float64(peak)/1024, "peak-MiB")
	b.ReportMetric(float64(anon)/1024, "anon-MiB")
}

// cheapBlock makes a block with a coinbase of some outputs to scripts of their own.
func cheapBlock(p *chains.Params, prev spv.Header, height int32, outputs int) ([]byte, spv.Header) {
	script, _ := txscript.NewScriptBuilder().AddInt64(int64(height)).AddInt64(1 << 20).Script()
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 0xffffffff}, SignatureScript: script, Sequence: 0xffffffff})
	id := prev.ID()
	for n := range outputs {
		tx.AddTxOut(&wire.TxOut{Value: 1000, PkScript: append([]byte{0, 20, byte(n)}, id[:19]...)})
	}
	root := tx.TxHash()
	var h spv.Header
	binary.LittleEndian.PutUint32(h[0:], 4)
	copy(h[4:], id[:])
	copy(h[36:], root[:])
	binary.LittleEndian.PutUint32(h[68:], prev.Time()+10)
	binary.LittleEndian.PutUint32(h[72:], prev.Bits())
	target, _ := spv.ParseTarget(prev.Bits())
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		if id := h.ID(); spv.Meets(&id, &target) {
			b := consensus.Block{Height: height, Header: h, Txs: []*wire.MsgTx{tx}}
			return b.Append(nil), h
		}
	}
}

// largeNode runs a node on a folder until its input ends, lets it mine a block, and prints its
// address, and then what it took: milliseconds to open, RSS, its peak, and what of it is no file.
func largeNode(b *testing.B, dir string) {
	began := time.Now()
	a := start(b, Config{Stack: easyDev(b), DataDir: dir})
	opened := time.Since(began)
	dev := a.loop("dev")
	await(b, "caught up", dev.Synced, dev)
	a.generate("dev", 1)
	fmt.Printf("\naddress: %s\n", dev.Address())
	_, _ = io.Copy(io.Discard, os.Stdin)
	fmt.Printf("memory: %d %d %d %d\n", opened.Milliseconds(), resident(b, "VmRSS:"), resident(b, "VmHWM:"), resident(b, "RssAnon:"))
}

// resident reads one line of the process's own figures, KiB.
func resident(b *testing.B, name string) (kib int64) {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	check(b, err)
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, name) {
			_, err := fmt.Sscanf(strings.TrimPrefix(line, name), "%d", &kib)
			check(b, err)
		}
	}
	return kib
}
