package main

import (
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
	due time.Time
	m   wire.Message
}

func (p *peer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	answers := make(chan delayed, 64)
	defer close(answers)
	go func() {
		for a := range answers {
			time.Sleep(time.Until(a.due))
			if err := wire.WriteMessage(c, a.m, protocol, params.Net); err != nil {
				_ = c.Close()
			}
		}
	}()
	for {
		m, _, err := wire.ReadMessage(c, protocol, params.Net)
		if err != nil {
			return
		}
		for _, a := range p.answer(m) {
			answers <- delayed{time.Now().Add(p.rtt), a}
		}
	}
}

func (p *peer) answer(m wire.Message) []wire.Message {
	switch m := m.(type) {
	case *wire.MsgVersion:
		us := wire.NewNetAddressIPPort(net.IPv4(127, 0, 0, 1), 0, services)
		v := wire.NewMsgVersion(us, us, m.Nonce+1, int32(len(p.chain)-1))
		v.Services, v.ProtocolVersion = services, int32(protocol)
		return []wire.Message{v, wire.NewMsgVerAck()}
	case *wire.MsgPing:
		return []wire.Message{wire.NewMsgPong(m.Nonce)}
	case *wire.MsgGetHeaders:
		return []wire.Message{p.headers(m.BlockLocatorHashes)}
	}
	return nil
}

func (p *peer) headers(locator []*chainhash.Hash) wire.Message {
	from := 1
	for _, h := range locator {
		if i, ok := p.height[*h]; ok {
			from = i + 1
			break
		}
	}
	if p.entries != nil {
		return &auxHeaders{p.entries[from:min(len(p.entries), from+wire.MaxBlockHeadersPerMsg)]}
	}
	answer := wire.NewMsgHeaders()
	for i := from; i < len(p.chain) && i < from+wire.MaxBlockHeadersPerMsg; i++ {
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
