package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"strconv"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
)

// chainName is what the headless program calls the chain that is synced.
const chainName = "bitcoin-regtest"

var params = chaincfg.RegressionNetParams

const (
	protocol = wire.FeeFilterVersion
	services = wire.SFNodeNetwork | wire.SFNodeWitness | wire.SFNodeCF
)

// mine makes a chain of headers at the least difficulty there is.
func mine(n int) []wire.BlockHeader {
	chain := make([]wire.BlockHeader, 0, n+1)
	chain = append(chain, params.GenesisBlock.Header)
	spacing := time.Since(params.GenesisBlock.Header.Timestamp) / time.Duration(n+1)
	limit := blockchain.CompactToBig(params.PowLimitBits) // below params.PowLimit, which bits cannot hold
	for i := 1; i <= n; i++ {
		prev := chain[i-1].BlockHash()
		h := wire.BlockHeader{Version: 0x20000000, PrevBlock: prev, MerkleRoot: prev, Bits: params.PowLimitBits,
			Timestamp: params.GenesisBlock.Header.Timestamp.Add(time.Duration(i) * spacing).Truncate(time.Second)}
		for id := h.BlockHash(); asNumber(&id).Cmp(limit) > 0; id = h.BlockHash() {
			h.Nonce++
		}
		chain = append(chain, h)
	}
	return chain
}

func asNumber(h *chainhash.Hash) *big.Int { return blockchain.HashToBig(h) }

// peer serves one chain of headers on loopback.
type peer struct {
	listener net.Listener
	chain    []wire.BlockHeader
	entries  [][]byte // of merge-mined headers, as they travel; nil: the chain is not merge-mined
	height   map[chainhash.Hash]int
	frames   [][]byte // the answers that a sync from genesis asks for, as they travel
	rtt      time.Duration
}

// startPeer starts the peer as a process and returns its address once it serves.
func startPeer(self string, headers int, rtt time.Duration, aux bool) (address string, stop func(), err error) {
	cmd := exec.Command(self, "peer", strconv.Itoa(headers), rtt.String(), strconv.FormatBool(aux))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	if _, err := fmt.Fscanln(out, &address); err != nil {
		stop()
		return "", nil, fmt.Errorf("peer: %w", err)
	}
	return address, stop, nil
}

// servePeer is the peer's process: it mines the headers, prints its address and serves
// until it is killed. Arguments: headers, round-trip time, whether they are merge-mined.
func servePeer(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("peer: %d arguments, want headers, round-trip time and true or false", len(args))
	}
	headers, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	rtt, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	p := &peer{height: map[chainhash.Hash]int{}, rtt: rtt}
	if args[2] == "true" {
		p.chain, p.entries = mineAux(headers)
	} else {
		p.chain = mine(headers)
	}
	for i := range p.chain {
		p.height[p.chain[i].BlockHash()] = i
	}
	// Made beforehand: peer and client share the machine, and the peer is not what is measured.
	for from := 1; from < len(p.chain)+wire.MaxBlockHeadersPerMsg; from += wire.MaxBlockHeadersPerMsg {
		frame, err := encode(p.headers(from))
		if err != nil {
			return err
		}
		p.frames = append(p.frames, frame)
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	fmt.Println(p.listener.Addr())
	p.accept()
	return nil
}

func (p *peer) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(c)
	}
}

// delayed is an answer and when it is due: requests that come meanwhile wait in parallel,
// as they would on a long line.
type delayed struct {
	due   time.Time
	frame []byte
}

func (p *peer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	// Who begins to encrypt (BIP324) is hung up on, as by any node that knows nothing of that.
	if magic, err := in.Peek(4); err != nil || binary.LittleEndian.Uint32(magic) != uint32(params.Net) {
		return
	}
	answers := make(chan delayed, 64)
	defer close(answers)
	go func() {
		for a := range answers {
			time.Sleep(time.Until(a.due))
			if _, err := c.Write(a.frame); err != nil {
				_ = c.Close()
			}
		}
	}()
	for {
		m, _, err := wire.ReadMessage(in, protocol, params.Net)
		if err != nil {
			return
		}
		frame, err := p.answer(m)
		if err != nil {
			return
		}
		if frame != nil {
			answers <- delayed{time.Now().Add(p.rtt), frame}
		}
	}
}

// answer returns what is answered, one message or two, nil for nothing.
func (p *peer) answer(m wire.Message) ([]byte, error) {
	switch m := m.(type) {
	case *wire.MsgVersion:
		us := wire.NewNetAddressIPPort(net.IPv4(127, 0, 0, 1), 0, services)
		v := wire.NewMsgVersion(us, us, m.Nonce+1, int32(len(p.chain)-1))
		v.Services, v.ProtocolVersion = services, int32(protocol)
		return encode(v, wire.NewMsgVerAck())
	case *wire.MsgPing:
		return encode(wire.NewMsgPong(m.Nonce))
	case *wire.MsgGetHeaders:
		from := p.after(m.BlockLocatorHashes)
		if i, rest := (from-1)/wire.MaxBlockHeadersPerMsg, (from-1)%wire.MaxBlockHeadersPerMsg; rest == 0 {
			return p.frames[i], nil
		}
		return encode(p.headers(from))
	}
	return nil, nil
}

// encode returns messages as they travel.
func encode(list ...wire.Message) ([]byte, error) {
	var b bytes.Buffer
	for _, m := range list {
		if err := wire.WriteMessage(&b, m, protocol, params.Net); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// after returns the height of the first header that a locator lacks.
func (p *peer) after(locator []*chainhash.Hash) int {
	for _, h := range locator {
		if i, ok := p.height[*h]; ok {
			return i + 1
		}
	}
	return 1
}

// headers makes the answer that begins at a height.
func (p *peer) headers(from int) wire.Message {
	to := min(len(p.chain), from+wire.MaxBlockHeadersPerMsg)
	if p.entries != nil {
		return &auxHeaders{p.entries[min(from, to):to]}
	}
	answer := wire.NewMsgHeaders()
	for i := from; i < to; i++ {
		answer.Headers = append(answer.Headers, &p.chain[i])
	}
	return answer
}

// floor fetches all headers and does nothing with them: what the line itself takes.
func floor(address string, headers int) (float64, error) {
	start := time.Now()
	c, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	us := wire.NewNetAddressIPPort(net.IPv4(127, 0, 0, 1), 0, 0)
	if err := wire.WriteMessage(c, wire.NewMsgVersion(us, us, 1, 0), protocol, params.Net); err != nil {
		return 0, err
	}
	last, height := params.GenesisBlock.Header.BlockHash(), 0
	for asked := false; height < headers; {
		if !asked {
			ask := wire.NewMsgGetHeaders()
			_ = ask.AddBlockLocatorHash(&last) // one entry of the 500 allowed
			if err := wire.WriteMessage(c, ask, protocol, params.Net); err != nil {
				return 0, err
			}
			asked = true
		}
		m, _, err := wire.ReadMessage(c, protocol, params.Net)
		if err != nil {
			return 0, err
		}
		run, ok := m.(*wire.MsgHeaders)
		if !ok {
			continue
		}
		if len(run.Headers) == 0 {
			return 0, fmt.Errorf("peer ended at %d of %d headers", height, headers)
		}
		height += len(run.Headers)
		last, asked = run.Headers[len(run.Headers)-1].BlockHash(), false
	}
	return time.Since(start).Seconds(), nil
}
