package main

import (
	"strconv"
	"strings"
)

// The units that benchmarks report, as far as rows name them.
const (
	perOp   = "ns/op"
	perHash = "ns/hash"
	mega    = "MH/s"
)

// table is all that is measured. Goals are what the product is held to; a row without one is there to be seen.
var table = []section{
	{"Header sync, whole processes, one peer on loopback", append(append([]row{
		beside("200,000 headers, library", "bench:sync-200000/", "light", "s", 20),
		beside("- peak memory", "bench:sync-200000/", "light", "B-peak", 3),
		beside("200,000 headers, lamina sync", "bench:sync-200000/", "lamina", "s", 20),
		beside("- peak memory, all of the program included", "bench:sync-200000/", "lamina", "B-peak", 0),
		beside("- bytes written", "bench:sync-200000/", "lamina", "B-written", 25),
		beside("- bytes kept", "bench:sync-200000/", "lamina", "B-kept", 0),
	}, longRows(
		beside("900,000 headers, library", "bench:sync-900000/", "light", "s", 20),
		beside("- peak memory", "bench:sync-900000/", "light", "B-peak", 3),
		beside("900,000 headers, lamina sync", "bench:sync-900000/", "lamina", "s", 20),
		beside("- bytes written", "bench:sync-900000/", "lamina", "B-written", 25),
	)...),
		row{what: "200,000 headers, 50 ms of round trip", ours: point{"bench:rtt-200000/lamina", "s"},
			reference: "fetch and forget", theirs: point{"bench:rtt-200000/floor", "s"}, goal: goal{ratio: 1 / 1.1}},
		row{what: "100,000 merge-mined headers, 937 bytes each", ours: point{"bench:aux-100000/lamina", "headers/s"},
			goal: goal{limit: 250_000}},
	)},
	{"Headers, proofs and filters", []row{
		{what: "Headers from bytes to tree", ours: point{"spv:BenchmarkHeaders", "headers/s"},
			reference: "bare double SHA-256 of 80 bytes", theirs: point{"spv:BenchmarkHeaders", "bare/s"}},
		{what: "Proof of 12+4 branches, verified", ours: point{"spv:BenchmarkAuxPoW/verify", "proofs/s"},
			reference: "bare hashes", theirs: point{"spv:BenchmarkAuxPoW/verify", "straight/s"}},
		{what: "The same, from bytes", ours: point{"spv:BenchmarkAuxPoW/parse_and_verify", "proofs/s"},
			reference: "bare hashes", theirs: point{"spv:BenchmarkAuxPoW/parse_and_verify", "straight/s"}},
		{what: "2,000 merge-mined headers of one message into the tree", ours: point{"spv:BenchmarkAuxPoWChain", "headers/s"},
			reference: "bare hashes, one core", theirs: point{"spv:BenchmarkAuxPoWChain", "straight/s"}, goal: goal{limit: 250_000}, cores: true},
		match(10), match(300), match(10_000),
		{what: "Rescan of stored filters, 1,000 scripts", ours: point{"bench:rescan/lamina", "filters/s"},
			reference: "neutrino", theirs: point{"bench:rescan/neutrino", "filters/s"}, goal: goal{ratio: 5}},
		{what: "The same, the matching alone", ours: point{"spv/syncer:BenchmarkRescan/syncer", "filters/s"},
			reference: "btcutil/gcs", theirs: point{"spv/syncer:BenchmarkRescan/gcs", "filters/s"}},
	}},
	{"Work hashes and mining, one core", []row{
		scrypt("|portable"), scrypt("avx512|avx2|portable"),
		{what: "SHA-256d of headers in bulk", ours: point{"spv/pow:BenchmarkSHA256d/HashHeaders", perHash},
			reference: "crypto/sha256 twice", theirs: point{"spv/pow:BenchmarkSHA256d/bare", perHash}},
		{what: "Merkle nodes in bulk", ours: point{"spv/pow:BenchmarkMerkleNodes/HashPairs", perHash},
			reference: "crypto/sha256 twice", theirs: point{"spv/pow:BenchmarkMerkleNodes/bare", perHash}},
		scan("|portable", "naive", 1.25),
		scan("|portable", "btcd", 2),
		scan("avx512|sha|avx2|portable", "naive", 1.25),
		scan("avx512|sha|avx2|portable", "btcd", 5),
		{what: "CPU miner, all of it, one thread", ours: point{"internal/node/miner:BenchmarkMiner/sha256d", mega},
			reference: "btcd's loop", theirs: point{"internal/node/miner:BenchmarkMiner/btcd", mega}, goal: goal{ratio: 5}},
		{what: "The same", ours: point{"internal/node/miner:BenchmarkMiner/sha256d", mega},
			reference: "naive loop", theirs: point{"internal/node/miner:BenchmarkMiner/naive", mega}, goal: goal{ratio: 1.25}},
	}},
	{"Node", []row{
		{what: "Block of 2,000 P2WPKH inputs connected, signatures cold", ours: point{"internal/node/consensus:BenchmarkConnect/cold", perOp},
			reference: "bare script engine, one core", theirs: point{"internal/node/consensus:BenchmarkConnect/engine-alone", perOp}, cores: true},
		{what: "The same, signatures warm", ours: point{"internal/node/consensus:BenchmarkConnect/warm", perOp},
			reference: "bare script engine, one core", theirs: point{"internal/node/consensus:BenchmarkConnect/engine-alone", perOp}, cores: true},
		{what: "Transaction into the mempool, signature included", ours: point{"internal/node/mempool:BenchmarkAccept", perOp}},
		{what: "Choice of transactions from a pool of 10,000", ours: point{"internal/node/mempool:BenchmarkTemplate", perOp}},
		{what: "Block template built", ours: point{"internal/node/template:BenchmarkBuild", perOp}},
	}},
	{"Wallet and settlement", []row{
		{what: "Unsigned payment over 10,000 coins", ours: point{"bench:payment/lamina", "ms"},
			reference: "btcwallet CreateSimpleTx, dry run", theirs: point{"bench:payment/btcwallet", "ms"}, goal: goal{ratio: 20}},
		sign("1,000 signatures made, P2WPKH, low R, keys derived", "SignOnly1000/p2wpkh", 0.9),
		sign("1,000 signatures made, P2TR, keys derived", "SignOnly1000/p2tr", 0.9),
		sign("1,000 inputs signed and every script run, P2WPKH", "Sign1000/p2wpkh", 0.9),
		sign("1,000 inputs signed and every script run, P2TR", "Sign1000/p2tr", 0.9),
		{what: "Payment proof verified", ours: point{"spv/proof:BenchmarkVerify", perOp}},
		{what: "Claim judged", ours: point{"spv/peg:BenchmarkClaimCheck", perOp}},
		{what: "Batch of 200 burns derived", ours: point{"spv/peg:BenchmarkDerive", perOp}},
	}},
	{"Scaling: headers", scaled(1_000_000,
		row{what: "headers synced, whole process", ours: point{"bench:sync-N/lamina", "headers/s"}},
		row{what: "headers, store opened and its tree made", ours: point{"internal/store:BenchmarkOpen/N", perOp}, goal: goal{limit: 50e6}},
		row{what: "headers, the same in a process of its own, peak memory", ours: point{"internal/store:BenchmarkOpen/1000000", "MiB-RSS"},
			goal: goal{limit: 40}},
	)},
	{"Scaling: a wallet with a coin in each transaction", scaled(100_000,
		row{what: "coins, balance", ours: point{"wallet:BenchmarkScale/N/balance", perOp}, goal: goal{limit: 5e6}, benchtime: "3x"},
		row{what: "transactions, page of 100", ours: point{"wallet:BenchmarkScale/N/history", perOp}, goal: goal{limit: 20e6}, benchtime: "3x"},
		row{what: "coins, selection", ours: point{"wallet/selection:BenchmarkSelect/N", perOp}, goal: goal{limit: 50e6}},
		row{what: "coins, whole draft", ours: point{"wallet:BenchmarkScale/N/draft", perOp}, benchtime: "3x"},
		row{what: "transactions, wallet opened", ours: point{"wallet:BenchmarkScale/N/open", perOp}, benchtime: "3x"},
		row{what: "- memory of it", ours: point{"wallet:BenchmarkScale/N/open", "MiB"}, benchtime: "3x"},
	)},
	{"Scaling: a node, ten coins a block", scaled(1_000_000,
		row{what: "coins, node opened", ours: point{"internal/node:BenchmarkLargeNode/N", "open-ms"}, benchtime: "1x"},
		row{what: "coins, memory of the node's process", ours: point{"internal/node:BenchmarkLargeNode/N", "RSS-MiB"},
			goal: goal{limit: 300}, benchtime: "1x"},
	)},
}

// beside compares whole processes, of ours the library alone (light) or the program (lamina).
func beside(what, label, client, unit string, times float64) row {
	return row{what: what, ours: point{label + client, unit}, reference: "neutrino", theirs: point{label + "neutrino", unit},
		goal: goal{ratio: times}}
}

// longRows are left out of a short run.
func longRows(rows ...row) []row {
	for i := range rows {
		rows[i].long = true
	}
	return rows
}

func match(elements int) row {
	label := "spv/filter:BenchmarkMatchAny/" + strconv.Itoa(elements)
	return row{what: "Filter of " + count(elements) + " elements against 1,000 scripts", ours: point{label + "/matcher", perOp},
		reference: "btcutil/gcs", theirs: point{label + "/library", perOp}, goal: goal{ratio: 3}}
}

// count prints a whole number.
func count(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return short(float64(n))
}

func scrypt(variants string) row {
	return row{what: "scrypt", ours: point{"spv/pow:BenchmarkScrypt/" + variants, perHash},
		reference: "x/crypto", theirs: point{"spv/pow:BenchmarkScrypt/xcrypto", perHash}}
}

func scan(variants, loop string, times float64) row {
	return row{what: "Nonce scan", ours: point{"spv/pow:BenchmarkScan/" + variants, perHash},
		reference: loop + " loop", theirs: point{"spv/pow:BenchmarkScan/" + loop, perHash}, goal: goal{ratio: times}}
}

func sign(what, name string, times float64) row {
	return row{what: what, ours: point{"wallet:Benchmark" + name + "/wallet", perOp},
		reference: "bare library", theirs: point{"wallet:Benchmark" + name + "/library", perOp}, goal: goal{ratio: times}, cores: true}
}

// scaled makes of each row one for ten thousand, a hundred thousand and a million, in the place of the N in its benchmark.
// Its goal holds for one size; a row without an N is of that size alone.
func scaled(goalAt int, rows ...row) (out []row) {
	for _, r := range rows {
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			sized := r
			sized.what = count(n) + " " + r.what
			sized.ours.bench = strings.ReplaceAll(r.ours.bench, "N/", strconv.Itoa(n)+"/")
			if before, ok := strings.CutSuffix(r.ours.bench, "/N"); ok {
				sized.ours.bench = before + "/" + strconv.Itoa(n)
			}
			if n != goalAt {
				if sized.ours.bench == r.ours.bench {
					continue
				}
				sized.goal = goal{}
			}
			out = append(out, sized)
		}
	}
	return out
}
