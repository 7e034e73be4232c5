package nodeapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

func pow256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// first returns the coinbase output of a block at a height.
func (w *world) first(height int) wire.OutPoint {
	w.t.Helper()
	id := call[string](w, "getblockhash", height)
	b := call[btcjson.GetBlockVerboseResult](w, "getblock", id)
	hash, err := hashOf(b.Tx[0])
	check(w.t, err)
	return wire.OutPoint{Hash: hash}
}

func hashOf(text string) (h spv.Hash, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return h, fmt.Errorf("%q is no id", text)
	}
	for i := range raw {
		h[31-i] = raw[i]
	}
	return h, nil
}

// TestBlocks compares what is said of blocks with what btcd's wire types read out of their bytes.
func TestBlocks(t *testing.T) {
	w := start(t)
	ids := call[[]string](w, "generatetoaddress", 15, w.address(w.l1))
	chainNow := call[btcjson.GetBlockChainInfoResult](w, "getblockchaininfo")
	if chainNow.Blocks != 15 || chainNow.Headers != 15 || chainNow.BestBlockHash != ids[14] || chainNow.Chain != "dev" || chainNow.InitialBlockDownload {
		t.Errorf("%+v", chainNow)
	}
	if want := fmt.Sprintf("%064x", 2*16); chainNow.ChainWork != want {
		t.Errorf("work %s, want %s", chainNow.ChainWork, want)
	}
	if n, best := call[int](w, "getblockcount"), call[string](w, "getbestblockhash"); n != 15 || best != ids[14] {
		t.Error(n, best)
	}
	var last wire.MsgBlock
	check(t, last.Deserialize(hex.NewDecoder(strings.NewReader(call[string](w, "getblock", ids[9], 0)))))
	b := call[btcjson.GetBlockVerboseTxResult](w, "getblock", ids[9], 2)
	if b.Hash != last.BlockHash().String() || b.PreviousHash != ids[8] || b.NextHash != ids[10] || b.Height != 10 || b.Confirmations != 6 ||
		b.MerkleRoot != last.Header.MerkleRoot.String() || b.Nonce != last.Header.Nonce || b.Time != last.Header.Timestamp.Unix() ||
		b.Bits != fmt.Sprintf("%08x", last.Header.Bits) || int(b.Size) != last.SerializeSize() || int(b.StrippedSize) != last.SerializeSizeStripped() ||
		int(b.Weight) != 3*last.SerializeSizeStripped()+last.SerializeSize() || b.Version != last.Header.Version {
		t.Errorf("%+v", b)
	}
	coinbase := last.Transactions[0]
	tx := b.Tx[0]
	if tx.Txid != coinbase.TxHash().String() || tx.Hash != coinbase.WitnessHash().String() || !tx.Vin[0].IsCoinBase() ||
		tx.Vin[0].Coinbase != hex.EncodeToString(coinbase.TxIn[0].SignatureScript) || tx.Vout[0].Value != 50 || tx.Vout[0].ScriptPubKey.Address != w.address(w.l1) ||
		tx.Vout[0].ScriptPubKey.Type != "witness_v0_scripthash" || int(tx.Size) != coinbase.SerializeSize() {
		t.Errorf("%+v", tx)
	}
	h := call[btcjson.GetBlockHeaderVerboseResult](w, "getblockheader", ids[14])
	if h.Height != 15 || h.Confirmations != 1 || h.NextHash != "" || h.VersionHex != "20000000" {
		t.Errorf("%+v", h)
	}
	var header wire.BlockHeader
	check(t, header.Deserialize(hex.NewDecoder(strings.NewReader(call[string](w, "getblockheader", ids[14], false)))))
	if header.BlockHash().String() != ids[14] {
		t.Error("another header")
	}
	tips := call[[]btcjson.GetChainTipsResult](w, "getchaintips")
	if len(tips) != 1 || tips[0] != (btcjson.GetChainTipsResult{Height: 15, Hash: ids[14], Status: "active"}) {
		t.Errorf("%+v", tips)
	}
	genesis := call[btcjson.GetBlockVerboseResult](w, "getblock", call[string](w, "getblockhash", 0))
	if genesis.Height != 0 || genesis.PreviousHash != "" || len(genesis.Tx) != 1 {
		t.Errorf("%+v", genesis)
	}
	supply := call[map[string]any](w, "getsupply")
	if supply["issued"] != 750.0 || supply["total"] != 750.0 || supply["claimed"] != nil {
		t.Error(supply)
	}
	f := call[btcjson.GetBlockFilterResult](w, "getblockfilter", ids[3])
	below := call[btcjson.GetBlockFilterResult](w, "getblockfilter", ids[2])
	raw, _ := hex.DecodeString(f.Filter)
	prev, _ := hashOf(below.Header)
	inner := pow256(pow256(raw))
	outer := pow256(pow256(append(inner, prev[:]...)))
	if want, _ := hashOf(f.Header); !bytes.Equal(want[:], outer) {
		t.Errorf("filter header %s", f.Header)
	}
}

// TestBlockErrors: what is not there is said, with the code that programs know.
func TestBlockErrors(t *testing.T) {
	w := start(t)
	none := strings.Repeat("ab", 32)
	for _, c := range []struct {
		method string
		params []any
		code   rpc.Code
	}{
		{"getblock", []any{none}, rpc.NotFound},
		{"getblock", []any{"ab"}, rpc.InvalidParameter},
		{"getblock", []any{true}, rpc.WrongType},
		{"getblock", []any{1}, rpc.InvalidParameter},
		{"getblock", []any{none, 4}, rpc.NotFound},
		{"getblockhash", []any{1}, rpc.InvalidParameter},
		{"getblockhash", []any{-1}, rpc.InvalidParameter},
		{"getblockheader", []any{none}, rpc.NotFound},
		{"getblockfilter", []any{none}, rpc.NotFound},
		{"getblockfilter", []any{call[string](w, "getbestblockhash"), "extended"}, rpc.NotFound},
		{"getrawtransaction", []any{none}, rpc.NotFound},
		{"getrawtransaction", []any{none, true, call[string](w, "getbestblockhash")}, rpc.NotFound},
		{"getmempoolentry", []any{none}, rpc.NotFound},
		{"gettxoutproof", []any{[]string{none}}, rpc.NotFound},
		{"gettxoutproof", []any{[]string{}}, rpc.InvalidParameter},
		{"gettxoutproof", []any{[]string{none, none}}, rpc.InvalidParameter},
		{"verifytxoutproof", []any{"00"}, rpc.Undecodable},
		{"sendrawtransaction", []any{"00"}, rpc.Undecodable},
		{"decoderawtransaction", []any{"zz"}, rpc.Undecodable},
		{"generatetoaddress", []any{1, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"}, rpc.NotFound},
		{"generatetoaddress", []any{0, w.address(w.l1)}, rpc.InvalidParameter},
		{"submitblock", []any{"00"}, rpc.Undecodable},
		{"createauxblock", []any{w.address(w.l1)}, rpc.Unavailable},
		{"getblocktemplate", []any{map[string]any{"mode": "other"}}, rpc.InvalidParameter},
		{"addnode", []any{"127.0.0.1", "add"}, rpc.InvalidParameter},
		{"addnode", []any{"127.0.0.1:1", "ban"}, rpc.InvalidParameter},
		{"addnode", []any{"127.0.0.1:1", "remove"}, rpc.PeerNotAdded},
		{"disconnectnode", []any{"127.0.0.1:9"}, rpc.PeerNotConnected},
		{"disconnectnode", []any{"", 7}, rpc.PeerNotConnected},
		{"disconnectnode", []any{"127.0.0.1:5", 1}, rpc.InvalidParameter},
		{"disconnectnode", nil, rpc.InvalidParameter},
		{"setban", []any{"nobody", "add"}, rpc.NoSuchHost},
		{"setban", []any{"192.0.2.7", "remove"}, rpc.NoSuchHost},
		{"setban", []any{"192.0.2.7", "forget"}, rpc.InvalidParameter},
		{"setban", []any{"192.0.2.7", "add", 5, true}, rpc.InvalidParameter},
		{"setban", []any{"192.0.2.7", "add", 4294967295}, rpc.InvalidParameter},
		{"agreebranch", []any{none}, rpc.NotFound},
		{"invalidateblock", []any{none}, rpc.NotFound},
		{"invalidateblock", []any{call[string](w, "getblockhash", 0)}, rpc.Misc},
		{"reconsiderblock", []any{none}, rpc.NotFound},
		{"estimatesmartfee", []any{0}, rpc.InvalidParameter},
		{"checkauxpow", []any{"00"}, rpc.Undecodable},
	} {
		err := w.client.Call(t.Context(), nil, c.method, c.params...)
		var e *rpc.Error
		if !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%s %v: %v, want code %d", c.method, c.params, err, c.code)
		}
	}
	if err := w.to("nowhere").Call(t.Context(), nil, "getblockcount"); err == nil || !strings.Contains(err.Error(), "not run here") {
		t.Error(err)
	}
}

// TestNodeWithoutParts: no method breaks on a node that has none of the parts it may lack.
func TestNodeWithoutParts(t *testing.T) {
	w := start(t)
	none := strings.Repeat("ab", 32)
	*w.l1.node = Node{Chain: w.l1.node.Chain, Clock: w.l1.node.Clock, Synced: w.l1.node.Synced}
	for _, x := range Methods(func(string) (*Node, error) { return w.l1.node, nil }) {
		w.client.Call(t.Context(), nil, x.Name) // must not break
		err := w.client.Call(t.Context(), nil, x.Name, none, none)
		var e *rpc.Error
		if errors.As(err, &e) && e.Code == rpc.Internal {
			t.Errorf("%s: %v", x.Name, err)
		}
	}
}

// TestAmounts: decimals are exact both ways.
func TestAmounts(t *testing.T) {
	p := testchain.Easy(t, "dev")
	for value, want := range map[int64]string{0: "0.00000000", 1: "0.00000001", -1: "-0.00000001", 123456789012: "1234.56789012", 100000000: "1.00000000"} {
		if got := coins(p, value); string(got) != want {
			t.Errorf("%d: %s", value, got)
		}
	}
	w := start(t)
	for text, ok := range map[string]bool{`0.1`: true, `"0.10000000"`: true, `1e-3`: true, `0`: true, `-1`: false, `0.000000001`: false, `1e999999999`: false,
		`"1/3"`: false, `"0x1p-2"`: false, `"NaN"`: false, `99999999999`: false, `true`: false} {
		var e *rpc.Error
		err := w.client.Call(t.Context(), nil, "testmempoolaccept", []string{"00"}, json.RawMessage(text))
		if !errors.As(err, &e) || (e.Code == rpc.Undecodable) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTexts(t *testing.T) {
	w := start(t)
	ours := call[map[string]any](w, "validateaddress", w.address(w.l1))
	if ours["isvalid"] != true || ours["scriptPubKey"] != hex.EncodeToString(anyonePay) || ours["witness_version"] != 0.0 {
		t.Error(ours)
	}
	if other := call[map[string]any](w, "validateaddress", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT "); other["isvalid"] != false || other["error"] == "" {
		t.Error(other)
	}
	if s := call[btcjson.DecodeScriptResult](w, "decodescript", "51"); s.Asm != "1" || s.Type != "nonstandard" || s.P2sh == "" {
		t.Errorf("%+v", s)
	}
	if s := call[btcjson.DecodeScriptResult](w, "decodescript", "6a0401020304"); s.Type != "nulldata" || s.P2sh != "" {
		t.Errorf("%+v", s)
	}
	peers := call[[]btcjson.GetPeerInfoResult](w, "getpeerinfo")
	if len(peers) != 2 || peers[0].Services != "0000000000000409" || !peers[0].Inbound || peers[0].PingTime != 0.003 {
		t.Errorf("%+v", peers)
	}
	if names := call[[]struct{ ServicesNames []string }](w, "getpeerinfo")[0].ServicesNames; fmt.Sprint(names) != "[NETWORK WITNESS NETWORK_LIMITED]" {
		t.Error(names)
	}
	call[any](w, "addnode", "127.0.0.1:1", "onetry")
	call[any](w, "disconnectnode", "[::1]:6")
	call[any](w, "disconnectnode", "", 1)
	if fmt.Sprint(w.peers.added) != "[127.0.0.1:1true end 2 end 1]" {
		t.Error(w.peers.added)
	}
	now := w.l1.clock().Unix()
	call[any](w, "setban", "192.0.2.7", "add")
	call[any](w, "setban", "192.0.2.8", "add", 60)
	call[any](w, "setban", "192.0.2.9", "add", now+7, true)
	banned := call[[]struct {
		Address   string
		Until     int64 `json:"banned_until"`
		Remaining int64 `json:"time_remaining"`
	}](w, "listbanned")
	for i, want := range []int64{86400, 60, 7} {
		if b := banned[i]; b.Address != fmt.Sprint("192.0.2.", 7+i) || b.Until != now+want || b.Remaining != want {
			t.Errorf("%+v", b)
		}
	}
	if n := call[btcjson.GetNetworkInfoResult](w, "getnetworkinfo"); n.Connections != 2 || n.ConnectionsIn != 1 || n.RelayFee != 0.00001 || n.SubVersion != "/Satoshi:25.0.0/Lamina:test/" {
		t.Errorf("%+v", n)
	}
	if n := call[btcjson.GetNetTotalsResult](w, "getnettotals"); n.TotalBytesRecv != 5 || n.TotalBytesSent != 7 {
		t.Errorf("%+v", n)
	}
	if n := call[btcjson.EstimateSmartFeeResult](w, "estimatesmartfee", 6); *n.FeeRate != 0.00001 || n.Blocks != 6 {
		t.Errorf("%+v", n)
	}
}

// TestInvalidateBlock: a block is left, its layer follows, and both come back.
func TestInvalidateBlock(t *testing.T) {
	w := start(t)
	ids := call[[]string](w, "generatetoaddress", 5, w.address(w.l1))
	other := call[btcjson.GetBlockChainInfoResult](w, "getblockchaininfo")
	if other.SizeOnDisk < 5*100 || other.VerificationProgress != 1 || other.BestBlockHash != ids[4] {
		t.Errorf("%+v", other)
	}
	call[any](w, "invalidateblock", ids[2])
	if got := call[string](w, "getbestblockhash"); got != ids[1] {
		t.Errorf("best block %s, want %s", got, ids[1])
	}
	tips := call[[]struct {
		Height int32
		Status string
	}](w, "getchaintips")
	if len(tips) != 2 || tips[0].Height != 5 || tips[0].Status != "invalid" || tips[1].Status != "active" {
		t.Errorf("%+v", tips)
	}
	call[any](w, "reconsiderblock", ids[4])
	if got := call[string](w, "getbestblockhash"); got != ids[4] {
		t.Errorf("best block %s, want %s", got, ids[4])
	}
}

// TestForeignClients lets programs that we did not write ask: the command line of another node, and btcd's client library.
func TestForeignClients(t *testing.T) {
	w := start(t)
	host := strings.TrimPrefix(w.url, "http://")
	address, port, _ := strings.Cut(host, ":")
	if cli, err := exec.LookPath("litecoin-cli"); err == nil {
		ask := func(args ...string) string {
			t.Helper()
			all := append([]string{"-rpcconnect=" + address, "-rpcport=" + port, "-rpccookiefile=" + filepath.Join(w.dir, rpc.CookieName),
				"-conf=" + filepath.Join(w.dir, "none"), "-datadir=" + w.dir}, args...)
			out, err := exec.Command(cli, all...).CombinedOutput()
			if err != nil && len(args) > 0 && args[0] != "getblock" {
				t.Fatalf("%s: %v: %s", args, err, out)
			}
			return strings.TrimSpace(string(out))
		}
		ids := ask("generatetoaddress", "3", w.address(w.l1))
		if strings.Count(ids, "\"") != 6 || ask("getblockcount") != "3" || !strings.Contains(ids, ask("getblockhash", "2")) {
			t.Error(ids)
		}
		if got := ask("-named", "getblockhash", "height=0"); len(got) != 64 {
			t.Error(got)
		}
		if got := ask("getblock", strings.Repeat("00", 32)); !strings.Contains(got, "error code: -5") {
			t.Error(got)
		}
		if got := ask("help"); !strings.Contains(got, "createauxblock address") {
			t.Error(got)
		}
	} else if os.Getenv("LAMINA_REAL_NODES") != "" {
		t.Error("litecoin-cli is not installed")
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	build := exec.Command("go", "build", "-modfile=.ci/tools.mod", "-o", foreign, "./internal/rpc/nodeapi/testdata/rpcclient")
	build.Dir = testdata.Root(t)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		if os.Getenv("LAMINA_REAL_NODES") != "" {
			t.Fatalf("btcd's client cannot be built: %v\n%s", err, out)
		}
		t.Skipf("btcd's client cannot be built: %v\n%s", err, out)
	}
	call[[]string](w, "generatetoaddress", 15, w.address(w.l1))
	tx := spend(w.first(1), 4_999_990_000)
	run := exec.Command(foreign, host, hex.EncodeToString(serialized(tx)), w.first(2).Hash.String())
	run.Env = append(os.Environ(), "RPC_USER="+w.login.User, "RPC_PASSWORD="+string(w.login.Password))
	out, err := run.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "all well") {
		t.Fatalf("%v\n%s", err, out)
	}
}
