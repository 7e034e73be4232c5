package chain

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
)

// BenchmarkConnect accepts blocks of 20 small transactions, durably at once and not.
func BenchmarkConnect(b *testing.B) {
	p := testchain.Easy(b, "dev")
	for name, live := range map[string]bool{"old": false, "live": true} {
		b.Run(name, func(b *testing.B) {
			c, err := Open(b.TempDir(), p, nil, Options{})
			check(b, err)
			at := genesisOf(b, p)
			list := make([]*made, b.N+20)
			for i := range list {
				var txs []*wire.MsgTx
				if i > 12 {
					from := list[i-11].txs[0]
					tx := spend(from.TxOut[0].Value, 4, wire.OutPoint{Hash: from.TxHash()})
					for txs = append(txs, tx); len(txs) < 20; txs = append(txs, tx) {
						tx = spend(tx.TxOut[0].Value, 4, wire.OutPoint{Hash: tx.TxHash()})
					}
				}
				at = block(p, at, 1, txs...)
				list[i] = at
			}
			b.ResetTimer()
			for _, m := range list[:b.N] {
				now := uint32(0)
				if live {
					now = m.header.Time()
				}
				if _, err := c.Accept(m.raw, now); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "blocks/s")
			b.StopTimer()
			check(b, c.Close())
		})
	}
}

// BenchmarkLarge builds a chain of 100,000 blocks and 1,000,000 coins, then opens it in a
// process of its own. Run it with -benchtime 1x.
func BenchmarkLarge(b *testing.B) {
	p := testchain.Easy(b, "dev")
	if dir := os.Getenv("LAMINA_CHAIN_LARGE"); dir != "" {
		start := time.Now()
		c, err := Open(dir, p, nil, Options{})
		check(b, err)
		fmt.Printf("\nlarge: %d %d %d\n", time.Since(start).Milliseconds(), memory(b, "VmRSS:"), memory(b, "RssAnon:"))
		check(b, c.Close())
		return
	}
	const blocks, outputs = 100_000, 10
	for b.Loop() {
		dir := b.TempDir()
		c, err := Open(dir, p, nil, Options{})
		check(b, err)
		at := genesisOf(b, p)
		spent := time.Duration(0)
		for i := range uint32(blocks) {
			var outs []*wire.TxOut
			for n := range outputs - 1 {
				outs = append(outs, &wire.TxOut{Value: 1, PkScript: append([]byte{0, 20, byte(n)}, at.id[:19]...)})
			}
			cb := testchain.Coinbase(p, at.height+1, i, nil, outs...)
			cb.TxOut[0].Value -= outputs - 1
			h := testchain.HeaderOn(4, at.id, []*wire.MsgTx{cb}, at.header.Time()+10)
			testchain.Mine(&h)
			at = body(h, nil, at, []*wire.MsgTx{cb})
			at.prev = nil
			start := time.Now()
			if _, err := c.Accept(at.raw, 0); err != nil {
				b.Fatal(err)
			}
			spent += time.Since(start)
		}
		b.ReportMetric(blocks/spent.Seconds(), "blocks/s")
		b.ReportMetric(float64(memory(b, "VmHWM:"))/1024, "build-peak-MiB")
		check(b, c.Close())
		size, err := os.Stat(dir + "/" + databaseName)
		check(b, err)
		b.ReportMetric(float64(size.Size())/(1<<20), "db-MiB")

		cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkLarge$", "-test.benchtime=1x")
		cmd.Env = append(os.Environ(), "LAMINA_CHAIN_LARGE="+dir)
		out, err := cmd.Output()
		check(b, err)
		var ms, rss, anon int64
		for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
			if strings.HasPrefix(s.Text(), "large: ") {
				_, err = fmt.Sscanf(s.Text(), "large: %d %d %d", &ms, &rss, &anon)
				check(b, err)
			}
		}
		b.ReportMetric(float64(ms), "open-ms")
		b.ReportMetric(float64(rss)/1024, "open-RSS-MiB")
		b.ReportMetric(float64(anon)/1024, "open-anon-MiB")
	}
}

// memory reads one line of the process's own figures, KiB.
func memory(b *testing.B, name string) (kib int64) {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	check(b, err)
	for _, line := range strings.Split(string(raw), "\n") {
		if strings.HasPrefix(line, name) {
			_, err := fmt.Sscanf(strings.TrimPrefix(line, name), "%d", &kib)
			check(b, err)
		}
	}
	return kib
}
