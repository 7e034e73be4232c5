package consensus

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
)

// btcdDir is where the module with the reference vectors of Bitcoin Core is unpacked.
var btcdDir = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/btcsuite/btcd").Output()
	return strings.TrimSpace(string(out)), err
})

func btcdFile(t testing.TB, path string) string {
	t.Helper()
	dir, err := btcdDir()
	if err != nil {
		t.Fatalf("folder of the reference vectors: %v", err)
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(btcdFile(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var flagNames = map[string]txscript.ScriptFlags{
	"": 0, "NONE": 0,
	"P2SH":                                  txscript.ScriptBip16,
	"NULLDUMMY":                             txscript.ScriptStrictMultiSig,
	"DISCOURAGE_UPGRADABLE_NOPS":            txscript.ScriptDiscourageUpgradableNops,
	"CHECKLOCKTIMEVERIFY":                   txscript.ScriptVerifyCheckLockTimeVerify,
	"CHECKSEQUENCEVERIFY":                   txscript.ScriptVerifyCheckSequenceVerify,
	"CLEANSTACK":                            txscript.ScriptVerifyCleanStack,
	"DERSIG":                                txscript.ScriptVerifyDERSignatures,
	"LOW_S":                                 txscript.ScriptVerifyLowS,
	"MINIMALDATA":                           txscript.ScriptVerifyMinimalData,
	"NULLFAIL":                              txscript.ScriptVerifyNullFail,
	"SIGPUSHONLY":                           txscript.ScriptVerifySigPushOnly,
	"STRICTENC":                             txscript.ScriptVerifyStrictEncoding,
	"WITNESS":                               txscript.ScriptVerifyWitness,
	"MINIMALIF":                             txscript.ScriptVerifyMinimalIf,
	"WITNESS_PUBKEYTYPE":                    txscript.ScriptVerifyWitnessPubKeyType,
	"TAPROOT":                               txscript.ScriptVerifyTaproot,
	"CONST_SCRIPTCODE":                      txscript.ScriptVerifyConstScriptCode,
	"DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM": txscript.ScriptVerifyDiscourageUpgradeableWitnessProgram,
}

func parseFlags(t testing.TB, s string) (flags txscript.ScriptFlags) {
	t.Helper()
	for _, name := range strings.Split(s, ",") {
		f, ok := flagNames[name]
		if !ok {
			t.Fatalf("unknown flag %q", name)
		}
		flags |= f
	}
	return flags
}

// assemble reads the vectors' notation of scripts.
func assemble(t testing.TB, s string) (script []byte) {
	t.Helper()
	push := func(b *txscript.ScriptBuilder) {
		out, err := b.Script()
		if err != nil {
			t.Fatal(err)
		}
		script = append(script, out...)
	}
	for _, word := range strings.Fields(s) {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			push(txscript.NewScriptBuilder().AddInt64(n))
		} else if raw, ok := strings.CutPrefix(word, "0x"); ok {
			script = append(script, unhex(t, raw)...)
		} else if len(word) >= 2 && word[0] == '\'' && word[len(word)-1] == '\'' {
			push(txscript.NewScriptBuilder().AddFullData([]byte(word[1 : len(word)-1])))
		} else if op, ok := txscript.OpcodeByName["OP_"+strings.TrimPrefix(word, "OP_")]; ok {
			script = append(script, op)
		} else {
			t.Fatalf("word %q in a script", word)
		}
	}
	return script
}

// oneCoin is a view of a single coin.
type oneCoin struct {
	op wire.OutPoint
	c  Coin
}

func (v oneCoin) Coin(op wire.OutPoint) (*Coin, error) {
	if op != v.op {
		return nil, nil
	}
	return &v.c, nil
}

func (oneCoin) Claimed(wire.OutPoint) (bool, error) { return false, nil }

func anonymous() string { return "tx" }

// spending is the transaction that the vectors' scripts are meant for.
func spending(witness wire.TxWitness, sig, pk []byte, amount int64) (*wire.MsgTx, oneCoin) {
	from := wire.NewMsgTx(1)
	from.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&spv.Hash{}, wire.MaxPrevOutIndex), []byte{0, 0}, nil))
	from.AddTxOut(wire.NewTxOut(amount, pk))
	tx := wire.NewMsgTx(1)
	op := wire.OutPoint{Hash: from.TxHash()}
	tx.AddTxIn(wire.NewTxIn(&op, sig, witness))
	tx.AddTxOut(wire.NewTxOut(amount, nil))
	return tx, oneCoin{op, Coin{Value: amount, Script: pk}}
}

// TestScriptVectors runs Bitcoin Core's script_tests.json under exactly the flags that each
// names. What fails there must also fail CheckTx under the consensus rules besides.
func TestScriptVectors(t *testing.T) {
	var tests [][]any
	readJSON(t, "txscript/data/script_tests.json", &tests)
	ctx := &TxContext{Params: testchain.Params(t, "bitcoin"), Height: 1, MedianTimeAt: func(int32) uint32 { return 0 }}
	cache := NewSigCache(50, [32]byte{1})
	ran := 0
	for i, test := range tests {
		if len(test) == 1 {
			continue
		}
		var witness wire.TxWitness
		var amount int64
		if list, ok := test[0].([]any); ok {
			for _, item := range list[:len(list)-1] {
				witness = append(witness, unhex(t, item.(string)))
			}
			amount = int64(math.Round(list[len(list)-1].(float64) * 1e8))
			test = test[1:]
		}
		tx, view := spending(witness, assemble(t, test[0].(string)), assemble(t, test[1].(string)), amount)
		flags, want := parseFlags(t, test[2].(string)), test[3].(string) == "OK"
		for range 2 { // the second time out of the cache of signatures
			err := newScriptTx(tx, []*Coin{&view.c}, anonymous).run(0, flags, cache)
			if (err == nil) != want {
				t.Errorf("test %d %v: %v", i, test, err)
			}
		}
		ctx.Flags = flags
		if _, err := CheckTx(ctx, tx, view, cache); err == nil && !want {
			t.Errorf("test %d %v: CheckTx accepts it", i, test)
		}
		ran++
	}
	if ran < 1100 {
		t.Errorf("only %d tests", ran)
	}
}

// TestTxVectors judges Bitcoin Core's tx_valid.json and tx_invalid.json: form and scripts.
func TestTxVectors(t *testing.T) {
	p := testchain.Params(t, "bitcoin")
	for file, least := range map[string]int{"valid": 110, "invalid": 80} {
		var tests [][]any
		readJSON(t, "txscript/data/tx_"+file+".json", &tests)
		ran := 0
		for i, test := range tests {
			prevouts, ok := test[0].([]any)
			if !ok {
				continue
			}
			ran++
			coins := map[wire.OutPoint]*Coin{}
			for _, entry := range prevouts {
				prev := entry.([]any)
				id, err := chainhash.NewHashFromStr(prev[0].(string))
				if err != nil {
					t.Fatal(err)
				}
				c := &Coin{Script: assemble(t, prev[2].(string))}
				if len(prev) == 4 {
					c.Value = int64(prev[3].(float64))
				}
				coins[wire.OutPoint{Hash: *id, Index: uint32(int64(prev[1].(float64)))}] = c
			}
			err := func() error {
				tx, err := ParseTx(p, unhex(t, test[1].(string)))
				if err != nil {
					return err
				}
				for _, f := range txForms {
					if fault := f.fault(p, tx); fault != "" {
						return refuse(f.name, fault, f.want)
					}
				}
				var spent []*Coin
				for _, in := range tx.TxIn {
					c, ok := coins[in.PreviousOutPoint]
					if !ok {
						return fmt.Errorf("coin %s is not in the vector", in.PreviousOutPoint)
					}
					spent = append(spent, c)
				}
				return runScripts([]*scriptTx{newScriptTx(tx, spent, anonymous)}, parseFlags(t, test[2].(string)), nil)
			}()
			if (err == nil) != (file == "valid") {
				t.Errorf("%s %d %v: %v", file, i, test[1], err)
			}
		}
		if ran < least {
			t.Errorf("%s: only %d tests", file, ran)
		}
	}
}

// TestSighashVectors judges the script library that Connect rests on by Bitcoin Core's
// sighash.json.
func TestSighashVectors(t *testing.T) {
	var tests [][]any
	readJSON(t, "txscript/data/sighash.json", &tests)
	for i, test := range tests[1:] {
		tx := new(wire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(unhex(t, test[0].(string)))); err != nil {
			t.Fatal(err)
		}
		kind := txscript.SigHashType(uint32(int64(test[3].(float64))))
		got, err := txscript.CalcSignatureHash(unhex(t, test[1].(string)), kind, tx, int(test[2].(float64)))
		if err != nil {
			t.Errorf("test %d: %v", i, err)
			continue
		}
		if h := spv.Hash(got).String(); h != test[4].(string) {
			t.Errorf("test %d: %s, want %s", i, h, test[4])
		}
	}
}

// TestTaprootVectors runs Bitcoin Core's taproot corpus: spends that must succeed, and their
// spoiled forms.
func TestTaprootVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(btcdFile(t, "txscript/data/taproot-ref"), "*"))
	if err != nil || len(files) < 2500 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		type spend struct {
			ScriptSig string   `json:"scriptSig"`
			Witness   []string `json:"witness"`
		}
		var test struct {
			Tx, Flags, Comment string
			Prevouts           []string
			Index              int
			Success, Failure   *spend
		}
		if err := json.Unmarshal(bytes.TrimSuffix(raw, []byte(",\n")), &test); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for want, s := range map[bool]*spend{true: test.Success, false: test.Failure} {
			if s == nil {
				continue
			}
			tx := new(wire.MsgTx)
			if err := tx.Deserialize(bytes.NewReader(unhex(t, test.Tx))); err != nil {
				t.Fatal(err)
			}
			var spent []*Coin
			for _, prev := range test.Prevouts {
				out := unhex(t, prev) // wire.ReadTxOut takes 4 MiB for each
				script, err := wire.ReadVarBytes(bytes.NewReader(out[8:]), 0, 20_000, "script")
				if err != nil {
					t.Fatal(err)
				}
				spent = append(spent, &Coin{Value: int64(binary.LittleEndian.Uint64(out)), Script: script})
			}
			in := tx.TxIn[test.Index]
			in.SignatureScript = unhex(t, s.ScriptSig)
			in.Witness = nil
			for _, item := range s.Witness {
				in.Witness = append(in.Witness, unhex(t, item))
			}
			if err := newScriptTx(tx, spent, anonymous).run(test.Index, parseFlags(t, test.Flags), nil); (err == nil) != want {
				t.Errorf("%s %s, want success %v: %v", filepath.Base(name), test.Comment, want, err)
			}
		}
	}
}

// TestNestedWithoutWitness: BIP141's rules on programs inside P2SH hold without a witness,
// too. The reference vectors do not have the case.
func TestNestedWithoutWitness(t *testing.T) {
	hash := bytes.Repeat([]byte{3}, 20)
	v0, v1 := append([]byte{txscript.OP_0, 20}, hash...), append([]byte{txscript.OP_1, 20}, hash...)
	push := func(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }
	for _, c := range []struct {
		name  string
		sig   []byte
		pk    []byte
		flags txscript.ScriptFlags
		ok    bool
	}{
		{"P2WPKH", push(v0), p2sh(v0), ConsensusFlags, false},
		{"P2WSH", push(p2wsh(nil)), p2sh(p2wsh(nil)), ConsensusFlags, false},
		{"version 0 of an odd length", push(v0[:10]), p2sh(v0[:10]), ConsensusFlags, false},
		{"before segregated witness", push(v0), p2sh(v0), txscript.ScriptBip16, true},
		{"a version of the future", push(v1), p2sh(v1), ConsensusFlags, true},
		{"a version of the future, pushed oddly", append([]byte{txscript.OP_PUSHDATA1}, push(v1)...), p2sh(v1), ConsensusFlags, false},
		{"a version of the future, something before it", append([]byte{txscript.OP_1}, push(v1)...), p2sh(v1), ConsensusFlags, false},
		{"an ordinary script", push([]byte{txscript.OP_TRUE}), p2sh([]byte{txscript.OP_TRUE}), ConsensusFlags, true},
	} {
		if c.name == "version 0 of an odd length" {
			v := append([]byte{txscript.OP_0, 8}, hash[:8]...)
			c.sig, c.pk = push(v), p2sh(v)
		}
		tx, view := spending(nil, c.sig, c.pk, 1000)
		err := newScriptTx(tx, []*Coin{&view.c}, anonymous).run(0, c.flags, nil)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
