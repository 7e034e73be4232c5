package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcutil/gcs"
	"github.com/btcsuite/btcd/btcutil/gcs/builder"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcwallet/walletdb"
	"github.com/lightninglabs/neutrino"
	"github.com/lightninglabs/neutrino/filterdb"
	"github.com/lightninglabs/neutrino/headerfs"
)

// What a rescan is measured over, the same as in the product's benchmark of its own:
// filters of a main chain's size, and scripts that none of them holds.
const (
	rescanBlocks   = 200
	rescanElements = 7600
	rescanScripts  = 1000
	// rescanRepeats is how often each scans them in its turn: a scan takes a tenth of a
	// second or less, which whatever else runs can fill.
	rescanRepeats = 5
)

// compareRescan runs the product's benchmark, in its test binary, and neutrino's rescan by
// turns, and prints the most filters that each looked through in a second.
func compareRescan(tests string, runs int) error {
	dir, err := os.MkdirTemp("", "lamina-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	scan, stop, err := neutrinoScanner(dir)
	if err != nil {
		return err
	}
	defer stop()
	var ours, theirs float64
	for range runs {
		for range rescanRepeats {
			rate, err := scan()
			if err != nil {
				return err
			}
			theirs = max(theirs, rate)
		}
		rate, err := productRate(tests)
		if err != nil {
			return err
		}
		ours = max(ours, rate)
	}
	fmt.Printf("rescan of stored filters, %d elements, %d scripts: neutrino %.0f filters/s, lamina %.0f filters/s, ratio %.1f\n",
		rescanElements, rescanScripts, theirs, ours, ours/theirs)
	return nil
}

// productRate runs the product's benchmark, a scan at a time, and reads its best rate.
func productRate(tests string) (best float64, err error) {
	out, err := exec.Command(tests, "-test.run=^$", "-test.bench=^BenchmarkRescan$/^syncer$", "-test.benchtime=2x",
		"-test.count="+strconv.Itoa(rescanRepeats)).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %.500s", tests, err, out)
	}
	fields := strings.Fields(string(out))
	for i, f := range fields {
		if f == "filters/s" && i > 0 {
			rate, err := strconv.ParseFloat(fields[i-1], 64)
			if err != nil {
				return 0, err
			}
			best = max(best, rate)
		}
	}
	if best == 0 {
		return 0, fmt.Errorf("%s: no filters/s in %.500s", tests, out)
	}
	return best, nil
}

// neutrinoScanner makes a chain of headers and filters in neutrino's own store, and returns
// what scans it once and tells the filters a second.
func neutrinoScanner(dir string) (scan func() (float64, error), stop func(), err error) {
	db, err := walletdb.Create("bdb", filepath.Join(dir, "neutrino.db"), true, time.Minute, false)
	if err != nil {
		return nil, nil, err
	}
	service, err := neutrino.NewChainService(neutrino.Config{
		DataDir: dir, Database: db, ChainParams: params, ConnectPeers: []string{"127.0.0.1:1"}, PersistToDisk: true,
	})
	if err != nil {
		return nil, nil, err
	}
	random := rand.New(rand.NewPCG(1, 2))
	scripts, watched := make([][]byte, rescanScripts), make([]neutrino.InputWithScript, rescanScripts)
	for i := range watched {
		scripts[i] = randomScript(random)
		watched[i].PkScript = scripts[i]
	}
	if err := fill(service, scripts, random); err != nil {
		return nil, nil, err
	}
	if err := service.Start(); err != nil {
		return nil, nil, err
	}
	scan = func() (float64, error) {
		quit := make(chan struct{})
		defer close(quit)
		start := time.Now()
		done := neutrino.NewRescan(&neutrino.RescanChainSource{ChainService: service}, neutrino.QuitChan(quit),
			neutrino.StartBlock(&headerfs.BlockStamp{Height: 0}), neutrino.EndBlock(&headerfs.BlockStamp{Height: rescanBlocks}),
			neutrino.WatchInputs(watched...)).Start()
		if err := <-done; err != nil {
			return 0, err
		}
		return rescanBlocks / time.Since(start).Seconds(), nil
	}
	return scan, func() { _ = service.Stop(); _ = db.Close() }, nil
}

// fill gives neutrino the blocks and their filters, none of which matches a script: there
// is no peer that the block could be had from.
func fill(service *neutrino.ChainService, scripts [][]byte, random *rand.Rand) error {
	chain := mine(rescanBlocks)
	var headers []headerfs.BlockHeader
	var marks []headerfs.FilterHeader
	var filters []*filterdb.FilterData
	var link chainhash.Hash
	for i := 1; i <= rescanBlocks; i++ {
		id := chain[i].BlockHash()
		filter, err := foreignFilter(builder.DeriveKey(&id), scripts, random)
		if err != nil {
			return err
		}
		if link, err = builder.MakeHeaderForFilter(filter, link); err != nil {
			return err
		}
		headers = append(headers, headerfs.BlockHeader{BlockHeader: &chain[i], Height: uint32(i)})
		marks = append(marks, headerfs.FilterHeader{HeaderHash: id, FilterHash: link, Height: uint32(i)})
		filters = append(filters, &filterdb.FilterData{Filter: filter, BlockHash: &id, Type: filterdb.RegularFilter})
	}
	if err := service.BlockHeaders.WriteHeaders(headers...); err != nil {
		return err
	}
	if err := service.RegFilterHeaders.WriteHeaders(marks...); err != nil {
		return err
	}
	return service.FilterDB.PutFilters(filters...)
}

// foreignFilter makes a filter that matches none of the scripts.
func foreignFilter(key [gcs.KeySize]byte, scripts [][]byte, random *rand.Rand) (*gcs.Filter, error) {
	for {
		set := make([][]byte, rescanElements)
		for i := range set {
			set[i] = randomScript(random)
		}
		filter, err := gcs.BuildGCSFilter(builder.DefaultP, builder.DefaultM, key, set)
		if err != nil {
			return nil, err
		}
		if matches, err := filter.MatchAny(key, scripts); err != nil || !matches {
			return filter, err
		}
	}
}

// randomScript makes a pay-to-witness-key-hash script that nobody has.
func randomScript(random *rand.Rand) []byte {
	script := append([]byte{0, 20}, make([]byte, 20)...)
	binary.LittleEndian.PutUint64(script[2:], random.Uint64())
	return script
}
