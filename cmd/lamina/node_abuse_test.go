package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
)

const (
	abuseStrangers = 120      // connections to each chain
	abuseGrowth    = 96 << 20 // bytes that the process may take more than before
	abuseMute      = 60       // connections to the RPC server that never finish what they ask: as many as it serves, but for some
)

// TestNodeAbuse: strangers by the thousand send a real node messages that are nearly right, on all chains at once, while others hang
// on to its RPC server and ask it what they must not. It takes little more memory, a light client syncs meanwhile, its owner is answered,
// and it ends as it is told to.
func TestNodeAbuse(t *testing.T) {
	const seed = 1
	c := startNode(t, t.TempDir(), "--mine", "--mine-every", "100ms")
	owner := c.on("dev") // one: a server keeps a place for each for a while
	var height, next int
	untilNode(t, "some blocks", func() bool {
		must(t, owner.Call(t.Context(), &height, "getblockcount"))
		return height > 30
	})
	before := inMemory(t, c.cmd.Process.Pid)

	hold := holdOn(t, c.ports.RPC)
	defer hold()
	crowd := abuseAll(t, c, seed)
	synced := 0
	for under := true; under; synced++ {
		select {
		case <-crowd.gone:
			under = false
		default:
		}
		if got := lamina(t, nil, "sync", "--chain", "dev", "--connect", c.ports.Chains["dev"], "--data-dir", t.TempDir(), "--once"); got.code != exitOK {
			t.Fatalf("seed %d: a light client does not sync meanwhile: %+v\n%s", seed, got, c.log.String())
		}
	}
	refuseStrangers(t, c)
	must(t, owner.Call(t.Context(), &height, "getblockcount"))
	untilNode(t, "it goes on", func() bool {
		must(t, owner.Call(t.Context(), &next, "getblockcount"))
		return next > height
	})
	after := inMemory(t, c.cmd.Process.Pid)
	t.Logf("%d strangers sent %d messages; a light client synced %d times; %d KiB resident before, %d after", crowd.came.Load(), crowd.said.Load(), synced,
		before>>10, after>>10)
	if came := crowd.came.Load(); came < abuseStrangers {
		t.Errorf("seed %d: only %d strangers came", seed, came)
	}
	if after > before+abuseGrowth {
		t.Errorf("seed %d: %d bytes resident, %d before: want at most %d more", seed, after, before, abuseGrowth)
	}
	hold()
	c.end()
	if log := c.log.String(); strings.Contains(log, "panic") {
		t.Errorf("seed %d: %s", seed, log)
	}
}

// crowd is strangers who come to a node.
type crowd struct {
	came, said atomic.Int64  // strangers who got in, and messages that they sent
	gone       chan struct{} // closed when the last has gone
}

// abuseAll lets strangers come to all chains of a node, ten at a time to each.
func abuseAll(t *testing.T, c *nodeChild, seed uint64) *crowd {
	all := &crowd{gone: make(chan struct{})}
	var there sync.WaitGroup
	for i, p := range devStack(t) {
		for w := range 10 {
			there.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(100*i+w)))
				for n := range abuseStrangers / 10 {
					from := net.IPv4(127, byte(1+i), byte(1+w), byte(1+n%250))
					if sent, err := abuse(rng, p, c.ports.Chains[p.Name], from); err == nil {
						all.came.Add(1)
						all.said.Add(int64(sent))
					}
				}
			})
		}
	}
	go func() { there.Wait(); close(all.gone) }()
	return all
}

// inMemory returns the bytes of memory that a process has in RAM.
func inMemory(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("what a process takes is not known here: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("no VmRSS in %s", text)
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	must(t, err)
	return n << 10
}

// abuse comes from an address of its own, shakes hands or does not, and sends messages, most of them with something wrong, until
// it is sent away. It returns how many it sent.
func abuse(rng *rand.Rand, p *chains.Params, to string, from net.IP) (sent int, err error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", to)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))
	go func() { // what it is told it does not care for
		for buf := make([]byte, 16<<10); ; {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}()
	codec := msg.Codec{Magic: p.P2P.Magic, AuxPoW: p.AuxPoW != nil, MaxBlock: 4 << 20}
	if rng.IntN(5) > 0 {
		version := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, rng.Uint64(), 0)
		version.ProtocolVersion, version.UserAgent = msg.Version, "/stranger/"
		for _, m := range []msg.Message{version, &wire.MsgVerAck{}} {
			if b, err := codec.Encode(nil, m); err != nil || write(c, b) != nil {
				return sent, err
			}
		}
	}
	for range 40 {
		if write(c, nearly(rng, &codec, p)) != nil {
			return sent, nil
		}
		sent++
	}
	return sent, nil
}

func write(c net.Conn, b []byte) error {
	_, err := c.Write(b)
	return err
}

// nearly returns a message with its frame and checksum. Mostly something is wrong with what is inside.
func nearly(rng *rand.Rand, codec *msg.Codec, p *chains.Params) []byte {
	var some spv.Hash
	for i := range some {
		some[i] = byte(rng.Uint32())
	}
	inv := &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvType(rng.IntN(5)), &some)}}
	ask := &wire.MsgGetHeaders{ProtocolVersion: msg.Version, BlockLocatorHashes: []*chainhash.Hash{&some}}
	header := p.Genesis
	copy(header[4:36], some[:])
	all := []msg.Message{inv, ask, &wire.MsgGetData{InvList: inv.InvList}, &wire.MsgNotFound{InvList: inv.InvList}, &wire.MsgPing{Nonce: rng.Uint64()},
		&msg.Headers{Headers: []spv.Sealed{{Header: header}}}, &msg.Tx{Raw: some[:]}, &msg.Block{Raw: append(header[:], some[:]...)},
		&wire.MsgGetCFilters{StopHash: some}, &wire.MsgGetCFHeaders{StopHash: some, StartHeight: rng.Uint32()}, &wire.MsgGetCFCheckpt{StopHash: some},
		&msg.GetSample{}, &wire.MsgFeeFilter{MinFee: rng.Int64()}, &msg.SettleSig{}, &msg.SweepAsk{}, &wire.MsgSendHeaders{}, &wire.MsgGetAddr{}}
	m := all[rng.IntN(len(all))]
	payload, err := codec.Payload(m)
	if err != nil {
		payload = some[:]
	}
	payload = append([]byte(nil), payload...)
	switch rng.IntN(6) {
	case 0: // as it is
	case 1:
		payload = payload[:rng.IntN(len(payload)+1)]
	case 2:
		payload = append(payload, make([]byte, rng.IntN(5000))...)
	case 3: // a count that promises the world
		if len(payload) > 0 {
			payload = append([]byte{0xfe, 0xff, 0xff, 0xff, 0x7f}, payload[1:]...)
		}
	default:
		for range 1 + rng.IntN(4) {
			if len(payload) > 0 {
				payload[rng.IntN(len(payload))] ^= 1 << rng.IntN(8)
			}
		}
	}
	length, sum := uint32(len(payload)), chainhash.DoubleHashB(payload)
	switch rng.IntN(30) {
	case 0:
		length = rng.Uint32()
	case 1:
		sum[0] ^= 1
	}
	var name [12]byte
	copy(name[:], m.Command())
	frame := append(codec.Magic[:len(codec.Magic):len(codec.Magic)], name[:]...)
	frame = append(binary.LittleEndian.AppendUint32(frame, length), sum[:4]...)
	return append(frame, payload...)
}

// holdOn begins questions to an RPC server and ends none, a byte at a time at best. It returns what ends that.
func holdOn(t *testing.T, at string) func() {
	t.Helper()
	u, err := url.Parse(at)
	must(t, err)
	var open []net.Conn
	for i := range abuseMute {
		c, err := net.Dial("tcp", u.Host)
		if err != nil {
			break // it takes no more
		}
		text := "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nX: "
		_ = write(c, []byte(text[:len(text)*i/abuseMute]))
		open = append(open, c)
	}
	return func() {
		for _, c := range open {
			_ = c.Close()
		}
	}
}

// refuseStrangers asks the RPC server of a real node what it must refuse, and between the questions what it must answer.
func refuseStrangers(t *testing.T, c *nodeChild) {
	t.Helper()
	access, err := rpc.Discover(c.ports.DataDir)
	must(t, err)
	u, err := url.Parse(access.URL)
	must(t, err)
	login := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(access.Login.User+":"+string(access.Login.Password)))
	wrong := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(access.Login.User+":nothing"))
	const call = `{"id":1,"method":"stop"}`
	for _, x := range []struct {
		name, method, path, host, head, body, status string
	}{
		{"no login", "POST", "/", u.Host, "", call, "401"},
		{"wrong password", "POST", "/", u.Host, wrong, call, "401"},
		{"another site", "POST", "/", u.Host, login + "\r\nOrigin: https://evil.example", call, "403"},
		{"another site, by a form", "POST", "/", u.Host, login + "\r\nContent-Type: application/x-www-form-urlencoded", call, "415"},
		{"a name that was bound anew", "POST", "/", "evil.example:80", login, call, "403"},
		{"GET", "GET", "/", u.Host, login, "", "405"},
		{"path upwards", "POST", "/chain/../../etc/passwd", u.Host, login, call, "404"},
		{"path upwards, escaped", "POST", "/chain/%2e%2e%2f%2e%2e%2fetc", u.Host, login, call, "404"},
		{"wallet of a node", "POST", "/wallet/..%5c..", u.Host, login, call, "404"},
		{"oversize", "POST", "/", u.Host, login + "\r\nContent-Length: 99999999999", "", "413"},
		{"no HTTP", "\x00\x01\x02", "/", u.Host, login, call, "400"},
	} {
		if got := status(t, u.Host, x.method, x.path, x.host, x.head, x.body); got != x.status {
			t.Errorf("%s: status %q, want %s", x.name, got, x.status)
		}
	}
	var height int
	must(t, c.on("dev").Call(t.Context(), &height, "getblockcount"))
	if strings.Contains(c.log.String(), string(access.Login.Password)) {
		t.Error("the log holds the password")
	}
}

// status sends a request as it is and returns the status of the answer.
func status(t *testing.T, at, method, path, host, head, body string) string {
	t.Helper()
	c, err := net.Dial("tcp", at)
	must(t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if !strings.Contains(head, "Content-Length") {
		head = strings.TrimPrefix(head+fmt.Sprintf("\r\nContent-Length: %d", len(body)), "\r\n")
	}
	must(t, write(c, fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n\r\n%s", method, path, host, head, body)))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil && line == "" {
		t.Fatalf("%s %s: %v", method, path, errors.Unwrap(err))
	}
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return line
	}
	return fields[1]
}
