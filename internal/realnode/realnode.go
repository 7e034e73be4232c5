// Package realnode starts full nodes that this project did not write, btcd and litecoind,
// on private test networks over loopback, for tests to run against.
package realnode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/bech32"

	"github.com/layeredpow/lamina/internal/testdata"
)

const (
	rpcUser     = "test"
	rpcPassword = "test"
	startTime   = 3 * time.Minute
	startTries  = 5
)

// Node is a running full node. It is stopped when its test ends.
type Node struct {
	P2P   string // host:port of its peer-to-peer port
	rpc   string
	args  func(n *Node) []string
	cmd   *exec.Cmd     // nil if it does not run
	ended chan struct{} // closed when cmd has, with err
	err   error
	dir   string
	log   bytes.Buffer
	paid  byte
}

// Btcd starts btcd on Bitcoin's regtest. It is built from the version that .ci/tools.mod
// pins, once.
func Btcd(t testing.TB) *Node {
	t.Helper()
	return btcd(t)
}

// BtcdEncrypting starts btcd with encrypted connections (BIP324), which it leaves off
// otherwise.
func BtcdEncrypting(t testing.TB) *Node {
	t.Helper()
	return btcd(t, "--v2transport")
}

func btcd(t testing.TB, more ...string) *Node {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "btcd")
	build := exec.Command("go", "build", "-modfile=.ci/tools.mod", "-o", binary, "github.com/btcsuite/btcd")
	build.Dir = testdata.Root(t)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		missing(t, "btcd cannot be built: %v\n%s", err, out)
	}
	return started(t, func(n *Node) []string {
		return append([]string{binary, "--regtest", "--notls", "--nodnsseed", "--txindex",
			"--datadir=" + n.dir, "--logdir=" + n.dir, "--configfile=" + filepath.Join(n.dir, "none"),
			"--listen=" + n.P2P, "--rpclisten=" + n.rpc, "--rpcuser=" + rpcUser, "--rpcpass=" + rpcPassword,
			"--miningaddr=" + nobody("bcrt", 0)}, more...)
	})
}

// Litecoind starts Debian's litecoind on Litecoin's regtest, serving compact filters. Its
// extension blocks are off, as they want a first payment of their own at height 432.
func Litecoind(t testing.TB) *Node {
	t.Helper()
	return litecoind(t, "-vbparams=mweb:999999999998:999999999999")
}

// LitecoindExtended starts litecoind with extension blocks (MWEB) from height 432.
func LitecoindExtended(t testing.TB) *Node {
	t.Helper()
	return litecoind(t)
}

// LitecoindBloom starts litecoind without compact filters, taking Bloom filters.
func LitecoindBloom(t testing.TB) *Node {
	t.Helper()
	return litecoind(t, "-vbparams=mweb:999999999998:999999999999", "-peerblockfilters=0", "-blockfilterindex=0", "-peerbloomfilters=1")
}

func litecoind(t testing.TB, more ...string) *Node {
	t.Helper()
	binary, err := exec.LookPath("litecoind")
	if err != nil {
		missing(t, "litecoind is not installed")
	}
	return started(t, func(n *Node) []string {
		_, p2pPort, _ := net.SplitHostPort(n.P2P)
		_, rpcPort, _ := net.SplitHostPort(n.rpc)
		return append([]string{binary, "-regtest", "-datadir=" + n.dir, "-bind=127.0.0.1", "-port=" + p2pPort, "-rpcport=" + rpcPort,
			"-rpcuser=" + rpcUser, "-rpcpassword=" + rpcPassword, "-listen", "-dnsseed=0", "-listenonion=0", "-upnp=0",
			"-blockfilterindex", "-peerblockfilters", "-fallbackfee=0.001"}, more...)
	})
}

// started starts a new node. Somebody may take a port between its choice and its use: then others are chosen.
func started(t testing.TB, args func(n *Node) []string) *Node {
	t.Helper()
	n := &Node{args: args, dir: t.TempDir()}
	t.Cleanup(n.Kill)
	var err error
	for range startTries {
		n.P2P, n.rpc = freeAddress(), freeAddress()
		if err = n.start(); err == nil {
			return n
		}
	}
	t.Fatal(err)
	return nil
}

// missing ends a test for want of a node: as a failure where `make test` runs it, which
// installs the nodes first, and as a skip where somebody runs `go test` alone, which
// should need neither network nor packages.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("LAMINA_REAL_NODES") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format+" (make test installs it and runs this)", args...)
}

// nobody returns a P2WPKH address without a key: the blocks' money is not needed.
func nobody(hrp string, tag byte) string {
	program, err := bech32.ConvertBits(append(make([]byte, 19), tag), 8, 5, true)
	if err != nil {
		panic(err) // whole bytes always convert
	}
	address, err := bech32.Encode(hrp, append([]byte{0}, program...))
	if err != nil {
		panic(err)
	}
	return address
}

// Ports from lowPort on, so many of them, are below those that systems give to whoever asks for none: no connection that begins
// takes one of them while a node is started again.
const (
	lowPort = 20_000
	ports   = 12_000
)

// freeAddress picks a loopback port that nobody listens on.
func freeAddress() string {
	for {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowPort+rand.IntN(ports)))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
}

// Start starts the node again after Stop or Kill, and waits until it answers.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
}

// start starts the node and waits until it answers. After an error it does not run.
func (n *Node) start() error {
	args := n.args(n)
	n.cmd, n.ended = exec.Command(args[0], args[1:]...), make(chan struct{})
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	if err := n.cmd.Start(); err != nil {
		n.cmd = nil
		return err
	}
	go func(cmd *exec.Cmd, ended chan struct{}) { n.err = cmd.Wait(); close(ended) }(n.cmd, n.ended)
	late := time.After(startTime)
	var err error
	for {
		select {
		case <-n.ended:
			n.cmd = nil
			return fmt.Errorf("%s ended: %v\n%s", args[0], n.err, n.log.String())
		case <-late:
			n.Kill()
			return fmt.Errorf("%s does not answer within %s: %v\n%s", args[0], startTime, err, n.log.String())
		case <-time.After(50 * time.Millisecond):
		}
		var height int32
		if height, err = n.height(); err == nil && height >= 0 {
			return nil
		}
	}
}

// Stop ends the node in order, so that it keeps its blocks.
func (n *Node) Stop(t testing.TB) {
	t.Helper()
	if err := n.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-n.ended
	if n.cmd = nil; n.err != nil {
		t.Fatalf("%v\n%s", n.err, n.log.String())
	}
}

// Kill ends the node at once, as a crash would.
func (n *Node) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		<-n.ended
		n.cmd = nil
	}
}

func (n *Node) height() (height int32, err error) { return height, n.try(&height, "getblockcount") }

// Generate mines blocks and returns their ids, lowest first.
func (n *Node) Generate(t testing.TB, blocks int) []string {
	t.Helper()
	var ids []string
	if filepath.Base(n.cmd.Path) == "btcd" {
		n.Call(t, &ids, "generate", blocks)
	} else {
		n.paid++ // another payee, lest a block that was invalidated is made again
		n.Call(t, &ids, "generatetoaddress", blocks, nobody("rltc", n.paid))
	}
	return ids
}

// Call calls an RPC method and stores its result, if result is not nil.
func (n *Node) Call(t testing.TB, result any, method string, params ...any) {
	t.Helper()
	if err := n.try(result, method, params...); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
}

func (n *Node) try(result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+n.rpc, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Close = true // a node waits for idle connections before it stops
	request.SetBasicAuth(rpcUser, rpcPassword)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: %.200s", response.Status, raw)
	}
	if answer.Error != nil {
		return errors.New(answer.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}
