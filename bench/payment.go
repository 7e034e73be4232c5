package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"github.com/btcsuite/btcwallet/chain"
	"github.com/btcsuite/btcwallet/waddrmgr"
	"github.com/btcsuite/btcwallet/wallet"
	"github.com/btcsuite/btcwallet/walletdb"
	"github.com/btcsuite/btcwallet/wtxmgr"
)

// What an unsigned payment is measured over, the same as in the product's benchmark of its own: confirmed
// coins of one account, one recipient, 3,000 base units for 1,000 bytes.
const (
	paymentCoins  = 10_000
	paymentAmount = 1_000_000_000
	paymentRate   = 3000
	paymentTip    = 1000
	// Of so many turns, of so many payments each, the fastest turn counts.
	paymentTurns, paymentsATurn = 6, 5
)

// comparePayment runs the product's benchmark, in its test binary, and btcwallet's CreateSimpleTx as a dry run by
// turns, and prints what each took for one.
func comparePayment(tests string, runs int) error {
	dir, err := os.MkdirTemp("", "lamina-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	pay, stop, err := foreignWallet(dir)
	if err != nil {
		return err
	}
	defer stop()
	ours, theirs := time.Hour, time.Hour
	for range runs {
		for range paymentTurns {
			start := time.Now()
			for range paymentsATurn {
				if err := pay(); err != nil {
					return err
				}
			}
			theirs = min(theirs, time.Since(start)/paymentsATurn)
		}
		took, err := productPayment(tests)
		if err != nil {
			return err
		}
		ours = min(ours, took)
	}
	fmt.Printf("unsigned payment over %d coins: btcwallet %.3f ms, lamina %.3f ms, ratio %.1f\n",
		paymentCoins, theirs.Seconds()*1e3, ours.Seconds()*1e3, theirs.Seconds()/ours.Seconds())
	return nil
}

// productPayment runs the product's benchmark and reads the time of an operation in its fastest turn.
func productPayment(tests string) (time.Duration, error) {
	out, err := exec.Command(tests, "-test.run=^$", "-test.bench=^BenchmarkDraft10k$", fmt.Sprintf("-test.benchtime=%dx", paymentsATurn),
		fmt.Sprintf("-test.count=%d", paymentTurns)).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %.500s", tests, err, out)
	}
	least := time.Duration(0)
	fields := strings.Fields(string(out))
	for i, f := range fields {
		if f != "ns/op" || i == 0 {
			continue
		}
		ns, err := strconv.ParseFloat(fields[i-1], 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", tests, err)
		}
		if took := time.Duration(ns); least == 0 || took < least {
			least = took
		}
	}
	if least == 0 {
		return 0, fmt.Errorf("%s: no ns/op in %.500s", tests, out)
	}
	return least, nil
}

// foreignWallet makes a btcwallet with its coins in its own database, and returns what plans one payment.
func foreignWallet(dir string) (pay func() error, stop func(), err error) {
	loader := wallet.NewLoader(&params, dir, true, time.Minute, 250)
	w, err := loader.CreateNewWallet([]byte("public"), []byte("private"), bytes.Repeat([]byte{7}, 32), time.Now())
	if err != nil {
		return nil, nil, err
	}
	w.SynchronizeRPC(standing{})
	if err := w.Unlock([]byte("private"), nil); err != nil { // it plans nothing while locked, not even dry
		return nil, nil, err
	}
	scope := waddrmgr.KeyScopeBIP0084
	address, err := w.NewAddress(0, scope)
	if err != nil {
		return nil, nil, err
	}
	script, err := txscript.PayToAddrScript(address)
	if err != nil {
		return nil, nil, err
	}
	if err := credit(w, script); err != nil {
		return nil, nil, err
	}
	outputs := []*wire.TxOut{wire.NewTxOut(paymentAmount, append([]byte{0, 20}, make([]byte, 20)...))}
	pay = func() error {
		tx, err := w.CreateSimpleTx(&scope, 0, outputs, 1, paymentRate, wallet.CoinSelectionLargest, true)
		if err == nil && len(tx.Tx.TxOut) != 2 {
			err = fmt.Errorf("btcwallet: a payment with %d outputs, want 2", len(tx.Tx.TxOut))
		}
		return err
	}
	return pay, func() { w.Stop(); w.WaitForShutdown(); _ = loader.UnloadWallet() }, nil
}

// credit gives btcwallet confirmed coins, one in each transaction.
func credit(w *wallet.Wallet, script []byte) error {
	block := &wtxmgr.BlockMeta{Block: wtxmgr.Block{Hash: chainhash.Hash{1}, Height: paymentTip - 100}, Time: time.Now()}
	return walletdb.Update(w.Database(), func(tx walletdb.ReadWriteTx) error {
		ns := tx.ReadWriteBucket([]byte("wtxmgr"))
		for i := range paymentCoins {
			// Values from 10,000 to 10,010,000, the same at every run.
			digest := sha256.Sum256(binary.LittleEndian.AppendUint32(nil, uint32(i)))
			value := 10_000 + int64(binary.LittleEndian.Uint64(digest[:])%10_000_000)
			t := wire.NewMsgTx(2)
			t.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: digest}})
			t.AddTxOut(wire.NewTxOut(value, script))
			record, err := wtxmgr.NewTxRecordFromMsgTx(t, block.Time)
			if err != nil {
				return err
			}
			if err := w.TxStore.InsertTx(ns, record, block); err != nil {
				return err
			}
			if err := w.TxStore.AddCredit(ns, record, block, 0, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// standing is a chain whose tip never moves: all of one that btcwallet asks for when it plans a payment.
type standing struct{ chain.Interface }

func (standing) BlockStamp() (*waddrmgr.BlockStamp, error) {
	return &waddrmgr.BlockStamp{Height: paymentTip, Timestamp: time.Now()}, nil
}

// NotifyReceived promises nothing.
func (standing) NotifyReceived([]btcutil.Address) error { return nil }

func (standing) Stop()            {}
func (standing) WaitForShutdown() {}

// Notifications never tells of anything.
func (standing) Notifications() <-chan any { return nil }
