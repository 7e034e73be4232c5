package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/btcsuite/btcwallet/walletdb"
	_ "github.com/btcsuite/btcwallet/walletdb/bdb" // the database that neutrino's users open
	"github.com/lightninglabs/neutrino"
)

// neutrinoSync is the measured process: neutrino as a library, with one peer, until its
// header store holds as many headers as asked for. Arguments: peer, headers, folder.
func neutrinoSync(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("neutrino: %d arguments, want peer, headers and folder", len(args))
	}
	headers, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	db, err := walletdb.Create("bdb", filepath.Join(args[2], "neutrino.db"), true, time.Minute, false)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	service, err := neutrino.NewChainService(neutrino.Config{
		DataDir: args[2], Database: db, ChainParams: params, ConnectPeers: args[:1],
	})
	if err != nil {
		return err
	}
	if err := service.Start(); err != nil {
		return err
	}
	for {
		_, height, err := service.BlockHeaders.ChainTip()
		if err != nil {
			return err
		}
		if int(height) >= headers {
			return nil // the process ends here: stopping is not part of what is measured
		}
		time.Sleep(2 * time.Millisecond)
	}
}
